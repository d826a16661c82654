/**
 * Values between JavaScript and SQL, the same on both engines: everything travels as PostgreSQL's text form, bytes as they are. Types that
 * are not listed here (timestamps, numeric, arrays in results) come back as PostgreSQL's text; the store's own tables keep times as
 * milliseconds in `bigint`.
 */
import { CodedError } from '@trunkline/protocol';

export type SqlScalar = string | number | bigint | boolean | Uint8Array | null | undefined;
export type SqlValue = SqlScalar | readonly SqlScalar[] | Readonly<Record<string, unknown>>;

/** `null`, text, or bytes: what a parameter is on the way to the database. */
export type Encoded = string | Uint8Array | null;

const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  jsonb: 3802,
} as const;

/**
 * A parameter in PostgreSQL's text form (bytes stay bytes). Refuses with 107 what a database cannot hold: text with a NUL character, numbers
 * that are not finite, functions and symbols. `index` counts from 0 and names the parameter in the error.
 */
export function encodeValue(value: unknown, index: number): Encoded {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return encodeArray(value, index);
  if (typeof value === 'object') return text(encodeJson(value), index);
  return scalar(value, index);
}

export function encodeJson(value: unknown): string {
  const encoded = JSON.stringify(value) as string | undefined;
  if (encoded === undefined) throw new CodedError('badRequest', 'a value that is not JSON');
  return encoded;
}

/** A result's field by its type's OID. */
export function decodeValue(value: string | null, oid: number): unknown {
  if (value === null) return null;
  switch (oid) {
    case OID.bool:
      return value === 't';
    case OID.int2:
    case OID.int4:
    case OID.oid:
    case OID.float4:
    case OID.float8:
      return Number(value);
    case OID.int8:
      return toSafeInteger(value);
    case OID.bytea:
      return new Uint8Array(Buffer.from(value.slice(2), 'hex'));
    case OID.json:
    case OID.jsonb:
      return JSON.parse(value);
    default:
      return value;
  }
}

/** Bytes a parameter weighs in a queue, roughly. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + weightOf(item), 8);
  if (typeof value === 'object' && value !== null) return encodeJson(value).length;
  return 8;
}

/** An integer as a number while that is exact, beyond 2^53 as text. */
function toSafeInteger(value: string): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function scalar(value: unknown, index: number): string {
  switch (typeof value) {
    case 'string':
      return text(value, index);
    case 'number':
      if (!Number.isFinite(value)) throw refused(index, 'is not a finite number');
      return String(value);
    case 'bigint':
      return String(value);
    case 'boolean':
      return value ? 't' : 'f';
    default:
      throw refused(index, `is a ${typeof value}`);
  }
}

function encodeArray(values: readonly unknown[], index: number): string {
  const items = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    const item =
      value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : scalar(value, index);
    return `"${item.replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${items.join(',')}}`;
}

function text(value: string, index: number): string {
  if (value.includes('\u0000')) throw refused(index, 'holds a NUL character');
  return value;
}

function refused(index: number, why: string): CodedError {
  return new CodedError('badRequest', `parameter ${index + 1} ${why}`);
}
