/** The broker on a Redis that is late, half gone, demoted, full, emptied of its scripts, or given names meant to confuse it. */
import { createSystemClock, createSystemRandom } from '@trunkline/base';
import type { Broker, BrokerHandler } from '@trunkline/broker';
import { createRedisBroker, type RedisBrokerOptions } from '@trunkline/broker/redis';
import { Recorder } from '@trunkline/broker/testing';
import { channelKey } from '@trunkline/protocol';
import { freePort, Kit, startProxy, startRedis, until, wait, type RedisServer } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const clock = createSystemClock();
const random = createSystemRandom();
const NEWS = channelKey('acme', 'news');
const KEPT = { historySize: 100, historyTtlMs: 3_600_000, metaTtlMs: 7_200_000 };
const MAP = { streamSize: 100, streamTtlMs: 3_600_000, metaTtlMs: 7_200_000, keyTtlMs: 0, maxKeys: 1_000 };
const ALL = { limit: Infinity, reverse: false };
const FAST = {
  sweepIntervalMs: 20,
  heartbeatIntervalMs: 200,
  commandTimeoutMs: 10_000,
  maxReconnectDelayMs: 50,
};
/** Where a test waits for a command to be given up. */
const IMPATIENT = { commandTimeoutMs: 1_000 };

const fileKit = new Kit();
let shared: RedisServer;
let kit: Kit;
let tests = 0;

beforeAll(async () => {
  shared = fileKit.use(await startRedis());
});
afterAll(() => fileKit.dispose());
beforeEach(() => {
  kit = new Kit();
  tests++;
});
afterEach(() => kit.dispose());

function node(handler: BrokerHandler, options: Partial<RedisBrokerOptions> = {}): Broker {
  const given = { url: shared.url, prefix: `faults${tests}`, ...FAST, ...options };
  return kit.use(createRedisBroker({ clock, random }, given)(handler));
}

/** A server of its own behind a path that breaks on command. */
async function behindProxy(port: number) {
  const path = kit.use(await startProxy(port));
  return { path, url: `redis://127.0.0.1:${path.port}` };
}

const publishes = (broker: Broker, data: string) =>
  until('it publishes', () => broker.publish(NEWS, data, KEPT).catch(() => undefined));

