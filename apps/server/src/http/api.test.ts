import { CodedError, type Publication } from '@trunkline/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestApp, FakeHub, type TestApp } from './testing.js';
import type { HttpOptions } from './ports.js';

const open: TestApp[] = [];
afterEach(async () => {
  for (const { app } of open.splice(0)) await app.close();
});

const PUBLISHED = { position: { epoch: 'e', offset: 3 }, deduplicated: false };

async function setUp(answers: FakeHub['answers'] = {}, options: Partial<HttpOptions> = {}) {
  const test = await createTestApp(new FakeHub(answers), options);
  open.push(test);
  const call = async (
    method: string,
    body: unknown,
    headers: Record<string, string> = { 'x-api-key': 'acme-key' },
  ) => {
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await test.app.inject({
      method: 'POST',
      url: `/api/${method}`,
      headers: { 'content-type': 'application/json', ...headers },
      payload,
    });
    return {
      status: response.statusCode,
      text: response.body,
      body: response.json() as Record<string, never>,
      headers: response.headers,
    };
  };
  return { ...test, call };
}

describe('keys and orgs', () => {
  it('[API-1] a missing and every wrong key get one answer, whatever the method', async () => {
    const { call, hub } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    const answers = [
      await call('publish', { channel: 'a', data: 1 }, {}),
      await call('publish', { channel: 'a', data: 1 }, { 'x-api-key': 'wrong' }),
      await call('publish', '{broken', { 'x-api-key': 'acme-key2' }),
      await call('nothing', {}, { authorization: 'apikey wrong' }),
      await call('publish', { channel: 'a', data: 1 }, { authorization: 'Bearer acme-key' }),
      await call('publish', { channel: 'a', data: 1 }, { 'x-api-key': 'wrong', 'x-org': 'acme' }),
    ];
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(
      new Set(['401 {"error":{"code":101,"message":"unauthorized"}}']),
    );
    expect(hub.calls).toEqual([]);
  });

  it('[API-1] the key is taken from X-API-Key or from Authorization: apikey', async () => {
    const { call, hub } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    expect((await call('publish', { channel: 'a', data: 1 }, { 'x-api-key': 'acme-key' })).status).toBe(200);
    expect(
      (await call('publish', { channel: 'a', data: 1 }, { authorization: 'apikey acme-key' })).status,
    ).toBe(200);
    expect(
      (await call('publish', { channel: 'a', data: 1 }, { authorization: 'APIKEY acme-key' })).status,
    ).toBe(200);
    expect(hub.calls.map(({ org }) => org)).toEqual(['acme', 'acme', 'acme']);
  });

  it("[API-2] the org is the key's: a header cannot change it", async () => {
    const { call, hub } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    const { status, body } = await call(
      'publish',
      { channel: 'a', data: 1 },
      { 'x-api-key': 'acme-key', 'x-org': 'umbrella' },
    );
    expect({ status, body }).toMatchObject({ status: 403, body: { error: { code: 103 } } });
    expect(hub.calls).toEqual([]);
    expect(
      (await call('publish', { channel: 'a', data: 1 }, { 'x-api-key': 'acme-key', 'x-org': 'acme' })).status,
    ).toBe(200);
  });

  it('[API-3] a key of all orgs must name one, and each use is logged', async () => {
    const { call, hub, logger } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    const without = await call('publish', { channel: 'a', data: 1 }, { 'x-api-key': 'all-key' });
    expect(without).toMatchObject({
      status: 400,
      body: { error: { code: 107, message: expect.stringContaining('X-Org is required') as string } },
    });
    expect(
      await call('publish', { channel: 'a', data: 1 }, { 'x-api-key': 'all-key', 'x-org': 'a b' }),
    ).toMatchObject({ status: 400, body: { error: { code: 107 } } });
    expect(hub.calls).toEqual([]);
    const { headers } = await call(
      'publish',
      { channel: 'a', data: 1 },
      { 'x-api-key': 'all-key', 'x-org': 'umbrella' },
    );
    expect(hub.calls.map(({ org }) => org)).toEqual(['umbrella']);
    expect(logger.lines.filter(({ fields }) => fields['audit'] !== undefined)).toEqual([
      expect.objectContaining({
        level: 'info',
        fields: expect.objectContaining({
          key: 'root',
          org: 'umbrella',
          method: 'publish',
          requestId: headers['x-request-id'],
        }) as object,
      }),
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain('all-key');
  });
});

describe('scopes', () => {
  it('[API-18] a key with scopes calls the methods they name, alone and in a batch', async () => {
    const { call } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    const key = { 'x-api-key': 'narrow-key' };
    const denied = {
      error: { code: 103, message: "permission denied: the key's scopes do not name presence" },
    };
    expect((await call('publish', { channel: 'a', data: 1 }, key)).body).toEqual({
      result: { offset: 3, epoch: 'e' },
    });
    expect(await call('presence', { channel: 'a' }, key)).toMatchObject({ status: 403, body: denied });
    expect(await call('presence', { channel: 5 }, key)).toMatchObject({ status: 403, body: denied });
    expect((await call('batch', { commands: [{ presence: { channel: 'a' } }] }, key)).body).toEqual({
      replies: [denied],
    });
  });
});

describe('requests and answers', () => {
  it('[API-4] every answer carries a request id: the given one if it is plain, otherwise a new one', async () => {
    const { call, app } = await setUp();
    const ids = [
      (await call('nothing', {})).headers['x-request-id'],
      (await call('nothing', {}, {})).headers['x-request-id'],
      (await app.inject({ url: '/nowhere' })).headers['x-request-id'],
      (await app.inject({ url: '/%zz' })).headers['x-request-id'],
      (await app.inject({ url: '/health/live', headers: { 'x-request-id': 'bad id\u007f' } })).headers[
        'x-request-id'
      ],
    ];
    for (const id of ids) expect(id).toMatch(/^[0-9A-Za-z]{16}$/);
    expect(new Set(ids).size).toBe(ids.length);
    expect(
      (await app.inject({ url: '/nowhere', headers: { 'x-request-id': 'trace-42' } })).headers[
        'x-request-id'
      ],
    ).toBe('trace-42');
  });

  it('[API-5] a method that does not exist is 404 with code 104', async () => {
    const { call } = await setUp();
    expect(await call('publisch', {})).toMatchObject({ status: 404, body: { error: { code: 104 } } });
    expect(await call('constructor', {})).toMatchObject({ status: 404, body: { error: { code: 104 } } });
  });

  it.each([
    ['publish', {}, 'bad request: channel is required'],
    ['publish', { channel: 5, data: 1 }, 'bad request: channel must be a string'],
    ['publish', { channel: '', data: 1 }, 'bad request: channel must have at least 1 characters'],
    ['publish', { channel: 'a' }, 'bad request: data is required'],
    ['publish', { channel: 'a', data: 1, tags: { a: 5 } }, 'bad request: tags.a must be a string'],
    ['broadcast', { channels: ['a', 5], data: 1 }, 'bad request: channels[1] must be a string'],
    ['broadcast', { channels: [], data: 1 }, 'bad request: channels must have at least 1 items'],
    ['history', { channel: 'a', limit: 1.5 }, 'bad request: limit must be a whole number'],
    [
      'history',
      { channel: 'a', since: { offset: -1, epoch: 'e' } },
      'bad request: since.offset must be at least 0',
    ],
    ['history', { channel: 'a', since: { offset: 1 } }, 'bad request: since.epoch is required'],
    [
      'map_publish',
      { channel: 'a', key: 'k', data: 1, expect: 'present' },
      'bad request: expect does not have one of the forms allowed here',
    ],
    ['disconnect', {}, 'bad request: user or client is required'],
    ['disconnect', { user: '', client: '' }, 'bad request: user or client is required'],
    [
      'publish',
      { channel: 'a', data: 1, b64data: 'YQ==' },
      'bad request: b64data must not be given together with data',
    ],
    ['publish', { channel: 'a', b64data: '?' }, 'bad request: b64data must be base64'],
    ['publish', [], 'bad request: the value must be an object'],
    ['publish', 'null', 'bad request: channel is required'],
  ])('[API-6] %s %j names the field', async (method, body, message) => {
    const { call, hub } = await setUp();
    expect(await call(method, body)).toMatchObject({ status: 400, body: { error: { code: 107, message } } });
    expect(hub.calls).toEqual([]);
  });

  it('[API-6] what is not JSON, or nests too deep, is 400; a body over the limit is 413', async () => {
    const { call } = await setUp({}, { bodyMaxBytes: 5_000, maxDepth: 8 });
    expect(await call('publish', '{"channel":')).toMatchObject({
      status: 400,
      body: { error: { code: 107, message: 'bad request: the body is not valid JSON' } },
    });
    expect(await call('publish', `{"channel":"a","data":${'['.repeat(8)}${']'.repeat(8)}}`)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('nests more than 8') as string } },
    });
    expect(await call('publish', { channel: 'a', data: 'x'.repeat(6_000) })).toMatchObject({
      status: 413,
      body: { error: { code: 106 } },
    });
  });

  it('[API-6] brackets inside texts are no nesting', async () => {
    const { call } = await setUp({ publish: () => Promise.resolve(PUBLISHED) }, { maxDepth: 3 });
    expect((await call('publish', { channel: 'a', data: { text: '[[[[[[ \\" {{{{' } })).status).toBe(200);
  });

  it('[API-7] the body is JSON whatever the content type says, and may be absent', async () => {
    const { app } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    const headers = { 'x-api-key': 'acme-key', 'content-type': 'application/x-www-form-urlencoded' };
    expect(
      (
        await app.inject({
          method: 'POST',
          url: '/api/publish',
          headers,
          payload: '{"channel":"a","data":1}',
        })
      ).statusCode,
    ).toBe(200);
    expect(
      (
        await app.inject({
          method: 'POST',
          url: '/api/info',
          headers: { 'x-api-key': 'all-key', 'x-org': 'acme' },
        })
      ).statusCode,
    ).toBe(200);
  });

  it('[API-8] what a method refuses is 200 with the code of the wire; a failure is logged and says nothing', async () => {
    const { call, logger } = await setUp({
      publish: () => Promise.reject(new CodedError('unknownChannel', 'no namespace covers this channel')),
      presence: () => Promise.reject(new Error('secret detail')),
    });
    expect(await call('publish', { channel: 'a', data: 1 })).toMatchObject({
      status: 200,
      text: '{"error":{"code":102,"message":"unknown channel: no namespace covers this channel"}}',
    });
    expect(await call('presence', { channel: 'a' })).toMatchObject({
      status: 200,
      text: '{"error":{"code":100,"message":"internal server error"}}',
    });
    expect(logger.lines).toEqual([expect.objectContaining({ level: 'error', message: 'API method failed' })]);
  });
});

