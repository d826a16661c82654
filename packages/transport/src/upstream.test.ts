import { describe, expect, it } from 'vitest';
import { Upstream } from './upstream.js';

interface Bench {
  readonly upstream: Upstream;
  readonly taken: string[];
  full: number;
}

function bench(
  limits = { maxRequests: 3, maxBytes: 10, maxArrivingBytes: 50 },
  onFrame: (text: string) => void = () => undefined,
): Bench {
  const taken: string[] = [];
  const one: Bench = {
    taken,
    full: 0,
    upstream: new Upstream(
      limits,
      (frame) => {
        taken.push(String(frame));
        onFrame(String(frame));
      },
      () => void one.full++,
    ),
  };
  return one;
}

describe('the way up', () => {
  it('[STREAM-6] frames are handed over in the order of their places, whichever is whole first', async () => {
    const { upstream, taken } = bench();
    const [first, second, third] = [upstream.place(), upstream.place(), upstream.place()];
    const later = [third.settle('c'), second.settle('b')];
    expect(taken).toEqual([]);
    expect(await first.settle('a')).toBe(true);
    expect(await Promise.all(later)).toEqual([true, true]);
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('[STREAM-6] a place whose frame never comes holds up nobody for longer', async () => {
    const { upstream, taken } = bench();
    const [first, second] = [upstream.place(), upstream.place()];
    const later = second.settle('b');
    await first.settle(undefined);
    expect(await later).toBe(true);
    expect(taken).toEqual(['b']);
  });

  it('[STREAM-9] nothing is handed over while reading is paused, and everything in order afterwards', async () => {
    const one = bench({ maxRequests: 3, maxBytes: 10, maxArrivingBytes: 50 }, (text) => {
      if (text === 'a') one.upstream.pause();
    });
    const { upstream, taken } = one;
    const waits = ['a', 'b', 'c'].map((text) => upstream.place().settle(text));
    expect(taken).toEqual(['a']);
    upstream.resume();
    await Promise.all(waits);
    expect(taken).toEqual(['a', 'b', 'c']);
    expect(one.full).toBe(0);
  });

  it('[STREAM-9] more requests or bytes than may wait are reported', () => {
    const many = bench();
    many.upstream.pause();
    for (let n = 0; n < 4; n++) many.upstream.place();
    expect(many.full).toBe(1);
    const large = bench();
    large.upstream.pause();
    void large.upstream.place().settle('12345');
    expect(large.full).toBe(0);
    void large.upstream.place().settle('123456');
    expect(large.full).toBe(1);
  });

  it('[STREAM-4] after the end nothing is taken, and nobody waits', async () => {
    const { upstream, taken } = bench();
    const first = upstream.place();
    const waiting = upstream.place().settle('b');
    upstream.end();
    expect(await waiting).toBe(false);
    expect(await first.settle('a')).toBe(false);
    expect(await upstream.place().settle('c')).toBe(false);
    expect(taken).toEqual([]);
  });

  it('[STREAM-9] bodies that are still arriving are bounded together, and count no more once they are whole', async () => {
    const one = bench();
    const [first, second, third] = [one.upstream.place(), one.upstream.place(), one.upstream.place()];
    expect([first.arriving(30), first.arriving(40), second.arriving(10)]).toEqual([true, true, true]);
    expect(one.full).toBe(0);
    await first.settle('a');
    expect(third.arriving(40)).toBe(true);
    expect(one.full).toBe(0);
    second.arriving(11);
    expect(one.full).toBe(1);
    one.upstream.end();
    expect(second.arriving(12)).toBe(false);
  });
});
