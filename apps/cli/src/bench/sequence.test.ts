import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Sequence } from './sequence.js';

describe('what a subscription has seen of a publisher', () => {
  test('[CLI-24] in order: nothing missing, nothing late', () => {
    const sequence = new Sequence(true);
    expect([1, 2, 3].map((number) => sequence.see(number))).toEqual(['first', 'first', 'first']);
    expect(sequence.missing(3)).toBe(0);
    expect(sequence.missing(5)).toBe(2);
  });

  test('[CLI-24] a hole is missing until it is filled, and what fills it is out of order', () => {
    const sequence = new Sequence(true);
    sequence.see(1);
    sequence.see(4);
    expect(sequence.missing(4)).toBe(2);
    expect(sequence.see(2)).toBe('late');
    expect(sequence.see(4)).toBe('again');
    expect(sequence.see(1)).toBe('again');
    expect(sequence.missing(4)).toBe(1);
    expect(sequence.see(3)).toBe('late');
    expect(sequence.missing(4)).toBe(0);
  });

  test('[CLI-24] from the start number 1 is owed; a late reader begins with what it sees first', () => {
    expect(new Sequence(true).missing(7)).toBe(7);
    const late = new Sequence(false);
    expect(late.missing(7)).toBe(0);
    late.see(5);
    expect(late.missing(7)).toBe(2);
  });

  test('[CLI-24] memory is bounded: the oldest hole is given up and stays lost', () => {
    const sequence = new Sequence(true);
    for (let number = 11; number < 11 + 5_000; number++) sequence.see(number);
    expect(sequence.missing(5_010)).toBe(10);
    expect(sequence.missing(1)).toBe(10);
  });

  test('[CLI-24] agrees with a set, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 120 }), (numbers) => {
        const sequence = new Sequence(true);
        const seen = new Set<number>();
        for (const number of numbers) {
          const before = Math.max(0, ...seen);
          const expected = seen.has(number) ? 'again' : number < before ? 'late' : 'first';
          expect(sequence.see(number)).toBe(expected);
          seen.add(number);
        }
        for (const top of [0, 1, 30, 60])
          expect(sequence.missing(top)).toBe(top - [...seen].filter((number) => number <= top).length);
      }),
    );
  });
});
