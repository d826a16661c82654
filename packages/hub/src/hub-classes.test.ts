import type { Broker, BrokerFactory } from '@trunkline/broker';
import { createMemoryBroker } from '@trunkline/broker';
import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { channelKey, CodedError, type SourceState } from '@trunkline/protocol';
import { describe, expect, test } from 'vitest';
import { defineModule, type LocalEmitter, type ModuleParts } from './ports/index.js';
import { createTestHub, MemoryDurableLog, type Frame, type RawPeer } from './testing.js';

const sub = (reply: Frame): Frame => reply['subscribe'] as Frame;
const errorOf = (reply: Frame): Frame => reply['error'] as Frame;
const offsets = (publications: Frame[]): unknown[] =>
  publications.map((publication) => publication['offset']);
const use = (parts: ModuleParts) => defineModule<void>({ id: 'test', start: () => parts })();

/** A memory broker that can lose deliveries, stall, and answer as if its newest publications had never been (`back`). */
function faultyBroker(clock: FakeClock) {
  const faults = { lose: false, stall: false, back: 0 };
  const inner = createMemoryBroker({ clock, random: createSeededRandom(7) });
  let handler: Parameters<BrokerFactory>[0] | undefined;
  const factory: BrokerFactory = (given) => {
    handler = given;
    const broker = inner({
      ...given,
      onPublication: (key, publication, epoch) =>
        faults.lose ? undefined : given.onPublication(key, publication, epoch),
    });
    const stalled: Pick<Broker, 'history'> = {
      history: async (key, filter, meta) => {
        if (faults.stall) return new Promise(() => undefined);
        const { publications, position } = await broker.history(key, filter, meta);
        const offset = position.offset - faults.back;
        return {
          publications: publications.filter((publication) => publication.offset <= offset),
          position: { ...position, offset },
        };
      },
    };
    return new Proxy(broker, {
      get: (target, name) =>
        name === 'history'
          ? stalled.history
          : ((Reflect.get(target, name, target) as (...args: unknown[]) => unknown).bind?.(target) ??
            Reflect.get(target, name, target)),
    });
  };
  return { faults, factory, resumed: () => handler?.onResumed() };
}

async function join(peer: RawPeer, channel: string, extensions = '', more: Frame = {}): Promise<Frame> {
  await peer.connect({}, extensions);
  const reply = await peer.call({ subscribe: { channel, ...more } });
  await peer.frames();
  return sub(reply);
}

