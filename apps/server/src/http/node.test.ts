import type { AddressInfo } from 'node:net';
import type { RouteDescriptor, RouteRequest } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestApp, FakeHub, type TestApp } from './testing.js';

const open: TestApp[] = [];
afterEach(async () => {
  for (const { app } of open.splice(0)) await app.close();
});

async function setUp(
  hub = new FakeHub(),
  options: Parameters<typeof createTestApp>[1] = {},
): Promise<TestApp> {
  const test = await createTestApp(hub, options);
  open.push(test);
  return test;
}

describe('health', () => {
  it('[SERVE-1] alive always, ready until the drain begins', async () => {
    const { app, hub } = await setUp();
    expect((await app.inject('/health/ready')).statusCode).toBe(200);
    hub.draining = true;
    expect(await app.inject('/health/ready')).toMatchObject({
      statusCode: 503,
      body: '{"status":"draining"}',
    });
    expect((await app.inject('/health/live')).statusCode).toBe(200);
  });
});

describe('closing', () => {
  it('[SERVE-5] a request that comes while the server closes is refused with a code', async () => {
    const { app } = await setUp();
    let go = (): void => undefined;
    app.addHook('preClose', () => new Promise<void>((resolve) => (go = resolve)));
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const closed = app.close();
    const answer = await fetch(`http://127.0.0.1:${port}/api/info`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: 1005 } });
    go();
    await closed;
  });
});

describe('metrics', () => {
  it("[SERVE-2] the hub's numbers, read when asked, in bounded families", async () => {
    const { app, hub } = await setUp(new FakeHub({ connections: () => ({ connections: [], total: 4 }) }));
    const { body, headers } = await app.inject('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const line of [
      'trunkline_connections 7',
      'trunkline_publications_total 100',
      'trunkline_commands_total{command="subscribe"} 11',
      'trunkline_errors_total{code="103"} 2',
      'trunkline_overflows_total{outcome="gap"} 3',
      'trunkline_recoveries_total{result="unrecovered"} 1',
      'trunkline_delivery_latency_seconds{quantile="0.99"} 0.005',
      'trunkline_org_connections{org="acme"} 4',
      'trunkline_draining 0',
    ]) {
      expect(body).toContain(`${line}\n`);
    }
    hub.draining = true;
    const again = (await app.inject('/metrics')).body;
    expect(again).toContain('trunkline_draining 1\n');
    expect(again).toContain('trunkline_publications_total 100\n');
  });

  it('[SERVE-2] API calls are counted by method and code', async () => {
    const { app } = await setUp(
      new FakeHub({
        presence: () => Promise.resolve(new Map()),
        history: () => Promise.reject(new CodedError('notAvailable')),
        connections: () => ({ connections: [], total: 0 }),
      }),
    );
    const call = (method: string, payload: object) =>
      app.inject({ method: 'POST', url: `/api/${method}`, headers: { 'x-api-key': 'acme-key' }, payload });
    await call('presence', { channel: 'a' });
    await call('presence', {});
    await call('history', { channel: 'a' });
    await call(`made-up-${'x'.repeat(50)}`, {});
    const lines = (await app.inject('/metrics')).body
      .split('\n')
      .filter((line) => line.startsWith('trunkline_api_calls_total'));
    expect(lines.sort()).toEqual([
      'trunkline_api_calls_total{method="history",code="108"} 1',
      'trunkline_api_calls_total{method="presence",code="0"} 1',
      'trunkline_api_calls_total{method="presence",code="107"} 1',
    ]);
  });

  it('[SERVE-2] with a token configured a scrape must present it', async () => {
    const { app } = await setUp(new FakeHub({ connections: () => ({ connections: [], total: 0 }) }), {
      metricsToken: 'scrape-me',
    });
    expect((await app.inject('/metrics')).statusCode).toBe(401);
    expect(
      (await app.inject({ url: '/metrics', headers: { authorization: 'Bearer other' } })).statusCode,
    ).toBe(401);
    expect(
      (await app.inject({ url: '/metrics', headers: { authorization: 'Bearer scrape-me' } })).statusCode,
    ).toBe(200);
  });
});

