/**
 * One process's way to the database: the store's engine port. Messages take time and wait for rows that others hold; a connection is lost before any
 * statement or before the answer, with or without the commit; transactions are refused as one of two that wait for each other; wake-ups get lost; the
 * database hangs or is away. A process that dies leaves its transactions open for a moment.
 */
import { ConnectionLost, type Engine, type Run, type Session, type Step } from '@trunkline/store/simulation';
import type { SqlResult } from '@trunkline/store';
import { Database, Refused, type Transaction } from './database.js';
import type { Dice } from './dice.js';
import { execute } from './statements.js';
import type { SimTime } from './time.js';
import type { Truth } from './truth.js';

export interface DatabaseFaults {
  /** Longest way of a message, there and back. */
  messageMs: number;
  /** Of a message: probability that the connection is lost somewhere in it, and that the transaction is refused. */
  lose: number;
  conflict: number;
  /** Of a wake-up, to one process. */
  loseWake: number;
}

export const CALM_DATABASE: Readonly<DatabaseFaults> = { messageMs: 2, lose: 0, conflict: 0, loseWake: 0 };

/** More messages than these within so many milliseconds are no work but a loop. */
const MESSAGES_MAX = 2_000;
const MESSAGES_WITHIN_MS = 10_000;

/** How long a dead process's transactions stay open. */
const LINGER_MS = 1_500;

export class SimDatabase {
  readonly time: SimTime;
  readonly dice: Dice;
  readonly database: Database;
  readonly engines = new Set<DatabaseEngine>();
  /** Notes what must not be. */
  readonly problem: (text: string) => void;
  faults: DatabaseFaults = { ...CALM_DATABASE };
  /** Nothing is answered before this moment. */
  hangsUntil = 0;
  /** Connections are refused before this moment. */
  awayUntil = 0;
  #messages = { sinceMs: 0, count: 0 };

  constructor(time: SimTime, dice: Dice, truth: Truth, problem: (text: string) => void) {
    this.time = time;
    this.dice = dice;
    this.problem = problem;
    this.database = new Database(time, truth);
    this.database.onWake = () => {
      for (const engine of this.engines)
        if (!dice.chance(this.faults.loseWake))
          time.setTimeout(() => engine.wake(), dice.between(0, this.faults.messageMs));
    };
  }

