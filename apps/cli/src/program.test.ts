// The command line as a whole, on doubles: what commands send, what they print, and how they end.
import { readFileSync } from 'node:fs';
import { settle } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import { CliError, EXIT } from './exit.js';
import { READER_GONE } from './io.js';
import { runCli } from './program.js';
import {
  createFakeIo,
  createFakeLive,
  createFakeSockets,
  FakeInput,
  type FakeIoOptions,
  type FakeLive,
} from './testing.js';

function setUp(options: FakeIoOptions & { live?: FakeLive } = {}) {
  const io = createFakeIo(options);
  const live = options.live ?? createFakeLive();
  const loadServer = (): never => {
    throw new Error('the server is not loaded for this command');
  };
  return {
    io,
    live,
    run: (...argv: string[]) =>
      runCli(argv, {
        io,
        connect: live.connect,
        loadServer,
        version: '1.2.3',
        loadSockets: async () => createFakeSockets(() => undefined).open,
        onClientCommand: () => undefined,
        onServe: () => undefined,
      }),
  };
}

const result = (value: unknown) => ({ answer: () => ({ body: { result: value } }) });

describe('use', () => {
  test('[CLI-3] version and help are no failures', async () => {
    const version = setUp();
    expect(await version.run('--version')).toBe(0);
    expect(version.io.written.out).toBe('1.2.3\n');
    const help = setUp();
    expect(await help.run('publish', '--help')).toBe(0);
    expect(help.io.written.out).toContain('--stdin');
  });

  test.each([
    [['nonsense'], 'unknown command'],
    [['chanels'], 'channels'],
    [['publish'], "missing required argument 'channel'"],
    [['publish', 'c'], 'nothing to publish'],
    [['publish', 'c', '1', '--stdin'], 'not both'],
    [['publish', 'c', '--remove'], '--remove needs --key'],
    [['publish', 'c', '1', '--tags', 'x'], '--tags: "x" is no tag'],
    [['tail', 'c', '--since', '5'], '--since: "5" is no position'],
    [['tail', 'a', 'b', '--since', '5@x'], 'one channel'],
    [['tail', 'c', '--map', '--history', '5'], '--map begins with all entries'],
    [['rpc', 'm', '{'], 'PARAMS is no JSON'],
    [['disconnect'], 'Give --user, --client or both'],
    [['connections', '--limit', '0'], '--limit takes a whole number from 1'],
    [['channels', '--url', 'ftp://x'], 'is no server address'],
  ])('[CLI-3] wrong use is exit 2 and a sentence: %j', async (argv, text) => {
    const { io, run } = setUp();
    expect(await run(...argv)).toBe(2);
    expect(io.written.err).toContain(text);
    expect(io.requests).toEqual([]);
  });

  test('[CLI-10] the table of exit codes in the specification is that of the command', () => {
    const page = readFileSync(new URL('../../../docs/spec/cli.md', import.meta.url), 'utf8');
    const written = [...page.matchAll(/^\| (\d+) +\| `(\w+)`/gm)].map(([, code, name]) => [
      name,
      Number(code),
    ]);
    expect(Object.fromEntries(written)).toEqual(EXIT);
  });

  test('[CLI-27] an interrupted call is 130; where the reader of the output went away it is no failure', async () => {
    const { io, run } = setUp({ answer: () => new Promise(() => undefined) });
    io.interrupt();
    expect(await run('publish', 'c', '1')).toBe(130);
    const gone = setUp({ answer: () => new Promise(() => undefined) });
    gone.io.interrupt(READER_GONE);
    expect(await gone.run('channels')).toBe(0);
    expect(gone.io.written.err).toBe('');
  });

  test('[CLI-10] what was not foreseen is exit 1 with its stack', async () => {
    const { io, run } = setUp();
    expect(await run('config', 'check')).toBe(1);
    expect(io.written.err).toMatch(/unexpected error: Error: the server is not loaded[\s\S]*\n\s+at /);
  });
});

