/** Methods of the HTTP API about clients: their subscriptions, their connections, and calls to modules. Shapes they share: `api-shapes.ts`. */
import { z } from 'zod';
import {
  channel,
  position,
  count,
  numClients,
  incomplete,
  target,
  connection,
  CHANNEL,
  WRITTEN,
} from './api-shapes.js';

export const connectionMethods = {
  subscribe: {
    tag: 'Connections',
    summary: "Subscribes a user's or a client's connections; needs no permission of theirs.",
    params: z.object({
      channel,
      ...target,
      info: z.unknown().describe('Shown to others with the client: presence, joins.').optional(),
      data: z.unknown().describe('Handed to the client as the subscription begins.').optional(),
      expire_at: z
        .int()
        .min(0)
        .describe('Unix seconds at which the subscription ends; absent or 0: it does not.')
        .optional(),
    }),
    result: numClients,
    example: { params: { channel: CHANNEL, user: 'ada' }, result: { num_clients: 2 } },
  },
  unsubscribe: {
    tag: 'Connections',
    summary: "Ends a user's or a client's subscription.",
    params: z.object({ channel, ...target }),
    result: numClients,
    example: { params: { channel: CHANNEL, user: 'ada' }, result: { num_clients: 2 } },
  },
  disconnect: {
    tag: 'Connections',
    summary: "Closes a user's or a client's connections.",
    params: z.object({
      ...target,
      disconnect: z
        .object({
          code: z.int().min(3_000).max(4_999),
          reason: z.string().max(120).describe("Default ''.").optional(),
        })
        .describe('The close code says whether clients come back. Default 3503, stay away.')
        .optional(),
      whitelist: z.array(z.string().max(255)).max(1_000).describe('Client ids that stay.').optional(),
    }),
    result: numClients,
    example: {
      params: { user: 'ada', disconnect: { code: 3011, reason: 'moved' } },
      result: { num_clients: 1 },
    },
  },
  refresh: {
    tag: 'Connections',
    summary: "Sets a new expiry of a user's or a client's connections, or ends them now (`expired`).",
    params: z.object({
      ...target,
      expired: z.boolean().optional(),
      expire_at: z
        .int()
        .min(0)
        .describe('Unix seconds; absent or 0: the connections do not expire any more.')
        .optional(),
    }),
    result: numClients,
    example: { params: { user: 'ada', expire_at: 4_102_444_800 }, result: { num_clients: 1 } },
  },
  connections: {
    tag: 'Connections',
    summary: 'Connections of all nodes, newest first.',
    params: z.object({ ...target, limit: z.int().min(1).max(10_000).optional(), offset: count.optional() }),
    result: z.object({
      connections: z.record(z.string(), connection).describe('By client id.'),
      total: count.describe('All that match, beyond `limit`.'),
      incomplete,
    }),
    example: {
      params: { user: 'ada', limit: 10 },
      result: {
        connections: {
          'c-7f': {
            user: 'ada',
            node: 'k3J9',
            app_name: 'js',
            app_version: '',
            transport: 'websocket',
            protocol: 'json',
            remote_address: '192.0.2.7',
            connected_at: 1_763_700_000_000,
            connected_at_ms: 1_763_700_000_000,
            outbox_messages: 0,
            outbox_bytes: 0,
            state: { channels: { 'chat:1': { ...WRITTEN, delivery: 'flowing', dropped: 0 } } },
          },
        },
        total: 1,
        incomplete: [],
      },
    },
  },
  rpc: {
    tag: 'Server',
    summary:
      "Calls an RPC method of a module, as clients do, with the rights of an org's administrator (of an operator, with a key of all orgs).",
    params: z.object({
      method: z.string().min(1).max(255),
      params: z.unknown().describe('As the method takes them; absent: an empty object.').optional(),
    }),
    result: z.object({
      data: z.unknown().describe('What the method answers; null where it answers nothing.'),
      position: z
        .object({ channel: z.string(), ...position })
        .describe('The publication that shows the effect.')
        .optional(),
    }),
    example: {
      params: { method: 'node.channels', params: { pattern: 'chat:*' } },
      result: { data: { channels: [{ channel: 'chat:1', subscribers: 2 }] } },
    },
  },
} as const;
