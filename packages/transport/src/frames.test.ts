import { Encoded } from '@trunkline/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchFramer, events, frameOf, joinedFrames, lines, singleFrames, toFrame } from './frames.js';
import { document, lineCodec } from './testing.js';

/** Reads frames by the letter of RFC 6455 section 5.2, refusing what a server must not send. */
function parse(bytes: Buffer): { data: Buffer; isBinary: boolean }[] {
  const messages: { data: Buffer; isBinary: boolean }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [first, second] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)];
    if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0) throw new Error('fragmented, extended or masked');
    const long = second === 126 ? 2 : second === 127 ? 8 : 0;
    const length =
      long === 2 ? bytes.readUInt16BE(at + 2) : long === 8 ? Number(bytes.readBigUInt64BE(at + 2)) : second;
    at += 2 + long;
    messages.push({ data: bytes.subarray(at, at + length), isBinary: (first & 0x0f) === 2 });
    at += length;
  }
  if (at !== bytes.length) throw new Error('cut short');
  return messages;
}

describe('frames', () => {
  it('[WS-10] a frame of any size parses back, text or binary', () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 70_000 }),
      fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536, 70_000),
    );
    fc.assert(
      fc.property(size, fc.boolean(), (length, binary) => {
        const payload = Buffer.alloc(length, 'a');
        const [message, ...more] = parse(toFrame(payload, binary));
        expect(more).toEqual([]);
        expect(message?.isBinary).toBe(binary);
        expect(message?.data.equals(payload)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('[WS-10] lengths use the shortest form', () => {
    expect(
      [125, 126, 65_535, 65_536].map((length) => toFrame(Buffer.alloc(length), false).length - length),
    ).toEqual([2, 4, 4, 10]);
    expect([...toFrame(Buffer.from('hi'), false)]).toEqual([0x81, 2, 0x68, 0x69]);
    expect(toFrame(Buffer.alloc(65_536), true).subarray(0, 10)).toEqual(
      Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    );
  });

  it('[WS-11] a document is framed once for all receivers', () => {
    const one = document('hello');
    const framing = singleFrames(lineCodec());
    expect(frameOf(one, framing)).toBe(frameOf(one, framing));
  });

  it('[WS-11] and once for each transport, whose frames do not displace each other', () => {
    const one = document('hello');
    const codec = lineCodec();
    const framings = [joinedFrames(codec), lines(codec), events(codec)];
    const frames = framings.map((framing) => frameOf(one, framing));
    expect(framings.map((framing) => frameOf(one, framing) === frames[framings.indexOf(framing)])).toEqual([
      true,
      true,
      true,
    ]);
    expect(frames.slice(1).map(String)).toEqual(['hello\n', 'data: hello\n\n']);
    expect(joinedFrames(codec)).toBe(joinedFrames(codec));
  });

  it('[WS-11] a foreign or other-typed cache is not taken for a frame', () => {
    const one = document('hello');
    one.wire = Buffer.from('data: hello\n\n');
    expect(frameOf(one, singleFrames(lineCodec()))).toEqual(toFrame(one.bytes, false));
    expect(frameOf(one, singleFrames(lineCodec(true)))[0]).toBe(0x82);
  });
});

describe('batches', () => {
  const options = { sharedBatches: 2, sharedBatchMaxBytes: 100 };
  const codec = lineCodec();
  const joined = joinedFrames(codec);

  it('[WS-12] the same documents give the same Buffer, whatever array holds them', () => {
    const framer = new BatchFramer(options);
    const [a, b] = [document('a'), document('b')];
    const first = framer.frame(joined, [a, b]);
    expect(framer.frame(joined, [a, b])).toBe(first);
    expect(parse(first!).map(({ data }) => data.toString())).toEqual(['a\nb']);
  });

  it('[WS-12] equal text in other documents, another order, another codec or another form are other batches', () => {
    const framer = new BatchFramer({ ...options, sharedBatches: 8 });
    const [a, b] = [document('a'), document('b')];
    const first = framer.frame(joined, [a, b]);
    expect(framer.frame(joined, [document('a'), document('b')])).not.toBe(first);
    expect(parse(framer.frame(joined, [b, a])!)[0]?.data.toString()).toBe('b\na');
    expect(framer.frame(joinedFrames(lineCodec()), [a, b])).not.toBe(first);
    expect(parse(framer.frame(singleFrames(codec), [a, b])!).map(({ data }) => data.toString())).toEqual([
      'a',
      'b',
    ]);
    expect(framer.frame(joined, [a, b])).toBe(first);
  });

  it('[WS-12] a caller that reuses its array does not change what was kept', () => {
    const framer = new BatchFramer(options);
    const [a, b] = [document('a'), document('b')];
    const array: Encoded[] = [a, b];
    const first = framer.frame(joined, array);
    array[1] = a;
    expect(framer.frame(joined, array)).not.toBe(first);
    expect(framer.frame(joined, [a, b])).toBe(first);
  });

  it('[WS-12] only so many batches are kept, and none that is too large', () => {
    const framer = new BatchFramer(options);
    const batches = Array.from({ length: 3 }, () => [document('x'), document('y')]);
    const [first, second, third] = batches.map((batch) => framer.frame(joined, batch));
    expect(framer.frame(joined, batches[2]!)).toBe(third);
    expect(framer.frame(joined, batches[1]!)).toBe(second);
    expect(framer.frame(joined, batches[0]!)).not.toBe(first);
    expect(framer.frame(joined, [document('x'.repeat(60)), document('y'.repeat(60))])).toBeUndefined();
  });

  it('[WS-12] with no batch kept, batches are still framed', () => {
    const framer = new BatchFramer({ ...options, sharedBatches: 0 });
    const batch = [document('a'), document('b')];
    expect(framer.frame(joined, batch)).toEqual(framer.frame(joined, batch));
    expect(framer.frame(joined, batch)).not.toBe(framer.frame(joined, batch));
  });
});
