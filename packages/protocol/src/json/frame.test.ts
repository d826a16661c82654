import { describe, expect, it } from 'vitest';
import type { Decoded } from '../codec.js';
import { createJsonCodec } from './codec.js';
import { isDeeperThan } from '../depth.js';

const codec = createJsonCodec();
const LIMITS = { maxCommands: 3, maxDepth: 5 };

function decode(frame: string | Uint8Array): Decoded {
  return codec.decode(frame, LIMITS);
}

function kinds(frame: string): string[] {
  return decode(frame).items.map(({ kind }) => kind);
}

const PING = '{"id":1,"ping":{}}';

describe('inbound frames', () => {
  it('[WIRE-1] takes one command a line, blank lines and other white space aside', () => {
    expect(kinds(`${PING}\n{}\n${PING}`)).toEqual(['ping', 'pong', 'ping']);
    expect(decode(`\r\n  ${PING}\r\n\n\n{}\n\n`)).toEqual({
      items: [
        { kind: 'ping', id: 1 },
        { kind: 'pong', id: 0 },
      ],
    });
  });

  it('[WIRE-1] a frame without a command closes', () => {
    for (const frame of ['', '\n', ' \r\n \n', new Uint8Array()]) {
      expect(decode(frame)).toEqual({
        items: [],
        fatal: { code: 3501, reason: 'bad request: frame is empty' },
      });
    }
  });

  it('[WIRE-1] binary frames are UTF-8 text', () => {
    expect(decode(new TextEncoder().encode('{"id":1,"presence":{"channel":"žluť"}}')).items).toEqual([
      { kind: 'presence', id: 1, channel: 'žluť' },
    ]);
    expect(decode(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])).fatal).toEqual({
      code: 3501,
      reason: 'bad request: frame is not UTF-8',
    });
  });

  it('[WIRE-2] what cannot be read closes after the commands before it', () => {
    for (const [bad, reason] of [
      ['{"id":2', 'command is not JSON'],
      ['hello', 'command is not JSON'],
      ['[]', 'command is not an object'],
      ['null', 'command is not an object'],
      ['"text"', 'command is not an object'],
      ['{"id":1}{"id":2}', 'command is not JSON'],
    ]) {
      expect(decode(`${PING}\n${bad}\n${PING}`)).toEqual({
        items: [{ kind: 'ping', id: 1 }],
        fatal: { code: 3501, reason: `bad request: ${reason}` },
      });
    }
  });

  it('[WIRE-2] a refused command does not stop those after it', () => {
    const { items, fatal } = decode(`{"id":1,"subscribe":{}}\n${PING}`);
    expect(items).toMatchObject([
      { kind: 'refused', id: 1, error: { code: 107, temporary: false } },
      { kind: 'ping' },
    ]);
    expect(fatal).toBeUndefined();
  });

  it('[WIRE-3] more commands than allowed close', () => {
    expect(decode(`${PING}\n${PING}\n${PING}\n\n`).fatal).toBeUndefined();
    const { items, fatal } = decode(`${PING}\n${PING}\n${PING}\n${PING}`);
    expect(items).toHaveLength(3);
    expect(fatal).toEqual({ code: 3501, reason: 'bad request: more than 3 commands in a frame' });
  });

  it('[WIRE-4] deeper nesting than allowed closes, before parsing', () => {
    expect(decode('{"id":1,"rpc":{"data":[[[1]]]}}').fatal).toBeUndefined();
    expect(decode('{"id":1,"rpc":{"data":[[[[1]]]]}}').fatal).toEqual({
      code: 3501,
      reason: 'bad request: command is nested deeper than 5',
    });
    expect(
      codec.decode(`{"id":1,"rpc":{"data":${'['.repeat(1_000_000)}`, { maxCommands: 1, maxDepth: 64 }).fatal
        ?.reason,
    ).toContain('deeper than 64');
  });

  it('[WIRE-4] brackets inside strings are no nesting', () => {
    expect(isDeeperThan('{"a":"[[[[{{{{","b":"\\"[[[[","c":"\\\\"}', 1)).toBe(false);
    expect(isDeeperThan('{"a":"\\\\",["x"]}', 1)).toBe(true);
    expect(isDeeperThan('{"unfinished', 1)).toBe(false);
    expect(isDeeperThan('[[1],[2],[3]]', 2)).toBe(false);
    expect(isDeeperThan('[[[1]]]', 2)).toBe(true);
  });

  it('[WIRE-4] the depth check is linear in text made of quotes and backslashes', () => {
    const text = `"${'\\"'.repeat(500_000)}`;
    expect(isDeeperThan(text, 1)).toBe(false);
    expect(isDeeperThan('\\'.repeat(1_000_000), 1)).toBe(false);
  });

  it('[WIRE-5] an id is an integer from 1 to 2^32-1', () => {
    expect(decode('{"id":4294967295,"ping":{}}').items).toEqual([{ kind: 'ping', id: 4294967295 }]);
    for (const id of ['0', '-1', '1.5', '4294967296', '"1"', 'null', '[]', '1e99', 'true']) {
      expect(decode(`{"id":${id},"ping":{}}`).fatal?.reason).toBe(
        'bad request: command id must be an integer from 1 to 4294967295',
      );
    }
    expect(decode('{"ping":{}}').fatal?.code).toBe(3501);
    expect(decode('{"subscribe":{}}').items).toEqual([]);
  });

  it('[WIRE-5] only send may go without an id', () => {
    expect(decode('{"id":0,"send":{"data":1}}').items).toEqual([{ kind: 'send', id: 0, data: '1' }]);
    expect(decode('{"id":-1,"send":{"data":1}}').fatal?.code).toBe(3501);
  });

  it('[WIRE-6] one command an object; an unknown one is refused', () => {
    expect(decode('{"id":1,"ping":{},"history":{"channel":"a"}}').items).toMatchObject([
      { kind: 'refused', id: 1, error: { code: 107 } },
    ]);
    expect(decode('{"id":1,"ping":{},"history":null}').items).toMatchObject([{ kind: 'ping' }]);
    expect(decode('{"id":1,"future":{}}').items).toMatchObject([
      { kind: 'refused', id: 1, error: { code: 104 } },
    ]);
    expect(decode('{"id":1,"toString":{}}').items).toMatchObject([
      { kind: 'refused', id: 1, error: { code: 104 } },
    ]);
    expect(decode('{"future":{}}').fatal?.code).toBe(3501);
  });

  it('[WIRE-7] the empty object is the pong', () => {
    for (const frame of ['{}', ' { } ', '{"id":0}'])
      expect(decode(frame).items).toEqual([{ kind: 'pong', id: 0 }]);
  });

  it('[WIRE-8] unknown fields are ignored, null counts as absent', () => {
    expect(decode('{"id":1,"extra":1,"unsubscribe":{"channel":"a","x":[]}}').items).toEqual([
      { kind: 'unsubscribe', id: 1, subId: 'a' },
    ]);
    expect(
      decode('{"id":1,"history":{"channel":"a","limit":null,"since":null,"reverse":null}}').items,
    ).toEqual([{ kind: 'history', id: 1, channel: 'a', limit: 0, reverse: false }]);
  });

  it('[WIRE-8] a mistyped field is refused by name', () => {
    const cases: [string, string][] = [
      ['{"id":1,"connect":{"token":1}}', 'connect.token must be a string'],
      ['{"id":1,"connect":{"subs":[]}}', 'connect.subs must be an object'],
      ['{"id":1,"connect":{"subs":{"a":1}}}', 'connect.subs[a] must be an object'],
      ['{"id":1,"connect":{"subs":{"a":{"recover":1}}}}', 'connect.subs[a].recover must be a boolean'],
      ['{"id":1,"subscribe":{"channel":"a","positioned":"yes"}}', 'subscribe.positioned must be a boolean'],
      ['{"id":1,"subscribe":{"channel":"a","phase":3}}', 'subscribe.phase must be 0, 1 or 2'],
      [
        '{"id":1,"subscribe":{"channel":"a","limit":-1}}',
        'subscribe.limit must be an integer from 0 to 2147483647',
      ],
      [
        '{"id":1,"subscribe":{"channel":"a","offset":1.5}}',
        'subscribe.offset must be an integer from 0 to 9007199254740991',
      ],
      ['{"id":1,"subscribe":{"channel":"a","tf":1}}', 'subscribe.tf must be an object'],
      ['{"id":1,"publish":{"channel":"a","type":2,"data":1}}', 'publish.type must be 0 or 1'],
      ['{"id":1,"publish":{"channel":"a","type":1,"key":"","data":1}}', 'publish.key must not be empty'],
      ['{"id":1,"history":{"channel":"a","since":7}}', 'history.since must be an object'],
      ['{"id":1,"rpc":{"method":1}}', 'rpc.method must be a string'],
      ['{"id":1,"rpc":{"method":"tl.answer"}}', 'rpc.data must be an object'],
      ['{"id":1,"sub_refresh":{"channel":"a"}}', 'sub_refresh.token must be a string'],
    ];
    for (const [frame, message] of cases) {
      expect(decode(frame).items).toEqual([
        {
          kind: 'refused',
          id: 1,
          error: { code: 107, message: `bad request: ${message}`, temporary: false },
        },
      ]);
    }
  });

  it('[WIRE-9] names of inherited properties are ordinary names', () => {
    const { items } = decode(
      '{"id":1,"connect":{"__proto__":{"token":"x"},"headers":{"__proto__":"p","constructor":"c"},"subs":{"__proto__":{"recover":true,"offset":2}}}}',
    );
    const [command] = items;
    expect(command).toMatchObject({ kind: 'connect', token: '' });
    if (command?.kind !== 'connect') throw new Error('connect expected');
    expect(Object.entries(command.headers)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    expect(Object.getPrototypeOf(command.headers)).toBe(Object.prototype);
    expect([...command.subs]).toEqual([['__proto__', { epoch: '', offset: 2 }]]);
    expect(decode('{"id":1,"publish":{"channel":"a","data":{"__proto__":{"admin":true}}}}').items).toEqual([
      { kind: 'publish', id: 1, channel: 'a', data: '{"__proto__":{"admin":true}}' },
    ]);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it('[WIRE-10] payloads come out as JSON text on one line', () => {
    const data = (frame: string): unknown => (decode(frame).items[0] as { data?: unknown }).data;
    expect(data('{"id":1,"rpc":{"data": { "a" : "line\\nbreak \\u2028" } }}')).toBe(
      '{"a":"line\\nbreak \u2028"}',
    );
    expect(data('{"id":1,"rpc":{"data":"\\ud800"}}')).toBe('"\\ud800"');
    expect(data('{"id":1,"rpc":{"data":false}}')).toBe('false');
    expect(data('{"id":1,"rpc":{}}')).toBeUndefined();
  });

  it('[WIRE-12] filters are bounded and checked whole', () => {
    const nested = (depth: number): string =>
      depth === 1 ? '{"key":"k","cmp":"ex"}' : `{"op":"not","nodes":[${nested(depth - 1)}]}`;
    const wide = (nodes: number): string =>
      `{"op":"or","nodes":[${Array.from({ length: nodes - 1 }, () => '{"key":"k","cmp":"ex"}').join(',')}]}`;
    const values = (count: number): string =>
      `{"key":"k","cmp":"in","vals":[${Array.from({ length: count }, () => '"v"').join(',')}]}`;
    const decodeFilter = (tf: string): unknown =>
      codec.decode(`{"id":1,"subscribe":{"channel":"a","tf":${tf}}}`, { maxCommands: 1, maxDepth: 64 })
        .items[0];
    for (const tf of [nested(8), wide(64), values(1_000)])
      expect(decodeFilter(tf)).toMatchObject({ kind: 'subscribe' });
    const refused: [string, string][] = [
      [nested(9), 'is nested deeper than 8'],
      [wide(65), 'is beyond 64 nodes'],
      [values(1_001), 'is beyond 1000 values in all'],
      ['{"op":"and"}', 'subscribe.tf.nodes must be a list of nodes'],
      ['{"op":"and","nodes":[]}', 'subscribe.tf.nodes must be a list of nodes'],
      [
        '{"op":"not","nodes":[{"key":"k","cmp":"ex"},{"key":"k","cmp":"ex"}]}',
        'subscribe.tf.nodes must hold one node',
      ],
      ['{"op":"xor","nodes":[]}', 'subscribe.tf.op must be and, or, not or empty'],
      ['{"cmp":"eq","val":"x"}', 'subscribe.tf.key must not be empty'],
      ['{"key":"k","cmp":"eq","val":1}', 'subscribe.tf.val must be a string'],
      ['{"key":"k","cmp":"in","vals":[1]}', 'subscribe.tf.vals must be a list of strings'],
      ['{"key":"k"}', 'subscribe.tf.cmp must be a known comparison'],
      ['{"op":"or","nodes":[1]}', 'subscribe.tf.nodes[0] must be an object'],
    ];
    for (const [tf, message] of refused) {
      const item = decodeFilter(tf) as { kind: string; error: { code: number; message: string } };
      expect([item.kind, item.error.code]).toEqual(['refused', 107]);
      expect(item.error.message).toContain(message);
    }
  });

  it('[WIRE-3] a reconnect with 10,000 subscriptions is one frame', () => {
    const subscribe = (index: number): string =>
      `{"id":${index + 2},"subscribe":{"channel":"org:channel:${index}","recover":true,"epoch":"abcdefgh","offset":${index},"positioned":true,"recoverable":true,"flag":1}}`;
    const frame = [
      '{"id":1,"connect":{"token":"t"}}',
      ...Array.from({ length: 10_000 }, (_, index) => subscribe(index)),
    ].join('\n');
    const { items, fatal } = codec.decode(frame, { maxCommands: 10_001, maxDepth: 64 });
    expect(fatal).toBeUndefined();
    expect(items).toHaveLength(10_001);
    expect(items[10_000]).toMatchObject({
      kind: 'subscribe',
      id: 10_001,
      recover: { epoch: 'abcdefgh', offset: 9_999 },
    });
  });
});
