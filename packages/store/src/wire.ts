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

/** All steps and one Sync. Throws 107 on a parameter that cannot be sent. */
export function encodePipeline(steps: readonly Step[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { sql, parameters = [], maxRows = 0 } of steps) {
    if (sql.includes('\u0000')) throw new TypeError('SQL text holds a NUL character');
    parts.push(encodeStep(text.encode(sql), parameters.map(encodeValue), maxRows));
  }
  parts.push(SYNC);
  return Buffer.concat(parts);
}

function encodeStep(sql: Uint8Array, parameters: readonly Encoded[], maxRows: number): Uint8Array {
  const values = parameters.map((value) => (typeof value === 'string' ? text.encode(value) : value));
  const parseLength = 4 + 1 + sql.length + 1 + 2;
  let bindLength = 4 + 1 + 1 + 2 + 2 * values.length + 2 + 2;
  for (const value of values) bindLength += 4 + (value?.length ?? 0);
  const buffer = Buffer.allocUnsafe(1 + parseLength + 1 + bindLength + 7 + 10);
  let at = 0;
  const byte = (value: number): void => void (at = buffer.writeUInt8(value, at));
  const int16 = (value: number): void => void (at = buffer.writeUInt16BE(value, at));
  const int32 = (value: number): void => void (at = buffer.writeInt32BE(value, at));
  const bytes = (value: Uint8Array): void => {
    buffer.set(value, at);
    at += value.length;
  };
  // Parse: unnamed statement, types left to the server.
  byte(0x50);
  int32(parseLength);
  byte(0);
  bytes(sql);
  byte(0);
  int16(0);
  // Bind: unnamed portal and statement; bytes in binary form, everything else as text; results as text.
  byte(0x42);
  int32(bindLength);
  byte(0);
  byte(0);
  int16(values.length);
  for (const parameter of parameters) int16(parameter instanceof Uint8Array ? 1 : 0);
  int16(values.length);
  for (const value of values) {
    int32(value === null ? -1 : value.length);
    if (value !== null) bytes(value);
  }
  int16(0);
  // Describe the portal.
  byte(0x44);
  int32(6);
  byte(0x50);
  byte(0);
  // Execute: with more rows than allowed (0: any number) the answer is "suspended".
  byte(0x45);
  int32(9);
  byte(0);
  int32(maxRows);
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
    for (const [index, field] of this.#fields.entries()) row[field.name] = decodeValue(values[index] ?? null, field.oid);
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
    this.onFailure({ sqlState: TOO_MANY_ROWS, message: `more than ${this.#rows.length} rows` });
  }

  onFailure(failure: SqlFailure): void {
    this.#failure ??= failure;
  }

  /** Everything up to the failure, if there was one. */
  finish(): Run {
    return this.#failure ? { results: this.#results, failure: this.#failure } : { results: this.#results };
  }
}
