import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../bytes.js';
import { createJsonCodec } from '../json/codec.js';
import type { ClientInfo, Payload, Publication, Reply, SubscribeResult } from '../model.js';
import { createProtobufCodec } from './codec.js';

const codec = createProtobufCodec();
const json = createJsonCodec();
const LIMITS = { maxCommands: 100, maxDepth: 64 };

/** The schema file, read by a library that knows nothing of our codec. */
const { root } = protobuf.parse(readFileSync(new URL('./wire.proto', import.meta.url), 'utf8'), {
  keepCase: true,
});
const ReplyType = root.lookupType('trunkline.wire.Reply');
const CommandType = root.lookupType('trunkline.wire.Command');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const encode = (type: protobuf.Type, message: object): Uint8Array => type.encodeDelimited(message).finish();

const word = fc.string({ unit: 'binary', maxLength: 40 });
const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
const jsonText = fc.json({ maxDepth: 3 }).map((text) => JSON.stringify(JSON.parse(text)));
const payload: fc.Arbitrary<Payload> = fc.oneof(jsonText, fc.uint8Array({ minLength: 1, maxLength: 300 }));
const info = fc.record(
  { user: word, client: word, connInfo: payload, chanInfo: payload },
  { requiredKeys: ['user', 'client'] },
) as fc.Arbitrary<ClientInfo>;
const publication = fc.record(
  {
    offset: fc.maxSafeNat(),
    data: payload,
    info,
    tags: fc.dictionary(word, word, { maxKeys: 3, noNullPrototype: true }),
    key: name,
    removed: fc.boolean(),
    timeMs: fc.integer({ min: 1, max: 4_000_000_000_000 }),
    form: fc.constantFrom('full' as const, 'delta' as const),
  },
  { requiredKeys: ['offset', 'data'] },
) as fc.Arbitrary<Publication>;

/** What the schema makes of the model: zero is absent, payloads are bytes. */
const bytesOf = (value: Payload): Uint8Array => (typeof value === 'string' ? utf8(value) : value);
const given = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== undefined && value !== 0 && value !== '' && value !== false,
    ),
  );
const infoMessage = ({ user, client, connInfo, chanInfo }: ClientInfo): object =>
  given({ user, client, conn_info: connInfo && bytesOf(connInfo), chan_info: chanInfo && bytesOf(chanInfo) });
const publicationMessage = ({ offset, data, info, tags, key, removed, timeMs, form }: Publication): object =>
  given({
    data: removed && data === 'null' ? undefined : bytesOf(data),
    info: info && infoMessage(info),
    offset,
    tags,
    delta: form === 'delta',
    time: timeMs,
    key,
    removed,
  });

