import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPaths, createCut, formatPath, parsePath } from './paths.js';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web',
    namespace: 'blue',
    uid: 'u1',
    resourceVersion: '7',
    labels: { 'app.kubernetes.io/name': 'web', x: 'y' },
    managedFields: [1],
  },
  spec: {
    containers: [
      { name: 'a', image: 'i1' },
      { name: 'b', image: 'i2' },
    ],
    nodeName: 'n1',
  },
  status: { phase: 'Running', ready: false, none: null },
};
const ID = { name: 'web', namespace: 'blue', uid: 'u1' };

describe('wanted fields', () => {
  it('[KUBE-25] are cut out of the object, beside what says which one it is', () => {
    expect(createCut([])(POD)).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: ID });
    expect(
      createCut(['status.phase', 'status.ready', 'status.none', 'nope.x', 'spec.nodeName.x'])(POD),
    ).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: ID,
      status: { phase: 'Running', ready: false, none: null },
    });
    expect(createCut(['metadata.labels["app.kubernetes.io/name"]', 'spec.containers[1].image'])(POD)).toEqual(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...ID, labels: { 'app.kubernetes.io/name': 'web' } },
        spec: { containers: [null, { image: 'i2' }] },
      },
    );
  });

  it('[KUBE-25] the version of the object is among them where it is wanted, by itself or with its parent', () => {
    for (const paths of [['metadata.resourceVersion'], ['metadata']]) {
      expect(canonicalPaths(paths)).toEqual(paths);
      expect(createCut(paths)(POD)).toMatchObject({ metadata: { ...ID, resourceVersion: '7' } });
    }
    expect(canonicalPaths(['metadata.uid', 'metadata.name'])).toEqual([]);
  });

  it('[KUBE-25] of an object that is unlike any other are cut as well', () => {
    expect(createCut(['a.b'])(JSON.parse('{"a":[1],"__proto__":{"b":1},"kind":"X"}'))).toEqual({ kind: 'X' });
    const odd = createCut(['__proto__.b'])(JSON.parse('{"__proto__":{"b":1,"c":2}}')) as object;
    expect(JSON.stringify(odd)).toBe('{"__proto__":{"b":1}}');
    expect(Object.getPrototypeOf(odd)).toBe(Object.prototype);
    expect(createCut(['a'])(null)).toEqual({});
  });

  it('[KUBE-25] have one form: in order, without what is part of another', () => {
    expect(canonicalPaths(['status.phase', 'spec', 'status', 'spec["nodeName"]', 'metadata.name'])).toEqual([
      'spec',
      'status',
    ]);
    expect(canonicalPaths(['["a"].b', 'a["b"]', 'a.b'])).toEqual(['a.b']);
  });

  it('[KUBE-25] paths are what was written, whatever the names', () => {
    const steps = fc.array(fc.oneof(fc.string({ minLength: 1, maxLength: 8 }), fc.nat(99_999)), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(steps, (path) => {
        expect(parsePath(formatPath(path))).toEqual(path);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    '',
    '.',
    '.a',
    'a.',
    'a..b',
    'a[',
    'a[x]',
    'a["b]',
    'a b',
    'a.["b"]',
    'a[1234567]',
    'x.'.repeat(40) + 'x',
  ])('[KUBE-25] %j is no path', (text) => {
    expect(() => parsePath(text)).toThrow(expect.objectContaining({ code: 107 }) as Error);
  });
});
