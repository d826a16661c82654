/**
 * Statements: SQL text, parameters, and what must come of it. A statement is data: it can be built anywhere, put into any unit, and does
 * nothing by itself. The shape is that of a compiled Kysely query, so those are statements too. One statement is one SQL command.
 */
import type { CodedError } from '@trunkline/protocol';
import { encodeJson, type SqlValue } from './values.js';

export type Row = Readonly<Record<string, unknown>>;

/** What a statement gave: its rows, and how many rows it returned or changed. */
export interface SqlResult {
  readonly rows: readonly Row[];
  readonly count: number;
}

/** A condition on the number of rows. Where it does not hold, the unit is rolled back and fails with `orElse()`, else with 1003. */
export interface Expectation {
  /** Exactly so many, or from and to (inclusive). */
  readonly rows: number | readonly [from: number, to: number];
  readonly orElse?: () => CodedError;
}

/** `T` is what the caller gets for it: the plain result, unless `decode` makes something of it. */
export interface Statement<T = SqlResult> {
  readonly sql: string;
  /** For `$1`, `$2` …: null, text, numbers, booleans, bytes (bytea), arrays of those (arrays), other objects as JSON. */
  readonly parameters?: readonly unknown[];
  readonly expect?: Expectation;
  /** Pure; called with the result after the commit (before it where the unit has a `finish`). */
  readonly decode?: (result: SqlResult) => T;
  /** Set by statements that put publications into the outbox: the dispatcher is woken after the commit. */
  readonly wakes?: boolean;
}

/** What `commit` answers for a list of statements: each one's `T`, in order. */
export type ResultsOf<S extends readonly Statement<unknown>[]> = {
  readonly [Index in keyof S]: S[Index] extends Statement<infer T> ? T : never;
};

/** Text that is SQL already, for `sql`. Never made of input. */
export class RawSql {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * A statement from a template; values become parameters, never text. `raw` and other statements are put in as they are.
 *
 *     sql`UPDATE notes SET body = ${body} WHERE id = ${id}`
 */
export function sql(
  strings: TemplateStringsArray,
  ...values: readonly (SqlValue | RawSql | Statement<unknown>)[]
): Statement {
  const parameters: unknown[] = [];
  let text = '';
  for (const [index, part] of strings.entries()) {
    text += part;
    if (index >= values.length) continue;
    const value = values[index];
    if (value instanceof RawSql) text += value.text;
    else if (isStatement(value)) {
      const shift = parameters.length;
      text += value.sql.replace(/\$(\d+)/g, (_, number: string) => `$${Number(number) + shift}`);
      parameters.push(...(value.parameters ?? []));
    } else text += `$${parameters.push(value)}`;
  }
  return { sql: text, parameters };
}

/** SQL text to be put into a template as it is: constants of the program, such as column lists. */
export function raw(text: string): RawSql {
  return new RawSql(text);
}

/** A value as JSON text, for columns of type json, jsonb or text; arrays too, which would be SQL arrays otherwise. */
export function json(value: unknown): string {
  return encodeJson(value);
}

/** The same statement with a condition on its rows. */
export function expecting<T>(
  statement: Statement<T>,
  rows: Expectation['rows'],
  orElse?: () => CodedError,
): Statement<T> {
  return { ...statement, expect: { rows, ...(orElse ? { orElse } : {}) } };
}

/** The same statement, answering what `decode` makes of its result. */
export function decoding<T>(statement: Statement<unknown>, decode: (result: SqlResult) => T): Statement<T> {
  return { ...statement, decode };
}

/** What the caller of a statement gets for its result. */
export function decodeResult<T>(statement: Statement<T>, result: SqlResult): T {
  return statement.decode ? statement.decode(result) : (result as T);
}

/** True where `count` is what the statement expects. */
export function isExpected(expectation: Expectation | undefined, count: number): boolean {
  if (!expectation) return true;
  const { rows } = expectation;
  return typeof rows === 'number' ? count === rows : count >= rows[0] && count <= rows[1];
}

function isStatement(value: unknown): value is Statement<unknown> {
  return typeof value === 'object' && value !== null && 'sql' in value && typeof value.sql === 'string';
}
