/** Maps: state in key order, the stream of changes, compare-and-set, expiry of keys. */
import { expect } from 'vitest';
import type { Broker, MapPublishOptions } from '../broker.js';
import { ALL, ANN, HOUR, MAP, NEWS, OTHER, WHOLE, type Rule } from './fixture.js';

async function keys(broker: Broker): Promise<(string | undefined)[]> {
  return (await broker.mapState(NEWS, WHOLE, HOUR)).entries.map(({ key }) => key);
}

async function fill(
  broker: Broker,
  names: readonly string[],
  options: MapPublishOptions = MAP,
): Promise<void> {
  for (const name of names) await broker.mapPublish(NEWS, name, JSON.stringify(name), options);
}

/** Changes as [offset, key, removed]. */
async function changes(broker: Broker): Promise<unknown[]> {
  const { publications } = await broker.mapStream(NEWS, ALL, HOUR);
  return publications.map(({ offset, key, removed }) => [offset, key, removed === true]);
}

export const MAP_RULES: Readonly<Record<string, Rule>> = {
  '[BROKER-40] holds the last publication of each key and delivers it': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    await broker.mapPublish(NEWS, 'a', '1', { ...MAP, tags: { t: 'x' }, info: ANN });
    const second = await broker.mapPublish(NEWS, 'a', '2', MAP);
    expect(second).toMatchObject({ position: { offset: 2 }, deduplicated: false, applied: true });
    const { entries, cursor, position } = await broker.mapState(NEWS, WHOLE, HOUR);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ key: 'a', data: '2', offset: 2 });
    expect([cursor, position]).toEqual(['', second.position]);
    expect(heard.publications.map(({ publication }) => publication)).toMatchObject([
      { key: 'a', data: '1', offset: 1, tags: { t: 'x' }, info: ANN },
      { key: 'a', data: '2', offset: 2 },
    ]);
    expect(heard.publications[1]?.epoch).toBe(position.epoch);
  },

  '[BROKER-41] gives state in key order, page after page': async ({ broker }) => {
    await fill(broker, ['m', 'b', 'z', 'é', 'a', 'B', '10', '9']);
    const ordered = ['10', '9', 'B', 'a', 'b', 'm', 'z', 'é'];
    expect(await keys(broker)).toEqual(ordered);
    const paged: unknown[] = [];
    for (let cursor = '', turn = 0; turn < 10; turn++) {
      const page = await broker.mapState(NEWS, { ...WHOLE, cursor, limit: 3 }, HOUR);
      expect(page.entries.length).toBeLessThanOrEqual(3);
      paged.push(...page.entries.map(({ key }) => key));
      if (page.cursor === '') break;
      cursor = page.cursor;
    }
    expect(paged).toEqual(ordered);
  },

  '[BROKER-41] continues after a key that is gone, and ends on a full last page': async ({ broker }) => {
    await fill(broker, ['a', 'b', 'c', 'd']);
    const first = await broker.mapState(NEWS, { ...WHOLE, limit: 2 }, HOUR);
    await broker.mapRemove(NEWS, first.cursor, MAP);
    const second = await broker.mapState(NEWS, { ...WHOLE, cursor: first.cursor, limit: 2 }, HOUR);
    expect(second.entries.map(({ key }) => key)).toEqual(['c', 'd']);
    expect(second.cursor).toBe('');
  },

  '[BROKER-42] bounds a page by bytes, one entry always fits': async ({ broker }) => {
    const data = JSON.stringify('x'.repeat(1_000));
    for (const name of ['a', 'b', 'c', 'd', 'e']) await broker.mapPublish(NEWS, name, data, MAP);
    const page = await broker.mapState(NEWS, { ...WHOLE, maxBytes: 2_500 }, HOUR);
    expect(page.entries.map(({ key }) => key)).toEqual(['a', 'b']);
    const tiny = await broker.mapState(NEWS, { ...WHOLE, cursor: page.cursor, maxBytes: 1 }, HOUR);
    expect(tiny.entries.map(({ key }) => key)).toEqual(['c']);
    expect(tiny.cursor).not.toBe('');
  },

  '[BROKER-43] keeps a bounded stream of changes': async ({ broker }) => {
    await fill(broker, ['a', 'b', 'a'], { ...MAP, streamSize: 3 });
    await broker.mapRemove(NEWS, 'a', { ...MAP, streamSize: 3 });
    expect(await changes(broker)).toEqual([
      [2, 'b', false],
      [3, 'a', false],
      [4, 'a', true],
    ]);
    const { publications, position } = await broker.mapStream(
      NEWS,
      { limit: 9, reverse: false, since: { epoch: '', offset: 3 } },
      HOUR,
    );
    expect(publications.map(({ offset }) => offset)).toEqual([4]);
    expect(position.offset).toBe(4);
    expect(
      (await broker.mapStream(NEWS, { limit: 9, reverse: false, since: { epoch: 'older', offset: 3 } }, HOUR))
        .publications,
    ).toEqual([]);
  },

  '[BROKER-44] numbers changes also where none is kept': async ({ broker }) => {
    await fill(broker, ['a', 'b'], { ...MAP, streamSize: 0 });
    const { publications, position } = await broker.mapStream(NEWS, ALL, HOUR);
    expect(publications).toEqual([]);
    expect(position.offset).toBe(2);
    expect((await broker.mapState(NEWS, WHOLE, HOUR)).entries.map(({ offset }) => offset)).toEqual([1, 2]);
  },

  '[BROKER-45] removes a key, once': async ({ broker, heard }) => {
    await broker.subscribe(NEWS);
    await broker.mapPublish(NEWS, 'a', '1', { ...MAP, tags: { t: 'x' } });
    const removal = await broker.mapRemove(NEWS, 'a', MAP);
    expect(removal).toMatchObject({ position: { offset: 2 }, applied: true });
    expect(await keys(broker)).toEqual([]);
    expect(heard.publications[1]?.publication).toMatchObject({
      key: 'a',
      removed: true,
      offset: 2,
      data: 'null',
    });
    expect(await broker.mapRemove(NEWS, 'a', MAP)).toMatchObject({
      position: removal.position,
      applied: true,
    });
    expect(heard.publications).toHaveLength(2);
  },

  '[BROKER-46] a removal carries the tags of what it removes, unless others are given': async ({
    broker,
    heard,
  }) => {
    await broker.subscribe(NEWS);
    await fill(broker, ['a', 'b'], { ...MAP, tags: { t: 'x' } });
    await broker.mapRemove(NEWS, 'a', MAP);
    await broker.mapRemove(NEWS, 'b', { ...MAP, tags: { t: 'y' } });
    expect(heard.publications.slice(2).map(({ publication }) => publication.tags)).toEqual([
      { t: 'x' },
      { t: 'y' },
    ]);
  },

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
};
