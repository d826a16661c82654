import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64 } from './base64.js';
import { fromUtf8, utf8 } from './bytes.js';

describe('bytes', () => {
  it('[WIRE-1] text survives UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(() => fromUtf8(new Uint8Array([0xc3, 0x28]))).toThrow(TypeError);
  });

  it('[WIRE-21] base64 is that of RFC 4648', () => {
    const known: [string, string][] = [
      ['', ''],
      ['f', 'Zg=='],
      ['fo', 'Zm8='],
      ['foo', 'Zm9v'],
      ['foob', 'Zm9vYg=='],
      ['foobar', 'Zm9vYmFy'],
    ];
    for (const [text, expected] of known) expect(base64(utf8(text))).toBe(expected);
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect([...Buffer.from(base64(bytes), 'base64')]).toEqual([...bytes]);
      }),
    );
  });
});
