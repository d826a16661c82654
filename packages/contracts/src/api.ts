/**
 * The server HTTP API: what `POST /api/<method>` takes and answers. Names and shapes are those of the public HTTP API of the native
 * protocol's ecosystem, so that its server libraries work; ours are `namespaces`, `events`, `map_state`, `expect` and the
 * fields said so below. Unknown fields are ignored and `null` counts as not given, as on the wire. Everything happens inside the org of
 * the key (docs/spec/http-api.md). One source: validation, types, `/openapi.json` and its examples all come from here.
 */
import { z } from 'zod';

const channel = z
  .string()
  .min(1)
  .max(4_096)
  .describe('A channel name; its namespace is what stands before the first colon.');
const user = z.string().max(255).describe("All connections of this user; '' counts as not given.").optional();
const client = z
  .string()
  .max(255)
  .describe("The connection with this client id; '' counts as not given.")
  .optional();
const key = z.string().min(1).max(255).describe('The key of an entry.');
const offset = z.int().min(0).describe("A publication's number in its channel's history.");
const epoch = z.string().describe('Identity of the history; a new one voids old offsets.');
const empty = z.object({});
const position = { offset, epoch };
const count = z.int().min(0);
const numClients = z.object({ num_clients: count.describe('Connections that were met, on all nodes.') });
const tags = z.record(z.string(), z.string());
const unixMs = z.number().describe('Unix milliseconds.');

const nodeId = z.string().describe('The id of a node, `uid` of `info`.');
const incomplete = z
  .array(z.string())
  .describe('Nodes that did not answer in time, or not whole: what they hold is missing. Empty: nothing is.')
  .optional();

/** Exactly one of the two; `b64data` carries bytes. */
const data = {
  data: z.unknown().describe('Any JSON, `null` included. Exactly one of `data` and `b64data`.').optional(),
  b64data: z.string().describe("Bytes as base64; '' counts as not given.").optional(),
};

const publishing = {
  ...data,
  tags: tags.describe('Texts that travel beside the data; subscribers may filter by them.').optional(),
  idempotency_key: z
    .string()
    .max(255)
    .describe(
      "A repeat with the same key within `client.idempotencyTtl` changes nothing and gets the first call's position, whatever else it says. One key space per channel; '' counts as not given.",
    )
    .optional(),
};

const streamPublishing = {
  ...publishing,
  skip_history: z.boolean().describe('Delivered, but not kept and not numbered.').optional(),
  delta: z
    .boolean()
    .describe('Accepted for compatibility: deltas are made wherever a subscriber asked for them.')
    .optional(),
};

const mapPublishing = {
  tags: publishing.tags,
  idempotency_key: publishing.idempotency_key,
  expect: z
    .union([z.literal('absent'), offset])
    .describe(
      'Compare-and-set: only if there is no entry, or only if the entry was last written by this offset.',
    )
    .optional(),
};

/** Who: a user's connections, one connection, or both (that connection, if it is the user's). */
const target = { user, client };

const clientInfo = z
  .object({
    client: z.string(),
    user: z.string(),
    conn_info: z.unknown().describe("The connection's own information, from its token.").optional(),
    chan_info: z.unknown().describe("The subscription's, from its token or the server.").optional(),
  })
  .meta({ id: 'ClientInfo' });

const publication = z
  .object({
    ...data,
    offset: offset.optional(),
    tags: tags.optional(),
    info: clientInfo.describe('Who published, where a client did.').optional(),
    time: unixMs.optional(),
    key: z.string().describe('Map channels: the entry.').optional(),
    removed: z.boolean().describe('Map channels: the entry was removed.').optional(),
  })
  .meta({ id: 'Publication' });

/** The body of every refusal. */
export const apiError = z
  .object({ code: z.int().describe('A number of the error table.'), message: z.string() })
  .meta({ id: 'Error' });

const published = z.object(position).describe('Offset 0 where nothing is kept.').meta({ id: 'Published' });
const mapPublished = z
  .object({
    ...position,
    applied: z.boolean().describe('False where `expect` did not hold; nothing was written then.'),
    current: publication.describe('What stands there instead.').optional(),
  })
  .meta({ id: 'MapPublished' });

const connection = z
  .object({
    user: z.string(),
    node: nodeId.describe('The node that holds it.').optional(),
    app_name: z.string(),
    app_version: z.string(),
    transport: z.string(),
    protocol: z.string(),
    remote_address: z.string(),
    connected_at: unixMs,
    connected_at_ms: unixMs,
    outbox_messages: count,
    outbox_bytes: count,
    state: z.object({
      channels: z.record(
        z.string(),
        z.object({
          ...position,
          delivery: z.string().describe('`flowing`, or why not: `cut`, `conflating`, `gapping`.'),
          dropped: count,
        }),
      ),
    }),
  })
  .meta({ id: 'Connection' });

