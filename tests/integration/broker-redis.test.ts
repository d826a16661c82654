/** The broker on a real Redis: the contract suite, and what a server that dies, hangs or forgets does to nodes. */
import { createSystemClock, createSystemRandom } from '@trunkline/base';
import type { Broker, BrokerHandler } from '@trunkline/broker';
import { createRedisBroker, type RedisBrokerOptions } from '@trunkline/broker/redis';
import { brokerContract, Recorder } from '@trunkline/broker/testing';
import { channelKey } from '@trunkline/protocol';
import { startRedis, until, wait, type RedisServer } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const clock = createSystemClock();
const random = createSystemRandom();
const NEWS = channelKey('acme', 'news');
const KEPT = { historySize: 100, historyTtlMs: 3_600_000, metaTtlMs: 7_200_000 };
const ALL = { limit: Infinity, reverse: false };
const FAST = {
  sweepIntervalMs: 20,
  heartbeatIntervalMs: 300,
  commandTimeoutMs: 1_000,
  maxReconnectDelayMs: 50,
};

let redis: RedisServer;
let engines = 0;
const nodes: Broker[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.dispose();
});
afterAll(() => redis.dispose());

function node(handler: BrokerHandler, options: Partial<RedisBrokerOptions> = {}): Broker {
  const broker = createRedisBroker(
    { clock, random },
    { url: redis.url, prefix: `test${engines}`, ...FAST, ...options },
  )(handler);
  nodes.push(broker);
  return broker;
}

/** A node that is connected: messages to all nodes reach those that are there. */
async function ready(handler: BrokerHandler): Promise<Broker> {
  const broker = node(handler);
  await broker.subscribe(channelKey('acme', 'ready'));
  await broker.unsubscribe(channelKey('acme', 'ready'));
  return broker;
}

brokerContract('redis', () => {
  engines++;
  return {
    make: ready,
    makePeer: ready,
    advance: wait,
    // An answer may be late by one of these.
    tickMs: 300,
    propertyRuns: 30,
    dispose: async () => {
      for (const one of nodes.splice(0)) await one.dispose();
    },
  };
});
describe('a Redis with faults', () => {
  test('[BROKER-90] a server that dies is told as unavailable, and one that comes back as resumed', async () => {
    const own = await startRedis({ durable: true });
    const heard = new Recorder();
    const broker = node(heard, { url: own.url });
    try {
      await broker.subscribe(NEWS);
      const { position } = await broker.publish(NEWS, '1', KEPT);
      await own.kill9();
      await expect(broker.publish(NEWS, '2', KEPT)).rejects.toMatchObject({ code: 1000, temporary: true });
      await own.restart();
      await until('resumed', () => heard.resumed > 0);
      const after = await until('it publishes again', () =>
        broker.publish(NEWS, '3', { ...KEPT, idempotencyKey: 'three' }).catch(() => undefined),
      );
      expect(after.position.epoch).toBe(position.epoch);
      expect(heard.data(NEWS)).toEqual(['1', '3']);
      expect((await broker.history(NEWS, ALL, 1_000)).publications.map(({ data }) => data)).toContain('3');
    } finally {
      await broker.dispose();
      await own.dispose();
    }
  });

  test('[BROKER-91] a server that forgot everything begins another epoch', async () => {
    const own = await startRedis();
    const heard = new Recorder();
    const broker = node(heard, { url: own.url });
    try {
      await broker.subscribe(NEWS);
      const { position } = await broker.publish(NEWS, '1', KEPT);
      await own.restart();
      const after = await until('it publishes again', () =>
        broker.publish(NEWS, '2', KEPT).catch(() => undefined),
      );
      expect(after.position.offset).toBe(1);
      expect(after.position.epoch).not.toBe(position.epoch);
    } finally {
      await broker.dispose();
      await own.dispose();
    }
  });

  test('[BROKER-92] a server that hangs is told within the time for a command, and delivers when it goes on', async () => {
    const own = await startRedis();
    const heard = new Recorder();
    const broker = node(heard, { url: own.url });
    try {
      await broker.subscribe(NEWS);
      own.freeze();
      await expect(broker.publish(NEWS, '1', KEPT)).rejects.toMatchObject({ code: 1000 });
      own.thaw();
      await until('it publishes again', () => broker.publish(NEWS, '2', KEPT).catch(() => undefined));
      // Where the listening connection was being made anew, the hub is told to compare instead.
      await until('and delivers', () => heard.data(NEWS).includes('2') || heard.resumed > 0);
      await broker.publish(NEWS, '3', KEPT);
      expect(heard.data(NEWS).at(-1)).toBe('3');
    } finally {
      own.thaw();
      await broker.dispose();
      await own.dispose();
    }
  });

  test('[BROKER-93] a listening connection that was cut is noticed, and what it missed is asked for', async () => {
    const heard = new Recorder();
    const broker = node(heard);
    await broker.subscribe(NEWS);
    await broker.publish(NEWS, '1', KEPT);
    expect(await redis.ask('CLIENT KILL TYPE pubsub')).toBe(':1');
    await until('resumed', () => heard.resumed > 0);
    await broker.publish(NEWS, '2', KEPT);
    expect(heard.data(NEWS)).toEqual(['1', '2']);
  });

  test('[BROKER-94] 5,000 interests are renewed after a cut', async () => {
    const heard = new Recorder();
    const broker = node(heard, { commandTimeoutMs: 10_000 });
    const keys = Array.from({ length: 5_000 }, (_, index) => channelKey('acme', `many:${index}`));
    await Promise.all(keys.map((key) => broker.subscribe(key)));
    await redis.ask('CLIENT KILL TYPE pubsub');
    await until('resumed', () => heard.resumed > 0);
    await Promise.all(
      keys.map((key, index) => broker.publish(key, String(index), { ...KEPT, historySize: 0 })),
    );
    expect(heard.publications).toHaveLength(5_000);
  });

  test('[BROKER-95] commands under way are bounded; one more is refused', async () => {
    const broker = node(new Recorder(), { maxPending: 10 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => broker.publish(NEWS, '1', KEPT)),
    );
    const accepted = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThanOrEqual(10);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(50 - accepted);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 1000 });
  });

  test('[BROKER-96] two installations on one server hear nothing of each other', async () => {
    const ours = new Recorder();
    const theirs = new Recorder();
    const one = node(ours, { prefix: 'one' });
    const two = node(theirs, { prefix: 'two' });
    await one.subscribe(NEWS);
    await two.subscribe(NEWS);
    await one.publish(NEWS, '1', KEPT);
    await one.sendControl('x');
    await two.publish(NEWS, '2', KEPT);
    expect(ours.data(NEWS)).toEqual(['1']);
    expect(theirs.data(NEWS)).toEqual(['2']);
    expect((await two.history(NEWS, ALL, 1_000)).position.offset).toBe(1);
    expect(theirs.control).toEqual([]);
  });
});
