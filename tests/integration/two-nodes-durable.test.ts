/**
 * Two servers on one Redis and one PostgreSQL: durable channels and commands do not care which node does the work, which one dies, or over which one a
 * client comes back.
 */
import { createClient, type Client, type Untyped } from '@trunkline/client';
import { createOfflineQueue, memoryStore } from '@trunkline/client/offline';
import type { CodedError } from '@trunkline/protocol';
import {
  Kit,
  startPostgres,
  startRedis,
  until,
  wait,
  type RedisServer,
  type TestServer,
} from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { gather } from '../support/crowd.js';
import { readEvents, startDurableServer, verifyCounter } from '../support/durable-server.js';
import { ServerOrders } from '../support/server-orders.js';

const fileKit = new Kit();
let kit: Kit;
let redis: RedisServer;
let one: TestServer;
let two: TestServer;
beforeAll(async () => {
  redis = fileKit.use(await startRedis());
  const postgres = fileKit.use(await startPostgres());
  const start = async (): Promise<TestServer> =>
    (
      await startDurableServer(fileKit, 'PostgreSQL', {
        storeUrl: postgres.url,
        env: { TRUNKLINE_REDIS_URL: redis.url },
        // Nodes on one database share the key of its secrets.
        config: { secrets: { key: Buffer.alloc(32, 7).toString('base64') } },
      })
    ).server;
  // Both make the tables at once.
  [one, two] = await Promise.all([start(), start()]);
}, 120_000);
afterAll(() => fileKit.dispose());
beforeEach(() => {
  kit = new Kit();
});
afterEach(() => kit.dispose());

let names = 0;
const newName = (): string => `n${++names}`;

function open(url: string): Client<Untyped> {
  return kit.use(
    createClient<Untyped>({
      url,
      websocket: WebSocket,
      minDelayMs: 20,
      maxDelayMs: 200,
      connectTimeoutMs: 2_000,
      pingGraceMs: 500,
      onError: () => undefined,
    }),
  );
}

const codeOf = (work: Promise<unknown>): Promise<number> =>
  work.then(
    () => 0,
    (error: CodedError) => error.code,
  );

describe('durable channels on two nodes', { timeout: 120_000 }, () => {
  it('[DUR-9] [DUR-3] published through both, read on both in one order, while a node and Redis die and a reader changes sides', async () => {
    const channel = `kept:${newName()}`;
    const path = await kit.proxy(two);
    const crowds = [
      await gather(kit, 'trunkline', one.wsUrl, 1, [channel]),
      await gather(kit, 'stock', one.wsUrl, 1, [channel]),
      await gather(kit, 'trunkline', path.wsUrl, 1, [channel]),
      await gather(kit, 'stock', path.wsUrl, 1, [channel]),
    ];
    const checkers = crowds.flatMap((crowd) => crowd.checkers);
    const count = 300;
    let restarting: Promise<unknown> = Promise.resolve();
    for (let seq = 1; seq <= count; seq++) {
      if (seq === 100) {
        await two.kill9();
        path.retarget(one.port);
      }
      if (seq === 150) restarting = two.restart();
      if (seq === 200) restarting = restarting.then(() => redis.restart());
      const request = { channel, data: { seq }, idempotency_key: `${channel} ${seq}` };
      // Whichever node answers; a repeat may come to the other one.
      for (let tries = seq; ; tries++) {
        const server = tries % 2 === 0 && two.running ? two : one;
        const answer = await server.api('publish', request).catch(() => undefined);
        if (answer?.body.result !== undefined) {
          expect(answer.body.result['offset']).toBe(seq);
          break;
        }
        await wait(20);
      }
    }
    await restarting;
    await until('all', () => checkers.every(({ last }) => last === count), 30_000).catch(() => undefined);
    for (const checker of checkers) checker.verify(count);
  });

  it('[DUR-9] [DUR-2] what a node committed and did not hand on before it died, the other one hands on', async () => {
    const id = newName();
    const orders = new ServerOrders(two);
    const seen: unknown[] = [];
    const reader = open(one.wsUrl).stream(`counter:${id}`, { onPublication: ({ data }) => seen.push(data) });
    await until('it is live', () => reader.state.get().kind === 'live');
    await orders.give({ sql: 'DELETE FROM store_outbox|UPDATE store_lanes l', at: 0, then: 'die' });
    const call = codeOf(
      open(two.wsUrl).command('counter.add', { id, by: 1, note: 'a' }, { key: id, timeoutMs: 2_000 }),
    );
    await until('it dies', () => !two.running);
    await until('the reader has it', () => seen.length === 1);
    expect(seen).toEqual([{ by: 1, note: 'a' }]);
    await two.restart();
    await call;
  });
});

