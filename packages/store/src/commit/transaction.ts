/**
 * Several units in one transaction, each in a savepoint of its own, so that a failing one fails alone. As many units as possible go in one message, the
 * commit too where nothing has to be looked at before. The database skips what follows a failure, so a unit after a failed one is sent again; it
 * never ran, or what it did was rolled back to the failed unit's savepoint. Order is kept.
 */
import { CodedError } from '@trunkline/protocol';
import { ConnectionLost, type Run, type Session, type SqlFailure, type Step } from '../engine.js';
import { isPassing, isServerTrouble, toCodedError } from '../failures.js';
import { decodeResult, isExpected, type SqlResult, type Statement } from '../statement.js';
import { sealStatement, type Unit } from '../unit.js';

/** What came of a unit: its results (decoded), or why it failed. */
export type Verdict = { readonly results: readonly unknown[] } | { readonly error: unknown };

export interface TransactionOptions {
  /** For one message and its answer. */
  readonly timeoutMs: number;
  /** See `Engine.commitsApart`. */
  readonly commitsApart: boolean;
  /** Added before the commit where a committed unit woke somebody. */
  readonly wakeStep: Step | undefined;
}

/** The transaction was rolled back for reasons that pass; nothing was committed. */
export class RolledBack extends Error {
  readonly failure: SqlFailure;
  constructor(failure: SqlFailure) {
    super(failure.message);
    this.name = 'RolledBack';
    this.failure = failure;
  }
}

/** The connection was lost between sending the commit and its answer. */
export class OutcomeUnknown extends Error {
  constructor(cause: ConnectionLost) {
    super('the connection was lost while committing', { cause });
    this.name = 'OutcomeUnknown';
  }
}

const BEGIN: Step = { sql: 'BEGIN READ WRITE' };
const COMMIT: Step = { sql: 'COMMIT' };

/**
 * Runs and commits. Answers one verdict per unit, in order. Rejects with `RolledBack`, `OutcomeUnknown` or `ConnectionLost` (nothing was committed);
 * verdicts of single units hold only together with the commit, so they are not told then.
 */
export function runTransaction(
  session: Session,
  units: readonly Unit[],
  options: TransactionOptions,
): Promise<readonly Verdict[]> {
  return new Transaction(session, units, options).run();
}

class Transaction {
  readonly #session: Session;
  readonly #units: readonly Unit[];
  readonly #options: TransactionOptions;
  readonly #verdicts: Verdict[] = [];
  /** Steps that go out with the next message. */
  #outgoing: Step[] = [BEGIN];

  constructor(session: Session, units: readonly Unit[], options: TransactionOptions) {
    this.#session = session;
    this.#units = units;
    this.#options = options;
  }

  async run(): Promise<readonly Verdict[]> {
    while (this.#verdicts.length < this.#units.length) {
      const end = this.#endOfMessage();
      if (await this.#sendUnits(end)) return this.#verdicts;
    }
    await this.#send([...this.#wake(), COMMIT], true);
    return this.#verdicts;
  }

  /** A unit with `finish` is the last of its message, since what it says comes before the next unit. */
  #endOfMessage(): number {
    const from = this.#verdicts.length;
    const finishing = this.#units.findIndex(({ finish }, index) => index >= from && finish !== undefined);
    return finishing < 0 ? this.#units.length : finishing + 1;
  }