  /** One more message came. */
  note(): void {
    const now = this.time.monotonic();
    if (now - this.#messages.sinceMs > MESSAGES_WITHIN_MS) this.#messages = { sinceMs: now, count: 0 };
    if (++this.#messages.count === MESSAGES_MAX)
      this.problem(
        `the database was sent ${MESSAGES_MAX} messages within ${now - this.#messages.sinceMs} ms`,
      );
  }

  /** `alone`: as an embedded engine, which no other process uses and which sends commits apart. */
  connect(alone: boolean): DatabaseEngine {
    const engine = new DatabaseEngine(this, alone);
    this.engines.add(engine);
    return engine;
  }
}

export class DatabaseEngine implements Engine {
  readonly kind = 'postgres';
  readonly exclusive: boolean;
  readonly commitsApart: boolean;
  readonly wakeStep: Step | undefined;
  readonly #world: SimDatabase;
  #wake: (() => void) | undefined;
  #dead = false;

  constructor(world: SimDatabase, alone: boolean) {
    this.#world = world;
    this.exclusive = alone;
    this.commitsApart = alone;
    this.wakeStep = alone ? undefined : { sql: "SELECT pg_notify('trunkline_outbox', '')" };
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** The process is gone: nothing it asks for is answered any more. */
  die(): void {
    this.#dead = true;
    this.#world.engines.delete(this);
  }

  wake(): void {
    if (!this.#dead) this.#wake?.();
  }

  async lend<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const session = new SimSession(this.#world, this);
    try {
      return await use(session);
    } finally {
      session.end();
    }
  }

  onWake(run: () => void): void {
    this.#wake = run;
  }

  isRewound(): Promise<boolean> {
    return Promise.resolve(false);
  }

  clearRewound(): Promise<void> {
    return Promise.resolve();
  }

  backup(): Promise<void> {
    return Promise.reject(new Error('no backups here'));
  }

  maintain(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): Promise<void> {
    this.die();
    return Promise.resolve();
  }
}

class SimSession implements Session {
  readonly #world: SimDatabase;
  readonly #engine: DatabaseEngine;
  #transaction: Transaction | undefined;

  constructor(world: SimDatabase, engine: DatabaseEngine) {
    this.#world = world;
    this.#engine = engine;
  }

  async run(steps: readonly Step[], timeoutMs: number): Promise<Run> {
    const { time, dice, faults } = this.#world;
    this.#world.note();
    // Where in this message the connection is lost; after the last statement it is the answer that is lost.
    const lostAt = dice.chance(faults.lose) ? dice.between(0, steps.length) : -1;
    const refusedAt = dice.chance(faults.conflict) ? dice.between(0, steps.length - 1) : -1;
    await this.#reach(timeoutMs);
    const results: SqlResult[] = [];
    for (const [at, step] of steps.entries()) {
      if (at === lostAt || this.#engine.dead) this.#lose('before a statement');
      try {
        if (at === refusedAt && this.#transaction) throw new Refused('40001', 'could not serialize access');
        results.push(await this.#execute(step));
      } catch (cause) {
        if (!(cause instanceof Refused)) throw cause;
        if (this.#engine.dead) this.#lose('while it waited');
        if (this.#transaction) this.#transaction.failed = true;
        if (cause.failure.sqlState.startsWith('42')) this.#world.problem(cause.message);
        await this.#travel();
        return { results, failure: cause.failure };
      }
      // Others get a word in.
      if (dice.chance(0.1)) await time.sleep(dice.between(0, faults.messageMs));
    }
    await this.#travel();
    if (lostAt === steps.length || this.#engine.dead) this.#lose('before an answer');
    return { results };
  }

  /** Whatever is open is rolled back, by a process that lives or by a server that notices. */
  end(): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (!transaction || transaction.ended) return;
    const { time, dice } = this.#world;
    if (this.#engine.dead) time.setTimeout(() => transaction.rollBack(), dice.between(0, LINGER_MS));
    else transaction.rollBack();
  }

  async #reach(timeoutMs: number): Promise<void> {
    const { time } = this.#world;
    await this.#travel();
    const hang = this.#world.hangsUntil - time.monotonic();
    if (hang > 0) await time.sleep(Math.min(hang, timeoutMs));
    if (hang > timeoutMs) throw new ConnectionLost('no answer in time', { timedOut: true });
    if (this.#engine.dead || this.#world.awayUntil > time.monotonic()) this.#lose('before a message');
  }

  #travel(): Promise<void> {
    const { time, dice, faults } = this.#world;
    return time.sleep(dice.between(0, faults.messageMs) / 2);
  }

  #lose(when: string): never {
    this.end();
    throw new ConnectionLost(`lost ${when}`);
  }

  async #execute({ sql, parameters = [], maxRows = Infinity }: Step): Promise<SqlResult> {
    const { database } = this.#world;
    const transaction = this.#transaction;
    const [, name] = /SAVEPOINT (\w+)$/.exec(sql) ?? [];
    if (sql.startsWith('BEGIN')) this.#transaction = database.begin();
    else if (sql === 'COMMIT') this.#leave((open) => open.commit());
    else if (sql === 'ROLLBACK') this.#leave((open) => open.rollBack());
    else if (sql.startsWith('ROLLBACK TO') && name !== undefined) transaction?.rollBackTo(name);
    else if (transaction?.failed) throw new Refused('25P02', 'current transaction is aborted');
    else if (sql.startsWith('SAVEPOINT') && name !== undefined) transaction?.savepoint(name);
    else {
      const result = transaction
        ? await execute(database, transaction, sql, parameters)
        : await this.#readAlone(sql, parameters);
      if (result.count > maxRows) throw new Refused('TL001', 'too many rows');
      return result;
    }
    return { rows: [], count: 0 };
  }

  #leave(end: (open: Transaction) => void): void {
    if (this.#transaction) end(this.#transaction);
    this.#transaction = undefined;
  }

  /** Outside of a transaction a session only reads. */
  async #readAlone(sql: string, parameters: readonly unknown[]): Promise<SqlResult> {
    const { database } = this.#world;
    const own = database.begin();
    try {
      const result = await execute(database, own, sql, parameters);
      if (own.changed) throw new Refused('42000', `a read changed something: ${sql.trim().slice(0, 80)}`);
      return result;
    } finally {
      own.rollBack();
    }
  }
}
