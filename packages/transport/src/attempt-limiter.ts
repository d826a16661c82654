/**
 * Token buckets by key (an address): so many attempts at once, then so many per second. Memory is bounded; the least recently seen key
 * is forgotten first, which only ever gives somebody a fresh burst.
 */
import { requireNumber, type Clock } from '@trunkline/base';

export interface AttemptLimiterOptions {
  /** Attempts regained per second. `Infinity`: no limit. */
  readonly perSecond: number;
  /** Attempts a key may make at once. */
  readonly burst: number;
  /** Keys remembered. */
  readonly maxKeys: number;
}

export interface AttemptLimiter {
  /** Counts one attempt of `key`; false when it has none left. */
  take(key: string): boolean;
  /** Gives one back that turned out to be none. */
  giveBack(key: string): void;
}

interface Bucket {
  left: number;
  atMs: number;
}

export function createAttemptLimiter(
  deps: { readonly clock: Clock },
  options: AttemptLimiterOptions,
): AttemptLimiter {
  const { perSecond, burst, maxKeys } = options;
  requireNumber('perSecond', perSecond, 0);
  requireNumber('burst', burst, 1);
  requireNumber('maxKeys', maxKeys, 1);
  if (perSecond === Infinity) return { take: () => true, giveBack: () => undefined };

  // In order of last use, as a Map keeps insertion order.
  const buckets = new Map<string, Bucket>();

  const bucketOf = (key: string): Bucket => {
    const known = buckets.get(key);
    if (known) buckets.delete(key);
    const bucket = known ?? { left: burst, atMs: deps.clock.monotonic() };
    buckets.set(key, bucket);
    if (buckets.size > maxKeys) forgetOldest();
    return bucket;
  };

  const forgetOldest = (): void => {
    for (const oldest of buckets.keys()) {
      buckets.delete(oldest);
      return;
    }
  };

  return {
    take(key) {
      const bucket = bucketOf(key);
      const now = deps.clock.monotonic();
      bucket.left = Math.min(burst, bucket.left + ((now - bucket.atMs) / 1_000) * perSecond);
      bucket.atMs = now;
      if (bucket.left < 1) return false;
      bucket.left -= 1;
      return true;
    },
    giveBack(key) {
      const bucket = bucketOf(key);
      bucket.left = Math.min(burst, bucket.left + 1);
    },
  };
}
