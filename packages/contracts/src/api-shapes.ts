/** Shapes that methods of the HTTP API share, and what their examples are written with. */
import { z } from 'zod';
import { eventKind } from './node-events.js';

export const channel = z
  .string()
  .min(1)
  .max(4_096)
  .describe('A channel name; its namespace is what stands before the first colon.');
export const user = z
  .string()
  .max(255)
  .describe("All connections of this user; '' counts as not given.")
  .optional();
export const client = z
  .string()
  .max(255)
  .describe("The connection with this client id; '' counts as not given.")
  .optional();
export const key = z.string().min(1).max(255).describe('The key of an entry.');
export const offset = z.int().min(0).describe("A publication's number in its channel's history.");
export const epoch = z.string().describe('Identity of the history; a new one voids old offsets.');
export const empty = z.object({});
export const position = { offset, epoch };
export const count = z.int().min(0);
export const numClients = z.object({
  num_clients: count.describe('Connections that were met, on all nodes.'),
});
export const tags = z.record(z.string(), z.string());
const unixMs = z.number().describe('Unix milliseconds.');

export const nodeId = z.string().describe('The id of a node, `uid` of `info`.');
export const incomplete = z
  .array(z.string())
  .describe('Nodes that did not answer in time, or not whole: what they hold is missing. Empty: nothing is.')
  .optional();

/** Exactly one of the two; `b64data` carries bytes. */
export const data = {
  data: z.unknown().describe('Any JSON, `null` included. Exactly one of `data` and `b64data`.').optional(),
  b64data: z.string().describe("Bytes as base64; '' counts as not given.").optional(),
};

export const publishing = {
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

export const streamPublishing = {
  ...publishing,
  skip_history: z.boolean().describe('Delivered, but not kept and not numbered.').optional(),
  delta: z
    .boolean()
    .describe('Accepted for compatibility: deltas are made wherever a subscriber asked for them.')
    .optional(),
};

export const mapPublishing = {
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
export const target = { user, client };

export const clientInfo = z
  .object({
    client: z.string(),
    user: z.string(),
    conn_info: z.unknown().describe("The connection's own information, from its token.").optional(),
    chan_info: z.unknown().describe("The subscription's, from its token or the server.").optional(),
  })
  .meta({ id: 'ClientInfo' });

export const publication = z
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

export const published = z
  .object(position)
  .describe('Offset 0 where nothing is kept.')
  .meta({ id: 'Published' });
export const mapPublished = z
  .object({
    ...position,
    applied: z.boolean().describe('False where `expect` did not hold; nothing was written then.'),
    current: publication.describe('What stands there instead.').optional(),
  })
  .meta({ id: 'MapPublished' });

export const connection = z
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

export const node = z
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
export const namespace = z
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

export const EVENT_KINDS = eventKind.options;

/** The fields that every kind has are named; what else a kind says travels beside them. */
export const event = z
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

export const CHANNEL = 'chat:1';
export const MAP = 'map:board';
export const WRITTEN = { offset: 1, epoch: 'xTmY' };
