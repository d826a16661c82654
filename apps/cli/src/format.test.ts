import { describe, expect, test } from 'vitest';
import { bytes, count, duration, oneLine, plural, table, timeOfDay } from './format.js';

describe('what people read', () => {
  test('[CLI-4] tables are aligned, numbers to the right, without trailing space', () => {
    const rows = [
      { name: 'a', size: 5 },
      { name: 'longer', size: 1_234 },
    ];
    const text = table(rows, [
      { title: 'SIZE', value: (row) => count(row.size), align: 'right' },
      { title: 'NAME', value: (row) => row.name },
    ]);
    expect(text).toBe(' SIZE  NAME\n    5  a\n1,234  longer\n');
    expect(table([], [{ title: 'X', value: () => '' }])).toBe('');
  });

  test('[CLI-4] a long cell is cut, the last column is not', () => {
    const long = 'x'.repeat(100);
    const [, line = ''] = table(
      [{}],
      [
        { title: 'A', value: () => long },
        { title: 'B', value: () => long },
      ],
    ).split('\n');
    expect(line).toBe(`${'x'.repeat(47)}…  ${long}`);
  });

  test('[CLI-4] what a channel carries cannot move the cursor of a terminal', () => {
    expect(oneLine('a\u001b[2Jb\nc\td\u009b')).toBe('a\\u001b[2Jb\\nc d\\u009b');
    expect(table([{}], [{ title: 'A', value: () => '\u001b]0;x\u0007' }])).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f]/,
    );
  });

  test.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [12_000, '12 s'],
    [185_000, '3 min 5 s'],
    [180_000, '3 min'],
    [7_800_000, '2 h 10 min'],
    [270_000_000, '3 d 3 h'],
  ])('[CLI-4] %d ms reads %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  test.each([
    [512, '512 B'],
    [1_536, '1.5 KiB'],
    [20 * 1_024 * 1_024, '20 MiB'],
  ])('[CLI-4] %d bytes read %s', (value, text) => {
    expect(bytes(value)).toBe(text);
  });

  test('[CLI-4] counts and times', () => {
    expect(count(1_234_567)).toBe('1,234,567');
    expect(plural(1, 'line')).toBe('1 line');
    expect(plural(2_000, 'line')).toBe('2,000 lines');
    expect(timeOfDay(new Date(2026, 0, 2, 3, 4, 5, 6).getTime())).toBe('03:04:05.006');
  });
});
