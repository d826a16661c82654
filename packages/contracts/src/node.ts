/** The node module's wire: what an operator or an org's administrator sees of a server node. Error block 1100-1199 (none used yet). */
import { z } from 'zod';
import { defineContract } from './contract.js';

const position = z.object({ epoch: z.string(), offset: z.number().int().min(0) });
const channelName = z.string().min(1).max(255);
const target = { client: z.string().max(100).optional(), user: z.string().max(255).optional() };

export const nodeStats = z.object({
  nodeId: z.string(),
  /** Server time of the sample, Unix ms. */
  timeMs: z.number(),
  startedAtMs: z.number(),
  /** The whole node, every org together: for operators only. */
  scope: z.literal('node'),
  /** What the rates below were measured over, ms. 0: not measured yet, and every rate is 0. */
  intervalMs: z.number(),
  connections: z.number(),
  users: z.number(),
  orgs: z.number(),
  subscriptions: z.number(),
  channels: z.number(),
  /** Rates over `intervalMs`. */
  publicationsPerSecond: z.number(),
  deliveriesPerSecond: z.number(),
  commandsPerSecond: z.number(),
  errorsPerSecond: z.number(),
  bytesOutPerSecond: z.number(),
  /** Totals since start. */
  publications: z.number(),
  deliveries: z.number(),
  overflows: z.object({ recover: z.number(), latest: z.number(), gap: z.number(), close: z.number() }),
  recoveries: z.object({ recovered: z.number(), unrecovered: z.number() }),
  denials: z.number(),
  outboxBytes: z.number(),
  deliveryLatencyMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
  memory: z.object({ rssBytes: z.number(), heapUsedBytes: z.number() }).optional(),
  cpuPercent: z.number().optional(),
  eventLoopDelayMs: z.number().optional(),
});

/** What an org's administrator sees: nothing that counts another org, and nothing of the machine. */
export const orgStats = z.object({
  nodeId: z.string(),
  /** Server time of the sample, Unix ms. */
  timeMs: z.number(),
  startedAtMs: z.number(),
  scope: z.literal('org'),
  org: z.string(),
  connections: z.number(),
  channels: z.number(),
  subscriptions: z.number(),
  /** Of the connections counted. */
  users: z.number(),
  outboxBytes: z.number(),
  /** Subscriptions whose reader is behind (`cut`, `conflating` or `gapping`), of the connections counted. */
  behind: z.number(),
  /** False where the org is larger than one sample counts: then channels, subscriptions, users, outbox and behind are of a part. */
  complete: z.boolean(),
});

export const stats = z.discriminatedUnion('scope', [nodeStats, orgStats]);

export const subscriptionSummary = z.object({
  channel: z.string(),
  subscribedAtMs: z.number(),
  type: z.string(),
  position,
  recoverable: z.boolean(),
  serverSide: z.boolean(),
  delivery: z.enum(['flowing', 'cut', 'conflating', 'gapping']),
  dropped: z.number(),
});

export const connectionSummary = z.object({
  client: z.string(),
  user: z.string(),
  org: z.string(),
  transport: z.string(),
  codec: z.string(),
  remoteAddress: z.string(),
  name: z.string(),
  version: z.string(),
  connectedAtMs: z.number(),
  extensions: z.array(z.string()),
  outboxMessages: z.number(),
  outboxBytes: z.number(),
  subscriptions: z.array(subscriptionSummary),
});

export const namespaceSummary = z.object({
  name: z.string(),
  type: z.string(),
  class: z.string(),
  historySize: z.number(),
  historyTtlMs: z.number(),
  presence: z.boolean(),
  joinLeave: z.boolean(),
  forcePositioning: z.boolean(),
  forceRecovery: z.boolean(),
  recoveryMode: z.string(),
  overflow: z.string(),
  allowSubscribe: z.array(z.string()),
  allowPublish: z.array(z.string()),
  allowPresence: z.array(z.string()),
  allowHistory: z.array(z.string()),
});

const publication = z.object({
  offset: z.number(),
  /** Binary data as base64 text, and then `binary` is true. */
  data: z.unknown(),
  binary: z.boolean().optional(),
  key: z.string().optional(),
  removed: z.boolean().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  timeMs: z.number().optional(),
  info: z.object({ user: z.string(), client: z.string() }).optional(),
});