describe('connections', () => {
  test('[BROKER-101] a node that starts before its Redis hears control messages and channels once it is there', async () => {
    const { path, url } = await behindProxy(shared.port);
    path.cut();
    const heard = new Recorder();
    const late = node(heard, { url, ...IMPATIENT });
    await expect(late.subscribe(NEWS)).rejects.toMatchObject({ code: 1000 });
    await wait(500);
    path.restore();
    await until('it listens', () =>
      late.subscribe(NEWS).then(
        () => true,
        () => false,
      ),
    );
    const other = node(new Recorder());
    await until('control', async () => {
      await other.sendControl('hello');
      return heard.control.includes('hello');
    });
    await other.publish(NEWS, '1', KEPT);
    await until('delivery', () => heard.data(NEWS).length > 0);
  });

  test('[BROKER-90] what found no connection in time is never sent later', async () => {
    const { path, url } = await behindProxy(shared.port);
    const heard = new Recorder();
    const broker = node(heard, { url, ...IMPATIENT });
    await publishes(broker, 'before');
    path.cut();
    await expect(broker.publish(NEWS, 'too late', KEPT)).rejects.toMatchObject({ code: 1000 });
    await expect(broker.publish(NEWS, 'too late', KEPT)).rejects.toMatchObject({ code: 1000 });
    path.restore();
    await publishes(broker, 'after');
    const { publications } = await broker.history(NEWS, ALL, 1_000);
    expect(publications.map(({ data }) => data)).toEqual(['before', 'after']);
  });

  test('[BROKER-93] both connections that died without a word are made anew', async () => {
    const { path, url } = await behindProxy(shared.port);
    const heard = new Recorder();
    const broker = node(heard, { url, ...IMPATIENT });
    const other = node(new Recorder());
    await broker.subscribe(NEWS);
    path.halfOpen();
    await publishes(broker, '1');
    await until('resumed', () => heard.resumed > 0);
    await other.publish(NEWS, '2', KEPT);
    await until('delivery', () => heard.data(NEWS).includes('2'));
  });

  test('[BROKER-93] a busy listening connection is not taken for a dead one', async () => {
    const { path, url } = await behindProxy(shared.port);
    const heard = new Recorder();
    // Long beside whatever may hold this process up: a connection that brings nothing for two of these is made anew.
    const heartbeatIntervalMs = 2_500;
    const broker = node(heard, { url, heartbeatIntervalMs, commandTimeoutMs: 20_000 });
    const other = node(new Recorder());
    await broker.subscribe(NEWS);
    // A pulse takes longer than two intervals, but something comes all the time.
    path.delay(heartbeatIntervalMs * 1.2);
    for (let n = 0; n < 300; n++) {
      await other.publish(NEWS, String(n), KEPT);
      await wait(20);
    }
    await until('all', () => heard.data(NEWS).length === 300);
    expect(heard.resumed).toBe(0);
  });

  test('[BROKER-94] a hundred cuts in a row are told and healed each time', async () => {
    const { path, url } = await behindProxy(shared.port);
    const heard = new Recorder();
    const broker = node(heard, { url, maxReconnectDelayMs: 1 });
    await broker.subscribe(NEWS);
    for (let n = 0; n < 100; n++) {
      path.drop();
      const before = heard.resumed;
      await until('resumed', () => heard.resumed > before, 20_000, 1);
    }
    await publishes(broker, 'end');
    expect(heard.data(NEWS)).toEqual(['end']);
  });

  test('[BROKER-94] a reader whose backlog Redis gave up on is told to compare', async () => {
    const own = kit.use(await startRedis());
    await own.ask('CONFIG SET client-output-buffer-limit "pubsub 256kb 128kb 1"');
    const { path, url } = await behindProxy(own.port);
    const heard = new Recorder();
    const broker = node(heard, { url, heartbeatIntervalMs: 60_000, commandTimeoutMs: 5_000 });
    const other = node(new Recorder(), { url: own.url });
    await broker.subscribe(NEWS);
    path.stall('toClient');
    const large = 'x'.repeat(1_000_000);
    for (let n = 0; n < 20; n++) await other.publish(NEWS, large, { ...KEPT, historySize: 1 });
    path.restore();
    await until('resumed', () => heard.resumed > 0);
    await other.publish(NEWS, 'last', KEPT);
    await until('delivery', () => heard.data(NEWS).at(-1) === 'last');
  });

  test('[BROKER-10] dispose ends at once what waits for a connection', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const broker = node(new Recorder(), { url, commandTimeoutMs: 60_000 });
    const waiting = [broker.subscribe(NEWS), broker.publish(NEWS, '1', KEPT), broker.sendControl('x')];
    const outcomes = Promise.allSettled(waiting);
    await broker.dispose();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 1005 } });
  });
});

