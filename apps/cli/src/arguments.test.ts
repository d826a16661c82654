import { describe, expect, test } from 'vitest';
import {
  formatPosition,
  parseCount,
  parseData,
  parseDuration,
  parseFilter,
  parseJson,
  parsePosition,
  parseTags,
} from './arguments.js';
import { CliError } from './exit.js';

const refusal = (run: () => unknown): CliError => {
  try {
    run();
  } catch (error) {
    if (error instanceof CliError) return error;
  }
  throw new Error('a CliError was expected');
};

describe('option values', () => {
  test('[CLI-3] positions are offset@epoch, and print as they are read', () => {
    expect(parsePosition('--since', '42@Jx7d')).toEqual({ offset: 42, epoch: 'Jx7d' });
    expect(formatPosition(parsePosition('--since', '0@a@b'))).toBe('0@a@b');
    for (const text of ['42', '42@', '@x', '-1@x', '1.5@x', 'x@1'])
      expect(refusal(() => parsePosition('--since', text))).toMatchObject({
        exit: 'usage',
        message: `--since: "${text}" is no position`,
      });
  });

  test('[CLI-3] counts stay within their bounds', () => {
    expect(parseCount('--limit', '100', 1, 100)).toBe(100);
    for (const text of ['0', '101', '1.5', '-1', '', '1e2', 'many'])
      expect(refusal(() => parseCount('--limit', text, 1, 100)).message).toContain(
        '--limit takes a whole number from 1 to 100',
      );
  });

  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('[CLI-3] %s is a duration', (text, ms) => {
    expect(parseDuration('--ttl', text)).toBe(ms);
  });

  test.each(['10', 's', '-1s', '1 s', '1w', ''])('[CLI-3] "%s" is no duration', (text) => {
    expect(refusal(() => parseDuration('--ttl', text))).toMatchObject({
      exit: 'usage',
      advice: expect.stringContaining('30s'),
    });
  });

  test('[CLI-3] tags are name=value pairs', () => {
    expect(parseTags('--tags', 'level=error, host=a=1')).toEqual({ level: 'error', host: 'a=1' });
    for (const text of ['level', '=x', 'a=1,a=2', ''])
      expect(refusal(() => parseTags('--tags', text)).exit).toBe('usage');
  });

  test('[CLI-3] data is JSON where it parses, parameters have to be', () => {
    expect(parseData('{"a": [1]}')).toEqual({ a: [1] });
    expect(parseData('hello')).toBe('hello');
    expect(parseJson('PARAMS', '[]')).toEqual([]);
    expect(refusal(() => parseJson('PARAMS', '{a: 1}'))).toMatchObject({
      exit: 'usage',
      message: expect.stringContaining('PARAMS is no JSON'),
    });
  });
});

describe('filters', () => {
  test('[CLI-29] conditions on tags, all of which must hold', () => {
    expect(parseFilter('--filter', 'level=error')).toEqual({ key: 'level', cmp: 'eq', val: 'error' });
    expect(parseFilter('--filter', 'level=error|fatal, host!=a1,zone!=b|c')).toEqual({
      op: 'and',
      nodes: [
        { key: 'level', cmp: 'in', vals: ['error', 'fatal'] },
        { key: 'host', cmp: 'neq', val: 'a1' },
        { key: 'zone', cmp: 'nin', vals: ['b', 'c'] },
      ],
    });
    expect(() => parseFilter('--filter', 'level')).toThrow('--filter: "level" is no condition on a tag');
  });
});
