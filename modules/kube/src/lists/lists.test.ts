import { createSeededRandom } from '@trunkline/base';
import type { Principal } from '@trunkline/hub';
import type {
  Change,
  KubeObject,
  KubeQuestion,
  ReflectorLease,
  ReflectorListener,
} from '@trunkline/kube-client';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createKubeBed,
  type KubeBed,
  type KubeBedOptions,
  type MapViewer,
  type Watched,
} from '../testing.js';
import type { Identity } from '../ports.js';
import { ListFeed } from './feed.js';

let bed: KubeBed;
afterEach(() => bed.dispose());

const READ = ['list', 'watch'];
const start = async (given: KubeBedOptions = {}): Promise<KubeBed> => {
  bed = await createKubeBed(given);
  bed.world.addNamespace('blue');
  bed.world.addNamespace('red');
  bed.world.rules = [{ user: 'ada', verbs: READ, resource: 'pods' }];
  for (const name of ['a', 'b', 'c']) bed.world.put('pods', name, 'blue', { size: 1 });
  return bed;
};
const ALL = 'kube:c1/-/v1/pods';
const BLUE = 'kube:c1/-/v1/pods?ns=blue';

async function watch(channel: string, principal: Partial<Principal> = {}): Promise<[MapViewer, Watched]> {
  const viewer = await bed.viewer({ user: 'ada', ...principal });
  const watched = viewer.watch(channel);
  await bed.clock.advance(2_500);
  return [viewer, watched];
}

/** What a fresh list would show, as the viewer has it. */
function truth(user = 'ada', namespace?: string): Map<string, unknown> {
  const texts = bed.world.truthFor(user, 'pods', namespace) ?? new Map<string, string>();
  return new Map([...texts].map(([key, text]) => [key, JSON.parse(text) as unknown]));
}

const sorted = (entries: ReadonlyMap<string, unknown>) => Object.fromEntries([...entries].sort());

function expectEqual({ entries, subscribed, state }: Watched, namespace?: string): void {
  expect(subscribed).toBe(true);
  expect(state).toBe('live');
  expect(sorted(entries)).toEqual(sorted(truth('ada', namespace)));
}