describe('publishing', () => {
  it('[API-9] data arrives as the JSON that was sent: order, null, prototype names and all', async () => {
    const { call, hub } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    for (const data of [
      '{"b":1,"a":[true,null,"\\u00fc"]}',
      'null',
      '""',
      '{"__proto__":{"x":1},"constructor":5}',
      '0.1',
    ]) {
      expect((await call('publish', `{"channel":"a","data":${data}}`)).status).toBe(200);
    }
    expect(hub.calls.map(({ args }) => args[1])).toEqual([
      '{"b":1,"a":[true,null,"ü"]}',
      'null',
      '""',
      '{"__proto__":{"x":1},"constructor":5}',
      '0.1',
    ]);
  });

  it('[API-9] b64data arrives as bytes', async () => {
    const { call, hub } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    await call('publish', { channel: 'a', b64data: Buffer.from([0, 255, 7]).toString('base64') });
    expect(hub.calls[0]?.args[1]).toEqual(new Uint8Array([0, 255, 7]));
  });

  it('[API-10] tags, idempotency key and skip_history are handed on; the answer is the position', async () => {
    const { call, hub } = await setUp({ publish: () => Promise.resolve(PUBLISHED) });
    const { text } = await call('publish', {
      channel: 'a',
      data: {},
      tags: { t: '1' },
      idempotency_key: 'once',
      skip_history: true,
      future_field: 1,
    });
    expect(text).toBe('{"result":{"offset":3,"epoch":"e"}}');
    expect(hub.calls).toEqual([
      {
        org: 'acme',
        method: 'publish',
        args: ['a', '{}', { tags: { t: '1' }, idempotencyKey: 'once', skipHistory: true }],
      },
    ]);
  });

  it('[API-11] broadcast answers for each channel in order, within its limit', async () => {
    const { call } = await setUp({
      broadcast: () =>
        Promise.resolve([
          PUBLISHED,
          { error: new CodedError('unknownChannel') },
          { error: new Error('detail') },
        ]),
    });
    expect((await call('broadcast', { channels: ['a', 'b', 'c'], data: 1 })).body).toEqual({
      result: {
        responses: [
          { result: { offset: 3, epoch: 'e' } },
          { error: { code: 102, message: 'unknown channel' } },
          { error: { code: 100, message: 'internal server error' } },
        ],
      },
    });
    expect(await call('broadcast', { channels: ['1', '2', '3', '4', '5', '6'], data: 1 })).toMatchObject({
      status: 400,
      body: { error: { code: 106 } },
    });
  });

  it('[API-12] map methods carry compare-and-set both ways', async () => {
    const current: Publication = { offset: 2, data: '{"old":1}', key: 'k' };
    const { call, hub } = await setUp({
      mapPublish: () => Promise.resolve({ ...PUBLISHED, applied: false, current }),
      mapRemove: () => Promise.resolve({ ...PUBLISHED, applied: true }),
      mapState: () =>
        Promise.resolve({ entries: [current], cursor: 'k', position: { epoch: 'e', offset: 2 } }),
    });
    expect((await call('map_publish', { channel: 'm:1', key: 'k', data: 5, expect: 'absent' })).body).toEqual(
      {
        result: { offset: 3, epoch: 'e', applied: false, current: { data: { old: 1 }, offset: 2, key: 'k' } },
      },
    );
    expect((await call('map_remove', { channel: 'm:1', key: 'k', expect: 2 })).body).toEqual({
      result: { offset: 3, epoch: 'e', applied: true },
    });
    expect((await call('map_state', { channel: 'm:1', cursor: '', limit: 10 })).body).toEqual({
      result: { entries: [{ data: { old: 1 }, offset: 2, key: 'k' }], cursor: 'k', offset: 2, epoch: 'e' },
    });
    expect(hub.calls.map(({ args }) => args)).toEqual([
      ['m:1', 'k', '5', { expect: 'absent' }],
      ['m:1', 'k', { expect: 2 }],
      ['m:1', { cursor: '', limit: 10 }],
    ]);
  });
});

