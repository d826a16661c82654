import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger, settle } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { ConnectionLost, type Engine, type Run, type Step } from '../engine.js';
import { sql } from '../statement.js';
import { codeOf } from '../testing/outcomes.js';
import { Committer } from './committer.js';
import { resolveCommitterOptions, type CommitterOptions } from './options.js';

type Answer = (steps: readonly Step[]) => Run | Promise<Run>;

const OK: Answer = (steps) => ({ results: steps.map(() => ({ rows: [], count: 1 })) });
const lost =
  (timedOut = false): Answer =>
  () =>
    Promise.reject(new ConnectionLost('gone', { timedOut }));
/** The statement with this text fails; what is before it succeeds. */
const failing =
  (text: string, sqlState: string): Answer =>
  (steps) => {
    const at = steps.findIndex((step) => step.sql === text);
    if (at < 0) return OK(steps) as Run;
    return {
      results: steps.slice(0, at).map(() => ({ rows: [], count: 1 })),
      failure: { sqlState, message: text },
    };
  };

/** A committer on an engine that answers as told, message by message; after the list everything succeeds. */
function bench(answers: Answer[] = [], options: Partial<CommitterOptions> = {}) {
  const clock = new FakeClock();
  const messages: string[][] = [];
  let woken = 0;
  let loan: Promise<unknown> = Promise.resolve();
  const engine: Engine = {
    kind: 'postgres',
    exclusive: false,
    commitsApart: false,
    wakeStep: { sql: 'NOTIFY' },
    lend: (use) => {
      const next = loan.then(() =>
        use({
          run: async (steps) => {
            messages.push(steps.map((step) => step.sql));
            return (answers.shift() ?? OK)(steps);
          },
        }),
      );
      loan = next.catch(() => undefined);
      return next;
    },
    onWake: () => undefined,
    isRewound: () => Promise.resolve(false),
    clearRewound: () => Promise.resolve(),
    backup: () => Promise.resolve(),
    maintain: () => Promise.resolve(),
    dispose: () => undefined,
  };
  const committer = new Committer(
    { clock, random: createSeededRandom(1), logger: new MemoryLogger(), engine, onWake: () => woken++ },
    resolveCommitterOptions(options),
  );
  const outcomes: unknown[] = [];
  const commit = (text: string, more: object = {}): void => {
    const at = outcomes.push('waits') - 1;
    committer.commit({ statements: [{ sql: text, ...more }] }).then(
      () => (outcomes[at] = 'committed'),
      (cause: unknown) => (outcomes[at] = codeOf(cause)),
    );
  };
  return { clock, committer, messages, outcomes, commit, woken: () => woken };
}

