/** History: what is kept, for how long, and how it is read. Idempotency of publications. */
import { expect } from 'vitest';
import type { Broker, PublishOptions } from '../broker.js';
import { ALL, ANN, HOUR, KEPT, NEWS, OTHER, UNKEPT, type Rule } from './fixture.js';

async function publish(broker: Broker, count: number, options: PublishOptions = KEPT): Promise<void> {
  for (let turn = 1; turn <= count; turn++) await broker.publish(NEWS, String(turn), options);
}

async function offsets(broker: Broker, filter = ALL): Promise<number[]> {
  const { publications } = await broker.history(NEWS, filter, HOUR);
  return publications.map(({ offset }) => offset);
}

export const STREAM_RULES: Readonly<Record<string, Rule>> = {
  '[BROKER-20] keeps the last publications up to the size, whole': async ({ broker }) => {
    await publish(broker, 4, { ...KEPT, historySize: 3, tags: { a: 'b' }, info: ANN });
    const { publications, position } = await broker.history(NEWS, ALL, HOUR);
    expect(publications.map(({ offset, data }) => [offset, data])).toEqual([
      [2, '2'],
      [3, '3'],
      [4, '4'],
    ]);
    expect(publications[0]).toMatchObject({ tags: { a: 'b' }, info: ANN });
    expect(position.offset).toBe(4);
  },

  '[BROKER-20] the size of the last publication counts': async ({ broker }) => {
    await publish(broker, 5, { ...KEPT, historySize: 5 });
    await publish(broker, 1, { ...KEPT, historySize: 2 });
    expect(await offsets(broker)).toEqual([5, 6]);
    await publish(broker, 2, { ...KEPT, historySize: 5 });
    expect(await offsets(broker)).toEqual([5, 6, 7, 8]);
    await publish(broker, 1, UNKEPT);
    expect(await offsets(broker)).toEqual([5, 6, 7, 8]);
  },

  '[BROKER-21] history goes after its time, offset and epoch stay': async ({ broker, fixture }) => {
    const { tickMs } = fixture;
    await publish(broker, 2, { ...KEPT, historyTtlMs: 4 * tickMs, metaTtlMs: 1_000 * tickMs });
    const before = await broker.history(NEWS, ALL, HOUR);
    expect(before.publications).toHaveLength(2);
    await fixture.advance(5 * tickMs);
    expect(await broker.history(NEWS, ALL, HOUR)).toEqual({ publications: [], position: before.position });
    expect((await broker.publish(NEWS, '3', KEPT)).position).toEqual({
      epoch: before.position.epoch,
      offset: 3,
    });
    expect(await offsets(broker)).toEqual([3]);
  },

  '[BROKER-22] an idle channel gets another epoch after its meta time': async ({ broker, fixture }) => {
    const { tickMs } = fixture;
    const short = { historySize: 10, historyTtlMs: 2 * tickMs, metaTtlMs: 4 * tickMs };
    const { position } = await broker.publish(NEWS, '1', short);
    await fixture.advance(5 * tickMs);
    const later = await broker.publish(NEWS, '2', short);
    expect(later.position.offset).toBe(1);
    expect(later.position.epoch).not.toBe(position.epoch);
  },

  '[BROKER-22] asking keeps the epoch as publishing does': async ({ broker, fixture }) => {
    const { tickMs } = fixture;
    const { position } = await broker.publish(NEWS, '1', {
      historySize: 10,
      historyTtlMs: tickMs,
      metaTtlMs: 6 * tickMs,
    });
    for (let turn = 0; turn < 3; turn++) {
      await fixture.advance(4 * tickMs);
      expect((await broker.history(NEWS, { limit: 0, reverse: false }, 6 * tickMs)).position).toEqual(
        position,
      );
    }
  },

  '[BROKER-22] a call that asks for less takes nothing back': async ({ broker, fixture }) => {
    const { tickMs } = fixture;
    const { position } = await broker.publish(NEWS, '1', {
      historySize: 1,
      historyTtlMs: tickMs,
      metaTtlMs: 20 * tickMs,
    });
    await broker.history(NEWS, { limit: 0, reverse: false }, 2 * tickMs);
    await fixture.advance(6 * tickMs);
    expect((await broker.history(NEWS, { limit: 0, reverse: false }, tickMs)).position).toEqual(position);
  },

  '[BROKER-23] asking creates an epoch that the first publication continues': async ({ broker }) => {
    const { position, publications } = await broker.history(NEWS, ALL, HOUR);
    expect(publications).toEqual([]);
    expect(position.offset).toBe(0);
    expect(position.epoch).not.toBe('');
    expect((await broker.publish(NEWS, '1', KEPT)).position).toEqual({ epoch: position.epoch, offset: 1 });
  },

  '[BROKER-24] reads forward from a position': async ({ broker }) => {
    await publish(broker, 5);
    const { epoch } = (await broker.history(NEWS, ALL, HOUR)).position;
    expect(await offsets(broker, { limit: 2, reverse: false })).toEqual([1, 2]);
    expect(await offsets(broker, { limit: 10, reverse: false, since: { epoch, offset: 3 } })).toEqual([4, 5]);
    expect(await offsets(broker, { limit: 1, reverse: false, since: { epoch: '', offset: 3 } })).toEqual([4]);
    expect(await offsets(broker, { limit: 10, reverse: false, since: { epoch, offset: 0 } })).toEqual([
      1, 2, 3, 4, 5,
    ]);
    expect(await offsets(broker, { limit: 10, reverse: false, since: { epoch, offset: 5 } })).toEqual([]);
    expect(await offsets(broker, { limit: 10, reverse: false, since: { epoch, offset: 99 } })).toEqual([]);
    expect(await offsets(broker, { limit: 0, reverse: false })).toEqual([]);
  },

  '[BROKER-24] reads backward before a position': async ({ broker }) => {
    await publish(broker, 5);
    expect(await offsets(broker, { limit: Infinity, reverse: true })).toEqual([5, 4, 3, 2, 1]);
    expect(await offsets(broker, { limit: 2, reverse: true })).toEqual([5, 4]);
    expect(await offsets(broker, { limit: 2, reverse: true, since: { epoch: '', offset: 4 } })).toEqual([
      3, 2,
    ]);
    expect(await offsets(broker, { limit: 9, reverse: true, since: { epoch: '', offset: 1 } })).toEqual([]);
    expect(await offsets(broker, { limit: 9, reverse: true, since: { epoch: '', offset: 0 } })).toEqual([]);
    expect(await offsets(broker, { limit: 2, reverse: true, since: { epoch: '', offset: 99 } })).toEqual([
      5, 4,
    ]);
  },

  '[BROKER-25] a position of another epoch gets no publications but the current position': async ({
    broker,
  }) => {
    await publish(broker, 2);
    for (const reverse of [false, true]) {
      const { publications, position } = await broker.history(
        NEWS,
        { limit: 9, reverse, since: { epoch: 'older', offset: 1 } },
        HOUR,
      );
      expect(publications).toEqual([]);
      expect(position.offset).toBe(2);
    }
  },

  '[BROKER-26] removing history keeps offset and epoch': async ({ broker }) => {
    await publish(broker, 3);
    const { position } = await broker.history(NEWS, ALL, HOUR);
    await broker.removeHistory(NEWS);
    await broker.removeHistory(OTHER);
    expect(await broker.history(NEWS, ALL, HOUR)).toEqual({ publications: [], position });
    expect((await broker.publish(NEWS, '4', KEPT)).position.offset).toBe(4);
    expect(await offsets(broker)).toEqual([4]);
  },

  '[BROKER-27] a repeated idempotency key publishes nothing and gets the first position': async ({
    broker,
    heard,
  }) => {
    await broker.subscribe(NEWS);
    const options = { ...KEPT, idempotencyKey: 'order-1', idempotencyTtlMs: HOUR };
    const first = await broker.publish(NEWS, '1', options);
    await publish(broker, 1);
    expect(await broker.publish(NEWS, '"other data"', options)).toEqual({
      position: first.position,
      deduplicated: true,
    });
    expect(heard.offsets(NEWS)).toEqual([1, 2]);
    expect(first.deduplicated).toBe(false);
  },

  '[BROKER-27] idempotency keys are remembered for their time, per channel, also without history': async ({
    broker,
    fixture,
    heard,
  }) => {
    const { tickMs } = fixture;
    await broker.subscribe(NEWS);
    await broker.subscribe(OTHER);
    const options = { ...UNKEPT, idempotencyKey: 'k', idempotencyTtlMs: 4 * tickMs };
    expect((await broker.publish(NEWS, '1', options)).deduplicated).toBe(false);
    expect((await broker.publish(OTHER, '2', options)).deduplicated).toBe(false);
    expect((await broker.publish(NEWS, '3', options)).deduplicated).toBe(true);
    await fixture.advance(5 * tickMs);
    expect((await broker.publish(NEWS, '4', options)).deduplicated).toBe(false);
    expect(heard.data(NEWS)).toEqual(['1', '4']);
  },

  '[BROKER-27] simultaneous repeats publish once': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    const options = { ...KEPT, idempotencyKey: 'k', idempotencyTtlMs: HOUR };
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => broker.publish(NEWS, '1', options)));
    expect(outcomes.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    expect(new Set(outcomes.map(({ position }) => position.offset))).toEqual(new Set([1]));
    expect(heard.data(NEWS)).toEqual(['1']);
  },
};
