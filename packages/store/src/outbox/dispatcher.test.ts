import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger, settle } from '@trunkline/base/testing';
import type { ChannelKey } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import type { Engine } from '../engine.js';
import { decodeResult, type SqlResult, type Statement } from '../statement.js';
import type { Committing, Reading } from '../unit.js';
import { Dispatcher, DISPATCHER_DEFAULTS, type DispatcherOptions } from './dispatcher.js';

interface Waiting {
  readonly id: number;
  readonly channel: string;
  readonly offset: number;
}

/** An outbox in memory behind the two statements that the dispatcher of an exclusive engine sends. */
function bench(options: Partial<DispatcherOptions> = {}) {
  const clock = new FakeClock();
  const outbox: Waiting[] = [];
  let looks = 0;
  let broken = 0;
  let wake: () => void = () => undefined;
  const answer = ({ sql: text, parameters = [] }: Statement<unknown>): SqlResult => {
    if (text.startsWith('DELETE FROM store_outbox')) {
      const ids = parameters[0] as readonly number[];
      for (const id of ids)
        outbox.splice(
          outbox.findIndex((row) => row.id === id),
          1,
        );
      return { rows: [], count: ids.length };
    }
    if (text.startsWith('SELECT 1')) return { rows: outbox.slice(0, 1).map(() => ({})), count: 0 };
    if (!text.startsWith('WITH waiting')) return { rows: [], count: 0 };
    // Time must not stand still for a dispatcher that asks without end.
    if (++looks > 1_000) throw new Error('the outbox was looked at too often');
    const [, left, limit] = parameters as readonly [unknown, readonly string[], number];
    const rows = outbox.filter(({ channel }) => !left.includes(channel)).slice(0, limit);
    return {
      rows: rows.map((row) => ({
        ...row,
        org: 'acme',
        epoch: 'e',
        data: String(row.offset),
        bytes: null,
        tags: null,
        info: null,
        time_ms: 1,
      })),
      count: rows.length,
    };
  };
  const store = {
    read: async (statement: Statement<unknown>) => {
      if (broken-- > 0) throw new Error('the store is away');
      return decodeResult(statement, answer(statement));
    },
    commit: async ({ statements }: { statements: readonly Statement<unknown>[] }) => statements.map(answer),
  } as unknown as Committing & Reading;
  const engine = { exclusive: true, onWake: (run: () => void) => (wake = run) } as unknown as Engine;
  const dispatcher = new Dispatcher(
    { clock, random: createSeededRandom(1), logger: new MemoryLogger(), engine, store },
    { ...DISPATCHER_DEFAULTS, ...options },
  );
  let id = 0;
  const add = (channel: string, offset: number): void => void outbox.push({ id: ++id, channel, offset });
  const name = (key: ChannelKey): string => key.slice(key.indexOf('\u0000') + 1);
  return {
    clock,
    outbox,
    dispatcher,
    add,
    name,
    wake: () => wake(),
    looks: () => looks,
    breakFor: (reads: number) => (broken = reads),
  };
}

