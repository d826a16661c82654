import { describe, expect, it } from 'vitest';
import { matchPath, route, splitTarget } from './route.js';
import { endpoint } from './testing.js';

const never = (): never => {
  throw new Error('not opened here');
};

describe('routes', () => {
  it('[WS-1] parts are matched and decoded', () => {
    expect(matchPath('/panels/:id/ws', '/panels/a%20b/ws')).toEqual({ id: 'a b' });
    expect(matchPath('/panels/:id/ws', '/panels//ws')).toBeUndefined();
    expect(matchPath('/panels/:id/ws', '/panels/a/b/ws')).toBeUndefined();
    expect(matchPath('/panels/:id/ws', '/panels/a%2Fb/ws')).toEqual({ id: 'a/b' });
    expect(matchPath('/ws', '/ws/')).toBeUndefined();
    expect(matchPath('/panels/:id/ws', '/panels/%E0%A4%A/ws')).toBe('malformed');
  });

  it('[WS-1] exact paths come before patterns, the method is checked last', () => {
    const pattern = endpoint(never, '/panels/:id');
    const exact = endpoint(never, '/panels/new');
    expect(route([pattern, exact], 'GET', '/panels/new')).toMatchObject({ kind: 'found', endpoint: exact });
    expect(route([pattern, exact], 'GET', '/panels/old')).toMatchObject({
      kind: 'found',
      endpoint: pattern,
      params: { id: 'old' },
    });
    expect(route([pattern], 'POST', '/panels/x')).toEqual({ kind: 'wrongMethod', allow: 'GET' });
    expect(route([pattern], 'GET', '/other')).toEqual({ kind: 'notFound' });
    expect(route([pattern], 'GET', '/panels/%zz')).toEqual({ kind: 'badPath' });
  });

  it('[WS-1] a pattern may leave the end open; its value is as it came', () => {
    expect(matchPath('/c/:id/*rest', '/c/a%20b/x/%2Fy//z')).toEqual({ id: 'a b', rest: 'x/%2Fy//z' });
    expect(matchPath('/c/:id/*rest', '/c/a/%zz')).toEqual({ id: 'a', rest: '%zz' });
    expect([matchPath('/c/:id/*rest', '/c/a/'), matchPath('/c/:id/*rest', '/c/a')]).toEqual([
      undefined,
      undefined,
    ]);
    const openEnded = endpoint(never, '/c/*rest');
    const pattern = endpoint(never, '/c/:id/ws');
    expect(route([openEnded, pattern], 'GET', '/c/a/ws')).toMatchObject({ endpoint: pattern });
    expect(route([openEnded, pattern], 'GET', '/c/a/other')).toMatchObject({
      endpoint: openEnded,
      params: { rest: 'a/other' },
    });
  });

  it('[WS-1] the target is split without interpreting it', () => {
    const { path, query } = splitTarget('//evil.test/ws?a=1&a=2&b=%20');
    expect(path).toBe('//evil.test/ws');
    expect(query.getAll('a')).toEqual(['1', '2']);
    expect(query.get('b')).toBe(' ');
  });
});
