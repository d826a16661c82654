import { readFileSync } from 'node:fs';
import { ERROR_CODES } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { STORE_CODES } from './codes.js';
import { toCodedError } from './failures.js';

describe('codes of the store', () => {
  it('[STORE-90] document and table agree, both ways, within the block', () => {
    const page = readFileSync(new URL('../../../docs/spec/store.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| (\d+) \| `(\w+)` \| ([^|]+?) \| `(\w+)` \| [^|]+ \|$/gm)].map(
      ([, code, name, message, retry]) => ({ code: Number(code), name, message, retry }),
    );
    const tabled = Object.entries(STORE_CODES).map(([name, { code, message, retry }]) => ({
      code,
      name,
      message,
      retry,
    }));
    expect(documented).toEqual(tabled);
    const codes = tabled.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code >= 1100 && code <= 1199).toBe(true);
    const core = new Set(Object.values(ERROR_CODES).map(({ code }) => code as number));
    expect(codes.filter((code) => core.has(code))).toEqual([]);
  });

  it("[STORE-91] the database's words and values stay inside; the name of a constraint says which rule was broken", () => {
    const failure = {
      sqlState: '23505',
      message: 'duplicate key "secret"',
      detail: 'Key (mail)=(secret)',
      constraint: 'users_mail',
    };
    const error = toCodedError(failure, 'statement 1');
    expect(error.toData()).toEqual({ code: 1003, message: 'conflict: users_mail', temporary: false });
    expect(String(error.cause)).toContain('secret');
  });

  it('[STORE-91] each kind of failure has its code', () => {
    const code = (sqlState: string): number => toCodedError({ sqlState, message: 'x' }, 'statement 1').code;
    expect(
      [
        '23505',
        '23503',
        '23514',
        '23502',
        '22P02',
        '42P01',
        '25006',
        '57014',
        '53100',
        '58030',
        '53300',
        '57P01',
        '40001',
        '40P01',
        '08006',
        'XX000',
      ].map(code),
    ).toEqual([
      1003, 1003, 1003, 1110, 1110, 1110, 1110, 1103, 1104, 1104, 1100, 1100, 1100, 1100, 1100, 1110,
    ]);
  });
});
