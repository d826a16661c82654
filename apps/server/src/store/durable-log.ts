/** Durable channels of the hub on the store: read from it, and committed to it before anybody is told. */
import type { DurableLog, DurablePublication } from '@trunkline/hub';
import { splitChannelKey, type ChannelKey, type Position } from '@trunkline/protocol';
import type { Store } from '@trunkline/store';
import type { ServerStore } from './server-store.js';

export function createDurableLog(store: Pick<ServerStore, 'use'>): DurableLog {
  return {
    read: (key, since, limit, reverse) =>
      store.use('read', ({ channels }) => channels.read(key, since, limit, reverse)),
    append: (key, publication, idempotencyKey) =>
      store.use('commit', async (opened) =>
        idempotencyKey === undefined
          ? { position: await append(opened, key, publication), deduplicated: false }
          : appendOnce(opened, key, publication, idempotencyKey),
      ),
    clear: (key) =>
      store.use('commit', async ({ channels, commit }) => {
        await commit({ statements: [channels.clear(key)] });
      }),
  };
}

async function append(
  { channels, commit }: Store,
  key: ChannelKey,
  { data, ...options }: DurablePublication,
): Promise<Position> {
  const [position] = await commit({ statements: [channels.append(key, data, options)] });
  return position;
}

/** The key and the publication in one transaction. A repeat with other data gets the first position, as in channels that are not durable. */
async function appendOnce(
  { channels, idempotency }: Store,
  key: ChannelKey,
  { data, ...options }: DurablePublication,
  idempotencyKey: string,
): Promise<{ position: Position; deduplicated: boolean }> {
  const { org, channel } = splitChannelKey(key);
  const call = { org, principal: '', method: `publish ${channel}`, key: idempotencyKey, request: null };
  const { result, repeated } = await idempotency.run(call, () => ({
    statements: [channels.append(key, data, options)],
    result: ([{ epoch, offset }]) => ({ epoch, offset }),
  }));
  return { position: result, deduplicated: repeated };
}