describe('the dispatcher', () => {
  it('[STORE-31] takes what is there, whatever its number: a transaction may commit after one that began later', async () => {
    const { dispatcher, outbox, name } = bench();
    const delivered: string[] = [];
    outbox.push({ id: 7, channel: 'a', offset: 1 });
    dispatcher.start((key, { offset }) => void delivered.push(`${name(key)}${offset}`));
    await settle();
    outbox.push({ id: 3, channel: 'b', offset: 1 });
    dispatcher.wake();
    await settle();
    expect(delivered).toEqual(['a1', 'b1']);
    expect(outbox).toEqual([]);
  });

  it('[STORE-32] more than a batch is taken in several rounds; channels do not wait for each other', async () => {
    const { dispatcher, add, name, outbox } = bench({ batch: 4 });
    const delivered: string[] = [];
    const held: (() => void)[] = [];
    for (const offset of [1, 2, 3, 4, 5]) for (const channel of ['slow', 'quick']) add(channel, offset);
    dispatcher.start((key, { offset }) => {
      delivered.push(`${name(key)}${offset}`);
      return name(key) === 'slow' && offset === 1 ? new Promise((resolve) => held.push(resolve)) : undefined;
    });
    await settle();
    expect(delivered).toEqual(['slow1', 'quick1', 'quick2']);
    held[0]?.();
    await settle();
    expect(delivered.filter((one) => one.startsWith('slow'))).toEqual([
      'slow1',
      'slow2',
      'slow3',
      'slow4',
      'slow5',
    ]);
    expect(outbox).toEqual([]);
  });

  it('[STORE-32] a channel is tried again after growing delays', async () => {
    const { clock, dispatcher, add, outbox } = bench({ retryMinMs: 100, retryMaxMs: 1_000 });
    const attempts: number[] = [];
    add('a', 1);
    dispatcher.start(() => {
      attempts.push(clock.monotonic());
      throw new Error('broker is away');
    });
    await clock.advance(10_000);
    const gaps = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
    expect(gaps.length).toBeGreaterThan(5);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1_000);
    expect(outbox).toHaveLength(1);
  });

  it('[STORE-34] what another process handed on meanwhile is not asked for again', async () => {
    const { clock, dispatcher, add, outbox, looks } = bench({ retryMinMs: 100, retryMaxMs: 100 });
    add('a', 1);
    dispatcher.start(() => Promise.reject(new Error('broker is away')));
    await settle();
    outbox.length = 0;
    const before = looks();
    await clock.advance(10_000);
    expect(looks() - before).toBe(1);
    add('a', 2);
    dispatcher.wake();
    await settle();
    expect(looks() - before).toBe(2);
  });

  it('[STORE-32] with too many channels held back the whole dispatcher waits', async () => {
    const { clock, dispatcher, add, looks } = bench({ maxHeldBack: 3, retryMinMs: 100, retryMaxMs: 100 });
    for (const channel of ['a', 'b', 'c']) add(channel, 1);
    dispatcher.start(() => Promise.reject(new Error('broker is away')));
    await settle();
    const before = looks();
    for (let turn = 0; turn < 10; turn++) {
      dispatcher.wake();
      await settle();
    }
    expect(looks()).toBe(before);
    await clock.advance(1_000);
    expect(looks()).toBeGreaterThan(before);
  });

  it('[STORE-35] without a wake-up it looks by itself; with one, at once', async () => {
    const { clock, dispatcher, add, outbox, wake } = bench({ pollMs: 1_000 });
    dispatcher.start(() => undefined);
    await settle();
    add('a', 1);
    await clock.advance(999);
    expect(outbox).toHaveLength(1);
    await clock.advance(2);
    expect(outbox).toHaveLength(0);
    add('a', 2);
    wake();
    await settle();
    expect(outbox).toHaveLength(0);
  });

  it('[STORE-35] a wake-up at any moment is not lost', async () => {
    const { dispatcher, add, outbox } = bench();
    let offset = 0;
    dispatcher.start(() => {
      // Something is committed while this is delivered, and while the round ends.
      if (offset < 50) {
        add('a', ++offset);
        for (let turn = offset % 9; turn >= 0; turn--) void Promise.resolve().then(() => dispatcher.wake());
      }
    });
    add('b', 1);
    dispatcher.wake();
    for (let turn = 0; turn < 100; turn++) await settle();
    expect(offset).toBe(50);
    expect(outbox).toEqual([]);
  });

  it('[STORE-33] while the store is away it waits, and then goes on', async () => {
    const { clock, dispatcher, add, outbox, breakFor } = bench();
    add('a', 1);
    breakFor(3);
    dispatcher.start(() => undefined);
    await settle();
    expect(outbox).toHaveLength(1);
    await clock.advance(10_000);
    expect(outbox).toEqual([]);
    await dispatcher.dispose();
    add('a', 2);
    dispatcher.wake();
    await clock.advance(10_000);
    expect(outbox).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});
