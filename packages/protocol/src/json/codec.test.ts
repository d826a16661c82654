import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom, randomInt } from '@trunkline/base';
import { fromUtf8 } from '../bytes.js';
import type { Encoded } from '../codec.js';
import type { Publication } from '../model.js';
import { createJsonCodec } from './codec.js';

const codec = createJsonCodec();
const LIMITS = { maxCommands: 100, maxDepth: 64 };
const parse = ({ bytes }: Encoded): Record<string, unknown> =>
  JSON.parse(fromUtf8(bytes)) as Record<string, unknown>;

/** Any UTF-16 unit, lone surrogates and control characters included. */
const codeUnit = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
const name = fc.string({ unit: codeUnit, minLength: 1, maxLength: 12 });
const json = fc.json({ maxDepth: 3 }).map((text) => JSON.stringify(JSON.parse(text)));
const info = fc.record(
  { user: fc.string(), client: fc.string(), connInfo: json, chanInfo: json },
  { requiredKeys: ['user', 'client'] },
);
const publication: fc.Arbitrary<Publication> = fc.record(
  {
    offset: fc.maxSafeNat(),
    data: json,
    info,
    tags: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
    key: name,
    removed: fc.boolean(),
    timeMs: fc.integer({ min: 1, max: 4_000_000_000_000 }),
  },
  { requiredKeys: ['offset', 'data'] },
) as fc.Arbitrary<Publication>;