describe('reading', () => {
  it('[API-13] history gives publications byte for byte', async () => {
    const publications: Publication[] = [
      {
        offset: 1,
        data: '{"big":12345678901234567890, "n":1.0}',
        tags: { a: 'b' },
        timeMs: 1_700_000_000_000,
        info: { user: 'ada', client: 'c1', connInfo: '{"x":1}' },
      },
      { offset: 2, data: new Uint8Array([1, 2]) },
    ];
    const { call, hub } = await setUp({
      history: () => Promise.resolve({ publications, position: { epoch: 'e', offset: 2 } }),
    });
    const { text } = await call('history', {
      channel: 'a',
      limit: 10,
      since: { offset: 0, epoch: 'e' },
      reverse: true,
    });
    expect(text).toBe(
      '{"result":{"publications":[{"data":{"big":12345678901234567890, "n":1.0},"offset":1,"tags":{"a":"b"},"info":{"client":"c1","user":"ada","conn_info":{"x":1}},"time":1700000000000},{"b64data":"AQI=","offset":2}],"epoch":"e","offset":2}}',
    );
    expect(hub.calls[0]?.args).toEqual(['a', { limit: 10, reverse: true, since: { offset: 0, epoch: 'e' } }]);
  });

  it('[API-13] without limit the position only; a negative limit is as many as the server allows', async () => {
    const { call, hub } = await setUp({
      history: () => Promise.resolve({ publications: [], position: { epoch: 'e', offset: 2 } }),
      historyRemove: () => Promise.resolve(),
    });
    await call('history', { channel: 'a' });
    await call('history', { channel: 'a', limit: -1 });
    await call('history', { channel: 'a', limit: 1_000_000 });
    expect(hub.calls.map(({ args }) => (args[1] as { limit: number }).limit)).toEqual([0, 1_000, 1_000]);
    expect((await call('history_remove', { channel: 'a' })).text).toBe('{"result":{}}');
  });

  it('[API-14] presence and its numbers have the public shape', async () => {
    const { call } = await setUp({
      presence: () => Promise.resolve(new Map([['c1', { client: 'c1', user: 'ada', chanInfo: '"x"' }]])),
      presenceStats: () => Promise.resolve({ numClients: 2, numUsers: 1 }),
    });
    expect((await call('presence', { channel: 'a' })).body).toEqual({
      result: { presence: { c1: { client: 'c1', user: 'ada', chan_info: 'x' } } },
    });
    expect((await call('presence_stats', { channel: 'a' })).body).toEqual({
      result: { num_clients: 2, num_users: 1 },
    });
  });

  it('[API-15] channels, connections and info of the org', async () => {
    const connection = {
      client: 'c1',
      user: 'ada',
      org: 'acme',
      transport: 'websocket',
      codec: 'json',
      remoteAddress: '::1',
      name: 'js',
      version: '1',
      connectedAtMs: 5,
      extensions: [],
      outboxMessages: 0,
      outboxBytes: 0,
      subscriptions: [
        {
          channel: 'a',
          subscribedAtMs: 6,
          type: 'stream',
          position: { epoch: 'e', offset: 1 },
          recoverable: true,
          serverSide: false,
          delivery: 'flowing' as const,
          dropped: 0,
        },
      ],
    };
    const { call, hub } = await setUp({
      channels: () => [
        { channel: 'a', subscribers: 2 },
        { channel: 'b', subscribers: 1 },
      ],
      connections: () => ({ connections: [connection], total: 9 }),
      stats: () => ({
        sinceMs: 1,
        connections: 9,
        users: 1,
        subscriptions: 3,
        messagesIn: 0,
        messagesOut: 0,
        bytesIn: 0,
        bytesOut: 0,
        outboxBytes: 0,
      }),
    });
    expect((await call('channels', { pattern: 'a*' })).body).toEqual({
      result: { channels: { a: { num_clients: 2 }, b: { num_clients: 1 } }, incomplete: [] },
    });
    expect((await call('connections', { user: 'ada' })).body).toMatchObject({
      result: {
        total: 9,
        connections: {
          c1: {
            user: 'ada',
            node: 'node-1',
            app_name: 'js',
            protocol: 'json',
            state: { channels: { a: { offset: 1, epoch: 'e', delivery: 'flowing' } } },
          },
        },
      },
    });
    expect((await call('info', {})).body).toEqual({
      result: {
        nodes: [
          {
            uid: 'node-1',
            name: 'first',
            version: '1.2.3',
            num_clients: 9,
            num_users: 1,
            num_subs: 3,
            num_channels: 2,
            uptime: 60,
          },
        ],
        incomplete: [],
      },
    });
    expect(hub.calls.map(({ org, args }) => [org, args])).toEqual([
      ['acme', ['a*', Infinity]],
      ['acme', [{ user: 'ada', limit: 100, offset: 0 }]],
      ['acme', []],
      ['acme', [undefined, Infinity]],
    ]);
  });

  it('[API-15] totals of the node are for keys of all orgs', async () => {
    const { call } = await setUp();
    expect((await call('info', {}, { 'x-api-key': 'all-key', 'x-org': 'acme' })).body).toMatchObject({
      result: { nodes: [{ num_clients: 7, num_users: 5, num_subs: 11, num_channels: 3 }] },
    });
  });
});

