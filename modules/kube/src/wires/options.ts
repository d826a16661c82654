/** Numbers of the foreign wires. Resolved once, at the door. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { LinkProfile } from '@trunkline/hub';
import type { FeedOptions } from './feed.js';
import type { SessionsOptions } from './sessions.js';
import type { ViewedWatchOptions } from './viewed-watch.js';

export interface WiresOptions extends ViewedWatchOptions, FeedOptions, SessionsOptions {
  /** Default `/wsMultiplexer`. */
  readonly multiplexerPath: string;
  /** In front of a cluster's id, for watches of their own and for the proxy. Default `/clusters`. */
  readonly clustersPath: string;
  /** Longest time to let somebody in, in milliseconds. Default 5,000. */
  readonly openDeadlineMs: number;
  /** Pings, and how long a peer may be silent after one, in milliseconds. Defaults 25,000 and 10,000. */
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  /** Longest frame of a client. Default 64 KiB: requests are short. */
  readonly maxFrameBytes: number;
  /** Bytes that are on their way to a peer before the rest waits as references. Default 1 MiB, or one event. */
  readonly outboxMaxBytes: number;
  /** Watches on one connection of the multiplexer. Default 1,000. */
  readonly maxWatches: number;
  /** Watches of a connection about which rights are asked at once; more are not read meanwhile. Default 50. */
  readonly maxAsking: number;
  /** Events that wait on a connection: those that happened since (in bytes), and all with what was missed. Beyond it the socket is closed. Defaults 16 MiB and 250,000. */
  readonly maxWaitingBytes: number;
  readonly maxWaiting: number;
  /** Nothing is read from a peer for which more events wait. Default 1,000. */
  readonly readBelow: number;
  /** Between bookmarks, where they are asked for. Default 60,000, as API servers do. */
  readonly bookmarkMs: number;
  /** Sessions in pods (exec, attach, port-forward) that are open at once, of one user and of all; and logs, counted apart. Defaults 20 and 500. */
  readonly maxSessionsPerUser: number;
  readonly maxSessions: number;
  /** Longest frame of a session, either way. Default 1 MiB: what is pasted into a terminal comes as one. */
  readonly sessionFrameBytes: number;
  /** Longest time to let somebody into a session, the cluster's part included, in milliseconds. Default 15,000. */
  readonly sessionOpenMs: number;
  /** Questions whose numbers are kept without readers. Default 1,000. */
  readonly maxFeeds: number;
}

export const WIRES_DEFAULTS: WiresOptions = {
  multiplexerPath: '/wsMultiplexer',
  clustersPath: '/clusters',
  openDeadlineMs: 5_000,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 10_000,
  maxFrameBytes: 65_536,
  outboxMaxBytes: 1_048_576,
  maxWatches: 1_000,
  maxAsking: 50,
  maxWaitingBytes: 16 * 1_048_576,
  maxWaiting: 250_000,
  readBelow: 1_000,
  bookmarkMs: 60_000,
  maxSessionsPerUser: 20,
  maxSessions: 500,
  sessionFrameBytes: 1_048_576,
  sessionOpenMs: 15_000,
  maxFeeds: 1_000,
  doubtMs: 5_000,
  doubtAgainMs: 1_000,
  maxCompared: 200_000,
  maxPlaces: 2_000,
  // A few milliseconds for some readers.
  turnChanges: 1_000,
  againMs: 2_000,
  againMaxMs: 30_000,
};

/** Throws a RangeError that names the field. */
export function resolveWiresOptions(given?: Partial<WiresOptions>): WiresOptions {
  const options = mergeOptions(WIRES_DEFAULTS, given);
  for (const field of Object.keys(WIRES_DEFAULTS) as (keyof WiresOptions)[]) {
    const value = options[field];
    if (typeof value === 'number') requireNumber(field, value, field === 'doubtMs' ? 0 : 1);
    else if (!/^(\/[\w.-]+)+$/.test(value)) throw new RangeError(`${field} must be a path, got '${value}'`);
  }
  return options;
}

export function profileOf(options: WiresOptions): LinkProfile {
  return {
    ping: { kind: 'transport', intervalMs: options.pingIntervalMs, pongTimeoutMs: options.pongTimeoutMs },
    joinDocuments: false,
    maxFrameBytes: options.maxFrameBytes,
    maxCommandsPerFrame: 1,
    maxDepth: 1,
    // What waits beyond a few writes waits in the queue of references.
    outboxMaxMessages: 10_000,
    outboxMaxBytes: options.outboxMaxBytes,
    firstCommandTimeoutMs: options.openDeadlineMs,
  };
}
