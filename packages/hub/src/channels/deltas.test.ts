import type { Publication } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { Deltas } from './deltas.js';

const publication = (key: string, offset: number, length: number): Publication => ({
  key,
  offset,
  data: JSON.stringify('x'.repeat(length - 2)),
});

describe('bases of deltas', () => {
  it('[DELTA-8] what a reply gives is remembered where there is room, and pushes out nothing', () => {
    const deltas = new Deltas(true, 100);
    const written = publication('written', 1, 60);
    deltas.advance(written);
    const [large, small] = [publication('large', 2, 60), publication('small', 3, 30)];
    deltas.seed([large, small]);
    expect(deltas.advance(publication('written', 4, 60))).toBe(written);
    expect(deltas.advance(publication('small', 5, 30))).toBe(small);
    expect(deltas.advance(publication('large', 6, 60))).toBeUndefined();
    // What is published does push out what was not written for longest.
    expect(deltas.advance(publication('written', 7, 10))).toBeUndefined();
  });

  it('[DELTA-8] a newer value of the same reply counts, a removal is no base', () => {
    const deltas = new Deltas(true, 1_000);
    const newer = publication('a', 2, 20);
    deltas.seed([publication('a', 1, 20), newer, { key: 'b', offset: 3, data: 'null', removed: true }]);
    expect(deltas.advance(publication('a', 4, 20))).toBe(newer);
    expect(deltas.advance(publication('b', 5, 20))).toBeUndefined();
  });
});