const BEARER = { authorization: 'Bearer good' };

describe('routes of modules', () => {
  const seen: RouteRequest[] = [];
  const thing: RouteDescriptor = {
    method: 'POST',
    path: '/things/:id',
    summary: 'For tests.',
    query: { type: 'object', properties: { dry: { enum: ['yes', 'no'] } } },
    body: { type: 'object', properties: { n: { type: 'integer', maximum: 3 } }, required: ['n'] },
    handle: (request) => {
      seen.push(request);
      return {
        status: 201,
        headers: { 'x-thing': 'made' },
        body: { id: request.params['id'], user: request.principal.user, org: request.principal.org },
      };
    },
  };
  const stream: RouteDescriptor = {
    method: 'GET',
    path: '/things',
    summary: 'For tests.',
    handle: () => ({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      stream: (async function* () {
        yield new TextEncoder().encode('one ');
        yield new TextEncoder().encode('two');
      })(),
    }),
  };
  const failing: RouteDescriptor = {
    method: 'GET',
    path: '/failing',
    summary: 'For tests.',
    handle: () => Promise.reject(new Error('secret detail')),
  };

  async function withRoutes(): Promise<TestApp> {
    const hub = new FakeHub();
    hub.routeList = [thing, stream, failing];
    return setUp(hub);
  }

  it('[API-19] a caller is known by cookie, bearer token or API key; nobody else gets in', async () => {
    const { app, sessions } = await withRoutes();
    const post = async (headers: Record<string, string>) => {
      const { statusCode, body } = await app.inject({
        method: 'POST',
        url: '/things/7',
        headers: { host: 'localhost', ...headers },
        payload: { n: 1 },
      });
      return `${statusCode} ${body}`;
    };
    const origin = { address: '::1', requestId: 'r' };
    const cookie = (await sessions.signIn(sessions.createLinkCode(), origin)).split(';')[0] ?? '';
    expect(await post({})).toMatch(/^401 /);
    expect(await post({ authorization: 'Bearer bad' })).toMatch(/^401 /);
    expect(await post({ 'x-api-key': 'bad' })).toMatch(/^401 /);
    expect(await post({ authorization: 'Bearer good' })).toBe(
      '201 {"id":"7","user":"operator","org":"acme"}',
    );
    expect(await post({ cookie })).toBe('201 {"id":"7","user":"operator","org":"acme"}');
    expect(await post({ 'x-api-key': 'acme-key' })).toBe(
      '201 {"id":"7","user":"apikey:backend","org":"acme"}',
    );
    expect(await post({ 'x-api-key': 'all-key' })).toMatch(/^400 .*X-Org/);
    expect(await post({ 'x-api-key': 'all-key', 'x-org': 'umbrella' })).toBe(
      '201 {"id":"7","user":"apikey:root","org":"umbrella"}',
    );
    expect(await post({ cookie, origin: 'https://evil.example' })).toMatch(/^403 /);
    expect(seen.at(-1)).toMatchObject({
      params: { id: '7' },
      body: { n: 1 },
      requestId: expect.stringMatching(/^\w{16}$/) as string,
    });
  });

  it('[API-18] [API-19] a key needs the scope that the route names, else the first part of its path', async () => {
    const hub = new FakeHub();
    const route = (path: string, scope?: string): RouteDescriptor => ({
      method: 'GET',
      path,
      summary: 'For tests.',
      ...(scope === undefined ? {} : { scope }),
      handle: () => ({ status: 200, body: {} }),
    });
    hub.routeList = [route('/things/a'), route('/things/b', 'publish'), route('/publish/c')];
    const { app } = await setUp(hub);
    const get = async (url: string) =>
      (await app.inject({ url, headers: { host: 'localhost', 'x-api-key': 'narrow-key' } })).statusCode;
    expect(await Promise.all(['/things/a', '/things/b', '/publish/c'].map(get))).toEqual([403, 200, 200]);
  });

  it('[API-19] a path may be open at its end; the module sees the target as it came, and no credential', async () => {
    const hub = new FakeHub();
    hub.routeList = [
      {
        method: 'GET',
        path: '/files/:id/*rest',
        summary: 'For tests.',
        anonymous: true,
        handle: (request) => {
          seen.push(request);
          return { status: 200, body: { user: request.principal.user } };
        },
      },
    ];
    const { app } = await setUp(hub);
    const get = (url: string, headers: Record<string, string>) =>
      app.inject({ url, headers: { host: 'localhost', accept: 'text/x', ...headers } });
    const target = '/files/a%20b/x/%2Fy/z?q=%20&q=2';
    expect((await get(target, { authorization: 'Bearer good', 'x-api-key': '' })).json()).toEqual({
      user: 'operator',
    });
    expect(seen.at(-1)).toMatchObject({ params: { id: 'a b', rest: 'x/%2Fy/z' }, target });
    expect(seen.at(-1)?.headers).toMatchObject({ accept: 'text/x' });
    expect(Object.keys(seen.at(-1)?.headers ?? {})).not.toContain('authorization');
    expect((await get('/files/a/', { authorization: 'Bearer good' })).statusCode).toBe(404);
    // A wrong credential is not as good as none.
    expect((await get(target, { authorization: 'Bearer bad' })).statusCode).toBe(401);
    expect((await get(target, { authorization: 'Basic x' })).statusCode).toBe(401);
    expect((await get(target, {})).statusCode).toBe(401);
  });

  it('[API-19] an anonymous user comes in where the server knows one, and not for a page of elsewhere', async () => {
    const hub = new FakeHub();
    const open: RouteDescriptor = {
      method: 'GET',
      path: '/open',
      summary: 'For tests.',
      anonymous: true,
      handle: ({ principal }) => ({ status: 200, body: { user: principal.user } }),
    };
    hub.routeList = [open, { ...open, path: '/closed', anonymous: false }];
    const { app } = await setUp(hub, { loopbackOriginOnly: true, anonymous: true });
    const get = async (url: string, headers: Record<string, string>) =>
      (await app.inject({ url, headers: { host: 'localhost:8000', ...headers } })).statusCode;
    expect(await get('/open', {})).toBe(200);
    expect(await get('/open', { origin: 'http://localhost:8000' })).toBe(200);
    expect(await get('/closed', {})).toBe(401);
    expect(await get('/open', { authorization: 'Bearer bad' })).toBe(401);
    expect(await get('/open', { origin: 'https://evil.test' })).toBe(401);
    expect(await get('/open', { 'sec-fetch-site': 'cross-site' })).toBe(401);
    // A name that was made to point at this machine.
    expect(await get('/open', { host: 'evil.test:8000' })).toBe(401);
  });

  it('[API-19] parts are checked against the descriptor before the handler runs', async () => {
    const { app } = await withRoutes();
    const before = seen.length;
    const post = async (url: string, payload: string) =>
      (
        await app.inject({
          method: 'POST',
          url,
          headers: { authorization: 'Bearer good', 'content-type': 'application/json' },
          payload,
        })
      ).json<{ error: { message: string } }>().error.message;
    expect(await post('/things/7', '{}')).toBe('bad request: n is required');
    expect(await post('/things/7', '{"n":4}')).toBe('bad request: n must be at most 3');
    expect(await post('/things/7?dry=perhaps', '{"n":1}')).toBe(
      'bad request: query: dry must be one of yes, no',
    );
    expect(await post('/things/7', '{')).toBe('bad request: the body is not valid JSON');
    expect(seen.length).toBe(before);
  });

  it('[API-29] a route that takes bytes gets them as they came, of its types and up to its length, and nothing from pages of elsewhere', async () => {
    const hub = new FakeHub();
    hub.routeList = [
      thing,
      {
        method: 'PATCH',
        path: '/raw/:id',
        summary: 'For tests.',
        anonymous: true,
        rawBody: { types: ['application/json', 'application/x-patch+yaml'], maxBytes: 2_000_000 },
        handle: ({ body }) => {
          const bytes = body instanceof Uint8Array ? Buffer.from(body).toString('latin1') : typeof body;
          return { status: 200, body: { bytes: bytes.slice(0, 20), length: bytes.length } };
        },
      },
    ];
    const { app, sessions } = await setUp(hub, { anonymous: true, bodyMaxBytes: 1_000 });
    const patch = async (
      type: string | undefined,
      payload?: Buffer | string,
      more: Record<string, string> = BEARER,
    ) => {
      const headers = { host: 'localhost', ...more };
      const { statusCode, body } = await app.inject({
        method: 'PATCH',
        url: '/raw/1',
        headers: type === undefined ? headers : { ...headers, 'content-type': type },
        ...(payload === undefined ? {} : { payload }),
      });
      return `${statusCode} ${body}`;
    };
    const bytes = Buffer.from([0x7b, 0xff, 0x00]);
    expect(await patch('application/json; charset=utf-8', bytes)).toBe(
      '200 {"bytes":"{ÿ\\u0000","length":3}',
    );
    expect(await patch('application/x-patch+yaml', 'a: 1')).toBe('200 {"bytes":"a: 1","length":4}');
    expect(await patch('application/json', '')).toMatch(/"bytes":"undefined"/);
    expect(await patch(undefined)).toMatch(/"bytes":"undefined"/);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', undefined])
      expect(await patch(type, bytes)).toMatch(/^415 {"error":{"code":107/);
    expect(await patch('application/json', 'x'.repeat(2_000_000))).toMatch(/"length":2000000/);
    expect(await patch('application/json', 'x'.repeat(2_000_001))).toMatch(
      /^413 .*larger than 2000000 bytes/,
    );
    const origin = { address: '::1', requestId: 'r' };
    const cookie = (await sessions.signIn(sessions.createLinkCode(), origin)).split(';')[0] ?? '';
    const foreign = { origin: 'https://evil.test' };
    const crossSite = { 'sec-fetch-site': 'cross-site' };
    expect(await patch('application/json', '{}', { cookie })).toMatch(/^200/);
    for (const page of [foreign, crossSite]) {
      expect(await patch('application/json', '{}', { cookie, ...page })).toMatch(/^403/);
      expect(await patch('application/json', '{}', page)).toMatch(/^401/);
    }
    // Other routes are as they were.
    const plain = {
      method: 'POST',
      url: '/things/7',
      headers: { host: 'localhost', authorization: 'Bearer good' },
    } as const;
    expect((await app.inject({ ...plain, payload: { n: 1 } })).statusCode).toBe(201);
    expect((await app.inject({ ...plain, payload: { n: 'x'.repeat(1_000) } })).statusCode).toBe(413);
  });

  it('[API-19] streams are written as they come; failures say nothing of their cause', async () => {
    const { app, logger } = await withRoutes();
    const headers = { authorization: 'Bearer good' };
    expect(await app.inject({ url: '/things', headers })).toMatchObject({ statusCode: 200, body: 'one two' });
    const failed = await app.inject({ url: '/failing', headers });
    expect(failed).toMatchObject({
      statusCode: 500,
      body: '{"error":{"code":100,"message":"internal server error"}}',
    });
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'error',
      fields: { requestId: failed.headers['x-request-id'] },
    });
  });
});

describe('paths of the wire', () => {
  it('[API-20] an ordinary request to a WebSocket path is told so', async () => {
    const hub = new FakeHub();
    hub.endpointList = [
      {
        id: 'native',
        method: 'GET',
        path: '/connection/websocket',
        transport: 'websocket',
        deadlineMs: 1_000,
        open: () => ({ kind: 'refuse', status: 500, body: '' }),
      },
    ];
    const { app } = await setUp(hub);
    expect(await app.inject('/connection/websocket?x=1')).toMatchObject({
      statusCode: 426,
      headers: { upgrade: 'websocket' },
    });
  });
});
