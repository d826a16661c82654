/**
 * What the database says, as codes. Names of constraints reach the caller, since they are ours and say which rule was broken; texts of the database and
 * values do not: they stay in `cause` and in the log.
 */
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from './codes.js';
import { ConnectionLost, TOO_MANY_ROWS, type SqlFailure } from './engine.js';

/** A failure of the database as an error; only `cause` carries its words. */
export class SqlError extends Error {
  readonly failure: SqlFailure;
  constructor(failure: SqlFailure) {
    super(
      `${failure.sqlState}: ${failure.message}${failure.detail === undefined ? '' : ` (${failure.detail})`}`,
    );
    this.name = 'SqlError';
    this.failure = failure;
  }
}

/**
 * True where the whole transaction was given up for reasons that pass: a conflict of serialization, a deadlock, a lock not had in time, or a prepared
 * statement that a migration has outdated (or somebody between us and the server has lost).
 */
export function isPassing({ sqlState, message }: SqlFailure): boolean {
  return (
    sqlState.startsWith('40') ||
    sqlState === '55P03' ||
    sqlState === '26000' ||
    (sqlState === '0A000' && message.includes('cached plan'))
  );
}

/** True where the failure is not about a statement but about the server: it shuts down, is out of memory, or became read-only. */
export function isServerTrouble({ sqlState }: SqlFailure): boolean {
  return (
    sqlState.startsWith('57P') ||
    sqlState.startsWith('08') ||
    sqlState === '25P03' ||
    /^53(?!100)/.test(sqlState)
  );
}

/** What the caller of a statement gets. `where` names the statement, e.g. `statement 2`. */
export function toCodedError(failure: SqlFailure, where: string): CodedError {
  const options = { cause: new SqlError(failure) };
  const { sqlState, constraint } = failure;
  if (sqlState.startsWith('23') && sqlState !== '23502')
    return new CodedError('conflict', constraint ?? where, options);
  if (sqlState === TOO_MANY_ROWS) return new CodedError('limitExceeded', 'rows of a result', options);
  if (sqlState === '57014') return new CodedError(STORE_CODES.storeTimeout, where, options);
  // Out of disk, or a file that could not be written for another reason the system gave.
  if (sqlState === '53100' || sqlState === '58030')
    return new CodedError(STORE_CODES.storeFull, undefined, options);
  if (isPassing(failure) || isServerTrouble(failure))
    return new CodedError(STORE_CODES.storeUnavailable, undefined, options);
  return new CodedError(STORE_CODES.statementRefused, where, options);
}

/** No answer came and nothing was being committed. */
export function toUnavailable(cause: unknown): unknown {
  if (!(cause instanceof ConnectionLost)) return cause;
  return new CodedError(cause.timedOut ? STORE_CODES.storeTimeout : STORE_CODES.storeUnavailable, undefined, {
    cause,
  });
}
