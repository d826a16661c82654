/** The node module's wire: what an operator or an org's administrator sees of a server node. Error block 1100-1199 (none used yet). */
import { z } from 'zod';
import { defineContract } from './contract.js';
import { eventKind, nodeEvent } from './node-events.js';
import { nodeStats, orgStats, stats, trend } from './node-samples.js';
import {
  channelDetails,
  channelName,
  channelPromise,
  connectionRow,
  incomplete,
  namespaceSummary,
  nodeSummary,
  position,
  publication,
  subscriptionSummary,
  target,
} from './node-shapes.js';

export { nodeStats, orgStats, stats, trend };
export type { NodeEvent, NodeEventKind } from './node-events.js';
export type { NodeStatsSample, OrgStatsSample, StatsSample, Trend } from './node-samples.js';
export type { ConnectionRow, NamespaceSummary, SubscriptionSummary } from './node-shapes.js';

/** Part of a name, a client id, an address … */
const search = z.string().max(255).optional();
const limit = z.number().int().min(1).max(1_000).optional();
const skip = z.number().int().min(0).optional();

export const nodeContract = defineContract({
  id: 'node',
  errors: {},
  rpc: {
    'node.info': {
      summary: 'The node that answers, its limits and ways in, who is asking, and all nodes.',
      params: z.object({}),
      result: z.object({
        nodeId: z.string(),
        version: z.string(),
        startedAtMs: z.number(),
        runtime: z.string(),
        org: z.string(),
        user: z.string(),
        roles: z.array(z.string()),
        /** Where connections are opened. */
        endpoints: z.array(z.object({ id: z.string(), path: z.string(), transport: z.string() })),
        /** Limits in effect by option name; units end the names, null is unlimited. */
        limits: z.record(z.string(), z.number().nullable()),
        /** Every client may do everything inside its org, whatever namespaces say. */
        insecure: z.boolean(),
        /** All live nodes, the one that answers first. */
        nodes: z.array(nodeSummary).optional(),
        incomplete,
      }),
    },
    'node.configuration': {
      summary: 'Every configured value with its origin, secrets replaced. For operators.',
      params: z.object({}),
      result: z.object({
        values: z.array(z.object({ path: z.string(), value: z.string(), source: z.string() })),
      }),
    },
    'node.namespaces': {
      summary: 'Every namespace with all its options, and what stands in it now.',
      params: z.object({}),
      result: z.object({
        namespaces: z.array(namespaceSummary),
        /** False where the org has more channels than are counted. */
        complete: z.boolean(),
      }),
    },
    'node.stats': {
      summary: 'The numbers of `node:stats` (operators) or `node:org-stats` (administrators), now.',
      params: z.object({}),
      result: stats,
    },
    'node.trend': {
      summary: 'The last hour in columns: of the node for operators, of the org for administrators.',
      params: z.object({}),
      result: trend,
    },
    'node.channels': {
      summary: 'Channels with subscribers on any node, in the order of their names.',
      params: z.object({
        pattern: z.string().max(255).optional(),
        /** Only channels that this namespace rules; '' is the default one. */
        namespace: z.string().max(255).optional(),
        limit: z.number().int().min(1).max(10_000).optional(),
      }),
      result: z.object({
        channels: z.array(z.object({ channel: z.string(), subscribers: z.number() })),
        incomplete,
      }),
    },
    'node.channel': {
      summary: 'One channel: options, position, subscribers, and what a contract promises of its data.',
      params: z.object({ channel: channelName }),
      result: channelDetails.extend({ promise: channelPromise.optional() }),
    },
    'node.connections': {
      summary: 'Connections of all nodes, newest first, a page at a time.',
      params: z.object({
        ...target,
        /** Any part of user, client id, address, SDK or transport, whatever the case. */
        search,
        /** Only connections subscribed to this channel, or to one that matches (`*`: any run). */
        channel: z.string().max(255).optional(),
        /** `behind`: a subscription is not flowing. `waiting`: the outbox holds something. `dropped`: something was dropped. */
        state: z.enum(['behind', 'waiting', 'dropped']).optional(),
        limit,
        offset: skip,
      }),
      result: z.object({
        connections: z.array(connectionRow),
        /** Connections that match. */
        total: z.number(),
        /** False where the org has more connections than a search looks at: only the newest of each node were searched. */
        complete: z.boolean(),
        incomplete,
      }),
    },
    'node.connection': {
      summary: 'One connection with a page of its subscriptions.',
      params: z.object({ client: z.string().min(1).max(100), search, limit, offset: skip }),
      result: z.object({
        /** Absent: no such connection in this org. */
        connection: connectionRow.optional(),
        /** In the order of their names. */
        subscriptions: z.array(subscriptionSummary),
        /** Subscriptions that match. */
        total: z.number(),
        incomplete,
      }),
    },
    'node.explain': {
      summary:
        'Why a user or client did or did not get what was published: every fact about the two, at one moment.',
      params: z.object({ channel: channelName, ...target, offset: z.number().int().min(1).optional() }),
      result: z.object({
        channel: channelDetails.optional(),
        /** The namespace that rules the channel; absent: none does. */
        namespace: namespaceSummary.optional(),
        insecure: z.boolean(),
        /** The publication asked for, where history still has it. */
        publication: z.object({ offset: z.number(), timeMs: z.number().optional() }).optional(),
        /** The newest ones. */
        connections: z.array(
          connectionRow.extend({
            subscription: subscriptionSummary.optional(),
            /** Where each node numbers the channel by itself: its position at the connection's node. */
            top: position.optional(),
          }),
        ),
        /** All of the user's or client's connections. */
        total: z.number(),
        /** What happened between the two lately, newest first. */
        events: z.array(nodeEvent),
        incomplete,
      }),
    },
    'node.events': {
      summary: "What happened to the org's clients lately, newest first.",
      params: z.object({
        ...target,
        /** Events about this channel, and disconnects, which explain every channel. */
        channel: z.string().max(255).optional(),
        kinds: z.array(eventKind).max(7).optional(),
        /** Only what happened at this node. */
        node: z.string().max(255).optional(),
        limit,
      }),
      result: z.object({ events: z.array(nodeEvent), incomplete }),
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
        /** Maps: write only where the key is absent, or stands at this offset. */
        expect: z.union([z.literal('absent'), z.number().int().min(0)]).optional(),
      }),
      result: z.object({
        position,
        deduplicated: z.boolean(),
        /** False: `expect` did not hold, and nothing was written. */
        applied: z.boolean(),
        /** What stands there instead. */
        current: publication.optional(),
      }),
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
      summary: 'Who is on a channel, in the order of their users.',
      params: z.object({ channel: channelName, limit, offset: skip }),
      result: z.object({
        clients: z.array(
          z.object({
            client: z.string(),
            user: z.string(),
            connInfo: z.unknown().optional(),
            chanInfo: z.unknown().optional(),
          }),
        ),
        /** Clients, and users among them; anonymous ones are no users. */
        total: z.number(),
        users: z.number(),
      }),
    },
    'node.mapState': {
      summary: "A page of a map channel's entries, or one of them.",
      params: z.object({
        channel: channelName,
        /** Only this entry, wherever it stands. */
        key: z.string().min(1).max(255).optional(),
        cursor: z.string().optional(),
        limit,
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
    events: {
      pattern: 'node:events',
      type: 'stream',
      data: nodeEvent,
      summary: "What happens to the clients of the reader's org at any node, within a second or so.",
    },
  },
});

export type NodeContract = typeof nodeContract;
