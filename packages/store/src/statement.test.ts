import { describe, expect, it } from 'vitest';
import { decoding, expecting, json, raw, sql } from './statement.js';
import { sealStatement } from './unit.js';
import { encodeValue } from './values.js';

describe('statements', () => {
  it('[STORE-2] a template makes parameters of values, never text; other statements are put in with theirs', () => {
    const inner = sql`SELECT id FROM a WHERE b = ${'x'} AND c = ${2}`;
    expect(
      sql`WITH i AS (${inner}) SELECT ${raw('i.*')} FROM i WHERE d = ${null} AND e = ${"'; DROP"} AND id IN (${inner})`,
    ).toEqual({
      sql: 'WITH i AS (SELECT id FROM a WHERE b = $1 AND c = $2) SELECT i.* FROM i WHERE d = $3 AND e = $4 AND id IN (SELECT id FROM a WHERE b = $5 AND c = $6)',
      parameters: ['x', 2, null, "'; DROP", 'x', 2],
    });
  });

  it('[STORE-4] a condition and a decoder are added without touching the statement', () => {
    const given = sql`SELECT 1`;
    const made = decoding(expecting(given, 1), ({ count }) => count);
    expect(given).toEqual({ sql: 'SELECT 1', parameters: [] });
    expect([made.expect?.rows, made.decode?.({ rows: [], count: 7 })]).toEqual([1, 7]);
  });

  it('[STORE-17] arrays are arrays of the database, objects and json() are JSON', () => {
    expect(
      [[1, null, 'a"\\b'], { a: [1] }, json([1]), [true], [Uint8Array.of(1, 255)]].map(encodeValue),
    ).toEqual(['{"1",NULL,"a\\"\\\\b"}', '{"a":[1]}', '[1]', '{"t"}', '{"\\\\x01ff"}']);
  });

  it('[STORE-2] parameters are taken as they are at the call', () => {
    const list = [1];
    const sealed = sealStatement({ sql: 'SELECT $1', parameters: [list] });
    list.push(2);
    expect(sealed.parameters).toEqual(['{"1"}']);
  });
});
