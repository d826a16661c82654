import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { peekSession, readEmulationRequest } from './emulation-request.js';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
/** A length-delimited field of Protobuf. */
function field(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  const length: number[] = [];
  for (let left = bytes.length; ; left >>>= 7) {
    if (left < 0x80) {
      length.push(left);
      break;
    }
    length.push((left & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

describe('an upstream request', () => {
  it('[STREAM-5] in JSON: session, node and a string of data', () => {
    expect(readEmulationRequest(json({ session: 's', node: 'n', data: '{}' }), false)).toEqual({
      session: 's',
      node: 'n',
      data: '{}',
    });
    expect(readEmulationRequest(json({ session: 's', data: '' }), false)?.node).toBe('');
    for (const bad of [
      null,
      [],
      'text',
      {},
      { session: 1, data: '' },
      { session: 's' },
      { session: 's', data: {} },
      { session: 's', data: '', node: 1 },
    ])
      expect(readEmulationRequest(json(bad), false)).toBeUndefined();
    expect(readEmulationRequest(Buffer.from('{'), false)).toBeUndefined();
  });

  it('[STREAM-5] in Protobuf: the fields of the public schema, in any order', () => {
    const data = Buffer.alloc(300, 7);
    const whole = Buffer.concat([field(1, 'n'), field(2, 's'), field(3, data)]);
    expect(readEmulationRequest(whole, true)).toEqual({ session: 's', node: 'n', data });
    expect(readEmulationRequest(Buffer.concat([field(3, data), field(2, 's')]), true)).toEqual({
      session: 's',
      node: '',
      data,
    });
    expect(readEmulationRequest(field(2, 's'), true)?.data).toHaveLength(0);
    expect(readEmulationRequest(whole.subarray(0, -1), true)).toBeUndefined();
    expect(readEmulationRequest(field(3, data), true)).toBeUndefined();
    expect(readEmulationRequest(Buffer.from([0x08, 1]), true)).toBeUndefined();
  });

  it('[STREAM-5] whatever the bytes, nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, binary) => {
        const body = Buffer.from(bytes);
        peekSession(body, binary);
        const asked = readEmulationRequest(body, binary);
        expect(asked === undefined || typeof asked.session === 'string').toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('[STREAM-6] the session is known from the first bytes, as the public clients write them', () => {
    expect(peekSession(Buffer.from('{"session":"abc","node":"n","da'), false)).toBe('abc');
    expect(peekSession(Buffer.from('{"node":"n","session":"abc"}'), false)).toBeUndefined();
    expect(peekSession(Buffer.from('{"session":"ab'), false)).toBeUndefined();
    expect(peekSession(Buffer.concat([field(1, 'n'), field(2, 'abc')]), true)).toBe('abc');
    expect(peekSession(field(2, 'abc'), true)).toBe('abc');
    expect(peekSession(field(3, 'abc'), true)).toBeUndefined();
  });
});
