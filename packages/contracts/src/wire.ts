/**
 * The native wire in its JSON form, as schemas: every command, reply and push (docs/spec/wire.md, extensions.md). Servers do not validate
 * with these, their codec reads faster and names the field itself; the schemas are for `/asyncapi.json`, and every golden frame of
 * packages/protocol is tried on them. Fields that are zero, empty or false are left out of what the server sends.
 */
import { z } from 'zod';

const channel = z.string().describe('A channel name.');
const position = { epoch: z.string().optional(), offset: z.int().min(0).optional() };
const tags = z.record(z.string(), z.string());
const value = z.unknown();
const none = z.object({});
const id = z.int().min(1).max(4_294_967_295).describe('Chosen by the client, repeated in the reply.');

const filter = z
  .looseObject({
    op: z.enum(['', 'and', 'or', 'not']).optional(),
    key: z.string().optional(),
    cmp: z.string().describe('eq, neq, in, nin, ex, nex, sw, ew, ct, lt, lte, gt or gte.').optional(),
    val: z.string().optional(),
    vals: z.array(z.string()).optional(),
    nodes: z.array(z.unknown()).optional(),
  })
  .describe('A filter over tags: a leaf with `cmp`, or a branch with `op` and `nodes`.');

const clientInfo = z
  .object({ user: z.string(), client: z.string(), conn_info: value.optional(), chan_info: value.optional() })
  .meta({ id: 'ClientInfo' });

const publication = z
  .object({
    data: value
      .describe('With deltas a JSON string: the text of the payload, or that of the delta.')
      .optional(),
    offset: z.int().min(1).optional(),
    time: z.number().describe('Unix milliseconds.').optional(),
    tags: tags.optional(),
    key: z.string().describe('Map channels: the entry.').optional(),
    removed: z.boolean().optional(),
    info: clientInfo.optional(),
    delta: z.boolean().describe('`data` turns the payload before into this one.').optional(),
  })
  .meta({ id: 'Publication' });

const expiry = {
  expires: z.boolean().optional(),
  ttl: z.int().min(0).describe('Seconds until the credential must be refreshed.').optional(),
};

const subscribed = z
  .object({
    ...expiry,
    ...position,
    recoverable: z.boolean().optional(),
    publications: z.array(publication).optional(),
    recovered: z.boolean().optional(),
    positioned: z.boolean().optional(),
    data: value.describe('`{"tl": {…}, "data"?}` for clients with extensions.').optional(),
    was_recovering: z.boolean().optional(),
    delta: z.boolean().optional(),
    type: z.int().optional(),
    phase: z.int().optional(),
    cursor: z.string().optional(),
    state: z.array(publication).optional(),
    publish_debounce: z.int().optional(),
  })
  .meta({ id: 'Subscribed' });

interface CommandContract {
  readonly summary: string;
  /** What the client sends under the command's name. */
  readonly command: z.ZodType;
  /** What the reply holds under the same name; absent: no reply. */
  readonly reply?: z.ZodType;
}

export const wireCommands = {
  connect: {
    summary: 'The first command of a connection.',
    command: z.object({
      token: z.string().optional(),
      data: value.optional(),
      name: z.string().describe('Of the application, for operators.').optional(),
      version: z.string().optional(),
      headers: tags.describe('`trunkline-extensions` offers extensions, comma separated.').optional(),
      subs: z
        .record(z.string(), z.object({ recover: z.boolean().optional(), ...position }))
        .describe('Positions of server-side subscriptions.')
        .optional(),
    }),
    reply: z.object({
      client: z.string(),
      version: z.string().optional(),
      ...expiry,
      data: value.optional(),
      subs: z.record(z.string(), subscribed).optional(),
      ping: z.int().describe('Seconds between pings of the server; absent: none.').optional(),
      pong: z.boolean().describe('Whether the server waits for pongs.').optional(),
      session: z.string().optional(),
      node: z.string().optional(),
      time: z.number().optional(),
    }),
  },
  subscribe: {
    summary: 'Begins a subscription, or continues it from a position.',
    command: z.object({
      channel,
      token: z.string().optional(),
      recover: z.boolean().optional(),
      ...position,
      data: value.optional(),
      positioned: z.boolean().optional(),
      recoverable: z.boolean().optional(),
      join_leave: z.boolean().optional(),
      delta: z.string().describe('`fossil` asks for deltas.').optional(),
      tf: filter.optional(),
      flag: z.int().describe('Bit 2: error 112 instead of a subscription that did not recover.').optional(),
      type: z.int().min(0).max(3).describe('0 stream, 1 map, 2 clients, 3 users of a channel.').optional(),
      phase: z.int().min(0).max(2).describe('Of a map: 0 live, 1 stream, 2 state.').optional(),
      cursor: z.string().optional(),
      limit: z.int().optional(),
    }),
    reply: subscribed,
  },
  unsubscribe: { summary: 'Ends a subscription.', command: z.object({ channel }), reply: none },
  publish: {
    summary: 'Publishes into a channel, or writes an entry of a map.',
    command: z.object({
      channel,
      data: value.optional(),
      type: z.int().describe('1: to a map, with `key`.').optional(),
      key: z.string().optional(),
      removed: z.boolean().optional(),
    }),
    reply: none,
  },
  presence: {
    summary: 'Who is on a channel.',
    command: z.object({ channel }),
    reply: z.object({ presence: z.record(z.string(), clientInfo) }),
  },
  presence_stats: {
    summary: 'How many are on a channel.',
    command: z.object({ channel }),
    reply: z.object({ num_clients: z.int(), num_users: z.int() }),
  },
  history: {
    summary: 'Retained publications and the current position.',
    command: z.object({
      channel,
      limit: z.int().describe('0: the position only; below: as many as allowed.').optional(),
      since: z.object(position).optional(),
      reverse: z.boolean().optional(),
    }),
    reply: z.object({ publications: z.array(publication).optional(), ...position }),
  },
  rpc: {
    summary: 'Calls a method of the server.',
    command: z.object({ method: z.string().optional(), data: value.optional() }),
    reply: z.object({ data: value.optional() }),
  },
  send: { summary: 'A message without a reply.', command: z.object({ data: value }) },
  ping: { summary: 'Asks whether the server answers.', command: none, reply: none },
  refresh: {
    summary: 'A new connection token.',
    command: z.object({ token: z.string() }),
    reply: z.object({ client: z.string().optional(), version: z.string().optional(), ...expiry }),
  },
  sub_refresh: {
    summary: 'A new channel token.',
    command: z.object({ channel, token: z.string() }),
    reply: z.object(expiry),
  },
} as const satisfies Record<string, CommandContract>;