describe('outbound documents', () => {
  it('[WIRE-40] a publication is what the schema makes of it, byte for byte', () => {
    fc.assert(
      fc.property(name, publication, (channel, sent) => {
        const expected = encode(ReplyType, { push: { channel, pub: publicationMessage(sent) } });
        expect(hex(codec.encodePublication(channel, sent).bytes)).toBe(hex(expected));
      }),
      { numRuns: 500 },
    );
  });

  it('[WIRE-40] replies are what the schema makes of them', () => {
    const result = fc.record({
      kind: fc.constant('subscribe' as const),
      type: fc.constantFrom('stream' as const, 'map' as const, 'map_clients' as const, 'map_users' as const),
      recoverable: fc.boolean(),
      positioned: fc.boolean(),
      position: fc.record({ epoch: word, offset: fc.maxSafeNat() }),
      publications: fc.array(publication, { maxLength: 3 }),
      wasRecovering: fc.boolean(),
      recovered: fc.boolean(),
      phase: fc.constantFrom('live' as const, 'stream' as const, 'state' as const),
      cursor: word,
      state: fc.array(publication, { maxLength: 3 }),
      publishDebounceMs: fc.nat(100_000),
      delta: fc.boolean(),
      ttlSeconds: fc.nat(1_000_000),
    }) as fc.Arbitrary<SubscribeResult>;
    const message = (sub: SubscribeResult): object =>
      given({
        expires: true,
        ttl: sub.ttlSeconds,
        recoverable: sub.recoverable,
        epoch: sub.position.epoch,
        publications: sub.publications.map(publicationMessage),
        recovered: sub.recovered,
        offset: sub.position.offset,
        positioned: sub.positioned,
        was_recovering: sub.wasRecovering,
        delta: sub.delta,
        type: ['stream', 'map', 'map_clients', 'map_users'].indexOf(sub.type),
        phase: ['live', 'stream', 'state'].indexOf(sub.phase),
        cursor: sub.cursor,
        state: sub.state.map(publicationMessage),
        publish_debounce: sub.publishDebounceMs,
      });
    const id = fc.integer({ min: 1, max: 4_294_967_295 });
    fc.assert(
      fc.property(
        id,
        fc.uniqueArray(fc.tuple(name, result), { selector: ([key]) => key, maxLength: 3 }),
        (at, subs) => {
          const connect = { client: 'c', version: 'v', pingSeconds: 25, pong: true, session: '', node: 'n' };
          const reply: Reply = {
            id: at,
            outcome: { result: { kind: 'connect', ...connect, subs: new Map(subs), extensions: [] } },
          };
          const expected = encode(ReplyType, {
            id: at,
            connect: {
              ...{ client: 'c', version: 'v', ping: 25, pong: true, node: 'n' },
              subs: Object.fromEntries(subs.map(([key, sub]) => [key, message(sub)])),
            },
          });
          // Numbers as names would be put in order by the object.
          if (subs.some(([key]) => /^\d/.test(key) || key === '__proto__')) return;
          expect(hex(codec.encodeReply(reply).bytes)).toBe(hex(expected));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('[WIRE-42] text and bytes of any length are carried whole', () => {
    for (const length of [0, 1, 23, 24, 25, 127, 128, 2_047, 2_048, 16_383, 16_384, 70_000, 2_097_152]) {
      for (const data of ['x'.repeat(length), 'ž'.repeat(length), new Uint8Array(length).fill(7)]) {
        const { bytes } = codec.encodePublication('a', { offset: 1, data });
        const { push } = ReplyType.decodeDelimited(bytes) as unknown as {
          push: { pub: { data: Uint8Array } };
        };
        expect(Buffer.from(push.pub.data).equals(bytesOf(data))).toBe(true);
      }
    }
  });

  it('[WIRE-40] names that are not ASCII, and names like those of inherited properties', () => {
    const tags = JSON.parse('{"__proto__":"p","constructor":"č"}') as Record<string, string>;
    const { bytes } = codec.encodePublication('žluť', { offset: 1, data: '1', tags });
    expect(hex(bytes)).toContain(hex(utf8('\u0006žluť')).slice(2));
    expect(hex(bytes)).toContain(hex(utf8('\n\u0009__proto__\u0012\u0001p')));
    expect(hex(bytes)).toContain(hex(utf8('\n\u000bconstructor\u0012\u0002č')));
  });

  it('[WIRE-43] the keep-alive is an empty reply, and documents follow one another', () => {
    expect([codec.name, codec.binary, codec.envelope]).toEqual(['protobuf', true, undefined]);
    expect([...codec.ping.bytes]).toEqual([0]);
    const one = codec.encodePublication('a', { offset: 1, data: '1' });
    const two = codec.encodePublication('b', { offset: 2, data: '2' });
    expect(hex(codec.join([one, codec.ping, two]))).toBe(`${hex(one.bytes)}00${hex(two.bytes)}`);
  });

  it('[WIRE-43] a document is not changed by those after it', () => {
    const one = codec.encodePublication('a', { offset: 1, data: '"first"' });
    const before = hex(one.bytes);
    for (let turn = 0; turn < 100; turn++)
      codec.encodePublication('b', { offset: 2, data: 'x'.repeat(turn * 50) });
    expect(hex(one.bytes)).toBe(before);
  });

  it('[WIRE-43] a document that could not be written leaves nothing behind', () => {
    const broken = { offset: 1, data: '1', key: 7 as unknown as string };
    expect(() => codec.encodePublication('a', broken)).toThrow(TypeError);
    expect(hex(codec.encodeReply({ id: 1, outcome: { result: { kind: 'ping' } } }).bytes)).toBe('0408016200');
  });

  it('[WIRE-33] deltas are the bytes themselves', () => {
    const delta = new Uint8Array([0, 255, 1]);
    const { bytes } = codec.encodePublication('a', { offset: 2, data: delta, form: 'delta' });
    expect(ReplyType.decodeDelimited(bytes)).toMatchObject({ push: { pub: { delta: true } } });
    expect(hex(bytes)).toContain('220300ff01');
  });
});

/** Ids, names and payloads as a client may give them, in the JSON form; the same object is a Protobuf message once payloads are bytes. */
const wireId = fc.integer({ min: 1, max: 4_294_967_295 });
// The library cannot write entries of these names.
const entryName = name.filter((key) => key !== '__proto__');
const position = { epoch: word, offset: fc.maxSafeNat() };
const optional = { requiredKeys: [] };
const filter = fc.oneof(
  fc.record({ key: name, cmp: fc.constantFrom('eq', 'sw', 'gte'), val: word }),
  fc.record({ key: name, cmp: fc.constant('in'), vals: fc.array(word, { minLength: 1, maxLength: 3 }) }),
  fc.record({
    op: fc.constant('or'),
    nodes: fc.array(fc.record({ key: name, cmp: fc.constant('ex') }), { minLength: 1, maxLength: 3 }),
  }),
);
const body = fc.oneof(
  fc.record({
    connect: fc.record(
      {
        token: word,
        data: fc.jsonValue({ maxDepth: 2 }),
        name: word,
        headers: fc.dictionary(entryName, word, { maxKeys: 3, noNullPrototype: true }),
        subs: fc.dictionary(entryName, fc.record({ recover: fc.boolean(), ...position }), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      },
      optional,
    ),
  }),
  fc.record({
    subscribe: fc.record(
      {
        channel: name,
        token: word,
        recover: fc.boolean(),
        ...position,
        data: fc.jsonValue({ maxDepth: 2 }),
        positioned: fc.boolean(),
        recoverable: fc.boolean(),
        join_leave: fc.boolean(),
        delta: fc.constantFrom('', 'fossil'),
        tf: filter,
        flag: fc.integer({ min: -8, max: 8 }),
        type: fc.integer({ min: -1, max: 5 }),
        phase: fc.integer({ min: -1, max: 3 }),
        cursor: word,
        limit: fc.integer({ min: -3, max: 500 }),
      },
      { requiredKeys: ['channel'] },
    ),
  }),
  fc.record({
    publish: fc.record(
      {
        channel: name,
        data: fc.jsonValue({ maxDepth: 2 }),
        type: fc.nat(2),
        key: name,
        removed: fc.boolean(),
      },
      { requiredKeys: ['channel'] },
    ),
  }),
  fc.record({
    history: fc.record(
      {
        channel: name,
        limit: fc.integer({ min: -5, max: 99 }),
        since: fc.record(position),
        reverse: fc.boolean(),
      },
      { requiredKeys: ['channel'] },
    ),
  }),
  fc.record({
    rpc: fc.record(
      { method: fc.constantFrom('sum', 'tl.answer', 'ž'), data: fc.jsonValue({ maxDepth: 2 }) },
      optional,
    ),
  }),
  fc.record({ send: fc.record({ data: fc.jsonValue({ maxDepth: 2 }) }, optional) }),
  fc.record({ presence: fc.record({ channel: name }) }),
  fc.record({ presence_stats: fc.record({ channel: name }) }),
  fc.record({ unsubscribe: fc.record({ channel: name }) }),
  fc.record({ sub_refresh: fc.record({ channel: name, token: name }) }),
  fc.record({ refresh: fc.record({ token: name }) }),
  fc.constant({ ping: {} }),
);

/** The same command for the library: payloads as the bytes of their text, as they stand in the JSON form. */
function withBytes(command: object): object {
  return Object.fromEntries(
    Object.entries(command).map(([kind, its]: [string, unknown]) => [
      kind,
      typeof its === 'object' && its !== null && 'data' in its
        ? { ...its, data: utf8(JSON.stringify(its.data)) }
        : its,
    ]),
  );
}

describe('inbound commands', () => {
  it('[WIRE-40] are what the JSON codec makes of the same command, refusals and all', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(fc.array(fc.tuple(wireId, body), { minLength: 1, maxLength: 10 }), (commands) => {
        const lines = commands.map(([id, command]) => JSON.stringify({ id, ...command })).join('\n');
        const frame = Buffer.concat(
          commands.map(([id, command]) => encode(CommandType, { id, ...withBytes(command) })),
        );
        const decoded = codec.decode(frame, LIMITS);
        expect(decoded).toEqual(json.decode(lines, LIMITS));
        for (const item of decoded.items) kinds.add(item.kind);
      }),
      { numRuns: 600 },
    );
    // Both outcomes came about, and nearly every kind.
    expect(kinds).toContain('refused');
    expect(kinds.size).toBeGreaterThanOrEqual(12);
  });
});