describe('the committer', () => {
  it('[STORE-3] what comes in one turn, and what comes while a transaction is on its way, goes together', async () => {
    let release: () => void = () => undefined;
    const held: Answer = async (steps) => {
      await new Promise<void>((resolve) => (release = resolve));
      return OK(steps);
    };
    const { clock, messages, commit, outcomes } = bench([held]);
    commit('SELECT 1');
    commit('SELECT 2');
    await clock.advance(0);
    expect(messages).toEqual([
      ['BEGIN READ WRITE', 'SAVEPOINT u0', 'SELECT 1', 'SAVEPOINT u1', 'SELECT 2', 'COMMIT'],
    ]);
    commit('SELECT 3');
    await clock.advance(0);
    commit('SELECT 4');
    expect(outcomes).toEqual(['waits', 'waits', 'waits', 'waits']);
    release();
    await settle();
    expect(messages[1]).toEqual([
      'BEGIN READ WRITE',
      'SAVEPOINT u0',
      'SELECT 3',
      'SAVEPOINT u1',
      'SELECT 4',
      'COMMIT',
    ]);
    expect(outcomes).toEqual(['committed', 'committed', 'committed', 'committed']);
  });

  it('[STORE-3] a transaction joins a bounded number of units and bytes, in order', async () => {
    const { clock, messages, commit, outcomes } = bench([], { maxUnits: 3, maxBytes: 2_000 });
    for (let number = 0; number < 7; number++) commit(`SELECT ${number}`);
    commit(`SELECT '${'x'.repeat(5_000)}'`);
    commit('SELECT 8');
    await clock.advance(0);
    expect(messages.map((steps) => steps.filter((step) => step.startsWith('SELECT')).length)).toEqual([
      3, 3, 1, 1, 1,
    ]);
    expect(outcomes).toEqual(Array.from({ length: 9 }, () => 'committed'));
  });

  it('[STORE-3] with joinMs a lone unit waits for others', async () => {
    const { clock, messages, commit } = bench([], { joinMs: 5 });
    commit('SELECT 1');
    await clock.advance(4);
    commit('SELECT 2');
    expect(messages).toEqual([]);
    await clock.advance(1);
    expect(messages).toHaveLength(1);
  });

  it('[STORE-3] after a failure only what comes after it is sent again', async () => {
    const { clock, messages, commit, outcomes } = bench([failing('SELECT 2', '23505')]);
    for (const number of [1, 2, 3]) commit(`SELECT ${number}`);
    await clock.advance(0);
    expect(messages[1]).toEqual(['ROLLBACK TO SAVEPOINT u1', 'SAVEPOINT u2', 'SELECT 3', 'COMMIT']);
    expect(outcomes).toEqual(['committed', 1003, 'committed']);
  });

  it('[STORE-6] beyond the bounds of the queue units are refused at once', async () => {
    const { clock, commit, outcomes } = bench([], { queueMaxUnits: 2, queueMaxBytes: 10_000 });
    for (let number = 0; number < 4; number++) commit(`SELECT ${number}`);
    await settle();
    expect(outcomes).toEqual(['waits', 'waits', 1101, 1101]);
    await clock.advance(0);
    commit('SELECT 5');
    commit(`SELECT '${'x'.repeat(20_000)}'`);
    await clock.advance(0);
    expect(outcomes.slice(4)).toEqual(['committed', 1101]);
  });

  it('[STORE-6] a unit that waited too long is not tried', async () => {
    let release: () => void = () => undefined;
    const held: Answer = async (steps) => {
      await new Promise<void>((resolve) => (release = resolve));
      return OK(steps);
    };
    const { clock, messages, commit, outcomes } = bench([held], { queueTimeoutMs: 1_000 });
    commit('SELECT 1');
    await clock.advance(0);
    commit('SELECT 2');
    await clock.advance(1_001);
    commit('SELECT 3');
    release();
    await settle();
    expect(outcomes).toEqual(['committed', 1100, 'committed']);
    expect(messages.flat()).not.toContain('SELECT 2');
  });

  it('[STORE-7] a connection lost before the commit: the same again, with delays, a bounded number of times', async () => {
    const apart = { expect: { rows: 1 } };
    const first = bench([lost(), lost()]);
    first.commit('SELECT 1', apart);
    await first.clock.advance(5_000);
    expect([first.outcomes, first.messages.length]).toEqual([['committed'], 4]);
    const second = bench(
      Array.from({ length: 9 }, () => lost()),
      { attempts: 3 },
    );
    second.commit('SELECT 1', apart);
    await second.clock.advance(10_000);
    expect([second.outcomes, second.messages.length]).toEqual([[1100], 3]);
  });

  it('[STORE-7] conflicts between transactions: each unit alone, then again', async () => {
    const { clock, messages, commit, outcomes } = bench([
      failing('SELECT 2', '40P01'),
      OK,
      failing('SELECT 2', '40001'),
      failing('SELECT 2', '40001'),
    ]);
    for (const number of [1, 2, 3]) commit(`SELECT ${number}`);
    await clock.advance(5_000);
    expect(outcomes).toEqual(['committed', 'committed', 'committed']);
    expect(messages.slice(1).map((steps) => steps.filter((step) => step.startsWith('SELECT')))).toEqual([
      ['SELECT 1'],
      ['SELECT 2'],
      ['SELECT 2'],
      ['SELECT 2'],
      ['SELECT 3'],
    ]);
  });

  it('[STORE-7] of units that took too long together only the guilty one fails', async () => {
    const slow =
      (text: string): Answer =>
      (steps) =>
        steps.some((step) => step.sql === text) ? lost(true)(steps) : OK(steps);
    const { clock, commit, outcomes } = bench(Array.from({ length: 9 }, () => slow('SELECT 2')));
    for (const number of [1, 2, 3]) commit(`SELECT ${number}`, { expect: { rows: 1 } });
    await clock.advance(5_000);
    expect(outcomes).toEqual(['committed', 1103, 'committed']);
  });

  it('[STORE-8] a connection lost while committing: nobody knows, and nothing is tried again', async () => {
    const { clock, messages, commit, outcomes } = bench([lost()]);
    commit('SELECT 1');
    commit('SELECT 2');
    await clock.advance(5_000);
    expect([outcomes, messages.length]).toEqual([[1102, 1102], 1]);
  });

  it('[STORE-30] the dispatcher and other processes are woken by a commit that has something for them, and by no other', async () => {
    const { clock, messages, commit, woken } = bench([failing('SELECT 1', '23505')]);
    commit('SELECT 1', { wakes: true });
    commit('SELECT 2');
    await clock.advance(0);
    expect(woken()).toBe(0);
    expect(messages.at(-1)).toEqual(['ROLLBACK TO SAVEPOINT u0', 'SAVEPOINT u1', 'SELECT 2', 'COMMIT']);
    commit('SELECT 3', { wakes: true });
    await clock.advance(0);
    expect(woken()).toBe(1);
    expect(messages.at(-1)).toEqual(['BEGIN READ WRITE', 'SELECT 3', 'NOTIFY', 'COMMIT']);
  });

  it("[STORE-1] a failure of the commit itself is each unit's own when it is tried alone", async () => {
    const deferred = (steps: readonly Step[]): Run =>
      steps.some((step) => step.sql === 'SELECT 2')
        ? (failing('COMMIT', '23503')(steps) as Run)
        : (OK(steps) as Run);
    const { clock, commit, outcomes } = bench(Array.from({ length: 9 }, () => deferred));
    for (const number of [1, 2, 3]) commit(`SELECT ${number}`);
    await clock.advance(5_000);
    expect(outcomes).toEqual(['committed', 1003, 'committed']);
  });

  it('[STORE-10] dispose waits for what was taken, and takes no more', async () => {
    const { clock, committer, commit, outcomes } = bench();
    commit('SELECT 1');
    const disposed = committer.dispose();
    commit('SELECT 2');
    await clock.advance(0);
    await disposed;
    expect(outcomes).toEqual(['committed', 1005]);
    await expect(committer.commit({ statements: [sql`SELECT 1`] })).rejects.toThrow('shutting down');
  });

  it('[STORE-92] options are checked, and the bad one is named', () => {
    expect(() => resolveCommitterOptions({ maxUnits: 0 })).toThrow('maxUnits');
    expect(() => resolveCommitterOptions({ queueMaxBytes: Number.NaN })).toThrow('queueMaxBytes');
    expect(resolveCommitterOptions({ joinMs: 0 }).joinMs).toBe(0);
  });
});
