import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { keepDevKey } from './dev-state.js';

describe('the development key', () => {
  const dir = mkdtempSync(join(tmpdir(), 'trunkline-dev-'));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('[SERVE-3] is made once, kept for its owner only, and replaced where the file holds none', () => {
    let made = 0;
    const make = (): string => `${++made}`.padStart(43, 'k');
    const first = keepDevKey(dir, make);
    expect(keepDevKey(dir, make)).toBe(first);
    const path = join(dir, 'dev.key');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, 'short');
    chmodSync(path, 0o644);
    expect(keepDevKey(dir, make)).not.toBe(first);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(made).toBe(2);
  });
});
