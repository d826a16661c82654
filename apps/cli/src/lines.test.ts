import { describe, expect, test } from 'vitest';
import { readLines, type Line } from './lines.js';

async function* chunks(
  ...parts: (string | Uint8Array)[]
): AsyncGenerator<string | Uint8Array, void, undefined> {
  yield* parts;
}

async function read(maxUnits: number, ...parts: (string | Uint8Array)[]): Promise<Line[][]> {
  const found: Line[][] = [];
  for await (const lines of readLines(chunks(...parts), maxUnits)) found.push([...lines]);
  return found;
}

const texts = (found: Line[][]): string[] =>
  found.flat().map((line) => (line.kind === 'line' ? line.text : `(${line.units} units)`));

describe('lines of standard input', () => {
  test('[CLI-5] lines are cut at line feeds, wherever chunks end', async () => {
    expect(texts(await read(100, 'a\nb', 'c\n', '\nd\r\ne'))).toEqual(['a', 'bc', '', 'd', 'e']);
    expect(texts(await read(100, ''))).toEqual([]);
    expect(texts(await read(100, 'a\n'))).toEqual(['a']);
  });

  test('[CLI-5] lines are numbered from 1 and handed over as soon as a chunk completes them', async () => {
    expect(await read(100, 'a\nb\nc', '\n')).toEqual([
      [
        { kind: 'line', number: 1, text: 'a' },
        { kind: 'line', number: 2, text: 'b' },
      ],
      [{ kind: 'line', number: 3, text: 'c' }],
    ]);
  });

  test('[CLI-5] a character cut in two by a chunk stays whole', async () => {
    const bytes = new TextEncoder().encode('é€\n');
    expect(texts(await read(100, bytes.slice(0, 1), bytes.slice(1, 3), bytes.slice(3)))).toEqual(['é€']);
  });

  test('[CLI-5] a line beyond the limit is dropped and reported, the next is not', async () => {
    expect(texts(await read(4, 'abcd\nabcde\nok\n'))).toEqual(['abcd', '(5 units)', 'ok']);
    expect(texts(await read(4, 'abc', 'def', 'ghi', 'j\nok\nabcd\r\n'))).toEqual([
      '(10 units)',
      'ok',
      'abcd',
    ]);
    expect(texts(await read(4, 'abcdefgh'))).toEqual(['(8 units)']);
  });
});
