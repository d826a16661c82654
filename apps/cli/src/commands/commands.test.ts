// Commands that go through the HTTP API, on doubles: what they send, what they print, how they end.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { runCli } from '../program.js';
import {
  createFakeIo,
  createFakeLive,
  createFakeSockets,
  type FakeIo,
  type FakeRequest,
} from '../testing.js';

type Results = Readonly<Record<string, unknown>>;
const refusal = (code: number, message: string) => ({ refused: { code, message } });

/** A server that answers each method with its result, inside a batch too. */
function setUp(results: Results | ((method: string, params: Results) => unknown)) {
  const answerTo = (method: string, params: Results): unknown =>
    typeof results === 'function'
      ? results(method, params)
      : (results[method] ?? refusal(104, 'method not found'));
  const isRefusal = (value: unknown): value is ReturnType<typeof refusal> =>
    typeof value === 'object' && value !== null && 'refused' in value;
  const io: FakeIo = createFakeIo({
    answer: ({ url, body }: FakeRequest) => {
      const method = url.split('/').at(-1) ?? '';
      if (method === 'batch') {
        const { commands } = body as { readonly commands: readonly Readonly<Record<string, Results>>[] };
        const replies = commands.map((command) => {
          const [name, params] = Object.entries(command)[0] ?? ['', {}];
          const value = answerTo(name, params);
          return isRefusal(value) ? { error: value.refused } : { [name]: value };
        });
        return { body: { replies } };
      }
      const value = answerTo(method, body as Results);
      return isRefusal(value)
        ? { status: value.refused.code === 104 ? 404 : 200, body: { error: value.refused } }
        : { body: { result: value } };
    },
  });
  const run = (...argv: string[]): Promise<number> =>
    runCli(argv, {
      io,
      connect: createFakeLive().connect,
      loadServer: () => Promise.reject(new Error('the server is not loaded for this command')),
      loadSockets: async () => createFakeSockets(() => undefined).open,
      version: '1',
      onClientCommand: () => undefined,
      onServe: () => undefined,
    });
  const lines = (): Results[] =>
    io.written.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Results);
  return { io, run, lines };
}

const pub = (offset: number, more: object = {}): object => ({
  offset,
  data: { n: offset },
  time: 1_700_000_000_000,
  ...more,
});

