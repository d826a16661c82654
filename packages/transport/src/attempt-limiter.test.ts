import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { createAttemptLimiter } from './attempt-limiter.js';

const takeMany = (limiter: { take(key: string): boolean }, key: string, times: number): number =>
  Array.from({ length: times }, () => limiter.take(key)).filter(Boolean).length;

describe('attempt limiter', () => {
  it('[WS-5] allows a burst, then the rate', async () => {
    const clock = new FakeClock();
    const limiter = createAttemptLimiter({ clock }, { perSecond: 2, burst: 5, maxKeys: 10 });
    expect(takeMany(limiter, 'a', 10)).toBe(5);
    await clock.advance(1_000);
    expect(takeMany(limiter, 'a', 10)).toBe(2);
    await clock.advance(60_000);
    expect(takeMany(limiter, 'a', 10)).toBe(5);
  });

  it('[WS-5] keys do not share', () => {
    const limiter = createAttemptLimiter({ clock: new FakeClock() }, { perSecond: 1, burst: 1, maxKeys: 10 });
    expect([limiter.take('a'), limiter.take('a'), limiter.take('b')]).toEqual([true, false, true]);
  });

  it('[WS-5] the least recently seen key is forgotten first', () => {
    const limiter = createAttemptLimiter({ clock: new FakeClock() }, { perSecond: 1, burst: 1, maxKeys: 2 });
    expect([limiter.take('a'), limiter.take('b'), limiter.take('a')]).toEqual([true, true, false]);
    expect(limiter.take('c')).toBe(true); // forgets b
    expect(limiter.take('a')).toBe(false);
    expect(limiter.take('b')).toBe(true);
  });

  it('[WS-5] Infinity is no limit; nonsense is refused by name', () => {
    const clock = new FakeClock();
    expect(
      takeMany(createAttemptLimiter({ clock }, { perSecond: Infinity, burst: 1, maxKeys: 1 }), 'a', 1_000),
    ).toBe(1_000);
    expect(() => createAttemptLimiter({ clock }, { perSecond: 1, burst: 0, maxKeys: 1 })).toThrow(/burst/);
  });
});
