import { describe, expect, test } from 'vitest';
import { runCli } from '../program.js';
import type { SocketEnd } from '../sockets.js';
import {
  createFakeIo,
  createFakeLive,
  createFakeSockets,
  type FakeAnswer,
  type FakeCommand,
} from '../testing.js';

type Reply = {
  readonly result?: object;
  readonly error?: { readonly code: number; readonly message: string };
};

interface Situation {
  /** By the end of the path, e.g. `/health/live`. */
  readonly http?: Readonly<Record<string, FakeAnswer>>;
  readonly wire?: Readonly<Record<string, Reply | undefined>>;
  readonly refuse?: SocketEnd;
  /** Instead of an answer to connect. */
  readonly close?: { readonly code: number; readonly reason: string };
  /** Whether what is published comes back. Default true. */
  readonly arrives?: boolean;
}

const token = (claims: object): string => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
const NOW_S = 1_700_000_000;

/** A server on doubles, healthy but for what is given. */
async function doctor(situation: Situation, ...argv: string[]) {
  const published: { channel: string; data: unknown }[] = [];
  const io = createFakeIo({
    answer: ({ url, body }) => {
      const given = Object.entries(situation.http ?? {}).find(([path]) => url.endsWith(path))?.[1];
      if (given !== undefined) return given;
      if (url.endsWith('/health/live'))
        return { body: {}, headers: { date: new Date(NOW_S * 1_000).toUTCString() } };
      if (url.endsWith('/api/info')) return { body: { result: { nodes: [{ version: '1.2.9' }] } } };
      if (url.endsWith('/api/publish')) {
        const item = body as { channel: string; data: unknown };
        published.push(item);
        if (situation.arrives !== false)
          sockets.sockets[0]?.push({ push: { channel: item.channel, pub: { data: item.data } } });
        return { body: { result: { offset: 1, epoch: 'e' } } };
      }
      return { body: {} };
    },
  });
  const sockets = createFakeSockets(
    ({ method, params }: FakeCommand, socket) => {
      if (method === 'connect' && situation.close !== undefined) {
        socket.push({ push: { disconnect: situation.close } });
        socket.end({ kind: 'closed', code: situation.close.code, reason: '' });
        return undefined;
      }
      if (method === 'publish' && situation.arrives !== false && situation.wire?.['publish'] === undefined)
        queueMicrotask(() =>
          socket.push({ push: { channel: params['channel'], pub: { data: params['data'] } } }),
        );
      return situation.wire !== undefined && method in situation.wire
        ? situation.wire[method]
        : { result: method === 'connect' ? { client: 'c1' } : {} };
    },
    () => situation.refuse,
  );
  const running = runCli(['doctor', '--url', 'http://a:1', '--json', ...argv], {
    io,
    connect: createFakeLive().connect,
    loadServer: () => Promise.reject(new Error('not loaded')),
    loadSockets: async () => sockets.open,
    version: '1.2.3',
    onClientCommand: () => undefined,
    onServe: () => undefined,
  });
  await io.clock.advance(60_000);
  const exit = await running;
  const checks = io.written.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string; status: string; detail: string; advice?: string });
  return {
    exit,
    checks,
    published,
    last: checks.at(-1),
    find: (name: string) => checks.find(({ check }) => check === name),
  };
}

