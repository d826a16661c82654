/**
 * The one committer of a process: joins the units that wait into transactions and commits one transaction at a time. A caller hears of its unit
 * only after the commit. Transactions that failed for reasons that pass are tried again, at first as they were, then each unit alone.
 */
import { Backoff, BoundedQueue, sleep, type Clock, type Logger, type Random } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '../codes.js';
import { ConnectionLost, type Engine, type Session } from '../engine.js';
import { isPassing, isServerTrouble, toCodedError, toUnavailable } from '../failures.js';
import type { ResultsOf, Statement } from '../statement.js';
import { sealStatement, type Committing, type Unit } from '../unit.js';
import { weightOf } from '../values.js';
import type { CommitterOptions } from './options.js';
import { OutcomeUnknown, RolledBack, runTransaction, type Verdict } from './transaction.js';

export interface CommitterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly engine: Engine;
  /** Called after a commit in which a statement with `wakes` took effect. */
  readonly onWake: () => void;
  /** Stands between the committer and each session it is lent: for tests that fail or die between two statements. */
  readonly intercept?: (session: Session) => Session;
}

interface Waiting {
  readonly unit: Unit;
  readonly weight: number;
  readonly sinceMs: number;
  readonly resolve: (results: readonly unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

/** What a unit weighs besides its text and parameters. */
const UNIT_WEIGHT = 256;

export class Committer implements Committing {
  readonly #deps: CommitterDeps;
  readonly #options: CommitterOptions;
  readonly #queue: BoundedQueue<Waiting>;
  #held: Waiting | undefined;
  #running: Promise<void> | undefined;
  #closed = false;
  #committed = 0;
  #failed = 0;
  #transactions = 0;

  constructor(deps: CommitterDeps, options: CommitterOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#queue = new BoundedQueue({ maxItems: options.queueMaxUnits, maxWeight: options.queueMaxBytes });
  }

  get counts(): {
    readonly queued: number;
    readonly committed: number;
    readonly failed: number;
    readonly transactions: number;
  } {
    return {
      queued: this.#queue.size + (this.#held ? 1 : 0),
      committed: this.#committed,
      failed: this.#failed,
      transactions: this.#transactions,
    };
  }

  commit<const S extends readonly Statement<unknown>[]>(unit: Unit<S>): Promise<ResultsOf<S>> {
    return new Promise<readonly unknown[]>((resolve, reject) => {
      if (this.#closed) throw new CodedError('shuttingDown', 'store');
      const sealed = seal(unit);
      const weight = weigh(sealed);
      const waiting = { unit: sealed, weight, sinceMs: this.#deps.clock.monotonic(), resolve, reject };
      if (!this.#queue.push(waiting, weight))
        throw new CodedError(STORE_CODES.storeOverloaded, 'units waiting to be committed');
      this.#running ??= this.#work();
    }) as Promise<ResultsOf<S>>;
  }

  /** Refuses new units and waits until those that wait were committed or failed. */
  async dispose(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  // ------------------------------------------------------------ inside

  async #work(): Promise<void> {
    await this.#join();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#commitBatch(batch);
    this.#running = undefined;
  }

  #join(): Promise<void> {
    const { clock } = this.#deps;
    const { joinMs } = this.#options;
    return joinMs > 0 ? sleep(clock, joinMs) : new Promise((resolve) => clock.setImmediate(resolve));
  }

  /** The next units, oldest first, within the bounds of a transaction. */
  #take(): Waiting[] {
    const batch: Waiting[] = [];
    let weight = 0;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (
        batch.length > 0 &&
        (batch.length >= this.#options.maxUnits || weight + next.weight > this.#options.maxBytes)
      ) {
        this.#held = next;
        break;
      }
      if (this.#deps.clock.monotonic() - next.sinceMs > this.#options.queueTimeoutMs) {
        this.#settle(next, {
          error: new CodedError(STORE_CODES.storeUnavailable, 'waited too long to be committed'),
        });
        continue;
      }
      batch.push(next);
      weight += next.weight;
    }
    return batch;
  }

  #next(): Waiting | undefined {
    const held = this.#held;
    this.#held = undefined;
    return held ?? this.#queue.shift();
  }

