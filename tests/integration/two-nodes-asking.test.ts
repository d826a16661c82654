/**
 * Two servers on one Redis that ask each other: lists of the whole deployment at either of them, a node that does not answer is named, and HTTP streams
 * whose requests a balancer hands out in turn.
 */
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  collectEvents,
  fromWire,
  Kit,
  signToken,
  startRedis,
  subscribed,
  toWire,
  until,
  type RedisServer,
  type TestServer,
  type Wire,
} from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const SECRET = 'a secret of the tests, long enough for HMAC';
const KEY = 'key of acme, long';
const ALL = 'key of all, long';

const kit = new Kit();
let redis: RedisServer;
let one: TestServer;
let two: TestServer;
let balancer: Balancer;

const start = (name: string): Promise<TestServer> =>
  kit.server({
    config: {
      node: { id: name, name: `server ${name}` },
      auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
      api: {
        keys: [
          { name: 'acme', org: 'acme', key: KEY },
          { name: 'rival', org: 'rival', key: 'key of rival, long' },
          { name: 'all', org: '*', key: ALL },
        ],
      },
      channels: {
        namespaces: [
          {
            name: 'room',
            historySize: 2_000,
            forceRecovery: true,
            allowSubscribe: ['user'],
            allowPublish: ['user'],
            allowHistory: ['user'],
          },
        ],
      },
    },
    env: { TRUNKLINE_REDIS_URL: redis.url },
    apiKey: KEY,
  });

beforeAll(async () => {
  redis = kit.use(await startRedis());
  [one, two] = await Promise.all([start('one'), start('two')]);
  balancer = kit.use(await startBalancer([one.port, two.port]));
  await until('both know each other', async () => {
    const counts = await Promise.all([one, two].map(async (server) => (await nodes(server)).length));
    return counts.every((count) => count === 2);
  });
});
afterAll(() => kit.dispose());

/** A balancer without a memory: each request goes to the next server. */
interface Balancer {
  readonly port: number;
  /** Requests that went to each, by path. */
  readonly counts: ReadonlyMap<string, readonly number[]>;
  dispose(): Promise<void>;
}

