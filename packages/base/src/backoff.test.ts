import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.js';
import { createSeededRandom } from './random.js';

const OPTIONS = { minDelayMs: 100, maxDelayMs: 5_000 };

describe('backoff', () => {
  it('[BASE-1] no delay is below the least or above the greatest', () => {
    for (const value of [0, 0.5, 0.999_999]) {
      const backoff = new Backoff({ next: () => value }, OPTIONS);
      for (let attempt = 0; attempt < 100; attempt++) {
        const delay = backoff.next();
        expect(delay).toBeGreaterThanOrEqual(100);
        expect(delay).toBeLessThanOrEqual(5_000);
      }
    }
  });

  it('[BASE-1] the range doubles with each attempt, up to the cap', () => {
    const backoff = new Backoff({ next: () => 0.5 }, OPTIONS);
    expect(Array.from({ length: 8 }, () => backoff.next())).toEqual([
      150, 200, 300, 500, 900, 1_700, 2_600, 2_600,
    ]);
    expect(backoff.attempts).toBe(8);
  });

  it('[BASE-1] two clients do not come back together', () => {
    const delays = Array.from({ length: 50 }, (_, seed) => {
      const backoff = new Backoff(createSeededRandom(seed), OPTIONS);
      backoff.next();
      backoff.next();
      return Math.round(backoff.next());
    });
    expect(new Set(delays).size).toBeGreaterThan(40);
  });

  it('[BASE-2] success starts from the least again', () => {
    const backoff = new Backoff({ next: () => 0.5 }, OPTIONS);
    for (let attempt = 0; attempt < 5; attempt++) backoff.next();
    backoff.reset();
    expect(backoff.attempts).toBe(0);
    expect(backoff.next()).toBe(150);
  });
});
