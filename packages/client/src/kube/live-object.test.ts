import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveObject, type LiveObject, type ObjectOptions } from './live-object.js';
import { openBed, STRATEGIES, type Bed } from './testing/bed.js';
import type { KubeObject, OpenParams } from './types.js';

describe.each(STRATEGIES)('live object, %s', (strategy) => {
  let bed: Bed;
  let object: LiveObject<KubeObject>;
  const CHANNEL = 'kube:one/core/v1/pods~one-object';

  function open(options: Partial<ObjectOptions<KubeObject>> = {}): LiveObject<KubeObject> {
    object = liveObject(bed.client, {
      cluster: 'one',
      resource: 'pods',
      namespace: 'default',
      name: 'a',
      ...options,
      ...bed.live,
    });
    return object;
  }
  const put = (each: KubeObject): void => void bed.server.publish(CHANNEL, each, { key: 'default/a' });
  const remove = (): void => void bed.server.publish(CHANNEL, null, { key: 'default/a', removed: true });

  beforeEach(() => {
    bed = openBed(strategy);
    bed.kube.answers.set('kube.open', (params: OpenParams) => ({
      lists: params.name === 'a' ? [{ channel: CHANNEL, namespace: 'default' }] : [],
      denied: [],
      askAgainMs: 4_000,
    }));
  });
  afterEach(() => {
    object.close();
    bed.dispose();
  });

  it('[KSDK-8] the object, its changes, its end and its successor', async () => {
    const { kube } = bed;
    const first = kube.object('a');
    put(first);
    open();
    expect(object.get()).toMatchObject({ state: 'loading', object: undefined, deleted: false });
    await settle();
    expect(object.get()).toMatchObject({ state: 'live', uid: 'uid-a', object: first, deleted: false });
    expect(kube.calls.get('kube.open')).toEqual([
      { cluster: 'one', resource: 'pods', namespaces: ['default'], name: 'a' },
    ]);
    const second = kube.object('a', { spec: { n: 2 } });
    put(second);
    await settle();
    expect(object.get().object).toEqual(second);
    remove();
    await settle();
    expect(object.get()).toMatchObject({ state: 'live', object: undefined, uid: undefined, deleted: true });
    expect(object.get().last).toEqual(second);
    put(kube.object('a', {}, 'default', 'uid-new'));
    await settle();
    expect(object.get()).toMatchObject({ uid: 'uid-new', deleted: false, last: undefined });
  });

  it('[KSDK-8] an echo of what is shown is no change', async () => {
    const first = bed.kube.object('a');
    put(first);
    open();
    await settle();
    const before = object.get();
    let told = 0;
    object.subscribe(() => told++);
    put(first);
    bed.kube.load(CHANNEL, [first]);
    await bed.pass(1_000);
    // It was recovering for a moment; what is shown is the same object.
    expect(object.get().object).toBe(before.object);
    put(first);
    const after = told;
    await settle();
    expect(told).toBe(after);
  });

  it('[KSDK-8] one that is not there is not deleted; one that went while nobody was connected is', async () => {
    open();
    await settle();
    expect(object.get()).toMatchObject({ state: 'live', object: undefined, deleted: false });
    put(bed.kube.object('a'));
    await settle();
    const { object: last } = object.get();
    bed.kube.cutAll();
    bed.server.channel(CHANNEL).append(null, { key: 'default/a', removed: true });
    await settle();
    expect(object.get()).toMatchObject({ state: 'recovering', object: last, deleted: false });
    await bed.pass(5_000);
    expect(object.get()).toMatchObject({ state: 'live', deleted: true });
    expect(object.get().last).toBe(last);
  });

  it('[KSDK-8] rights that end are no deletion', async () => {
    put(bed.kube.object('a'));
    open();
    await settle();
    bed.kube.answers.set('kube.open', () => {
      throw Object.assign(new Error('cannot get pods'), { code: 1308 });
    });
    bed.kube.unsubscribe(CHANNEL, 2101);
    await settle();
    expect(object.get()).toMatchObject({
      state: 'failed',
      object: undefined,
      deleted: false,
      error: { code: 1308 },
    });
  });

  it('[KSDK-8] a version that cannot be mapped is an error, not a deletion', async () => {
    put(bed.kube.object('a'));
    open({
      map: (each) => {
        if (each['bad'] === true) throw new Error('bad');
        return each;
      },
    });
    await settle();
    put(bed.kube.object('a', { bad: true }));
    await settle();
    expect(object.get()).toMatchObject({ object: undefined, deleted: false });
    expect(bed.errors).toHaveLength(1);
  });
});
