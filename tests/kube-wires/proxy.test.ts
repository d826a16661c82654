/** The proxy: its routes in front of simulated clusters, and what they must never do. */
import { afterEach, describe, expect, it } from 'vitest';
import type { RouteRequest, RouteResponse } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import { grant, putPod, startBed, type Bed, type BedOptions } from './bed.js';

let bed: Bed | undefined;
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});

async function begin(options?: BedOptions): Promise<Bed> {
  return (bed = await startBed(options));
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: { readonly kind?: string; readonly message?: string; readonly items?: readonly unknown[] };
}

interface Given extends Partial<RouteRequest> {
  readonly cluster?: string;
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
}

async function get({ hub }: Bed, path: string, given: Given = {}): Promise<Answer> {
  const { cluster = 'demo', method = 'GET', ...more } = given;
  const route = hub.routes().find((one) => one.path === '/clusters/:cluster/*rest' && one.method === method);
  if (route === undefined) throw new Error('no proxy');
  const response: RouteResponse = await route.handle({
    principal: testPrincipal(),
    params: { cluster, rest: path.split('?')[0]?.slice(1) ?? '' },
    query: {},
    target: `/clusters/${cluster}${path}`,
    headers: {},
    body: undefined,
    requestId: 'r',
    signal: new AbortController().signal,
    ...more,
  });
  let text = response.body === undefined ? '' : JSON.stringify(response.body);
  for await (const chunk of response.stream ?? []) text += Buffer.from(chunk).toString();
  let body: Answer['body'] = {};
  try {
    body = JSON.parse(text) as Answer['body'];
  } catch {
    // No JSON: the text is what counts.
  }
  return { status: response.status, headers: response.headers ?? {}, text, body };
}

