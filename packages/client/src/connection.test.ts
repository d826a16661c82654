import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from './client.js';
import type { Untyped } from './contract-types.js';
import { resolveUrl, type ClientOptions } from './options.js';
import { FakeServer } from './testing.js';

let server: FakeServer;
let client: Client<Untyped> | undefined;
let errors: { error: unknown; where: string }[];

function open(options: Partial<ClientOptions> = {}): Client<Untyped> {
  client = createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    onError: (error, { where }) => void errors.push({ error, where }),
    ...options,
  });
  return client;
}
const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  errors = [];
});
afterEach(() => {
  client?.dispose();
  vi.useRealTimers();
});

describe('connection', () => {
  it.each([
    ['ws://host', 'ws://host/connection/websocket'],
    ['wss://host/', 'wss://host/connection/websocket'],
    ['http://host:8000', 'ws://host:8000/connection/websocket'],
    ['https://host', 'wss://host/connection/websocket'],
    ['wss://host/base/ws?x=1', 'wss://host/base/ws?x=1'],
  ])('[CLIENT-9] %s is %s', (given, expected) => {
    expect(resolveUrl(given)).toBe(expected);
  });

  it('[CLIENT-9] bad options are refused by name', () => {
    expect(() => resolveUrl('ftp://host')).toThrow(/url must begin with/);
    expect(() => resolveUrl('nonsense')).toThrow(/url must be/);
    expect(() => open({ minDelayMs: -1 })).toThrow(/minDelayMs/);
    expect(() => open({ minDelayMs: 50_000 })).toThrow(/maxDelayMs/);
    expect(() => open({ maxAttempts: 0 })).toThrow(/maxAttempts/);
  });

  it('[CLIENT-9] without a WebSocket on the platform the option is demanded', () => {
    vi.stubGlobal('WebSocket', undefined);
    expect(() => createClient<Untyped>({ url: 'ws://test' })).toThrow(/websocket is required/);
    vi.unstubAllGlobals();
  });

  it('[CLIENT-9] offers extensions and reads what was granted and what the authenticator answered', async () => {
    server.handlers.onCommand = (command) =>
      'connect' in command
        ? {
            connect: {
              client: 'c1',
              ping: 25,
              data: { tl: { extensions: ['rpc', 'unheard-of'] }, data: { hello: 1 } },
            },
          }
        : undefined;
    const { state, extensions } = open();
    expect(state.get()).toMatchObject({ kind: 'connecting', attempt: 1 });
    await settle();
    expect(server.received('connect')[0]).toMatchObject({
      headers: { 'trunkline-extensions': 'gap, source, drain, call, rpc' },
    });
    expect(state.get()).toMatchObject({ kind: 'connected', client: 'c1', data: { hello: 1 } });
    expect([...(client?.extensions ?? [])]).toEqual(['rpc']);
    expect([...extensions]).toEqual([]);
  });

  it('[CLIENT-9] a server that knows nothing of extensions gets the data through whole', async () => {
    server.handlers.onCommand = (command) =>
      'connect' in command ? { connect: { client: 'c1', data: { mine: true } } } : undefined;
    const { state } = open();
    await settle();
    expect(state.get()).toMatchObject({ kind: 'connected', data: { mine: true } });
    expect(client?.extensions.size).toBe(0);
  });

  it('[CLIENT-9] state tells each change, once', async () => {
    const kinds: string[] = [];
    const { state } = open({ autoConnect: false });
    expect(state.get().kind).toBe('disconnected');
    const stop = state.subscribe(() => kinds.push(state.get().kind));
    client?.connect();
    await settle();
    client?.disconnect();
    await settle();
    expect(kinds).toEqual(['connecting', 'connected', 'disconnected']);
    stop();
    client?.connect();
    await settle();
    expect(kinds).toHaveLength(3);
  });

  it('[CLIENT-10] attempts are counted, and from none again after a success', async () => {
    server.down = true;
    const { state } = open();
    await settle();
    expect(state.get()).toMatchObject({ kind: 'connecting', attempt: 2 });
    await pass(1_000);
    expect(state.get()).toMatchObject({ kind: 'connecting', attempt: 3 });
    server.down = false;
    await pass(5_000);
    expect(state.get().kind).toBe('connected');
    server.down = true;
    server.cut();
    await settle();
    expect(state.get()).toMatchObject({ kind: 'connecting', attempt: 1, reason: 'transport closed' });
  });

  it('[CLIENT-10] at maxAttempts the state is failed and reported, and only connect() tries again', async () => {
    server.down = true;
    const { state } = open({ maxAttempts: 3 });
    await pass(60_000);
    expect(server.attempts).toBe(3);
    expect(state.get()).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('gave up after 3 attempts') as string,
    });
    expect(
      errors.some(({ where, error }) => where === 'connection' && String(error).includes('gave up')),
    ).toBe(true);
    server.down = false;
    await pass(60_000);
    expect(server.attempts).toBe(3);
    client?.connect();
    await settle();
    expect(state.get().kind).toBe('connected');
  });

  it('[CLIENT-10] a token that cannot be fetched counts as an attempt', async () => {
    const { state } = open({
      maxAttempts: 2,
      getToken: () => Promise.reject(new Error('identity provider down')),
    });
    await pass(60_000);
    expect(server.attempts).toBe(0);
    expect(state.get()).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('identity provider down') as string,
    });
  });

  it('[CLIENT-10] a close that says stay away is final, with its code', async () => {
    const { state } = open();
    await settle();
    server.connection.close(3500, 'invalid token');
    await pass(60_000);
    expect(state.get()).toMatchObject({ kind: 'failed', code: 3500, reason: 'invalid token' });
    expect(server.attempts).toBe(1);
  });

  it('[CLIENT-10] a socket that opens and never answers is given up after connectTimeoutMs', async () => {
    server.handlers.onCommand = () => 'silent';
    const { state } = open({ connectTimeoutMs: 2_000 });
    await settle();
    await pass(1_999);
    expect(state.get()).toMatchObject({ kind: 'connecting', attempt: 1 });
    await pass(1);
    expect(state.get()).toMatchObject({ kind: 'connecting', attempt: 2 });
    expect(server.connections[0]?.open).toBe(false);
  });

  it('[CLIENT-12] a frame that cannot be decoded is reported, and the connection is taken again', async () => {
    const { state } = open();
    await settle();
    server.connection.sendText('{"push": nonsense');
    await settle();
    expect(errors).toContainEqual({
      error: expect.objectContaining({ code: 107 }) as unknown,
      where: 'decode',
    });
    expect(state.get().kind).toBe('connecting');
    await pass(2_000);
    expect(state.get().kind).toBe('connected');
  });

  it('[CLIENT-12] a constructor that throws is an attempt that failed', async () => {
    class Refused {
      constructor() {
        throw new Error('blocked by policy');
      }
    }
    const { state } = open({ websocket: Refused as never });
    await pass(1);
    expect(state.get()).toMatchObject({ kind: 'connecting', attempt: 2 });
    expect(errors).toContainEqual({ error: new Error('blocked by policy'), where: 'transport' });
  });

  it('[CLIENT-12] an onError that throws harms nothing', async () => {
    server.down = true;
    const { state } = open({
      onError: () => {
        throw new Error('in the error handler');
      },
    });
    await settle();
    server.down = false;
    await pass(5_000);
    expect(state.get().kind).toBe('connected');
  });

  it('[CLIENT-11] on drain advice the client comes back within the window, without ever being disconnected', async () => {
    const kinds: string[] = [];
    const { state } = open();
    await settle();
    state.subscribe(() => kinds.push(state.get().kind));
    server.notice({ drain: { withinMs: 10_000 } });
    await settle();
    expect(server.connections).toHaveLength(1);
    await pass(10_000);
    expect(server.connections).toHaveLength(2);
    expect(server.connections[0]?.open).toBe(false);
    expect(kinds).toEqual(['connecting', 'connected']);
  });

  it('[CLIENT-11] a drain waits for calls in flight, but not beyond its window', async () => {
    let answer: (() => void) | undefined;
    server.handlers.onCommand = (command, connection) => {
      if (!('rpc' in command)) return undefined;
      answer = () => connection.send({ id: command['id'], rpc: { data: { result: 'done' } } });
      return 'silent';
    };
    const own = open();
    await settle();
    const call = own.rpc('slow', {});
    await settle();
    server.notice({ drain: { withinMs: 10_000 } });
    await pass(9_000);
    expect(server.connections).toHaveLength(1);
    answer?.();
    await expect(call).resolves.toBe('done');
    await settle();
    expect(server.connections).toHaveLength(2);

    const late = own.rpc('slow', {}).catch((error: unknown) => error);
    await settle();
    server.notice({ drain: { withinMs: 10_000 } });
    await pass(10_001);
    expect(server.connections).toHaveLength(3);
    await expect(late).resolves.toMatchObject({ code: 11 });
  });

  it('[CLIENT-11] advice of a connection that is gone moves nobody', async () => {
    open();
    await settle();
    server.notice({ drain: { withinMs: 10_000 } });
    await settle();
    server.cut();
    await pass(600);
    await pass(20_000);
    expect(server.connections).toHaveLength(2);
  });
});
