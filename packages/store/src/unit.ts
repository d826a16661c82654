/**
 * The unit of work: a list of statements that are committed together or not at all. Everything is sent in one message and nothing else is
 * awaited inside; there is no callback in which the database could be used, and so no way to wait for a store from within its own transaction.
 * What one statement needs of another is said in SQL (a CTE), by an expectation, or by `finish`.
 */
import type { ResultsOf, Statement } from './statement.js';
import { encodeValue } from './values.js';

export interface Unit<S extends readonly Statement<unknown>[] = readonly Statement<unknown>[]> {
  readonly statements: S;
  /**
   * Called once per attempt with the results of `statements`, inside the transaction; answers statements that belong to the same
   * transaction (their results are only checked). Synchronous and pure. What it throws rolls the unit back and is what the caller gets.
   * Costs one more message to the database.
   */
  readonly finish?: (results: ResultsOf<S>) => readonly Statement<unknown>[];
}

/** Where effects are committed. */
export interface Committing {
  /**
   * Commits the unit and answers each statement's result. Units of a process are joined into one transaction where they arrive together; they
   * take effect in the order of these calls, and each succeeds or fails alone.
   *
   * Fails with 1003 (or the statement's own error) where an expectation or a constraint does not hold, 1110 where the database refuses a
   * statement, 1101 beyond the queue's bounds, 1100 and 1103 where nothing was committed and a repeat makes sense, 1102 where the connection
   * was lost while committing: then it may have been.
   */
  commit<const S extends readonly Statement<unknown>[]>(unit: Unit<S>): Promise<ResultsOf<S>>;
}

/** Reading, outside of units. */
export interface Reading {
  /** Runs one statement on committed data; one that writes is refused (1110). Fails with 106 beyond `maxRows` rows. */
  read<T>(statement: Statement<T>): Promise<T>;
}

const COMMAND = /^\s*(?:with|select|insert|update|delete|merge|values)\b/i;

/**
 * The statement with its parameters as they will be sent. Throws on SQL that is no unit's business (transactions, sessions, tables): a programming
 * error. Refuses with 107 a parameter that no database can hold.
 */
export function sealStatement(statement: Statement<unknown>): Statement<unknown> {
  const { sql, parameters } = statement;
  if (!COMMAND.test(sql))
    throw new TypeError(
      `a statement begins with WITH, SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES, not: ${sql.slice(0, 40)}`,
    );
  return parameters && parameters.length > 0
    ? { ...statement, parameters: parameters.map(encodeValue) }
    : statement;
}
