/** Numbers and switches of the entrance. Resolved once, at the door (`resolveEntranceOptions`); inside nothing is optional. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { Endpoint } from '@trunkline/hub';

export interface EntranceOptions {
  /** Connections held at once, of all transports, opening ones included; more are answered 503. Default 100,000: about 1 GiB of idle ones. */
  readonly maxConnections: number;
  /** Opening requests per second and address (IPv6: per /64), over a burst; more are answered 429. Default 50; `Infinity`: no limit. */
  readonly attemptsPerSecond: number;
  /** Default 200: an office behind one address that comes back after a restart. */
  readonly attemptsBurst: number;
  /** Addresses remembered for that limit; the least recently seen is forgotten first. Default 10,000. */
  readonly attemptsMaxAddresses: number;
  /** Addresses or CIDR blocks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default none. */
  readonly trustedProxies: readonly string[];
  /** Origins allowed besides the server's own, e.g. `https://console.example.com`; `*` allows any. Default none. */
  readonly allowedOrigins: readonly string[];
  /** The server's own origin counts only under a loopback name: what a development server without credentials needs. Default false. */
  readonly loopbackOriginOnly: boolean;
  /**
   * Bytes waiting for one peer above which `write` reports it behind. Default 64 KiB: enough to keep a link busy between two turns
   * of the loop. Values below the stream's own mark (16 KiB on Node 20) behave as that mark.
   */
  readonly highWaterBytes: number;
  /** Time for a peer to answer a close, or to take a refusal, before it is dropped. Default 5,000. */
  readonly closeTimeoutMs: number;
  /** Where upstream frames of HTTP transports are posted. Default `/emulation`. */
  readonly emulationPath: string;
  /** Bytes of such a request; more are answered 413. Default 4 MiB and 1 KiB: a frame of 2 MiB, each character escaped, and its envelope. */
  readonly upstreamBodyMaxBytes: number;
  /** Time for the body of a request to arrive whole; slower ones are answered 408. Default 10,000. */
  readonly bodyTimeoutMs: number;
  /**
   * Upstream requests of one connection that may wait (for an earlier one whose body is not whole, or because commands came faster than
   * they are carried out). Default 1,000; one more, or more than two frames of bytes, closes the connection with 3013.
   */
  readonly upstreamMaxRequests: number;
  /** Sessions of other nodes whose frames are handed on, remembered at once; the least recently used goes first. Default 10,000: about 5 MB. */
  readonly forwardMaxSessions: number;
  /** Time in which a peer that is behind must take something of what waits for it, on transports where no pong is asked. Default 60,000. */
  readonly stallTimeoutMs: number;
  /** Transports whose endpoints are there; the others are answered 404. Default all. */
  readonly transports: readonly Endpoint['transport'][];
  /** `Retry-After` of refusals while draining or full, in seconds. Default 5. */
  readonly retryAfterSeconds: number;
  /** Batches of documents framed once and kept for the next receivers of the same documents. Default 32. */
  readonly sharedBatches: number;
  /** Bytes of the largest such batch; larger ones are written document by document, without a copy. Default 256 KiB. */
  readonly sharedBatchMaxBytes: number;
}

export const ENTRANCE_DEFAULTS: EntranceOptions = {
  maxConnections: 100_000,
  attemptsPerSecond: 50,
  attemptsBurst: 200,
  attemptsMaxAddresses: 10_000,
  trustedProxies: [],
  allowedOrigins: [],
  loopbackOriginOnly: false,
  highWaterBytes: 64 * 1024,
  closeTimeoutMs: 5_000,
  transports: ['websocket', 'http_stream', 'sse', 'uni_sse'],
  emulationPath: '/emulation',
  upstreamBodyMaxBytes: 4 * 1024 * 1024 + 1024,
  bodyTimeoutMs: 10_000,
  upstreamMaxRequests: 1_000,
  forwardMaxSessions: 10_000,
  stallTimeoutMs: 60_000,
  retryAfterSeconds: 5,
  sharedBatches: 32,
  sharedBatchMaxBytes: 256 * 1024,
};

/** Merges defaults and checks; throws a RangeError that names the field. Addresses and origins are checked where they are parsed. */
export function resolveEntranceOptions(given: Partial<EntranceOptions> | undefined): EntranceOptions {
  const options = mergeOptions(ENTRANCE_DEFAULTS, given);
  for (const field of [
    'maxConnections',
    'attemptsPerSecond',
    'attemptsBurst',
    'attemptsMaxAddresses',
    'upstreamBodyMaxBytes',
    'bodyTimeoutMs',
    'upstreamMaxRequests',
    'forwardMaxSessions',
    'stallTimeoutMs',
  ] as const) {
    requireNumber(field, options[field], 1);
  }
  for (const field of [
    'highWaterBytes',
    'closeTimeoutMs',
    'retryAfterSeconds',
    'sharedBatches',
    'sharedBatchMaxBytes',
  ] as const) {
    requireNumber(field, options[field], 0);
  }
  if (!options.emulationPath.startsWith('/'))
    throw new RangeError(`emulationPath must begin with /, got '${options.emulationPath}'`);
  return options;
}
