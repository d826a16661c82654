import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createJsonCodec } from '../json/codec.js';
import { fromUtf8, utf8 } from '../bytes.js';
import { createProtobufCodec } from './codec.js';
import { toPayload } from './payload.js';

const DEPTH = 62;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('payloads that come as bytes', () => {
  it('[WIRE-41] are text where they are JSON text, whatever its spacing', () => {
    for (const text of [
      ...['{"a":1}', '[]', '"ž"', '0', '-1.5e-3', 'true', 'false', 'null', ' {"a":1} ', '\r\n[1,\n2]\t'],
      ...['{"a":1,"a":2}', '{"__proto__":1}', '12345678901234567890', '"\\ud800"', '"\u2028"'],
    ]) {
      expect(toPayload(bytesOf(text), DEPTH)).toBe(text);
    }
  });

  it('[WIRE-41] are bytes where they are not', () => {
    const opaque = [
      ...[
        'hello',
        '{',
        '{"a":1}}',
        'nul',
        "'a'",
        '[1,]',
        '"a\nb"',
        '\ufeff{}',
        '{}\u0000',
        '\u00a01',
        '01',
        '+1',
      ],
      ...['{a:1}', 'NaN', 'Infinity', ' ', '\n'],
    ].map(bytesOf);
    opaque.push(new Uint8Array([0x22, 0xff, 0x22]), new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]));
    opaque.push(new Uint8Array([0x22, 0xc0, 0x80, 0x22]), new Uint8Array([0]), new Uint8Array());
    for (const bytes of opaque) expect(toPayload(bytes, DEPTH)).toEqual(bytes);
  });

  it('[WIRE-41] are bytes where they are nested deeper than a JSON client may nest', () => {
    const nested = (depth: number): Uint8Array => bytesOf('['.repeat(depth) + ']'.repeat(depth));
    expect(toPayload(nested(DEPTH), DEPTH)).toBeTypeOf('string');
    expect(toPayload(nested(DEPTH + 1), DEPTH)).toEqual(nested(DEPTH + 1));
    expect(toPayload(nested(500_000), DEPTH)).toHaveLength(1_000_000);
  });

  it('[WIRE-41] do not hold the frame that they came in', () => {
    // A Buffer's own slice would share its memory.
    for (const frame of [new Uint8Array([9, 9, 1, 2, 9]), Buffer.from([9, 9, 1, 2, 9])]) {
      const payload = toPayload(frame.subarray(2, 4), DEPTH) as Uint8Array;
      frame.fill(0);
      expect(payload).toEqual(new Uint8Array([1, 2]));
      expect(payload.buffer.byteLength).toBe(2);
    }
  });

  it('[WIRE-42] go out as the very bytes that came in', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.json().map(bytesOf),
      fc.string({ unit: 'binary', minLength: 1 }).map(bytesOf),
      fc
        .tuple(fc.json(), fc.constantFrom(' ', '\n', '\ufeff', 'x'))
        .map(([text, more]) => bytesOf(more + text)),
    );
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const payload = toPayload(bytes, DEPTH);
        const back = typeof payload === 'string' ? utf8(payload) : payload;
        expect(Buffer.from(back).equals(bytes)).toBe(true);
        expect(typeof payload === 'string').toBe(isJson(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  it('[WIRE-42] reach readers of both wires as they were published', () => {
    const binary = createProtobufCodec();
    const json = createJsonCodec();
    const toJson = (data: string | Uint8Array): unknown =>
      (
        JSON.parse(fromUtf8(json.encodePublication('a', { offset: 1, data }).bytes)) as {
          push: { pub: { data: unknown } };
        }
      ).push.pub.data;
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const payload = toPayload(bytesOf(JSON.stringify(value, null, space)), DEPTH);
        expect(toJson(payload)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    const opaque = toPayload(new Uint8Array([0, 1, 254]), DEPTH);
    expect(toJson(opaque)).toBe('AAH+');
    expect(
      Buffer.from(binary.encodePublication('a', { offset: 1, data: opaque }).bytes).toString('hex'),
    ).toContain('22030001fe');
  });
});

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