const ours = <S extends z.ZodType>(name: string, body: S) =>
  z.object({ data: z.object({ tl: z.object({ [name]: body }) }) });

interface PushContract {
  readonly summary: string;
  /** The field of the push that carries it. */
  readonly field: string;
  readonly body: z.ZodType;
  /** False: the push names no channel. */
  readonly inChannel: boolean;
}

export const wirePushes = {
  pub: { summary: 'A publication.', field: 'pub', body: publication, inChannel: true },
  join: { summary: 'Somebody came.', field: 'join', body: z.object({ info: clientInfo }), inChannel: true },
  leave: { summary: 'Somebody left.', field: 'leave', body: z.object({ info: clientInfo }), inChannel: true },
  unsubscribe: {
    summary: 'The server ended a subscription.',
    field: 'unsubscribe',
    body: z.object({ code: z.int(), reason: z.string() }),
    inChannel: true,
  },
  subscribe: {
    summary: 'The server began a subscription.',
    field: 'subscribe',
    body: z.object({
      recoverable: z.boolean().optional(),
      ...position,
      positioned: z.boolean().optional(),
      data: value.optional(),
    }),
    inChannel: true,
  },
  message: {
    summary: 'A message to the client.',
    field: 'message',
    body: z.object({ data: value }),
    inChannel: false,
  },
  refresh: { summary: 'The expiry changed.', field: 'refresh', body: z.object(expiry), inChannel: false },
  disconnect: {
    summary: 'The connection is about to be closed; on transports without close codes.',
    field: 'disconnect',
    body: z.object({ code: z.int(), reason: z.string(), reconnect: z.boolean().optional() }),
    inChannel: false,
  },
  gap: {
    summary: 'Extension `gap`: these offsets will not come.',
    field: 'message',
    body: ours(
      'gap',
      z.object({
        channel,
        epoch: z.string(),
        from: z.int(),
        to: z.int(),
        reason: z.enum(['overflow', 'conflated', 'filtered']),
      }),
    ),
    inChannel: false,
  },
  source: {
    summary: 'Extension `source`: the state of what feeds a channel changed.',
    field: 'message',
    body: ours(
      'source',
      z.object({
        channel,
        state: z.enum(['live', 'recovering', 'failed']),
        sinceMs: z.number().optional(),
        reason: z.string().optional(),
      }),
    ),
    inChannel: false,
  },
  drain: {
    summary: 'Extension `drain`: this node goes away; connect elsewhere within that time.',
    field: 'message',
    body: ours('drain', z.object({ withinMs: z.number() })),
    inChannel: false,
  },
  call: {
    summary: 'Extension `call`: the server calls the client, which answers with the RPC method `tl.answer`.',
    field: 'message',
    body: ours('call', z.object({ id: z.string(), method: z.string(), data: value })),
    inChannel: false,
  },
} as const satisfies Record<string, PushContract>;

export type WireCommand = keyof typeof wireCommands;
export type WirePush = keyof typeof wirePushes;

const wireError = z
  .object({ code: z.int(), message: z.string(), temporary: z.boolean().optional() })
  .meta({ id: 'Error' });

/** `{"id", "<command>": {…}}`; a command without a reply may do without an id. */
export function commandDocument(name: WireCommand): z.ZodType {
  const { command }: CommandContract = wireCommands[name];
  return z.object({ id: name === 'send' ? z.int().min(0).optional() : id, [name]: command });
}

/** Undefined for a command that is not answered. */
export function replyDocument(name: WireCommand): z.ZodType | undefined {
  const { reply }: CommandContract = wireCommands[name];
  return reply && z.object({ id, [name]: reply });
}

export const errorDocument = z.object({ id, error: wireError });

/** Ping of the server: the empty object. */
export const pingDocument = z.strictObject({});

/** The client's answer to it, likewise; libraries of other languages may send an id of zero. */
export const pongDocument = z.strictObject({ id: z.literal(0).optional() });

/** `{"push": {"channel"?, "<field>": {…}}}`. */
export function pushDocument(name: WirePush): z.ZodType {
  const { field, body, inChannel }: PushContract = wirePushes[name];
  return z.object({ push: z.object({ ...(inChannel ? { channel } : {}), [field]: body }) });
}
