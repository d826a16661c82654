import type { KubeCluster, KubeRequest } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import { listEarlier } from './earlier.js';

const PODS = { group: '', version: 'v1', resource: 'pods', namespace: 'web' };

/** An API server that answers these documents, one after the other, and what it was asked. */
function answering(...documents: readonly object[]) {
  const paths: string[] = [];
  const cluster = {
    listSlots: { run: (read: () => Promise<unknown>) => read() },
    request: ({ path }: KubeRequest) => {
      paths.push(path);
      const text = JSON.stringify(documents[paths.length - 1]);
      return Promise.resolve({ status: 200, headers: {}, body: [Buffer.from(text)] });
    },
  } as unknown as Pick<KubeCluster, 'request' | 'listSlots'>;
  return { cluster, paths };
}

const options = { maxObjects: 10, signal: new AbortController().signal };
const item = (name: string): object => ({
  metadata: { namespace: 'web', name, uid: `u-${name}`, resourceVersion: '7' },
});

describe('an earlier list', () => {
  it('[KWIRE-5] is read page by page, at its version', async () => {
    const { cluster, paths } = answering(
      { items: [item('a')], metadata: { continue: 'more' } },
      { items: [item('b')], metadata: {} },
    );
    const found = await listEarlier(cluster, PODS, '9', options);
    expect([...found]).toEqual([
      ['web/a', { namespace: 'web', name: 'a', uid: 'u-a', version: '7' }],
      ['web/b', { namespace: 'web', name: 'b', uid: 'u-b', version: '7' }],
    ]);
    expect(paths[0]).toContain('/api/v1/namespaces/web/pods?');
    expect(paths[0]).toContain('resourceVersion=9&resourceVersionMatch=Exact');
    expect(paths[1]).toContain('continue=more');
  });

  it('[KWIRE-5] may be empty: API servers write null then, where metadata alone is asked for', async () => {
    const { cluster } = answering({ items: null, metadata: { resourceVersion: '9' } });
    expect([...(await listEarlier(cluster, PODS, '9', options))]).toEqual([]);
    const bad = answering({ metadata: {} });
    await expect(listEarlier(bad.cluster, PODS, '9', options)).rejects.toThrow(/items/);
  });
});
