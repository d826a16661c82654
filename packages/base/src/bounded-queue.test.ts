import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue } from './bounded-queue.js';

describe('bounded queue', () => {
  it('[BASE-3] refuses beyond its items or weight and is unchanged then', () => {
    const queue = new BoundedQueue<string>({ maxItems: 2, maxWeight: 10 });
    expect([queue.push('a', 4), queue.push('b', 7), queue.push('c', 6), queue.push('d', 0)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([queue.size, queue.weight]).toEqual([2, 10]);
    expect(queue.drain()).toEqual(['a', 'c']);
    expect([queue.size, queue.weight, queue.shift()]).toEqual([0, 0, undefined]);
  });

  it('[BASE-3] an empty queue accepts one item of any weight', () => {
    const queue = new BoundedQueue<string>({ maxItems: 5, maxWeight: 10 });
    expect(queue.push('huge', 1_000)).toBe(true);
    expect(queue.push('small', 1)).toBe(false);
    expect(queue.shift()).toBe('huge');
    expect(queue.push('small', 1)).toBe(true);
  });

  it('[BASE-4] is first in, first out, whatever is pushed and shifted', () => {
    const step = fc.oneof(
      fc.nat(20).map((weight) => ({ weight })),
      fc.constant('shift' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const queue = new BoundedQueue<number>({ maxItems: 100, maxWeight: 300 });
        let model: { value: number; weight: number }[] = [];
        for (const [value, given] of steps.entries()) {
          if (given === 'shift') {
            expect(queue.shift()).toBe(model[0]?.value);
            model = model.slice(1);
          } else {
            const total = model.reduce((sum, { weight }) => sum + weight, 0);
            const fits = model.length === 0 || (model.length < 100 && total + given.weight <= 300);
            expect(queue.push(value, given.weight)).toBe(fits);
            if (fits) model.push({ value, weight: given.weight });
          }
          expect(queue.size).toBe(model.length);
          expect(queue.weight).toBe(model.reduce((sum, { weight }) => sum + weight, 0));
        }
        expect(queue.drain()).toEqual(model.map(({ value }) => value));
      }),
    );
  });
});
