/** What server libraries of the public API send beyond the plain case, and what callers get who send something odd. */
import { gzipSync } from 'node:zlib';
import { CodedError, type Publication } from '@trunkline/protocol';
import type { NamespaceOptions } from '@trunkline/hub';
import { afterEach, describe, expect, it } from 'vitest';
import type { HttpOptions } from './ports.js';
import { createTestApp, FakeHub, type TestApp } from './testing.js';

const open: TestApp[] = [];
afterEach(async () => {
  for (const { app } of open.splice(0)) await app.close();
});

const PUBLISHED = { position: { epoch: 'e', offset: 3 }, deduplicated: false };
const KEY = { 'x-api-key': 'acme-key' };

async function setUp(answers: FakeHub['answers'] = {}, options: Partial<HttpOptions> = {}) {
  const hub = new FakeHub({ publish: () => Promise.resolve(PUBLISHED), ...answers });
  const test = await createTestApp(hub, options);
  open.push(test);
  const send = async (
    method: 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    payload?: string | Buffer | object,
    headers: Record<string, string | string[]> = KEY,
  ) => {
    const answer = await test.app.inject({
      method,
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    });
    return { status: answer.statusCode, text: answer.body, headers: answer.headers };
  };
  const call = async (name: string, body: string | Buffer | object, headers: Record<string, string> = {}) => {
    const { status, text } = await send('POST', `/api/${name}`, body, { ...KEY, ...headers });
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  };
  return { ...test, send, call };
}