describe('one channel', () => {
  test('[CLI-16] channel: type, subscribers, position, presence, newest publications', async () => {
    const { io, run } = setUp({
      channels: { channels: { 'news:a': { num_clients: 3 } } },
      history: { publications: [pub(9), pub(8)], offset: 9, epoch: 'e' },
      presence: { presence: { c1: { client: 'c1', user: 'ann' }, c2: { client: 'c2', user: '' } } },
      map_state: refusal(107, 'this channel is not a map'),
    });
    expect(await run('channel', 'news:a', '--limit', '2')).toBe(0);
    expect(io.written.out).toContain(
      'type         stream\nsubscribers  3\nposition     9@e\npresent      2 clients: c2, ann\n',
    );
    expect(io.written.out).toMatch(/ {5}8 {2}\{"n":8\}\n.* {5}9 {2}\{"n":9\}\n$/);
  });

  test('[CLI-28] channel --json', async () => {
    const { run, lines } = setUp({
      channels: { channels: {} },
      history: { publications: [], offset: 4, epoch: 'e' },
      presence: refusal(108, 'presence is not kept'),
      map_state: { entries: [pub(4, { key: 'k' })], cursor: '', offset: 4, epoch: 'e' },
    });
    await run('channel', 'map:a', '--json');
    expect(lines()).toEqual([
      {
        channel: 'map:a',
        type: 'map',
        subscribers: 0,
        position: { offset: 4, epoch: 'e' },
        presence: null,
        entries: [{ offset: 4, epoch: 'e', key: 'k', data: { n: 4 }, timeMs: 1_700_000_000_000 }],
      },
    ]);
  });

  test('[CLI-16] a name that nothing covers is exit 5, with the place to look', async () => {
    const { io, run } = setUp({ channels: { channels: {} }, history: refusal(102, 'unknown channel') });
    expect(await run('channel', 'x:a')).toBe(5);
    expect(io.written.err).toContain('x:a: unknown channel (102)\n`trunkline namespaces`');
  });

  test('[CLI-28] history: the newest, oldest first, one object per line', async () => {
    const { io, run, lines } = setUp({
      history: { publications: [pub(3, { tags: { a: 'b' } }), pub(2)], offset: 3, epoch: 'e' },
    });
    expect(await run('history', 'news:a', '--limit', '2', '--json')).toBe(0);
    expect(io.requests[0]?.body).toEqual({ channel: 'news:a', limit: 2, reverse: true });
    expect(lines()).toEqual([
      { offset: 2, epoch: 'e', data: { n: 2 }, timeMs: 1_700_000_000_000 },
      { offset: 3, epoch: 'e', data: { n: 3 }, timeMs: 1_700_000_000_000, tags: { a: 'b' } },
    ]);
  });

  test('[CLI-16] a long history is read page by page, from where it was asked for', async () => {
    const top = 2_500;
    const { io, run, lines } = setUp((_method, { limit = 0, since }) => {
      const from = (since as { offset: number } | undefined)?.offset ?? top;
      const publications = Array.from({ length: Math.min(Number(limit), top - from) }, (_, at) =>
        pub(from + at + 1),
      );
      return { publications, offset: top, epoch: 'e' };
    });
    expect(await run('history', 'news:a', '--limit', '2200', '--json')).toBe(0);
    expect(lines().map(({ offset }) => offset)).toEqual(Array.from({ length: 2_200 }, (_, at) => 301 + at));
    expect(io.requests).toHaveLength(4);
    expect(await run('history', 'news:a', '--since', '5@old')).toBe(1);
    expect(io.written.err).toContain('the history began anew: it is now at 2500@e');
  });

  test('[CLI-16] presence: a table, or how many', async () => {
    const { io, run } = setUp({
      presence: { presence: { c1: { client: 'c1', user: 'ann', conn_info: { a: 1 } } } },
      presence_stats: { num_clients: 5, num_users: 2 },
    });
    await run('presence', 'chat:a');
    expect(io.written.out).toBe('CLIENT  USER  INFO     CHANNEL INFO\nc1      ann   {"a":1}  -\n');
    io.written.out = '';
    await run('presence', 'chat:a', '--json');
    await run('presence', 'chat:a', '--stats', '--json');
    expect(io.written.out).toBe(
      '[{"client":"c1","user":"ann","connInfo":{"a":1}}]\n{"clients":5,"users":2}\n',
    );
  });
});

describe('maps', () => {
  const pages = (_method: string, { cursor }: Results): unknown =>
    cursor === undefined
      ? { entries: [pub(1, { key: 'a' })], cursor: 'next', offset: 2, epoch: 'e' }
      : { entries: [pub(2, { key: 'b', data: 'text' })], cursor: '', offset: 2, epoch: 'e' };

  test('[CLI-17] get: all pages, or one entry; an absent one is exit 5', async () => {
    const all = setUp(pages);
    expect(await all.run('map', 'get', 'map:a', '--json')).toBe(0);
    expect(all.lines().map(({ key, data }) => [key, data])).toEqual([
      ['a', { n: 1 }],
      ['b', 'text'],
    ]);
    const one = setUp(pages);
    expect(await one.run('map', 'get', 'map:a', 'b')).toBe(0);
    expect(one.io.written.out).toBe('"text"\n');
    expect(await one.run('map', 'get', 'map:a', 'c')).toBe(5);
  });

  test('[CLI-17] set and remove; where --expect does not hold nothing is written, exit 1', async () => {
    const { io, run } = setUp((method, { expect: expected }) =>
      expected === 'absent'
        ? { offset: 9, epoch: 'e', applied: false, current: { data: 'ann', offset: 7 } }
        : { offset: method === 'map_remove' ? 11 : 10, epoch: 'e', applied: true },
    );
    expect(await run('map', 'set', 'map:a', 'k', '{"x":1}', '--tags', 't=1')).toBe(0);
    expect(await run('map', 'remove', 'map:a', 'k', '--expect', '10')).toBe(0);
    expect(await run('map', 'set', 'map:a', 'k', '1', '--expect', 'absent')).toBe(1);
    expect(io.requests.map(({ url, body }) => [url.split('/').at(-1), body])).toEqual([
      ['map_publish', { channel: 'map:a', key: 'k', data: { x: 1 }, tags: { t: '1' } }],
      ['map_remove', { channel: 'map:a', key: 'k', expect: 10 }],
      ['map_publish', { channel: 'map:a', key: 'k', data: 1, expect: 'absent' }],
    ]);
    expect(io.written.out).toBe('written at 10@e\nremoved at 11@e\n');
    expect(io.written.err).toContain('It was last written at offset 7: "ann"');
  });
});

