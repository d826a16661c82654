/** The hub's numbers and switches. Resolved once, at the door (`resolveHubOptions`); inside nothing is optional. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import { DEFAULT_PROTOCOL_LIMITS, type ProtocolLimits } from '@trunkline/protocol';
import type { NamespaceOptions } from './ports/namespace.js';

export interface HubOptions {
  /** Identity of this node; '' makes a random one. */
  readonly nodeId: string;
  /** What an operator calls this node, shown in lists of nodes; '' stands for its id. */
  readonly nodeName: string;
  /** Reported in connect replies. */
  readonly version: string;
  readonly limits: ProtocolLimits;
  /** Operator's namespaces. A namespace `''` gives the channels without one; absent, such channels are denied. */
  readonly namespaces: readonly (Partial<NamespaceOptions> & { readonly name: string })[];
  /** Every client may do everything inside its org, whatever namespaces say. For conformance tests and sandboxes. Default false. */
  readonly insecure: boolean;
  /** Server ping. Default 25,000, the public default. 0: none. */
  readonly pingIntervalMs: number;
  /** Time for the pong. Default 8,000. */
  readonly pongTimeoutMs: number;
  /** Time for the first command of a connection. Default 15,000. */
  readonly firstCommandTimeoutMs: number;
  /** Publications waiting for one reader. Default 256. */
  readonly outboxMaxMessages: number;
  /** Bytes waiting for one connection. Default 1 MiB. An empty outbox accepts one document of any size. */
  readonly outboxMaxBytes: number;
  /** Bytes waiting for all connections of one org. Default 256 MiB. */
  readonly orgOutboxMaxBytes: number;
  /** Time within which every subscribe is answered. Default 3,000: stock clients drop the connection after 5,000. */
  readonly subscribeDeadlineMs: number;
  /** Time for an RPC handler. Default 30,000. */
  readonly rpcTimeoutMs: number;
  /** Subscriptions of one connection. Default 10,000. */
  readonly maxSubscriptionsPerConnection: number;
  readonly maxConnectionsPerUser: number;
  readonly maxConnectionsPerOrg: number;
  /** Commands per second, over a burst of twice as many. Subscribes in the first frames of a connection are not counted. */
  readonly maxCommandsPerSecondPerConnection: number;
  readonly maxCommandsPerSecondPerOrg: number;
  /** Commands of one connection that may be worked on at once; more wait, and reading pauses. Default 256. */
  readonly maxCommandsInFlight: number;
  /** Longest life of a connection, ended with 4000 after up to 10 % jitter; `Infinity`: none. */
  readonly maxConnectionAgeMs: number;
  /** Publications a recovery may return before it is refused (112). Default 300. */
  readonly recoveryMaxPublications: number;
  /** Bytes likewise. Default 256 KiB. */
  readonly recoveryMaxBytes: number;
  /** Publications one history call returns at most. Default 1,000. */
  readonly historyMaxLimit: number;
  /** Entries of one map page at most, and what a page holds when the client does not say. */
  readonly mapPageMaxEntries: number;
  /** Bytes of one map page at most. Default 512 KiB. The first page of a subscription holds half, and the next ones more where the reader asks on soon (spec CLASS-6). */
  readonly mapPageMaxBytes: number;
  /** Changes buffered for a reader that pages through a map; more: it starts again. Default 10,000. */
  readonly subscribeBufferMax: number;
  /** Presence entries expire after this unless renewed (every third of it). Default 60,000. */
  readonly presenceTtlMs: number;
  /** Joins and leaves of one channel travel at once up to this many subscribers, coalesced above. Default 100. */
  readonly joinLeaveCoalesceAbove: number;
  /** Window of coalescing. Default 1,000. */
  readonly joinLeaveCoalesceMs: number;
  /** Clients that the answer to a presence command lists; where there are more it is refused (106). Default 10,000: about 1 MB. */
  readonly presenceMaxClients: number;
  /** How often an idle positioned channel's top is compared with what was delivered. Default 40,000. */
  readonly positionCheckIntervalMs: number;
  /** How long idempotency keys of publications are remembered. Default 300,000. */
  readonly idempotencyTtlMs: number;
  /** Grace after a credential expired, for the refresh to arrive. Default 25,000. */
  readonly expiryGraceMs: number;
  /** Publications kept in a local channel's ring. Default 512. */
  readonly localRingSize: number;
  /** Events kept per org for diagnosis; 0: none. Default 256: minutes of a busy org, about 60 KB. */
  readonly orgEventsMax: number;
  /** Bytes of payloads that one channel remembers to make deltas from, and likewise of deltas made. Default 4 MiB: four of the largest. */
  readonly deltaMemoryMaxBytes: number;
  /** How often this node announces itself to the others of its broker. Default 3,000. 0: it does not, and knows of none. */
  readonly nodeAnnounceIntervalMs: number;
  /** Silence after which another node counts as gone. Default 10,000: three announcements lost. */
  readonly nodeExpiryMs: number;
  /** Other nodes known at most. Default 256. */
  readonly nodesMax: number;
  /** Time for other nodes to answer a question. Default 3,000. */
  readonly nodeAskTimeoutMs: number;
  /** Bytes of one message between nodes; a larger one is refused, or dropped. Default 8 MiB: the largest upstream frame as base64. */
  readonly nodeMessageMaxBytes: number;
  /** About what a page of an answer between nodes holds. Default 256 KiB. */
  readonly nodePageBytes: number;
}