describe('live channels', () => {
  test('[CONT-2] a lost delivery is repaired from history before what follows', async () => {
    const clock = new FakeClock();
    const { faults, factory } = faultyBroker(clock);
    const { hub, peer } = createTestHub({}, { clock, broker: factory });
    const one = peer();
    await join(one, 'room:1');
    await hub.forOrg('acme').publish('room:1', '1');
    faults.lose = true;
    await hub.forOrg('acme').publish('room:1', '2');
    await hub.forOrg('acme').publish('room:1', '3');
    faults.lose = false;
    await hub.forOrg('acme').publish('room:1', '4');
    expect(offsets(await one.publications())).toEqual([1, 2, 3, 4]);
  });

  test('[CONT-2] a loss that history no longer covers cuts every reader', async () => {
    const clock = new FakeClock();
    const { faults, factory } = faultyBroker(clock);
    const { hub, peer } = createTestHub(
      { namespaces: [{ name: 'room', historySize: 2, forceRecovery: true, allowSubscribe: ['user'] }] },
      { clock, broker: factory },
    );
    const one = peer();
    await join(one, 'room:1');
    faults.lose = true;
    for (let n = 0; n < 5; n++) await hub.forOrg('acme').publish('room:1', String(n));
    faults.lose = false;
    await hub.forOrg('acme').publish('room:1', '6');
    const frames = await one.frames();
    expect(frames.map((frame) => Object.keys(frame['push'] as Frame))).toEqual([['channel', 'unsubscribe']]);
    expect((frames[0]?.['push'] as Frame)['unsubscribe']).toMatchObject({ code: 2500 });
  });

  test('[CONT-3] a loss at the end of a stream is found by comparing positions', async () => {
    const clock = new FakeClock();
    const { faults, factory, resumed } = faultyBroker(clock);
    const { hub, peer } = createTestHub({ pingIntervalMs: 0 }, { clock, broker: factory });
    const one = peer();
    await join(one, 'room:1');
    faults.lose = true;
    await hub.forOrg('acme').publish('room:1', '1');
    faults.lose = false;
    expect(await one.publications()).toEqual([]);
    await clock.advance(41_000);
    expect(offsets(await one.publications())).toEqual([1]);
    faults.lose = true;
    await hub.forOrg('acme').publish('room:1', '2');
    faults.lose = false;
    resumed();
    expect(offsets(await one.publications())).toEqual([2]);
  });

  test('[CONT-3] a reader that stands beyond a history that went back is cut, although deliveries never came so far', async () => {
    const clock = new FakeClock();
    const { faults, factory, resumed } = faultyBroker(clock);
    const { hub, peer } = createTestHub({ pingIntervalMs: 0 }, { clock, broker: factory });
    const [one, two] = [peer(), peer()];
    await join(one, 'room:1');
    faults.lose = true;
    for (const data of ['1', '2']) await hub.forOrg('acme').publish('room:1', data);
    expect(await join(two, 'room:1')).toMatchObject({ offset: 2 });
    faults.back = 2;
    resumed();
    for (const reader of [one, two])
      expect(await reader.frames()).toMatchObject([{ push: { unsubscribe: { code: 2500 } } }]);
    expect(sub(await two.call({ subscribe: { channel: 'room:1' } }))).toMatchObject({ recoverable: true });
  });

  test('[CONT-4] a broker that does not answer costs a temporary error within 3 s and nobody else anything', async () => {
    const clock = new FakeClock();
    const { faults, factory } = faultyBroker(clock);
    const { hub, peer } = createTestHub({}, { clock, broker: factory });
    const one = peer();
    await one.connect();
    faults.stall = true;
    one.send({ id: 50, subscribe: { channel: 'room:1' } }, { id: 51, subscribe: { channel: 'plain:1' } });
    const before = await one.frames();
    expect(before.some((frame) => frame['id'] === 51 && frame['subscribe'] !== undefined)).toBe(true);
    await clock.advance(3_100);
    const late = (await one.frames()).find((frame) => frame['id'] === 50);
    expect(errorOf(late ?? {})).toMatchObject({ code: 1000, temporary: true });
    faults.stall = false;
    expect(sub(await one.call({ subscribe: { channel: 'room:1' } }))).toMatchObject({ recoverable: true });
    await hub.forOrg('acme').publish('room:1', '1');
    expect(offsets(await one.publications('room:1'))).toEqual([1]);
  });

  test('[REC-4] cache recovery returns the newest publication', async () => {
    const { hub, peer } = createTestHub({
      namespaces: [
        { name: 'c', historySize: 3, forceRecovery: true, recoveryMode: 'cache', allowSubscribe: ['user'] },
      ],
    });
    for (let n = 1; n <= 9; n++) await hub.forOrg('acme').publish('c:1', String(n));
    const result = await join(peer(), 'c:1', '', { recover: true, epoch: 'x', offset: 1 });
    expect(result).toMatchObject({ recovered: true, publications: [{ data: 9, offset: 9 }] });
  });
});

describe('namespaces', () => {
  test('[NS-1] `*` covers what has no namespace of its own; an own one is never widened by it', async () => {
    const { peer } = createTestHub({
      namespaces: [{ name: '*', allowSubscribe: ['user'] }, { name: 'own' }],
    });
    const one = peer();
    await one.connect();
    expect(sub(await one.call({ subscribe: { channel: 'anything:1' } }))).toBeDefined();
    expect(sub(await one.call({ subscribe: { channel: 'bare' } }))).toBeDefined();
    expect(errorOf(await one.call({ subscribe: { channel: 'own:1' } }))).toMatchObject({ code: 103 });
  });

  test('[NS-2] a channel pattern bounds the names of a namespace', async () => {
    const { peer } = createTestHub({
      namespaces: [{ name: 'job', channelPattern: '[0-9]+', allowSubscribe: ['user'] }],
    });
    const one = peer();
    await one.connect();
    expect(sub(await one.call({ subscribe: { channel: 'job:12' } }))).toBeDefined();
    expect(errorOf(await one.call({ subscribe: { channel: 'job:x' } }))).toMatchObject({ code: 103 });
  });
});

