import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import { Interests } from './interests.js';

const TIMEOUT_MS = 1_000;

function setup() {
  const clock = new FakeClock();
  const sent: string[] = [];
  const open: { readonly resolve: () => void; readonly reject: (cause: Error) => void }[] = [];
  let renewed = 0;
  const failures: unknown[] = [];
  const command = (name: string) => (channels: readonly string[]) => {
    sent.push(`${name} ${channels.length > 5 ? channels.length : channels.join(' ')}`);
    return new Promise<void>((resolve, reject) => open.push({ resolve, reject }));
  };
  const interests = new Interests(clock, TIMEOUT_MS, {
    subscribe: command('+'),
    unsubscribe: command('-'),
    onRenewed: () => void renewed++,
    onFailed: (cause) => failures.push(cause),
  });
  return {
    clock,
    interests,
    sent,
    open,
    failures,
    renewed: () => renewed,
    /** Answers everything that is under way, and what follows from it. */
    async answer() {
      await turns();
      while (open.length > 0) {
        for (const { resolve } of open.splice(0)) resolve();
        await turns();
      }
    },
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

/** How a promise stands. */
async function state(promise: Promise<void>): Promise<string> {
  let found = 'open';
  promise.then(
    () => (found = 'heard'),
    () => (found = 'failed'),
  );
  await turns();
  return found;
}

describe('interests', () => {
  test('[BROKER-100] a repeat waits for the first, and resolves no earlier', async () => {
    const { interests, sent, answer } = setup();
    interests.connected();
    const first = interests.want('a');
    const second = interests.want('a');
    expect(await state(second)).toBe('open');
    await answer();
    expect([await state(first), await state(second)]).toEqual(['heard', 'heard']);
    expect(sent).toEqual(['+ a']);
  });

  test('[BROKER-100] one that gave up takes nothing from one that came after it', async () => {
    const { interests, clock, answer } = setup();
    interests.connected();
    const first = interests.want('a');
    await turns();
    await clock.advance(600);
    interests.drop('a');
    const second = interests.want('a');
    await clock.advance(600);
    await answer();
    expect(await state(first)).toBe('heard');
    expect(await state(second)).toBe('heard');
    expect(interests.isWanted('a')).toBe(true);
    expect(interests.isHeard('a')).toBe(true);
  });

  test('[BROKER-100] what went while it was being told is taken back, and what came back is told again', async () => {
    const { interests, sent, open, answer } = setup();
    interests.connected();
    void interests.want('a');
    await turns();
    expect(sent).toEqual(['+ a']);
    interests.drop('a');
    await answer();
    expect(sent).toEqual(['+ a', '- a']);
    void interests.want('a');
    await answer();
    interests.drop('a');
    await turns();
    expect(open).toHaveLength(1);
    const again = interests.want('a');
    await answer();
    expect(sent).toEqual(['+ a', '- a', '+ a', '- a', '+ a']);
    expect(await state(again)).toBe('heard');
  });

  test('[BROKER-100] one that waits too long is refused and forgotten', async () => {
    const { interests, clock, sent, answer } = setup();
    const late = interests.want('a');
    await clock.advance(TIMEOUT_MS);
    expect(await state(late)).toBe('failed');
    interests.connected();
    await answer();
    expect(sent).toEqual([]);
    expect(interests.isWanted('a')).toBe(false);
  });

  test('[BROKER-101] what is kept waits for a connection however long', async () => {
    const { interests, clock, sent, answer } = setup();
    interests.keep('control');
    await clock.advance(10 * TIMEOUT_MS);
    interests.connected();
    await answer();
    expect(sent).toEqual(['+ control']);
    expect(interests.isHeard('control')).toBe(true);
  });

  test('[BROKER-94] all is renewed after a loss, in batches, and told once it is heard', async () => {
    const { interests, sent, open, answer, renewed } = setup();
    interests.connected();
    for (let n = 0; n < 2_500; n++) void interests.want(`c${n}`);
    await answer();
    expect(renewed()).toBe(1);
    interests.lost();
    expect(interests.isHeard('c0')).toBe(false);
    sent.length = 0;
    interests.connected();
    await turns();
    open.shift()?.resolve();
    await turns();
    expect([sent.length, renewed()]).toEqual([2, 1]);
    // Newcomers do not put it off.
    for (let n = 0; n < 3_000; n++) void interests.want(`d${n}`);
    open.shift()?.resolve();
    await turns();
    open.shift()?.resolve();
    await turns();
    expect(renewed()).toBe(2);
    await answer();
    expect(interests.isHeard('c2499') && interests.isHeard('d2999')).toBe(true);
    expect(sent[0]).toBe('+ 1000');
  });

  test('[BROKER-94] what an earlier connection answers late, or never, means nothing', async () => {
    const { interests, open, failures, answer } = setup();
    interests.connected();
    const wanted = interests.want('a');
    await turns();
    const [old] = open.splice(0);
    interests.lost();
    interests.connected();
    old?.reject(new Error('closed'));
    await turns();
    expect(failures).toEqual([]);
    expect(interests.isHeard('a')).toBe(false);
    await answer();
    expect(await state(wanted)).toBe('heard');
  });

  test('[BROKER-94] a refusal is told, and the next connection tries again', async () => {
    const { interests, open, failures, answer } = setup();
    interests.connected();
    const wanted = interests.want('a');
    await turns();
    open.shift()?.reject(new Error('NOPERM'));
    await turns();
    expect(failures).toHaveLength(1);
    interests.lost();
    interests.connected();
    await answer();
    expect(await state(wanted)).toBe('heard');
  });

  test('[BROKER-10] dispose ends every wait and leaves no timer', async () => {
    const { interests, clock } = setup();
    const wanted = interests.want('a');
    interests.dispose(new Error('gone'));
    expect(await state(wanted)).toBe('failed');
    expect(clock.pending).toBe(0);
  });
});
