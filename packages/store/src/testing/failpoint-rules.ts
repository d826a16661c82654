/** Rules about connections that end between any two statements, on every engine. */
import type { ChannelKey } from '@trunkline/protocol';
import { expect } from 'vitest';
import { ConnectionLost, type Run, type Session, type Step } from '../engine.js';
import { sql, type SqlResult } from '../statement.js';
import type { Store } from '../types.js';
import type { Bench, Rules } from './fixture.js';
import { codeOf } from './outcomes.js';

/** Sends statements one by one and ends the connection when the counter runs out: before that statement, or before its answer. */
class Failpoint {
  /** Statements until it fires; fires once. */
  left = Infinity;
  answered = true;
  fired: Step | undefined;
  /** Whether the message in which it fired had the commit in it. */
  committing = false;

  readonly intercept = (session: Session): Session => ({
    run: async (steps, timeoutMs) => {
      const results: SqlResult[] = [];
      for (const step of steps) {
        const fires = --this.left < 0 && this.fired === undefined;
        if (fires) {
          this.fired = step;
          this.committing = steps.at(-1)?.sql === 'COMMIT';
        }
        if (fires && this.answered) throw new ConnectionLost('before a statement');
        const run: Run = await session.run([step], timeoutMs);
        if (fires) throw new ConnectionLost('before an answer');
        results.push(...run.results);
        if (run.failure) return { results, failure: run.failure };
      }
      return { results };
    },
  });

  arm(left: number, answered: boolean): void {
    this.left = left;
    this.answered = answered;
    this.fired = undefined;
    this.committing = false;
  }
}

/** Three ways to count the same effects. */
async function counts(store: Store, account: string, channel: ChannelKey): Promise<readonly unknown[]> {
  const balance = await store.read(sql`SELECT balance FROM bank_accounts WHERE name = ${account}`);
  const words = await store.read(sql`SELECT count(*) AS n FROM bank_log WHERE word = ${account}`);
  const { publications, position } = await store.channels.read(channel, undefined, 10_000, false);
  return [balance.rows[0]?.['balance'], words.rows[0]?.['n'], publications.length, position.offset];
}

async function tryEverywhere(
  { fresh, name, key }: Bench,
  effect: (store: Store, account: string, channel: ChannelKey) => readonly Promise<unknown>[],
  perRound: number,
): Promise<void> {
  const failpoint = new Failpoint();
  const { store } = await fresh(
    { committer: { retryMinMs: 1, retryMaxMs: 2 } },
    { intercept: failpoint.intercept },
  );
  const account = name();
  const channel = key();
  await store.commit({ statements: [sql`INSERT INTO bank_accounts (name, balance) VALUES (${account}, 0)`] });
  await store.channels.read(channel, undefined, 0, false);
  let done = 0;
  for (const answered of [true, false]) {
    for (let at = 0; ; at++) {
      failpoint.arm(at, answered);
      const outcomes = await Promise.allSettled(effect(store, account, channel));
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
      for (const { reason } of failed) expect(codeOf(reason)).toBe(1102);
      const now = await counts(store, account, channel);
      expect(new Set(now).size, `after ${String(failpoint.fired?.sql)}: ${now.join(', ')}`).toBe(1);
      // Lost before the commit was sent, the transaction was tried again. Lost after, the callers are told that nobody knows.
      expect(failed).toHaveLength(failpoint.committing ? perRound : 0);
      const committed = !failpoint.committing || (failpoint.fired?.sql === 'COMMIT' && !answered);
      expect(Number(now[0]) - done).toBe(committed ? perRound : 0);
      done = Number(now[0]);
      if (failpoint.fired === undefined) break;
    }
  }
  // The rounds in which it did not fire, and at least the one whose commit was not answered.
  expect(done).toBeGreaterThanOrEqual(perRound * 3);
}

export const FAILPOINT_RULES: Rules = {
  '[STORE-61] a connection that ends between any two statements: effects and publications never part': (
    bench,
  ) =>
    tryEverywhere(
      bench,
      (store, account, channel) => [
        store.commit({
          statements: [
            sql`UPDATE bank_accounts SET balance = balance + 1 WHERE name = ${account}`,
            store.channels.append(channel, '1'),
            sql`INSERT INTO bank_log (word) VALUES (${account})`,
          ],
        }),
      ],
      1,
    ),

  '[STORE-61] the same for units that go together, with finish': (bench) =>
    tryEverywhere(
      bench,
      (store, account, channel) =>
        [1, 2, 3].map((number) =>
          store.commit({
            statements: [
              store.channels.append(channel, '1'),
              sql`INSERT INTO bank_log (word) VALUES (${account})`,
            ],
            finish: () => [
              sql`UPDATE bank_accounts SET balance = balance + 1 WHERE name = ${account} AND ${number}::int > 0`,
            ],
          }),
        ),
      3,
    ),

  '[STORE-46] an idempotent call whose commit nobody answered looks whether it took place': async ({
    fresh,
    name,
  }) => {
    const failpoint = new Failpoint();
    const { store } = await fresh(
      { committer: { retryMinMs: 1, retryMaxMs: 2 } },
      { intercept: failpoint.intercept },
    );
    for (const answered of [false, true]) {
      const word = name();
      const run = () =>
        store.idempotency.run({ org: 'acme', principal: 'ada', method: 'm', key: word, request: 1 }, () => ({
          statements: [sql`INSERT INTO bank_log (word) VALUES (${word})`],
          result: word,
        }));
      // Begin, claim, insert; then the commit.
      failpoint.arm(3, answered);
      const outcome = await run().catch(codeOf);
      expect(failpoint.fired?.sql).toBe('COMMIT');
      expect(outcome).toEqual(answered ? 1102 : { result: word, repeated: false });
      expect(await run()).toEqual({ result: word, repeated: !answered });
      const { rows } = await store.read(sql`SELECT count(*) AS n FROM bank_log WHERE word = ${word}`);
      expect(rows).toEqual([{ n: 1 }]);
    }
  },
};
