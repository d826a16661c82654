/** Two servers on one Redis: one channel space, the same walls, recovery that does not care which node a reader comes back to. */
import {
  Kit,
  nextEvent,
  signToken,
  startRedis,
  StreamChecker,
  subscribed,
  until,
  watchStream,
  type RedisServer,
  type TestServer,
} from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const SECRET = 'a secret of the tests, long enough for HMAC';
const room = {
  historySize: 2_000,
  forceRecovery: true,
  presence: true,
  joinLeave: true,
  allowSubscribe: ['user'],
  allowPublish: ['user'],
  allowPresence: ['user'],
  allowHistory: ['user'],
};

const fileKit = new Kit();
let redis: RedisServer;
let one: TestServer;
let two: TestServer;

beforeAll(async () => {
  redis = fileKit.use(await startRedis({ durable: true }));
  const start = () =>
    fileKit.server({
      config: {
        auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
        api: {
          keys: [
            { name: 'acme', org: 'acme', key: 'key of acme, long' },
            { name: 'rival', org: 'rival', key: 'key of rival, long' },
          ],
        },
        channels: {
          namespaces: [
            { name: 'room', ...room },
            { name: 'map', ...room, type: 'map', map: { mode: 'persistent' } },
          ],
        },
      },
      env: { TRUNKLINE_REDIS_URL: redis.url },
      apiKey: 'key of acme, long',
    });
  [one, two] = await Promise.all([start(), start()]);
});
afterAll(() => fileKit.dispose());

let names = 0;
const channel = (namespace = 'room'): string => `${namespace}:nodes_${Date.now()}_${++names}`;
const token = (sub: string, org = 'acme'): Promise<string> => signToken({ sub, org }, SECRET);

async function withKit(run: (kit: Kit) => Promise<void>): Promise<void> {
  const kit = new Kit();
  try {
    await run(kit);
  } finally {
    await kit.dispose();
  }
}

async function api(
  server: TestServer,
  method: string,
  body: object,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await server.api(method, body);
  if (answer.body.result === undefined) throw new Error(`${method}: ${answer.text}`);
  return answer.body.result;
}

describe('two servers on one Redis', () => {
  test('[NODES-1] [ORD-1] publications of both nodes reach readers of both in one order', () =>
    withKit(async (kit) => {
      const name = channel();
      const received: Record<string, unknown[]> = { a: [], b: [] };
      for (const [reader, server] of [
        ['a', one],
        ['b', two],
      ] as const) {
        const { client } = kit.stock(server.wsUrl, { token: await token(reader) });
        client.connect();
        const subscription = client.newSubscription(name);
        subscription.on('publication', ({ offset, data }) => received[reader]?.push([offset, data]));
        await subscribed(subscription);
      }
      await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          api(n % 2 === 0 ? one : two, 'publish', { channel: name, data: n }),
        ),
      );
      await until('all', () => received['a']?.length === 200 && received['b']?.length === 200);
      expect(received['a']).toEqual(received['b']);
      expect(received['a']?.map((entry) => (entry as number[])[0])).toEqual(
        Array.from({ length: 200 }, (_, n) => n + 1),
      );
    }));

  test('[NODES-2] [CONT-1] a reader whose node is killed goes on at the other one: every message once', () =>
    withKit(async (kit) => {
      const name = channel();
      const victim = await kit.server({
        config: {
          auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
          channels: { namespaces: [{ name: 'room', ...room }] },
        },
        env: { TRUNKLINE_REDIS_URL: redis.url },
      });
      const path = await kit.proxy(victim);
      const { client } = kit.stock(`ws://127.0.0.1:${path.port}/connection/websocket`, {
        token: await token('ann'),
      });
      const subscription = client.newSubscription(name);
      const checker = new StreamChecker('ann');
      watchStream(subscription, checker);
      client.connect();
      await subscribed(subscription);
      for (let seq = 1; seq <= 500; seq++) {
        await api(one, 'publish', { channel: name, data: { seq } });
        if (seq === 250) {
          await victim.kill9();
          path.retarget(two.port);
        }
      }
      await until('all', () => checker.last === 500);
      checker.verify(500);
      expect(checker.received).toHaveLength(500);
    }));

  test('[NODES-3] presence, maps and remote control work across nodes', () =>
    withKit(async (kit) => {
      const name = channel();
      const mapName = channel('map');
      const ann = kit.stock(one.wsUrl, { token: await token('ann') }).client;
      const bob = kit.stock(two.wsUrl, { token: await token('bob') }).client;
      for (const client of [ann, bob]) {
        client.connect();
        await subscribed(client.newSubscription(name, { joinLeave: true }));
      }
      const { presence } = (await api(one, 'presence', { channel: name })) as {
        presence: Record<string, { user: string }>;
      };
      expect(
        Object.values(presence)
          .map(({ user }) => user)
          .sort(),
      ).toEqual(['ann', 'bob']);
      await api(one, 'map_publish', { channel: mapName, key: 'k', data: 1 });
      expect(await api(two, 'map_state', { channel: mapName })).toMatchObject({
        entries: [{ key: 'k', data: 1 }],
      });
      const gone = nextEvent<{ code: number }>(bob, 'disconnected');
      await api(one, 'disconnect', { user: 'bob' });
      expect((await gone).code).toBe(3503);
    }));

  test('[NODES-4] [WALL-1] the same names in another org stay apart on every node', () =>
    withKit(async (kit) => {
      const name = channel();
      const ours: unknown[] = [];
      const rival = kit.stock(two.wsUrl, { token: await token('eve', 'rival') }).client;
      rival.connect();
      const subscription = rival.newSubscription(name);
      subscription.on('publication', ({ data }) => ours.push(data));
      await subscribed(subscription);
      await api(one, 'publish', { channel: name, data: 'secret of acme' });
      await one.api('publish', { channel: name, data: 'own' }, { 'x-api-key': 'key of rival, long' });
      await until('the own one', () => ours.length > 0);
      expect(ours).toEqual(['own']);
      expect((await subscription.history({ limit: 10 })).publications.map(({ data }) => data)).toEqual([
        'own',
      ]);
      expect(Object.keys((await subscription.presence()).clients)).toHaveLength(1);
    }));

  test('[NODES-5] Redis dies and comes back: readers end with every message that was accepted, once', () =>
    withKit(async (kit) => {
      const name = channel();
      const { client } = kit.stock(one.wsUrl, { token: await token('ann') });
      const subscription = client.newSubscription(name);
      const checker = new StreamChecker('ann');
      watchStream(subscription, checker);
      client.connect();
      await subscribed(subscription);
      let refused = 0;
      for (let seq = 1; seq <= 200; seq++) {
        if (seq === 100) await redis.kill9();
        // Under a key a publisher may repeat what was refused.
        await until(
          `publication ${seq}`,
          async () => {
            const answer = await two.api('publish', {
              channel: name,
              data: { seq },
              idempotency_key: `${name}-${seq}`,
            });
            if (answer.body.result === undefined && ++refused === 3) await redis.restart();
            return answer.body.result !== undefined;
          },
          20_000,
        );
      }
      expect(refused).toBeGreaterThan(0);
      await until('all', () => checker.last === 200);
      checker.verify(200, true);
      expect(checker.received).toHaveLength(200);
    }));
});
