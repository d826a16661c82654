import { describe, expect, it } from 'vitest';
import { compileProjection, patchText } from './projection.js';

const patch = (before: unknown, after: unknown): unknown =>
  JSON.parse(`{${patchText(JSON.stringify(before), JSON.stringify(after))}}`);
/** So long that a patch is shorter than the whole. */
const long = 'x'.repeat(100);

describe('projections of objects', () => {
  it('[KWIN-6] a change is a merge patch of what changed', () => {
    expect(
      patch(
        { long, a: { b: 1, c: 2, d: [1, { e: 1 }] }, f: 1 },
        { long, a: { b: 1, c: 3, d: [1, { e: 1 }] }, g: [2] },
      ),
    ).toEqual({ merge: { a: { c: 3 }, f: null, g: [2] } });
  });

  it('[KWIN-6] a new version that says null goes whole, since a merge patch would take it away', () => {
    expect(patch({ long, a: 1 }, { long, a: null })).toEqual({ object: { long, a: null } });
    expect(patch({ long, a: 'null' }, { long, a: 'null ' })).toEqual({ merge: { a: 'null ' } });
  });

  it('[KWIN-6] what is shorter whole goes whole', () => {
    expect(patch({ abcdef: 1, ghijkl: 2 }, { a: 1 })).toEqual({ object: { a: 1 } });
  });

  it('[KWIN-6] names that mean something elsewhere are names', () => {
    const text = patchText(
      `{"long":"${long}","__proto__":{"a":1},"constructor":1}`,
      `{"long":"${long}","__proto__":{"a":2},"toString":1}`,
    );
    expect(text).toBe('"merge":{"constructor":null,"__proto__":{"a":2},"toString":1}');
  });

  it('[KWIN-6] equal parts are equal texts, whatever else changed', () => {
    const take = compileProjection(['metadata.labels']);
    const object = (version: string, labels: object) => ({
      kind: 'Pod',
      metadata: { name: 'a', uid: 'u', labels },
      status: { version },
    });
    expect(take(object('1', { a: '1' }))).toBe(take(object('2', { a: '1' })));
    expect(take(object('1', { a: '1' }))).not.toBe(take(object('1', { a: '2' })));
  });
});
