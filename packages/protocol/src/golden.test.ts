/**
 * Golden frames: every file of packages/protocol/fixtures, on both codecs. A case has its JSON, its Protobuf in hexadecimal (with the length
 * before it) and the model. What wire.proto says of the same bytes, read by a library that knows nothing of ours, is held against both.
 */
import { readdirSync, readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from './bytes.js';
import type { Codec } from './codec.js';
import { createJsonCodec } from './json/codec.js';
import type { Publication, Push, Reply } from './model.js';
import { createProtobufCodec } from './protobuf/codec.js';

interface Case {
  readonly title: string;
  readonly json?: string;
  readonly hex: string;
  readonly model: unknown;
}
interface Golden {
  readonly direction: 'command' | 'reply' | 'push';
  readonly cases: readonly Case[];
}

const FOLDER = new URL('../fixtures/', import.meta.url);
const LIMITS = { maxCommands: 10, maxDepth: 64 };
const json = createJsonCodec();
const binary = createProtobufCodec();

const schema = readFileSync(new URL('./protobuf/wire.proto', import.meta.url), 'utf8');
const { root } = protobuf.parse(schema, { keepCase: true });

/** Fixtures are JSON: maps are `{"$map": [[key, value]]}`, bytes `{"$bytes": [0, 1]}`. */
function revive(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$map' in value) return new Map(value.$map as [string, unknown][]);
  if ('$bytes' in value) return new Uint8Array(value.$bytes as number[]);
  return value;
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const all = files.map((file) => ({
  file,
  ...(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'), revive) as Golden),
}));

/** Every kind has a file; a new kind without one fails here. */
const EXPECTED_FILES = [
  ...['connect', 'subscribe', 'unsubscribe', 'publish', 'presence', 'presence-stats', 'history', 'ping'],
  ...['pong', 'send', 'rpc', 'answer', 'refresh', 'sub-refresh', 'refused'],
].map((kind) => `command-${kind}.json`);

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

function encode(codec: Codec, direction: 'reply' | 'push', model: unknown): Uint8Array {
  const encoded = direction === 'reply' ? codec.encodeReply(model as Reply) : codec.encodePush(model as Push);
  return (encoded as NonNullable<typeof encoded>).bytes;
}

/** A message as wire.proto reads it, as the object that the JSON form is: payloads parsed, zeros left out. */
function asJsonForm(type: protobuf.Type, message: unknown): Record<string, unknown> {
  const form: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(message as Record<string, unknown>)) {
    const field = type.fields[name]?.resolve() as protobuf.Field;
    const one = (item: unknown): unknown =>
      field.resolvedType instanceof protobuf.Type
        ? asJsonForm(field.resolvedType, item)
        : field.type === 'bytes'
          ? JSON.parse(Buffer.from(item as Uint8Array).toString())
          : typeof item === 'object'
            ? Number(item)
            : item;
    if (field.repeated) form[name] = (value as unknown[]).map(one);
    else if (field instanceof protobuf.MapField)
      form[name] = Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, one(item)]));
    else form[name] = one(value);
  }
  return form;
}

/** The JSON form without the zeros that only JSON tells. */
function withoutZeros(value: unknown, name = ''): unknown {
  if (typeof value !== 'object' || value === null || name === 'data' || name.endsWith('_info')) return value;
  if (Array.isArray(value)) return value.map((item) => withoutZeros(item));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => key === 'data' || (item !== 0 && item !== '' && !isEmpty(key, item)))
      .map(([key, item]) => [key, withoutZeros(item, key)]),
  );
}
/** An empty list or map; an empty message is something that is there. */
const isEmpty = (key: string, item: unknown): boolean =>
  Array.isArray(item)
    ? item.length === 0
    : ['presence', 'headers', 'subs', 'tags'].includes(key) && Object.keys(item as object).length === 0;

