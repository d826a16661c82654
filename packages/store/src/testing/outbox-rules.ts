/** Rules of the outbox, on every engine. */
import type { ChannelKey, Publication } from '@trunkline/protocol';
import { expect } from 'vitest';
import { sql } from '../statement.js';
import type { Store } from '../types.js';
import type { Rules } from './fixture.js';

interface Delivered {
  readonly key: ChannelKey;
  readonly publication: Publication;
  readonly epoch: string;
}

/** Writes down what is delivered. */
function recorder(): {
  readonly delivered: Delivered[];
  deliver(key: ChannelKey, publication: Publication, epoch: string): void;
} {
  const delivered: Delivered[] = [];
  return {
    delivered,
    deliver: (key, publication, epoch) => void delivered.push({ key, publication, epoch }),
  };
}

const offsetsOf = (delivered: readonly Delivered[], key: ChannelKey): number[] =>
  delivered.filter((one) => one.key === key).map(({ publication }) => publication.offset);

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

const empty = (store: Store): Promise<void> =>
  expect.poll(() => store.outbox.depth(), { timeout: 20_000 }).toBe(0);

export const OUTBOX_RULES: Rules = {
  '[STORE-30] what is committed is delivered, in channel order, as it is read; what is not is not': async ({
    fresh,
    key,
  }) => {
    const { store } = await fresh();
    const [a, b] = [key(), key()];
    const { delivered, deliver } = recorder();
    store.outbox.start(deliver);
    await Promise.allSettled(
      range(1, 200).map((number) =>
        store.commit({
          statements: [
            store.channels.append(number % 2 === 0 ? a : b, String(number), { tags: { n: String(number) } }),
            ...(number % 10 === 0 ? [sql`SELECT 1 / ${0}::int`] : []),
          ],
        }),
      ),
    );
    await empty(store);
    expect(offsetsOf(delivered, a)).toEqual(range(1, 80));
    expect(offsetsOf(delivered, b)).toEqual(range(1, 100));
    const { publications, position } = await store.channels.read(a, undefined, 1_000, false);
    expect(delivered.filter((one) => one.key === a).map(({ publication }) => publication)).toEqual(
      publications,
    );
    expect(new Set(delivered.filter((one) => one.key === a).map(({ epoch }) => epoch))).toEqual(
      new Set([position.epoch]),
    );
  },

  '[STORE-30] a delivery finds what it tells of': async ({ fresh, key }) => {
    const { store } = await fresh();
    const seen: unknown[] = [];
    store.outbox.start(async (_, { data }) => {
      seen.push(
        (await store.read(sql`SELECT count(*) AS n FROM bank_log WHERE word = ${String(data)}`)).rows[0]?.[
          'n'
        ],
      );
    });
    const channel = key();
    await Promise.all(
      range(1, 20).map((number) =>
        store.commit({
          statements: [
            store.channels.append(channel, String(number)),
            sql`INSERT INTO bank_log (word) VALUES (${String(number)})`,
          ],
        }),
      ),
    );
    await empty(store);
    expect(seen).toEqual(range(1, 20).map(() => 1));
  },

  '[STORE-32] a delivery that fails is tried again; its channel waits, in order, and no other': async ({
    fresh,
    key,
  }) => {
    const { store } = await fresh({ dispatcher: { retryMinMs: 10, retryMaxMs: 50 } });
    const [bad, good] = [key(), key()];
    const { delivered, deliver } = recorder();
    let failures = 0;
    store.outbox.start((channel, publication, epoch) => {
      if (channel === bad && publication.offset === 2 && failures++ < 5)
        return Promise.reject(new Error('broker is away'));
      return deliver(channel, publication, epoch);
    });
    for (const number of range(1, 4))
      await store.commit({
        statements: [bad, good].map((channel) => store.channels.append(channel, String(number))),
      });
    await expect.poll(() => offsetsOf(delivered, good), { timeout: 20_000 }).toEqual([1, 2, 3, 4]);
    await empty(store);
    expect(failures).toBeGreaterThanOrEqual(5);
    expect(offsetsOf(delivered, bad)).toEqual([1, 2, 3, 4]);
  },

  '[STORE-32] a delivery that does not end counts as failed': async ({ fresh, key }) => {
    const { store } = await fresh({ dispatcher: { retryMinMs: 1, retryMaxMs: 5, deliverTimeoutMs: 30 } });
    const { delivered, deliver } = recorder();
    let hung = false;
    store.outbox.start((channel, publication, epoch) => {
      if (hung) return deliver(channel, publication, epoch);
      hung = true;
      return new Promise(() => undefined);
    });
    const channel = key();
    await store.commit({ statements: [store.channels.append(channel, '1')] });
    await expect.poll(() => offsetsOf(delivered, channel), { timeout: 20_000 }).toEqual([1]);
  },

  '[STORE-33] what one process did not deliver, the next one does; nothing is missing': async ({
    fresh,
    open,
    key,
  }) => {
    const { store, database } = await fresh();
    const channel = key();
    const first = recorder();
    store.outbox.start((given, publication, epoch) => {
      if (publication.offset > 20) throw new Error('broker is away');
      first.deliver(given, publication, epoch);
    });
    await store.commit({
      statements: [
        store.channels.appendAll(
          range(1, 50).map((number) => ({ key: channel, data: String(number), historySize: 5 })),
        ),
      ],
    });
    await expect.poll(() => offsetsOf(first.delivered, channel), { timeout: 20_000 }).toEqual(range(1, 20));
    await store.dispose();
    const again = await open(database, { dispatcher: { leaseMs: 50, pollMs: 20 } });
    const second = recorder();
    again.store.outbox.start(second.deliver);
    await empty(again.store);
    // Those beyond the history's size too: what was not delivered is not deleted.
    const both = [...offsetsOf(first.delivered, channel), ...offsetsOf(second.delivered, channel)];
    expect([...new Set(both)]).toEqual(range(1, 50));
    expect(offsetsOf(second.delivered, channel)).toEqual(
      [...offsetsOf(second.delivered, channel)].sort((a, b) => a - b),
    );
  },

  '[STORE-36] history is trimmed once it was delivered, and only then': async ({ fresh, key }) => {
    const { store } = await fresh({ housekeeping: { publicationsMs: 3_600_000 } });
    const channel = key();
    const count = async (): Promise<unknown> =>
      (await store.read(sql`SELECT count(*) AS n FROM store_publications`)).rows[0]?.['n'];
    const fill = (numbers: readonly number[]) =>
      store.commit({
        statements: [
          store.channels.appendAll(
            numbers.map((number) => ({ key: channel, data: String(number), historySize: 10 })),
          ),
        ],
      });
    await fill(range(1, 128));
    await store.commit({ statements: [store.channels.clear(channel)] });
    expect(await count()).toBe(128);
    const { delivered, deliver } = recorder();
    store.outbox.start(deliver);
    await empty(store);
    expect(offsetsOf(delivered, channel)).toEqual(range(1, 128));
    expect(await count()).toBe(10);
  },

  '[STORE-37] a dropped channel is not delivered any more': async ({ fresh, key }) => {
    const { store } = await fresh();
    const [gone, kept] = [key(), key()];
    await store.commit({ statements: [gone, kept].map((channel) => store.channels.append(channel, '1')) });
    await store.commit({ statements: [...store.channels.drop(gone)] });
    const { delivered, deliver } = recorder();
    store.outbox.start(deliver);
    await empty(store);
    expect([offsetsOf(delivered, gone), offsetsOf(delivered, kept)]).toEqual([[], [1]]);
    expect(() => store.outbox.start(deliver)).toThrow('already');
  },
};
