/** Bounds of the memory engine. Resolved once, when the factory is made. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface MemoryBrokerOptions {
  /**
   * Channels that may hold something (a position, entries, presence) at once, each kind counted for itself; one more is refused with
   * `limitExceeded`. Channels that are only listened to or published to without history hold nothing and are not counted.
   * Default 1,000,000: about 400 MB of empty logs, more than one process should carry.
   */
  readonly maxChannels: number;
  /**
   * Idempotency keys remembered; beyond it the oldest is forgotten before its time. Default 200,000: 50 MB, and 40 s of history at
   * 5,000 keyed publications a second.
   */
  readonly maxIdempotencyKeys: number;
  /** Time an idempotency key is remembered where the call does not say. Default 300,000 (5 minutes), as the hub's option. */
  readonly idempotencyTtlMs: number;
}

export const MEMORY_BROKER_DEFAULTS: MemoryBrokerOptions = {
  maxChannels: 1_000_000,
  maxIdempotencyKeys: 200_000,
  idempotencyTtlMs: 300_000,
};

/** Merges defaults and checks; throws a RangeError that names the field. */
export function resolveMemoryBrokerOptions(
  given: Partial<MemoryBrokerOptions> | undefined,
): MemoryBrokerOptions {
  const options = mergeOptions(MEMORY_BROKER_DEFAULTS, given);
  requireNumber('maxChannels', options.maxChannels, 1);
  requireNumber('maxIdempotencyKeys', options.maxIdempotencyKeys, 1);
  requireNumber('idempotencyTtlMs', options.idempotencyTtlMs, 1);
  return options;
}
