import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES, closeOf, CodedError, ERROR_CODES, UNSUBSCRIBE_CODES, type CodeEntry } from './codes.js';

interface Row {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly retry: string;
}

/** Rows of the table under a heading of docs/spec/errors.md: code, name, message, retry, meaning. */
function documented(heading: string): Row[] {
  const text = readFileSync(new URL('../../../docs/spec/errors.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| (\d+) \| `(\w+)` \| ([^|]+?) \| `(\w+)` \| ([^|]+?) \|$/gm)].map(
    ([, code, name = '', message = '', retry = '']) => ({
      code: Number(code),
      name,
      message,
      retry,
    }),
  );
}

function tabled(table: Readonly<Record<string, CodeEntry>>): Row[] {
  return Object.entries(table).map(([name, { code, message, retry }]) => ({ code, name, message, retry }));
}

const byCode = (left: Row, right: Row): number => left.code - right.code;

describe('codes', () => {
  for (const [heading, table] of [
    ['Errors', ERROR_CODES],
    ['Unsubscribe codes', UNSUBSCRIBE_CODES],
    ['Close codes', CLOSE_CODES],
  ] as const) {
    it(`[ERR-1] ${heading}: document and table agree, both ways`, () => {
      const rows = documented(heading);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.sort(byCode)).toEqual(tabled(table).sort(byCode));
    });

    it(`[ERR-1] ${heading}: a number means one thing`, () => {
      const codes = tabled(table).map(({ code }) => code);
      expect(new Set(codes).size).toBe(codes.length);
    });
  }

  it('[ERR-2] ranges of close codes say whether to come back', () => {
    for (const { code, retry } of tabled(CLOSE_CODES)) {
      const comesBack = code < 3500 || (code >= 4000 && code < 4500);
      expect(retry === 'never', String(code)).toBe(!comesBack);
    }
    for (const { code, retry } of tabled(UNSUBSCRIBE_CODES))
      expect(retry === 'never', String(code)).toBe(code < 2500);
  });

  it('[ERR-3] a coded error carries code, detail and whether a retry helps; its cause does not travel', () => {
    const error = new CodedError('internal', 'correlation 7', { cause: new Error('secret') });
    expect(error.toData()).toEqual({
      code: 100,
      message: 'internal server error: correlation 7',
      temporary: true,
    });
    expect(JSON.stringify(error.toData())).not.toContain('secret');
    expect(new CodedError('permissionDenied').toData()).toEqual({
      code: 103,
      message: 'permission denied',
      temporary: false,
    });
    expect(new CodedError({ code: 1100, message: 'own', retry: 'afterBackoff' }).temporary).toBe(true);
    for (const [name, { retry }] of Object.entries(ERROR_CODES)) {
      expect(new CodedError(name as keyof typeof ERROR_CODES).temporary).toBe(retry === 'afterBackoff');
    }
  });

  it('[ERR-4] the reason of a close fits its frame', () => {
    expect(closeOf('shutdown')).toEqual({ code: 3001, reason: 'shutdown' });
    expect(closeOf('badRequest', 'x')).toEqual({ code: 3501, reason: 'bad request: x' });
    for (const detail of ['y'.repeat(500), 'ž'.repeat(500)]) {
      expect(new TextEncoder().encode(closeOf('badRequest', detail).reason).length).toBeLessThanOrEqual(123);
    }
  });
});