describe('outbound documents', () => {
  it('[WIRE-20] a publication comes back as it went, whatever is in it', () => {
    fc.assert(
      fc.property(name, publication, (channel, sent) => {
        const encoded = codec.encodePublication(channel, sent);
        expect(encoded.bytes.includes(0x0a)).toBe(false);
        const { channel: to, pub } = (
          parse(encoded) as { push: { channel: string; pub: Record<string, unknown> } }
        ).push;
        // Lone surrogates are written as escapes, so that even they survive.
        expect(to).toBe(channel);
        expect(pub['offset'] ?? 0).toBe(sent.offset);
        expect(pub['key']).toBe(sent.key);
        expect(pub['time']).toBe(sent.timeMs);
        expect(pub['removed'] ?? false).toBe(sent.removed ?? false);
        expect(pub['tags'] ?? {}).toEqual({ ...sent.tags });
        expect(JSON.stringify(pub['data'] ?? null)).toBe(sent.data);
        const wireInfo = pub['info'] as Record<string, unknown> | undefined;
        expect(wireInfo?.['user']).toBe(sent.info?.user);
        expect(wireInfo && 'conn_info' in wireInfo ? JSON.stringify(wireInfo['conn_info']) : undefined).toBe(
          sent.info?.connInfo,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('[WIRE-20] payloads that are JSON text are inserted as they are', () => {
    const data = '{"big":12345678901234567890,"n":1.0,"a":1e400}';
    expect(fromUtf8(codec.encodePublication('a', { offset: 1, data }).bytes)).toBe(
      `{"push":{"channel":"a","pub":{"data":${data},"offset":1}}}`,
    );
  });

  it('[WIRE-21] bytes become a string of base64', () => {
    const { push } = parse(
      codec.encodePublication('a', { offset: 1, data: new Uint8Array([0, 1, 254, 255]).subarray(1) }),
    ) as { push: { pub: { data: string } } };
    expect(Buffer.from(push.pub.data, 'base64')).toEqual(Buffer.from([1, 254, 255]));
  });

  it('[WIRE-20] raw line breaks of a payload become spaces, so that documents stay on their lines', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(1, '\t', '\r\n'), (value, space) => {
        const data = JSON.stringify(value, null, 1).replaceAll('\n', String(space === 1 ? '\n' : space));
        const { bytes } = codec.encodePublication('a', { offset: 1, data });
        expect(fromUtf8(bytes)).not.toMatch(/[\r\n]/);
        expect((parse({ bytes } as Encoded) as { push: { pub: { data: unknown } } }).push.pub.data).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });

  it('[WIRE-32] a delta that is not text has no form here', () => {
    const delta = { offset: 2, data: new Uint8Array([0x31, 0xff]), form: 'delta' as const };
    expect(() => codec.encodePublication('a', delta)).toThrow(TypeError);
  });

  it('[WIRE-22] zero is silence, except where silence would be read as something else', () => {
    const outcome = { result: { kind: 'presenceStats' as const, numClients: 0, numUsers: 0 } };
    expect(parse(codec.encodeReply({ id: 1, outcome }))).toEqual({
      id: 1,
      presence_stats: { num_clients: 0, num_users: 0 },
    });
    expect(
      parse(codec.encodePublication('a', { offset: 0, data: 'null', tags: {}, key: '', timeMs: 0 })),
    ).toEqual({
      push: { channel: 'a', pub: { data: null } },
    });
  });

  it('[WIRE-23] an error is temporary only where a retry helps', () => {
    const reply = (temporary: boolean): unknown =>
      parse(
        codec.encodeReply({ id: 4_294_967_295, outcome: { error: { code: 100, message: 'm', temporary } } }),
      );
    expect(reply(true)).toEqual({ id: 4_294_967_295, error: { code: 100, message: 'm', temporary: true } });
    expect(reply(false)).toEqual({ id: 4_294_967_295, error: { code: 100, message: 'm' } });
  });

  it('[WIRE-24] the keep-alive is the empty object', () => {
    expect(fromUtf8(codec.ping.bytes)).toBe('{}');
    expect([codec.name, codec.binary, codec.envelope]).toEqual(['json', false, undefined]);
  });

  it('[WIRE-25] documents are joined by line breaks', () => {
    const publications = ['1', '"ž"', '[]'].map((data) => codec.encodePublication('a', { offset: 0, data }));
    const lines = fromUtf8(codec.join([...publications, codec.ping])).split('\n');
    expect(lines).toEqual([...publications, codec.ping].map(({ bytes }) => fromUtf8(bytes)));
  });

  it('[WIRE-25] a publication push and its shared body are the same document', () => {
    const push = {
      kind: 'publication' as const,
      subId: 'a',
      channel: 'a',
      publication: { offset: 3, data: '{}' },
    };
    expect(codec.encodePush(push)?.bytes).toEqual(codec.encodePublication('a', push.publication).bytes);
  });
});

const wireId = fc.integer({ min: 1, max: 4_294_967_295 });
const position = fc.record({ epoch: fc.string(), offset: fc.maxSafeNat() });

describe('round trip of commands', () => {
  it('[WIRE-11] what a client writes is what is read', () => {
    const command = fc.oneof(
      fc.record({ id: wireId, channel: fc.string(), data: json }).map(({ id, channel, data }) => ({
        wire: { id, publish: { channel, data: JSON.parse(data) as unknown } },
        model: { kind: 'publish', id, channel, data },
      })),
      fc
        .record({ id: wireId, method: fc.string().filter((method) => method !== 'tl.answer'), data: json })
        .map(({ id, method, data }) => ({
          wire: { id, rpc: { method, data: JSON.parse(data) as unknown } },
          model: { kind: 'rpc', id, method, data },
        })),
      fc
        .record({
          id: wireId,
          channel: fc.string(),
          limit: fc.integer({ min: -5, max: 9_999 }),
          since: position,
          reverse: fc.boolean(),
        })
        .map((history) => {
          const { id, ...rest } = history;
          return { wire: { id, history: rest }, model: { kind: 'history', id, ...rest } };
        }),
      fc
        .record({ id: wireId, channel: fc.string(), recover: position, token: fc.string() })
        .map(({ id, channel, recover, token }) => ({
          wire: { id, subscribe: { channel, token, recover: true, ...recover } },
          model: {
            kind: 'subscribe',
            id,
            subId: channel,
            channel,
            token,
            recover,
            phase: 'live',
            type: 'stream',
          },
        })),
    );
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 20 }), (commands) => {
        const { items, fatal } = codec.decode(
          commands.map(({ wire }) => JSON.stringify(wire)).join('\n'),
          LIMITS,
        );
        expect(fatal).toBeUndefined();
        expect(items).toHaveLength(commands.length);
        for (const [index, { model }] of commands.entries()) expect(items[index]).toMatchObject(model);
      }),
      { numRuns: 200 },
    );
  });
});

/** Never throws; what it returns is well formed. */
function probe(frame: string | Uint8Array): void {
  const { items, fatal } = codec.decode(frame, LIMITS);
  expect(items.length).toBeLessThanOrEqual(LIMITS.maxCommands);
  for (const item of items) {
    expect(Number.isInteger(item.id) && item.id >= 0).toBe(true);
    if (item.kind === 'refused') expect([100, 104, 107, 108]).toContain(item.error.code);
    if (item.kind === 'refused') expect(item.error.code).not.toBe(100);
  }
  if (fatal) expect([fatal.code, fatal.reason.length <= 123]).toEqual([3501, true]);
  expect(items.length > 0 || fatal !== undefined).toBe(true);
}

describe('hostile frames', () => {
  it('[WIRE-29] any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), probe), { numRuns: 2_000 });
  });

  it('[WIRE-29] any text, and any JSON in any place', () => {
    fc.assert(fc.property(fc.string({ unit: codeUnit, maxLength: 200 }), probe), { numRuns: 1_000 });
    const kind = fc.constantFrom(
      'connect',
      'subscribe',
      'publish',
      'history',
      'rpc',
      'send',
      'refresh',
      'sub_refresh',
      'presence',
      'ping',
      'x',
    );
    const field = fc.constantFrom(
      'channel',
      'data',
      'token',
      'offset',
      'epoch',
      'tf',
      'type',
      'phase',
      'flag',
      'subs',
      'headers',
      'since',
      'key',
      'method',
      '__proto__',
    );
    const body = fc.dictionary(field, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
    const command = fc.record({
      id: fc.oneof(wireId, fc.jsonValue({ maxDepth: 1 })),
      kind,
      body: fc.oneof(body, fc.jsonValue({ maxDepth: 2 })),
    });
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 5 }), (commands) => {
        probe(commands.map((given) => JSON.stringify({ id: given.id, [given.kind]: given.body })).join('\n'));
      }),
      { numRuns: 1_500 },
    );
  });

  it('[WIRE-29] 20,000 valid frames with bytes changed, cut, doubled or moved', () => {
    const seeds = [
      '{"id":1,"connect":{"token":"t","data":{"a":[1,null]},"name":"js","headers":{"x":"y"},"subs":{"news":{"recover":true,"offset":7,"epoch":"e"}}}}',
      '{"id":2,"subscribe":{"channel":"news","recover":true,"epoch":"e","offset":12,"flag":3,"tf":{"op":"and","nodes":[{"key":"k","cmp":"in","vals":["a"]}]}}}',
      '{"id":4,"publish":{"channel":"rows","type":1,"key":"k1","data":[1,2,"\\u00e9\\n"]}}\n{"id":5,"ping":{}}\n{}\n{"send":{"data":{"x":1}}}',
      '{"id":7,"history":{"channel":"news","limit":10,"since":{"offset":20,"epoch":"e"},"reverse":true}}',
      '{"id":11,"rpc":{"method":"tl.answer","data":{"id":"call-1","error":{"code":103,"message":"no"}}}}',
    ].map((seed) => new TextEncoder().encode(seed));
    const random = createSeededRandom(20_261_120);
    const alphabet = new TextEncoder().encode('{}[]",:\\0129-.eE ntf\n\u0000ž');
    let readable = 0;
    for (let turn = 0; turn < 20_000; turn++) {
      const bytes = [...(seeds[turn % seeds.length] as Uint8Array)];
      for (let change = randomInt(random, 4); change >= 0; change--) {
        const at = randomInt(random, bytes.length);
        const action = randomInt(random, 4);
        if (action === 0) bytes[at] = alphabet[randomInt(random, alphabet.length)] as number;
        else if (action === 1) bytes.splice(at, 1 + randomInt(random, 8));
        else if (action === 2) bytes.splice(at, 0, ...bytes.slice(at, at + randomInt(random, 12)));
        else bytes[at] = randomInt(random, 256);
      }
      const frame = new Uint8Array(bytes);
      const { items, fatal } = codec.decode(frame, LIMITS);
      if (fatal === undefined) readable++;
      else if (fatal.code !== 3501) throw new Error(`frame ${turn} closed with ${fatal.code}`);
      for (const item of items)
        if (item.kind === 'refused' && item.error.code === 100)
          throw new Error(`frame ${turn} broke the decoder`);
    }
    // The mutations reach behind the parser, and not all get through it.
    expect(readable).toBeGreaterThan(1_000);
    expect(readable).toBeLessThan(15_000);
  });
});
