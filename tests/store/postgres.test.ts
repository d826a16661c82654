/** What only PostgreSQL has: several processes on one database, timeouts of the server, wake-ups. Processes are stores of their own here. */
import { channelKey } from '@trunkline/protocol';
import {
  expecting,
  openStore,
  sql,
  type DatabaseOptions,
  type Store,
  type StoreOptions,
} from '@trunkline/store';
import { codeOf, openBank } from '@trunkline/store/testing';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { freePort, startPostgres, type PostgresServer } from '@trunkline/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const deps = { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger };
const FAR_MS = 3_600_000;

describe('a store on PostgreSQL', () => {
  let server: PostgresServer;
  let databases = 0;
  let stores: Store[] = [];
  beforeAll(async () => void (server = await startPostgres()));
  afterEach(async () => {
    const opened = stores;
    stores = [];
    await Promise.all(opened.map((store) => store.dispose()));
  });
  afterAll(() => server.dispose());

  const database = async (): Promise<DatabaseOptions & { readonly kind: 'postgres' }> => ({
    kind: 'postgres',
    url: await server.createDatabase(`one${databases++}`),
  });
  const open = async (
    given: DatabaseOptions,
    options: Omit<StoreOptions, 'database'> = {},
  ): Promise<Store> => {
    const { store } = await openBank(given, options);
    stores.push(store);
    return store;
  };
  const account = (store: Store, name: string) =>
    store.commit({ statements: [sql`INSERT INTO bank_accounts (name, balance) VALUES (${name}, 0)`] });
  const pay = (name: string, by = 1) =>
    sql`UPDATE bank_accounts SET balance = balance + ${by} WHERE name = ${name}`;

  it('[STORE-80] a server that is not there is 1100, an address that is none a RangeError', async () => {
    const url = `postgres://trunkline@127.0.0.1:${await freePort()}/none`;
    expect(await openStore(deps, { database: { kind: 'postgres', url } }).catch(codeOf)).toBe(1100);
    await expect(openStore(deps, { database: { kind: 'postgres', url: 'http://x' } })).rejects.toThrow(
      'database.url',
    );
    await expect(openStore(deps, { database: { kind: 'postgres', url, maxConnections: 1 } })).rejects.toThrow(
      'maxConnections',
    );
  });

  it('[STORE-81] a statement that takes too long fails alone with 1103; what went with it is committed', async () => {
    const store = await open({ ...(await database()), statementTimeoutMs: 150 });
    await account(store, 'a');
    const outcomes = await Promise.all([
      store.commit({ statements: [pay('a')] }).then(() => 'committed'),
      store.commit({ statements: [pay('a', 10), sql`SELECT pg_sleep(5)`] }).catch(codeOf),
      store.commit({ statements: [pay('a')] }).then(() => 'committed'),
      store.read(sql`SELECT pg_sleep(5)`).catch(codeOf),
    ]);
    expect(outcomes).toEqual(['committed', 1103, 'committed', 1103]);
    expect((await store.read(sql`SELECT balance FROM bank_accounts`)).rows).toEqual([{ balance: 2 }]);
  });

  it('[STORE-7] transactions of two processes that wait for each other crosswise are tried again', async () => {
    const given = await database();
    const both = [await open(given), await open(given)];
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) await account(both[0] as Store, name);
    await Promise.all(
      both.flatMap((store, index) =>
        Array.from({ length: 60 }, (_, turn) => {
          const order = (turn + index) % 2 === 0 ? names : [...names].reverse();
          return store.commit({ statements: order.map((name) => expecting(pay(name), 1)) });
        }),
      ),
    );
    const { rows } = await (both[0] as Store).read(sql`SELECT balance FROM bank_accounts LIMIT 10`);
    expect(rows.map(({ balance }) => balance)).toEqual([120, 120, 120, 120]);
  });

  it('[STORE-20] processes that append to the same channels number without holes', async () => {
    const given = await database();
    const both = [await open(given), await open(given)];
    const keys = Array.from({ length: 4 }, (_, index) => channelKey('acme', `c${index}`));
    await Promise.all(
      both.flatMap((store, index) =>
        Array.from({ length: 60 }, (_, turn) =>
          store.commit({
            statements: [...((turn + index) % 2 === 0 ? keys : [...keys].reverse())].map((key) =>
              store.channels.append(key, '1'),
            ),
          }),
        ),
      ),
    );
    for (const key of keys) {
      const { publications } = await (both[0] as Store).channels.read(key, undefined, 1_000, false);
      expect(publications.map(({ offset }) => offset)).toEqual(
        Array.from({ length: 120 }, (_, index) => index + 1),
      );
    }
  });

  it('[STORE-34] processes share the outbox: everything is delivered, each channel in order', async () => {
    const given = await database();
    const both = [await open(given), await open(given)];
    const keys = Array.from({ length: 12 }, (_, index) => channelKey('acme', `c${index}`));
    const delivered = new Map<string, number[]>(keys.map((key) => [key, []]));
    const by = [0, 0];
    for (const [index, store] of both.entries())
      store.outbox.start(async (key, { offset }) => {
        await Promise.resolve();
        delivered.get(key)?.push(offset);
        by[index] = (by[index] ?? 0) + 1;
      });
    for (let turn = 0; turn < 40; turn++)
      await Promise.all(
        both.map((store) => store.commit({ statements: keys.map((key) => store.channels.append(key, '1')) })),
      );
    await expect.poll(() => (both[0] as Store).outbox.depth(), { timeout: 30_000 }).toBe(0);
    for (const offsets of delivered.values())
      expect(offsets).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
    expect(Math.min(...by)).toBeGreaterThan(0);
  });

  it('[STORE-35] a commit wakes another process; without a connection for that it looks by itself', async () => {
    const given = await database();
    const [writer, woken] = [await open(given), await open(given, { dispatcher: { pollMs: FAR_MS } })];
    const key = channelKey('acme', 'c');
    const delivered: number[] = [];
    woken.outbox.start((_, { offset }) => void delivered.push(offset));
    await writer.commit({ statements: [writer.channels.append(key, '1')] });
    await expect.poll(() => delivered, { timeout: 30_000 }).toEqual([1]);
    // The listening connection dies, comes back, and what was committed meanwhile is found.
    const admin = new pg.Client({ connectionString: given.url });
    await admin.connect();
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trunkline listener'",
    );
    await admin.end();
    await writer.commit({ statements: [writer.channels.append(key, '2')] });
    await expect.poll(() => delivered, { timeout: 30_000 }).toEqual([1, 2]);
  });

  it('[STORE-31] what a slower transaction appended is found, although its number is lower', async () => {
    const given = await database();
    const store = await open(given);
    const delivered: string[] = [];
    store.outbox.start((_, { data }) => void delivered.push(String(data)));
    const slow = new pg.Client({ connectionString: given.url });
    await slow.connect();
    await slow.query('BEGIN READ WRITE');
    const { sql: text, parameters = [] } = store.channels.append(channelKey('acme', 'slow'), '"slow"');
    await slow.query(text, [...parameters]);
    await store.commit({ statements: [store.channels.append(channelKey('acme', 'quick'), '"quick"')] });
    await expect.poll(() => delivered, { timeout: 30_000 }).toEqual(['"quick"']);
    await slow.query('COMMIT');
    await slow.end();
    await store.commit({ statements: [store.channels.append(channelKey('acme', 'quick'), '"more"')] });
    await expect.poll(() => delivered, { timeout: 30_000 }).toEqual(['"quick"', '"slow"', '"more"']);
  });

  it('[STORE-43] of calls in two processes one takes effect; both get its result', async () => {
    const given = await database();
    const both = [await open(given), await open(given)];
    for (let turn = 0; turn < 20; turn++) {
      const outcomes = await Promise.all(
        both.map((store, index) =>
          store.idempotency.run(
            { org: 'acme', principal: 'ada', method: 'm', key: `k${turn}`, request: turn },
            () => ({
              statements: [sql`INSERT INTO bank_log (word) VALUES (${`t${turn}`})`],
              result: index,
            }),
          ),
        ),
      );
      expect(new Set(outcomes.map(({ result }) => result)).size).toBe(1);
      expect(outcomes.filter(({ repeated }) => repeated)).toHaveLength(1);
    }
    expect((await (both[0] as Store).read(sql`SELECT count(*) AS n FROM bank_log`)).rows).toEqual([
      { n: 20 },
    ]);
  });

  it('[STORE-52] processes that open a new database together end up with the same tables', async () => {
    const given = await database();
    const opened = await Promise.all([open(given), open(given), open(given)]);
    for (const store of opened)
      await store.commit({ statements: [sql`INSERT INTO bank_log (word) VALUES ('x')`] });
    expect((await (opened[0] as Store).read(sql`SELECT count(*) AS n FROM store_lanes`)).rows).toEqual([
      { n: 16 },
    ]);
  });

  it("[STORE-82] backing up is the work of the server's own tools", async () => {
    const store = await open(await database());
    expect(await store.backup('nowhere').catch(codeOf)).toBe(108);
  });
});
