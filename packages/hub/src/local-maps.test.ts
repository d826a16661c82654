import { createSeededRandom, type Random } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import { defineModule, type LocalMapEmitter, type LocalMapSource, type Module } from './ports/index.js';
import { createTestHub, type Frame, type RawPeer } from './testing.js';

const sub = (reply: Frame): Frame => reply['subscribe'] as Frame;
const entries = (publications: unknown): unknown[][] =>
  ((publications ?? []) as Frame[]).map((pub) => [pub['key'], pub['data']]);

/** A namespace `list` of local maps, and what its source was handed. */
function listModule(source?: LocalMapSource): { readonly module: Module; readonly emits: LocalMapEmitter[] } {
  const emits: LocalMapEmitter[] = [];
  const module = defineModule<void>({
    id: 'test',
    start: () => ({
      namespaces: [
        {
          options: { name: 'list', class: 'local', type: 'map', allowSubscribe: ['user'] },
          lingerMs: 1_000,
          mapSource: (request) => {
            emits.push(request.emit);
            return source ? source(request) : { dispose: () => undefined };
          },
        },
      ],
    }),
  })();
  return { module, emits };
}

const state = (channel: string, more: Frame = {}): Frame => ({
  subscribe: { channel, type: 1, phase: 2, ...more },
});

/** Follows a map as the SDK does: state, changes, and the state again after a cut. */
async function follow(peer: RawPeer, held: Map<string, unknown>): Promise<void> {
  for (const frame of await peer.frames()) {
    const push = frame['push'] as Frame | undefined;
    if (push?.['unsubscribe'] !== undefined) await take(peer, held);
    const pub = push?.['pub'] as Frame | undefined;
    if (pub !== undefined) apply(held, pub);
  }
}

async function take(peer: RawPeer, held: Map<string, unknown>): Promise<void> {
  held.clear();
  let cursor: Frame = {};
  for (;;) {
    const reply = await peer.call(state('list:1', { limit: 3, ...cursor }));
    if (reply['error'] !== undefined) {
      held.clear();
      cursor = {};
      continue;
    }
    const page = sub(reply);
    for (const pub of [...((page['state'] ?? []) as Frame[]), ...((page['publications'] ?? []) as Frame[])])
      apply(held, pub);
    if (page['cursor'] === undefined) return;
    cursor = { cursor: page['cursor'], epoch: page['epoch'], offset: page['offset'] };
  }
}

function apply(held: Map<string, unknown>, pub: Frame): void {
  if (pub['removed'] === true) held.delete(pub['key'] as string);
  else held.set(pub['key'] as string, pub['data']);
}

