import { settle } from '@trunkline/base/testing';
import type { KubeContract } from '@trunkline/contracts/kube';
import type { NodeContract } from '@trunkline/contracts/node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Client } from '../client.js';
import { liveList, rowAt, type ListOptions, type LiveList } from './live-list.js';
import { openBed, STRATEGIES, type Bed } from './testing/bed.js';
import type { KubeObject } from './types.js';

const names = (list: LiveList<KubeObject>): string[] => list.get().rows.map(({ metadata }) => metadata.name);

describe.each(STRATEGIES)('live list, %s', (strategy) => {
  let bed: Bed;
  let opened: LiveList<KubeObject>[];

  function open(options: Partial<ListOptions<KubeObject>> = {}): LiveList<KubeObject> {
    const question = options.lists === undefined ? { cluster: 'one' } : {};
    const list = liveList(bed.client, { resource: 'pods', ...question, ...options, ...bed.live });
    opened.push(list);
    return list;
  }

  beforeEach(() => {
    opened = [];
    bed = openBed(strategy);
  });
  afterEach(() => {
    for (const list of opened) list.close();
    bed.dispose();
  });

  it('[KSDK-3] loading, then live with every object; changes follow', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    const b = kube.put('one', kube.object('b'));
    const list = open({ namespaces: ['default'], labelSelector: 'app=x', fields: ['spec.nodeName'] });
    expect(list.get()).toMatchObject({ state: 'loading', rows: [], total: 0, error: undefined });
    await settle();
    expect(list.get()).toMatchObject({ state: 'live', sinceMs: undefined, total: 2 });
    expect(names(list)).toEqual(['a', 'b']);
    expect(list.get().lists).toEqual([
      {
        cluster: 'one',
        namespace: 'default',
        state: 'live',
        sinceMs: undefined,
        reason: undefined,
        error: undefined,
        total: 2,
      },
    ]);
    expect(kube.calls.get('kube.open')).toEqual([
      {
        cluster: 'one',
        resource: 'pods',
        namespaces: ['default'],
        labelSelector: 'app=x',
        fields: ['spec.nodeName'],
      },
    ]);
    kube.put('one', kube.object('c'));
    kube.remove('one', b);
    await settle();
    expect(names(list)).toEqual(['a', 'c']);
  });

  it('[KSDK-1] a change makes one new row; the others, and the array where nothing changed, stay the same objects', async () => {
    const { kube } = bed;
    for (const name of ['a', 'b', 'c']) kube.put('one', kube.object(name));
    const list = open();
    await settle();
    const before = list.get();
    kube.put('one', kube.object('b', { spec: { n: 2 } }));
    await settle();
    const after = list.get();
    expect(after.rows.map((row, index) => row === before.rows[index])).toEqual([true, false, true]);
    expect(after.lists).toBe(before.lists);
    kube.source(kube.channel('one'), { state: 'recovering', sinceMs: 1, reason: 'watch lost' });
    await settle();
    expect(list.get()).toMatchObject({ state: 'stale', sinceMs: 1, reason: 'watch lost' });
    expect(list.get().rows).toBe(after.rows);
  });

  it('[KSDK-1] a snapshot whose rows are read late shows what it showed; rows are read one by one without the array', async () => {
    const { kube } = bed;
    const b = kube.put('one', kube.object('b'));
    kube.put('one', kube.object('c'));
    const list = open();
    await settle();
    const before = list.get();
    kube.remove('one', b);
    kube.put('one', kube.object('c', { spec: { n: 2 } }));
    kube.put('one', kube.object('d'));
    await settle();
    const after = list.get();
    const nameAt = (index: number): string | undefined => rowAt(after, index)?.metadata.name;
    expect([nameAt(0), nameAt(1), nameAt(2)]).toEqual(['c', 'd', undefined]);
    expect(rowAt({ ...after }, 1)).toBe(rowAt(after, 1));
    expect(before.rows.map(({ metadata, spec }) => [metadata.name, spec])).toEqual([
      ['b', undefined],
      ['c', undefined],
    ]);
    expect(after.rows).toEqual([rowAt(after, 0), rowAt(after, 1)]);
    expect(after.rows).toBe(after.rows);
  });

  it('[KSDK-2] map runs once for each version, and its error leaves out one row', async () => {
    const { kube } = bed;
    const seen: string[] = [];
    const a = kube.put('one', kube.object('a'));
    kube.put('one', kube.object('bad'));
    const list = liveList<{ key: string; cluster: string }>(bed.client, {
      cluster: 'one',
      resource: 'pods',
      map: (object, { cluster, key }) => {
        seen.push(`${object.metadata.name}@${object.metadata.resourceVersion}`);
        if (object.metadata.name === 'bad') throw new Error('no such pod');
        return { key, cluster };
      },
      ...bed.live,
    });
    await settle();
    expect(list.get().rows).toEqual([{ key: 'default/a', cluster: 'one' }]);
    expect(bed.errors).toHaveLength(1);
    // The same again, and a whole new state of it: no new version.
    kube.put('one', a);
    kube.load(kube.channel('one'), [a]);
    await bed.pass(1_000);
    expect(seen).toEqual(['a@1', 'bad@2']);
    expect(list.get().state).toBe('live');
    list.close();
  });

  it('[KSDK-14] two events with one resource version are both applied', async () => {
    const { kube } = bed;
    const a = kube.put('one', kube.object('a', { status: { phase: 'Pending' } }));
    const list = open();
    await settle();
    kube.put('one', { ...a, status: { phase: 'Running' } });
    await settle();
    expect(list.get().rows[0]?.['status']).toEqual({ phase: 'Running' });
    kube.put('one', { ...a, status: { phase: 'Failed' } });
    await settle();
    expect(list.get().rows[0]?.['status']).toEqual({ phase: 'Failed' });
  });

  it('[KSDK-14] an event for a list that nobody holds changes nothing', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    const list = open({ namespaces: ['default'] });
    await settle();
    const before = list.get();
    let told = 0;
    list.subscribe(() => told++);
    const stray = { key: 'default/z', offset: 9, data: kube.object('z') };
    for (const connection of bed.server.connections)
      connection.push({ channel: kube.channel('one', 'other'), pub: stray });
    await settle();
    expect(list.get()).toBe(before);
    list.close();
    kube.put('one', kube.object('b'));
    await bed.pass(1_000);
    expect([list.get() === before, told]).toEqual([true, 0]);
  });

  it('[KSDK-3] a cluster that is away makes its own rows old and hides no others', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    kube.put('two', kube.object('b'));
    kube.refuses.set('three', { code: 1330, message: 'no such cluster' });
    kube.refuses.set('four', { code: 1300, message: 'cluster unreachable', temporary: true });
    const list = open({ lists: ['one', 'two', 'three'].map((cluster) => ({ cluster })) });
    const other = open({ lists: [{ cluster: 'one' }, { cluster: 'four' }] });
    await settle();
    expect(names(list)).toEqual(['a', 'b']);
    expect(list.get()).toMatchObject({ state: 'partial', error: { code: 1330 } });
    expect(list.get().lists.map(({ cluster, state }) => [cluster, state])).toEqual([
      ['one', 'live'],
      ['two', 'live'],
      ['three', 'failed'],
    ]);
    expect(names(other)).toEqual(['a']);
    // The rows of the first one are the present; of the other nothing was ever shown.
    expect(other.get()).toMatchObject({ state: 'loading', error: { code: 1300 } });
    expect(other.get().lists.map(({ state }) => state)).toEqual(['live', 'loading']);
    kube.source(kube.channel('two'), { state: 'recovering', sinceMs: 5, reason: 'connection lost' });
    await settle();
    expect(list.get()).toMatchObject({ state: 'stale', sinceMs: 5, reason: 'connection lost' });
    expect(names(list)).toEqual(['a', 'b']);
    // What failed for a while comes by itself, and soon.
    kube.refuses.delete('four');
    await bed.pass(2_000);
    expect(other.get().state).toBe('live');
  });

  it('[KSDK-15] a list that was never shown is loading, whatever its source says, with the reason where something is wrong', async () => {
    const { kube } = bed;
    const channel = kube.channel('one');
    kube.source(channel, { state: 'recovering', sinceMs: 5, reason: 'loading' });
    const list = open();
    await settle();
    expect(list.get()).toMatchObject({ state: 'loading', sinceMs: 5, reason: undefined, rows: [] });
    kube.source(channel, { state: 'recovering', sinceMs: 5, reason: 'cluster unreachable' });
    await settle();
    expect(list.get()).toMatchObject({ state: 'loading', sinceMs: 5, reason: 'cluster unreachable' });
    kube.source(channel, { state: 'live' });
    await settle();
    expect(list.get()).toMatchObject({ state: 'live', reason: undefined, rows: [] });
    // That it is empty was shown.
    kube.source(channel, { state: 'recovering', sinceMs: 9, reason: 'watch lost' });
    await settle();
    expect(list.get()).toMatchObject({ state: 'stale', sinceMs: 9, reason: 'watch lost' });
  });

  it('[KSDK-15] rows that are there although the source is not well may be old from the beginning', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    kube.source(kube.channel('one'), { state: 'recovering', sinceMs: 5, reason: 'watch lost' });
    const list = open();
    await settle();
    expect(list.get()).toMatchObject({ state: 'stale', sinceMs: 5, reason: 'watch lost', total: 1 });
  });

  it('[KSDK-3] denied namespaces are failed lists with code and reason; the rest is shown', async () => {
    const { kube } = bed;
    kube.allowed.set('one', ['default']);
    kube.put('one', kube.object('a'));
    const list = open({ namespaces: ['default', 'secret'] });
    await settle();
    expect(names(list)).toEqual(['a']);
    expect(list.get().state).toBe('partial');
    expect(list.get().lists[1]).toMatchObject({
      namespace: 'secret',
      state: 'failed',
      reason: 'cannot list pods in secret',
      error: { code: 1308 },
    });
    const { lists } = list.get();
    await bed.pass(kube.askAgainMs + 1_000);
    expect(list.get().lists).toBe(lists);
  });

  it('[KSDK-4] asks again after askAgainMs; the same answer changes nothing', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    const list = open();
    await settle();
    const before = list.get();
    await bed.pass(kube.askAgainMs * 3 + 100);
    expect(kube.count('kube.open')).toBe(4);
    expect(list.get()).toBe(before);
    expect(bed.server.received('subscribe')).toHaveLength(1);
  });

  it('[KSDK-5] narrower rights: what may not be seen goes at once, what stays does not flicker', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    kube.put('one', kube.object('s', {}, 'secret'));
    const list = open();
    await settle();
    const [a] = list.get().rows;
    const shown: string[][] = [];
    list.subscribe(() => shown.push(names(list)));
    kube.allowed.set('one', ['default']);
    kube.unsubscribe(kube.channel('one'), 2101);
    await settle();
    expect(names(list)).toEqual(['a']);
    expect(list.get().rows[0]).toBe(a);
    expect(list.get().state).toBe('live');
    for (const rows of shown) expect(rows).toContain('a');
    kube.put('one', kube.object('b'));
    kube.put('one', kube.object('t', {}, 'secret'));
    await settle();
    expect(names(list)).toEqual(['a', 'b']);
    await bed.pass(1_000);
    expect(kube.readers(kube.channel('one'))).toBe(0);
  });

  it('[KSDK-5] wider rights: the wider list takes over row by row', async () => {
    const { kube } = bed;
    kube.allowed.set('one', ['default']);
    kube.put('one', kube.object('a'));
    kube.put('one', kube.object('s', {}, 'secret'));
    const list = open();
    await settle();
    const [a] = list.get().rows;
    const shown: string[][] = [];
    list.subscribe(() => shown.push(names(list)));
    kube.allowed.delete('one');
    await bed.pass(kube.askAgainMs + 500);
    expect(names(list)).toEqual(['a', 's']);
    expect(list.get().rows[0]).toBe(a);
    for (const rows of shown) expect(rows).toContain('a');
    expect(list.get().lists).toMatchObject([{ namespace: undefined, total: 2, state: 'live' }]);
  });

  it('[KSDK-5] all rights gone: the rows go, the reason is shown, and comes back with the rights', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    const list = open();
    await settle();
    kube.allowed.set('one', []);
    kube.unsubscribe(kube.channel('one'), 2101);
    await settle();
    expect(list.get()).toMatchObject({ state: 'failed', rows: [], error: { code: 1308 } });
    expect(list.get().reason).toContain('cannot list pods');
    kube.allowed.delete('one');
    list.retry();
    await settle();
    expect(list.get()).toMatchObject({ state: 'live', total: 1, error: undefined });
  });

  it('[KSDK-4] rights taken back for a moment: the same channel is read again, and its rows stay', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    const list = open();
    await settle();
    const { rows } = list.get();
    kube.unsubscribe(kube.channel('one'), 2101);
    kube.putUnseen('one', kube.object('b'));
    await bed.pass(3_000);
    expect(list.get().state).toBe('live');
    expect(names(list)).toEqual(['a', 'b']);
    expect(list.get().rows[0]).toBe(rows[0]);
  });

  it('[KSDK-5] rights that ended are no rights while nobody can say which are left', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    const list = open();
    await settle();
    kube.refuses.set('one', { code: 1300, message: 'away', temporary: true });
    kube.unsubscribe(kube.channel('one'), 2101);
    await settle();
    expect(list.get()).toMatchObject({ state: 'recovering', rows: [] });
    kube.refuses.delete('one');
    await bed.pass(3_000);
    expect(list.get()).toMatchObject({ state: 'live', total: 1 });
  });

  it('[KSDK-4] a channel that ends again and again is asked about with growing delays', async () => {
    const { kube, server } = bed;
    server.channel(kube.channel('one')).refuse = { code: 103, message: 'permission denied' };
    kube.askAgainMs = 1_000_000;
    const list = open();
    await settle();
    expect(list.get()).toMatchObject({ state: 'failed', error: { code: 103 }, rows: [] });
    await bed.pass(60_000);
    expect(kube.count('kube.open')).toBeGreaterThan(4);
    expect(kube.count('kube.open')).toBeLessThan(16);
    server.channel(kube.channel('one')).refuse = undefined;
    kube.put('one', kube.object('a'));
    await bed.pass(31_000);
    expect(list.get()).toMatchObject({ state: 'live', total: 1 });
  });

  it('[KSDK-3] after a lost connection rows are recovering, then stale, then all there again', async () => {
    const { kube, server } = bed;
    const a = kube.put('one', kube.object('a'));
    const list = open();
    await settle();
    server.down = true;
    kube.cutAll();
    await settle();
    expect(list.get().state).toBe('recovering');
    kube.putUnseen('one', kube.object('b'));
    kube.removeUnseen('one', a);
    await bed.pass(6_000);
    expect(list.get().state).toBe('stale');
    expect(names(list)).toEqual(['a']);
    server.down = false;
    await bed.pass(60_000);
    expect(list.get().state).toBe('live');
    expect(names(list)).toEqual(['b']);
  });

  it('[KSDK-4] a question that met a lost connection is asked again as soon as there is one', async () => {
    const { kube, server } = bed;
    server.down = true;
    kube.cutAll();
    await settle();
    kube.put('one', kube.object('a'));
    const list = open();
    await bed.pass(20_000);
    expect(list.get().rows).toEqual([]);
    expect(list.get().state).toBe('loading');
    server.down = false;
    await bed.pass(100_000);
    expect(list.get()).toMatchObject({ state: 'live', total: 1 });
  });

  it('[KSDK-7] closing leaves the channel, and with a client for each list, its socket', async () => {
    const { kube, server } = bed;
    kube.put('one', kube.object('a'));
    const list = open();
    const second = open();
    await settle();
    const sockets = server.connections.filter((connection) => connection.open).length;
    expect(sockets).toBe(strategy === 'perList' ? 3 : 1);
    list.close();
    list.close();
    await bed.pass(1_000);
    kube.put('one', kube.object('b'));
    await settle();
    expect([list.get().total, second.get().total]).toEqual([1, 2]);
    second.close();
    await bed.pass(2_000);
    expect(kube.readers(kube.channel('one'))).toBe(0);
    expect(server.connections.filter((connection) => connection.open)).toHaveLength(1);
    const { calls } = kube;
    const asked = calls.get('kube.open')?.length;
    await bed.pass(kube.askAgainMs * 3);
    expect(calls.get('kube.open')).toHaveLength(asked ?? 0);
  });

  it('[KSDK-7] a second list over a channel that is open shows its rows at once', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    open();
    await settle();
    kube.put('one', kube.object('b'));
    await settle();
    const late = open();
    await settle();
    expect(names(late)).toEqual(['a', 'b']);
    expect(late.get().state).toBe('live');
  });

  it('[KSDK-5] lists that overlap show every row once', async () => {
    const { kube } = bed;
    kube.put('one', kube.object('a'));
    const b = kube.put('one', kube.object('b', {}, 'other'));
    const list = open({ lists: [{ cluster: 'one' }, { cluster: 'one', namespaces: ['other'] }] });
    await settle();
    expect(names(list).toSorted()).toEqual(['a', 'b']);
    kube.remove('one', b);
    await settle();
    expect(names(list)).toEqual(['a']);
  });

  it('[KSDK-6] one notification for everything that happened within a frame', async () => {
    bed.dispose();
    const frames: (() => void)[] = [];
    vi.stubGlobal('requestAnimationFrame', (run: () => void) => frames.push(run));
    const draw = async (): Promise<void> => {
      await settle();
      for (const run of frames.splice(0)) run();
    };
    bed = openBed(strategy, { batch: 'frame' });
    const { kube } = bed;
    const list = open({ lists: [{ cluster: 'one' }, { cluster: 'two' }] });
    for (let turn = 0; turn < 5; turn++) await draw();
    expect(list.get().state).toBe('live');
    let told = 0;
    list.subscribe(() => told++);
    for (let n = 0; n < 50; n++) {
      kube.put('one', kube.object(`a${n % 10}`));
      kube.put('two', kube.object(`b${n % 10}`));
    }
    await settle();
    expect([told, list.get().total]).toEqual([0, 0]);
    await draw();
    expect([told, list.get().total]).toEqual([1, 20]);
    await draw();
    expect(told).toBe(1);
    vi.unstubAllGlobals();
  });
});

