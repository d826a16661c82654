import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextPageBytes } from './page-size.js';

const KIB = 1024;

describe('size of pages', () => {
  it('[CLASS-6] begins with half and doubles while the reader asks on soon', () => {
    const sizes: number[] = [];
    let before: Parameters<typeof nextPageBytes>[1];
    for (let page = 0; page < 5; page++) {
      const maxBytes = nextPageBytes(1024 * KIB, before);
      sizes.push(maxBytes / KIB);
      before = { maxBytes, tookMs: 100 };
    }
    expect(sizes).toEqual([512, 1_024, 1_024, 1_024, 1_024]);
  });

  it('[CLASS-6] stays, and shrinks to the first size again, for a reader that takes longer', () => {
    expect(nextPageBytes(1024 * KIB, { maxBytes: 512 * KIB, tookMs: 800 })).toBe(512 * KIB);
    expect(nextPageBytes(1024 * KIB, { maxBytes: 1024 * KIB, tookMs: 3_000 })).toBe(512 * KIB);
    expect(nextPageBytes(1024 * KIB, { maxBytes: 512 * KIB, tookMs: 3_000 })).toBe(512 * KIB);
  });

  it('[CLASS-6] is never more than allowed, nor nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000_000 }),
        fc.array(fc.nat(10_000), { maxLength: 30 }),
        (maxBytes, times) => {
          let before: Parameters<typeof nextPageBytes>[1];
          for (const tookMs of [0, ...times]) {
            const next = nextPageBytes(maxBytes, before);
            expect(next).toBeGreaterThanOrEqual(1);
            expect(next).toBeLessThanOrEqual(maxBytes);
            before = { maxBytes: next, tookMs };
          }
        },
      ),
    );
  });
});
