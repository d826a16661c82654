import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createSeededRandom, randomInt } from '@trunkline/base';
import type { Decoded } from '../codec.js';
import { createProtobufCodec } from './codec.js';

const codec = createProtobufCodec();
const LIMITS = { maxCommands: 100, maxDepth: 64 };

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const decode = (hex: string, limits = LIMITS): Decoded => codec.decode(bytesOf(hex), limits);
/** A frame of one command. */
const frameOf = (...parts: (Uint8Array | number[])[]): Uint8Array =>
  delimited(Buffer.concat(parts.map((part) => Buffer.from(part))));

function delimited(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(varint(bytes.length)), bytes]);
}
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}
const field = (number: number, bytes: Uint8Array | string): Uint8Array =>
  Buffer.concat([Buffer.from(varint(number * 8 + 2)), delimited(Buffer.from(bytes as string))]);

const PING = '04 08 01 5a 00';
const CLOSED = (reason: string): Decoded => ({
  items: [],
  fatal: { code: 3501, reason: `bad request: ${reason}` },
});

describe('inbound frames', () => {
  it('[WIRE-43] are commands behind their lengths; a length of zero is a pong', () => {
    expect(decode(`${PING} 00 ${PING}`)).toEqual({
      items: [
        { kind: 'ping', id: 1 },
        { kind: 'pong', id: 0 },
        { kind: 'ping', id: 1 },
      ],
    });
    // Also as part of a larger buffer.
    expect(codec.decode(Buffer.from(bytesOf(`ff ${PING} ff`)).subarray(1, 6), LIMITS).items).toHaveLength(1);
  });

  it('[WIRE-43] close when they hold no command, or are text', () => {
    expect(decode('')).toEqual(CLOSED('frame is empty'));
    expect(codec.decode('{"id":1,"ping":{}}', LIMITS)).toEqual(CLOSED('frame is not binary'));
  });

  it('[WIRE-44] close at bytes that are no Protobuf, after the commands before them', () => {
    const reasons: [string, string][] = [
      ['05 08 01 5a 00', 'a length is beyond the end'],
      ['ff ff ff ff 7f 08', 'a length is beyond the end'],
      ['ff ff ff ff ff ff ff ff ff 01 08', 'a length is beyond the end'],
      ['ff ff ff ff ff ff ff ff ff ff 01', 'a number is longer than 64 bits'],
      ['80', 'a number is cut off'],
      ['03 08 01 5a', 'a number is cut off'],
      ['02 08 80', 'a number is cut off'],
      ['04 08 01 5a 01', 'a length is beyond the end'],
      ['02 00 01', 'a field has no number'],
      ['03 08 01 a3', 'a number is cut off'],
      ['04 08 01 a3 06', 'wire type 3 is not known'],
      ['04 08 01 a6 06', 'wire type 6 is not known'],
      ['05 08 01 ad 06 01', 'a field is cut off'],
      ['08 08 01 a9 06 01 02 03 04', 'a field is cut off'],
    ];
    for (const [bad, reason] of reasons) {
      expect(decode(`${PING} ${bad}`)).toEqual({
        ...CLOSED(`command is not Protobuf: ${reason}`),
        items: [{ kind: 'ping', id: 1 }],
      });
    }
  });

  it('[WIRE-44] close at a command without a usable id', () => {
    const reason = 'command id must be an integer from 1 to 4294967295';
    const without = [
      '02 5a 00',
      '04 08 00 5a 00',
      '08 08 ff ff ff ff 7f 5a 00',
      '04 0a 00 5a 00',
      '03 a0 06 01',
    ];
    for (const bad of without) expect(decode(bad), bad).toEqual(CLOSED(reason));
    expect(decode('08 08 ff ff ff ff 0f 5a 00').items).toEqual([{ kind: 'ping', id: 4_294_967_295 }]);
  });

  it('[WIRE-45] a refused command does not stop those after it', () => {
    const { items, fatal } = decode(`04 08 01 2a 00 ${PING}`);
    expect(items).toMatchObject([{ kind: 'refused', id: 1, error: { code: 107 } }, { kind: 'ping' }]);
    expect(fatal).toBeUndefined();
  });

  it('[WIRE-45] unknown fields are skipped, in any wire type and at any place', () => {
    const unknown = [
      0xa0, 0x06, 0xff, 0x01, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xa5, 0x06, 1, 2, 3, 4, 0xa2, 0x06, 1, 9,
    ];
    const frame = frameOf(
      unknown,
      field(8, Buffer.concat([Buffer.from(unknown), field(1, 'a')])),
      unknown,
      [8, 3],
    );
    expect(codec.decode(frame, LIMITS)).toEqual({ items: [{ kind: 'presence', id: 3, channel: 'a' }] });
  });

  it('[WIRE-45] of a field that comes twice the last counts', () => {
    const frame = frameOf([8, 1, 8, 2], field(8, Buffer.concat([field(1, 'a'), field(1, 'b')])));
    expect(codec.decode(frame, LIMITS)).toEqual({ items: [{ kind: 'presence', id: 2, channel: 'b' }] });
  });

  it('[WIRE-45] every field in every wire type that is not its own is refused by name, never taken', () => {
    const values: Record<number, number[]> = {
      0: [1],
      1: [1, 2, 3, 4, 5, 6, 7, 8],
      2: [1, 0x61],
      5: [1, 2, 3, 4],
    };
    let refused = 0;
    for (let command = 4; command <= 15; command++) {
      for (let number = 1; number <= 19; number++) {
        for (const [wireType, value] of Object.entries(values)) {
          const inner = Buffer.from([...varint(number * 8 + Number(wireType)), ...value]);
          const { items, fatal } = codec.decode(frameOf([8, 1], field(command, inner)), LIMITS);
          if (items[0]?.kind === 'refused') {
            refused++;
            expect([107, 108]).toContain(items[0].error.code);
          } else if (fatal) expect(fatal.code).toBe(3501);
        }
      }
    }
    expect(refused).toBeGreaterThan(300);
  });

  it('[WIRE-45] names of inherited properties are ordinary names', () => {
    const entry = (key: string, value: Uint8Array | string): Uint8Array =>
      Buffer.concat([field(1, key), field(2, value)]);
    const connect = Buffer.concat([
      field(6, entry('__proto__', 'p')),
      field(6, entry('constructor', 'c')),
      field(3, entry('__proto__', new Uint8Array([0x18, 1, 0x38, 2]))),
    ]);
    const [command] = codec.decode(frameOf([8, 1], field(4, connect)), LIMITS).items;
    if (command?.kind !== 'connect') throw new Error('connect expected');
    expect(Object.entries(command.headers)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    expect(Object.getPrototypeOf(command.headers)).toBe(Object.prototype);
    expect([...command.subs]).toEqual([['__proto__', { epoch: '', offset: 2 }]]);
  });

  it('[WIRE-45] entries of maps may lack their key or their value', () => {
    const connect = Buffer.concat([field(6, ''), field(6, field(1, 'a')), field(3, field(1, 'news'))]);
    const [command] = codec.decode(frameOf([8, 1], field(4, connect)), LIMITS).items;
    expect(command).toMatchObject({ kind: 'connect', headers: { '': '', a: '' }, subs: new Map() });
    for (const broken of [
      [0x30, 1],
      [...field(6, new Uint8Array([0x08, 1]))],
      [...field(6, new Uint8Array([0x10, 1]))],
    ])
      expect(codec.decode(frameOf([8, 1], field(4, new Uint8Array(broken))), LIMITS).items).toMatchObject([
        { kind: 'refused', error: { code: 107 } },
      ]);
  });

  it('[WIRE-44] text that is not UTF-8 closes', () => {
    for (const bytes of ['ff', 'c080', 'eda080', 'f8888080', '61ff'.repeat(20)])
      expect(codec.decode(frameOf([8, 1], field(8, field(1, bytesOf(bytes)))), LIMITS)).toEqual(
        CLOSED('command is not Protobuf: text is not UTF-8'),
      );
    const [kept] = codec.decode(frameOf([8, 1], field(8, field(1, '\ufeffa'))), LIMITS).items;
    expect(kept).toMatchObject({ channel: '\ufeffa' });
  });

  it('[WIRE-41] a payload is judged when it is wanted, not as often as it was given', () => {
    const parse = vi.spyOn(JSON, 'parse');
    const data = field(2, '"x"');
    const body = Buffer.concat([
      field(1, 'a'),
      ...Array.from({ length: 1_000 }, () => data),
      field(2, '[1]'),
    ]);
    const sub = Buffer.concat([field(1, 'news'), field(2, field(8, '"unused"'))]);
    const frame = Buffer.concat([frameOf([8, 1], field(4, field(3, sub))), frameOf([8, 2], field(7, body))]);
    expect(codec.decode(frame, LIMITS).items).toMatchObject([
      { kind: 'connect' },
      { kind: 'publish', data: '[1]' },
    ]);
    expect(parse.mock.calls.map(([text]) => text)).toEqual(['[1]']);
    parse.mockRestore();
  });

  it('[WIRE-46] more commands than allowed close', () => {
    const limits = { maxCommands: 3, maxDepth: 64 };
    expect(decode(`${PING} 00 ${PING}`, limits).fatal).toBeUndefined();
    const { items, fatal } = decode(`${PING} 00 ${PING} 00`, limits);
    expect(items).toHaveLength(3);
    expect(fatal).toEqual({ code: 3501, reason: 'bad request: more than 3 commands in a frame' });
  });

  it('[WIRE-46] a reconnect with 10,000 subscriptions is one frame', () => {
    const command = (id: number): Uint8Array =>
      frameOf(
        [8, ...varint(id)],
        field(
          5,
          Buffer.concat([
            field(1, `org:channel:${id}`),
            Buffer.from([0x18, 1]),
            field(6, 'abcdefgh'),
            Buffer.from([0x38, ...varint(id)]),
          ]),
        ),
      );
    const frame = Buffer.concat(Array.from({ length: 10_001 }, (_, index) => command(index + 1)));
    const { items, fatal } = codec.decode(frame, { maxCommands: 10_001, maxDepth: 64 });
    expect(fatal).toBeUndefined();
    expect(items).toHaveLength(10_001);
    expect(items[10_000]).toMatchObject({
      kind: 'subscribe',
      id: 10_001,
      recover: { epoch: 'abcdefgh', offset: 10_001 },
    });
  });

  it('[WIRE-46] filters are bounded while they are read; messages nested deeper than allowed close', () => {
    const leaf = Buffer.concat([field(2, 'k'), field(3, 'ex')]);
    const not = (node: Uint8Array): Uint8Array => Buffer.concat([field(1, 'not'), field(6, node)]);
    const nested = (depth: number): Uint8Array => (depth === 1 ? leaf : not(nested(depth - 1)));
    const or = (count: number): Uint8Array =>
      Buffer.concat([field(1, 'or'), ...Array.from({ length: count }, () => field(6, leaf))]);
    const isIn = (count: number): Uint8Array =>
      Buffer.concat([field(2, 'k'), field(3, 'in'), ...Array.from({ length: count }, () => field(5, 'v'))]);
    const subscribe = (filter: Uint8Array): Decoded =>
      codec.decode(frameOf([8, 1], field(5, Buffer.concat([field(1, 'a'), field(13, filter)]))), LIMITS);
    for (const filter of [nested(8), or(63), isIn(1_000)])
      expect(subscribe(filter).items).toMatchObject([{ kind: 'subscribe' }]);
    const refused: [Uint8Array, string][] = [
      [nested(9), 'is nested deeper than 8'],
      [nested(60), 'is nested deeper than 8'],
      [or(64), 'is beyond 64 nodes'],
      [or(100_000), 'is beyond 64 nodes'],
      [isIn(1_001), 'is beyond 1000 values in all'],
      [isIn(100_000), 'is beyond 1000 values in all'],
    ];
    for (const [filter, message] of refused) {
      const [item] = subscribe(filter).items;
      expect(item?.kind === 'refused' && item.error.message).toContain(message);
    }
    expect(subscribe(nested(63)).fatal?.reason).toBe('bad request: command is nested deeper than 64');
    // 300,000 messages in one another, each a few bytes around the next.
    let deep: Uint8Array = Buffer.alloc(0);
    const parts: Buffer[] = [];
    for (let size = 0, level = 0; level < 300_000; level++) {
      const head = Buffer.from([0x32, ...varint(size)]);
      parts.push(head);
      size += head.length;
    }
    deep = Buffer.concat(parts.reverse());
    expect(subscribe(deep).fatal?.reason).toBe('bad request: command is nested deeper than 64');
  });
});

/** Never throws; what it returns is well formed. */
function probe(frame: Uint8Array): Decoded {
  const decoded = codec.decode(frame, LIMITS);
  const { items, fatal } = decoded;
  expect(items.length).toBeLessThanOrEqual(LIMITS.maxCommands);
  for (const item of items) {
    expect(Number.isInteger(item.id) && item.id >= 0).toBe(true);
    if (item.kind === 'refused') expect([104, 107, 108]).toContain(item.error.code);
  }
  if (fatal) expect([fatal.code, fatal.reason.length <= 123]).toEqual([3501, true]);
  expect(items.length > 0 || fatal !== undefined).toBe(true);
  return decoded;
}

describe('hostile frames', () => {
  it('[WIRE-47] any bytes, also behind a true length and inside a command', () => {
    const inside = (bytes: Uint8Array, command: number): Uint8Array => frameOf([8, 1], field(command, bytes));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.integer({ min: 4, max: 15 }), (bytes, command) => {
        probe(bytes);
        probe(delimited(bytes));
        probe(inside(bytes, command));
      }),
      { numRuns: 2_000 },
    );
  });

  it('[WIRE-47] any fields with any values in any command', () => {
    const value = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((number) => ({ type: 0, bytes: bigVarint(number) })),
      fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => ({ type: 1, bytes: [...bytes] })),
      fc
        .string({ unit: 'binary', maxLength: 10 })
        .map((text) => ({ type: 2, bytes: [...delimited(Buffer.from(text))] })),
      fc.json({ maxDepth: 2 }).map((text) => ({ type: 2, bytes: [...delimited(Buffer.from(text))] })),
      fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ({ type: 5, bytes: [...bytes] })),
    );
    const fields = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), value), { maxLength: 6 });
    let carriedOut = 0;
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 16 }), fields, (command, given) => {
        const body = given.flatMap(([number, { type, bytes }]) => [...varint(number * 8 + type), ...bytes]);
        const { items, fatal } = probe(frameOf([8, 1], field(command, new Uint8Array(body))));
        if (fatal === undefined && items[0]?.kind !== 'refused') carriedOut++;
      }),
      { numRuns: 3_000 },
    );
    expect(carriedOut).toBeGreaterThan(100);
  });

  it('[WIRE-47] 20,000 valid frames with bytes changed, cut, doubled or moved', () => {
    const seeds = [
      frameOf(
        [8, 1],
        field(
          4,
          Buffer.concat([
            field(1, 't'),
            field(2, '{"a":[1,null]}'),
            field(6, Buffer.concat([field(1, 'x'), field(2, 'y')])),
            field(
              3,
              Buffer.concat([
                field(1, 'news'),
                field(2, Buffer.concat([Buffer.from([0x18, 1, 0x38, 7]), field(6, 'e')])),
              ]),
            ),
          ]),
        ),
      ),
      frameOf(
        [8, 2],
        field(
          5,
          Buffer.concat([
            field(1, 'news'),
            Buffer.from([0x18, 1, 0x38, 12, 0x70, 3]),
            field(6, 'e'),
            field(
              13,
              Buffer.concat([
                field(1, 'and'),
                field(6, Buffer.concat([field(2, 'k'), field(3, 'in'), field(5, 'a')])),
              ]),
            ),
          ]),
        ),
      ),
      Buffer.concat([
        frameOf(
          [8, 4],
          field(
            7,
            Buffer.concat([
              field(1, 'rows'),
              Buffer.from([0x18, 1]),
              field(4, 'k1'),
              field(2, '[1,2,"\\u00e9\\n"]'),
            ]),
          ),
        ),
        bytesOf(PING),
        bytesOf('00'),
        frameOf(field(12, field(1, '{"x":1}'))),
      ]),
      frameOf(
        [8, 7],
        field(
          10,
          Buffer.concat([
            field(1, 'news'),
            Buffer.from([0x38, 10, 0x48, 1]),
            field(8, Buffer.concat([Buffer.from([8, 20]), field(2, 'e')])),
          ]),
        ),
      ),
      frameOf(
        [8, 11],
        field(
          13,
          Buffer.concat([
            field(2, 'tl.answer'),
            field(1, '{"id":"call-1","error":{"code":103,"message":"no"}}'),
          ]),
        ),
      ),
    ];
    for (const seed of seeds) expect(probe(seed).fatal).toBeUndefined();
    const random = createSeededRandom(20_261_121);
    const alphabet = [0x00, 0x01, 0x08, 0x0a, 0x12, 0x1a, 0x32, 0x38, 0x5a, 0x62, 0x6a, 0x7f, 0x80, 0xff];
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
      const { items, fatal } = codec.decode(new Uint8Array(bytes), LIMITS);
      if (fatal === undefined) readable++;
      else if (fatal.code !== 3501) throw new Error(`frame ${turn} closed with ${fatal.code}`);
      for (const item of items)
        if (item.kind === 'refused' && item.error.code === 100)
          throw new Error(`frame ${turn} broke the decoder`);
    }
    // The mutations reach behind the lengths, and not all get through.
    expect(readable).toBeGreaterThan(1_000);
    expect(readable).toBeLessThan(19_000);
  });
});

function bigVarint(number: bigint): number[] {
  const bytes: number[] = [];
  let rest = number;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}