describe('connections', () => {
  it('[API-16] subscribe, unsubscribe, disconnect and refresh name a user, a client or both', async () => {
    const { call, hub } = await setUp({
      subscribe: () => Promise.resolve(1),
      unsubscribe: () => Promise.resolve(2),
      disconnect: () => Promise.resolve(3),
      refresh: () => Promise.resolve(4),
    });
    expect((await call('subscribe', { channel: 'a', user: 'ada' })).body).toEqual({
      result: { num_clients: 1 },
    });
    await call('subscribe', {
      channel: 'a',
      user: 'ada',
      info: { n: 1 },
      data: null,
      expire_at: 1_700_000_100,
    });
    await call('unsubscribe', { channel: 'a', user: 'ada', client: 'c1' });
    await call('disconnect', { user: '', client: 'c1', disconnect: { code: 4_000, reason: 'move' } });
    await call('disconnect', { user: 'ada', whitelist: ['c1'] });
    await call('refresh', { user: 'ada', expire_at: 1_700_000_100 });
    await call('refresh', { user: 'ada' });
    await call('refresh', { user: 'ada', expired: true });
    expect(hub.calls.map(({ method, args }) => [method, ...args])).toEqual([
      ['subscribe', 'a', { user: 'ada' }, {}],
      ['subscribe', 'a', { user: 'ada' }, { info: '{"n":1}', data: 'null', expiresAtMs: 1_700_000_100_000 }],
      ['unsubscribe', 'a', { user: 'ada', client: 'c1' }],
      ['disconnect', { client: 'c1' }, { code: 4_000, reason: 'move' }, []],
      ['disconnect', { user: 'ada' }, undefined, ['c1']],
      ['refresh', { user: 'ada' }, 1_700_000_100_000],
      ['refresh', { user: 'ada' }, undefined],
      ['disconnect', { user: 'ada' }, { code: 3005, reason: 'connection expired' }],
    ]);
  });
});

