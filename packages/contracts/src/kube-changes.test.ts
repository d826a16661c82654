import { describe, expect, it } from 'vitest';
import { changesBetween } from './kube-changes.js';

describe('changes of an object', () => {
  it('[KCON-24] are told by path, with what was and what is', () => {
    const before = {
      metadata: { resourceVersion: '1', labels: { 'app.kubernetes.io/name': 'web' } },
      spec: { replicas: 1, containers: [{ image: 'web:1' }] },
      gone: true,
    };
    const after = {
      metadata: { resourceVersion: '2', labels: { 'app.kubernetes.io/name': 'shop' } },
      spec: { replicas: 1, containers: [{ image: 'web:2' }, { image: 'side:1' }] },
      made: null,
    };
    expect(changesBetween(before, after)).toEqual([
      { path: 'metadata.labels["app.kubernetes.io/name"]', before: 'web', after: 'shop' },
      { path: 'spec.containers[0].image', before: 'web:1', after: 'web:2' },
      { path: 'spec.containers[1]', before: undefined, after: { image: 'side:1' } },
      { path: 'made', before: undefined, after: null },
      { path: 'gone', before: true, after: undefined },
    ]);
    expect(changesBetween(after, after)).toEqual([]);
  });

  it('[KCON-24] are at most fifty', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`f${at}`, at]));
    expect(changesBetween({}, many)).toHaveLength(50);
  });
});