const node = z
  .object({
    uid: z.string(),
    name: z.string(),
    version: z.string(),
    num_clients: count,
    num_users: count,
    num_subs: count,
    num_channels: count,
    uptime: count.describe('Seconds.'),
  })
  .meta({ id: 'Node' });

/** Every option travels, in snake case; those that all nodes of this version have are named. */
const namespace = z
  .looseObject({
    name: z.string().describe("'': channels without a colon. `*`: every namespace that is not listed."),
    type: z.string(),
    class: z
      .string()
      .describe('Who numbers publications: `live` the broker, `durable` the store, `local` a module.'),
    history_size: count,
    history_ttl_ms: z.number(),
    overflow: z
      .string()
      .describe('What happens to a reader that falls behind: `recover`, `latest` or `gap`.'),
    max_subscribers: count.describe('Absent: no limit.').optional(),
  })
  .meta({ id: 'Namespace' });

const EVENT_KINDS = [
  'subscribeRefused',
  'recovered',
  'unrecovered',
  'overflow',
  'cut',
  'unsubscribed',
  'disconnected',
] as const;

/** The fields that every kind has are named; what else a kind says travels beside them. */
const event = z
  .looseObject({
    node: nodeId.describe('Where it happened.').optional(),
    seq: count.describe(
      'Grows by one per event of the org at its node; a jump means that older ones were overwritten.',
    ),
    time: unixMs,
    kind: z.string().describe(`One of ${EVENT_KINDS.join(', ')}.`),
    client: z.string(),
    user: z.string(),
    channel: z.string().describe('Absent where the whole connection is meant.').optional(),
    code: z.int().describe('A number of the code tables.').optional(),
  })
  .meta({ id: 'Event' });

const CHANNEL = 'chat:1';
const MAP = 'map:board';
const WRITTEN = { offset: 1, epoch: 'xTmY' };

export const apiMethods = {
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

export type ApiMethod = keyof typeof apiMethods;
export type ApiParams<M extends ApiMethod> = z.output<(typeof apiMethods)[M]['params']>;
export type ApiResult<M extends ApiMethod> = z.output<(typeof apiMethods)[M]['result']>;

/** Names under which server libraries know some methods. Scopes of keys name the method, never the alias. */
export const apiAliases: Readonly<Record<string, ApiMethod>> = { map_read_state: 'map_state' };

const NOT_FOR_TARGETS = ['session', 'label_filter', 'all_users'];
const NOT_FOR_PUBLISHING = ['version', 'version_epoch'];

/**
 * Fields of the public API that change what a call does and that this server does not carry out. Given with a value, the call is refused
 * (108): doing half of what was asked would be worse than saying so.
 */
export const apiUnavailable: Readonly<Partial<Record<ApiMethod, readonly string[]>>> = {
  publish: NOT_FOR_PUBLISHING,
  broadcast: NOT_FOR_PUBLISHING,
  map_publish: [...NOT_FOR_PUBLISHING, 'stream_data', 'b64stream_data', 'score', 'key_mode'],
  map_state: ['key', 'revision_offset', 'revision_epoch'],
  subscribe: [...NOT_FOR_TARGETS, 'b64info', 'b64data', 'recover_since', 'override'],
  unsubscribe: NOT_FOR_TARGETS,
  disconnect: NOT_FOR_TARGETS,
  refresh: [...NOT_FOR_TARGETS, 'info'],
  connections: ['expression', 'label_filter'],
};

/**
 * `POST /api/batch`: commands `{"publish": {…}}`, one method each; replies in their order, `{"publish": {…result}}` or
 * `{"error": {…}}`. With `parallel` they run at once, otherwise one after another; either way each is carried out.
 */
export const apiBatch = {
  tag: 'Publishing',
  summary: 'Several commands in one request.',
  params: z.object({
    commands: z
      .array(z.record(z.string(), z.unknown()))
      .min(1)
      .describe('Each with one method: `{"publish": {…}}`. No batch inside.'),
    parallel: z.boolean().describe('All at once instead of one after another.').optional(),
  }),
  result: z.object({
    replies: z
      .array(z.record(z.string(), z.unknown()))
      .describe('In the order of the commands: `{"publish": {…result}}` or `{"error": {…}}`.'),
  }),
  example: {
    params: {
      commands: [
        { publish: { channel: CHANNEL, data: { text: 'one' }, idempotency_key: 'message-18' } },
        { presence_stats: { channel: CHANNEL } },
      ],
    },
    result: { replies: [{ publish: WRITTEN }, { presence_stats: { num_clients: 2, num_users: 1 } }] },
  },
} as const;