describe('doctor', () => {
  test('[CLI-22] a healthy server: every check in its order, exit 0', async () => {
    const { exit, checks, published } = await doctor({}, '--api-key', 'k', '--token', token({ sub: 'ann' }));
    expect(checks.map(({ check, status }) => `${check} ${status}`)).toEqual([
      'settings ok',
      'reach ok',
      'ready ok',
      'clock ok',
      'API key ok',
      'version ok',
      'WebSocket ok',
      'token ok',
      'subscribe ok',
      'round trip ok',
    ]);
    expect(exit).toBe(0);
    expect(published).toEqual([
      {
        channel: expect.stringMatching(/^trunkline-doctor-/),
        data: { doctor: expect.any(String) as string },
      },
    ]);
  });

  test('[CLI-22] without a key it publishes as a client', async () => {
    const { exit, find } = await doctor({});
    expect(exit).toBe(0);
    expect(find('API key')?.status).toBe('skipped');
    expect(find('round trip')?.detail).toContain('as a client');
  });

  test.each<[string, Situation, string, number, string]>([
    ['nobody there', { http: { '/health/live': new Error('x') } }, 'reach', 3, 'Is the server running'],
    [
      'somebody else there',
      { http: { '/health/live': { status: 404, body: '' } } },
      'reach',
      3,
      'Check the port',
    ],
    [
      'a proxy that knows no upgrade',
      { refuse: { kind: 'refused', status: 426 } },
      'WebSocket',
      1,
      'Upgrade header',
    ],
    [
      'too many attempts',
      { refuse: { kind: 'refused', status: 429 } },
      'WebSocket',
      1,
      'connectionAttemptsPerSecond',
    ],
    [
      'a denied channel',
      { wire: { subscribe: { error: { code: 103, message: 'permission denied' } } } },
      'subscribe',
      4,
      'does not admit',
    ],
    ['a lost message', { arrives: false }, 'round trip', 1, 'broker in common'],
    [
      'a publication that clients may not make',
      { wire: { publish: { error: { code: 103, message: 'permission denied' } } } },
      'round trip',
      4,
      '--api-key',
    ],
  ])('[CLI-22] %s: names the step and the likely cause', async (_name, situation, check, code, advice) => {
    const { exit, last } = await doctor(situation, '--channel', 'news:a', '--publish');
    expect(last).toMatchObject({
      check,
      status: 'failed',
      advice: expect.stringContaining(advice) as string,
    });
    expect(exit).toBe(code);
  });

  test.each([
    [{ exp: NOW_S - 90 }, 'It expired 1 min 30 s ago'],
    [{ nbf: NOW_S + 3_600 }, 'It is not valid yet, for another 1 h'],
    [{ iss: 'me', exp: NOW_S + 60 }, 'issuer "me", audience null, org null'],
  ])('[CLI-22] a token that is sent away is looked into: %j', async (claims, advice) => {
    const { exit, last } = await doctor(
      { close: { code: 3500, reason: 'invalid token' } },
      '--token',
      token(claims),
    );
    expect(last).toMatchObject({
      check: 'token',
      status: 'failed',
      detail: expect.stringContaining('invalid token (3500)') as string,
    });
    expect(last?.advice).toContain(advice);
    expect(exit).toBe(4);
  });

  test('[CLI-22] a clock that is off, another release, a node that drains: warnings, exit 0', async () => {
    const { exit, find } = await doctor(
      {
        http: {
          '/health/live': { body: {}, headers: { date: new Date((NOW_S - 120) * 1_000).toUTCString() } },
          '/health/ready': { status: 503, body: {} },
          '/api/info': { body: { result: { nodes: [{ version: '0.9.0' }] } } },
        },
      },
      '--api-key',
      'k',
    );
    expect(find('clock')).toMatchObject({
      status: 'warning',
      detail: expect.stringMatching(/behind this one/) as string,
    });
    expect(find('version')?.status).toBe('warning');
    expect(find('ready')?.status).toBe('warning');
    expect(exit).toBe(0);
  });

  test('[CLI-22] a wrong key is exit 4, and what does not need it is still checked', async () => {
    const { exit, find } = await doctor(
      { http: { '/api/info': { status: 401, body: { error: { code: 101, message: 'unauthorized' } } } } },
      '--api-key',
      'k',
    );
    expect(find('API key')?.status).toBe('failed');
    expect(find('round trip')?.status).toBe('ok');
    expect(exit).toBe(4);
  });

  test('[CLI-22] nothing is published into a channel of others unless told; a channel of its own that is denied is only a warning', async () => {
    const careful = await doctor({}, '--channel', 'news:a', '--api-key', 'k');
    expect(careful.last).toMatchObject({ check: 'round trip', status: 'skipped' });
    expect(careful.published).toEqual([]);
    const own = await doctor({ wire: { subscribe: { error: { code: 103, message: 'permission denied' } } } });
    expect(own.last).toMatchObject({ check: 'subscribe', status: 'warning' });
    expect(own.exit).toBe(0);
  });
});
