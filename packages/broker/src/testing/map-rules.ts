/** Maps: state in key order, pages, the stream of changes, removal. */
import { expect } from 'vitest';
import type { Broker, MapPublishOptions } from '../broker.js';
import { ALL, ANN, HOUR, MAP, NEWS, WHOLE, type Rule } from './fixture.js';

export async function keys(broker: Broker): Promise<(string | undefined)[]> {
  return (await broker.mapState(NEWS, WHOLE, HOUR)).entries.map(({ key }) => key);
}

export async function fill(
  broker: Broker,
  names: readonly string[],
  options: MapPublishOptions = MAP,
): Promise<void> {
  for (const name of names) await broker.mapPublish(NEWS, name, JSON.stringify(name), options);
}

/** Changes as [offset, key, removed]. */
export async function changes(broker: Broker): Promise<unknown[]> {
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
};
