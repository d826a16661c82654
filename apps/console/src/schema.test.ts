import { describe, expect, it } from 'vitest';
import { check } from './schema.js';

const message = {
  type: 'object',
  required: ['text'],
  properties: {
    text: { type: 'string', minLength: 1, maxLength: 5 },
    level: { enum: ['info', 'error'] },
    count: { type: 'integer', minimum: 1, maximum: 9 },
    tags: { type: 'object', additionalProperties: { type: 'string' } },
    lines: { type: 'array', items: { $ref: '#/$defs/line' }, maxItems: 2 },
  },
  additionalProperties: false,
  $defs: { line: { type: 'object', properties: { at: { type: 'number' } }, required: ['at'] } },
};
const paths = (value: unknown) => check(message, value).map(({ path, message: text }) => `${path}: ${text}`);

describe('data against a schema', () => {
  it('[CONSOLE-7] what fits has no finding', () => {
    expect(
      check(message, { text: 'hi', level: 'info', count: 3, tags: { a: 'b' }, lines: [{ at: 1.5 }] }),
    ).toEqual([]);
  });

  it('[CONSOLE-7] a finding names the place', () => {
    expect(paths({ text: '', level: 'warn', count: 1.5, tags: { a: 1 }, lines: [{ at: 1 }, {}] })).toEqual([
      'text: must have at least 1 characters',
      'level: must be one of "info", "error"',
      'count: must be an integer, is a number',
      'tags.a: must be a string, is a number',
      'lines[1]: needs at',
    ]);
    expect(paths({ text: 'x', other: 1 })).toEqual(['other: must not be there']);
    expect(paths({ count: 12, text: 'x' })).toEqual(['count: must be at most 9']);
    expect(paths({})).toEqual([': needs text']);
    expect(paths([])).toEqual([': must be an object, is an array']);
    expect(paths(null)).toEqual([': must be an object, is null']);
  });

  it('[CONSOLE-7] of several forms the nearest one’s findings are shown', () => {
    const either = {
      oneOf: [
        {
          type: 'object',
          properties: { kind: { const: 'a' }, x: { type: 'number' } },
          required: ['kind', 'x'],
        },
        { type: 'object', properties: { kind: { const: 'b' } }, required: ['kind'] },
      ],
    };
    expect(check(either, { kind: 'a', x: 1 })).toEqual([]);
    expect(check(either, { kind: 'b' })).toEqual([]);
    expect(check(either, { kind: 'c' })).toEqual([{ path: 'kind', message: 'must be "b"' }]);
  });

  it('[CONSOLE-7] a schema that refers to itself, and data that is deep, end', () => {
    const tree = { type: 'object', properties: { child: { $ref: '#' } } };
    let data: unknown = {};
    for (let depth = 0; depth < 5_000; depth++) data = { child: data };
    expect(check(tree, data)).toEqual([]);
    expect(check({ $ref: '#' }, 1)).toEqual([]);
    expect(check(tree, { child: { child: 1 } })).toEqual([
      { path: 'child.child', message: 'must be an object, is a number' },
    ]);
  });

  it('[CONSOLE-7] a pattern that is no regular expression, or an unknown keyword, is no finding', () => {
    expect(check({ type: 'string', pattern: '(' }, 'x')).toEqual([]);
    expect(check({ type: 'string', pattern: '^a' }, 'b')).toHaveLength(1);
    expect(check({ format: 'email', ofTheFuture: 1 }, 'x')).toEqual([]);
  });
});