  /** Sends units up to `end` and notes their verdicts, up to the first that failed. True when that included the commit. */
  async #sendUnits(end: number): Promise<boolean> {
    const from = this.#verdicts.length;
    const units = this.#units.slice(from, end);
    const committing =
      !this.#options.commitsApart && end === this.#units.length && units.every(isUnconditional);
    const steps = units.flatMap(({ statements }, index) => [...this.#savepoint(from + index), ...statements]);
    const { results, failure } = await this.#send(
      committing ? [...steps, ...this.#wake(end), COMMIT] : steps,
      committing,
    );
    let at = 0;
    for (const [index, unit] of units.entries()) {
      at += this.#savepoint(from + index).length;
      const own = results.slice(at, at + unit.statements.length);
      at += unit.statements.length;
      const error = findError(unit.statements, own, failure);
      if (error !== undefined) {
        this.#rollBackTo(from + index, { error });
        return false;
      }
      if (unit.finish) await this.#finish(from + index, unit, own);
      else this.#verdicts.push(toVerdict(unit.statements, own));
    }
    // What failed now is the wake-up.
    if (failure) throw new RolledBack(failure);
    return committing;
  }

  async #finish(index: number, unit: Unit, own: readonly SqlResult[]): Promise<void> {
    let statements: readonly Statement<unknown>[];
    let results: readonly unknown[];
    try {
      results = unit.statements.map((statement, place) => decode(statement, own[place]));
      const said = unit.finish?.(results) ?? [];
      if (!Array.isArray(said)) throw new TypeError('finish answers a list of statements, at once');
      statements = said.map(sealStatement);
    } catch (error) {
      this.#rollBackTo(index, { error });
      return;
    }
    const answer = statements.length > 0 ? await this.#send(statements, false) : { results: [] };
    const error = findError(statements, answer.results, answer.failure);
    if (error === undefined) this.#verdicts.push({ results });
    else this.#rollBackTo(index, { error });
  }

  #rollBackTo(index: number, verdict: Verdict): void {
    this.#verdicts.push(verdict);
    // Alone, the commit that follows finds no transaction, which is a warning to the database and nothing to us.
    this.#outgoing = [{ sql: this.#units.length === 1 ? 'ROLLBACK' : `ROLLBACK TO SAVEPOINT u${index}` }];
  }

  /** The wake-up, where a unit that succeeded (all up to `assumed` are taken to succeed) has something for the outbox. */
  #wake(assumed = 0): readonly Step[] {
    const { wakeStep } = this.#options;
    if (!wakeStep) return [];
    const wakes = this.#units.some(
      ({ statements }, index) =>
        statements.some((statement) => statement.wakes === true) &&
        (this.#verdicts[index] === undefined ? index < assumed : 'results' in this.#verdicts[index]),
    );
    return wakes ? [wakeStep] : [];
  }

  /** Sends what is waiting to go out and `steps`; answers the results of `steps`. With `committing`, the last step is the commit. */
  async #send(steps: readonly Step[], committing: boolean): Promise<Run> {
    const lead = this.#outgoing.length;
    const all = [...this.#outgoing, ...steps];
    this.#outgoing = [];
    const { results, failure } = await this.#session
      .run(all, this.#options.timeoutMs)
      .catch((cause: unknown) => {
        throw committing && cause instanceof ConnectionLost ? new OutcomeUnknown(cause) : cause;
      });
    if (!failure) return { results: results.slice(lead) };
    const ownFault = results.length < lead || (committing && results.length === all.length - 1);
    if (ownFault || isPassing(failure) || isServerTrouble(failure)) throw new RolledBack(failure);
    return { results: results.slice(lead), failure };
  }

  /** One unit alone needs none: it fails with its transaction. */
  #savepoint(index: number): readonly Step[] {
    return this.#units.length === 1 ? [] : [{ sql: `SAVEPOINT u${index}` }];
  }
}

/** Nothing has to be looked at before the commit: whatever goes wrong, the database itself stops. */
function isUnconditional({ statements, finish }: Unit): boolean {
  return finish === undefined && statements.every(({ expect }) => expect === undefined);
}

/** The first thing wrong with a unit's statements, if any; `failure` belongs to the first one without a result. */
function findError(
  statements: readonly Statement<unknown>[],
  results: readonly SqlResult[],
  failure: SqlFailure | undefined,
): unknown {
  for (const [index, statement] of statements.entries()) {
    const where = `statement ${index + 1}`;
    const result = results[index];
    if (!result) return failure ? toCodedError(failure, where) : new Error(`${where} was not answered`);
    if (!isExpected(statement.expect, result.count))
      return statement.expect?.orElse?.() ?? new CodedError('conflict', `${where}: ${result.count} rows`);
  }
  return undefined;
}

/** By now the unit may be committed: a `decode` that throws is a fault of the program, told to the unit's caller alone. */
function toVerdict(statements: readonly Statement<unknown>[], results: readonly SqlResult[]): Verdict {
  try {
    return { results: statements.map((statement, place) => decode(statement, results[place])) };
  } catch (error) {
    return { error };
  }
}

function decode(statement: Statement<unknown>, result: SqlResult | undefined): unknown {
  if (!result) throw new Error('a statement was not answered');
  return decodeResult(statement, result);
}