  async #commitBatch(batch: readonly Waiting[]): Promise<void> {
    const { random, clock, logger } = this.#deps;
    const { attempts, retryMinMs, retryMaxMs } = this.#options;
    const backoff = new Backoff(random, { minDelayMs: retryMinMs, maxDelayMs: retryMaxMs });
    for (let attempt = 1; ; attempt++) {
      try {
        const verdicts = await this.#transact(batch);
        this.#settleAll(batch, verdicts);
        return;
      } catch (cause) {
        const next = attempt >= attempts ? 'fail' : decide(cause, batch.length);
        logger.warn(
          { cause: String(cause), units: batch.length, attempt, next },
          'a transaction was not committed',
        );
        if (next === 'fail') {
          const error = toError(cause);
          for (const waiting of batch) this.#settle(waiting, { error });
          return;
        }
        if (next === 'alone') {
          for (const waiting of batch) await this.#commitBatch([waiting]);
          return;
        }
        await sleep(clock, backoff.next());
      }
    }
  }

  #transact(batch: readonly Waiting[]): Promise<readonly Verdict[]> {
    const { engine, intercept } = this.#deps;
    return engine.lend((session) =>
      runTransaction(
        intercept ? intercept(session) : session,
        batch.map(({ unit }) => unit),
        { timeoutMs: this.#options.timeoutMs, wakeStep: engine.wakeStep, commitsApart: engine.commitsApart },
      ),
    );
  }

  #settleAll(batch: readonly Waiting[], verdicts: readonly Verdict[]): void {
    this.#transactions++;
    let wakes = false;
    for (const [index, waiting] of batch.entries()) {
      const verdict = verdicts[index] ?? { error: new CodedError('internal', 'a unit without a verdict') };
      wakes ||= 'results' in verdict && waiting.unit.statements.some((statement) => statement.wakes === true);
      this.#settle(waiting, verdict);
    }
    if (wakes) this.#deps.onWake();
  }

  #settle(waiting: Waiting, verdict: Verdict): void {
    if ('results' in verdict) {
      this.#committed++;
      waiting.resolve(verdict.results);
    } else {
      this.#failed++;
      waiting.reject(verdict.error);
    }
  }
}

/** The unit as it is now, with parameters as they will be sent: what cannot be sent is refused here, and later changes do not matter. */
function seal<S extends readonly Statement<unknown>[]>(unit: Unit<S>): Unit {
  // Inside, units are lists of whatever they are; the results go back to the call that knows.
  const { statements, ...rest } = unit as unknown as Unit;
  return { ...rest, statements: statements.map(sealStatement) };
}

function weigh({ statements }: Unit): number {
  return statements.reduce(
    (sum, { sql, parameters }) => sum + sql.length + weightOf(parameters ?? []),
    UNIT_WEIGHT,
  );
}

/**
 * What to do about a transaction that was not committed. `again`: the same once more. `alone`: one of the units may be at fault, so each
 * gets a transaction of its own.
 */
function decide(cause: unknown, units: number): 'again' | 'alone' | 'fail' {
  if (cause instanceof ConnectionLost) return !cause.timedOut ? 'again' : units > 1 ? 'alone' : 'fail';
  if (cause instanceof RolledBack) {
    if (isServerTrouble(cause.failure)) return 'again';
    if (units > 1) return 'alone';
    return isPassing(cause.failure) ? 'again' : 'fail';
  }
  // A parameter that cannot be sent spoils the message of all.
  return cause instanceof OutcomeUnknown || units === 1 ? 'fail' : 'alone';
}

function toError(cause: unknown): unknown {
  if (cause instanceof OutcomeUnknown)
    return new CodedError(STORE_CODES.outcomeUnknown, undefined, { cause });
  if (cause instanceof RolledBack) return toCodedError(cause.failure, 'commit');
  return toUnavailable(cause);
}