describe('durable channels', () => {
  test('[CLASS-2] every committed offset once and in order, however the broker delivers', async () => {
    const clock = new FakeClock();
    const log = new MemoryDurableLog();
    let broker: Broker | undefined;
    const memory = createMemoryBroker({ clock, random: createSeededRandom(3) });
    const { peer } = createTestHub(
      { namespaces: [{ name: 'inbox', class: 'durable', allowSubscribe: ['user'] }] },
      { clock, durableLog: log, broker: (handler) => (broker = memory(handler)) },
    );
    const key = channelKey('acme', 'inbox:ada');
    log.commit(key, '1');
    const one = peer();
    expect(await join(one, 'inbox:ada', '', { recover: true })).toMatchObject({
      recovered: true,
      publications: [{ offset: 1 }],
    });
    const two = log.commit(key, '2');
    const three = log.commit(key, '3');
    log.commit(key, '4');
    await broker?.carry(key, three, log.epoch);
    await broker?.carry(key, two, log.epoch);
    await broker?.carry(key, three, log.epoch);
    expect(offsets(await one.publications())).toEqual([2, 3, 4]);
  });

  test('[CLASS-1] a durable namespace without a store is refused at start', () => {
    expect(() => createTestHub({ namespaces: [{ name: 'inbox', class: 'durable' }] })).toThrow(
      /inbox.*needs a store/,
    );
  });
});

describe('local channels', () => {
  function source() {
    const opened: { channel: string; emit: LocalEmitter }[] = [];
    let closed = 0;
    let outcome: 'open' | 'hang' | 'fail' = 'open';
    const parts: ModuleParts = {
      namespaces: [
        {
          options: { name: 'loc', class: 'local', allowSubscribe: ['user'] },
          lingerMs: 1_000,
          source: ({ channel, emit }) => {
            if (outcome === 'fail') throw new Error('no route');
            opened.push({ channel, emit });
            return outcome === 'hang' ? new Promise(() => undefined) : { dispose: () => void closed++ };
          },
        },
      ],
    };
    return { parts, opened, closed: () => closed, become: (next: typeof outcome) => (outcome = next) };
  }

  test('[CLASS-3] one source for all readers, closed after the last and a linger', async () => {
    const { hub, peer, clock } = createTestHub();
    const it = source();
    await hub.use(use(it.parts));
    const readers = [peer(), peer()];
    for (const reader of readers) await join(reader, 'loc:1');
    expect(it.opened).toHaveLength(1);
    it.opened[0]?.emit.publish('"hello"');
    for (const reader of readers)
      expect(await reader.publications()).toMatchObject([{ data: 'hello', offset: 1 }]);
    for (const reader of readers) reader.drop();
    await clock.advance(900);
    expect(it.closed()).toBe(0);
    await clock.advance(200);
    expect(it.closed()).toBe(1);
  });

  test('[CONT-5] a source that does not answer is told as recovering, at once, and live only when it flows', async () => {
    const { hub, peer } = createTestHub();
    const it = source();
    it.become('hang');
    await hub.use(use(it.parts));
    const one = peer();
    const result = await join(one, 'loc:1', 'source');
    expect(result['data']).toMatchObject({
      tl: { class: 'local', source: { state: 'recovering', reason: 'opening' } },
    });
    const live: SourceState = { state: 'live' };
    it.opened[0]?.emit.state(live);
    it.opened[0]?.emit.publish('1');
    const frames = await one.frames();
    expect(frames.map((frame) => frame['push'])).toMatchObject([
      { message: { data: { tl: { source: { channel: 'loc:1', state: 'live' } } } } },
      { pub: { data: 1 } },
    ]);
  });

  test('[CONT-5] lost continuity cuts readers; the position they held does not recover', async () => {
    const { hub, peer } = createTestHub();
    const it = source();
    await hub.use(use(it.parts));
    const one = peer();
    const { epoch } = await join(one, 'loc:1');
    it.opened[0]?.emit.publish('1');
    it.opened[0]?.emit.reset('relisted');
    const frames = await one.frames();
    expect(frames.at(-1)?.['push']).toMatchObject({ unsubscribe: { code: 2500 } });
    const again = sub(await one.call({ subscribe: { channel: 'loc:1', recover: true, epoch, offset: 1 } }));
    expect(again).toMatchObject({ was_recovering: true });
    expect(again['recovered']).toBeUndefined();
  });

  test('[CLASS-3] a failing source is reopened while somebody reads', async () => {
    const { hub, peer, clock } = createTestHub();
    const it = source();
    it.become('fail');
    await hub.use(use(it.parts));
    const one = peer();
    await join(one, 'loc:1', 'source');
    it.become('open');
    await clock.advance(5_000);
    expect(it.opened).toHaveLength(1);
    expect(JSON.stringify(await one.frames())).toContain('"state":"live"');
  });
});

