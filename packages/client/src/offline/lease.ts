/**
 * The right to send where the platform has no locks: a record in the shared store, renewed while it is used and free for others once it ran out.
 * It is a courtesy, since a page that was stopped in its tracks may go on after its lease; what keeps a command from happening twice is its key.
 */
import { sleep, type Clock } from '@trunkline/base';
import type { QueueStore } from './store.js';
import { unlessAborted } from './unless-aborted.js';

/** How long after its page died a lease blocks others; renewed three times within that. */
export const LEASE_MS = 15_000;

/** As `QueueStore.exclusively`. */
export async function underLease(
  store: Pick<QueueStore, 'change'>,
  clock: Clock,
  owner: string,
  work: (lost: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    if (signal.aborted) return;
    const waitMs = await take(store, clock, owner);
    if (waitMs === 0) break;
    await unlessAborted(signal, sleep(clock, Math.min(waitMs, LEASE_MS / 3)));
  }
  const lost = new AbortController();
  const ended = new AbortController();
  const renewing = renew(store, clock, owner, lost, ended.signal);
  try {
    if (!signal.aborted) await work(lost.signal);
  } finally {
    ended.abort();
    // One that is still on its way would take the lease again.
    await renewing;
    await store.change('', (meta) => {
      const { lease, ...rest } = meta;
      return lease?.owner === owner ? { meta: rest, result: undefined } : { result: undefined };
    });
  }
}

async function renew(
  store: Pick<QueueStore, 'change'>,
  clock: Clock,
  owner: string,
  lost: AbortController,
  ended: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await unlessAborted(ended, sleep(clock, LEASE_MS / 3));
      if (ended.aborted) return;
      if ((await take(store, clock, owner)) > 0) break;
    }
  } catch {
    // A store that cannot be written cannot keep the lease either.
  }
  lost.abort();
}

/** 0: taken; else how long somebody else has it. */
function take(store: Pick<QueueStore, 'change'>, clock: Clock, owner: string): Promise<number> {
  return store.change('', (meta) => {
    const now = clock.now();
    const { lease } = meta;
    // One that ends later than any lease can was written before the clock was set back.
    const runs = lease !== undefined && lease.untilMs > now && lease.untilMs <= now + LEASE_MS;
    if (runs && lease.owner !== owner) return { result: lease.untilMs - now };
    return { meta: { ...meta, lease: { owner, untilMs: now + LEASE_MS } }, result: 0 };
  });
}
