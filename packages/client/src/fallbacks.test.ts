import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client, type FullClientOptions } from './client.js';
import type { Untyped } from './contract-types.js';
import { createClient as createCoreClient } from './core-client.js';
import { fallbacks, type FallbackOptions } from './fallbacks.js';
import { FakeServer } from './testing.js';
import type { TransportName } from './transports.js';

let server: FakeServer;
let clients: { dispose(): void }[];
let errors: { error: unknown; where: string }[];

function open(
  transports: readonly TransportName[],
  options: Partial<FullClientOptions> = {},
  places: Partial<FallbackOptions> = {},
): Client<Untyped> {
  const client = createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    onError: (error, { where }) => void errors.push({ error, where }),
    transport: fallbacks({ transports, fetch: server.fetch, eventSource: server.eventSource, ...places }),
    ...options,
  });
  clients.push(client);
  return client;
}
const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
};
const ALL: readonly TransportName[] = ['websocket', 'http_stream', 'sse'];
/** `found`: the transport that works, behind a proxy that refuses those before it. */
const BEHIND: readonly { found: TransportName; refused: readonly TransportName[] }[] = [
  { found: 'websocket', refused: [] },
  { found: 'http_stream', refused: ['websocket'] },
  { found: 'sse', refused: ['websocket', 'http_stream'] },
];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  clients = [];
  errors = [];
});
afterEach(() => {
  for (const client of clients) client.dispose();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('the plan', () => {
  it('[CLIENT-21] bad options are refused by name', () => {
    expect(() => fallbacks({ transports: [] })).toThrow(/transports must not be empty/);
    expect(() => fallbacks({ transports: ['carrier' as TransportName] })).toThrow(/transports\[0\].*carrier/);
    expect(() => fallbacks({ transports: ['sse', 'sse'] })).toThrow(/transports\[1\]/);
    expect(() => createClient({ url: 'ws://test', transport: 'pigeon' as 'auto' })).toThrow(/transport must/);
  });

  it('[CLIENT-21] a platform that has none of the transports is told so', () => {
    vi.stubGlobal('WebSocket', undefined);
    expect(() => createClient({ url: 'ws://test', transport: ['websocket'] })).toThrow(/none of websocket/);
    vi.stubGlobal('EventSource', undefined);
    expect(() => createClient({ url: 'ws://test', transport: ['sse'] })).toThrow(/none of sse/);
  });

  it('[CLIENT-21] without a WebSocket on the platform the others do', async () => {
    vi.stubGlobal('WebSocket', undefined);
    const client = open(ALL, { websocket: undefined as never });
    await settle();
    expect(client.state.get()).toMatchObject({ kind: 'connected', transport: 'http_stream' });
  });

  it.each([
    ['ws://host:8000', 'http://host:8000/connection/http_stream', 'http://host:8000/emulation'],
    [
      'wss://host/x/connection/websocket?a=1',
      'https://host/x/connection/http_stream?a=1',
      'https://host/x/emulation?a=1',
    ],
    ['https://host/own/path', 'https://host/connection/http_stream', 'https://host/emulation'],
  ])('[CLIENT-21] beside %s lie the others', async (url, stream, emulation) => {
    const asked: string[] = [];
    const fetch: FallbackOptions['fetch'] = (input, init) => {
      asked.push(input);
      return server.fetch(input, init);
    };
    const client = open(['http_stream'], { url }, { fetch });
    await settle();
    void client.rpc('a', {}).catch(() => undefined);
    await settle();
    expect(asked).toEqual([stream, emulation]);
  });

  it('[CLIENT-21] addresses may be given', async () => {
    const asked: string[] = [];
    const client = open(
      ['http_stream'],
      {},
      {
        endpoints: { http_stream: 'https://other/stream' },
        fetch: (input, init) => {
          asked.push(input);
          return server.fetch(input, init);
        },
      },
    );
    await settle();
    expect(asked).toEqual(['https://other/stream']);
    expect(client.state.get().kind).toBe('connected');
  });

  it.each(['auto', ['http_stream', 'sse']] as const)(
    '[CLIENT-21] the main entry takes %s, core takes a plan',
    async (transport) => {
      vi.stubGlobal('fetch', server.fetch);
      vi.stubGlobal('EventSource', server.eventSource);
      server.refuses.add('websocket');
      const client = open(ALL, { transport });
      const core = createCoreClient<Untyped>({
        url: 'ws://test',
        websocket: server.websocket,
        transport: fallbacks(),
      });
      clients.push(core);
      await pass(10);
      expect(client.state.get()).toMatchObject({ kind: 'connected', transport: 'http_stream' });
      expect(core.state.get()).toMatchObject({ kind: 'connected', transport: 'http_stream' });
    },
  );
});

describe.each(BEHIND)('over $found', ({ found, refused }) => {
  beforeEach(() => {
    for (const transport of refused) server.refuses.add(transport);
  });

  it('[CLIENT-21] the transport that works is found at once and shown', async () => {
    const client = open(ALL);
    await pass(5);
    expect(client.state.get()).toMatchObject({ kind: 'connected', transport: found });
  });

  it('[CLIENT-21] publications, calls and recovery: nothing is missed, nothing told twice', async () => {
    const client = open(ALL);
    const log: unknown[] = [];
    const sub = client.stream('news', {
      onPublication: ({ data }) => void log.push(data),
      onReset: ({ reason }) => void log.push(reason),
    });
    server.handlers.rpc = (_, data) => ({ result: data });
    await pass(10);
    server.publish('news', 'one');
    await settle();
    await expect(client.rpc('echo', { a: 'ü' })).resolves.toEqual({ params: { a: 'ü' } });
    server.cut();
    server.publish('news', 'two');
    await settle();
    expect(sub.state.get().kind).toBe('recovering');
    await pass(2_000);
    server.publish('news', 'three');
    await settle();
    expect(log).toEqual(['one', 'two', 'three']);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(client.state.get()).toMatchObject({ kind: 'connected', transport: found });
  });

  it('[CLIENT-21] a lost publication is noticed and fetched', async () => {
    const client = open(ALL);
    const log: unknown[] = [];
    client.stream('news', { onPublication: ({ data }) => void log.push(data) });
    await pass(10);
    server.publish('news', 1);
    server.publishLost('news', 2);
    server.publish('news', 3);
    await pass(100);
    expect(log).toEqual([1, 2, 3]);
  });

  it('[CLIENT-12] a frame that cannot be decoded costs the connection, and nothing else', async () => {
    const client = open(ALL);
    const log: unknown[] = [];
    client.stream('news', { onPublication: ({ data }) => void log.push(data) });
    await pass(10);
    server.publish('news', 1);
    server.connection.sendText('{"push":');
    server.publish('news', 2);
    await pass(2_000);
    expect(log).toEqual([1, 2]);
    expect(server.connections.filter(({ open: isOpen }) => isOpen)).toHaveLength(1);
  });

  it('[CLIENT-10] no answer to the connect command within connectTimeoutMs ends the attempt', async () => {
    server.handlers.onCommand = (command) => ('connect' in command ? 'silent' : undefined);
    const client = open([found], { connectTimeoutMs: 1_000, maxAttempts: 1 });
    await pass(999);
    expect(client.state.get().kind).toBe('connecting');
    await pass(10);
    expect(client.state.get()).toMatchObject({ kind: 'failed' });
  });

  it('[CLIENT-11] closing ends it on both sides, and it may be opened again', async () => {
    const client = open(ALL);
    await pass(10);
    client.disconnect();
    await pass(10);
    expect(client.state.get().kind).toBe('disconnected');
    client.connect();
    await pass(10);
    expect(client.state.get()).toMatchObject({ kind: 'connected', transport: found });
  });
});

describe('attempts', () => {
  it('[CLIENT-21] until one was open, one attempt is a round over all', async () => {
    for (const transport of ALL) server.refuses.add(transport);
    const client = open(ALL, { maxAttempts: 2 });
    await pass(5);
    expect(client.state.get()).toMatchObject({ kind: 'connecting', attempt: 2 });
    await pass(60_000);
    expect(client.state.get()).toMatchObject({ kind: 'failed', code: 4 });
  });

  it('[CLIENT-21] what was open once is stayed with', async () => {
    server.refuses.add('websocket');
    const client = open(ALL);
    await pass(10);
    server.refuses.clear();
    const { attempts } = server;
    server.cut();
    await pass(5_000);
    expect(client.state.get()).toMatchObject({ kind: 'connected', transport: 'http_stream' });
    expect(server.attempts).toBe(attempts);
  });
});

describe('posts', () => {
  it('[CLIENT-21] leave one after another, and what waited leaves together', async () => {
    const order: string[] = [];
    let release: () => void = () => undefined;
    const client = open(
      ['http_stream'],
      {},
      {
        fetch: async (input, init) => {
          if (input.endsWith('/emulation')) {
            order.push('begin');
            await new Promise<void>((resolve) => (release = resolve));
            order.push('end');
          }
          return server.fetch(input, init);
        },
      },
    );
    await settle();
    server.handlers.rpc = (method) => ({ result: method });
    const calls = [client.rpc('a', {})];
    await settle();
    calls.push(client.rpc('b', {}), client.rpc('c', {}));
    await settle();
    expect(order).toEqual(['begin']);
    release();
    await settle();
    release();
    await expect(Promise.all(calls)).resolves.toEqual(['a', 'b', 'c']);
    expect(order).toEqual(['begin', 'end', 'begin', 'end']);
    expect(server.received('rpc').map(({ method }) => method)).toEqual(['a', 'b', 'c']);
  });

  it.each(['http_stream', 'sse'] as const)(
    '[CLIENT-21] over %s a failed post takes the connection down, and a call under a key is repeated',
    async (transport) => {
      const client = open([transport]);
      await pass(10);
      server.handlers.rpc = () => ({ result: 'done' });
      server.refuses.add('emulation');
      const keyed = client.rpc('pay', {}, { key: 'k' });
      const bare = client.rpc('pay', {}).catch((cause: unknown) => cause);
      await pass(10);
      expect(client.state.get().kind).toBe('connecting');
      server.refuses.delete('emulation');
      await pass(2_000);
      await expect(keyed).resolves.toBe('done');
      await expect(bare).resolves.toMatchObject({ code: 11 });
    },
  );

  it('[CLIENT-21] a post of the connection before does not end the next one', async () => {
    const fail: (() => void)[] = [];
    const client = open(
      ['http_stream'],
      {},
      {
        fetch: (input, init) =>
          input.endsWith('/emulation')
            ? new Promise((_, reject) => fail.push(() => reject(new TypeError('network'))))
            : server.fetch(input, init),
      },
    );
    await settle();
    void client.rpc('a', {}).catch(() => undefined);
    await settle();
    server.cut();
    await pass(2_000);
    const { length } = server.connections;
    expect(client.state.get().kind).toBe('connected');
    for (const run of fail) run();
    await pass(2_000);
    expect(server.connections).toHaveLength(length);
    expect(client.state.get().kind).toBe('connected');
  });
});

describe('the stream', () => {
  it('[CLIENT-21] characters cut in two by the network arrive whole', async () => {
    server.chunkBytes = 1;
    const client = open(['http_stream']);
    const log: unknown[] = [];
    client.stream('news', { onPublication: ({ data }) => void log.push(data) });
    await pass(10);
    server.publish('news', 'Grüße aus 東京 🗼');
    await pass(10);
    expect(log).toEqual(['Grüße aus 東京 🗼']);
    expect(errors).toEqual([]);
  });
});
