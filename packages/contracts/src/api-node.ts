/** Methods of the HTTP API about the installation: nodes, namespaces, events. Shapes they share: `api-shapes.ts`. */
import { z } from 'zod';
import {
  channel,
  empty,
  count,
  nodeId,
  incomplete,
  target,
  node,
  namespace,
  EVENT_KINDS,
  event,
  CHANNEL,
} from './api-shapes.js';

export const nodeMethods = {
  info: {
    tag: 'Server',
    summary:
      'The nodes, as far as the key may see: totals for a key of all orgs, otherwise the numbers of its org.',
    params: empty,
    result: z.object({ nodes: z.array(node).describe('The one that answers first.'), incomplete }),
    example: {
      params: {},
      result: {
        incomplete: [],
        nodes: [
          {
            uid: 'k3J9',
            name: 'first',
            version: '0.1.0',
            num_clients: 2,
            num_users: 1,
            num_subs: 4,
            num_channels: 3,
            uptime: 60,
          },
        ],
      },
    },
  },
  namespaces: {
    tag: 'Server',
    summary: "The configured namespaces and the modules' own, with all options.",
    params: empty,
    result: z.object({ namespaces: z.array(namespace) }),
    example: {
      params: {},
      result: {
        namespaces: [
          {
            name: 'chat',
            type: 'stream',
            class: 'live',
            history_size: 100,
            history_ttl_ms: 300_000,
            overflow: 'recover',
          },
        ],
      },
    },
  },
  events: {
    tag: 'Server',
    summary:
      'What happened lately to clients of the org: refusals, recoveries, overflows, cuts, closes. Newest first.',
    params: z.object({
      ...target,
      channel: channel
        .describe('Only events about this channel, and closes, which explain every channel.')
        .optional(),
      kinds: z.array(z.enum(EVENT_KINDS)).optional(),
      node: nodeId.describe('Only what happened at this node.').optional(),
      after: count
        .describe('Only events with a greater `seq`, each node by its own count: best together with `node`.')
        .optional(),
      limit: z.int().min(1).max(10_000).describe('Default 100.').optional(),
    }),
    result: z.object({ events: z.array(event), incomplete }),
    example: {
      params: { channel: CHANNEL, limit: 10 },
      result: {
        events: [
          {
            node: 'k3J9',
            seq: 12,
            time: 1_763_700_000_000,
            kind: 'subscribeRefused',
            client: 'c-7f',
            user: 'ada',
            channel: 'chat:1',
            code: 103,
            message: 'permission denied',
          },
        ],
      },
    },
  },
} as const;
