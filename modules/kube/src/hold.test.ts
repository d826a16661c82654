import { FakeClock } from '@trunkline/base/testing';
import { KubeError } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import { Hold } from './hold.js';

const FAULT = { sinceMs: 7, reason: new KubeError('kubeUnreachable', 'nobody answers') };

/** Items are numbers and weigh what they are worth; at most 100 are kept. */
function begin() {
  const clock = new FakeClock();
  const told: unknown[] = [];
  let state = 'live';
  const hold = new Hold<number, string>(clock, {
    most: [100],
    sizes: (item) => [item],
    state: () => state,
    isFault: (one) => one === 'down',
    toState: ({ sinceMs }) => `doubt since ${sinceMs}`,
    onItem: (item) => told.push(item),
    onDropped: () => told.push('dropped'),
    onState: (one) => told.push(one),
    onFailure: (cause) => told.push(String(cause)),
  });
  const become = (next: string): void => {
    state = next;
    hold.state(next);
  };
  return { clock, told, hold, become };
}

describe('what is held back', () => {
  it('[KUBE-17] comes in order, after the doubt, and its state after it', async () => {
    const { clock, told, hold } = begin();
    hold.item(1);
    hold.onDoubt(FAULT);
    hold.item(2);
    hold.item(3);
    await clock.advance(60_000);
    expect(told).toEqual([1, 'doubt since 7']);
    hold.onDoubt(undefined);
    await clock.advance(0);
    hold.item(4);
    expect(told.slice(2)).toEqual([2, 3, 'live', 4]);
  });

  it('[KUBE-17] beyond the bounds the oldest goes, and that is said in its place', async () => {
    const { clock, told, hold } = begin();
    hold.onDoubt(FAULT);
    for (const item of [60, 30, 20, 10]) hold.item(item);
    hold.onDoubt(undefined);
    await clock.advance(0);
    expect(told.slice(1)).toEqual(['dropped', 30, 20, 10, 'live']);
    hold.onDoubt(FAULT);
    hold.item(101);
    hold.onDoubt(undefined);
    expect(told.slice(6)).toEqual(['doubt since 7', 'dropped', 'live']);
  });

  it('[KUBE-17] a fault of the source passes; that it is over waits', async () => {
    const { clock, told, hold, become } = begin();
    hold.onDoubt(FAULT);
    become('down');
    become('live');
    expect(told).toEqual(['doubt since 7', 'down']);
    become('down');
    hold.onDoubt(undefined);
    await clock.advance(0);
    hold.onDoubt(FAULT);
    become('live');
    hold.onDoubt(undefined);
    expect(told.slice(2)).toEqual(['down', 'down', 'live']);
  });

  it('[KUBE-17] much is told in turns: what comes meanwhile waits behind it, and a doubt in the middle keeps the rest', async () => {
    const { clock, told, hold } = begin();
    hold.onDoubt(FAULT);
    for (let item = 1; item <= 12; item++) hold.item(item);
    hold.onDoubt(undefined);
    const first = told.slice(1);
    expect(first.length).toBeLessThan(6);
    hold.onDoubt({ ...FAULT, sinceMs: 8 });
    await clock.advance(60_000);
    expect(told.slice(1)).toEqual([...first, 'doubt since 8']);
    hold.onDoubt(undefined);
    hold.item(13);
    await clock.advance(0);
    expect(told.filter((one) => typeof one === 'number')).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    ]);
    expect(told.at(-1)).toBe('live');
  });

  it('[KUBE-17] nothing is told to who left in the middle', async () => {
    const { clock, told, hold } = begin();
    hold.onDoubt(FAULT);
    for (let item = 1; item <= 12; item++) hold.item(item);
    hold.onDoubt(undefined);
    const before = told.length;
    hold.dispose();
    hold.item(13);
    hold.onDoubt(undefined);
    await clock.advance(0);
    expect(told).toHaveLength(before);
  });
});