describe('servers', () => {
  test('[BROKER-102] a server that forgot its scripts is given them again', async () => {
    const broker = node(new Recorder());
    await broker.publish(NEWS, '1', KEPT);
    await shared.ask('SCRIPT FLUSH');
    const positions = await Promise.all(['2', '3', '4'].map((data) => broker.publish(NEWS, data, KEPT)));
    expect(positions.map(({ position }) => position.offset)).toEqual([2, 3, 4]);
  });

  test('[BROKER-102] a demoted server is left for the one that took its address', async () => {
    const old = kit.use(await startRedis());
    const { path, url } = await behindProxy(old.port);
    const heard = new Recorder();
    const broker = node(heard, { url, ...IMPATIENT });
    await broker.subscribe(NEWS);
    await publishes(broker, '1');
    await old.ask(`REPLICAOF 127.0.0.1 ${shared.port}`);
    // The open connections still lead to the old server.
    path.retarget(shared.port);
    await expect(broker.publish(NEWS, '2', KEPT)).rejects.toMatchObject({ code: 1000 });
    await publishes(broker, '3');
    await until('resumed', () => heard.resumed > 0);
    await node(new Recorder()).publish(NEWS, '4', KEPT);
    await until('delivery', () => heard.data(NEWS).includes('4'));
  });

  test('[BROKER-102] a full server refuses what writes, and changes nothing by half', async () => {
    const own = kit.use(await startRedis());
    const broker = node(new Recorder(), { url: own.url });
    await broker.publish(NEWS, '1', KEPT);
    await own.ask('CONFIG SET maxmemory 1');
    await expect(broker.publish(NEWS, '2', KEPT)).rejects.toMatchObject({ code: 1000, temporary: true });
    await expect(broker.mapPublish(NEWS, 'k', '2', MAP)).rejects.toMatchObject({ code: 1000 });
    await own.ask('CONFIG SET maxmemory 0');
    expect((await broker.publish(NEWS, '3', KEPT)).position.offset).toBe(2);
  });
});