describe('live list', () => {
  it('[KSDK-7] takes any client, whatever its contracts', () => {
    const bed = openBed('multiplexed');
    const typed = bed.client as unknown as Client<KubeContract | NodeContract>;
    const list = liveList(typed, { cluster: 'one', resource: 'pods' });
    expect(list.get().state).toBe('loading');
    list.close();
    bed.dispose();
  });

  it('[KSDK-3] what cannot be asked is refused at the door, by name', () => {
    const bed = openBed('multiplexed');
    const pods = { resource: 'pods' };
    expect(() => liveList(bed.client, pods)).toThrow(/cluster or lists/);
    expect(() => liveList(bed.client, { ...pods, cluster: 'a', lists: [] })).toThrow(/cluster or lists/);
    expect(() => liveList(bed.client, { ...pods, lists: [] })).toThrow(/at least one/);
    expect(() => liveList(bed.client, { ...pods, lists: [{ cluster: 'a' }], namespaces: ['b'] })).toThrow(
      /namespaces/,
    );
    expect(() => liveList(bed.client, { resource: '', cluster: 'a' })).toThrow(/resource/);
    expect(() => liveList(bed.client, { ...pods, cluster: 'a', strategy: 'perList' })).toThrow(/newClient/);
    expect(() => liveList(bed.client, { ...pods, cluster: 'a', minDelayMs: 0 })).toThrow(/minDelayMs/);
    bed.dispose();
  });
});
