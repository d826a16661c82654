/** Methods of the HTTP API about channels: publishing, history, presence, maps. Shapes they share: `api-shapes.ts`. */
import { z } from 'zod';
import {
  channel,
  key,
  offset,
  epoch,
  empty,
  position,
  count,
  incomplete,
  data,
  streamPublishing,
  mapPublishing,
  clientInfo,
  publication,
  apiError,
  published,
  mapPublished,
  CHANNEL,
  MAP,
  WRITTEN,
} from './api-shapes.js';

export const channelMethods = {
  publish: {
    tag: 'Publishing',
    summary: 'Publishes into a channel.',
    params: z.object({ channel, ...streamPublishing }),
    result: published,
    example: {
      params: {
        channel: CHANNEL,
        data: { text: 'hello' },
        tags: { kind: 'greeting' },
        idempotency_key: 'message-17',
      },
      result: WRITTEN,
    },
  },
  broadcast: {
    tag: 'Publishing',
    summary: 'Publishes the same data into many channels; one result or error per channel, in order.',
    params: z.object({ channels: z.array(channel).min(1), ...streamPublishing }),
    result: z.object({
      responses: z.array(z.union([z.object({ result: published }), z.object({ error: apiError })])),
    }),
    example: {
      params: { channels: ['chat:1', 'chat:2'], data: { text: 'to all of you' } },
      result: { responses: [{ result: WRITTEN }, { error: { code: 102, message: 'unknown channel' } }] },
    },
  },
  history: {
    tag: 'Channels',
    summary:
      'Retained publications and the current position. `limit` 0 (default): the position only; negative: as many as the server allows.',
    params: z.object({
      channel,
      limit: z.int().optional(),
      since: z
        .object(position)
        .describe('Publications after this position (before it, with `reverse`).')
        .optional(),
      reverse: z.boolean().describe('Newest first.').optional(),
    }),
    result: z.object({ publications: z.array(publication), ...position }),
    example: {
      params: { channel: CHANNEL, limit: 10 },
      result: { publications: [{ data: { text: 'hello' }, offset: 1, time: 1_763_700_000_000 }], ...WRITTEN },
    },
  },
  history_remove: {
    tag: 'Channels',
    summary: 'Removes the retained publications; offset and epoch go on.',
    params: z.object({ channel }),
    result: empty,
    example: { params: { channel: CHANNEL }, result: {} },
  },
  presence: {
    tag: 'Channels',
    summary: 'Who is on a channel now.',
    params: z.object({ channel }),
    result: z.object({ presence: z.record(z.string(), clientInfo).describe('By client id.') }),
    example: {
      params: { channel: CHANNEL },
      result: { presence: { 'c-7f': { client: 'c-7f', user: 'ada', conn_info: { name: 'Ada' } } } },
    },
  },
  presence_stats: {
    tag: 'Channels',
    summary: 'How many are on a channel now.',
    params: z.object({ channel }),
    result: z.object({ num_clients: count, num_users: count }),
    example: { params: { channel: CHANNEL }, result: { num_clients: 2, num_users: 1 } },
  },
  channels: {
    tag: 'Channels',
    summary: 'Channels with subscribers on any node, in the order of their names.',
    params: z.object({
      pattern: z.string().max(255).describe('`*` stands for any run of characters.').optional(),
      limit: z.int().min(1).max(100_000).optional(),
    }),
    result: z.object({ channels: z.record(z.string(), z.object({ num_clients: count })), incomplete }),
    example: { params: { pattern: 'chat:*' }, result: { channels: { 'chat:1': { num_clients: 2 } } } },
  },
  map_publish: {
    tag: 'Maps',
    summary: 'Writes an entry of a map channel.',
    params: z.object({ channel, key, ...data, ...mapPublishing, delta: streamPublishing.delta }),
    result: mapPublished,
    example: {
      params: { channel: MAP, key: 'cell-3', data: { text: 'x' } },
      result: { ...WRITTEN, applied: true },
    },
  },
  map_remove: {
    tag: 'Maps',
    summary: 'Removes an entry of a map channel. A key that is not there is no error.',
    params: z.object({ channel, key, ...mapPublishing }),
    result: mapPublished,
    example: {
      params: { channel: MAP, key: 'cell-3', expect: 1 },
      result: {
        offset: 4,
        epoch: 'xTmY',
        applied: false,
        current: { data: { text: 'y' }, offset: 4, key: 'cell-3' },
      },
    },
  },
  map_state: {
    tag: 'Maps',
    summary:
      "A page of a map channel's entries in key order; `cursor` '' on the last page. Also called `map_read_state`.",
    params: z.object({
      channel,
      cursor: z.string().max(4_096).describe('From the page before.').optional(),
      limit: z.int().describe("0 or less: the server's page size, which also caps larger ones.").optional(),
    }),
    result: z.object({ entries: z.array(publication), cursor: z.string(), ...position }),
    example: {
      params: { channel: MAP, limit: 100 },
      result: { entries: [{ data: { text: 'x' }, offset: 1, key: 'cell-3' }], cursor: '', ...WRITTEN },
    },
  },
  map_read_stream: {
    tag: 'Maps',
    summary:
      'The changes of a persistent map channel after a position, as `history` gives those of a stream.',
    params: z.object({
      channel,
      since_offset: offset.optional(),
      since_epoch: epoch.optional(),
      limit: z
        .int()
        .describe('0 (default): the position only; negative: as many as the server allows.')
        .optional(),
      reverse: z.boolean().optional(),
    }),
    result: z.object({ entries: z.array(publication), ...position }),
    example: {
      params: { channel: MAP, limit: 100 },
      result: { entries: [{ data: { text: 'x' }, offset: 1, key: 'cell-3' }], ...WRITTEN },
    },
  },
} as const;
