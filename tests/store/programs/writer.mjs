/**
 * A process that writes into a store until it is killed: `node writer.mjs '{"database": …, "name": …, "dieAt": …}'`. Each unit adds a word, counts it,
 * and appends it to a channel. Says `A <word>` when a unit was acknowledged and `D <channel> <offset>` when a publication was delivered. With `dieAt` it
 * kills itself between two statements of the transaction under way.
 */
import { writeSync } from 'node:fs';
import { createSystemClock, createSystemRandom, randomId, silentLogger } from '@trunkline/base';
import { channelKey, splitChannelKey } from '@trunkline/protocol';
import { openStore, sql } from '@trunkline/store';

const { database, name, dieAt = Infinity, idempotent = false } = JSON.parse(process.argv[2] ?? '{}');
const CHANNELS = 5;

// The clock's timers keep no process alive, and while a server is away there is nothing else.
setInterval(() => undefined, 1_000);

/** Every statement apart, counted; the process ends before one of them. */
let left = dieAt;
const intercept = (session) => ({
  run: async (steps, timeoutMs) => {
    if (dieAt === Infinity) return session.run(steps, timeoutMs);
    const results = [];
    for (const step of steps) {
      if (--left < 0) process.kill(process.pid, 'SIGKILL');
      const run = await session.run([step], timeoutMs);
      results.push(...run.results);
      if (run.failure) return { results, failure: run.failure };
    }
    return { results };
  },
});

const store = await openStore(
  { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger, intercept },
  { database, dispatcher: { leaseMs: 200, pollMs: 50 } },
);
await store.migrations.run([
  {
    owner: 'crash',
    migrations: [
      {
        name: '001-words',
        phase: 'expand',
        statements: [
          'CREATE TABLE crash_words (word text PRIMARY KEY, channel text NOT NULL)',
          'CREATE TABLE crash_counts (channel text PRIMARY KEY, words bigint NOT NULL)',
        ],
      },
    ],
  },
]);
const say = (line) => writeSync(1, `${line}\n`);
store.outbox.start((key, { offset }) => say(`D ${splitChannelKey(key).channel} ${offset}`));
say('READY');

const random = createSystemRandom();
async function write(writer) {
  for (;;) {
    const word = `${name}-${writer}-${randomId(random, 10)}`;
    const channel = `crash:${Math.floor(random.next() * CHANNELS)}`;
    const statements = [
      sql`INSERT INTO crash_words (word, channel) VALUES (${word}, ${channel})`,
      sql`INSERT INTO crash_counts AS c (channel, words) VALUES (${channel}, 1) ON CONFLICT (channel) DO UPDATE SET words = c.words + 1`,
      store.channels.append(channelKey('acme', channel), JSON.stringify(word), { historySize: 10_000 }),
    ];
    try {
      if (idempotent)
        await store.idempotency.run(
          { org: 'acme', principal: name, method: 'write', key: word, request: word },
          () => ({
            statements,
            result: (results) => results[2].offset,
          }),
        );
      else await store.commit({ statements });
      say(`A ${word}`);
    } catch (error) {
      say(`E ${error.code} ${error.message}`);
    }
  }
}
await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
