/** The section `client`: what bounds connections and what they ask for. Defaults are the hub's own. */
import { HUB_DEFAULTS } from '@trunkline/hub';
import { z } from 'zod';
import { duration, flag, integer, size } from './leaves.js';

const D = HUB_DEFAULTS;

export const clientSection = z
  .strictObject({
    insecure: flag(
      'Every client may do everything inside its org. For conformance tests and sandboxes.',
    ).default(D.insecure),
    pingInterval: duration('Time between server pings; 0: none.').default(D.pingIntervalMs),
    pongTimeout: duration('Time for the answer to a ping.').default(D.pongTimeoutMs),
    firstCommandTimeout: duration('Time for the first command of a connection.').default(
      D.firstCommandTimeoutMs,
    ),
    outboxMaxMessages: integer('Publications waiting for one reader.', { min: 1 }).default(
      D.outboxMaxMessages,
    ),
    outboxMaxBytes: size('Bytes waiting for one connection.', { min: 1 }).default(D.outboxMaxBytes),
    orgOutboxMaxBytes: size('Bytes waiting for all connections of one org.', {
      min: 1,
      unlimited: true,
    }).default(D.orgOutboxMaxBytes),
    subscribeDeadline: duration('Time within which every subscribe is answered.', {
      min: 1,
      max: 4_500,
    }).default(D.subscribeDeadlineMs),
    rpcTimeout: duration('Time for an RPC handler.', { min: 1 }).default(D.rpcTimeoutMs),
    maxSubscriptionsPerConnection: integer('Subscriptions of one connection.', {
      min: 1,
      unlimited: true,
    }).default(D.maxSubscriptionsPerConnection),
    maxConnectionsPerUser: integer('Connections of one user.', { min: 1, unlimited: true }).default(
      D.maxConnectionsPerUser,
    ),
    maxConnectionsPerOrg: integer('Connections of one org.', { min: 1, unlimited: true }).default(
      D.maxConnectionsPerOrg,
    ),
    maxCommandsPerSecondPerConnection: integer(
      'Commands per second of one connection, over a burst of twice as many.',
      { min: 1, unlimited: true },
    ).default(D.maxCommandsPerSecondPerConnection),
    maxCommandsPerSecondPerOrg: integer('Commands per second of one org.', {
      min: 1,
      unlimited: true,
    }).default(D.maxCommandsPerSecondPerOrg),
    maxCommandsInFlight: integer('Commands of one connection worked on at once.', { min: 1 }).default(
      D.maxCommandsInFlight,
    ),
    maxConnectionAge: duration('Longest life of a connection, ended with 4000 after up to 10 % jitter.', {
      min: 1_000,
      unlimited: true,
    }).default(D.maxConnectionAgeMs),
    recoveryMaxPublications: integer('Publications a recovery may return before it is refused.').default(
      D.recoveryMaxPublications,
    ),
    recoveryMaxBytes: size('Bytes a recovery may return.').default(D.recoveryMaxBytes),
    historyMaxLimit: integer('Publications one history call returns at most.', { min: 1 }).default(
      D.historyMaxLimit,
    ),
    mapPageMaxEntries: integer('Entries of one map page.', { min: 1 }).default(D.mapPageMaxEntries),
    mapPageMaxBytes: size(
      'Bytes of one map page at most; the first page of a subscription holds half. Never more than half of outboxMaxBytes.',
      {
        min: 1,
      },
    ).default(D.mapPageMaxBytes),
    subscribeBufferMax: integer('Changes buffered for a reader that pages through a map.', {
      min: 1,
    }).default(D.subscribeBufferMax),
    presenceTtl: duration('Time after which a presence entry that is not renewed goes.', {
      min: 1_000,
    }).default(D.presenceTtlMs),
    joinLeaveCoalesceAbove: integer(
      'Subscribers of a channel above which joins and leaves are coalesced.',
    ).default(D.joinLeaveCoalesceAbove),
    joinLeaveCoalesceWindow: duration('Window of that coalescing.', { min: 1 }).default(
      D.joinLeaveCoalesceMs,
    ),
    presenceMaxClients: integer(
      'Clients that one presence answer lists; larger channels are refused with 106.',
      {
        min: 1,
        max: 1_000_000,
      },
    ).default(D.presenceMaxClients),
    positionCheckInterval: duration(
      "How often an idle positioned channel's top is compared with what was delivered.",
      { min: 1_000 },
    ).default(D.positionCheckIntervalMs),
    idempotencyTtl: duration('How long idempotency keys of publications are remembered.').default(
      D.idempotencyTtlMs,
    ),
    expiryGrace: duration('Grace after a credential expired, for the refresh to arrive.').default(
      D.expiryGraceMs,
    ),
    localRingSize: integer("Publications kept in a local channel's ring.", { min: 1 }).default(
      D.localRingSize,
    ),
    orgEventsMax: integer('Events kept per org for diagnosis; 0: none.', { max: 100_000 }).default(
      D.orgEventsMax,
    ),
    deltaMemoryMaxBytes: size('Bytes of payloads one channel remembers to make deltas from.').default(
      D.deltaMemoryMaxBytes,
    ),
    maxFrameBytes: size('Bytes of one inbound frame.', { min: 1_024 }).default(D.limits.maxFrameBytes),
    maxCommandsPerFrame: integer('Commands of one inbound frame.', { min: 1 }).default(
      D.limits.maxCommandsPerFrame,
    ),
    maxDepth: integer('Nesting of inbound JSON, on the wire and in API bodies.', {
      min: 1,
      max: 1_000,
    }).default(D.limits.maxDepth),
    maxChannelLength: integer('UTF-16 units of a channel name.', { min: 1, max: 4_096 }).default(
      D.limits.maxChannelLength,
    ),
    maxPublicationBytes: size("Bytes of one publication's data.", { min: 1 }).default(
      D.limits.maxPublicationBytes,
    ),
  })
  .prefault({});