describe('publish', () => {
  test('[CLI-6] one publication: JSON where it parses', async () => {
    const { io, run } = setUp(result({ offset: 7, epoch: 'e' }));
    expect(await run('publish', 'c', '{"a":1}', '--tags', 'x=1', '--idempotency-key', 'k')).toBe(0);
    expect(io.requests[0]).toMatchObject({
      url: 'http://localhost:8000/api/publish',
      body: { channel: 'c', data: { a: 1 }, tags: { x: '1' }, idempotency_key: 'k' },
    });
    expect(io.written.out).toBe('published at offset 7 of epoch e\n');
  });

  test('[CLI-6] entries of a map are written and removed', async () => {
    const { io, run } = setUp(result({ offset: 7, epoch: 'e', applied: true }));
    await run('publish', 'map:c', 'hello', '--key', 'a');
    await run('publish', 'map:c', '--key', 'a', '--remove', '--json');
    expect(io.requests.map(({ url, body }) => [url.split('/').at(-1), body])).toEqual([
      ['map_publish', { channel: 'map:c', key: 'a', data: 'hello' }],
      ['map_remove', { channel: 'map:c', key: 'a' }],
    ]);
    expect(io.written.out).toBe(
      'published at offset 7 of epoch e\n{"offset":7,"epoch":"e","applied":true}\n',
    );
  });

  test('[CLI-6] lines go as batches with a key each, and are summed up', async () => {
    const input = new FakeInput();
    input.write('a\nb\n');
    input.end();
    const { io, run } = setUp({
      input,
      answer: ({ body }) => ({
        body: {
          replies: (body as { commands: unknown[] }).commands.map(() => ({
            publish: { offset: 1, epoch: 'e' },
          })),
        },
      }),
    });
    expect(await run('publish', 'logs:a', '--stdin', '--tags', 'host=x')).toBe(0);
    expect(io.requests.map(({ url }) => url)).toEqual(['http://localhost:8000/api/batch']);
    expect(io.requests[0]?.body).toEqual({
      commands: ['a', 'b'].map((line, index) => ({
        publish: {
          channel: 'logs:a',
          data: { line },
          idempotency_key: expect.stringMatching(new RegExp(`^\\w{22}-${index + 1}$`)) as string,
          tags: { host: 'x' },
        },
      })),
    });
    expect(io.written.err).toBe('2 lines published\n');
  });

  test('[CLI-7] a development server that was started again has a new key, which is found; a key that never worked is refused at once', async () => {
    const files: Record<string, string> = {};
    const keyIs = (apiKey: string): void =>
      void (files['/project/.trunkline/dev.json'] = JSON.stringify({ url: 'http://localhost:8000', apiKey }));
    keyIs('old');
    let valid = 'old';
    const input = new FakeInput();
    const { io, run } = setUp({
      input,
      files,
      answer: ({ headers, body }) =>
        headers['x-api-key'] === valid
          ? { body: { replies: (body as { commands: unknown[] }).commands.map(() => ({ publish: {} })) } }
          : { status: 401, body: { error: { code: 101, message: 'unauthorized' } } },
    });
    const code = run('publish', 'logs:a', '--stdin');
    input.write('1\n');
    await settle();
    valid = 'new';
    input.write('2\n');
    await settle();
    keyIs('new');
    await io.clock.advance(10_000);
    input.end();
    expect(await code).toBe(0);
    expect(io.written.err).toContain('2 lines published');
    expect(new Set(io.requests.slice(1).map(({ body }) => JSON.stringify(body))).size).toBe(1);

    keyIs('stale');
    const refused = new FakeInput();
    refused.write('1\n');
    const never = setUp({
      input: refused,
      files,
      answer: () => ({ status: 401, body: { error: { code: 101, message: 'unauthorized' } } }),
    });
    expect(await never.run('publish', 'logs:a', '--stdin')).toBe(4);
  });

  test('[CLI-8] refused lines make exit 1', async () => {
    const input = new FakeInput();
    input.write('a\nb\n');
    input.end();
    const { io, run } = setUp({
      input,
      answer: () => ({
        body: { replies: [{ publish: {} }, { error: { code: 107, message: 'bad request' } }] },
      }),
    });
    expect(await run('publish', 'logs:a', '--stdin', '--json')).toBe(1);
    expect(JSON.parse(io.written.out)).toEqual({ published: 1, refused: 1, unsent: 0 });
  });

  test('[CLI-9] an interruption that leaves lines behind is exit 130', async () => {
    const input = new FakeInput();
    const { io, run } = setUp({ input });
    const code = run('publish', 'logs:a', '--stdin');
    input.write('a\n');
    await settle();
    io.interrupt();
    input.end();
    expect(await code).toBe(130);
    expect(io.written.err).toContain('1 not sent');
  });

  test('[CLI-10] no server is exit 3, a refusal exit 4', async () => {
    const away = setUp();
    expect(await away.run('publish', 'c', '1')).toBe(3);
    expect(away.io.written.err).toContain(
      'error: no Trunkline server answers at http://localhost:8000 (connection refused)\nThat is the default address.',
    );
    expect(
      await setUp({
        answer: () => ({ status: 401, body: { error: { code: 101, message: 'unauthorized' } } }),
      }).run('publish', 'c', '1'),
    ).toBe(4);
  });
});

