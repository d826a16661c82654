import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KUBE_CODES } from './codes.js';

describe('codes', () => {
  it('[KCL-60] are those of the page, both ways', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/spec/kube-client.md'), 'utf8');
    const rows = [...page.matchAll(/^\| (\d{4}) \| `(\w+)` \| ([^|]+) \| `(\w+)` \|/gm)];
    expect(rows.map(([, code, name, message, retry]) => [name, Number(code), message, retry])).toEqual(
      Object.entries(KUBE_CODES).map(([name, { code, message, retry }]) => [name, code, message, retry]),
    );
    expect(rows.every(([, code]) => Number(code) >= 1_300 && Number(code) < 1_400)).toBe(true);
  });
});
