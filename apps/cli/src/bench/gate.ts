/** Lets connection attempts through one by one, at a rate: servers limit attempts per address, and a bench that runs into that limit measures nothing else. */
import type { Clock } from '@trunkline/base';

/** Resolves in order of the calls, at most `perSecond` times a second. */
export function createGate(clock: Clock, perSecond: number): () => Promise<void> {
  const everyMs = 1_000 / perSecond;
  let nextAt = -Infinity;
  return () => {
    const now = clock.monotonic();
    nextAt = Math.max(now, nextAt + everyMs);
    const waitMs = nextAt - now;
    return waitMs <= 0 ? Promise.resolve() : new Promise((resolve) => void clock.setTimeout(resolve, waitMs));
  };
}
