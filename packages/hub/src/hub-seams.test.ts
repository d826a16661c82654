import { createMemoryBroker, type Broker, type BrokerFactory } from '@trunkline/broker';
import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import { createTestHub, type Frame } from './testing.js';

/** What the simulation found between a subscribe's read, its reply and its flow (tests/sim). */
const open = ['user', 'anonymous'] as const;

/** A memory engine of which one call's answer can be held back, or changed. */
function held(clock: FakeClock, method: 'addPresence' | 'history' | 'mapState') {
  const memory = createMemoryBroker({ clock, random: createSeededRandom(7) });
  const waiting: (() => void)[] = [];
  const state = { holding: false, change: undefined as ((answer: unknown) => unknown) | undefined };
  const factory: BrokerFactory = (handler) => {
    const inner = memory(handler);
    return new Proxy(inner, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const answer = (value as (...args: unknown[]) => unknown).apply(target, args);
          if (name !== method) return answer;
          if (state.holding) return new Promise((resolve) => waiting.push(() => resolve(answer)));
          const { change } = state;
          return change ? Promise.resolve(answer).then(change) : answer;
        };
      },
    }) as Broker;
  };
  return {
    factory,
    state,
    release: () => {
      state.holding = false;
      for (const go of waiting.splice(0)) go();
    },
  };
}

describe('between the read and the flow', () => {
  test('[CONT-1] more than may be buffered after the position was read, before the reply, cuts the reader', async () => {
    const clock = new FakeClock();
    const broker = held(clock, 'addPresence');
    const world = createTestHub({ subscribeBufferMax: 3 }, { clock, broker: broker.factory });
    const peer = world.peer();
    await peer.connect();
    broker.state.holding = true;
    peer.send({ id: 50, subscribe: { channel: 'room:1', recoverable: true } });
    await clock.advance(0);
    for (let n = 1; n <= 5; n++) await world.hub.forOrg('acme').publish('room:1', String(n));
    broker.release();
    const frames = await peer.frames();
    expect(frames[0]).toMatchObject({ id: 50, subscribe: { recoverable: true } });
    expect(frames[1]).toMatchObject({ push: { channel: 'room:1', unsubscribe: { code: 2500 } } });
    expect(frames).toHaveLength(2);
    await world.hub.dispose();
  });

  test('[CONT-7] a map that keeps no changes is not joined in another epoch than the one that is delivered', async () => {
    const clock = new FakeClock();
    const broker = held(clock, 'mapState');
    const namespaces = [
      {
        name: 'brief',
        type: 'map' as const,
        map: {
          mode: 'ephemeral' as const,
          keyTtlMs: 0,
          streamSize: 0,
          streamTtlMs: 0,
          clientKey: 'none' as const,
          maxKeys: 9,
        },
        allowSubscribe: open,
      },
    ];
    const world = createTestHub({ namespaces }, { clock, broker: broker.factory });
    const request = { channel: 'brief:1', type: 1, phase: 2 };
    const [first, second] = [world.peer(), world.peer()];
    await first.connect();
    await second.connect();
    await first.call({ subscribe: request });
    // The engine began anew, and nothing was published since.
    broker.state.change = (page) => ({ ...(page as Frame), position: { epoch: 'other', offset: 0 } });
    const refused = await second.call({ subscribe: request });
    expect(refused['error']).toMatchObject({ code: 1000, temporary: true });
    expect(await first.frames()).toMatchObject([{ push: { unsubscribe: { code: 2500 } } }]);
    expect(await second.call({ subscribe: request })).toMatchObject({ subscribe: { epoch: 'other' } });
    await world.hub.dispose();
  });

  test('[ORD-3] the reply to a publish waits for a subscription that is still under way', async () => {
    const clock = new FakeClock();
    const broker = held(clock, 'history');
    const world = createTestHub({}, { clock, broker: broker.factory });
    const peer = world.peer();
    await peer.connect();
    broker.state.holding = true;
    peer.send({ id: 50, subscribe: { channel: 'room:1', recoverable: true } });
    await clock.advance(0);
    peer.send({ id: 51, publish: { channel: 'room:1', data: 1 } });
    await clock.advance(0);
    expect(await peer.frames()).toEqual([]);
    broker.release();
    const frames = await peer.frames();
    expect(frames.map((frame) => frame['id'] ?? Object.keys(frame['push'] as Frame)[1])).toEqual([
      50,
      'pub',
      51,
    ]);
    await world.hub.dispose();
  });

  test('[ORD-3] it is not kept where that subscription fails', async () => {
    const clock = new FakeClock();
    const broker = held(clock, 'history');
    const world = createTestHub({ subscribeDeadlineMs: 500 }, { clock, broker: broker.factory });
    const peer = world.peer();
    await peer.connect();
    broker.state.holding = true;
    peer.send({ id: 50, subscribe: { channel: 'room:1', recoverable: true } });
    await clock.advance(0);
    peer.send({ id: 51, publish: { channel: 'room:1', data: 1 } });
    await clock.advance(600);
    expect((await peer.frames()).map((frame) => frame['id']).sort()).toEqual([50, 51]);
    await world.hub.dispose();
  });
});

