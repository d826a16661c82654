import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import { channelKey } from '@trunkline/protocol';
import type { Broker, BrokerFactory } from './broker.js';
import { createMemoryBroker } from './memory.js';
import type { MemoryBrokerOptions } from './options.js';
import { brokerContract, Recorder } from './testing.js';
import { ALL, ANN, HOUR, KEPT, MAP, NEWS, OTHER, WHOLE } from './testing/fixture.js';

function memoryEngine(options?: Partial<MemoryBrokerOptions>): {
  clock: FakeClock;
  logger: MemoryLogger;
  factory: BrokerFactory;
} {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  return {
    clock,
    logger,
    factory: createMemoryBroker({ clock, random: createSeededRandom(7), logger }, options),
  };
}

brokerContract('memory', () => {
  const { clock, factory } = memoryEngine();
  const nodes: Broker[] = [];
  const make: BrokerFactory = (handler) => {
    const node = factory(handler);
    nodes.push(node);
    return node;
  };
  return {
    make,
    makePeer: make,
    advance: (ms) => clock.advance(ms),
    tickMs: 1_000,
    dispose: () => {
      for (const node of nodes) void node.dispose();
      expect(clock.pending).toBe(0);
    },
  };
});

describe('memory broker', () => {
  it('[BROKER-70] a handler that publishes does not overtake what it is being told', async () => {
    const { factory } = memoryEngine();
    const first = new Recorder();
    const second = new Recorder();
    const one = factory({
      onPublication: (key, publication, epoch) => {
        first.onPublication(key, publication, epoch);
        if (publication.data === '"ask"')
          void one.publish(NEWS, '"answer"', KEPT).then(() => answered.push('resolved'));
      },
      onJoin: () => undefined,
      onLeave: () => undefined,
      onControl: () => undefined,
      onResumed: () => undefined,
    });
    const answered: string[] = [];
    const two = factory(second);
    await one.subscribe(NEWS);
    await two.subscribe(NEWS);
    await two.publish(NEWS, '"ask"', KEPT);
    expect(first.data(NEWS)).toEqual(['"ask"', '"answer"']);
    expect(second.data(NEWS)).toEqual(['"ask"', '"answer"']);
    expect(second.offsets(NEWS)).toEqual([1, 2]);
    await Promise.resolve();
    expect(answered).toEqual(['resolved']);
  });

  it('[BROKER-71] a handler that throws is logged and the other nodes are served', async () => {
    const { factory, logger } = memoryEngine();
    const broken = new Recorder();
    broken.onPublication = () => {
      throw new Error('broken handler');
    };
    broken.onJoin = () => {
      throw new Error('broken handler');
    };
    const heard = new Recorder();
    const one = factory(broken);
    const two = factory(heard);
    await one.subscribe(NEWS);
    await two.subscribe(NEWS);
    await one.publish(NEWS, '1', KEPT);
    await one.publishJoin(NEWS, ANN);
    expect(heard.data(NEWS)).toEqual(['1']);
    expect(heard.presence).toHaveLength(1);
    expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'error']);
  });

  it('[BROKER-72] ages publications one by one; a short life takes older ones along', async () => {
    const { clock, factory } = memoryEngine();
    const broker = factory(new Recorder());
    const offsets = async (): Promise<number[]> =>
      (await broker.history(NEWS, ALL, HOUR)).publications.map(({ offset }) => offset);
    await broker.publish(NEWS, '1', { ...KEPT, historyTtlMs: 1_000 });
    await clock.advance(600);
    await broker.publish(NEWS, '2', { ...KEPT, historyTtlMs: 1_000 });
    await clock.advance(400);
    expect(await offsets()).toEqual([2]);
    await broker.publish(NEWS, '3', { ...KEPT, historyTtlMs: 100 });
    await broker.publish(NEWS, '4', { ...KEPT, historyTtlMs: 10_000 });
    await clock.advance(100);
    expect(await offsets()).toEqual([4]);
  });

  it('[BROKER-73] refuses channels beyond the limit, and has room again when one is forgotten', async () => {
    const { clock, factory } = memoryEngine({ maxChannels: 1 });
    const broker = factory(new Recorder());
    const short = { historySize: 1, historyTtlMs: 10, metaTtlMs: 10 };
    await broker.publish(NEWS, '1', short);
    await expect(broker.publish(OTHER, '1', short)).rejects.toMatchObject({
      code: 106,
      message: 'limit exceeded: maxChannels 1',
    });
    await expect(broker.publish(OTHER, '1', { ...short, historySize: 0 })).resolves.toMatchObject({
      deduplicated: false,
    });
    await broker.addPresence(NEWS, 'c', ANN, 10);
    await expect(broker.addPresence(OTHER, 'c', ANN, 10)).rejects.toMatchObject({ code: 106 });
    await clock.advance(10);
    expect((await broker.publish(OTHER, '1', short)).position.offset).toBe(1);
    await broker.addPresence(OTHER, 'c', ANN, 10);
    expect((await broker.presence(OTHER)).size).toBe(1);
  });

  it('[BROKER-74] holds one timer however much waits, and none without nodes', async () => {
    const { clock, factory } = memoryEngine();
    const broker = factory(new Recorder());
    for (let index = 0; index < 500; index++) {
      const key = channelKey('acme', `c${index}`);
      await broker.publish(key, '1', { ...KEPT, historyTtlMs: 1_000 + index });
      await broker.addPresence(key, 'c', ANN, 2_000 + index);
      await broker.mapPublish(key, 'k', '1', { ...MAP, keyTtlMs: 3_000 + index, idempotencyKey: 'i' });
    }
    expect(clock.pending).toBe(1);
    await broker.dispose();
    expect(clock.pending).toBe(0);
  });

  it('[BROKER-75] keys that ran out while there was no node are removed when one comes', async () => {
    const { clock, factory } = memoryEngine();
    const first = factory(new Recorder());
    await first.mapPublish(NEWS, 'a', '1', { ...MAP, keyTtlMs: 1_000 });
    await first.dispose();
    await clock.advance(5_000);
    const heard = new Recorder();
    const second = factory(heard);
    await second.subscribe(NEWS);
    await clock.advance(0);
    expect(heard.publications.map(({ publication }) => publication)).toMatchObject([
      { key: 'a', removed: true, offset: 2 },
    ]);
    await second.dispose();
  });

  it('[BROKER-76] a jump of wall time expires nothing', async () => {
    const { clock, factory } = memoryEngine();
    const broker = factory(new Recorder());
    await broker.publish(NEWS, '1', KEPT);
    await broker.addPresence(NEWS, 'c', ANN, 1_000);
    clock.jumpWall(1_000 * HOUR);
    await clock.advance(1);
    expect((await broker.history(NEWS, ALL, HOUR)).publications).toHaveLength(1);
    expect((await broker.presence(NEWS)).size).toBe(1);
  });

  it('[BROKER-77] forgets the oldest idempotency key beyond the limit', async () => {
    const { factory } = memoryEngine({ maxIdempotencyKeys: 2 });
    const broker = factory(new Recorder());
    for (const idempotencyKey of ['a', 'b', 'c'])
      await broker.publish(NEWS, '1', { ...KEPT, idempotencyKey });
    expect((await broker.publish(NEWS, '1', { ...KEPT, idempotencyKey: 'c' })).deduplicated).toBe(true);
    expect((await broker.publish(NEWS, '1', { ...KEPT, idempotencyKey: 'a' })).deduplicated).toBe(false);
  });

  it('[BROKER-77] a key remembered again outlives its first entry', async () => {
    const { clock, factory } = memoryEngine({ maxIdempotencyKeys: 2 });
    const broker = factory(new Recorder());
    const publish = async (idempotencyKey: string, idempotencyTtlMs: number): Promise<boolean> =>
      (await broker.publish(NEWS, '1', { ...KEPT, idempotencyKey, idempotencyTtlMs })).deduplicated;
    // The long one stands in front, so that the short one's entry is still there when its name is used again.
    expect([await publish('long', 50_000), await publish('short', 1_000)]).toEqual([false, false]);
    await clock.advance(1_000);
    expect([await publish('short', 50_000), await publish('third', 50_000)]).toEqual([false, false]);
    expect(await publish('short', 50_000)).toBe(true);
  });

  it('[BROKER-78] names a bad option', () => {
    expect(() => memoryEngine({ maxChannels: 0 })).toThrow('maxChannels must be a number of at least 1');
    expect(() => memoryEngine({ idempotencyTtlMs: NaN })).toThrow('idempotencyTtlMs');
  });

  it('[BROKER-79] forgets 20,000 idle channels, leaving no timer and no entry behind', async () => {
    const { clock, factory } = memoryEngine({ maxChannels: 20_000 });
    const broker = factory(new Recorder());
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 20_000; index++) {
        await broker.publish(channelKey('acme', `c${index}`), '1', {
          historySize: 1,
          historyTtlMs: 1_000,
          metaTtlMs: 2_000,
        });
      }
    };
    await fill();
    await expect(broker.publish(channelKey('acme', 'more'), '1', KEPT)).rejects.toMatchObject({ code: 106 });
    await clock.advance(2_000);
    expect(clock.pending).toBe(0);
    await fill();
    expect((await broker.history(channelKey('acme', 'c19999'), ALL, 1_000)).position.offset).toBe(1);
  });

  it('[BROKER-41] orders and pages 3,000 keys inserted and removed in any order', async () => {
    const { factory } = memoryEngine();
    const broker = factory(new Recorder());
    const random = createSeededRandom(3);
    const present = new Set<string>();
    for (let turn = 0; turn < 6_000; turn++) {
      const key = `k${Math.floor(random.next() * 3_000)}`;
      if (random.next() < 0.7) {
        present.add(key);
        await broker.mapPublish(NEWS, key, '1', { ...MAP, streamSize: 0, maxKeys: 10_000 });
      } else {
        present.delete(key);
        await broker.mapRemove(NEWS, key, { ...MAP, streamSize: 0 });
      }
    }
    const paged: unknown[] = [];
    let cursor = '';
    do {
      const page = await broker.mapState(NEWS, { ...WHOLE, cursor, limit: 97 }, HOUR);
      paged.push(...page.entries.map(({ key }) => key));
      cursor = page.cursor;
    } while (cursor !== '');
    expect(paged).toEqual([...present].sort());
  });
});