describe('local maps', () => {
  test('[CLASS-5] a first reader waits for the entries; pages, changes and removals follow', async () => {
    let loaded: (() => void) | undefined;
    const { module, emits } = listModule(
      () => new Promise((resolve) => (loaded = () => resolve({ dispose: () => undefined }))),
    );
    const { hub, peer } = createTestHub();
    await hub.use(module);
    const one = peer();
    await one.connect();
    one.send({ id: 7, ...state('list:1', { limit: 2 }) });
    expect(await one.frames()).toEqual([]);
    emits[0]?.load([
      ['c', '3'],
      ['a', '1'],
      ['b', '2'],
    ]);
    loaded?.();
    const [reply = {}] = await one.frames();
    const first = sub(reply);
    expect(entries(first['state'])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    emits[0]?.set('a', '10');
    emits[0]?.remove('b');
    const { epoch, offset } = first;
    const last = sub(await one.call(state('list:1', { limit: 2, cursor: first['cursor'], epoch, offset })));
    expect(entries(last['state'])).toEqual([['c', 3]]);
    expect(last['publications']).toMatchObject([
      { key: 'a', data: 10 },
      { key: 'b', removed: true },
    ]);
    emits[0]?.set('d', { json: new TextEncoder().encode('{"n":4}') });
    emits[0]?.remove('not there');
    expect(await one.publications()).toMatchObject([{ key: 'd', data: { n: 4 }, offset: 4 }]);
  });

  test('[CLASS-6] pages grow while a reader asks on soon, up to what one may hold', async () => {
    const { module, emits } = listModule();
    const clock = new FakeClock();
    const { hub, peer } = createTestHub({ mapPageMaxBytes: 160 }, { clock });
    await hub.use(module);
    const one = peer();
    await one.connect();
    one.send({ id: 7, ...state('list:1') });
    await one.frames();
    // Ten bytes each, the key among them.
    emits[0]?.load(Array.from({ length: 64 }, (_, n) => [`key${10 + n}`, '12345']));
    const sizesAfter = async (waitMs: number): Promise<number[]> => {
      const reader = peer();
      await reader.connect();
      const sizes: number[] = [];
      for (let cursor: Frame = {}; ;) {
        const page = sub(await reader.call(state('list:1', cursor)));
        sizes.push(entries(page['state']).length);
        if (page['cursor'] === undefined) return sizes;
        cursor = { cursor: page['cursor'], epoch: page['epoch'], offset: page['offset'] };
        await clock.advance(waitMs);
      }
    };
    expect(await sizesAfter(100)).toEqual([8, 16, 16, 16, 8]);
    expect(await sizesAfter(1_200)).toEqual(Array.from({ length: 8 }, () => 8));
  });

  test('[CLASS-5] [CONT-4] a source that takes too long costs half the deadline, and says so; the load cuts who came before', async () => {
    const { module, emits } = listModule(() => new Promise(() => undefined));
    const clock = new FakeClock();
    const { hub, peer } = createTestHub({ subscribeDeadlineMs: 3_000 }, { clock });
    await hub.use(module);
    const one = peer();
    await one.connect({}, 'source');
    one.send({ id: 7, ...state('list:1') });
    await clock.advance(1_499);
    expect(await one.frames()).toEqual([]);
    emits[0]?.state({ state: 'recovering', sinceMs: 5, reason: 'unreachable' });
    await clock.advance(1);
    const [reply = {}] = await one.frames();
    expect(entries(sub(reply)['state'])).toEqual([]);
    expect(JSON.stringify(sub(reply)['data'])).toContain('unreachable');
    emits[0]?.load([['a', '1']]);
    expect(await one.frames()).toMatchObject([{ push: { channel: 'list:1', unsubscribe: { code: 2500 } } }]);
    expect(entries(sub(await one.call(state('list:1')))['state'])).toEqual([['a', 1]]);
  });

  test('[CLASS-5] who was away continues by offset; a position from before the load takes the state', async () => {
    const { module, emits } = listModule();
    const { hub, peer } = createTestHub();
    await hub.use(module);
    const [stays, goes] = [peer(), peer()];
    for (const one of [stays, goes]) await one.connect();
    await stays.call(state('list:1'));
    const { epoch, offset } = sub(await goes.call(state('list:1')));
    goes.drop();
    emits[0]?.set('a', '1');
    emits[0]?.set('b', '2');
    const recover = { subscribe: { channel: 'list:1', type: 1, phase: 1, recover: true, epoch, offset } };
    const again = peer();
    await again.connect();
    expect(sub(await again.call(recover))['publications']).toMatchObject([{ key: 'a' }, { key: 'b' }]);
    emits[0]?.reset('doubt');
    const third = peer();
    await third.connect();
    expect(await third.call(recover)).toMatchObject({ error: { code: 112 } });
    expect(entries(sub(await third.call(state('list:1')))['state'])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  test('[CLASS-5] clients and the API write nothing into it; the API reads it', async () => {
    const { module, emits } = listModule();
    const { hub, peer } = createTestHub({ insecure: true });
    await hub.use(module);
    const one = peer();
    await one.connect();
    await one.call(state('list:1'));
    emits[0]?.load([['a', '1']]);
    await one.frames();
    await one.call(state('list:1'));
    expect(await one.call({ publish: { channel: 'list:1', key: 'a', data: 2 } })).toMatchObject({
      error: { code: 108 },
    });
    const api = hub.forOrg('acme');
    await expect(api.mapPublish('list:1', 'a', '2')).rejects.toMatchObject({ code: 108 });
    expect((await api.mapState('list:1', {})).entries).toMatchObject([{ key: 'a', data: '1' }]);
    expect((await hub.forOrg('other').mapState('list:1', {})).entries).toEqual([]);
  });

  test('[CLASS-5] [CLASS-3] a source that fails is opened again; its entries begin anew', async () => {
    let failures = 1;
    const { module, emits } = listModule(({ emit }) => {
      if (failures-- > 0) {
        emit.set('half', '1');
        throw new Error('no');
      }
      emit.load([['whole', '2']]);
      return { dispose: () => undefined };
    });
    const clock = new FakeClock();
    const { hub, peer } = createTestHub({}, { clock });
    await hub.use(module);
    const one = peer();
    await one.connect();
    await one.call(state('list:1'));
    await clock.advance(2_000);
    expect(emits).toHaveLength(2);
    emits[0]?.set('late', '3');
    expect(entries(sub(await one.call(state('list:1')))['state'])).toEqual([['whole', 2]]);
  });

  test('[CLASS-5] a namespace without a source, or of another type, is refused by name', async () => {
    const { hub } = createTestHub();
    const of = (options: object): Module =>
      defineModule<void>({
        id: 'test',
        start: () => ({ namespaces: [{ options: { name: 'list', class: 'local', ...options } }] }),
      })();
    await expect(hub.use(of({ type: 'map' }))).rejects.toThrow(/'list'.*mapSource/);
    await expect(hub.use(of({ type: 'map_users' }))).rejects.toThrow(/'list'.*types/);
  });

  test('[CLASS-5] random sets, removals, loads, resets and readers that come and go: all equal the entries', async () => {
    for (let seed = 1; seed <= 40; seed++) await world(createSeededRandom(seed));
  });
});

/** Readers follow a map of few keys, with pages of three, while it changes between any two of their frames. */
async function world(random: Random): Promise<void> {
  const { module, emits } = listModule();
  const clock = new FakeClock();
  const { hub, peer } = createTestHub({ localRingSize: 8 }, { clock });
  await hub.use(module);
  const below = (n: number): number => Math.floor(random.next() * n);
  const model = new Map<string, unknown>();
  const readers: { readonly peer: RawPeer; readonly held: Map<string, unknown> }[] = [];
  const join = async (): Promise<void> => {
    const reader = { peer: peer(), held: new Map<string, unknown>() };
    await reader.peer.connect();
    await take(reader.peer, reader.held);
    readers.push(reader);
  };
  await join();
  for (let step = 0; step < 60; step++) {
    const key = `k${below(8)}`;
    const emit = emits[0] as LocalMapEmitter;
    switch (below(12)) {
      case 0:
        model.clear();
        for (let n = below(6); n > 0; n--) model.set(`k${below(8)}`, step * 10 + n);
        emit.load([...model].map(([name, value]) => [name, JSON.stringify(value)] as const));
        break;
      case 1:
        emit.reset('test');
        break;
      case 2:
        if (readers.length < 4) await join();
        break;
      case 3:
        if (readers.length > 1) readers.shift()?.peer.drop();
        break;
      case 4:
      case 5:
        model.delete(key);
        emit.remove(key);
        break;
      default:
        model.set(key, step);
        emit.set(key, String(step));
    }
    if (below(3) === 0) for (const reader of readers) await follow(reader.peer, reader.held);
  }
  for (const reader of readers) {
    for (let round = 0; round < 3; round++) await follow(reader.peer, reader.held);
    expect(Object.fromEntries([...reader.held].sort())).toEqual(Object.fromEntries([...model].sort()));
  }
  await hub.dispose();
}
