/**
 * Commands and replies of the native wire by hand, in either codec, written and read as the objects of its JSON form. The Protobuf side is
 * driven by the schema file, not by the product's codec.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

/** One document from the server: a reply (`id`), a push (`push`) or a ping (empty). */
export type Document = Readonly<Record<string, unknown>> & {
  readonly id?: number;
  readonly error?: { readonly code: number; readonly message: string; readonly temporary?: boolean };
  readonly push?: Readonly<Record<string, unknown>> & {
    readonly channel?: string;
    readonly pub?: { readonly data: unknown; readonly offset?: number };
  };
};

export interface RawCodec {
  /** Commands as one frame. */
  encode(commands: readonly object[]): string | Uint8Array;
  readonly pong: string | Uint8Array;
  /** The documents of a whole frame. */
  decode(frame: Uint8Array): readonly Document[];
  /** For streams: takes what arrived and returns the documents that are whole by now; keeps the rest. */
  reader(): (chunk: Uint8Array) => readonly Document[];
}

function toDocuments(lines: readonly string[]): Document[] {
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Document);
}

/** Lines of a stream of UTF-8, as they become whole. */
export function lineReader(): (chunk: Uint8Array) => readonly string[] {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  return (chunk) => {
    const [head = '', ...tail] = decoder.decode(chunk, { stream: true }).split('\n');
    const last = tail.pop();
    if (last === undefined) {
      rest.push(head);
      return [];
    }
    const lines = [[...rest, head].join(''), ...tail];
    rest = [last];
    return lines;
  };
}

export const jsonCodec: RawCodec = {
  encode: (commands) => commands.map((command) => JSON.stringify(command)).join('\n'),
  pong: '{}',
  decode: (frame) => toDocuments(Buffer.from(frame).toString().split('\n')),
  reader() {
    const lines = lineReader();
    return (chunk) => toDocuments(lines(chunk));
  },
};

let schema: { readonly command: protobuf.Type; readonly reply: protobuf.Type } | undefined;

/** Read when first needed: most tests speak JSON. */
function types(): NonNullable<typeof schema> {
  if (schema) return schema;
  const file = new URL('../../packages/protocol/src/protobuf/wire.proto', import.meta.url);
  const { root } = protobuf.parse(readFileSync(file, 'utf8'), { keepCase: true });
  return (schema = {
    command: root.lookupType('trunkline.wire.Command'),
    reply: root.lookupType('trunkline.wire.Reply'),
  });
}

export const protobufCodec: RawCodec = {
  encode(commands) {
    const { command } = types();
    const writer = protobuf.Writer.create();
    for (const one of commands)
      command.encodeDelimited(command.fromObject(payloadsTo(one) as object), writer);
    return writer.finish();
  },
  pong: Uint8Array.of(0),
  decode: (frame) => protobufCodec.reader()(frame),
  reader() {
    let rest = Buffer.alloc(0);
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      const documents: Document[] = [];
      for (;;) {
        const size = delimitedSize(rest);
        if (size === undefined) return documents;
        const message = types().reply.decodeDelimited(rest.subarray(0, size));
        documents.push(payloadsFrom(types().reply.toObject(message, { longs: Number })) as Document);
        rest = rest.subarray(size);
      }
    };
  },
};

/** Bytes of the first document and its length, once they are all there. */
function delimitedSize(bytes: Uint8Array): number | undefined {
  let length = 0;
  for (let at = 0; at < Math.min(5, bytes.length); at++) {
    const byte = bytes[at] as number;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return at + 1 + length > bytes.length ? undefined : at + 1 + length;
  }
  return undefined;
}

const PAYLOADS = new Set(['data', 'conn_info', 'chan_info']);

function mapFields(value: unknown, payload: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapFields(item, payload));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      PAYLOADS.has(name) ? payload(inner) : mapFields(inner, payload),
    ]),
  );
}

/** Payloads as JSON text in bytes; bytes stay. */
function payloadsTo(value: unknown): unknown {
  return mapFields(value, (payload) =>
    payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload) ?? 'null'),
  );
}

/** Payloads that are JSON as values; others stay bytes. */
function payloadsFrom(value: unknown): unknown {
  return mapFields(value, (payload) => {
    try {
      return JSON.parse(Buffer.from(payload as Uint8Array).toString()) as unknown;
    } catch {
      return payload;
    }
  });
}
