/** Rules of durable channels, on every engine. */
import { channelKey, type ChannelKey, type Position, type Publication } from '@trunkline/protocol';
import fc from 'fast-check';
import { expect } from 'vitest';
import { sql } from '../statement.js';
import type { Store } from '../types.js';
import type { Rules } from './fixture.js';
import { codeOf } from './outcomes.js';

const ALL = 10_000;

async function offsets(
  store: Store,
  key: ChannelKey,
  since?: Position,
  limit = ALL,
  reverse = false,
): Promise<number[]> {
  const { publications } = await store.channels.read(key, since, limit, reverse);
  return publications.map(({ offset }) => offset);
}

/** Appends the numbers from 1, each in a unit of its own. */
async function fill(
  store: Store,
  key: ChannelKey,
  count: number,
  options: { historySize?: number; historyTtlMs?: number } = {},
): Promise<string> {
  const units = Array.from({ length: count }, (_, index) =>
    store.commit({ statements: [store.channels.append(key, String(index + 1), options)] }),
  );
  const positions = await Promise.all(units);
  return positions[0]?.[0].epoch ?? '';
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

export const CHANNEL_RULES: Rules = {
  '[STORE-20] offsets count up in the transaction of the effect: what is rolled back leaves no hole': async ({
    store,
    key,
  }) => {
    const channel = key();
    const outcomes = await Promise.all(
      range(1, 30).map((number) =>
        store
          .commit({
            statements: [
              store.channels.append(channel, String(number)),
              ...(number % 3 === 0 ? [sql`SELECT 1 / ${0}::int`] : []),
            ],
          })
          .then(
            ([position]) => position.offset,
            () => 0,
          ),
      ),
    );
    expect(outcomes.filter((offset) => offset > 0)).toEqual(range(1, 20));
    const { publications, position } = await store.channels.read(channel, undefined, ALL, false);
    expect(publications.map(({ data }) => Number(data))).toEqual(
      range(1, 30).filter((number) => number % 3 !== 0),
    );
    expect(position.offset).toBe(20);
  },

  '[STORE-20] one epoch for the life of a channel, another one for every channel': async ({ store, key }) => {
    const [a, b] = [key(), key()];
    const [first, second, third] = await store.commit({
      statements: [
        store.channels.append(a, '1'),
        store.channels.append(b, '1'),
        store.channels.append(a, '2'),
      ],
    });
    expect(first.epoch).not.toBe('');
    expect([second.epoch === first.epoch, third]).toEqual([false, { epoch: first.epoch, offset: 2 }]);
  },

  '[STORE-21] reading: after and before a position, both ways, by limit': async ({ store, key }) => {
    const channel = key();
    const epoch = await fill(store, channel, 10);
    const at = (offset: number): Position => ({ epoch, offset });
    expect(await offsets(store, channel)).toEqual(range(1, 10));
    expect(await offsets(store, channel, at(7))).toEqual([8, 9, 10]);
    expect(await offsets(store, channel, at(10))).toEqual([]);
    expect(await offsets(store, channel, { epoch: '', offset: 8 })).toEqual([9, 10]);
    expect(await offsets(store, channel, at(2), 3)).toEqual([3, 4, 5]);
    expect(await offsets(store, channel, undefined, 3, true)).toEqual([10, 9, 8]);
    expect(await offsets(store, channel, at(0), 2, true)).toEqual([10, 9]);
    expect(await offsets(store, channel, at(4), ALL, true)).toEqual([3, 2, 1]);
    expect(await offsets(store, channel, undefined, 0)).toEqual([]);
    expect(await offsets(store, channel, undefined, Infinity)).toEqual(range(1, 10));
    expect((await store.channels.read(channel, at(3), 0, false)).position).toEqual(at(10));
  },

  '[STORE-21] a foreign epoch gets nothing but the position': async ({ store, key }) => {
    const channel = key();
    const epoch = await fill(store, channel, 3);
    for (const reverse of [false, true])
      expect(await store.channels.read(channel, { epoch: 'other', offset: 1 }, ALL, reverse)).toEqual({
        publications: [],
        position: { epoch, offset: 3 },
      });
  },

  '[STORE-21] a publication is read as it was appended': async ({ store, key, clock }) => {
    const channel = key();
    const given: readonly Pick<Publication, 'data' | 'tags' | 'info'>[] = [
      { data: '{"text":"ž😀 \\u0000 \\n","n":1.50}' },
      { data: Uint8Array.from([0, 1, 255, 0]) },
      { data: '""', tags: { kind: 'a', 'ž"': '' } },
      {
        data: '1',
        info: { user: 'ada', client: 'c1', connInfo: '{"a":1}', chanInfo: Uint8Array.from([0, 9]) },
      },
      { data: new Uint8Array(0), info: { user: '', client: '' } },
    ];
    const before = clock.now();
    await store.commit({
      statements: [store.channels.appendAll(given.map((publication) => ({ key: channel, ...publication })))],
    });
    const { publications } = await store.channels.read(channel, undefined, ALL, false);
    expect(publications.map(({ timeMs: _, ...rest }) => rest)).toEqual(
      given.map((publication, index) => ({ offset: index + 1, ...publication })),
    );
    for (const { timeMs = 0 } of publications) expect(timeMs).toBeGreaterThanOrEqual(before);
  },

  '[STORE-21] a channel of one org is not one of another': async ({ store, name }) => {
    const channel = `inbox:${name()}`;
    await fill(store, channelKey('acme', channel), 3);
    expect(await offsets(store, channelKey('other', channel))).toEqual([]);
    expect(await offsets(store, channelKey('acme', channel))).toEqual([1, 2, 3]);
  },

  '[STORE-22] the last so many are kept; what is gone shows as a jump': async ({ store, key }) => {
    const channel = key();
    const epoch = await fill(store, channel, 20, { historySize: 5 });
    expect(await offsets(store, channel)).toEqual(range(16, 20));
    expect(await offsets(store, channel, { epoch, offset: 3 })).toEqual(range(16, 20));
    expect(await offsets(store, channel, undefined, ALL, true)).toEqual(range(16, 20).reverse());
    await store.commit({ statements: [store.channels.append(channel, '21', { historySize: 2 })] });
    expect(await offsets(store, channel)).toEqual([20, 21]);
    await store.commit({ statements: [store.channels.append(channel, '22', { historySize: 0 })] });
    expect(await store.channels.read(channel, undefined, ALL, false)).toMatchObject({
      publications: [],
      position: { offset: 22 },
    });
  },

  '[STORE-22] nothing older than its time is read; offset and epoch go on': async ({ store, key, clock }) => {
    const channel = key();
    const epoch = await fill(store, channel, 3, { historyTtlMs: 60_000 });
    clock.shift(40_000);
    await store.commit({ statements: [store.channels.append(channel, '4', { historyTtlMs: 60_000 })] });
    expect(await offsets(store, channel)).toEqual([1, 2, 3, 4]);
    clock.shift(30_000);
    expect(await offsets(store, channel)).toEqual([4]);
    clock.shift(40_000);
    expect(await store.channels.read(channel, undefined, ALL, false)).toEqual({
      publications: [],
      position: { epoch, offset: 4 },
    });
  },

  '[STORE-22] age follows offsets, even when the clock goes back': async ({ store, key, clock }) => {
    const channel = key();
    const append = () =>
      store.commit({ statements: [store.channels.append(channel, '1', { historyTtlMs: 60_000 })] });
    await append();
    clock.shift(-30_000);
    await append();
    const { publications } = await store.channels.read(channel, undefined, ALL, false);
    expect(publications[1]?.timeMs).toBe(publications[0]?.timeMs);
    clock.shift(30_000);
  },

  '[STORE-22] more than a channel may keep is a mistake of the caller': ({ store, key }) => {
    expect(() => store.channels.append(key(), '1', { historySize: 10_001 })).toThrow('historySize');
    expect(() => store.channels.append(key(), '1', { historyTtlMs: -1 })).toThrow('historyTtlMs');
    return Promise.resolve();
  },

  '[STORE-23] asking gives a channel its epoch, which the first publication continues': async ({
    store,
    key,
  }) => {
    const channel = key();
    const [first, second] = await Promise.all([
      store.channels.read(channel, undefined, 10, false),
      store.channels.read(channel, undefined, 10, false),
    ]);
    expect(first.position).toEqual(second.position);
    expect(first.position.offset).toBe(0);
    const [position] = await store.commit({ statements: [store.channels.append(channel, '1')] });
    expect(position).toEqual({ epoch: first.position.epoch, offset: 1 });
  },

  '[STORE-24] clearing drops the history; offset and epoch go on': async ({ store, key }) => {
    const channel = key();
    const epoch = await fill(store, channel, 5);
    await store.commit({ statements: [store.channels.clear(channel)] });
    expect(await store.channels.read(channel, undefined, ALL, false)).toEqual({
      publications: [],
      position: { epoch, offset: 5 },
    });
    await store.commit({ statements: [store.channels.append(channel, '6')] });
    expect(await offsets(store, channel, { epoch, offset: 2 })).toEqual([6]);
  },

  '[STORE-25] a dropped channel begins anew in another epoch': async ({ store, key }) => {
    const channel = key();
    const epoch = await fill(store, channel, 5);
    const [, , position] = await store.commit({
      statements: [...store.channels.drop(channel), store.channels.append(channel, '1')],
    });
    expect(position.offset).toBe(1);
    expect(position.epoch).not.toBe(epoch);
    expect(await offsets(store, channel)).toEqual([1]);
    await store.commit({ statements: [...store.channels.drop(key())] });
  },

  '[STORE-26] one statement appends to many channels; positions come in the order given': async ({
    store,
    key,
  }) => {
    const [a, b] = [key(), key()];
    await fill(store, a, 2);
    const [positions, more, none] = await store.commit({
      statements: [
        store.channels.appendAll(
          [a, b, a, b, b].map((channel, index) => ({ key: channel, data: String(index) })),
        ),
        store.channels.append(b, '5'),
        store.channels.appendAll([]),
      ],
    });
    expect(positions.map(({ offset }) => offset)).toEqual([3, 1, 4, 2, 3]);
    expect([more.offset, none]).toEqual([4, []]);
    const { publications } = await store.channels.read(b, undefined, ALL, false);
    expect(publications.map(({ data }) => data)).toEqual(['1', '3', '4', '5']);
  },

  '[STORE-26] whatever is appended and read, history is the end of a list': async ({ store, key }) => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('append' as const),
        count: fc.integer({ min: 1, max: 4 }),
        size: fc.integer({ min: 0, max: 6 }),
      }),
      fc.constant({ kind: 'clear' as const }),
      fc.record({
        kind: fc.constant('read' as const),
        since: fc.nat(12),
        limit: fc.nat(6),
        reverse: fc.boolean(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const channel = key();
        let top = 0;
        let size = 1_000;
        let floor = 0;
        for (const one of steps) {
          if (one.kind === 'append') {
            size = one.size;
            const numbers = range(top + 1, top + one.count);
            top += one.count;
            await store.commit({
              statements: [
                store.channels.appendAll(
                  numbers.map((number) => ({ key: channel, data: String(number), historySize: size })),
                ),
              ],
            });
          } else if (one.kind === 'clear') {
            await store.commit({ statements: [store.channels.clear(channel)] });
            floor = top;
          } else {
            const { publications, position } = await store.channels.read(
              channel,
              { epoch: '', offset: one.since },
              one.limit,
              one.reverse,
            );
            const kept = range(1, top).filter((number) => number > Math.max(floor, top - size));
            const wanted = one.reverse
              ? kept.filter((number) => one.since === 0 || number < one.since).reverse()
              : kept.filter((number) => number > one.since);
            expect(publications.map(({ data }) => Number(data))).toEqual(wanted.slice(0, one.limit));
            expect(position.offset).toBe(top);
          }
        }
      }),
      { numRuns: 25 },
    );
  },

  '[STORE-27] new epochs for all channels, history and offsets unchanged': async ({ fresh, key }) => {
    const { store } = await fresh();
    const channels = range(1, 5).map(() => key());
    const epochs = await Promise.all(channels.map((channel) => fill(store, channel, 2)));
    expect(await store.channels.renewEpochs()).toBe(5);
    for (const [index, channel] of channels.entries()) {
      const { publications, position } = await store.channels.read(channel, undefined, ALL, false);
      expect(publications).toHaveLength(2);
      expect(position.epoch).not.toBe(epochs[index]);
    }
  },

  '[STORE-28] what is too old is deleted by and by, a bounded number at a time': async ({ fresh, key }) => {
    const { store, clock } = await fresh({ housekeeping: { publicationsMs: 20 } });
    store.outbox.start(() => undefined);
    const [short, long] = [key(), key()];
    const epoch = await fill(store, short, 300, { historyTtlMs: 1_000 });
    await fill(store, long, 3);
    await expect.poll(() => store.outbox.depth(), { timeout: 20_000 }).toBe(0);
    clock.shift(5_000);
    await expect
      .poll(
        async () => (await store.read(sql`SELECT count(*) AS n FROM store_publications`)).rows[0]?.['n'],
        { timeout: 20_000 },
      )
      .toBe(3);
    expect((await store.channels.read(short, undefined, 1, false)).position).toEqual({ epoch, offset: 300 });
  },

  '[STORE-15] the tables of channels are not written by a read': async ({ store, key }) => {
    expect(await store.read(store.channels.append(key(), '1')).catch(codeOf)).toBe(1110);
  },
};
