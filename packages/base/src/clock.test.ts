import { describe, expect, it, vi } from 'vitest';
import { createSystemClock, every, sleep } from './clock.js';
import { FakeClock } from './testing.js';

describe('fake clock', () => {
  it('[BASE-5] runs timers in the order of their time, then of their making', async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.setTimeout(() => ran.push(`late@${clock.monotonic()}`), 20);
    clock.setTimeout(() => ran.push(`first@${clock.monotonic()}`), 10);
    clock.setTimeout(() => ran.push(`second@${clock.monotonic()}`), 10);
    await clock.advance(9);
    expect(ran).toEqual([]);
    await clock.advance(11);
    expect(ran).toEqual(['first@10', 'second@10', 'late@20']);
    expect(clock.pending).toBe(0);
  });

  it('[BASE-5] runs timers made on the way, and what awaits them', async () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    void (async () => {
      for (let turn = 0; turn < 3; turn++) {
        await sleep(clock, 10);
        ran.push(clock.monotonic());
      }
    })();
    await clock.advance(25);
    expect(ran).toEqual([10, 20]);
    await clock.advance(5);
    expect(ran).toEqual([10, 20, 30]);
  });

  it('[BASE-5] a cancelled timer does not run; cancelling twice is harmless', async () => {
    const clock = new FakeClock();
    let ran = false;
    const timer = clock.setTimeout(() => (ran = true), 5);
    timer.cancel();
    timer.cancel();
    await clock.advance(10);
    expect([ran, clock.pending]).toEqual([false, 0]);
  });

  it('[BASE-6] wall time may jump, monotonic time and timers do not notice', async () => {
    const clock = new FakeClock(1_000);
    let ran = false;
    clock.setTimeout(() => (ran = true), 100);
    clock.jumpWall(-500);
    expect([clock.now(), clock.monotonic()]).toEqual([500, 0]);
    await clock.advance(50);
    expect([clock.now(), clock.monotonic(), ran]).toEqual([550, 50, false]);
    await clock.advance(50);
    expect(ran).toBe(true);
  });
});

describe('repeating', () => {
  it('[BASE-7] runs at each interval until cancelled, also from inside', async () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    const timer = every(clock, 10, () => {
      ran.push(clock.monotonic());
      if (ran.length === 3) timer.cancel();
    });
    await clock.advance(100);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.pending).toBe(0);
  });
});

describe('system clock', () => {
  it('[BASE-6] wall time is Unix milliseconds, monotonic time does not go back', () => {
    const clock = createSystemClock();
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000);
    let last = clock.monotonic();
    for (let turn = 0; turn < 1_000; turn++) {
      const now = clock.monotonic();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });

  it('[BASE-7] a delay beyond what the platform takes does not fire at once', () => {
    vi.useFakeTimers();
    try {
      let ran = false;
      createSystemClock().setTimeout(() => (ran = true), 10_000_000_000);
      vi.advanceTimersByTime(2_000_000_000);
      expect(ran).toBe(false);
      vi.advanceTimersByTime(1_000_000_000);
      expect(ran).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});