describe('connections', () => {
  test('[CLI-18] subscribe, unsubscribe, refresh: whom, and how many', async () => {
    const { io, run } = setUp(() => ({ num_clients: 2 }));
    expect(await run('subscribe', 'news:a', '--user', 'ann')).toBe(0);
    expect(await run('unsubscribe', 'news:a', '--client', 'c1', '--json')).toBe(0);
    expect(await run('refresh', '--user', 'ann', '--expire-in', '1m')).toBe(0);
    expect(await run('refresh', '--user', 'ann', '--never')).toBe(0);
    expect(await run('refresh', '--user', 'ann', '--expired')).toBe(0);
    expect(io.requests.map(({ body }) => body)).toEqual([
      { channel: 'news:a', user: 'ann' },
      { channel: 'news:a', client: 'c1' },
      { user: 'ann', expire_at: 1_700_000_060 },
      { user: 'ann' },
      { user: 'ann', expired: true },
    ]);
    expect(io.written.out).toBe(
      '2 connections subscribed\n{"count":2}\n2 connections refreshed\n2 connections refreshed\n2 connections refreshed\n',
    );
  });

  test('[CLI-18] nobody is exit 5; nobody named is wrong use', async () => {
    const { run, io } = setUp(() => ({ num_clients: 0 }));
    expect(await run('subscribe', 'news:a', '--user', 'ann')).toBe(5);
    expect(await run('unsubscribe', 'news:a')).toBe(2);
    expect(await run('refresh', '--user', 'ann')).toBe(2);
    expect(await run('refresh', '--user', 'ann', '--never', '--expired')).toBe(2);
    expect(io.requests).toHaveLength(1);
  });
});

describe('the node', () => {
  const node = {
    uid: 'u',
    name: '',
    version: '1.0',
    num_clients: 1_200,
    num_users: 3,
    num_subs: 4,
    num_channels: 5,
    uptime: 65,
  };

  test('[CLI-19] info, also called node', async () => {
    const { io, run } = setUp({ info: { nodes: [node] } });
    expect(await run('info')).toBe(0);
    expect(io.written.out).toMatch(/u {5}1\.0 +1 min 5 s +1,200 +3 +4 +5\n$/);
    io.written.out = '';
    await run('node', '--json');
    expect(io.written.out).toBe(
      '[{"uid":"u","name":"","version":"1.0","connections":1200,"users":3,"subscriptions":4,"channels":5,"uptimeMs":65000}]\n',
    );
  });

  test('[CLI-19] namespaces; a server without them says so, exit 5', async () => {
    const { io, run } = setUp({
      namespaces: {
        namespaces: [
          {
            name: '',
            type: 'stream',
            class: 'live',
            history_size: 0,
            history_ttl_ms: 0,
            overflow: 'recover',
            allow_subscribe: [],
          },
          {
            name: 'news',
            type: 'stream',
            class: 'live',
            history_size: 100,
            history_ttl_ms: 300_000,
            overflow: 'gap',
            presence: true,
            allow_subscribe: ['user', 'anonymous'],
          },
        ],
      },
    });
    expect(await run('namespaces')).toBe(0);
    expect(io.written.out).toMatch(/\(default\) +stream +live +- +recover +- +nobody +nobody\n/);
    expect(io.written.out).toMatch(
      /news +stream +live +100 for 5 min +gap +presence +user, anonymous +nobody\n/,
    );
    const older = setUp({});
    expect(await older.run('namespaces')).toBe(5);
    expect(older.io.written.err).toContain('it is older than this command');
  });

  const events = [
    {
      time: 3_000,
      kind: 'disconnected',
      code: 3008,
      reason: 'slow',
      by: 'server',
      client: 'c1',
      user: 'ann',
    },
    {
      time: 2_000,
      kind: 'overflow',
      outcome: 'gap',
      from: 5,
      to: 9,
      dropped: 5,
      channel: 'news:a',
      client: 'c1',
      user: 'ann',
    },
    {
      time: 1_000,
      kind: 'subscribeRefused',
      code: 103,
      message: 'permission denied',
      channel: 'news:b',
      client: 'c2',
      user: 'bob',
    },
    { time: 500, kind: 'somethingNew', code: 9, channel: 'news:a', client: 'c2', user: 'bob' },
  ];

  test('[CLI-19] events, oldest first, in words; kinds that are not known yet too', async () => {
    const { io, run } = setUp({ events: { events } });
    expect(await run('events')).toBe(0);
    const said = io.written.out
      .trimEnd()
      .split('\n')
      .map((line) => line.split('  ').slice(1).join('  '));
    expect(said).toEqual([
      'bob (c2)  somethingNew news:a (9)',
      'bob (c2)  refused news:b: permission denied (103)',
      'ann (c1)  fell behind on news:a (gap), offsets 5 to 9, 5 dropped',
      'ann (c1)  disconnected by the server: slow (3008)',
    ]);
    expect(io.written.err).toBe('4 events\n');
  });

  test('[CLI-19] events of one user, client, channel, kind: the server is asked for these', async () => {
    const { io, run, lines } = setUp({ events: { events } });
    expect(
      await run(
        'events',
        '--user',
        'bob',
        '--client',
        'c2',
        '--channel',
        'news:a',
        '--kind',
        'cut',
        '--json',
      ),
    ).toBe(0);
    expect(io.requests[0]?.body).toEqual({
      limit: 100,
      user: 'bob',
      client: 'c2',
      channel: 'news:a',
      kinds: ['cut'],
    });
    expect(lines()).toEqual([...events].reverse());
  });
});