describe('batch', () => {
  it('[API-17] replies come in the order of commands, each under its method or as an error', async () => {
    const { call, hub } = await setUp({
      publish: (channel: string) =>
        channel === 'bad' ? Promise.reject(new CodedError('unknownChannel')) : Promise.resolve(PUBLISHED),
      presenceStats: () => Promise.resolve({ numClients: 1, numUsers: 1 }),
    });
    const commands = [
      { publish: { channel: 'a', data: 1 } },
      { publish: { channel: 'bad', data: 1 } },
      { presence_stats: { channel: 'a' } },
      { publish: { channel: 'a' } },
      { nothing: {} },
    ];
    for (const parallel of [false, true]) {
      expect((await call('batch', { commands, parallel })).body).toEqual({
        replies: [
          { publish: { offset: 3, epoch: 'e' } },
          { error: { code: 102, message: 'unknown channel' } },
          { presence_stats: { num_clients: 1, num_users: 1 } },
          { error: { code: 107, message: 'bad request: data is required' } },
          {
            error: {
              code: 104,
              message: 'method not found: commands[4]: there is no API method of this name',
            },
          },
        ],
      });
    }
    expect(hub.calls.every(({ org }) => org === 'acme')).toBe(true);
  });

  it('[API-17] a command says where it is wrong; a batch is bounded and holds no batch', async () => {
    const { call } = await setUp();
    const batch = async (...commands: unknown[]) =>
      (await call('batch', { commands })).body as Record<string, unknown>;
    expect(
      await batch({ publish: { data: 1 } }, {}, { publish: {}, presence: {} }, { batch: { commands: [] } }),
    ).toEqual({
      replies: [
        { error: { code: 107, message: 'bad request: commands[0].publish: channel is required' } },
        { error: { code: 107, message: 'bad request: commands[1] must hold exactly one method' } },
        { error: { code: 107, message: 'bad request: commands[2] must hold exactly one method' } },
        {
          error: { code: 104, message: 'method not found: commands[3]: there is no API method of this name' },
        },
      ],
    });
    expect(await batch(1)).toMatchObject({
      error: { code: 107, message: 'bad request: commands[0] must be an object' },
    });
    expect(await batch(...Array.from({ length: 6 }, () => ({ info: {} })))).toMatchObject({
      error: { code: 106 },
    });
  });

  it('[API-17] without parallel a command starts after the one before it ended', async () => {
    const order: string[] = [];
    const { call } = await setUp({
      publish: async (channel: string) => {
        order.push(`start ${channel}`);
        await Promise.resolve();
        order.push(`end ${channel}`);
        return PUBLISHED;
      },
    });
    const commands = [{ publish: { channel: 'a', data: 1 } }, { publish: { channel: 'b', data: 1 } }];
    await call('batch', { commands });
    expect(order).toEqual(['start a', 'end a', 'start b', 'end b']);
    order.length = 0;
    await call('batch', { commands, parallel: true });
    expect(order.slice(0, 2)).toEqual(['start a', 'start b']);
  });
});