export const HUB_DEFAULTS: HubOptions = {
  nodeId: '',
  nodeName: '',
  version: '0.0.0',
  limits: DEFAULT_PROTOCOL_LIMITS,
  namespaces: [],
  insecure: false,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 8_000,
  firstCommandTimeoutMs: 15_000,
  outboxMaxMessages: 256,
  outboxMaxBytes: 1024 * 1024,
  orgOutboxMaxBytes: 256 * 1024 * 1024,
  subscribeDeadlineMs: 3_000,
  rpcTimeoutMs: 30_000,
  maxSubscriptionsPerConnection: 10_000,
  maxConnectionsPerUser: 1_000,
  maxConnectionsPerOrg: Infinity,
  maxCommandsPerSecondPerConnection: 1_000,
  maxCommandsPerSecondPerOrg: Infinity,
  maxCommandsInFlight: 256,
  maxConnectionAgeMs: Infinity,
  recoveryMaxPublications: 300,
  recoveryMaxBytes: 256 * 1024,
  historyMaxLimit: 1_000,
  mapPageMaxEntries: 1_000,
  mapPageMaxBytes: 512 * 1024,
  subscribeBufferMax: 10_000,
  presenceTtlMs: 60_000,
  joinLeaveCoalesceAbove: 100,
  joinLeaveCoalesceMs: 1_000,
  presenceMaxClients: 10_000,
  positionCheckIntervalMs: 40_000,
  idempotencyTtlMs: 300_000,
  expiryGraceMs: 25_000,
  localRingSize: 512,
  orgEventsMax: 256,
  deltaMemoryMaxBytes: 4 * 1024 * 1024,
  nodeAnnounceIntervalMs: 3_000,
  nodeExpiryMs: 10_000,
  nodesMax: 256,
  nodeAskTimeoutMs: 3_000,
  nodeMessageMaxBytes: 8 * 1024 * 1024,
  nodePageBytes: 256 * 1024,
};

/** Merges defaults and checks; throws a RangeError that names the field. */
export function resolveHubOptions(given: Partial<HubOptions> | undefined): HubOptions {
  const options = mergeOptions(HUB_DEFAULTS, given);
  for (const [field, value] of Object.entries(options)) {
    if (typeof value === 'number') requireNumber(field, value, 0);
  }
  if (options.pingIntervalMs > 0 && options.pongTimeoutMs >= options.pingIntervalMs) {
    // A late pong would be taken for the answer to the next ping.
    throw new RangeError(
      `pongTimeoutMs must be less than pingIntervalMs (${options.pingIntervalMs}), got ${options.pongTimeoutMs}`,
    );
  }
  if (options.nodeExpiryMs <= options.nodeAnnounceIntervalMs)
    throw new RangeError(
      `nodeExpiryMs must be more than nodeAnnounceIntervalMs (${options.nodeAnnounceIntervalMs}), got ${options.nodeExpiryMs}`,
    );
  for (const [field, value] of Object.entries(options.limits))
    requireNumber(`limits.${field}`, value as number, 1);
  return options;
}
