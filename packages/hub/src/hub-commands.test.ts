import { createMemoryBroker, type Broker } from '@trunkline/broker';
import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { channelKey, type CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import {
  defineModule,
  type CommandStore,
  type EffectRequest,
  type KeyedCall,
  type RpcMethod,
} from './ports/index.js';
import { createTestHub, MemoryDurableLog, testPrincipal, type Frame, type RawPeer } from './testing.js';

const errorOf = (reply: Frame): Frame => reply['error'] as Frame;
const OPEN = { allowSubscribe: ['user'], allowPublish: ['user'], allowHistory: ['user'] } as const;

/** A hub on a log in memory whose commits are carried by the broker, and, with `commands`, on a double of the command store. */
async function setUp(rpc: Readonly<Record<string, RpcMethod>> = {}, commands?: CommandStore) {
  const clock = new FakeClock();
  const log = new MemoryDurableLog();
  let broker: Broker | undefined;
  const memory = createMemoryBroker({ clock, random: createSeededRandom(3) });
  log.onCommitted = (key, publication) => void broker?.carry(key, publication, log.epoch);
  const { hub, peer } = createTestHub(
    { namespaces: [{ name: 'app', class: 'durable', ...OPEN }] },
    {
      clock,
      durableLog: log,
      broker: (handler) => (broker = memory(handler)),
      ...(commands ? { commands } : {}),
    },
  );
  await hub.use(
    defineModule<void>({
      id: 'shop',
      start: () => ({ namespaces: [{ options: { name: 'shop', class: 'durable', ...OPEN } }], rpc }),
    })(),
  );
  return { clock, log, hub, peer };
}

async function call(peer: RawPeer, method: string, data: unknown): Promise<Frame> {
  return peer.call({ rpc: { method, data } });
}

describe('durable channels of an operator', () => {
  it('[CLASS-4] what a client or the API publishes is committed, then delivered, then answered', async () => {
    const { hub, peer } = await setUp();
    const one = peer();
    await one.connect();
    await one.call({ subscribe: { channel: 'app:1', recover: true } });
    await one.frames();
    one.send({ id: 70, publish: { channel: 'app:1', data: { n: 1 } } });
    const frames = await one.frames();
    expect(frames.map((frame) => (frame['push'] ? 'push' : frame['id']))).toEqual(['push', 70]);
    expect(await hub.forOrg('acme').publish('app:1', '2', { idempotencyKey: 'k' })).toEqual({
      position: { epoch: 'log', offset: 2 },
      deduplicated: false,
    });
    expect(await hub.forOrg('acme').publish('app:1', '2', { idempotencyKey: 'k' })).toMatchObject({
      position: { offset: 2 },
      deduplicated: true,
    });
    expect(await one.publications()).toMatchObject([{ offset: 2, data: 2 }]);
    expect(await hub.forOrg('acme').history('app:1', { limit: -1 })).toMatchObject({
      publications: [{ offset: 1 }, { offset: 2 }],
    });
  });

  it('[CLASS-4] history cannot be skipped, maps do not exist, and a module alone publishes to its own', async () => {
    const { hub } = await setUp();
    const api = hub.forOrg('acme');
    const codes = await Promise.all(
      [
        api.publish('app:1', '1', { skipHistory: true }),
        api.mapPublish('app:1', 'k', '1'),
        api.publish('shop:1', '1'),
      ].map((publishing) => publishing.catch((error: CodedError) => error.code)),
    );
    expect(codes).toEqual([107, 108, 108]);
    expect(() => createTestHub({ namespaces: [{ name: 'm', class: 'durable', type: 'map' }] })).toThrow(
      /'m'.*type 'stream'/,
    );
  });
});

describe('calls with a key', () => {
  const counting = () => {
    let count = 0;
    const methods: Record<string, RpcMethod> = {
      'shop.buy': { idempotent: true, handle: () => ({ result: ++count }) },
      'shop.look': { handle: () => ({ result: 'shelf' }) },
    };
    return methods;
  };

  it('[CMD-1] [CMD-6] executed once, whichever connection repeats it, and the answer is the first one', async () => {
    const { peer } = await setUp(counting());
    const [one, two] = [peer(), peer()];
    for (const each of [one, two]) await each.connect({}, 'rpc');
    const first = await call(one, 'shop.buy', { params: { a: 1 }, key: 'k' });
    expect(first).toMatchObject({ rpc: { data: { result: 1 } } });
    expect(await call(two, 'shop.buy', { params: { a: 1 }, key: 'k' })).toMatchObject({
      rpc: first['rpc'] as Frame,
    });
    expect(await call(two, 'shop.buy', { params: { a: 1 } })).toMatchObject({ rpc: { data: { result: 2 } } });
    expect(errorOf(await call(two, 'shop.buy', { params: { a: 2 }, key: 'k' }))).toMatchObject({
      code: 1006,
    });
  });

  it('[CMD-2] fields that make no sense are refused by name', async () => {
    const { peer } = await setUp(counting());
    const one = peer();
    await one.connect({}, 'rpc');
    const refused: unknown[] = [];
    for (const [method, data] of [
      ['shop.buy', { key: '' }],
      ['shop.buy', { key: 'k'.repeat(256) }],
      ['shop.buy', { key: 7 }],
      ['shop.buy', { seq: -1 }],
      ['shop.buy', { seq: 'x' }],
      ['shop.buy', { seq: 1, order: {} }],
      ['shop.buy', { seq: 1, instance: '' }],
      ['shop.buy', { seq: 1, instance: 'i'.repeat(65) }],
    ] as const) {
      const { code, message } = errorOf(await call(one, method, data));
      refused.push([code, /rpc\.data\.(\w+)/.exec(String(message))?.[1]]);
    }
    expect(refused).toEqual([
      [107, 'key'],
      [107, 'key'],
      [107, 'key'],
      [107, 'seq'],
      [107, 'seq'],
      [107, 'order'],
      [107, 'instance'],
      [107, 'instance'],
    ]);
  });
});

describe('calls with numbers', () => {
  /** A method whose calls end when the test says so. */
  const slow = () => {
    const started: unknown[] = [];
    const ends: (() => void)[] = [];
    const methods: Record<string, RpcMethod> = {
      'shop.buy': {
        idempotent: true,
        handle: (params) => {
          started.push(params);
          return new Promise((resolve) => ends.push(() => resolve({ result: params })));
        },
      },
    };
    return { started, ends, methods };
  };
  const buy = (n: number, more: object): Frame => ({
    rpc: { method: 'shop.buy', data: { params: { n }, key: `k${n}`, seq: n, ...more } },
  });

  it('[CMD-5] of one instance wait for each other whichever connection they come over; others do not', async () => {
    const { started, ends, methods } = slow();
    const { clock, peer } = await setUp(methods);
    const [one, two, bob] = [peer(), peer(), peer()];
    for (const each of [one, two]) await each.connect({}, 'rpc');
    await bob.connect({ user: 'bob' }, 'rpc');
    one.send({ id: 11, ...buy(1, { instance: 'i' }) });
    two.send({ id: 12, ...buy(2, { instance: 'i' }) });
    two.send({ id: 13, ...buy(3, {}) });
    two.send({ id: 14, ...buy(4, { instance: 'i', order: 'other' }) });
    bob.send({ id: 15, ...buy(5, { instance: 'i' }) });
    await clock.advance(1);
    expect(started).toEqual([{ n: 1 }, { n: 3 }, { n: 4 }, { n: 5 }]);
    ends[0]?.();
    await clock.advance(1);
    expect(started.at(-1)).toEqual({ n: 2 });
  });

  it('[CMD-5] the store is told who counts and where the call stands; without an instance it is not', async () => {
    const asked: KeyedCall[] = [];
    const commands: CommandStore = {
      commit: () => Promise.reject(new Error('not asked')),
      once: (keyed) => {
        asked.push(keyed);
        return Promise.resolve({ result: 1, published: [], repeated: false });
      },
    };
    const { peer } = await setUp(slow().methods, commands);
    const one = peer();
    await one.connect({}, 'rpc');
    for (const more of [{ instance: 'i', order: 'o' }, { instance: 'i' }, { order: 'o' }])
      await one.call(buy(7, more));
    await one.call({ rpc: { method: 'shop.buy', data: { key: 'k', instance: 'i' } } });
    expect(asked.map(({ turn }) => turn)).toEqual([
      { line: '["i","o"]', seq: 7 },
      { line: '["i",""]', seq: 7 },
      undefined,
      undefined,
    ]);
  });
});

describe('what a method wants committed', () => {
  /** Commits at once, and remembers what it was asked. */
  class Double implements CommandStore {
    readonly asked: (KeyedCall | EffectRequest)[] = [];
    async commit(request: EffectRequest) {
      this.asked.push(request);
      return Promise.resolve({
        result: request.toResult([{ value: 5 }]),
        published: request.publications.map(({ channel }, index) => ({
          channel,
          epoch: 'log',
          offset: index + 1,
        })),
        repeated: false,
      });
    }
    async once(keyed: KeyedCall, prepare: () => Promise<EffectRequest>) {
      this.asked.push(keyed);
      return this.commit(await prepare());
    }
  }
  const add = (channel: string): RpcMethod => ({
    idempotent: true,
    handle: () => ({
      commit: {
        statements: [{ sql: 'UPDATE shop_items SET sold = true' }],
        publications: [{ channel, data: '{}' }],
      },
      toResult: ([row]) => row,
    }),
  });

  it('[CMD-1] [WALL-1] goes to the store with the caller’s org and key, and the answer names the publication', async () => {
    const store = new Double();
    const { peer, hub } = await setUp({ 'shop.add': add('shop:1') }, store);
    const one = peer();
    await one.connect({}, 'rpc');
    const reply = await call(one, 'shop.add', { params: { n: 1 }, key: 'k' });
    expect((reply['rpc'] as Frame)['data']).toEqual({
      result: { value: 5 },
      position: { channel: 'shop:1', epoch: 'log', offset: 1 },
    });
    expect(store.asked[0]).toEqual({
      org: 'acme',
      user: 'ada',
      method: 'shop.add',
      key: 'k',
      params: { n: 1 },
    });
    expect(store.asked[1]).toMatchObject({
      publications: [{ channel: 'shop:1', historySize: 1_000, historyTtlMs: 0 }],
    });
    const context = {
      principal: testPrincipal(),
      client: '',
      requestId: 'r',
      signal: new AbortController().signal,
    };
    expect(await hub.forOrg('acme').rpc('shop.add', {}, context)).toEqual({
      result: { value: 5 },
      after: { channel: 'shop:1', position: { epoch: 'log', offset: 1 } },
    });
  });

  it('[CMD-6] a method that is not marked has its keys remembered by the node; what it commits is committed', async () => {
    const store = new Double();
    const { peer } = await setUp({ 'shop.add': { ...add('shop:1'), idempotent: false } }, store);
    const one = peer();
    await one.connect({}, 'rpc');
    const replies = [];
    for (let n = 0; n < 2; n++) replies.push(await call(one, 'shop.add', { params: {}, key: 'k' }));
    expect(replies[1]?.['rpc']).toEqual(replies[0]?.['rpc']);
    expect(store.asked).toHaveLength(1);
    expect(store.asked[0]).toHaveProperty('statements');
  });

  it('[CMD-3] only durable channels are published to in a commit', async () => {
    const store = new Double();
    const { peer } = await setUp({ 'shop.add': add('room:1') }, store);
    const one = peer();
    await one.connect({}, 'rpc');
    expect(errorOf(await call(one, 'shop.add', { params: {}, key: 'k' }))).toMatchObject({ code: 100 });
  });

  it('[CMD-6] without a store it is refused', async () => {
    const { peer } = await setUp({ 'shop.add': add('shop:1') });
    const one = peer();
    await one.connect({}, 'rpc');
    expect(errorOf(await call(one, 'shop.add', { params: {}, key: 'k' }))).toMatchObject({ code: 108 });
    expect(errorOf(await call(one, 'shop.add', { params: {} }))).toMatchObject({ code: 108 });
  });

  it('[ORD-3] the answer waits for the publication that shows it, where the caller listens', async () => {
    const { clock, log, peer } = await setUp({ 'shop.add': add('shop:1') }, new Double());
    const one = peer();
    await one.connect({}, 'rpc');
    await one.call({ subscribe: { channel: 'shop:1', recover: true } });
    await one.frames();
    one.send({ id: 80, rpc: { method: 'shop.add', data: { params: {}, key: 'k' } } });
    await clock.advance(100);
    expect(await one.frames()).toEqual([]);
    const key = channelKey('acme', 'shop:1');
    log.onCommitted?.(key, log.commit(key, '{}'));
    expect((await one.frames()).map((frame) => (frame['push'] ? 'push' : frame['id']))).toEqual(['push', 80]);
  });

  it('[ORD-4] a publication that the broker lost is read back within a second, and the answer follows it', async () => {
    const { clock, log, peer } = await setUp();
    const one = peer();
    await one.connect();
    await one.call({ subscribe: { channel: 'app:1', recover: true } });
    await one.frames();
    log.onCommitted = undefined;
    one.send({ id: 90, publish: { channel: 'app:1', data: 1 } });
    await clock.advance(900);
    expect(await one.frames()).toEqual([]);
    await clock.advance(200);
    expect((await one.frames()).map((frame) => (frame['push'] ? 'push' : frame['id']))).toEqual(['push', 90]);
  });
});