describe('answers that overtake each other', () => {
  test('[CONT-1] an answer older than the one with which delivery started is no place to begin', async () => {
    const clock = new FakeClock();
    const late: (() => void)[] = [];
    let holding = false;
    const read = held(clock, 'history');
    const broker: BrokerFactory = (handler) =>
      read.factory({
        ...handler,
        onPublication: (...args) =>
          holding ? void late.push(() => handler.onPublication(...args)) : handler.onPublication(...args),
      });
    const world = createTestHub({}, { clock, broker });
    const api = world.hub.forOrg('acme');
    const [one, two] = [world.peer(), world.peer()];
    await one.connect();
    await two.connect();
    read.state.holding = true;
    one.send({ id: 50, subscribe: { channel: 'room:1', recoverable: true } });
    await clock.advance(0);
    // Both of these are published; the node hears of them late. The second reader's answer knows them.
    holding = true;
    for (const data of ['1', '2']) void api.publish('room:1', data);
    await clock.advance(0);
    read.state.holding = false;
    expect(await two.call({ subscribe: { channel: 'room:1', recoverable: true } })).toMatchObject({
      subscribe: { offset: 2 },
    });
    read.release();
    expect(await one.frames()).toMatchObject([{ id: 50, error: { code: 1000, temporary: true } }]);
    expect(await one.call({ subscribe: { channel: 'room:1', recoverable: true } })).toMatchObject({
      subscribe: { offset: 2 },
    });
    holding = false;
    for (const hand of late) hand();
    await api.publish('room:1', '3');
    await clock.advance(0);
    for (const peer of [one, two])
      expect(await peer.frames()).toMatchObject([{ push: { pub: { data: 3, offset: 3 } } }]);
    await world.hub.dispose();
  });
});

describe('a subscription that is ended by others', () => {
  test('[ORD-3] it is told before the replies that waited for its publications', async () => {
    const clock = new FakeClock();
    let losing = false;
    const memory = createMemoryBroker({ clock, random: createSeededRandom(7) });
    const broker: BrokerFactory = (handler) =>
      memory({
        ...handler,
        onPublication: (...args) => (losing ? undefined : handler.onPublication(...args)),
      });
    const world = createTestHub({}, { clock, broker });
    const peer = world.peer();
    await peer.connect();
    await peer.call({ subscribe: { channel: 'room:1', recoverable: true } });
    losing = true;
    peer.send({ id: 50, publish: { channel: 'room:1', data: 1 } });
    await clock.advance(0);
    expect(await peer.frames()).toEqual([]);
    const api = world.hub.forOrg('acme');
    const [{ client } = { client: '' }] = api.connections({}).connections;
    await api.unsubscribe('room:1', { client });
    expect(await peer.frames()).toMatchObject([
      { push: { channel: 'room:1', unsubscribe: { code: 2000 } } },
      { id: 50, publish: {} },
    ]);
    await world.hub.dispose();
  });
});

describe('pages of a map', () => {
  test('[MAP-1] the last page comes with what changed since the first, also where the broker has not delivered it yet', async () => {
    const clock = new FakeClock();
    const late: (() => void)[] = [];
    let holding = false;
    const memory = createMemoryBroker({ clock, random: createSeededRandom(7) });
    const broker: BrokerFactory = (handler) =>
      memory({
        ...handler,
        onPublication: (...args) =>
          holding ? void late.push(() => handler.onPublication(...args)) : handler.onPublication(...args),
      });
    const world = createTestHub({ mapPageMaxEntries: 1 }, { clock, broker });
    const api = world.hub.forOrg('acme');
    const peer = world.peer();
    await peer.connect();
    await api.mapPublish('map:1', 'a', '1');
    await api.mapPublish('map:1', 'b', '1');
    const request = { channel: 'map:1', type: 1, phase: 2 };
    const page = (await peer.call({ subscribe: request }))['subscribe'] as Frame;
    expect(page).toMatchObject({ offset: 2, state: [{ key: 'a', data: 1 }] });
    holding = true;
    for (const [key, data] of [
      ['a', '2'],
      ['b', '2'],
      ['b', '3'],
    ] as const)
      void api.mapPublish('map:1', key, data);
    await clock.advance(0);
    const last = await peer.call({
      subscribe: { ...request, cursor: page['cursor'], offset: 2, epoch: page['epoch'] },
    });
    expect(last).toMatchObject({
      subscribe: {
        offset: 5,
        state: [{ key: 'b', data: 3 }],
        publications: [
          { key: 'a', data: 2, offset: 3 },
          { key: 'b', data: 2, offset: 4 },
          { key: 'b', data: 3, offset: 5 },
        ],
      },
    });
    holding = false;
    for (const hand of late) hand();
    await api.mapPublish('map:1', 'a', '4');
    await clock.advance(0);
    expect(await peer.frames()).toMatchObject([{ push: { pub: { key: 'a', data: 4, offset: 6 } } }]);
    await world.hub.dispose();
  });
});

