/**
 * One message of the wire as the object that the readers of commands take: names from the schema, payloads carried apart and unread. A
 * value in a form that its field does not have becomes `MISTYPED`, which the readers refuse by name; only bytes that are no Protobuf throw.
 */
import { MISTYPED } from '../commands/fields.js';
import { Cursor, DELIMITED, Malformed, VARINT } from './cursor.js';
import { BytesPayload } from './payload.js';
import type { Field, Kind, Shape } from './schema.js';

const ENTRY_KEY: Field = { name: 'key', kind: 'text' };
/** As an assignment would make it. */
const PLAIN = { writable: true, enumerable: true, configurable: true };

export class BodyReader {
  readonly #cursor: Cursor;
  readonly #maxDepth: number;

  /** Messages nested deeper than `maxDepth` are refused. */
  constructor(cursor: Cursor, maxDepth: number) {
    this.#cursor = cursor;
    this.#maxDepth = maxDepth;
  }

  /** The message from where the cursor is to `end`. Throws `Malformed`. */
  read(end: number, shape: Shape, depth = 1): Record<string, unknown> {
    if (depth > this.#maxDepth) throw new Malformed(`command is nested deeper than ${this.#maxDepth}`);
    const cursor = this.#cursor;
    const body: Record<string, unknown> = {};
    while (cursor.at < end) {
      const tag = cursor.tag(end);
      const field = shape[tag >>> 3];
      const wireType = tag & 7;
      if (field === undefined) cursor.skip(wireType, end);
      else if (field.map) this.#entry(end, field, wireType, body, depth);
      else if (field.most !== undefined) this.#item(end, field, wireType, body, depth);
      else body[field.name] = this.#value(end, field, wireType, depth);
    }
    return body;
  }

  /** One of a list. One more than the list may hold is kept, so that its reader sees that it is too long; the rest is stepped over. */
  #item(end: number, field: Field, wireType: number, body: Record<string, unknown>, depth: number): void {
    const list = (body[field.name] ??= []) as unknown[];
    if (list.length > (field.most ?? 0)) this.#cursor.skip(wireType, end);
    else list.push(this.#value(end, field, wireType, depth));
  }

  /** One of a map. Without key it has the empty one, without value an empty value. */
  #entry(end: number, field: Field, wireType: number, body: Record<string, unknown>, depth: number): void {
    const cursor = this.#cursor;
    const { name } = field;
    if (wireType !== DELIMITED) {
      cursor.skip(wireType, end);
      body[name] = MISTYPED;
      return;
    }
    const last = cursor.endOfDelimited(end);
    let key: unknown = '';
    let value: unknown = field.kind === 'message' ? {} : '';
    while (cursor.at < last) {
      const tag = cursor.tag(last);
      if (tag >>> 3 === 1) key = this.#value(last, ENTRY_KEY, tag & 7, depth);
      else if (tag >>> 3 === 2) value = this.#value(last, field, tag & 7, depth);
      else cursor.skip(tag & 7, last);
    }
    const entries = (body[name] ??= {}) as Record<string, unknown> | typeof MISTYPED;
    if (typeof entries === 'symbol') return;
    if (typeof key !== 'string') body[name] = MISTYPED;
    // Assigning to this name would set the object's prototype instead.
    else if (key === '__proto__') Object.defineProperty(entries, key, { value, ...PLAIN });
    else entries[key] = value;
  }

  /** `MISTYPED` where the wire type is another than the field's; the value is stepped over. */
  #value(end: number, { kind, shape = [] }: Field, wireType: number, depth: number): unknown {
    const cursor = this.#cursor;
    if (wireType !== (isDelimited(kind) ? DELIMITED : VARINT)) {
      cursor.skip(wireType, end);
      return MISTYPED;
    }
    switch (kind) {
      case 'flag':
        return cursor.uint64(end) !== 0;
      case 'int32':
        return cursor.int32(end);
      case 'int64':
        return cursor.int64(end);
      case 'uint32':
      case 'uint64':
        return cursor.uint64(end);
      case 'text':
        return cursor.text(end);
      case 'payload':
        return this.#payload(end);
      case 'message':
        return this.read(cursor.endOfDelimited(end), shape, depth + 1);
    }
  }

  /** Nothing in it is nothing there, as this language has it. A JSON command is two levels around its payload. */
  #payload(end: number): BytesPayload | undefined {
    const bytes = this.#cursor.delimited(end);
    return bytes.length === 0 ? undefined : new BytesPayload(bytes, this.#maxDepth - 2);
  }
}

function isDelimited(kind: Kind): boolean {
  return kind === 'text' || kind === 'payload' || kind === 'message';
}
