import { describe, expect, it } from 'vitest';
import { parseApiPath, parseWatch, segmentsOf } from './api-path.js';

const read = (path: string) => parseApiPath(segmentsOf(path));
const watch = (path: string, query: string) => parseWatch(path, new URLSearchParams(query));

describe('paths of the API', () => {
  it('[KWIRE-22] lists, objects and what lies below them', () => {
    expect(read('/api/v1/pods')).toEqual({ group: '', version: 'v1', resource: 'pods', below: [] });
    expect(read('/apis/apps/v1/namespaces/web/deployments/x/scale')).toEqual({
      group: 'apps',
      version: 'v1',
      resource: 'deployments',
      namespace: 'web',
      name: 'x',
      below: ['scale'],
    });
    expect(read('/api/v1/namespaces/web')).toMatchObject({ resource: 'namespaces', name: 'web' });
    expect(read('/api/v1/namespaces/web/status')).toMatchObject({
      resource: 'namespaces',
      name: 'web',
      below: ['status'],
    });
    expect([read('/version'), read('/api/v1'), read('/apis/apps/v1')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('[KWIRE-42] paths that two readers could take for different things are refused', () => {
    for (const path of [
      '',
      'api/v1/pods',
      '/api//pods',
      '/api/v1/pods/',
      '/api/v1/./pods',
      '/api/v1/../pods',
      '/api/v1/%2e%2e/pods',
      '/api/v1/namespaces/a%2fb/pods',
      '/api/v1/namespaces/a%5cb/pods',
      '/api/v1/namespaces/a%252fb/pods',
      '/api/v1/namespaces/a%00/pods',
      '/api/v1/%zz',
    ])
      expect(() => segmentsOf(path), path).toThrow(/path/);
    expect(segmentsOf('/apis/x.y/v1/namespaces/a%3Ab/pods')).toContain('a:b');
  });

  it('[KWIRE-22] a watch: selectors in one form, names as selectors', () => {
    expect(watch('/api/v1/pods', 'watch=true&labelSelector=b%3Dc,a==d&resourceVersion=7')).toMatchObject({
      question: { resource: 'pods', labelSelector: 'a=d,b=c' },
      version: '7',
      bookmarks: false,
    });
    expect(
      watch('/api/v1/namespaces/n/pods/x', 'watch=1&fieldSelector=spec.nodeName=m&allowWatchBookmarks=true'),
    ).toMatchObject({
      question: { namespace: 'n', fieldSelector: 'metadata.name=x,spec.nodeName=m' },
      version: '',
      bookmarks: true,
    });
    for (const [path, query] of [
      ['/api/v1/pods', ''],
      ['/api/v1/pods', 'watch=0'],
      ['/api/v1/pods', 'watch=false'],
      ['/api/v1/namespaces/n/pods/x/log', 'watch=1'],
      ['/version', 'watch=1'],
    ] as const)
      expect(() => watch(path, query), `${path}?${query}`).toThrow(/path|query/);
  });
});