describe('requests of other server libraries', () => {
  it('[API-22] null and zero values are not given', async () => {
    const { call, hub } = await setUp({
      refresh: () => Promise.resolve(1),
      mapState: () => Promise.resolve({ entries: [], cursor: '', position: { epoch: 'e', offset: 0 } }),
      disconnect: () => Promise.resolve(1),
    });
    const nothing = {
      tags: null,
      b64data: '',
      idempotency_key: '',
      skip_history: false,
      delta: false,
      version: 0,
      version_epoch: '',
    };
    expect((await call('publish', { channel: 'a', data: null, ...nothing })).status).toBe(200);
    await call('refresh', { user: 'ada', client: null, expire_at: 0, session: '', info: null });
    await call('map_state', { channel: 'm:1', cursor: '', limit: 0, key: '' });
    await call('disconnect', { user: 'ada', client: '', whitelist: [], disconnect: { code: 4_000 } });
    expect(hub.calls.map(({ method, args }) => [method, ...args])).toEqual([
      ['publish', 'a', 'null', { skipHistory: false }],
      ['refresh', { user: 'ada' }, undefined],
      ['mapState', 'm:1', { cursor: '' }],
      ['disconnect', { user: 'ada' }, { code: 4_000, reason: '' }, []],
    ]);
  });

  it.each([
    ['publish', { channel: 'a', data: 1, version: 7 }, 'version'],
    ['broadcast', { channels: ['a'], data: 1, version_epoch: 'x' }, 'version_epoch'],
    ['map_publish', { channel: 'a', key: 'k', data: 1, key_mode: 'if_new' }, 'key_mode'],
    ['subscribe', { channel: 'a', user: 'ada', recover_since: { offset: 1, epoch: 'e' } }, 'recover_since'],
    ['disconnect', { user: 'ada', session: 's' }, 'session'],
    ['unsubscribe', { channel: 'a', user: 'ada', all_users: true }, 'all_users'],
    ['connections', { expression: 'x' }, 'expression'],
  ])('[API-22] %s %j: what is not carried out is refused, not left out', async (method, body, field) => {
    const { call, hub } = await setUp();
    expect(await call(method, body)).toEqual({
      status: 200,
      body: { error: { code: 108, message: `not available: ${field} is not supported` } },
    });
    expect(hub.calls).toEqual([]);
  });

  it('[API-22] a method answers to the name that libraries know; scopes name the method', async () => {
    const entry: Publication = { offset: 2, data: '1', key: 'k' };
    const { call } = await setUp({
      mapState: () => Promise.resolve({ entries: [entry], cursor: '', position: { epoch: 'e', offset: 2 } }),
    });
    const result = { entries: [{ data: 1, offset: 2, key: 'k' }], cursor: '', epoch: 'e', offset: 2 };
    expect((await call('map_read_state', { channel: 'm:1' })).body).toEqual({ result });
    expect((await call('batch', { commands: [{ map_read_state: { channel: 'm:1' } }] })).body).toEqual({
      replies: [{ map_read_state: result }],
    });
    expect((await call('map_read_state', { channel: 'm:1' }, { 'x-api-key': 'narrow-key' })).body).toEqual({
      error: { code: 103, message: "permission denied: the key's scopes do not name map_state" },
    });
  });

  it('[API-13] the changes of a map are read as history is', async () => {
    const change: Publication = { offset: 5, data: 'null', key: 'k', removed: true };
    const { call, hub } = await setUp({
      history: () => Promise.resolve({ publications: [change], position: { epoch: 'e', offset: 5 } }),
    });
    expect(
      (await call('map_read_stream', { channel: 'm:1', since_offset: 4, since_epoch: 'e', limit: -1 })).body,
    ).toEqual({
      result: { entries: [{ data: null, offset: 5, key: 'k', removed: true }], epoch: 'e', offset: 5 },
    });
    await call('map_read_stream', { channel: 'm:1' });
    expect(hub.calls.map(({ args }) => args)).toEqual([
      ['m:1', { limit: 1_000, reverse: false, since: { offset: 4, epoch: 'e' } }],
      ['m:1', { limit: 0, reverse: false }],
    ]);
  });

  it('[API-23] commands of older libraries come a line each and are answered a line each', async () => {
    const { send, hub } = await setUp({
      presenceStats: () => Promise.resolve({ numClients: 2, numUsers: 1 }),
    });
    const lines = [
      '{"method":"publish","params":{"channel":"a","data":{"ü":1}}}',
      '',
      '{"id":7,"method":"presence_stats","params":{"channel":"a"}}',
      '{"method":"nothing"}',
      '{"method":"publish","params":{"channel":5}}',
    ];
    const { status, text } = await send('POST', '/api', lines.join('\n'));
    expect(status).toBe(200);
    expect(text.split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
      { result: { offset: 3, epoch: 'e' } },
      { id: 7, result: { num_clients: 2, num_users: 1 } },
      { error: { code: 104, message: 'method not found: there is no API method of this name' } },
      { error: { code: 107, message: 'bad request: channel must be a string' } },
    ]);
    expect(hub.calls[0]?.args[1]).toBe('{"ü":1}');
  });

  it.each([
    ['', 'the body holds no command'],
    ['{"method":"info"}\n{', 'the body is not valid JSON'],
    ['{"params":{}}', 'line 1: method must be a string'],
    ['{"method":"info","id":"x"}', 'line 1: id must be a number'],
    ['[]', 'line 1: method must be a string'],
    [Array.from({ length: 6 }, () => '{"method":"info"}').join('\n'), 'at most 5 commands'],
  ])('[API-23] %j carries nothing out', async (body, message) => {
    const { send, hub } = await setUp();
    const answer = await send('POST', '/api', body, { ...KEY, 'content-type': 'text/plain' });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(message);
    expect(hub.calls).toEqual([]);
  });

  it('[API-8] who asks for it gets the status that fits the code', async () => {
    const refusals = [
      'unknownChannel',
      'notAvailable',
      'unrecoverablePosition',
      'sourceUnavailable',
    ] as const;
    const { call } = await setUp({
      history: (channel) => Promise.reject(new CodedError(refusals[Number(channel)] ?? 'internal')),
    });
    const plain = [];
    const fitting = [];
    for (const channel of ['0', '1', '2', '3', '4']) {
      plain.push((await call('history', { channel })).status);
      fitting.push((await call('history', { channel }, { 'x-centrifugo-error-mode': 'transport' })).status);
    }
    expect(plain).toEqual([200, 200, 200, 200, 200]);
    expect(fitting).toEqual([404, 501, 409, 503, 500]);
  });
});