describe('sessions', () => {
  test('[SESS-8] server-side subscriptions begin with connect and recover', async () => {
    const { hub, peer } = createTestHub();
    const one = peer();
    const first = await one.connect({ channels: ['room:mine'] });
    const mine = (first['subs'] as Frame)['room:mine'] as Frame;
    expect(mine).toMatchObject({ recoverable: true });
    await hub.forOrg('acme').publish('room:mine', '1');
    expect(offsets(await one.publications())).toEqual([1]);
    one.drop();
    await hub.forOrg('acme').publish('room:mine', '2');
    const two = peer();
    const reply = await two.call({
      connect: {
        token: JSON.stringify({ channels: ['room:mine'] }),
        subs: { 'room:mine': { recover: true, epoch: mine['epoch'], offset: 1 } },
      },
    });
    expect(((reply['connect'] as Frame)['subs'] as Frame)['room:mine']).toMatchObject({
      recovered: true,
      publications: [{ offset: 2 }],
    });
  });

  test('[SESS-8] a channel that does not exist refuses the connection', async () => {
    const { peer } = createTestHub();
    const one = peer();
    const reply = await one.call({ connect: { token: JSON.stringify({ channels: ['nothing:1'] }) } });
    expect(errorOf(reply)).toMatchObject({ code: 103 });
    expect(one.transport.closed).toBeDefined();
  });

  test('[SESS-9] the server calls a client and gets its answer, its error, a deadline or its end', async () => {
    const { hub, peer, clock } = createTestHub();
    const one = peer();
    const { client } = await one.connect({}, 'call');
    const api = hub.forOrg('acme');
    const answered = api.call(String(client), 'sum', '[1,2]');
    const call = (
      ((await one.frames())[0]?.['push'] as Frame)['message'] as {
        data: { tl: { call: { id: string; method: string; data: unknown } } };
      }
    ).data.tl.call;
    expect(call).toMatchObject({ method: 'sum', data: [1, 2] });
    await one.call({ rpc: { method: 'tl.answer', data: { id: call.id, result: 3 } } });
    expect(await answered).toBe('3');
    const late = api.call(String(client), 'slow', 'null', 1_000).catch((error: CodedError) => error.code);
    await clock.advance(1_100);
    expect(await late).toBe(1001);
    const gone = api.call(String(client), 'x', 'null').catch((error: CodedError) => error.code);
    one.drop();
    expect(await gone).toBe(1002);
  });

  test('[SESS-6] limits are coded', async () => {
    const { peer, hub } = createTestHub({
      maxSubscriptionsPerConnection: 2,
      maxCommandsPerSecondPerConnection: 5,
      maxConnectionsPerUser: 1,
      limits: {
        maxFrameBytes: 5_000,
        maxCommandsPerFrame: 50,
        maxDepth: 10,
        maxChannelLength: 20,
        maxPublicationBytes: 100,
      },
    });
    const one = peer();
    await one.connect();
    await one.call({ subscribe: { channel: 'room:1' } });
    await one.call({ subscribe: { channel: 'room:2' } });
    expect(errorOf(await one.call({ subscribe: { channel: 'room:3' } }))).toMatchObject({ code: 106 });
    expect(errorOf(await one.call({ publish: { channel: 'room:1', data: 'x'.repeat(200) } }))).toMatchObject({
      code: 106,
    });
    expect(
      errorOf(await one.call({ publish: { channel: 'room:' + 'y'.repeat(30), data: 1 } })),
    ).toMatchObject({ code: 107 });
    const codes: unknown[] = [];
    for (let n = 0; n < 20; n++)
      codes.push(errorOf(await one.call({ publish: { channel: 'room:1', data: n } }))?.['code']);
    expect(codes).toContain(111);
    const second = peer();
    second.send({ id: 1, connect: { token: '{}' } });
    await second.frames();
    expect(second.transport.closed?.code).toBe(3504);
    one.transport.handlers.onFrame('x'.repeat(6_000));
    expect(one.transport.closed?.code).toBe(1009);
    expect(hub.stats().connections).toBe(0);
  });

  test('[SESS-6] an expired credential is closed after its grace unless refreshed', async () => {
    const { peer, clock } = createTestHub({ pingIntervalMs: 0 });
    const one = peer();
    const two = peer();
    const expiresAtMs = clock.now() + 10_000;
    expect(await one.connect({ expiresAtMs })).toMatchObject({ expires: true, ttl: 10 });
    await two.connect({ expiresAtMs });
    expect(
      (await two.call({ refresh: { token: JSON.stringify({ expiresAtMs: clock.now() + 100_000 }) } }))[
        'refresh'
      ],
    ).toMatchObject({ expires: true, ttl: 100 });
    await clock.advance(37_000);
    one.send({});
    two.send({});
    expect(one.transport.closed?.code).toBe(3005);
    expect(two.transport.closed).toBeUndefined();
  });

  test('[SESS-7] an unexpected failure is 100 with a correlation id, and the connection lives', async () => {
    const { hub, peer } = createTestHub();
    await hub.use(
      use({
        rpc: {
          't.boom': { handle: () => Promise.reject(new Error('secret detail')) },
          't.echo': { handle: (params) => ({ result: params }) },
        },
      }),
    );
    const one = peer();
    await one.connect();
    const error = errorOf(await one.call({ rpc: { method: 't.boom' } }));
    expect(error).toMatchObject({ code: 100, temporary: true });
    expect(String(error['message'])).toMatch(/correlation \w{12}$/);
    expect(await one.call({ rpc: { method: 't.echo', data: { a: 1 } } })).toMatchObject({
      rpc: { data: { a: 1 } },
    });
    expect(errorOf(await one.call({ rpc: { method: 't.none' } }))).toMatchObject({ code: 108 });
  });

  test('[LIFE-1] a drain closes in stages; whoever was advised has half the window', async () => {
    const { hub, peer, clock } = createTestHub();
    const plain = Array.from({ length: 20 }, () => peer());
    for (const one of plain) await one.connect();
    const advised = peer();
    await advised.connect({}, 'drain');
    const drained = hub.drain({ windowMs: 5_000, ratePerSecond: 10 });
    await clock.advance(1_000);
    const closedEarly = plain.filter((one) => one.transport.closed).length;
    expect(closedEarly).toBeGreaterThan(5);
    expect(closedEarly).toBeLessThan(15);
    await clock.advance(1_400);
    expect(advised.transport.closed).toBeUndefined();
    expect(JSON.stringify(await advised.frames())).toContain('"drain":{"withinMs":2500}');
    await clock.advance(1_000);
    await drained;
    expect([advised, ...plain].every((one) => one.transport.closed?.code === 3001)).toBe(true);
  });

  test('[LIFE-2] a module that clashes leaves nothing behind', async () => {
    const { hub, peer } = createTestHub();
    await expect(
      hub.use(
        use({
          namespaces: [
            { options: { name: 'fresh', allowSubscribe: ['user'] } },
            { options: { name: 'room' } },
          ],
        }),
      ),
    ).rejects.toThrow(/room/);
    const one = peer();
    await one.connect();
    expect(errorOf(await one.call({ subscribe: { channel: 'fresh:1' } }))).toMatchObject({ code: 103 });
  });
});

