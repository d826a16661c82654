import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteCollector } from './bytes.js';
import { LineSplitter, type LineOptions } from './lines.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (line: Uint8Array): string => new TextDecoder().decode(line);
const WATCH: LineOptions = { maxLineBytes: 1_000, onLong: 'refuse', onEmpty: 'drop' };

function split(chunks: Iterable<Uint8Array>, options: LineOptions): { lines: string[]; rest: string } {
  const splitter = new LineSplitter(options);
  const lines: string[] = [];
  for (const chunk of chunks) for (const line of splitter.push(chunk)) lines.push(text(line));
  const rest = splitter.flush();
  return { lines, rest: rest === undefined ? '' : text(rest) };
}

/** `whole` cut at the given places. */
function cut(whole: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (whole.length + 1)))].sort(
    (left, right) => left - right,
  );
  return [...ends, whole.length].map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
}

describe('lines', () => {
  it('[KCL-24] are the same however the bytes are cut into chunks', () => {
    const stream = fc.array(fc.constantFrom('a', 'é', '\n', '\n\n', 'long line', '😀'), { maxLength: 40 });
    fc.assert(
      fc.property(stream, fc.array(fc.nat(400), { maxLength: 30 }), (parts, places) => {
        const whole = parts.join('');
        const pieces = whole.split('\n');
        const rest = pieces.pop() ?? '';
        const chunks = cut(bytes(whole), places);
        expect(split(chunks, { ...WATCH, onEmpty: 'keep' })).toEqual({ lines: pieces, rest });
        expect(split(chunks, WATCH)).toEqual({ lines: pieces.filter((line) => line !== ''), rest });
      }),
      { numRuns: 500 },
    );
  });

  it('[KCL-24] a line that is too long is refused, after those before it', () => {
    const splitter = new LineSplitter({ ...WATCH, maxLineBytes: 4 });
    const lines: string[] = [];
    expect(() => {
      for (const line of splitter.push(bytes('ok\n1234\n12345\nlost\n'))) lines.push(text(line));
    }).toThrow('maxLineBytes');
    expect(lines).toEqual(['ok', '1234']);
  });

  it('[KCL-34] in a log it comes in pieces, and no byte is lost', () => {
    const log: LineOptions = { maxLineBytes: 4, onLong: 'cut', onEmpty: 'keep' };
    const whole = bytes('123456789\n\n1234\n12345678\nend');
    for (let size = 1; size < whole.length; size++) {
      const chunks = cut(
        whole,
        Array.from({ length: 30 }, (_, index) => Math.min(index * size, whole.length)),
      );
      const { lines, rest } = split(chunks, log);
      expect([...lines, rest].join('')).toBe('12345678912341234567 8end'.replace(' ', ''));
      expect([lines[0], lines.at(-1), rest]).toEqual(['1234', '5678', 'end']);
      expect(lines.filter((line) => line === '')).toHaveLength(1);
    }
  });

  it('[KCL-24] a line in one chunk is a view on it', () => {
    const chunk = bytes('one\ntwo\n');
    for (const line of new LineSplitter(WATCH).push(chunk)) expect(line.buffer).toBe(chunk.buffer);
  });

  it('[KCL-11] a line in a million pieces costs its length, not an object for each of them', () => {
    const splitter = new LineSplitter({ ...WATCH, maxLineBytes: 2_000_000 });
    const piece = bytes('x');
    for (let index = 0; index < 1_000_000; index++)
      for (const _ of splitter.push(piece)) throw new Error('a line');
    expect(splitter.pendingBytes).toBe(1_000_000);
    const [line] = [...splitter.push(bytes('\n'))];
    expect(line?.length).toBe(1_000_000);
    expect(line?.buffer.byteLength).toBeLessThan(4_000_000);
  });
});

describe('bytes', () => {
  it('[KCL-11] come out as they were added, and one piece is not copied', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (pieces) => {
        const collector = new ByteCollector();
        for (const piece of pieces) collector.add(piece);
        expect([...collector.take()]).toEqual(pieces.flatMap((piece) => [...piece]));
        expect(collector.length).toBe(0);
      }),
    );
    const collector = new ByteCollector();
    const piece = bytes('one');
    collector.add(piece);
    expect(collector.take().buffer).toBe(piece.buffer);
  });
});