describe('what a node tells about itself', () => {
  it('[API-24] namespaces come with every option, in the words of this API; what is without limit is left out', async () => {
    const { call, hub } = await setUp();
    const options = {
      name: 'chat',
      type: 'stream',
      class: 'live',
      historySize: 10,
      historyTtlMs: 300_000,
      overflow: 'recover',
      allowSubscribe: ['user'],
      maxSubscribers: Infinity,
      map: { keyTtlMs: 0, clientKey: 'none' },
    };
    Object.assign(hub, {
      namespaces: () =>
        [options, { ...options, name: '', maxSubscribers: 5 }] as unknown as NamespaceOptions[],
    });
    const chat = {
      name: 'chat',
      type: 'stream',
      class: 'live',
      history_size: 10,
      history_ttl_ms: 300_000,
      overflow: 'recover',
      allow_subscribe: ['user'],
      map: { key_ttl_ms: 0, client_key: 'none' },
    };
    expect((await call('namespaces', {})).body).toEqual({
      result: { namespaces: [{ ...chat, name: '', max_subscribers: 5 }, chat] },
    });
  });

  it('[API-25] events of the org, filtered by the hub', async () => {
    const { call, hub } = await setUp({
      events: () => [
        {
          seq: 9,
          timeMs: 5,
          client: 'c1',
          user: 'ada',
          kind: 'subscribeRefused',
          channel: 'a',
          code: 103,
          message: 'no',
        },
        {
          seq: 8,
          timeMs: 4,
          client: 'c1',
          user: 'ada',
          kind: 'disconnected',
          code: 3_012,
          reason: 'no pong',
          by: 'server',
        },
      ],
    });
    expect(
      (
        await call('events', {
          channel: 'a',
          user: '',
          client: 'c1',
          kinds: ['cut', 'disconnected'],
          after: 7,
        })
      ).body,
    ).toEqual({
      result: {
        events: [
          {
            node: 'node-1',
            seq: 9,
            time: 5,
            client: 'c1',
            user: 'ada',
            kind: 'subscribeRefused',
            channel: 'a',
            code: 103,
            message: 'no',
          },
          {
            node: 'node-1',
            seq: 8,
            time: 4,
            client: 'c1',
            user: 'ada',
            kind: 'disconnected',
            code: 3_012,
            reason: 'no pong',
            by: 'server',
          },
        ],
        incomplete: [],
      },
    });
    expect(hub.calls).toEqual([
      {
        org: 'acme',
        method: 'events',
        args: [{ client: 'c1', channel: 'a', kinds: ['cut', 'disconnected'], after: 7, limit: 100 }],
      },
    ]);
    expect(await call('events', { kinds: ['nothing'] })).toMatchObject({ status: 400 });
  });
});

describe('methods of modules', () => {
  it('[API-28] are called with the rights of an administrator of the org, of an operator with a key of all orgs', async () => {
    const { call, hub } = await setUp({
      rpc: (method) =>
        Promise.resolve(
          method === 'shop.buy'
            ? { result: { sold: 1 }, after: { channel: 'shop:1', position: { epoch: 'e', offset: 4 } } }
            : {},
        ),
    });
    expect((await call('rpc', { method: 'shop.buy', params: { item: 5 } })).body).toEqual({
      result: { data: { sold: 1 }, position: { channel: 'shop:1', epoch: 'e', offset: 4 } },
    });
    const all = { 'x-api-key': 'all-key', 'x-org': 'umbrella', 'x-request-id': 'r-1' };
    expect((await call('rpc', { method: 'shop.look' }, all)).body).toEqual({ result: { data: null } });
    expect(hub.calls.map(({ org, args: [method, params] }) => [org, method, params])).toEqual([
      ['acme', 'shop.buy', { item: 5 }],
      ['umbrella', 'shop.look', {}],
    ]);
    expect(hub.calls.map(({ args }) => args[2])).toMatchObject([
      { client: '', principal: { user: 'apikey:backend', org: 'acme', roles: ['admin'] } },
      {
        client: '',
        requestId: 'r-1',
        principal: { user: 'apikey:root', org: 'umbrella', roles: ['admin', 'operator'] },
      },
    ]);
  });

  it('[API-28] refuse as they do on the wire', async () => {
    const { call } = await setUp({ rpc: () => Promise.reject(new CodedError('conflict', 'sold out')) });
    expect(await call('rpc', { method: 'shop.buy' })).toEqual({
      status: 200,
      body: { error: { code: 1003, message: 'conflict: sold out' } },
    });
    expect(await call('rpc', {})).toMatchObject({ status: 400 });
  });
});