describe('replies to a reconnect', () => {
  test('[DELIV-7] a reconnect that recovers more than an outbox holds is answered as fast as it is read', async () => {
    const world = createTestHub({ outboxMaxBytes: 1_000, outboxMaxMessages: 10 });
    const api = world.hub.forOrg('acme');
    const channels = Array.from({ length: 12 }, (_, index) => `room:${index}`);
    const first = world.peer();
    await first.connect();
    const at = new Map<string, Frame>();
    for (const channel of channels) {
      const reply = await first.call({ subscribe: { channel, recoverable: true } });
      at.set(channel, reply['subscribe'] as Frame);
    }
    first.drop();
    for (const channel of channels)
      for (let n = 0; n < 4; n++) await api.publish(channel, JSON.stringify('x'.repeat(150)));
    const second = world.peer();
    await second.connect();
    second.transport.stall();
    second.send(
      ...channels.map((channel, index) => ({
        id: 100 + index,
        subscribe: {
          channel,
          recoverable: true,
          recover: true,
          epoch: at.get(channel)?.['epoch'],
          offset: 0,
        },
      })),
    );
    const replies: Frame[] = [];
    for (let turn = 0; turn < 40 && replies.length < channels.length; turn++) {
      await world.clock.advance(10);
      const [connection] = api.connections({}).connections;
      expect(connection?.outboxBytes).toBeLessThan(4_000);
      second.transport.unstall();
      second.transport.stall();
      replies.push(...(await second.frames()).filter(({ id }) => Number(id) >= 100));
    }
    expect(second.transport.closed).toBeUndefined();
    expect(replies.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(
      channels.map((_, index) => 100 + index),
    );
    for (const reply of replies)
      expect((reply['subscribe'] as { publications: unknown[] }).publications).toHaveLength(4);
    await world.hub.dispose();
  });

  test('[DELIV-4] a reply larger than the bound waits, and what is told behind it does not close the connection', async () => {
    const world = createTestHub({ outboxMaxBytes: 1_000, outboxMaxMessages: 10 });
    const api = world.hub.forOrg('acme');
    for (let n = 0; n < 5; n++) await api.publish('room:1', JSON.stringify('x'.repeat(900)));
    const peer = world.peer();
    await peer.connect();
    await peer.call({ subscribe: { channel: 'room:2', recoverable: true } });
    peer.transport.stall();
    await api.publish('room:2', '1');
    await world.clock.advance(0);
    peer.send({ id: 90, history: { channel: 'room:1', limit: 5 } });
    await world.clock.advance(0);
    // No room for publications: the reader is cut, which is told behind the large reply.
    await api.publish('room:2', '2');
    await world.clock.advance(0);
    expect(peer.transport.closed).toBeUndefined();
    peer.transport.unstall();
    const frames = await peer.frames();
    expect(frames.find(({ id }) => id === 90)).toMatchObject({ history: {} });
    expect(frames.at(-1)).toMatchObject({ push: { channel: 'room:2', unsubscribe: { code: 2500 } } });
    await world.hub.dispose();
  });

  test('[DELIV-7] a peer that goes while answers wait leaves nothing behind', async () => {
    const world = createTestHub({ outboxMaxBytes: 200 });
    const api = world.hub.forOrg('acme');
    for (let n = 0; n < 5; n++) await api.publish('room:1', JSON.stringify('x'.repeat(150)));
    const peer = world.peer();
    await peer.connect();
    peer.transport.stall();
    for (let id = 1; id <= 9; id++) peer.send({ id, history: { channel: 'room:1', limit: 5 } });
    await world.clock.advance(0);
    peer.drop();
    await world.clock.advance(0);
    expect(world.hub.stats()).toMatchObject({ connections: 0, outboxBytes: 0 });
    await world.hub.dispose();
  });
});
