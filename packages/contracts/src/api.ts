/**
 * The server HTTP API: what `POST /api/<method>` takes and answers. Names and shapes are those of the public HTTP API of the native
 * protocol's ecosystem, so that its server libraries work; ours are `namespaces`, `events`, `map_state`, `expect` and the
 * fields said so below. Unknown fields are ignored and `null` counts as not given, as on the wire. Everything happens inside the org of
 * the key (docs/spec/http-api.md). One source: validation, types, `/openapi.json` and its examples all come from here.
 */
import { z } from 'zod';
import { channelMethods } from './api-channels.js';
import { connectionMethods } from './api-connections.js';
import { nodeMethods } from './api-node.js';
import { CHANNEL, WRITTEN } from './api-shapes.js';

export { apiError } from './api-shapes.js';

export const apiMethods = { ...channelMethods, ...connectionMethods, ...nodeMethods } as const;

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
