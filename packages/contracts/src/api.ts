/**
 * The server HTTP API: what `POST /api/<method>` takes and answers. Names and shapes are those of the public HTTP API of the native
 * protocol's ecosystem, so that its server libraries work; ours are the map methods, `connections` and the fields said so below.
 * Unknown fields are ignored, as on the wire. Everything happens inside the org of the key (docs/spec/http-api.md).
 */
import { z } from 'zod';

const channel = z.string().min(1).max(4_096);
const user = z.string().max(255).optional();
const client = z.string().max(255).optional();
const key = z.string().min(1).max(255);
const offset = z.int().min(0);
const empty = z.object({});
const position = { offset, epoch: z.string() };

/** Exactly one of the two; `b64data` carries bytes. */
const data = { data: z.unknown().optional(), b64data: z.string().optional() };

const publishing = {
  ...data,
  tags: z.record(z.string(), z.string()).optional(),
  /** A repeat with the same key publishes nothing and answers the first call's position. */
  idempotency_key: z.string().min(1).max(255).optional(),
  skip_history: z.boolean().optional(),
};

const mapPublishing = {
  tags: z.record(z.string(), z.string()).optional(),
  idempotency_key: z.string().min(1).max(255).optional(),
  /** Compare-and-set: `"absent"`, or the offset that wrote the entry last. */
  expect: z.union([z.literal('absent'), offset]).optional(),
};

/** Who: a user's connections, one connection, or both (that connection, if it is the user's). */
const target = { user, client };

const clientInfo = z.object({
  client: z.string(),
  user: z.string(),
  conn_info: z.unknown().optional(),
  chan_info: z.unknown().optional(),
});

const publication = z.object({
  ...data,
  offset: offset.optional(),
  tags: z.record(z.string(), z.string()).optional(),
  info: clientInfo.optional(),
  /** Unix ms. */
  time: z.number().optional(),
  /** Map channels. */
  key: z.string().optional(),
  removed: z.boolean().optional(),
});

const apiError = z.object({ code: z.int(), message: z.string() });
const published = z.object(position);
const mapPublished = z.object({ ...position, applied: z.boolean(), current: publication.optional() });

export const apiMethods = {
  publish: {
    summary: 'Publishes into a channel.',
    params: z.object({ channel, ...publishing }),
    result: published,
  },
  broadcast: {
    summary: 'Publishes the same data into many channels; one result or error per channel, in order.',
    params: z.object({ channels: z.array(channel).min(1), ...publishing }),
    result: z.object({
      responses: z.array(z.union([z.object({ result: published }), z.object({ error: apiError })])),
    }),
  },
  subscribe: {
    summary: "Subscribes a user's or a client's connections; needs no permission of theirs.",
    params: z.object({ channel, ...target }),
    result: z.object({ num_clients: z.int() }),
  },
  unsubscribe: {
    summary: "Ends a user's or a client's subscription.",
    params: z.object({ channel, ...target }),
    result: z.object({ num_clients: z.int() }),
  },
  disconnect: {
    summary: "Closes a user's or a client's connections.",
    params: z.object({
      ...target,
      disconnect: z.object({ code: z.int().min(3_000).max(4_999), reason: z.string().max(120) }).optional(),
    }),
    result: z.object({ num_clients: z.int() }),
  },
  refresh: {
    summary: "Sets a new expiry of a user's or a client's connections, or ends them now (`expired`).",
    /** `expire_at` in Unix seconds; absent: the connections do not expire any more. */
    params: z.object({ ...target, expired: z.boolean().optional(), expire_at: z.int().min(0).optional() }),
    result: z.object({ num_clients: z.int() }),
  },
  presence: {
    summary: 'Who is on a channel now.',
    params: z.object({ channel }),
    result: z.object({ presence: z.record(z.string(), clientInfo) }),
  },
  presence_stats: {
    summary: 'How many are on a channel now.',
    params: z.object({ channel }),
    result: z.object({ num_clients: z.int(), num_users: z.int() }),
  },
  history: {
    summary:
      'Retained publications and the current position. `limit` 0 (default): the position only; negative: as many as the server allows.',
    params: z.object({
      channel,
      limit: z.int().optional(),
      since: z.object({ offset, epoch: z.string() }).optional(),
      reverse: z.boolean().optional(),
    }),
    result: z.object({ publications: z.array(publication), ...position }),
  },
  history_remove: {
    summary: 'Removes the retained publications; offset and epoch go on.',
    params: z.object({ channel }),
    result: empty,
  },
  channels: {
    summary: 'Channels with subscribers on this node.',
    /** `pattern`: `*` stands for any run of characters. */
    params: z.object({
      pattern: z.string().max(255).optional(),
      limit: z.int().min(1).max(100_000).optional(),
    }),
    result: z.object({ channels: z.record(z.string(), z.object({ num_clients: z.int() })) }),
  },
  connections: {
    summary: 'Connections of this node, newest first.',
    params: z.object({ ...target, limit: z.int().min(1).max(10_000).optional(), offset: offset.optional() }),
    result: z.object({
      connections: z.record(
        z.string(),
        z.object({
          user: z.string(),
          app_name: z.string(),
          app_version: z.string(),
          transport: z.string(),
          protocol: z.string(),
          remote_address: z.string(),
          /** Unix ms. */
          connected_at: z.number(),
          outbox_messages: z.int(),
          outbox_bytes: z.int(),
          state: z.object({
            channels: z.record(z.string(), z.object({ ...position, delivery: z.string(), dropped: z.int() })),
          }),
        }),
      ),
      /** All that match, beyond `limit`. */
      total: z.int(),
    }),
  },
  info: {
    summary:
      'The nodes, as far as the key may see: totals for a key of all orgs, otherwise the numbers of its org.',
    params: empty,
    result: z.object({
      nodes: z.array(
        z.object({
          uid: z.string(),
          name: z.string(),
          version: z.string(),
          num_clients: z.int(),
          num_users: z.int(),
          num_subs: z.int(),
          num_channels: z.int(),
          /** Seconds. */
          uptime: z.int(),
        }),
      ),
    }),
  },
  map_publish: {
    summary:
      'Writes an entry of a map channel. `applied` is false where `expect` did not hold; `current` is then what stands there.',
    params: z.object({ channel, key, ...data, ...mapPublishing }),
    result: mapPublished,
  },
  map_remove: {
    summary: 'Removes an entry of a map channel.',
    params: z.object({ channel, key, ...mapPublishing }),
    result: mapPublished,
  },
  map_state: {
    summary: "A page of a map channel's entries in key order; `cursor` '' on the last page.",
    params: z.object({ channel, cursor: z.string().max(4_096).optional(), limit: z.int().min(1).optional() }),
    result: z.object({ entries: z.array(publication), cursor: z.string(), ...position }),
  },
} as const;

export type ApiMethod = keyof typeof apiMethods;
export type ApiParams<M extends ApiMethod> = z.output<(typeof apiMethods)[M]['params']>;
export type ApiResult<M extends ApiMethod> = z.output<(typeof apiMethods)[M]['result']>;

/**
 * `POST /api/batch`: commands `{"publish": {…}}`, one method each; replies in their order, `{"publish": {…result}}` or
 * `{"error": {…}}`. With `parallel` they run at once, otherwise one after another; either way each is carried out.
 */
export const apiBatch = {
  summary: 'Several commands in one request.',
  params: z.object({
    commands: z.array(z.record(z.string(), z.unknown())).min(1),
    parallel: z.boolean().optional(),
  }),
  result: z.object({ replies: z.array(z.record(z.string(), z.unknown())) }),
} as const;
