/** Numbers of the Redis engine. Resolved once, when the factory is made. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface RedisBrokerOptions {
  /** `redis://` or `rediss://` with TLS, user, password and database as in any client. */
  readonly url: string;
  /** Begins every key and every channel, so that several installations may share a server. Default `trunkline`. */
  readonly prefix: string;
  /** Time for one command, waiting for a connection included. Below the hub's subscribe deadline of 3 s. Default 2,000. */
  readonly commandTimeoutMs: number;
  /** Commands under way at once; more are refused. Default 20,000: a second of a busy node. */
  readonly maxPending: number;
  /** How often keys of maps that ran out are looked for. Default 1,000. */
  readonly sweepIntervalMs: number;
  /**
   * How often a node sends itself a message over Redis; one that does not come back within as long again means that deliveries do not
   * either, and the connection is made anew. Default 3,000.
   */
  readonly heartbeatIntervalMs: number;
  /** Longest wait between two attempts to connect. Default 1,000. */
  readonly maxReconnectDelayMs: number;
  /** Time an idempotency key is remembered where the call does not say. Default 300,000 (5 minutes), as the hub's option. */
  readonly idempotencyTtlMs: number;
}

export const REDIS_BROKER_DEFAULTS: RedisBrokerOptions = {
  url: 'redis://127.0.0.1:6379',
  prefix: 'trunkline',
  commandTimeoutMs: 2_000,
  maxPending: 20_000,
  sweepIntervalMs: 1_000,
  heartbeatIntervalMs: 3_000,
  maxReconnectDelayMs: 1_000,
  idempotencyTtlMs: 300_000,
};

/** Merges defaults and checks; throws a RangeError that names the field. */
export function resolveRedisBrokerOptions(
  given: Partial<RedisBrokerOptions> | undefined,
): RedisBrokerOptions {
  const options = mergeOptions(REDIS_BROKER_DEFAULTS, given);
  if (!/^rediss?:\/\//.test(options.url)) throw new RangeError('url must begin with redis:// or rediss://');
  if (!/^[\w.-]{1,64}$/.test(options.prefix))
    throw new RangeError('prefix must be 1 to 64 characters of a-z, A-Z, 0-9, `_`, `.` and `-`');
  requireNumber('commandTimeoutMs', options.commandTimeoutMs, 1);
  requireNumber('maxPending', options.maxPending, 1);
  requireNumber('sweepIntervalMs', options.sweepIntervalMs, 1);
  requireNumber('heartbeatIntervalMs', options.heartbeatIntervalMs, 1);
  requireNumber('maxReconnectDelayMs', options.maxReconnectDelayMs, 1);
  requireNumber('idempotencyTtlMs', options.idempotencyTtlMs, 1);
  return options;
}
