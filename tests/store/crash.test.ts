/**
 * Processes that write are killed (SIGKILL) at any moment, on both engines. What they were told is kept; words, counts and publications of a channel never
 * part; everything committed is delivered in the end, by whoever comes next.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  createSeededRandom,
  createSystemClock,
  createSystemRandom,
  randomInt,
  silentLogger,
} from '@trunkline/base';
import { channelKey, splitChannelKey } from '@trunkline/protocol';
import { openStore, sql, type DatabaseOptions, type Store } from '@trunkline/store';
import { TEMPLATE_DIRECTORY } from '@trunkline/store/testing';
import { startPostgres, type PostgresServer } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const WRITER = fileURLToPath(new URL('./programs/writer.mjs', import.meta.url));

/** What the writers said, all lives together. */
class Said {
  readonly acknowledged = new Set<string>();
  readonly delivered = new Map<string, Set<number>>();
  readonly errors: string[] = [];

  take(line: string): void {
    const [kind = '', first = '', second = ''] = line.split(' ');
    if (kind === 'A') this.acknowledged.add(first);
    if (kind === 'D') this.deliver(first, Number(second));
    if (kind === 'E') this.errors.push(line);
  }

  deliver(channel: string, offset: number): void {
    const offsets = this.delivered.get(channel) ?? new Set();
    this.delivered.set(channel, offsets.add(offset));
  }
}

const children = new Set<ChildProcess>();

/** A writer; `died` resolves when it is gone and everything it said was read. */
function startWriter(
  said: Said,
  options: object,
): { readonly kill: () => void; readonly died: Promise<unknown> } {
  const child = spawn(process.execPath, [WRITER, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => said.take(line));
  const died = Promise.all([once(child, 'exit'), once(lines, 'close')]).finally(() => children.delete(child));
  return { kill: () => child.kill('SIGKILL'), died };
}

async function check(database: DatabaseOptions, said: Said): Promise<void> {
  const store = await openStore(
    { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
    { database, dispatcher: { leaseMs: 200, pollMs: 50 } },
  );
  try {
    const words = (await store.read(sql`SELECT word, channel FROM crash_words LIMIT 10000`)).rows;
    const kept = new Set(words.map(({ word }) => word));
    expect([...said.acknowledged].filter((word) => !kept.has(word))).toEqual([]);
    for (const channel of new Set(words.map(({ channel: name }) => String(name))))
      await checkChannel(
        store,
        channel,
        words.filter((row) => row['channel'] === channel).map(({ word }) => String(word)),
      );
    store.outbox.start((key, { offset }) => said.deliver(splitChannelKey(key).channel, offset));
    await expect.poll(() => store.outbox.depth(), { timeout: 30_000, interval: 50 }).toBe(0);
    for (const [channel, offsets] of said.delivered) {
      const { position } = await store.channels.read(channelKey('acme', channel), undefined, 0, false);
      expect([...offsets].sort((left, right) => left - right)).toEqual(
        Array.from({ length: position.offset }, (_, index) => index + 1),
      );
    }
  } finally {
    await store.dispose();
  }
}

async function checkChannel(store: Store, channel: string, words: readonly string[]): Promise<void> {
  const { publications, position } = await store.channels.read(
    channelKey('acme', channel),
    undefined,
    10_000,
    false,
  );
  const counted = await store.read(sql`SELECT words FROM crash_counts WHERE channel = ${channel}`);
  expect(publications.map(({ offset }) => offset)).toEqual(words.map((_, index) => index + 1));
  expect(publications.map(({ data }) => JSON.parse(String(data)) as string).sort()).toEqual(
    [...words].sort(),
  );
  expect([position.offset, counted.rows[0]?.['words']]).toEqual([words.length, words.length]);
}

/** Kills writers after some acknowledgements, again and again on one database. */
async function killAndCheck(
  database: DatabaseOptions,
  writers: number,
  rounds: number,
  seed: number,
): Promise<void> {
  const random = createSeededRandom(seed);
  const said = new Said();
  for (let round = 0; round < rounds; round++) {
    const before = said.acknowledged.size;
    const started = Array.from({ length: writers }, (_, number) =>
      startWriter(said, { database, name: `r${round}w${number}`, idempotent: round % 2 === 1 }),
    );
    const wanted = before + 20 + randomInt(random, 200);
    await expect.poll(() => said.acknowledged.size, { timeout: 40_000, interval: 1 }).toBeGreaterThan(wanted);
    for (const { kill } of started) kill();
    await Promise.all(started.map(({ died }) => died));
    await check(database, said);
  }
  expect(said.errors).toEqual([]);
}

/** Lets a writer kill itself between two statements, at one place after the other. */
async function dieAndCheck(database: DatabaseOptions, places: readonly number[]): Promise<void> {
  const said = new Said();
  for (const dieAt of places) {
    await startWriter(said, { database, name: `p${dieAt}`, dieAt, idempotent: dieAt % 2 === 1 }).died;
    await check(database, said);
  }
  expect(said.errors).toEqual([]);
}

describe('a process that is killed', () => {
  let server: PostgresServer;
  let parent: string;
  let databases = 0;
  beforeAll(async () => {
    server = await startPostgres();
    parent = await mkdtemp(join(tmpdir(), 'trunkline-crash-'));
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await server.dispose();
    await rm(parent, { recursive: true, force: true });
  });
  const embedded = (): DatabaseOptions => ({
    kind: 'embedded',
    directory: join(parent, String(databases++)),
    templateDirectory: TEMPLATE_DIRECTORY,
  });
  const postgres = async (): Promise<DatabaseOptions> => ({
    kind: 'postgres',
    url: await server.createDatabase(`crash${databases++}`),
  });

  it('[STORE-60] keeps what it acknowledged, embedded', () => killAndCheck(embedded(), 1, 4, 11), 180_000);
  it(
    '[STORE-60] keeps what it acknowledged, on PostgreSQL, two at once',
    async () => killAndCheck(await postgres(), 2, 4, 12),
    180_000,
  );
  it(
    '[STORE-61] between any two statements, embedded',
    () => dieAndCheck(embedded(), [1, 2, 3, 7, 19, 40]),
    180_000,
  );
  it(
    '[STORE-61] between any two statements, on PostgreSQL',
    async () => dieAndCheck(await postgres(), [1, 2, 3, 4, 5, 6, 11, 24, 53]),
    180_000,
  );

  it('[STORE-62] a server that is killed keeps what was acknowledged, and the writer goes on by itself', async () => {
    const database = await postgres();
    const said = new Said();
    const writer = startWriter(said, { database, name: 'w' });
    for (let round = 1; round <= 3; round++) {
      const wanted = said.acknowledged.size + 100;
      await expect
        .poll(() => said.acknowledged.size, { timeout: 40_000, interval: 1 })
        .toBeGreaterThan(wanted);
      await server.restart();
    }
    const wanted = said.acknowledged.size + 100;
    await expect.poll(() => said.acknowledged.size, { timeout: 40_000, interval: 1 }).toBeGreaterThan(wanted);
    writer.kill();
    await writer.died;
    await check(database, said);
    // Unavailable for a while, or unknown because the server died while committing; nothing else.
    for (const line of said.errors) expect(line).toMatch(/^E (1100|1102) /);
  }, 180_000);
});