describe('commands on two nodes', { timeout: 120_000 }, () => {
  it('[DUR-9] [CMD-1] one key at both nodes at once: one effect, one answer', async () => {
    const id = newName();
    const clients = [open(one.wsUrl), open(two.wsUrl)];
    for (let n = 0; n < 30; n++) {
      const [left, right] = await Promise.all(
        clients.map((client) =>
          client.command('counter.add', { id, by: 1, note: `${n}` }, { key: `${id} ${n}` }),
        ),
      );
      expect(left).toEqual(right);
      expect(left).toMatchObject({ result: { value: n + 1 }, position: { offset: n + 1 } });
    }
    expect(
      await codeOf((clients[1] as Client<Untyped>).command('counter.add', { id, by: 2 }, { key: `${id} 0` })),
    ).toBe(1006);
  });

  it.each([
    ['before its commit', 5],
    ['after its commit', 99],
  ])('[DUR-9] [CMD-1] a node that dies %s: repeated at the other one, it took effect once', async (_, at) => {
    const id = newName();
    const orders = new ServerOrders(two);
    const path = await kit.proxy(two);
    const client = open(path.wsUrl);
    await client.command('counter.add', { id, by: 1, note: 'first' }, { key: `${id} first` });
    const transaction = { sql: 'INSERT INTO counter_values', at, then: 'die' as const };
    // After the commit: when the event is taken to be handed on, before the answer.
    await orders.give(at < 99 ? transaction : { sql: 'UPDATE store_lanes l', at: 0, then: 'die' });
    const answer = client.command('counter.add', { id, by: 2, note: 'second' }, { key: `${id} second` });
    await until('it dies', () => !two.running);
    path.retarget(one.port);
    expect(await answer).toMatchObject({ result: { value: 3 }, position: { offset: 2 } });
    await verifyCounter(one, id, [
      { by: 1, note: 'first' },
      { by: 2, note: 'second' },
    ]);
    await two.restart();
  });

  it('[CMD-7] a command that was given up while a node held it is overtaken: it never takes effect', async () => {
    const id = newName();
    const orders = new ServerOrders(two);
    const call = (client: Client<Untyped>, seq: number, by: number): Promise<{ readonly result: unknown }> =>
      client.command('counter.add', { id, by, note: `${seq}` }, { key: `${id} ${seq}`, seq, instance: id });
    const client = open(two.wsUrl);
    await call(client, 1, 1);
    // The node has the call, and is about to begin its transaction, when the caller goes away.
    await orders.give({ sql: 'INSERT INTO counter_values', at: 0, then: 'wait' });
    const held = codeOf(call(client, 2, 2));
    await orders.met();
    await client.dispose();
    expect(await held).toBeGreaterThan(0);
    const other = open(one.wsUrl);
    expect(await call(other, 3, 4)).toMatchObject({ result: { value: 5 } });
    await orders.takeBack();
    // The node goes on with what it held; what it is asked now is committed after that.
    await open(two.wsUrl).command('counter.add', { id: `${id} other`, by: 1 }, { key: `${id} other` });
    const wanted = [
      { by: 1, note: '1' },
      { by: 4, note: '3' },
    ];
    await verifyCounter(two, id, wanted);
    expect(await codeOf(call(other, 2, 2))).toBe(1009);
    expect(await call(other, 3, 4)).toMatchObject({ result: { value: 5 } });
    await verifyCounter(one, id, wanted);
  });

  it('[CMD-7] [OFFLINE-3] a queue whose client is moved between nodes that die: once each, in order', async () => {
    const id = newName();
    const path = await kit.proxy(one);
    path.cut();
    const queue = createOfflineQueue(open(path.wsUrl), {
      store: memoryStore(),
      minDelayMs: 20,
      maxDelayMs: 200,
    });
    const commands = Array.from({ length: 120 }, (_, index) => ({ by: index + 1, note: `q${index}` }));
    const outcomes = [];
    for (const command of commands)
      outcomes.push((await queue.add('counter.add', { id, ...command })).outcome);
    path.restore();
    let at = one;
    const ended = Promise.all(outcomes);
    let done = 0;
    for (const outcome of outcomes) void outcome.then(() => done++);
    for (let turn = 0; done < commands.length; turn++) {
      const other = at === one ? two : one;
      path.retarget(other.port);
      if (turn % 3 === 0) await at.kill9();
      path.drop();
      // Everywhere something gets done, also where a connection takes its time.
      const before = done;
      await wait(150);
      await until('it goes on', () => done > before || done === commands.length);
      if (!at.running) await at.restart();
      at = other;
    }
    expect((await ended).map(({ status }) => status)).toEqual(commands.map(() => 'done'));
    await verifyCounter(one, id, commands);
    expect((await readEvents(one, id)).map(({ note }) => note)).toEqual(commands.map(({ note }) => note));
    await queue.dispose();
  });
});