async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  let turn = 0;
  const counts = new Map<string, number[]>();
  const server: Server = createServer((incoming, outgoing) => {
    const at = turn++ % ports.length;
    const path = (incoming.url ?? '/').split('?')[0] ?? '/';
    const count = counts.get(path) ?? ports.map(() => 0);
    counts.set(path, count);
    count[at] = (count[at] ?? 0) + 1;
    const passed = httpRequest(
      {
        port: ports[at],
        host: '127.0.0.1',
        path: incoming.url,
        method: incoming.method,
        headers: incoming.headers,
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        outgoing.flushHeaders();
        answer.pipe(outgoing);
      },
    );
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    dispose: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const token = (sub: string, org = 'acme'): Promise<string> => signToken({ sub, org }, SECRET);

async function api<T>(
  server: TestServer,
  method: string,
  body: object,
  headers?: Readonly<Record<string, string>>,
): Promise<T> {
  const answer = await server.api(method, body, headers);
  if (answer.body.result === undefined) throw new Error(`${method}: ${answer.text}`);
  return answer.body.result as T;
}

interface NodeRow {
  readonly uid: string;
  readonly name: string;
  readonly num_clients: number;
}

const nodes = async (server: TestServer): Promise<readonly NodeRow[]> =>
  (await api<{ nodes: readonly NodeRow[] }>(server, 'info', {})).nodes;

interface Listed {
  readonly connections: Readonly<Record<string, { readonly user: string; readonly node: string }>>;
  readonly total: number;
  readonly incomplete: readonly string[];
}

const users = ({ connections }: Listed): readonly string[] =>
  Object.values(connections)
    .map(({ user, node }) => `${user} ${node}`)
    .sort();

describe('asking one server about both', () => {
  test('[NODES-6] [ASK-1] [ASK-2] info, connections, channels and events are of all nodes, within the org', async () => {
    const own = new Kit();
    try {
      const clients: Record<string, ReturnType<Kit['stock']>['client']> = {};
      for (const [user, server, org] of [
        ['ann', one, 'acme'],
        ['bob', two, 'acme'],
        ['eve', two, 'rival'],
      ] as const) {
        const { client, connect } = own.stock(server.wsUrl, { token: await token(user, org) });
        await connect();
        await subscribed(client.newSubscription('room:asking'));
        clients[user] = client;
      }
      for (const server of [one, two]) {
        const listed = await api<Listed>(server, 'connections', {});
        expect(users(listed)).toEqual(['ann one', 'bob two']);
        expect([listed.total, listed.incomplete]).toEqual([2, []]);
        expect((await api<Listed>(server, 'connections', { user: 'bob' })).total).toBe(1);
        expect(await api(server, 'channels', { pattern: 'room:asking' })).toEqual({
          channels: { 'room:asking': { num_clients: 2 } },
          incomplete: [],
        });
      }
      expect((await nodes(one)).map(({ uid, name, num_clients }) => [uid, name, num_clients])).toEqual([
        ['one', 'server one', 1],
        ['two', 'server two', 1],
      ]);
      const all = { 'x-api-key': ALL, 'x-org': 'acme' };
      const whole = await api<{ nodes: readonly NodeRow[] }>(one, 'info', {}, all);
      expect(whole.nodes.map(({ uid, num_clients }) => [uid, num_clients])).toEqual([
        ['one', 1],
        ['two', 2],
      ]);
      const rival = { 'x-api-key': 'key of rival, long' };
      expect(users(await api<Listed>(one, 'connections', {}, rival))).toEqual(['eve two']);
      // What is asked of one node ends a connection of the other, and says so.
      const bob = clients['bob'];
      if (!bob) throw new Error('bob is there');
      const gone = new Promise((resolve) => bob.on('disconnected', resolve));
      expect(await api(one, 'disconnect', { user: 'bob' })).toEqual({ num_clients: 1 });
      await gone;
      const happened = async () =>
        (
          await api<{ events: readonly { user: string; node: string; kind: string }[] }>(one, 'events', {
            user: 'bob',
          })
        ).events;
      await until('the end is told of', async () => (await happened()).length > 0);
      expect((await happened())[0]).toMatchObject({ user: 'bob', node: 'two', kind: 'disconnected' });
    } finally {
      await own.dispose();
    }
  });

  test('[NODES-6] [ASK-3] a node that hangs is named, and one that is gone is not waited for', async () => {
    const own = new Kit();
    try {
      const third = own.use(await start('three'));
      await until('three nodes', async () => (await nodes(one)).length === 3);
      await own.stock(third.wsUrl, { token: await token('cat') }).connect();
      third.freeze();
      const listed = await api<Listed>(one, 'connections', { user: 'cat' });
      expect([listed.total, listed.incomplete]).toEqual([0, ['three']]);
      third.thaw();
      await until(
        'it answers',
        async () => (await api<Listed>(one, 'connections', {})).incomplete.length === 0,
      );
      await third.kill9();
      await until(
        'it is forgotten',
        async () =>
          (await nodes(one)).length === 2 &&
          (await api<Listed>(one, 'connections', {})).incomplete.length === 0,
        20_000,
      );
    } finally {
      await own.dispose();
    }
  });

  test('[ASK-1] a node that stops is gone from the lists at once', async () => {
    const third = await start('three');
    await until('three nodes', async () => (await nodes(one)).length === 3);
    await third.term();
    // Long before it would be missed.
    await until('it is gone', async () => (await nodes(one)).length === 2, 5_000);
  });
});

const STREAMS: readonly Wire[] = ['http_stream json', 'http_stream protobuf', 'sse json'];

describe('behind a balancer that hands out requests in turn', () => {
  test.each(STREAMS)(
    '[STREAM-10] a stock client over %s subscribes, publishes and receives, without a reconnect',
    async (wire) => {
      const own = new Kit();
      try {
        const name = `room:${wire.replace(' ', '_')}_${Date.now()}`;
        const before = balancer.counts.get('/emulation') ?? [0, 0];
        const start = [...before];
        const { client, connect } = own.stock(`ws://127.0.0.1:${balancer.port}/connection/websocket`, {
          token: await token('ann'),
          wire,
        });
        let lost = 0;
        client.on('connecting', () => lost++);
        await connect();
        const subscription = client.newSubscription(name);
        await subscribed(subscription);
        const received = collectEvents<{ data: unknown; offset: number }>(subscription, 'publication', 40);
        for (let n = 1; n <= 40; n++) await subscription.publish(toWire(wire, n));
        expect((await received).map(({ data, offset }) => [fromWire(data), offset])).toEqual(
          Array.from({ length: 40 }, (_, index) => [index + 1, index + 1]),
        );
        // A large frame and an RPC of the server, each through whichever node it meets.
        const large = 'x'.repeat(60_000);
        const seen = collectEvents<{ data: unknown }>(subscription, 'publication', 4);
        for (let n = 0; n < 4; n++) await subscription.publish(toWire(wire, { large }));
        for (const { data } of await seen) expect(fromWire(data)).toEqual({ large });
        expect((await subscription.history({ limit: 100 })).publications).toHaveLength(44);
        const [atOne = 0, atTwo = 0] = (balancer.counts.get('/emulation') ?? []).map(
          (count, at) => count - (start[at] ?? 0),
        );
        // Both nodes had their share of them, and none cost the connection.
        expect(Math.min(atOne, atTwo)).toBeGreaterThan(15);
        expect(lost).toBe(1);
      } finally {
        await own.dispose();
      }
    },
  );

  test('[STREAM-10] 404 for a session that its node does not know, 503 with a code where the node does not answer', async () => {
    const post = (body: object) =>
      fetch(`${one.url}/emulation`, { method: 'POST', body: JSON.stringify(body) });
    const session = 'x'.repeat(32);
    expect((await post({ session, node: 'two', data: '{}' })).status).toBe(404);
    expect((await post({ session, node: 'nowhere', data: '{}' })).status).toBe(404);
    two.freeze();
    try {
      const answer = await post({ session, node: 'two', data: '{}' });
      expect([answer.status, ((await answer.json()) as { error: { code: number } }).error.code]).toEqual([
        503, 1001,
      ]);
    } finally {
      two.thaw();
    }
  });
});