describe('why', () => {
  const connection = (channels: object, outbox = 0): object => ({
    user: 'ann',
    connected_at: 0,
    outbox_messages: outbox,
    outbox_bytes: outbox * 100,
    state: { channels },
  });
  const world = (connections: object, more: Results = {}): Results => ({
    connections: { connections, total: Object.keys(connections).length },
    history: { publications: [], offset: 10, epoch: 'e' },
    namespaces: { namespaces: [{ name: 'news', allow_subscribe: ['member'] }] },
    events: { events: [] },
    ...more,
  });
  const flowing = { offset: 10, epoch: 'e', delivery: 'flowing', dropped: 0 };

  test.each<[string, Results, string[], number, RegExp]>([
    [
      'up to date',
      world({ c1: connection({ 'news:a': flowing }) }),
      [],
      0,
      /ann, client c1: Subscribed and up to date/,
    ],
    ['not subscribed', world({ c1: connection({}) }), [], 1, /Not subscribed[\s\S]*admits member/],
    [
      'denied',
      world(
        { c1: connection({}) },
        {
          events: {
            events: [
              {
                time: 1,
                kind: 'subscribeRefused',
                code: 103,
                message: 'permission denied',
                client: 'c1',
                user: 'ann',
                channel: 'news:a',
              },
            ],
          },
        },
      ),
      [],
      1,
      /Denied: it may not subscribe[\s\S]*permission denied \(103\)/,
    ],
    [
      'cut off',
      world({ c1: connection({ 'news:a': { ...flowing, offset: 4, delivery: 'cut' } }, 256) }),
      [],
      1,
      /Cut off/,
    ],
    [
      'behind',
      world({ c1: connection({ 'news:a': { ...flowing, offset: 4 } }, 6) }),
      [],
      0,
      /Behind by about 6 publications/,
    ],
    [
      'dropped with a gap',
      world(
        { c1: connection({ 'news:a': { ...flowing, dropped: 3 } }) },
        {
          events: {
            events: [
              {
                time: 1,
                kind: 'overflow',
                outcome: 'gap',
                from: 5,
                to: 7,
                dropped: 3,
                client: 'c1',
                user: 'ann',
                channel: 'news:a',
              },
            ],
          },
        },
      ),
      ['--offset', '6'],
      1,
      /Offset 6 was dropped with a gap[\s\S]*offsets 5 to 7/,
    ],
    [
      'disconnected',
      world(
        {},
        {
          events: {
            events: [
              {
                time: 1,
                kind: 'disconnected',
                code: 3503,
                reason: 'force disconnect',
                by: 'server',
                client: 'c1',
                user: 'ann',
              },
            ],
          },
        },
      ),
      [],
      1,
      /User ann: Not connected[\s\S]*force disconnect \(3503\)[\s\S]*stay away/,
    ],
    ['never seen', world({}), [], 1, /no connection here, and this node remembers no end of one/],
  ])('[CLI-21] %s', async (_name, results, argv, code, text) => {
    const { io, run } = setUp(results);
    expect(await run('why', 'news:a', '--user', 'ann', ...argv)).toBe(code);
    expect(io.written.out).toMatch(text);
  });

  test('[CLI-21] a server without events still explains, and says what it cannot tell', async () => {
    const { io, run } = setUp(
      world({ c1: connection({ 'news:a': flowing }) }, { events: refusal(104, 'method not found') }),
    );
    expect(await run('why', 'news:a', '--client', 'c1', '--offset', '10')).toBe(0);
    expect(io.written.out).toContain('Offset 10 was handed to this connection.');
    expect(io.written.err).toContain('remembers no events');
  });

  test('[CLI-28] why --json: one object per connection', async () => {
    const { run, lines } = setUp(world({ c1: connection({ 'news:a': flowing }), c2: connection({}) }));
    expect(await run('why', 'news:a', '--user', 'ann', '--json')).toBe(1);
    expect(
      lines().map(({ client, user, tone, verdict, events }) => ({ client, user, tone, verdict, events })),
    ).toEqual([
      { client: 'c1', user: 'ann', tone: 'good', verdict: 'Subscribed and up to date.', events: [] },
      { client: 'c2', user: 'ann', tone: 'bad', verdict: 'Not subscribed.', events: [] },
    ]);
  });

  test('[CLI-21] of whom must be said', async () => {
    const { run } = setUp({});
    expect(await run('why', 'news:a')).toBe(2);
  });
});

