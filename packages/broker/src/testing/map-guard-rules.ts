/** Maps: compare-and-set, limits, expiry of keys, clearing, repeats. */
import { expect } from 'vitest';
import { HOUR, MAP, NEWS, OTHER, WHOLE, type Rule } from './fixture.js';
import { changes, fill, keys } from './map-rules.js';

export const MAP_GUARD_RULES: Readonly<Record<string, Rule>> = {
  '[BROKER-47] compare-and-set: only where there is nothing': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    expect((await broker.mapPublish(NEWS, 'a', '1', { ...MAP, expect: 'absent' })).applied).toBe(true);
    const refused = await broker.mapPublish(NEWS, 'a', '2', { ...MAP, expect: 'absent' });
    expect(refused).toMatchObject({
      applied: false,
      deduplicated: false,
      current: { key: 'a', data: '1', offset: 1 },
      position: { offset: 1 },
    });
    expect(heard.publications).toHaveLength(1);
  },

  '[BROKER-47] compare-and-set: only over the offset that was read': async ({ broker }) => {
    await broker.mapPublish(NEWS, 'a', '1', MAP);
    await broker.mapPublish(NEWS, 'b', '1', MAP);
    expect((await broker.mapPublish(NEWS, 'a', '2', { ...MAP, expect: 1 })).applied).toBe(true);
    expect((await broker.mapPublish(NEWS, 'a', '3', { ...MAP, expect: 1 })).current).toMatchObject({
      data: '2',
      offset: 3,
    });
    const missing = await broker.mapPublish(NEWS, 'none', '1', { ...MAP, expect: 1 });
    expect(missing.applied).toBe(false);
    expect(missing).not.toHaveProperty('current');
    expect((await broker.mapRemove(NEWS, 'a', { ...MAP, expect: 1 })).applied).toBe(false);
    expect((await broker.mapRemove(NEWS, 'a', { ...MAP, expect: 3 })).applied).toBe(true);
    expect(await keys(broker)).toEqual(['b']);
  },

  '[BROKER-47] of simultaneous writers one wins': async ({ broker }) => {
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map((n) => broker.mapPublish(NEWS, 'lock', String(n), { ...MAP, expect: 'absent' })),
    );
    expect(outcomes.filter(({ applied }) => applied)).toHaveLength(1);
  },

  '[BROKER-48] refuses a new key beyond the limit, not a new value': async ({ broker }) => {
    const limited = { ...MAP, maxKeys: 2 };
    await fill(broker, ['a', 'b'], limited);
    await expect(broker.mapPublish(NEWS, 'c', '1', limited)).rejects.toMatchObject({ code: 106 });
    expect((await broker.mapPublish(NEWS, 'a', '2', limited)).position.offset).toBe(3);
    await broker.mapRemove(NEWS, 'b', limited);
    expect((await broker.mapPublish(NEWS, 'c', '1', limited)).applied).toBe(true);
    expect(await keys(broker)).toEqual(['a', 'c']);
    await expect(broker.mapPublish(NEWS, '', '1', limited)).rejects.toMatchObject({ code: 107 });
  },

  '[BROKER-49] a key removes itself after its time, as a publication': async ({
    broker,
    fixture,
    heard,
    eventually,
  }) => {
    const { tickMs } = fixture;
    await broker.subscribe(NEWS);
    await broker.mapPublish(NEWS, 'short', '1', { ...MAP, keyTtlMs: 4 * tickMs, tags: { t: 'x' } });
    await broker.mapPublish(NEWS, 'renewed', '1', { ...MAP, keyTtlMs: 4 * tickMs });
    await broker.mapPublish(NEWS, 'long', '1', MAP);
    await fixture.advance(3 * tickMs);
    await broker.mapPublish(NEWS, 'renewed', '2', { ...MAP, keyTtlMs: 4 * tickMs });
    await fixture.advance(2 * tickMs);
    await eventually(() => expect(heard.publications).toHaveLength(5));
    expect(heard.publications[4]?.publication).toMatchObject({
      key: 'short',
      removed: true,
      offset: 5,
      tags: { t: 'x' },
    });
    expect(await keys(broker)).toEqual(['long', 'renewed']);
    expect(await changes(broker)).toContainEqual([5, 'short', true]);
  },

  '[BROKER-49] a key published again without a time stays': async ({ broker, fixture }) => {
    const { tickMs } = fixture;
    await broker.mapPublish(NEWS, 'a', '1', { ...MAP, keyTtlMs: 3 * tickMs });
    await broker.mapPublish(NEWS, 'a', '2', MAP);
    await fixture.advance(5 * tickMs);
    expect(await keys(broker)).toEqual(['a']);
  },

  '[BROKER-49] the time of a removed key ends with it': async ({ broker, fixture, heard }) => {
    const { tickMs } = fixture;
    await broker.subscribe(NEWS);
    await broker.mapPublish(NEWS, 'a', '1', { ...MAP, keyTtlMs: 3 * tickMs });
    await broker.mapRemove(NEWS, 'a', MAP);
    await broker.mapPublish(NEWS, 'a', '2', MAP);
    await fixture.advance(5 * tickMs);
    expect(await keys(broker)).toEqual(['a']);
    expect(heard.offsets(NEWS)).toEqual([1, 2, 3]);
  },

  '[BROKER-50] clearing publishes a removal for each entry': async ({ broker, heard }) => {
    await broker.mapPublish(OTHER, 'x', '1', MAP);
    await fill(broker, ['b', 'a']);
    await broker.subscribe(NEWS);
    await broker.mapClear(NEWS, MAP);
    expect(
      heard.publications.map(({ publication }) => [publication.offset, publication.key, publication.removed]),
    ).toEqual([
      [3, 'a', true],
      [4, 'b', true],
    ]);
    expect(await keys(broker)).toEqual([]);
    expect((await broker.mapState(OTHER, WHOLE, HOUR)).entries).toHaveLength(1);
    await broker.mapClear(NEWS, MAP);
    expect(heard.publications).toHaveLength(2);
  },

  '[BROKER-51] a repeated idempotency key changes nothing and gets the first position': async ({
    broker,
  }) => {
    const keyed = { ...MAP, idempotencyKey: 'k', idempotencyTtlMs: HOUR };
    const first = await broker.mapPublish(NEWS, 'a', '1', keyed);
    await broker.mapPublish(NEWS, 'a', '2', MAP);
    expect(await broker.mapPublish(NEWS, 'a', '1', keyed)).toMatchObject({
      position: first.position,
      deduplicated: true,
      applied: true,
    });
    expect((await broker.mapState(NEWS, WHOLE, HOUR)).entries[0]).toMatchObject({ data: '2' });
    const refused = await broker.mapPublish(NEWS, 'a', '3', {
      ...MAP,
      expect: 'absent',
      idempotencyKey: 'k2',
    });
    expect(refused.applied).toBe(false);
    expect((await broker.mapPublish(NEWS, 'a', '3', { ...MAP, idempotencyKey: 'k2' })).deduplicated).toBe(
      false,
    );
  },

  '[BROKER-52] a map with entries keeps its epoch however long it is idle': async ({ broker, fixture }) => {
    const { tickMs } = fixture;
    const short = { ...MAP, streamTtlMs: 2 * tickMs, metaTtlMs: 3 * tickMs };
    const { position } = await broker.mapPublish(NEWS, 'a', '1', short);
    await fixture.advance(8 * tickMs);
    const state = await broker.mapState(NEWS, WHOLE, 3 * tickMs);
    expect(state.entries).toHaveLength(1);
    expect(state.position).toEqual(position);
    await broker.mapRemove(NEWS, 'a', short);
    await fixture.advance(8 * tickMs);
    const later = await broker.mapState(NEWS, WHOLE, 3 * tickMs);
    expect(later.position.offset).toBe(0);
    expect(later.position.epoch).not.toBe(position.epoch);
  },

  '[BROKER-53] renewing publishes nothing and starts the time of the key again': async ({
    broker,
    fixture,
    heard,
  }) => {
    const { tickMs } = fixture;
    const options = { ...MAP, keyTtlMs: 4 * tickMs, renew: true };
    await broker.subscribe(NEWS);
    const first = await broker.mapPublish(NEWS, 'a', '"here"', options);
    await broker.mapPublish(NEWS, 'b', '"here"', { ...options, renew: false });
    await fixture.advance(3 * tickMs);
    const renewed = await broker.mapPublish(NEWS, 'a', '"here"', options);
    expect(renewed).toMatchObject({ position: { epoch: first.position.epoch, offset: 2 }, applied: true });
    await fixture.advance(2 * tickMs);
    expect(await keys(broker)).toEqual(['a']);
    expect(heard.offsets(NEWS)).toEqual([1, 2, 3]);
    expect((await broker.mapPublish(NEWS, 'a', '"changed"', options)).position.offset).toBe(4);
    expect((await broker.mapPublish(NEWS, 'new', '"here"', options)).position.offset).toBe(5);
  },
};