describe('the proxy', () => {
  it('[KWIRE-40] lists, objects, tables, logs and discovery are passed on', async () => {
    const one = await begin();
    putPod(one.sim, 'a b'.replace(' ', '-'), 'x', 'default', { app: 'web' });
    putPod(one.sim, 'c');
    one.sim.logs.append('default', 'c', 'main', 'hello');
    const list = await get(one, '/api/v1/pods?labelSelector=app%3Dweb&limit=5');
    expect([list.status, list.body.kind, list.body.items?.length]).toEqual([200, 'PodList', 1]);
    expect(list.headers['content-type']).toMatch(/^application\/json/);
    expect((await get(one, '/api/v1/namespaces/default/pods/c')).body.kind).toBe('Pod');
    expect((await get(one, '/api/v1/namespaces/default/pods/c/log')).text).toBe('hello\n');
    expect((await get(one, '/version')).text).toContain('gitVersion');
    const table = await get(one, '/api/v1/pods', {
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    });
    expect(table.body.kind).toBe('Table');
    const missing = await get(one, '/api/v1/namespaces/default/pods/none');
    expect([missing.status, missing.body.kind]).toEqual([404, 'Status']);
  });

  it("[KWIRE-41] the cluster is asked in the caller's own name, and no credential of the caller goes there", async () => {
    const one = await begin({ demo: { mode: 'impersonate' } });
    const { sim } = one;
    putPod(sim, 'a', '', 'web');
    grant(sim, 'ada', 'web');
    sim.resetStats();
    const headers = {
      authorization: 'Bearer mine',
      cookie: 'c=1',
      'impersonate-user': 'root',
      'x-remote-user': 'root',
    };
    const allowed = await get(one, '/api/v1/namespaces/web/pods?token=secret&as=root', { headers });
    expect([allowed.status, allowed.body.items?.length]).toEqual([200, 1]);
    expect(sim.stats().requests.filter(({ verb }) => verb === 'list')).toEqual([
      { verb: 'list', resource: 'pods', user: 'ada', code: 200, count: 1 },
    ]);
    const others = await get(one, '/api/v1/secrets', { headers });
    expect([others.status, others.body.kind]).toEqual([403, 'Status']);
    expect(others.body.message).toMatch(/forbidden/);
    const unknown = await get(one, '/api/v1/pods', { cluster: 'nowhere' });
    expect([unknown.status, unknown.body.message]).toEqual([404, 'no such cluster']);
    expect((await get(one, '/api/v1/pods', { principal: testPrincipal({ org: 'umbrella' }) })).text).toBe(
      unknown.text,
    );
    expect((await get(one, '/api/v1/pods', { principal: testPrincipal({ user: '' }) })).status).toBe(403);
  });

  it('[KWIRE-42] nothing but reading, nothing outside of the API, and no way out of the path', async () => {
    const one = await begin();
    putPod(one.sim, 'c');
    one.sim.resetStats();
    for (const path of [
      '/api/v1/namespaces/default/pods/c/exec?command=sh',
      '/api/v1/namespaces/default/pods/c/attach',
      '/api/v1/namespaces/default/pods/c/portforward',
      '/api/v1/namespaces/default/pods/c/proxy/x',
      '/api/v1/nodes/n/proxy/exec',
      '/api/v1/watch/pods',
      '/api/v1/proxy/nodes/n',
      '/api/v1/pods?watch=1',
      '/api/v1/pods?watch=true&limit=1',
      '/api/v1/namespaces/default/pods/c/log?follow=true',
      '/metrics',
      '/debug/pprof',
      '/api/v1/../../x',
      '/api/v1/%2e%2e/x',
      '/api//v1/pods',
      '/api/v1/namespaces/a%2fb/pods',
    ]) {
      const answer = await get(one, path);
      expect([path, answer.status, answer.body.kind]).toEqual([path, 400, 'Status']);
    }
    expect(one.sim.stats().requests).toEqual([]);
  });

  it('[KWIRE-42] an org that is confined to namespaces sees nothing beside them', async () => {
    const one = await begin({ demo: { visibleTo: () => ({ namespaces: ['default'] }) } });
    putPod(one.sim, 'a', '', 'default');
    putPod(one.sim, 'b', '', 'other');
    expect((await get(one, '/api/v1/namespaces/default/pods')).body.items).toHaveLength(1);
    const all = await get(one, '/api/v1/pods');
    expect([all.status, all.body.items?.length]).toEqual([200, 1]);
    for (const path of [
      '/api/v1/namespaces/other/pods',
      '/api/v1/nodes',
      '/api/v1/namespaces',
      '/api/v1/namespaces/other',
    ])
      expect([path, (await get(one, path)).status]).toEqual([path, 403]);
    expect((await get(one, '/api/v1/namespaces/default')).status).toBe(200);
    expect((await get(one, '/apis')).status).toBe(200);
  });

  it('[KWIRE-43] what a cluster answers is nothing that a browser would run', async () => {
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => {
      const page = request.url ?? '';
      if (page.startsWith('/api/v1/namespaces/r'))
        response.writeHead(302, { location: 'https://evil.test' }).end();
      else if (page.includes('selfsubjectaccessreviews'))
        response
          .writeHead(201, { 'content-type': 'application/json' })
          .end(
            '{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true}}',
          );
      else
        response
          .writeHead(200, {
            'content-type': 'text/html',
            'set-cookie': 'a=b',
            'www-authenticate': 'Basic',
            link: 'x',
          })
          .end('<script>alert(1)</script>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      const one = await begin({ demo: { open: () => ({ server: `http://127.0.0.1:${port}` }) } });
      const page = await get(one, '/api/v1/namespaces/x/pods/y');
      expect(page.headers).toEqual({
        'cache-control': 'no-store',
        'content-disposition': 'attachment',
        'content-security-policy': "default-src 'none'; sandbox",
        'content-type': 'application/octet-stream',
        'x-content-type-options': 'nosniff',
      });
      const redirect = await get(one, '/api/v1/namespaces/r/pods/y');
      expect([redirect.status, redirect.headers['location']]).toEqual([502, undefined]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('[KWIRE-44] answers come as they are read, requests of one user are bounded, and an end frees its place', async () => {
    const one = await begin();
    for (let index = 0; index < 30; index++) putPod(one.sim, `p${index}`, 'x'.repeat(200_000));
    const route = one.hub.routes().find((found) => found.path.startsWith('/clusters/'));
    const ask = (gone: AbortController): Promise<RouteResponse> =>
      Promise.resolve(
        route?.handle({
          principal: testPrincipal(),
          params: { cluster: 'demo', rest: 'api/v1/pods' },
          query: {},
          target: '/clusters/demo/api/v1/pods',
          headers: {},
          body: undefined,
          requestId: 'r',
          signal: gone.signal,
        }) as Promise<RouteResponse>,
      );
    const requests = Array.from({ length: 20 }, () => new AbortController());
    for (const gone of requests) expect((await ask(gone)).status).toBe(200);
    const refused = await ask(new AbortController());
    expect([refused.status, (refused.body as { reason: string }).reason]).toEqual([429, 'TooManyRequests']);
    expect((await get(one, '/version', { principal: testPrincipal({ user: 'bob' }) })).status).toBe(200);
    requests[0]?.abort(new Error('gone'));
    // It is never read, and no request ends it: the end of the module does.
    expect((await ask(new AbortController())).status).toBe(200);
    for (const gone of requests) gone.abort(new Error('gone'));
  });

  it('[KWIRE-45] what consoles ask about themselves is answered, in their own name, and for a confined org within its walls', async () => {
    const ask = async (one: Bed, attributes: object, given: Given = {}): Promise<unknown> => {
      const answer = await get(one, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ spec: { resourceAttributes: attributes } })),
        ...given,
      });
      return [
        answer.status,
        (answer.body as { readonly status?: { readonly allowed?: boolean } }).status?.allowed,
      ];
    };
    const list = { verb: 'list', resource: 'pods' };
    const one = await begin({ demo: { mode: 'impersonate' } });
    grant(one.sim, 'ada', 'web');
    expect(await ask(one, { ...list, namespace: 'web' })).toEqual([201, true]);
    expect(await ask(one, { ...list, namespace: 'db' })).toEqual([201, false]);
    expect(await ask(one, list, { principal: testPrincipal({ user: '' }) })).toEqual([403, undefined]);
    await one.stop();
    const confined = await begin({ demo: { visibleTo: () => ({ namespaces: ['web'] }) } });
    const nobody = { principal: testPrincipal({ user: '' }) };
    expect(await ask(confined, { ...list, namespace: 'web' }, nobody)).toEqual([201, true]);
    expect(await ask(confined, { ...list, namespace: 'db' }, nobody)).toEqual([201, false]);
    expect(await ask(confined, list, nobody)).toEqual([201, false]);
  });
});