/** Payloads that are no JSON, or stand in the JSON form as something else than what Protobuf carries. */
function isPlain(model: unknown): boolean {
  if (model instanceof Uint8Array) return false;
  if (typeof model !== 'object' || model === null) return true;
  const { form } = model as Partial<Publication>;
  if (form !== undefined) return false;
  return [...(model instanceof Map ? model.values() : Object.values(model))].every(isPlain);
}

describe('golden frames', () => {
  it('[WIRE-30] there is a file for each kind of command', () => {
    expect(files.filter((name) => name.startsWith('command-')).sort()).toEqual([...EXPECTED_FILES].sort());
  });

  it('[WIRE-30] every case has both forms, except what one wire cannot say', () => {
    const oneSided = all.flatMap(({ file, cases }) =>
      cases.filter((one) => one.json === undefined).map(({ title }) => `${file}: ${title}`),
    );
    expect(oneSided).toEqual([
      'command-publish.json: JSON text as its publisher wrote it',
      'command-publish.json: bytes that are not JSON',
      'command-publish.json: bytes that are not UTF-8',
      'command-refused.json: answer that is not JSON',
      'command-refused.json: payload that is a number',
      'command-refused.json: empty data is none',
      'command-rpc.json: bytes',
    ]);
    for (const { cases } of all)
      for (const { hex } of cases) expect(hex.length % 2 === 0 && /^[0-9a-f]+$/.test(hex)).toBe(true);
  });

  for (const { file, direction, cases } of all) {
    for (const { title, json: text, hex, model } of cases) {
      it(`[WIRE-30] ${file}: ${title}`, () => {
        if (direction === 'command') {
          expect(binary.decode(bytesOf(hex), LIMITS)).toEqual({ items: [model] });
          expect(binary.decode(bytesOf(hex + hex), LIMITS)).toEqual({ items: [model, model] });
          if (text === undefined) return;
          expect(json.decode(text, LIMITS)).toEqual({ items: [model] });
          expect(json.decode(new TextEncoder().encode(`${text}\n`), LIMITS)).toEqual({ items: [model] });
          return;
        }
        expect(Buffer.from(encode(binary, direction, model)).toString('hex')).toBe(hex);
        const written = fromUtf8(encode(json, direction, model));
        expect(written).toBe(text);
        expect(JSON.parse(written)).toBeTypeOf('object');
        expect(written).not.toMatch(/[\r\n]/);
      });
    }
  }
});

describe('the schema file', () => {
  const Message = { command: 'Command', reply: 'Reply', push: 'Reply' };

  for (const { file, direction, cases } of all) {
    for (const { title, json: text, hex, model } of cases) {
      it(`[WIRE-40] ${file}: ${title}`, () => {
        const type = root.lookupType(`trunkline.wire.${Message[direction]}`);
        const refused = (model as { kind?: string }).kind === 'refused';
        let message: protobuf.Message;
        try {
          message = type.decodeDelimited(bytesOf(hex));
        } catch (error) {
          // The library throws where we refuse: on wire types and text that are not the field's.
          expect(refused, String(error)).toBe(true);
          return;
        }
        if (direction !== 'command')
          expect(Buffer.from(type.encodeDelimited(message).finish()).toString('hex')).toBe(hex);
        if (refused || text === undefined || !isPlain(model)) return;
        expect(withoutZeros(asJsonForm(type, message))).toEqual(
          withoutZeros(withoutUnknown(type, JSON.parse(text))),
        );
      });
    }
  }
});

/** What the schema knows of a JSON form. */
function withoutUnknown(type: protobuf.Type, value: unknown): Record<string, unknown> {
  const known = Object.entries(value as object).filter(([name]) => name in type.fields);
  return Object.fromEntries(
    known.map(([name, item]: [string, unknown]) => {
      const field = type.fields[name]?.resolve();
      const nested = field?.resolvedType instanceof protobuf.Type && !field.repeated && !field.map;
      return [name, nested ? withoutUnknown(field.resolvedType as protobuf.Type, item) : item];
    }),
  );
}
