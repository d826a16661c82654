import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObject } from '../model/objects.js';
import { jsonPatch, mergePatch } from './patch.js';

/** The examples of RFC 7396, appendix A. */
const MERGES: readonly (readonly [target: unknown, patch: unknown, result: unknown])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

const leaf = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('x', 'y'), fc.constant(true));
const document = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.array(leaf, { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd/e', 'f~g'), tie('node'), { maxKeys: 4 }),
  ),
})).node;

/** The merge patch that leads from one document to another; possible where no value is null. */
function difference(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to;
  const removed = Object.keys(from).filter((field) => !(field in to));
  return Object.fromEntries([
    ...removed.map((field) => [field, null] as const),
    ...Object.entries(to).map(([field, value]) => [field, difference(from[field], value)] as const),
  ]);
}

describe('merge patches', () => {
  it.each(MERGES)('[KSIM-31] %j with %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  it('[KSIM-31] the difference of two documents leads from one to the other, and leaves the first alone', () => {
    fc.assert(
      fc.property(document, document, (from, to) => {
        const before = JSON.stringify(from);
        expect(mergePatch(from, difference(from, to))).toEqual(to);
        expect(JSON.stringify(from)).toBe(before);
      }),
    );
  });

  it('[KSIM-31] a field named after the prototype changes nothing', () => {
    const patched = mergePatch({}, JSON.parse('{"__proto__":{"admin":true},"a":1}')) as { admin?: unknown };
    expect([patched, patched.admin]).toEqual([{ a: 1 }, undefined]);
  });
});

describe('JSON patches', () => {
  const target = { list: ['a', 'b'], object: { 'x/y': 1, 'm~n': 2 }, nothing: null };
  it.each([
    [{ op: 'add', path: '/list/1', value: 'n' }, { list: ['a', 'n', 'b'] }],
    [{ op: 'add', path: '/list/-', value: 'n' }, { list: ['a', 'b', 'n'] }],
    [{ op: 'add', path: '/new', value: { deep: 1 } }, { new: { deep: 1 } }],
    [{ op: 'remove', path: '/list/0' }, { list: ['b'] }],
    [{ op: 'replace', path: '/object/x~1y', value: 7 }, { object: { 'x/y': 7, 'm~n': 2 } }],
    [{ op: 'replace', path: '/object/m~0n', value: 7 }, { object: { 'x/y': 1, 'm~n': 7 } }],
    [{ op: 'copy', from: '/list', path: '/object' }, { object: ['a', 'b'] }],
    [{ op: 'move', from: '/list/0', path: '/list/1' }, { list: ['b', 'a'] }],
    [{ op: 'test', path: '/nothing', value: null }, {}],
  ])('[KSIM-31] %j', (operation, change) => {
    const before = JSON.stringify(target);
    expect(jsonPatch(target, [operation])).toEqual({ ...target, ...change });
    expect(JSON.stringify(target)).toBe(before);
  });

  it.each([
    { op: 'remove', path: '/none' },
    { op: 'replace', path: '/list/2', value: 1 },
    { op: 'add', path: '/list/3', value: 1 },
    { op: 'add', path: '/list/01', value: 1 },
    { op: 'add', path: '/none/deeper', value: 1 },
    { op: 'remove', path: '/list/-' },
    { op: 'test', path: '/list/', value: 'a' },
    { op: 'copy', from: '/list/9', path: '/x' },
    { op: 'move', from: '/object', path: '/object/inside' },
    { op: 'test', path: '/list/0', value: 'b' },
    { op: 'add', path: '/__proto__/x', value: 1 },
  ])('[KSIM-31] %j does not fit: 422', (operation) => {
    expect(() => jsonPatch(target, [operation])).toThrow(expect.objectContaining({ code: 422 }) as Error);
  });

  it.each([
    [{ op: 'add', path: '/a', value: 1 }],
    [[1]],
    [[{ op: 'jump', path: '/a' }]],
    [[{ op: 'add', path: 'a', value: 1 }]],
    [[{ op: 'add', path: '/a' }]],
    [[{ op: 'copy', path: '/a' }]],
    [Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: 1 }))],
  ])('[KSIM-31] a malformed patch is a 400 (%#)', (patch) => {
    expect(() => jsonPatch(target, patch)).toThrow(expect.objectContaining({ code: 400 }) as Error);
  });
});
