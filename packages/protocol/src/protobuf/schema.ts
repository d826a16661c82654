/**
 * What a client may send, as tables: the fields of each message by number, with the name and kind that wire.proto gives them (a test
 * compares the two). Names are those of the JSON form, so that one set of readers serves both. Fields that are not in a table are skipped.
 */
import { FILTER_MAX_NODES, FILTER_MAX_VALUES } from '../commands/filter.js';

/** How a value is read. `payload` is bytes that may be JSON text. */
export type Kind = 'text' | 'payload' | 'flag' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'message';

export interface Field {
  readonly name: string;
  readonly kind: Kind;
  /** Of a `message`. */
  readonly shape?: Shape;
  /** A list of at most so many. Without it the last occurrence counts. */
  readonly most?: number;
  /** A map from text: every occurrence is an entry (key 1, value 2); `kind` and `shape` are the value's. */
  readonly map?: true;
}

/** A message: its fields by number. */
export type Shape = readonly (Field | undefined)[];

function shape(fields: Readonly<Record<number, Field>>): Shape {
  return Array.from(
    { length: Math.max(0, ...Object.keys(fields).map(Number)) + 1 },
    (_, number) => fields[number],
  );
}

const field = (name: string, kind: Kind): Field => ({ name, kind });
const message = (name: string, its: Shape): Field => ({ name, kind: 'message', shape: its });

const FILTER_NODE: (Field | undefined)[] = [
  ...shape({
    1: field('op', 'text'),
    2: field('key', 'text'),
    3: field('cmp', 'text'),
    4: field('val', 'text'),
    5: { ...field('vals', 'text'), most: FILTER_MAX_VALUES },
  }),
];
FILTER_NODE.push({ ...message('nodes', FILTER_NODE), most: FILTER_MAX_NODES });

const SUBSCRIBE = shape({
  1: field('channel', 'text'),
  2: field('token', 'text'),
  3: field('recover', 'flag'),
  6: field('epoch', 'text'),
  7: field('offset', 'uint64'),
  8: field('data', 'payload'),
  9: field('positioned', 'flag'),
  10: field('recoverable', 'flag'),
  11: field('join_leave', 'flag'),
  12: field('delta', 'text'),
  13: message('tf', FILTER_NODE),
  14: field('flag', 'int64'),
  15: field('type', 'int32'),
  16: field('phase', 'int32'),
  17: field('cursor', 'text'),
  18: field('limit', 'int32'),
});

const CONNECT = shape({
  1: field('token', 'text'),
  2: field('data', 'payload'),
  3: { ...message('subs', SUBSCRIBE), map: true },
  4: field('name', 'text'),
  5: field('version', 'text'),
  6: { ...field('headers', 'text'), map: true },
});

const PUBLISH = shape({
  1: field('channel', 'text'),
  2: field('data', 'payload'),
  3: field('type', 'int32'),
  4: field('key', 'text'),
  5: field('removed', 'flag'),
});

const HISTORY = shape({
  1: field('channel', 'text'),
  7: field('limit', 'int32'),
  8: message('since', shape({ 1: field('offset', 'uint64'), 2: field('epoch', 'text') })),
  9: field('reverse', 'flag'),
});

const CHANNEL = shape({ 1: field('channel', 'text') });

export const COMMAND: Shape = shape({
  1: field('id', 'uint32'),
  4: message('connect', CONNECT),
  5: message('subscribe', SUBSCRIBE),
  6: message('unsubscribe', CHANNEL),
  7: message('publish', PUBLISH),
  8: message('presence', CHANNEL),
  9: message('presence_stats', CHANNEL),
  10: message('history', HISTORY),
  11: message('ping', shape({})),
  12: message('send', shape({ 1: field('data', 'payload') })),
  13: message('rpc', shape({ 1: field('data', 'payload'), 2: field('method', 'text') })),
  14: message('refresh', shape({ 1: field('token', 'text') })),
  15: message(
    'sub_refresh',
    shape({ 1: field('channel', 'text'), 2: field('token', 'text'), 3: field('type', 'int32') }),
  ),
});