describe('operating', () => {
  test('[CLI-4] channels as a table and as JSON', async () => {
    const channels = { channels: { 'b:1': { num_clients: 12 }, 'a:1': { num_clients: 1_500 } } };
    const { io, run } = setUp(result(channels));
    expect(await run('channels', 'a*')).toBe(0);
    expect(io.requests[0]?.body).toEqual({ limit: 1_000, pattern: 'a*' });
    expect(io.written).toEqual({
      out: 'SUBSCRIBERS  CHANNEL\n      1,500  a:1\n         12  b:1\n',
      err: '2 channels\n',
    });
    const json = setUp(result(channels));
    await json.run('channels', '--json');
    expect(json.io.written).toEqual({
      out: '[{"channel":"a:1","subscribers":1500},{"channel":"b:1","subscribers":12}]\n',
      err: '',
    });
  });

  test('[CLI-4] connections, troubled channels first', async () => {
    const flowing = { offset: 5, epoch: 'e', delivery: 'flowing', dropped: 0 };
    const { io, run } = setUp(
      result({
        connections: {
          'client-1': {
            user: '',
            app_name: 'js',
            app_version: '',
            transport: 'websocket',
            protocol: 'json',
            remote_address: '127.0.0.1',
            connected_at: 1_700_000_000_000 - 65_000,
            outbox_messages: 3,
            outbox_bytes: 2_048,
            state: {
              channels: {
                a: flowing,
                b: flowing,
                c: flowing,
                d: { ...flowing, delivery: 'gapping', dropped: 9 },
              },
            },
          },
        },
        total: 40,
      }),
    );
    expect(await run('connections', '--user', 'ann', '--limit', '1')).toBe(0);
    expect(io.requests[0]?.body).toEqual({ limit: 1, user: 'ann' });
    expect(io.written.out).toContain(
      'client-1  (anonymous)  1 min 5 s  127.0.0.1  websocket/json  js   3, 2.0 KiB  d@5 gapping (9 dropped), a@5, b@5, and 1 more\n',
    );
    expect(io.written.err).toBe('1 of 40 connections\n');
  });

  test('[CLI-4] disconnect says how many; none is exit 5', async () => {
    const { io, run } = setUp({
      answer: (_request, index) => ({ body: { result: { num_clients: index === 0 ? 2 : 0 } } }),
    });
    expect(await run('disconnect', '--user', 'ann', '--reconnect')).toBe(0);
    expect(io.requests[0]?.body).toEqual({
      user: 'ann',
      disconnect: { code: 3011, reason: 'force reconnect' },
    });
    expect(await run('disconnect', '--client', 'x', '--reason', 'bye')).toBe(5);
    expect(io.requests[1]?.body).toEqual({ client: 'x', disconnect: { code: 3503, reason: 'bye' } });
    expect(io.written.out).toBe('2 connections closed\n0 connections closed\n');
  });
});