export const nodeContract = defineContract({
  id: 'node',
  errors: {},
  rpc: {
    'node.info': {
      summary: 'The node, its namespaces and who is asking.',
      params: z.object({}),
      result: z.object({
        nodeId: z.string(),
        version: z.string(),
        startedAtMs: z.number(),
        runtime: z.string(),
        org: z.string(),
        user: z.string(),
        roles: z.array(z.string()),
        namespaces: z.array(namespaceSummary),
      }),
    },
    'node.stats': {
      summary: 'The numbers of `node:stats` (operators) or `node:org-stats` (administrators), now.',
      params: z.object({}),
      result: stats,
    },
    'node.channels': {
      summary: 'Channels with subscribers on this node.',
      params: z.object({
        pattern: z.string().max(255).optional(),
        limit: z.number().int().min(1).max(10_000).optional(),
      }),
      result: z.object({ channels: z.array(z.object({ channel: z.string(), subscribers: z.number() })) }),
    },
    'node.channel': {
      summary: 'One channel: options, position, subscribers.',
      params: z.object({ channel: channelName }),
      result: z.object({
        channel: z.string(),
        subscribers: z.number(),
        namespace: z.string(),
        class: z.string(),
        type: z.string(),
        overflow: z.string(),
        historySize: z.number(),
        historyTtlMs: z.number(),
        presence: z.boolean(),
        position,
      }),
    },
    'node.connections': {
      summary: 'Connections of this node, newest first.',
      params: z.object({
        ...target,
        limit: z.number().int().min(1).max(1_000).optional(),
        offset: z.number().int().min(0).optional(),
      }),
      result: z.object({ connections: z.array(connectionSummary), total: z.number() }),
    },
    'node.disconnect': {
      summary: "Closes a client's or a user's connections.",
      params: z.object({ ...target, reconnect: z.boolean().optional() }),
      result: z.object({ count: z.number() }),
    },
    'node.unsubscribe': {
      summary: "Ends a client's or a user's subscription.",
      params: z.object({ channel: channelName, ...target }),
      result: z.object({ count: z.number() }),
    },
    'node.publish': {
      summary: 'Publishes as the server. With `key`, into a map; with `removed`, removes the key.',
      params: z.object({
        channel: channelName,
        data: z.unknown(),
        key: z.string().max(255).optional(),
        removed: z.boolean().optional(),
        tags: z.record(z.string(), z.string()).optional(),
        idempotencyKey: z.string().max(255).optional(),
      }),
      result: z.object({ position, deduplicated: z.boolean() }),
    },
    'node.history': {
      summary: "A channel's retained publications.",
      params: z.object({
        channel: channelName,
        limit: z.number().int().min(0).max(1_000).optional(),
        since: position.optional(),
        reverse: z.boolean().optional(),
      }),
      result: z.object({ publications: z.array(publication), position }),
    },
    'node.presence': {
      summary: 'Who is on a channel.',
      params: z.object({ channel: channelName }),
      result: z.object({
        clients: z.array(
          z.object({
            client: z.string(),
            user: z.string(),
            connInfo: z.unknown().optional(),
            chanInfo: z.unknown().optional(),
          }),
        ),
      }),
    },
    'node.mapState': {
      summary: "A page of a map channel's entries.",
      params: z.object({
        channel: channelName,
        cursor: z.string().optional(),
        limit: z.number().int().min(1).max(1_000).optional(),
      }),
      result: z.object({ entries: z.array(publication), cursor: z.string(), position }),
    },
  },
  channels: {
    stats: {
      pattern: 'node:stats',
      type: 'stream',
      data: nodeStats,
      summary: 'The node, a sample per second while somebody reads. For operators.',
    },
    orgStats: {
      pattern: 'node:org-stats',
      type: 'stream',
      data: orgStats,
      summary: "The reader's org, likewise. For its administrators.",
    },
  },
});

export type NodeContract = typeof nodeContract;
export type NodeStatsSample = z.output<typeof nodeStats>;
export type OrgStatsSample = z.output<typeof orgStats>;
export type StatsSample = z.output<typeof stats>;
export type ConnectionSummary = z.output<typeof connectionSummary>;
export type NamespaceSummary = z.output<typeof namespaceSummary>;
