import { createSeededRandom } from '@trunkline/base';
import { describe, expect, test } from 'vitest';
import { Histogram } from './histogram.js';

describe('latencies', () => {
  test('[CLI-24] quantiles are off by two percent at most, the greatest by nothing', () => {
    const histogram = new Histogram();
    const random = createSeededRandom(3);
    const values = Array.from({ length: 20_000 }, () => 0.05 + 400 * random.next() ** 3);
    for (const value of values) histogram.add(value);
    values.sort((a, b) => a - b);
    for (const share of [0.5, 0.9, 0.99, 0.999]) {
      const exact = values[Math.ceil(values.length * share) - 1] ?? 0;
      expect(Math.abs(histogram.quantile(share) / exact - 1)).toBeLessThan(0.02);
    }
    expect(histogram.max).toBe(values.at(-1));
    expect(histogram.count).toBe(20_000);
  });

  test('[CLI-24] no samples, absurd ones', () => {
    const histogram = new Histogram();
    expect(histogram.quantile(0.99)).toBe(0);
    histogram.add(-1);
    histogram.add(1e12);
    expect(histogram.max).toBe(1e12);
    expect(histogram.quantile(0.1)).toBeLessThan(0.01);
  });
});