describe('live', () => {
  test('[CLI-11] tail follows every channel once and ends with Ctrl-C, exit 0', async () => {
    const { io, live, run } = setUp();
    const code = run('tail', 'a', 'b', 'a');
    await settle();
    expect(live.followed.map(({ channel, options }) => [channel, options])).toEqual([
      ['a', { map: false, since: undefined }],
      ['b', { map: false, since: undefined }],
    ]);
    live.followed[1]?.handlers.publication({ data: 1, offset: 1 }, 'e');
    expect(io.written.out).toMatch(/ b {7}1 {2}1\n$/);
    io.interrupt();
    expect(await code).toBe(0);
    expect(live.closed).toBe(true);
  });

  test('[CLI-11] tail continues behind the history it printed', async () => {
    const { io, live, run } = setUp({
      live: createFakeLive({ history: [1, 2, 3].map((offset) => ({ data: offset, offset })) }),
    });
    const code = run('tail', 'a', '--history', '2');
    await settle();
    expect(io.written.out.match(/ {2}\d$/gm)).toEqual(['  2', '  3']);
    expect(live.followed[0]?.options.since).toEqual({ epoch: 'e1', offset: 3 });
    io.interrupt();
    await code;
  });

  test('[CLI-29] tail hands its filter to the server, and applies it to the history it prints', async () => {
    const history = [1, 2, 3].map((offset) => ({
      data: offset,
      offset,
      tags: { level: offset === 2 ? 'error' : 'info' },
    }));
    const { io, live, run } = setUp({ live: createFakeLive({ history }) });
    const code = run('tail', 'a', '--history', '3', '--filter', 'level=error');
    await settle();
    expect(io.written.out.match(/ {2}\d {2}/gm)).toEqual(['  2  ']);
    expect(live.followed[0]?.options).toMatchObject({
      since: { epoch: 'e1', offset: 3 },
      filter: { key: 'level', cmp: 'eq', val: 'error' },
    });
    io.interrupt();
    await code;
  });

  test('[CLI-11] tail takes a position and maps', async () => {
    const since = setUp();
    void since.run('tail', 'a', '--since', '7@e9');
    await settle();
    expect(since.live.followed[0]?.options).toEqual({ map: false, since: { offset: 7, epoch: 'e9' } });
    since.io.interrupt();
    const map = setUp();
    void map.run('tail', 'a', '--map');
    await settle();
    expect(map.live.followed[0]?.options.map).toBe(true);
    map.io.interrupt();
  });

  test('[CLI-10] a connection that is sent away ends tail with its exit code', async () => {
    const { live, run } = setUp();
    const code = run('tail', 'a');
    await settle();
    live.fail(new CliError('denied', 'invalid token'));
    expect(await code).toBe(4);
    expect(live.closed).toBe(true);
  });

  test('[CLI-13] rpc prints the result, readable or on one line', async () => {
    const { io, live, run } = setUp({ live: createFakeLive({ rpc: () => ({ a: 1 }) }) });
    expect(await run('rpc', 'node.info')).toBe(0);
    expect(await run('rpc', 'node.channel', '{"channel":"x"}', '--json')).toBe(0);
    expect(live.calls).toEqual([
      { method: 'node.info', params: {} },
      { method: 'node.channel', params: { channel: 'x' } },
    ]);
    expect(io.written.out).toBe('{\n  "a": 1\n}\n{"a":1}\n');
    expect(live.closed).toBe(true);
  });
});