describe('keys', () => {
  test('[CLI-20] a random key, and the configuration with its digest only', async () => {
    const { io, run } = setUp({});
    expect(
      await run(
        'key',
        'create',
        '--for-config',
        '--name',
        'ci',
        '--org',
        'acme',
        '--scope',
        'publish',
        '--scope',
        'broadcast',
      ),
    ).toBe(0);
    const key = io.written.out.split('\n')[0] ?? '';
    expect(key).toMatch(/^tlk_[0-9A-Za-z]{44}$/);
    const sha256 = createHash('sha256').update(key).digest('hex');
    expect(io.written.out).toContain(
      `    - { name: ci, org: acme, sha256: ${sha256}, scopes: [publish, broadcast] }\n`,
    );
    expect(io.requests).toEqual([]);
  });

  test('[CLI-20] for scripts; never the same key twice', async () => {
    const { run, lines } = setUp({});
    await run('key', 'create', '--for-config', '--json', '--org', '*');
    await run('key', 'create', '--for-config', '--json', '--all-orgs');
    const [first, second] = lines();
    expect(first).toMatchObject({ name: 'cli', org: '*', scopes: ['*'] });
    expect(first?.['key']).not.toBe(second?.['key']);
  });

  test.each([
    [['--org', 'no org'], 'is no org id'],
    [['--scope', 'pubish'], 'there is no API method "pubish"'],
    [['--name', 'a b'], 'is no name of a key'],
  ])('[CLI-20] what no server would take is wrong use: %j', async (argv, text) => {
    const { io, run } = setUp({});
    for (const where of [[], ['--for-config']]) expect(await run('key', 'create', ...where, ...argv)).toBe(2);
    expect(io.written.err).toContain(text);
    expect(io.requests).toEqual([]);
  });
});

describe('completion', () => {
  test('[CLI-23] prints the script of a shell; another shell is wrong use', async () => {
    const { io, run } = setUp({});
    expect(await run('completion', 'bash')).toBe(0);
    expect(io.written.out).toContain('complete -F _trunkline trunkline');
    expect(await run('completion', 'tcsh')).toBe(2);
    expect(io.written.err).toContain('bash, zsh, fish');
  });
});
