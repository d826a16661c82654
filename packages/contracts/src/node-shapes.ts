/** The shapes that the node module's methods share: positions, connections, namespaces, publications. */
import { z } from 'zod';

export const position = z.object({ epoch: z.string(), offset: z.number().int().min(0) });
export const channelName = z.string().min(1).max(255);
export const target = { client: z.string().max(100).optional(), user: z.string().max(255).optional() };

/** Nodes that did not answer in time, or not whole: what they hold is missing. Absent or empty: nothing is. */
export const incomplete = z.array(z.string()).optional();

/** A node of the deployment. For operators the counts are of the whole node, for administrators of their org. */
export const nodeSummary = z.object({
  nodeId: z.string(),
  name: z.string(),
  version: z.string(),
  startedAtMs: z.number(),
  uptimeMs: z.number(),
  connections: z.number(),
  users: z.number(),
  subscriptions: z.number(),
  channels: z.number(),
});

/** A number that may be unlimited: JSON has no infinity, so null stands for it. */
const orUnlimited = z.number().nullable();

export const subscriptionSummary = z.object({
  channel: z.string(),
  subscribedAtMs: z.number(),
  type: z.string(),
  /** The last position handed to the connection's outbox. */
  position,
  recoverable: z.boolean(),
  serverSide: z.boolean(),
  delivery: z.enum(['flowing', 'cut', 'conflating', 'gapping']),
  /** Publications dropped or replaced for this reader so far. */
  dropped: z.number(),
});

/** A connection as a row; its subscriptions are asked for with `node.connection`. */
export const connectionRow = z.object({
  client: z.string(),
  /** The node that holds it. */
  node: z.string().optional(),
  user: z.string(),
  org: z.string(),
  transport: z.string(),
  codec: z.string(),
  remoteAddress: z.string(),
  name: z.string(),
  version: z.string(),
  connectedAtMs: z.number(),
  extensions: z.array(z.string()),
  /** What waits to be sent. */
  outboxMessages: z.number(),
  outboxBytes: z.number(),
  subscriptions: z.number(),
  /** Subscriptions that are not flowing. */
  behind: z.number(),
  /** Dropped or replaced, over all subscriptions of the connection. */
  dropped: z.number(),
  /** The worst of its subscriptions. */
  delivery: subscriptionSummary.shape.delivery,
});

/** Every option of a namespace, and what stands in it now: channels of the caller's org with readers on this node. */
export const namespaceSummary = z.object({
  name: z.string(),
  type: z.string(),
  class: z.string(),
  historySize: orUnlimited,
  historyTtlMs: orUnlimited,
  metaTtlMs: orUnlimited,
  presence: z.boolean(),
  joinLeave: z.boolean(),
  forceJoinLeave: z.boolean(),
  forcePositioning: z.boolean(),
  forceRecovery: z.boolean(),
  recoveryMode: z.string(),
  overflow: z.string(),
  allowSubscribe: z.array(z.string()),
  allowPublish: z.array(z.string()),
  allowPresence: z.array(z.string()),
  allowHistory: z.array(z.string()),
  allowTagsFilter: z.boolean(),
  allowDelta: z.array(z.string()),
  channelPattern: z.string().optional(),
  maxSubscribers: orUnlimited,
  publishDebounceMs: z.number(),
  /** Absent where the namespace holds no maps. */
  map: z
    .object({
      mode: z.string(),
      keyTtlMs: orUnlimited,
      streamSize: orUnlimited,
      streamTtlMs: orUnlimited,
      clientKey: z.string(),
      maxKeys: orUnlimited,
    })
    .optional(),
  mapClientsPrefix: z.string(),
  mapUsersPrefix: z.string(),
  /** Names of the options whose value is not the default; those of `map` as `map.<name>`. */
  changed: z.array(z.string()),
  channels: z.number(),
  subscribers: z.number(),
});

export const publication = z.object({
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

export const channelDetails = z.object({
  channel: z.string(),
  subscribers: z.number(),
  namespace: z.string(),
  class: z.string(),
  type: z.string(),
  overflow: z.string(),
  historySize: z.number(),
  historyTtlMs: orUnlimited,
  presence: z.boolean(),
  position,
});

/** What a module's contract promises of a channel's data. */
export const channelPromise = z.object({
  /** Id of the contract. */
  contract: z.string(),
  summary: z.string(),
  /** JSON Schema (draft 2020-12) of one publication's data. */
  schema: z.record(z.string(), z.unknown()),
});

export type SubscriptionSummary = z.output<typeof subscriptionSummary>;
export type ConnectionRow = z.output<typeof connectionRow>;
export type NamespaceSummary = z.output<typeof namespaceSummary>;
