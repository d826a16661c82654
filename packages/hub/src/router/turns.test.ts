import { FakeClock } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { Turns } from './turns.js';

const SIGNAL = new AbortController().signal;

function setUp() {
  const clock = new FakeClock();
  const turns = new Turns(clock, { waitMs: 1_000, holdMs: 3_000, maxLines: 3 });
  const started: number[] = [];
  const open = new Map<number, { done: () => void; fail: (error: Error) => void }>();
  const take = (seq: number, line = 'a', signal = SIGNAL): Promise<string> =>
    turns.take(
      line,
      seq,
      signal,
      () =>
        new Promise<string>((resolve, reject) => {
          started.push(seq);
          open.set(seq, { done: () => resolve(`did ${seq}`), fail: reject });
        }),
    );
  const codeOf = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 0,
      (error: CodedError) => error.code,
    );
  return { clock, turns, started, take, open, codeOf };
}

describe('calls with numbers', () => {
  it('[CMD-5] one at a time, the lowest that waits first; lines do not wait for each other', async () => {
    const { clock, turns, started, take, open } = setUp();
    const calls = [take(4), take(7), take(5), take(1, 'b')];
    await clock.advance(0);
    expect(started).toEqual([4, 1]);
    open.get(4)?.done();
    await clock.advance(0);
    expect(started).toEqual([4, 1, 5]);
    for (const seq of [5, 1]) open.get(seq)?.done();
    await clock.advance(0);
    open.get(7)?.done();
    expect(await Promise.all(calls)).toEqual(['did 4', 'did 7', 'did 5', 'did 1']);
    expect(turns.size).toBe(0);
  });

  it('[CMD-5] one that failed for now holds back those behind it until it was repeated', async () => {
    const { clock, turns, started, take, open, codeOf } = setUp();
    const first = codeOf(take(1));
    const second = codeOf(take(2));
    await clock.advance(0);
    open.get(1)?.fail(new CodedError('sourceUnavailable'));
    expect([await first, await second]).toEqual([1000, 1008]);
    const eager = take(2);
    await clock.advance(100);
    expect(started).toEqual([1]);
    const again = take(1);
    await clock.advance(0);
    open.get(1)?.done();
    expect(await again).toBe('did 1');
    await clock.advance(0);
    open.get(2)?.done();
    expect(await eager).toBe('did 2');
    expect(turns.size).toBe(0);
  });

  it('[CMD-5] one that failed over another connection holds back nobody: it was settled elsewhere, or given up', async () => {
    const { clock, turns, started, take, open, codeOf } = setUp();
    const first = codeOf(take(1));
    await clock.advance(0);
    open.get(1)?.fail(new CodedError('sourceUnavailable'));
    expect(await first).toBe(1000);
    const held = codeOf(take(2));
    const later = take(3, 'a', new AbortController().signal);
    await clock.advance(0);
    expect(started).toEqual([1, 3]);
    open.get(3)?.done();
    expect(await later).toBe('did 3');
    await clock.advance(0);
    // Nothing is left to wait for; whether it still may is the store's to say.
    open.get(2)?.done();
    expect(await held).toBe(0);
    expect(turns.size).toBe(0);
  });

  it('[CMD-5] a call that failed for good holds back nobody', async () => {
    const { clock, take, open, codeOf } = setUp();
    const first = codeOf(take(1));
    const second = take(2);
    await clock.advance(0);
    open.get(1)?.fail(new CodedError('conflict'));
    expect(await first).toBe(1003);
    await clock.advance(0);
    open.get(2)?.done();
    expect(await second).toBe('did 2');
  });

  it('[CMD-5] nobody waits longer than allowed, nor for a call that never comes again', async () => {
    const { clock, turns, started, take, open, codeOf } = setUp();
    const first = codeOf(take(1));
    const late = codeOf(take(2));
    await clock.advance(1_001);
    expect(await late).toBe(1008);
    open.get(1)?.fail(new Error('anything'));
    await first;
    await clock.advance(2_500);
    const after = take(3);
    await clock.advance(600);
    expect(started).toEqual([1, 3]);
    open.get(3)?.done();
    await after;
    expect(turns.size).toBe(0);
  });

  it('[CMD-5] whoever left is not worked for, and lines are bounded', async () => {
    const { clock, turns, started, take, open, codeOf } = setUp();
    const gone = new AbortController();
    const first = take(1);
    const second = codeOf(take(2, 'a', gone.signal));
    gone.abort();
    void take(1, 'b');
    void take(1, 'c');
    expect(await codeOf(take(1, 'd'))).toBe(111);
    await clock.advance(0);
    open.get(1)?.done();
    open.get(1)?.done();
    expect(turns.size).toBe(3);
    void first;
    await clock.advance(1_001);
    expect([started.includes(2), await second]).toEqual([false, 1008]);
  });
});
