import { FakeClock, settle } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { delay, linkAbort, orAbort } from './abort.js';
import { compareVersions } from './question.js';
import { Semaphore } from './semaphore.js';

describe('slots', () => {
  it('[KCL-39] are lent first come, first served, never more than there are', async () => {
    const slots = new Semaphore(2);
    const order: number[] = [];
    const free: (() => void)[] = [];
    let [running, most] = [0, 0];
    const work = (index: number) => async () => {
      order.push(index);
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => free.push(resolve));
      running--;
      if (index === 1) throw new Error('fails');
    };
    const all = [0, 1, 2, 3, 4].map((index) => slots.run(work(index)).catch((error: unknown) => error));
    await settle();
    expect([order, slots.waiting]).toEqual([[0, 1], 3]);
    for (let index = 0; index < 5; index++) {
      free[index]?.();
      await settle();
    }
    expect([order, most, await all[1]]).toEqual([[0, 1, 2, 3, 4], 2, new Error('fails')]);
    await expect(slots.run(async () => 'free again')).resolves.toBe('free again');
  });

  it('[KCL-39] who gives up while waiting takes none', async () => {
    const slots = new Semaphore(1);
    let free: () => void = () => undefined;
    const first = slots.run(() => new Promise<void>((resolve) => (free = resolve)));
    const controller = new AbortController();
    const second = slots.run(async () => 'ran', controller.signal);
    const third = slots.run(async () => 'ran');
    controller.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    expect(slots.waiting).toBe(1);
    free();
    await first;
    expect(await third).toBe('ran');
    await expect(slots.run(async () => 'ran', AbortSignal.abort(new Error('before')))).rejects.toThrow(
      'before',
    );
  });
});

describe('waiting', () => {
  it('[KCL-8] ends with its time or its signal, and leaves nothing behind', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const over = delay(clock, 100, controller.signal);
    await clock.advance(100);
    await over;
    const cut = delay(clock, 100, controller.signal);
    controller.abort(new Error('enough'));
    await expect(cut).rejects.toThrow('enough');
    await expect(delay(clock, 100, controller.signal)).rejects.toThrow('enough');
    await expect(orAbort(Promise.resolve(1), controller.signal)).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });

  it('[KCL-8] a linked signal follows its parent until it is released', () => {
    const parent = new AbortController();
    const [kept, released] = [linkAbort(parent.signal), linkAbort(parent.signal)];
    released.release();
    parent.abort('why');
    expect([kept.signal.reason, released.signal.aborted, linkAbort(parent.signal).signal.reason]).toEqual([
      'why',
      false,
      'why',
    ]);
  });
});

describe('versions', () => {
  it('[REFL-18] are compared as numbers of any length, or not at all', () => {
    expect(compareVersions('9', '10')).toBeLessThan(0);
    expect(compareVersions('90071992547409931', '90071992547409930')).toBeGreaterThan(0);
    expect(compareVersions('x', 'x')).toBe(0);
    for (const [left, right] of [
      ['x', '1'],
      ['', '1'],
      ['01', '1'],
      ['-1', '1'],
      ['1.5', '1'],
    ] as const)
      expect(compareVersions(left, right)).toBeUndefined();
  });
});
