/**
 * PostgreSQL's frontend/backend protocol (PostgreSQL documentation, "Message Formats"), as much as a list of statements needs: Parse, Bind, Describe
 * and Execute for each, one Sync at the end. After an error the server skips everything up to the Sync, which is what makes "sent in one message" safe:
 * no statement after a failed one is run. Both engines send what `encodePipeline` makes and feed a `RunReader`.
 */
import { TOO_MANY_ROWS, type Run, type SqlFailure, type Step } from './engine.js';
import type { Row, SqlResult } from './statement.js';
import { decodeValue, encodeValue, type Encoded } from './values.js';

interface Field {
  readonly name: string;
  readonly oid: number;
}

const text = new TextEncoder();
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);

/**
 * Statements that a session has prepared: what is sent a second time is given a name, and from then on neither parsed nor, after a while, planned. Names are
 * never used twice, so that a preparation that came to nothing leaves no doubt. One cache per session, and bounded.
 */
export class StatementCache {
  /** By text; `undefined` for a text seen once. Least recently used first. */
  readonly #names = new Map<string, string | undefined>();
  #garbage: string[] = [];
  #next = 0;

  /** How to send `sql` now. */
  use(sql: string): { readonly name: string; readonly parse: boolean } {
    if (sql.length > MAX_CACHED_LENGTH) return { name: '', parse: true };
    const known = this.#names.has(sql);
    const name = this.#names.get(sql);
    this.#names.delete(sql);
    if (name !== undefined) {
      this.#names.set(sql, name);
      return { name, parse: false };
    }
    const given = known ? `s${this.#next++}` : undefined;
    this.#names.set(sql, given);
    if (this.#names.size > MAX_CACHED) {
      const [oldest = ''] = this.#names.keys();
      this.forget([oldest]);
    }
    return { name: given ?? '', parse: true };
  }

  /** Texts whose preparation is in doubt. */
  forget(texts: Iterable<string>): void {
    for (const sql of texts) {
      const name = this.#names.get(sql);
      if (name !== undefined) this.#garbage.push(name);
      this.#names.delete(sql);
    }
  }

  /** Names to be closed; closing one that does not exist is no error. */
  takeGarbage(): readonly string[] {
    const garbage = this.#garbage;
    this.#garbage = [];
    return garbage;
  }
}

/** Statements of one session, and the longest that is worth a name. */
const MAX_CACHED = 256;
const MAX_CACHED_LENGTH = 20_000;

/** All steps and one Sync. Throws 107 on a parameter that cannot be sent; nothing has changed then. */
export function encodePipeline(steps: readonly Step[], cache: StatementCache): Uint8Array {
  const encoded = steps.map(({ sql, parameters = [], maxRows = 0 }) => {
    if (sql.includes('\u0000')) throw new TypeError('SQL text holds a NUL character');
    return { sql, parameters: parameters.map(encodeValue), maxRows };
  });
  const parts: Uint8Array[] = cache.takeGarbage().map(encodeClose);
  for (const { sql, parameters, maxRows } of encoded) {
    const { name, parse } = cache.use(sql);
    if (parse) parts.push(encodeParse(name, sql));
    parts.push(encodeExecution(name, parameters, maxRows));
  }
  parts.push(SYNC);
  return Buffer.concat(parts);
}

/** After a failure: what was to be prepared from the failed step on, was not, or nobody knows. */
export function forgetFailed(cache: StatementCache, steps: readonly Step[], { results, failure }: Run): void {
  if (failure) cache.forget(steps.slice(results.length).map(({ sql }) => sql));
}

function encodeClose(name: string): Uint8Array {
  const body = text.encode(`S${name}\0`);
  return Buffer.concat([header(0x43, body.length), body]);
}

function encodeParse(name: string, sql: string): Uint8Array {
  // Types are left to the server.
  const body = text.encode(`${name}\0${sql}\0\0\0`);
  return Buffer.concat([header(0x50, body.length), body]);
}

function header(kind: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = kind;
  bytes.writeInt32BE(length + 4, 1);
  return bytes;
}

/** Bind to the unnamed portal, describe it, execute it. */
function encodeExecution(name: string, parameters: readonly Encoded[], maxRows: number): Uint8Array {
  const statement = text.encode(name);
  const values = parameters.map((value) => (typeof value === 'string' ? text.encode(value) : value));
  let bindLength = 4 + 1 + statement.length + 1 + 2 + 2 * values.length + 2 + 2;
  for (const value of values) bindLength += 4 + (value?.length ?? 0);
  const buffer = Buffer.allocUnsafe(1 + bindLength + 7 + 10);
  let at = 0;
  const byte = (value: number): void => void (at = buffer.writeUInt8(value, at));
  const int16 = (value: number): void => void (at = buffer.writeUInt16BE(value, at));
  const int32 = (value: number): void => void (at = buffer.writeInt32BE(value, at));
  const bytes = (value: Uint8Array): void => {
    buffer.set(value, at);
    at += value.length;
  };
  // Bytes go in binary form, everything else as text; results come as text.
  byte(0x42);
  int32(bindLength);
  byte(0);
  bytes(statement);
  byte(0);
  int16(values.length);
  for (const parameter of parameters) int16(parameter instanceof Uint8Array ? 1 : 0);
  int16(values.length);
  for (const value of values) {
    int32(value === null ? -1 : value.length);
    if (value !== null) bytes(value);
  }
  int16(0);
  byte(0x44);
  int32(6);
  byte(0x50);
  byte(0);
  // At the last row asked for the answer is "suspended", so one more is (0: any number).
  byte(0x45);
  int32(9);
  byte(0);
  int32(maxRows === 0 ? 0 : maxRows + 1);
  return buffer;
}

/** Collects what the server answers to a pipeline. After a failure nothing counts: a result that was cut off is no failure to the server, which goes on. */
export class RunReader {
  #results: SqlResult[] = [];
  #fields: readonly Field[] = [];
  #rows: Row[] = [];
  #failure: SqlFailure | undefined;

  onFields(fields: readonly Field[]): void {
    this.#fields = fields;
  }

  onRow(values: readonly (string | null)[]): void {
    if (this.#failure) return;
    const row: Record<string, unknown> = {};
    for (const [index, field] of this.#fields.entries())
      row[field.name] = decodeValue(values[index] ?? null, field.oid);
    this.#rows.push(row);
  }

  /** `tag` such as `INSERT 0 3`: the last word is the number of rows, where there is one. */
  onComplete(tag: string): void {
    if (this.#failure) return;
    const count = Number(tag.slice(tag.lastIndexOf(' ') + 1));
    this.#results.push({ rows: this.#rows, count: Number.isInteger(count) ? count : 0 });
    this.#rows = [];
    this.#fields = [];
  }

  /** The result has more rows than allowed: the statement counts as failed, whatever the server thinks. */
  onSuspended(): void {
    this.onFailure({ sqlState: TOO_MANY_ROWS, message: `${this.#rows.length} rows or more` });
  }

  onFailure(failure: SqlFailure): void {
    this.#failure ??= failure;
  }

  /** Everything up to the failure, if there was one. */
  finish(): Run {
    return this.#failure ? { results: this.#results, failure: this.#failure } : { results: this.#results };
  }
}
