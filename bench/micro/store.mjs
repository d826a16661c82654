#!/usr/bin/env node
/**
 * The store on one or both engines: units one after the other and many at a time, rows in one statement, appends to durable channels with their
 * dispatch, idempotent calls, reads. `node bench/micro/store.mjs [embedded] [postgres://…]`; without arguments both, with a PostgreSQL server of its own
 * where one is installed (fsync off, as in tests; say so with the figures).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { channelKey } from '@trunkline/protocol';
import { openStore, sql } from '@trunkline/store';
import { startPostgres } from '@trunkline/testkit';
import { median, spread } from '../lib/statistics.mjs';

const ROUNDS = 5;
const ROUND_MS = 1_000;
const AT_ONCE = 256;

// The clock's timers keep no process alive.
setInterval(() => undefined, 1_000);

const given = process.argv.slice(2);
const wanted = given.length > 0 ? given : ['embedded', 'postgres'];
for (const engine of wanted) {
  if (engine === 'embedded') await onEmbedded();
  else if (engine === 'postgres') await onOwnServer();
  else await run('PostgreSQL', { kind: 'postgres', url: engine });
}
process.exit();

async function onEmbedded() {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-bench-'));
  try {
    await run('embedded', { kind: 'embedded', directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function onOwnServer() {
  const server = await startPostgres();
  try {
    await run('PostgreSQL', { kind: 'postgres', url: await server.createDatabase('bench') });
  } finally {
    await server.dispose();
  }
}

/** @param {string} name @param {import('@trunkline/store').DatabaseOptions} database */
async function run(name, database) {
  const started = performance.now();
  const store = await openStore(
    { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
    { database },
  );
  process.stdout.write(
    `\n${name}: ${(await store.status()).version.split(' on ')[0]}; opened in ${Math.round(performance.now() - started)} ms\n`,
  );
  await store.migrations.run([
    {
      owner: 'bench',
      migrations: [
        {
          name: '001-rows',
          phase: 'expand',
          statements: [
            'CREATE TABLE bench_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text NOT NULL, b integer NOT NULL)',
          ],
        },
      ],
    },
  ]);
  const insert = () => sql`INSERT INTO bench_rows (a, b) VALUES (${'x'.repeat(40)}, ${7})`;
  const five = () => Array.from({ length: 5 }, insert);
  const data = JSON.stringify({ text: 'x'.repeat(180) });
  let turn = 0;
  const key = () => channelKey('bench', `c${turn++ % 100}`);
  const texts = Array.from({ length: 1_000 }, (_, index) => `row ${index}`);

  await measure('units of one statement, one after the other', () =>
    store.commit({ statements: [insert()] }),
  );
  await measure('units of one statement, 256 at once', () => store.commit({ statements: [insert()] }), {
    atOnce: AT_ONCE,
  });
  await measure('units of five statements, one after the other', () => store.commit({ statements: five() }));
  await measure('units of five statements, 256 at once', () => store.commit({ statements: five() }), {
    atOnce: AT_ONCE,
  });
  await measure(
    'rows, 1,000 in one statement',
    () =>
      store.commit({
        statements: [sql`INSERT INTO bench_rows (a, b) SELECT t, 7 FROM unnest(${texts}::text[]) t`],
      }),
    { perCall: 1_000 },
  );
  await measure(
    'appends to channels, 256 at once, not dispatched',
    () => store.commit({ statements: [store.channels.append(key(), data)] }),
    {
      atOnce: AT_ONCE,
    },
  );
  let delivered = 0;
  store.outbox.start(() => void delivered++);
  while ((await store.outbox.depth()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await measure('appends, one after the other, each delivered', async () => {
    const before = delivered;
    await store.commit({ statements: [store.channels.append(key(), data)] });
    while (delivered === before) await new Promise((resolve) => setImmediate(resolve));
  });
  await measure(
    'appends, 256 at once, with dispatch',
    () => store.commit({ statements: [store.channels.append(key(), data)] }),
    { atOnce: AT_ONCE },
  );
  await measure(
    'publications, 100 in one statement, with dispatch',
    () =>
      store.commit({
        statements: [store.channels.appendAll(Array.from({ length: 100 }, () => ({ key: key(), data })))],
      }),
    { perCall: 100 },
  );
  let call = 0;
  await measure(
    'idempotent calls with an append, 256 at once',
    () =>
      store.idempotency.run(
        { org: 'bench', principal: 'p', method: 'm', key: `${process.pid}-${call++}`, request: call },
        () => ({
          statements: [insert(), store.channels.append(key(), data)],
          result: ([, { offset }]) => offset,
        }),
      ),
    { atOnce: AT_ONCE },
  );
  await measure('reads of one row by key', () =>
    store.read(sql`SELECT a, b FROM bench_rows WHERE id = ${1}`),
  );
  await measure(
    'reads of 50 publications, per publication',
    () => store.channels.read(channelKey('bench', 'c0'), undefined, 50, true),
    { perCall: 50 },
  );
  const memory = Math.round(process.memoryUsage().rss / 1024 / 1024);
  process.stdout.write(`resident memory of this process: ${memory} MiB\n`);
  await store.dispose();
}

/**
 * Runs for a second, five times, after a warm-up; prints the median per second with the extremes.
 * @param {string} name @param {() => Promise<unknown>} work @param {{ atOnce?: number, perCall?: number }} [how]
 */
async function measure(name, work, { atOnce = 1, perCall = 1 } = {}) {
  const round = async (durationMs) => {
    const started = performance.now();
    let calls = 0;
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (performance.now() - started < durationMs) {
          await work();
          calls++;
        }
      }),
    );
    return (calls * perCall * 1_000) / (performance.now() - started);
  };
  await round(ROUND_MS / 2);
  const rounds = [];
  for (let index = 0; index < ROUNDS; index++) rounds.push(await round(ROUND_MS));
  const { low, high } = spread(rounds);
  const figure = (value) => Math.round(value).toLocaleString('en-US');
  process.stdout.write(
    `${name.padEnd(56)} ${figure(median(rounds)).padStart(9)} /s  (${figure(low)}–${figure(high)})\n`,
  );
}