describe('lists', () => {
  it('[KUBE-21] any number of viewers, of several orgs, hold one upstream watch, and each has the list', async () => {
    await start({ clusters: [{ mode: 'shared', visibleTo: () => ({}) }] });
    const all: Watched[] = [];
    for (let n = 0; n < 60; n++) {
      const viewer = await bed.viewer({ user: `user-${n}`, org: n % 2 === 0 ? 'acme' : 'globex' });
      all.push(viewer.watch(ALL));
    }
    await bed.clock.advance(100);
    expect(bed.world.openWatches).toBe(1);
    bed.world.put('pods', 'd', 'red');
    bed.world.remove('pods', 'a', 'blue');
    await bed.clock.advance(100);
    for (const one of all) expectEqual(one);
    expect(bed.world.count('server watch pods') + bed.world.count('server list pods')).toBe(1);
  });

  it('[KUBE-21] a list goes on for lingerMs after its last viewer, and ends then', async () => {
    await start();
    const [viewer] = await watch(ALL);
    viewer.drop();
    await bed.clock.advance(29_000);
    expect(bed.world.openWatches).toBe(1);
    await bed.clock.advance(2_000);
    expect(bed.world.openWatches).toBe(0);
  });

  it('[KUBE-28] an org keeps at most maxListsPerOrg lists open; another one has its own', async () => {
    await start({ clusters: [{ mode: 'shared', visibleTo: () => ({}) }], tuning: { maxListsPerOrg: 2 } });
    const viewer = await bed.viewer();
    const channels = [ALL, BLUE, `${ALL}?ns=red`];
    const watched: Watched[] = [];
    for (const channel of channels) {
      watched.push(viewer.watch(channel));
      await bed.clock.advance(100);
    }
    expect(watched.map(({ error }) => error?.code)).toEqual([undefined, undefined, 106]);
    const second = await bed.viewer({ user: 'bob' });
    const other = await bed.viewer({ org: 'globex' });
    const there = [second.watch(BLUE), other.watch(`${ALL}?ns=red`)];
    await bed.clock.advance(5_000);
    expect([...there, watched[0], watched[1]].map((one) => one?.subscribed)).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it('[KUBE-22] equals a fresh list after ends, cuts, 410 and an absent server', async () => {
    await start();
    const [, watched] = await watch(ALL);
    expectEqual(watched);
    const { world } = bed;
    for (const harm of [
      () => world.endWatches(),
      () => world.cutWatches(),
      () => {
        world.compact();
        world.cutWatches();
      },
      () => {
        world.down = true;
        world.cutWatches();
      },
    ]) {
      harm();
      world.put('pods', 'a', 'blue', { size: world.log.length });
      world.remove('pods', 'b', 'blue');
      await bed.clock.advance(1_000);
      world.put('pods', 'b', 'blue', { size: world.log.length });
      world.put('pods', `new-${world.log.length}`, 'red');
      await bed.clock.advance(20_000);
      world.down = false;
      await bed.clock.advance(40_000);
      expectEqual(watched);
    }
    expect(watched.ends).toEqual([]);
    expect(watched.begun).toBe(1);
  });

  it('[KUBE-22] a large list is read in slices; what changes meanwhile is not lost, and live is said at the end', async () => {
    await start({ clusters: [{ mode: 'shared' }] });
    for (let n = 0; n < 2_500; n++) bed.world.put('pods', `p${n}`, 'red');
    const [, first] = await watch(ALL);
    expectEqual(first);
    // The reflector has it all: another org's list is made of what is there, while it changes.
    const states: string[] = [];
    const sets: string[] = [];
    const map = new Map<string, string>();
    const feed = new ListFeed(
      { clock: bed.clock, random: createSeededRandom(1), upstreams: bed.kube.upstreams, frameMs: 10 },
      {
        cluster: 'c1',
        identity: { kind: 'server' },
        question: { group: '', version: 'v1', resource: 'pods' },
        toText: ({ json }) => Buffer.from(json).toString(),
      },
      {
        set: (key, data) => {
          sets.push(key);
          map.set(key, data as string);
          return { epoch: '', offset: 0 };
        },
        remove: (key) => {
          sets.push(`-${key}`);
          map.delete(key);
          return { epoch: '', offset: 0 };
        },
        load: (entries) => {
          for (const [key, data] of entries) map.set(key, data as string);
        },
        state: ({ state }) => void states.push(state),
      },
    );
    bed.world.put('pods', 'p1', 'red', { size: 2 });
    bed.world.remove('pods', 'p2', 'red');
    expect([map.size, states]).toEqual([0, []]);
    await bed.clock.advance(100);
    expect(states).toEqual(['live']);
    expect(new Set(sets)).toEqual(new Set(['red/p1', '-red/p2']));
    expect(sorted(map)).toEqual(sorted(bed.world.truthFor('server', 'pods', undefined) ?? new Map()));
    feed.dispose();
  });

  it('[KUBE-22] one of the same name that is made anew has the new uid', async () => {
    await start();
    const [, watched] = await watch(ALL);
    const before = watched.entries.get('blue/a') as { metadata: { uid: string } };
    bed.world.remove('pods', 'a', 'blue');
    bed.world.put('pods', 'a', 'blue');
    await bed.clock.advance(100);
    const after = watched.entries.get('blue/a') as { metadata: { uid: string } };
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expectEqual(watched);
  });

  it('[KUBE-22] very large objects come through, at first and when they change', async () => {
    await start();
    bed.world.put('pods', 'large', 'blue', 'x'.repeat(3_000_000));
    const [, watched] = await watch(ALL);
    expectEqual(watched);
    bed.world.put('pods', 'large', 'blue', 'y'.repeat(3_000_000));
    await bed.clock.advance(1_000);
    expectEqual(watched);
    expect(watched.begun).toBeLessThan(4);
  });

  it('[KUBE-23] the state is that of the reflector, from loading to live, and since when it is not', async () => {
    await start({ clusters: [{ mode: 'shared' }] });
    const viewer = await bed.viewer();
    await bed.during(viewer.rpc('kube.resources', { cluster: 'c1' }));
    const watched = viewer.watch(ALL);
    await bed.clock.advance(100);
    expect(watched.state).toBe('live');
    bed.world.down = true;
    bed.world.cutWatches();
    await bed.clock.advance(100);
    expect(watched.state).toBe('recovering');
    bed.world.down = false;
    await bed.clock.advance(60_000);
    expect(watched.state).toBe('live');
    const absent = viewer.watch('kube:c1/-/v1/gadgets');
    await bed.clock.advance(2_000);
    expect(absent).toMatchObject({ subscribed: true, state: 'failed' });
  });

  it('[KUBE-24] the first change after a quiet time is sent at once, those within a frame as one per key', async () => {
    await start({ tuning: { frameMs: 100 } });
    const [, watched] = await watch(ALL);
    const from = watched.offset;
    bed.world.put('pods', 'a', 'blue', { size: 2 });
    await bed.clock.advance(0);
    expect(watched.offset - from).toBe(1);
    for (let size = 3; size < 50; size++) {
      bed.world.put('pods', 'a', 'blue', { size });
      bed.world.put('pods', 'b', 'blue', { size });
    }
    bed.world.remove('pods', 'c', 'blue');
    bed.world.put('pods', 'x', 'blue');
    bed.world.remove('pods', 'x', 'blue');
    await bed.clock.advance(50);
    expect(watched.offset - from).toBe(1);
    await bed.clock.advance(60);
    // Two changed, one removed; of what came and went within the frame, nothing.
    expect(watched.offset - from).toBe(4);
    expectEqual(watched);
  });

  it('[KUBE-24] a great many changes at once cut nobody off who reads', async () => {
    await start();
    const [, watched] = await watch(ALL);
    for (let n = 0; n < 1_200; n++) bed.world.put('pods', `p${n}`, 'red');
    await bed.clock.advance(1_000);
    expectEqual(watched);
    bed.world.compact();
    bed.world.cutWatches();
    for (let n = 0; n < 800; n++) bed.world.put('pods', `p${n}`, 'red', { size: 2 });
    for (let n = 800; n < 1_200; n++) bed.world.remove('pods', `p${n}`, 'red');
    await bed.clock.advance(40_000);
    expectEqual(watched);
    expect(watched.begun).toBe(1);
  });

  it('[KUBE-24] of a great many changes at once a slice is taken in in one turn, and live is said after the last', async () => {
    await start();
    let read = 0;
    const changes = Array.from({ length: 5_000 }, (_, index) => ({
      kind: 'added' as const,
      key: `p${index}`,
      object: { key: `p${index}` } as KubeObject,
      version: '1',
      get sequence() {
        read++;
        return index + 1;
      },
    }));
    const view = { loaded: true, sequence: 0, state: { kind: 'live' }, values: () => [] };
    let listener: ReflectorListener | undefined;
    const upstreams = {
      lease: (_cluster: string, _identity: Identity, _question: KubeQuestion, told: ReflectorListener) => {
        listener = told;
        return { view, dispose: () => undefined } as unknown as ReflectorLease;
      },
    };
    const told: string[] = [];
    const note = (what: string) => {
      told.push(what);
      return { epoch: '', offset: 0 };
    };
    const feed = new ListFeed(
      { clock: bed.clock, random: createSeededRandom(1), upstreams, frameMs: 10 },
      {
        cluster: 'c1',
        identity: { kind: 'server' },
        question: { group: '', version: 'v1', resource: 'pods' },
        toText: ({ key }) => key,
      },
      {
        set: (key) => note(key),
        remove: (key) => note(key),
        load: () => undefined,
        state: ({ state }) => void note(state),
      },
    );
    told.length = 0;
    listener?.onChanges(changes, '1');
    expect(read).toBeLessThan(2_100);
    // One that was told later comes later, and so does the state.
    listener?.onChanges([{ ...changes[0], kind: 'deleted', sequence: 5_001 } as Change], '2');
    listener?.onState({ kind: 'live' });
    expect(told).not.toContain('live');
    await bed.clock.advance(100);
    expect(new Set(told).size).toBe(5_001);
    expect(told.filter((what) => what === 'p0')).toHaveLength(2);
    expect(told.at(-1)).toBe('live');
    feed.dispose();
  });

  it('[KUBE-22] texts are made while the first list arrives, once for each object, and are those of the list', async () => {
    await start();
    const objects = ['a', 'b', 'c'].map((key) => ({ key }) as KubeObject);
    const again = { key: 'b' } as KubeObject;
    const view = {
      loaded: false,
      sequence: 0,
      state: { kind: 'loading' },
      values: () => [...objects, again],
    };
    let listener: ReflectorListener | undefined;
    const lease = (_c: string, _i: Identity, _q: KubeQuestion, told: ReflectorListener): ReflectorLease => {
      listener = told;
      return { view, dispose: () => undefined } as unknown as ReflectorLease;
    };
    const made: KubeObject[] = [];
    const loaded: [string, unknown][] = [];
    const feed = new ListFeed(
      { clock: bed.clock, random: createSeededRandom(1), upstreams: { lease }, frameMs: 10 },
      {
        cluster: 'c1',
        identity: { kind: 'server' },
        question: { group: '', version: 'v1', resource: 'pods' },
        toText: (object) => `${object.key}${made.push(object)}`,
      },
      {
        set: () => ({ epoch: '', offset: 0 }),
        remove: () => ({ epoch: '', offset: 0 }),
        load: (entries) => void loaded.push(...([...entries] as [string, unknown][])),
        state: () => undefined,
      },
    );
    listener?.onArriving?.([objects[0] as KubeObject, again]);
    // It broke off: what was made is made anew.
    listener?.onArriving?.(undefined);
    listener?.onArriving?.(objects);
    expect([made.length, loaded]).toEqual([5, []]);
    view.loaded = true;
    listener?.onChanges([], '1');
    expect(made.slice(2)).toEqual([...objects, again]);
    expect(loaded).toEqual([
      ['a', 'a3'],
      ['b', 'b4'],
      ['c', 'c5'],
      ['b', 'b6'],
    ]);
    feed.dispose();
  });

  it('[KUBE-24] of many changes few are sent in one turn, and live is said after the last', async () => {
    await start({ clusters: [{ mode: 'shared' }] });
    const told: string[] = [];
    const note = (what: string) => {
      told.push(what);
      return { epoch: '', offset: 0 };
    };
    const feed = new ListFeed(
      { clock: bed.clock, random: createSeededRandom(1), upstreams: bed.kube.upstreams, frameMs: 10 },
      {
        cluster: 'c1',
        identity: { kind: 'server' },
        question: { group: '', version: 'v1', resource: 'pods' },
        toText: () => '{}',
      },
      {
        set: () => note('set'),
        remove: () => note('remove'),
        load: () => undefined,
        state: ({ state }) => void note(state),
      },
    );
    await bed.clock.advance(100);
    expect(told.at(-1)).toBe('live');
    bed.world.down = true;
    bed.world.cutWatches();
    for (let n = 0; n < 1_000; n++) bed.world.put('pods', `p${n}`, 'red');
    bed.world.compact();
    await bed.clock.advance(1_000);
    told.length = 0;
    bed.world.down = false;
    // What is sent between two turns of the event loop.
    const sizes: number[] = [];
    const turnEnds = bed.clock.setImmediate.bind(bed.clock);
    let before = 0;
    bed.clock.setImmediate = (run) =>
      turnEnds(() => {
        const sets = told.filter((what) => what === 'set').length;
        // Others end turns too.
        if (sets > before) sizes.push(sets - before);
        before = sets;
        run();
      });
    await bed.clock.advance(60_000);
    expect(told.filter((what) => what === 'set')).toHaveLength(1_000);
    expect(told.at(-1)).toBe('live');
    expect(told.indexOf('live')).toBe(told.length - 1);
    expect(sizes).toEqual([200, 200, 200, 200]);
    feed.dispose();
  });

  it('[KUBE-25] a projection brings the wanted fields and what identifies the object, and shares the upstream watch', async () => {
    await start();
    const [viewer] = await watch(ALL);
    const reply = await bed.during(
      viewer.rpc('kube.open', { cluster: 'c1', resource: 'pods', fields: ['spec.value.size'] }),
    );
    const [opened] = reply['lists'] as { channel: string }[];
    const cut = viewer.watch(opened?.channel ?? '');
    await bed.clock.advance(100);
    expect(cut.entries.get('blue/a')).toEqual({
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: expect.objectContaining({ namespace: 'blue', name: 'a', uid: 'uid-3' }) as object,
      spec: { value: { size: 1 } },
    });
    bed.world.put('pods', 'a', 'blue', { size: 2, other: 3 });
    await bed.clock.advance(100);
    expect(cut.entries.get('blue/a')).toMatchObject({ spec: { value: { size: 2 } } });
    expect(bed.world.openWatches).toBe(1);
  });

  it('[KUBE-25] a write that touched no wanted field is no change, unless the version is wanted', async () => {
    await start();
    const viewer = await bed.viewer({ user: 'ada' });
    const follow = async (fields: readonly string[]) => {
      const reply = await bed.during(viewer.rpc('kube.open', { cluster: 'c1', resource: 'pods', fields }));
      const [opened] = reply['lists'] as { channel: string }[];
      return viewer.watch(opened?.channel ?? '');
    };
    const sizes = await follow(['spec.value.size']);
    const versions = await follow(['spec.value.size', 'metadata.resourceVersion']);
    await bed.clock.advance(100);
    const before = [sizes.offset, versions.offset];
    bed.world.put('pods', 'a', 'blue', { size: 1, other: 1 });
    await bed.clock.advance(100);
    expect([sizes.offset, versions.offset]).toEqual([before[0], (before[1] ?? 0) + 1]);
    expect(sizes.entries.get('blue/a')).not.toHaveProperty('metadata.resourceVersion');
    expect(versions.entries.get('blue/a')).toHaveProperty('metadata.resourceVersion');
    // Gone and made anew, and the same fields again after a list that was read anew.
    bed.world.remove('pods', 'a', 'blue');
    bed.world.put('pods', 'a', 'blue', { size: 1 });
    bed.world.compact();
    bed.world.endWatches();
    await bed.clock.advance(5_000);
    expect(sizes.entries.get('blue/a')).toMatchObject({ spec: { value: { size: 1 } } });
    bed.world.put('pods', 'a', 'blue', { size: 7 });
    await bed.clock.advance(100);
    expect(sizes.entries.get('blue/a')).toMatchObject({ spec: { value: { size: 7 } } });
  });

  it('[KUBE-26] a single object is a list of one: there, changed, gone, and there again', async () => {
    await start();
    bed.world.rules = [{ user: 'ada', verbs: READ, resource: 'pods', namespace: 'blue', name: 'a' }];
    const viewer = await bed.viewer({ user: 'ada' });
    const wish = { cluster: 'c1', resource: 'pods', namespaces: ['blue'], name: 'a' };
    const [opened] = (await bed.during(viewer.rpc('kube.open', wish)))['lists'] as { channel: string }[];
    const one = viewer.watch(opened?.channel ?? '');
    await bed.clock.advance(100);
    expect([...one.entries.keys()]).toEqual(['blue/a']);
    bed.world.put('pods', 'a', 'blue', { size: 5 });
    bed.world.put('pods', 'b', 'blue', { size: 5 });
    await bed.clock.advance(100);
    expect(one.entries.get('blue/a')).toMatchObject({ spec: { value: { size: 5 } } });
    bed.world.remove('pods', 'a', 'blue');
    await bed.clock.advance(100);
    expect(one.entries.size).toBe(0);
    bed.world.put('pods', 'a', 'blue');
    await bed.clock.advance(100);
    expect([...one.entries.keys()]).toEqual(['blue/a']);
    const other = viewer.watch((opened?.channel ?? '').replace('name=a', 'name=b'));
    await bed.clock.advance(100);
    expect(other.error?.code).toBe(1308);
  });
});

describe('rights of those who watch', () => {
  it('[KUBE-16] a revocation ends the subscription with 2101 within 5 s, and nothing comes afterwards', async () => {
    await start();
    bed.world.rules.push({ user: 'bob', verbs: READ, resource: 'pods', namespace: 'blue' });
    const [, ada] = await watch(BLUE);
    const [bobs, bob] = await watch(BLUE, { user: 'bob' });
    expectEqual(bob, 'blue');
    bed.world.rules = bed.world.rules.filter(({ user }) => user !== 'bob');
    await bed.clock.advance(5_000);
    expect(bob.ends).toEqual([2101]);
    const had = sorted(bob.entries);
    bed.world.put('pods', 'secret', 'blue');
    await bed.clock.advance(1_000);
    expect(sorted(bob.entries)).toEqual(had);
    expectEqual(ada, 'blue');
    const again = bobs.watch(BLUE);
    await bed.clock.advance(100);
    expect(again.error?.code).toBe(1308);
  });

  it('[KUBE-1] a cluster that the org may not see any more ends its lists, without a word about why', async () => {
    let seen = true;
    await start({ clusters: [{ visibleTo: () => (seen ? {} : undefined) }] });
    const [viewer, watched] = await watch(ALL);
    seen = false;
    await bed.clock.advance(5_000);
    expect(watched.ends).toEqual([2101]);
    const again = viewer.watch(ALL);
    const unknown = viewer.watch('kube:c9/-/v1/pods');
    await bed.clock.advance(100);
    expect(again.error).toEqual(unknown.error);
    expect(again.error?.code).toBe(1330);
  });

  it('[KUBE-17] while rights cannot be asked about nothing is taken away and nothing new is shown', async () => {
    await start();
    const [viewer, watched] = await watch(ALL);
    bed.world.reviews = 'refused';
    await bed.clock.advance(5_000);
    expect(watched.state).toBe('recovering');
    const had = sorted(watched.entries);
    bed.world.put('pods', 'new', 'blue');
    bed.world.remove('pods', 'a', 'blue');
    await bed.clock.advance(120_000);
    expect(watched).toMatchObject({ subscribed: true, ends: [] });
    expect(sorted(watched.entries)).toEqual(had);
    // A list that is opened meanwhile waits as well.
    const other = viewer.watch(BLUE);
    await bed.clock.advance(4_000);
    expect(other.entries.size).toBe(0);
    bed.world.reviews = 'answered';
    await bed.clock.advance(7_000);
    expectEqual(watched);
  });

  it('[KUBE-17] an API server that is away for a minute ends no list', async () => {
    await start();
    const [, watched] = await watch(ALL);
    bed.world.down = true;
    bed.world.cutWatches();
    await bed.clock.advance(60_000);
    expect(watched).toMatchObject({ subscribed: true, state: 'recovering', ends: [] });
    bed.world.put('pods', 'new', 'blue');
    bed.world.down = false;
    await bed.clock.advance(40_000);
    expectEqual(watched);
    expect(watched.begun).toBe(1);
  });

  it('[KUBE-17] those who lost their rights meanwhile are shown nothing of it', async () => {
    await start();
    const [, watched] = await watch(ALL);
    bed.world.reviews = 'refused';
    await bed.clock.advance(5_000);
    bed.world.rules = [];
    bed.world.put('pods', 'secret', 'blue');
    await bed.clock.advance(10_000);
    bed.world.reviews = 'answered';
    await bed.clock.advance(10_000);
    expect(watched.ends).toEqual([2101]);
    expect(watched.entries.has('blue/secret')).toBe(false);
  });

  it('[KUBE-20] names that nobody made are refused as forbidden ones are, and publishing and history are nobody’s', async () => {
    await start();
    const viewer = await bed.viewer({ user: 'ada' });
    for (const channel of [
      'kube:c1/-/v1/pods?ns=..',
      'kube:c1/-/v1/pods?l=b,a',
      'kube:x',
      'kube:c1/-/v1/pods?as=1',
    ]) {
      const watched = viewer.watch(channel);
      await bed.clock.advance(100);
      expect([channel, watched.error?.code]).toEqual([channel, 103]);
    }
    for (const command of [
      { publish: { channel: ALL, data: {}, key: 'x' } },
      { history: { channel: ALL, limit: 1 } },
      { presence: { channel: ALL } },
    ])
      expect(await bed.during(viewer.call(command))).toMatchObject({ error: { code: 103 } });
  });

  it('[KUBE-19] an administrator reads no list that others have open, and no key does', async () => {
    await start();
    const [, watched] = await watch(ALL);
    expectEqual(watched);
    const api = bed.hub.forOrg('acme');
    await expect(bed.during(api.mapState(ALL, {}))).rejects.toMatchObject({ code: 103 });
    for (const channel of [ALL, 'kubelog:x', `kubewindow:${'w'.repeat(32)}`])
      await expect(bed.during(api.history(channel, { limit: 1 }))).rejects.toMatchObject({ code: 103 });
    await expect(bed.during(api.publish(ALL, '{}'))).rejects.toMatchObject({ code: 108 });
    await expect(bed.during(api.mapPublish(ALL, 'blue/a', '{}'))).rejects.toMatchObject({ code: 108 });
  });

  it('[KUBE-27] a cluster that is removed is said at once; its subscriptions end, and come back with it', async () => {
    await start();
    const [viewer, watched] = await watch(ALL);
    await bed.during(bed.kube.removeCluster('c1'));
    await bed.clock.advance(10);
    expect(watched.state).toBe('recovering');
    expect(bed.world.openWatches).toBe(0);
    await bed.clock.advance(5_000);
    expect(watched.ends).toEqual([2101]);
    expect(await bed.during(bed.kube.removeCluster('c1'))).toBe(false);
    bed.kube.addCluster({
      id: 'c1',
      mode: 'shared',
      open: () => ({ server: 'http://fake' }),
      visibleTo: () => ({}),
    });
    const again = viewer.watch(ALL);
    await bed.clock.advance(20_000);
    expectEqual(again);
  });

  it('[KUBE-27] one that is replaced by another of its id within a moment is read anew', async () => {
    await start({ clusters: [{ mode: 'shared' }] });
    const [, watched] = await watch(ALL);
    await bed.during(bed.kube.removeCluster('c1'));
    bed.kube.addCluster({
      id: 'c1',
      mode: 'shared',
      open: () => ({ server: 'http://fake' }),
      visibleTo: () => ({}),
    });
    bed.world.put('pods', 'new', 'blue');
    await bed.clock.advance(20_000);
    expect(watched.ends).toEqual([]);
    expectEqual(watched);
    expect(bed.kube.clusters.get('c1').server().readers).toBe(1);
  });
});