describe('odd requests', () => {
  it('[API-5] other verbs are told which one to use; nobody learns anything without a key', async () => {
    const { send } = await setUp();
    for (const verb of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
      const { status, text, headers } = await send(verb, '/api/publish');
      expect({ status, text, allow: headers['allow'] }).toEqual({
        status: 405,
        text: '{"error":{"code":107,"message":"bad request: API methods are called with POST"}}',
        allow: 'POST, OPTIONS',
      });
      expect((await send(verb, '/api/publish', undefined, {})).status).toBe(401);
      expect((await send(verb, '/api/nothing')).status).toBe(404);
    }
    expect(await send('HEAD', '/api/publish')).toMatchObject({ status: 405, text: '' });
  });

  it('[API-5] OPTIONS names the verbs and opens nothing to pages of other origins', async () => {
    const { send } = await setUp();
    const preflight = { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' };
    const { status, headers } = await send('OPTIONS', '/api/publish', undefined, preflight);
    expect({ status, allow: headers['allow'] }).toEqual({ status: 204, allow: 'POST, OPTIONS' });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it('[API-5] a slash at the end is nothing; HEAD is GET without its body', async () => {
    const { send } = await setUp();
    expect((await send('POST', '/api/publish/', { channel: 'a', data: 1 })).status).toBe(200);
    expect((await send('GET', '/health/live/')).status).toBe(200);
    expect(await send('HEAD', '/health/live')).toMatchObject({ status: 200, text: '' });
    expect((await send('POST', '/api/publish/more', {})).status).toBe(404);
  });

  it('[API-7] compressed bodies are refused before they are read', async () => {
    const { call, hub } = await setUp();
    const body = gzipSync('{"channel":"a","data":1}');
    for (const encoding of ['gzip', 'br', 'GZIP', 'identity, gzip']) {
      expect(await call('publish', body, { 'content-encoding': encoding })).toEqual({
        status: 415,
        body: {
          error: {
            code: 107,
            message: 'bad request: content-encoding must be identity: send the body uncompressed',
          },
        },
      });
    }
    expect(hub.calls).toEqual([]);
    expect(
      (await call('publish', '{"channel":"a","data":1}', { 'content-encoding': 'identity' })).status,
    ).toBe(200);
  });

  it('[API-7] a body is UTF-8: other bytes are refused, a mark of byte order is not', async () => {
    const { call, hub } = await setUp();
    expect(
      await call('publish', Buffer.from([...Buffer.from('{"channel":"a","data":"'), 0xff, 0x22, 0x7d])),
    ).toEqual({
      status: 400,
      body: { error: { code: 107, message: 'bad request: the body is not UTF-8' } },
    });
    expect((await call('publish', '\ufeff{"channel":"a","data":1}')).status).toBe(200);
    expect(hub.calls).toHaveLength(1);
  });

  it('[API-7] of a member that is there twice the last one counts', async () => {
    const { call, hub } = await setUp();
    await call('publish', '{"channel":"a","channel":"b","data":1,"data":{"x":1,"x":2}}');
    expect(hub.calls[0]?.args.slice(0, 2)).toEqual(['b', '{"x":2}']);
  });

  it('[API-6] a body over the limit is refused with the limit, by its announced length or as it comes', async () => {
    const { call } = await setUp({}, { bodyMaxBytes: 1_048_576 });
    const body = { channel: 'a', data: 'x'.repeat(1_048_576) };
    expect(await call('publish', body)).toEqual({
      status: 413,
      body: { error: { code: 106, message: 'limit exceeded: the body is larger than 1048576 bytes' } },
    });
    expect((await call('publish', { channel: 'a', data: 'x'.repeat(1_000_000) })).status).toBe(200);
  });

  it('[API-1] two keys are a wrong key, two orgs a wrong org', async () => {
    const { send, hub } = await setUp();
    const twice = (name: string, ...values: string[]) => ({ [name]: values });
    expect((await send('POST', '/api/info', {}, twice('x-api-key', 'acme-key', 'acme-key'))).status).toBe(
      401,
    );
    expect(
      (await send('POST', '/api/info', {}, { ...KEY, ...twice('x-org', 'acme', 'umbrella') })).status,
    ).toBe(403);
    expect((await send('POST', '/api/info?api_key=acme-key', {}, {})).status).toBe(401);
    expect(hub.calls).toEqual([]);
  });

  it('[API-4] a failure is logged with the id that its answer carries', async () => {
    const { send, logger } = await setUp({ presence: () => Promise.reject(new Error('detail')) });
    const { headers } = await send(
      'POST',
      '/api/presence',
      { channel: 'a' },
      { ...KEY, 'x-request-id': 'trace-7' },
    );
    expect(headers['x-request-id']).toBe('trace-7');
    expect(logger.lines).toEqual([
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ requestId: 'trace-7', org: 'acme' }) as object,
      }),
    ]);
  });
});