describe('presence', () => {
  test('[PRES-1] [PRES-2] joins reach few readers at once and crowds in windows, none lost', async () => {
    const { peer, clock } = createTestHub({ joinLeaveCoalesceAbove: 5, pingIntervalMs: 0 });
    const watcher = peer();
    await watcher.connect({ user: 'watcher' });
    await watcher.call({ subscribe: { channel: 'room:1', join_leave: true } });
    await watcher.frames();
    for (let n = 0; n < 20; n++) {
      const one = peer();
      await one.connect({ user: `u${n}` });
      await one.call({ subscribe: { channel: 'room:1' } });
    }
    const early = (await watcher.frames()).filter((frame) => (frame['push'] as Frame)['join']);
    expect(early.length).toBeLessThan(12);
    await clock.advance(10_000);
    const late = (await watcher.frames()).filter((frame) => (frame['push'] as Frame | undefined)?.['join']);
    expect(early.length + late.length).toBe(20);
    expect(
      Object.keys(
        ((await watcher.call({ presence: { channel: 'room:1' } }))['presence'] as Frame)['presence'] as Frame,
      ),
    ).toHaveLength(21);
  });
});

describe('presence as a map', () => {
  const namespaces = [
    { name: 'room', mapClientsPrefix: 'here:', mapUsersPrefix: 'users:', allowSubscribe: ['user'] as const },
    { name: 'here', type: 'map_clients' as const, allowSubscribe: ['user'] as const },
    { name: 'users', type: 'map_users' as const, allowSubscribe: ['user'] as const },
  ];

  test('[PRES-1] clients and users come and go; renewal publishes nothing', async () => {
    const { peer, clock } = createTestHub({ namespaces, pingIntervalMs: 0 });
    const watcher = peer();
    await watcher.connect({ user: 'watcher' });
    await watcher.call({ subscribe: { channel: 'here:room:1', type: 2, phase: 2 } });
    await watcher.call({ subscribe: { channel: 'users:room:1', type: 3, phase: 2 } });
    const devices = [peer(), peer()];
    for (const device of devices) {
      await device.connect({ user: 'ada' });
      await device.call({ subscribe: { channel: 'room:1' } });
    }
    expect(await watcher.publications('here:room:1')).toHaveLength(2);
    await clock.advance(100_000);
    expect(await watcher.publications()).toEqual([]);
    devices[0]?.drop();
    const left = (await watcher.frames()).map((frame) => (frame['push'] as Frame)['channel']);
    expect(left).toEqual(['here:room:1']);
    devices[1]?.drop();
    const gone = (await watcher.frames()).map((frame) => [
      (frame['push'] as Frame)['channel'],
      ((frame['push'] as Frame)['pub'] as Frame)['removed'],
    ]);
    expect(gone).toEqual([
      ['here:room:1', true],
      ['users:room:1', true],
    ]);
  });
});

describe('permission of a module', () => {
  test('[CONT-4] a rule that never answers costs a temporary error, for every command', async () => {
    const { hub, peer, clock } = createTestHub();
    await hub.use(
      use({
        namespaces: [
          {
            options: {
              name: 'slow',
              historySize: 5,
              presence: true,
              allowSubscribe: ['user'],
              allowPublish: ['user'],
              allowPresence: ['user'],
              allowHistory: ['user'],
            },
            authorise: () => new Promise(() => undefined),
          },
        ],
      }),
    );
    const one = peer();
    await one.connect();
    one.send(
      { id: 61, subscribe: { channel: 'slow:1' } },
      { id: 62, publish: { channel: 'slow:1', data: 1 } },
      { id: 63, history: { channel: 'slow:1' } },
      { id: 64, presence: { channel: 'slow:1' } },
    );
    await clock.advance(3_100);
    const replies = (await one.frames()).filter(
      (frame) => frame['id'] !== undefined && Number(frame['id']) > 60,
    );
    expect(
      replies.map((frame) => [frame['id'], errorOf(frame)['code'], errorOf(frame)['temporary']]),
    ).toEqual([61, 62, 63, 64].map((id) => [id, 1000, true]));
  });
});