describe('names and numbers', () => {
  test('[BROKER-99] no idempotency key reaches into another channel', async () => {
    const broker = node(new Recorder());
    const inner = channelKey('acme', 'a}:i:b');
    const outer = channelKey('acme', 'a');
    await broker.publish(inner, '1', KEPT);
    for (const idempotencyKey of ['b}:m', 'b}:s', 'b}', 'b}:x'])
      await broker.publish(outer, '1', { ...KEPT, idempotencyKey });
    expect((await broker.publish(inner, '2', KEPT)).position.offset).toBe(2);
    const first = await broker.publish(channelKey('acme', 'c}:d'), '1', { ...KEPT, idempotencyKey: 'e' });
    const second = await broker.publish(channelKey('acme', 'c'), '1', { ...KEPT, idempotencyKey: 'd}:e' });
    expect([first.deduplicated, second.deduplicated]).toEqual([false, false]);
  });

  test('[BROKER-4] odd names, payloads, tags and users come back as they were', async () => {
    const heard = new Recorder();
    const broker = node(heard);
    const key = channelKey('acme', '{odd} \u0000\n\u{1f600}}:m');
    const info = { client: '', user: '', connInfo: '{"a":"\\n"}' };
    const tags = JSON.parse('{"__proto__":"x","constructor":"y","":"z"}') as Record<string, string>;
    const payloads = ['a\n\n\n\nb', '\u0000', '', '"'.repeat(4_000_000), new Uint8Array([0, 10, 255])];
    await broker.subscribe(key);
    for (const data of payloads) await broker.publish(key, data, { ...KEPT, tags, info });
    expect(heard.data(key)).toEqual(payloads);
    const { publications } = await broker.history(key, ALL, 1_000);
    expect(publications.map(({ data }) => data)).toEqual(payloads);
    expect(JSON.stringify(publications[0]?.tags)).toBe(JSON.stringify(tags));
    expect(publications[0]?.info).toEqual(info);
    for (const entryKey of ['\n', '\u0000', '\ud800', '__proto__', '}{'])
      await broker.mapPublish(key, entryKey, 'a\nb', { ...MAP, tags });
    const { entries } = await broker.mapState(key, { cursor: '', limit: 10, maxBytes: 1_000_000 }, 1_000);
    expect(entries.map((entry) => entry.key)).toEqual(['\u0000', '\n', '__proto__', '}{', '\ud800']);
    await broker.mapRemove(key, '\ud800', MAP);
    expect(heard.publications.at(-1)?.publication).toMatchObject({ key: '\ud800', removed: true });
    await broker.addPresence(key, 'c', info, 60_000);
    expect(await broker.presenceStats(key)).toEqual({ numClients: 1, numUsers: 1 });
    await broker.removePresence(key, 'c');
    expect(await broker.presenceStats(key)).toEqual({ numClients: 0, numUsers: 0 });
  });

  test('[BROKER-98] the sweep keeps up with a thousand maps at once, also behind one that cannot be swept', async () => {
    const broker = node(new Recorder(), { sweepIntervalMs: 300, commandTimeoutMs: 5_000 });
    const other = node(new Recorder(), { sweepIntervalMs: 300, commandTimeoutMs: 5_000 });
    const keys = Array.from({ length: 1_000 }, (_, n) => channelKey('acme', `swept:${n}`));
    await shared.ask(`ZADD faults${tests}:maps 1 acme-bad`);
    await shared.ask(`SET faults${tests}:M:{acme-bad} rubbish`);
    const published = await Promise.all(
      keys.map((key) => broker.mapPublish(key, 'k', '1', { ...MAP, keyTtlMs: 50 })),
    );
    expect(published.every(({ applied }) => applied)).toBe(true);
    await until(
      'all are gone from the index',
      async () => (await shared.ask(`ZCARD faults${tests}:maps`)) === ':1',
    );
    const { publications } = await other.mapStream(keys[500] ?? NEWS, ALL, 1_000);
    expect(publications.map(({ removed }) => removed === true)).toEqual([false, true]);
  });

  test('[BROKER-98] one sweep removes all that is due, thousands of keys of one map too', async () => {
    const broker = node(new Recorder(), { sweepIntervalMs: 4_000, commandTimeoutMs: 10_000 });
    const many = { ...MAP, maxKeys: 10_000, keyTtlMs: 50 };
    await Promise.all(Array.from({ length: 6_000 }, (_, n) => broker.mapPublish(NEWS, `k${n}`, '1', many)));
    const index = async () => await shared.ask(`ZCARD faults${tests}:maps`);
    await until('all are gone', async () => (await index()) === ':0', 14_000);
    const { position } = await broker.mapStream(NEWS, { limit: 0, reverse: false }, 1_000);
    expect(position.offset).toBe(12_000);
  });

  test('[BROKER-42] a page of large entries does not read those that it will not hold', async () => {
    const broker = node(new Recorder(), { commandTimeoutMs: 10_000 });
    const large = { ...MAP, streamSize: 0 };
    for (let n = 0; n < 60; n++) await broker.mapPublish(NEWS, `k${n}`, 'x'.repeat(500_000), large);
    const peak = async () =>
      Number(
        /\d+/.exec(
          await shared.ask(
            "EVAL \"return redis.call('INFO', 'memory'):match('used_memory_peak:(%d+)')*1\" 0",
          ),
        )?.[0],
      );
    const before = await peak();
    const page = await broker.mapState(NEWS, { cursor: '', limit: 100, maxBytes: 60_000 }, 1_000);
    expect(page.entries).toHaveLength(1);
    expect((await peak()) - before).toBeLessThan(10_000_000);
  });

  test('[BROKER-98] what is left in the index of a map that is gone goes too', async () => {
    const broker = node(new Recorder());
    await shared.ask(`ZADD faults${tests}:maps 1 acme-gone`);
    await until('gone', async () => (await shared.ask(`ZCARD faults${tests}:maps`)) === ':0');
    expect((await broker.mapPublish(NEWS, 'k', '1', MAP)).applied).toBe(true);
  });

  test('[BROKER-97] a publication that a handler throws at does not hold up its publisher', async () => {
    const heard = new Recorder();
    heard.onPublication = () => {
      throw new Error('handler');
    };
    const broker = node(heard, { commandTimeoutMs: 60_000 });
    await broker.subscribe(NEWS);
    expect((await broker.publish(NEWS, '1', KEPT)).position.offset).toBe(1);
  });
});
