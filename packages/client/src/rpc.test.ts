import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from './client.js';
import type { Untyped } from './contract-types.js';
import type { ClientOptions } from './options.js';
import type { ServerEvent } from './server-subscriptions.js';
import { FakeServer } from './testing.js';

let server: FakeServer;
let client: Client<Untyped>;
let errors: { error: unknown; where: string }[];

function open(options: Partial<ClientOptions> = {}): Client<Untyped> {
  return createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    onError: (error, { where }) => void errors.push({ error, where }),
    ...options,
  });
}
const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  errors = [];
  client = open();
});
afterEach(() => {
  client.dispose();
  vi.useRealTimers();
});

describe('rpc', () => {
  it('[CLIENT-16] params travel in the envelope, the result and its position come back', async () => {
    server.handlers.rpc = (method, data) => ({
      result: { method, data },
      position: { channel: 'c', epoch: 'e', offset: 3 },
    });
    const answer = await client.command('do.it', { a: 1 }, { key: 'k', seq: 2, trace: 't' });
    expect(answer).toEqual({
      result: { method: 'do.it', data: { params: { a: 1 }, key: 'k', seq: 2, trace: 't' } },
      position: { channel: 'c', epoch: 'e', offset: 3 },
    });
    await expect(client.rpc('do.it', 1)).resolves.toEqual({ method: 'do.it', data: { params: 1 } });
  });

  it('[CLIENT-16] without the extension, data is the params and the reply the result', async () => {
    server.grants = [];
    client.dispose();
    client = open();
    server.handlers.rpc = (_, data) => ({ echo: data });
    await expect(client.command('do.it', { a: 1 }, { key: 'k' })).resolves.toEqual({
      result: { echo: { a: 1 } },
    });
  });

  it('[CLIENT-16] a refusal keeps its code', async () => {
    server.handlers.rpc = () => {
      throw new CodedError('notFound', 'no such thing');
    };
    const error = await client.rpc('do.it', {}).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CodedError);
    expect(error).toMatchObject({ code: 1004, message: expect.stringContaining('no such thing') as string });
  });

  it('[CLIENT-16] no answer within timeoutMs, no connection, and a bad timeout are errors', async () => {
    server.handlers.onCommand = (command) => ('rpc' in command ? 'silent' : undefined);
    const late = client.rpc('slow', {}, { timeoutMs: 1_000 }).catch((cause: unknown) => cause);
    await pass(1_000);
    await expect(late).resolves.toMatchObject({ code: 1, temporary: true });
    await expect(client.rpc('slow', {}, { timeoutMs: 60_000 })).rejects.toThrow(/timeoutMs/);
    client.disconnect();
    await expect(client.rpc('slow', {})).rejects.toMatchObject({ code: 3 });
  });

  it('[CLIENT-16] a call waits for the connection', async () => {
    server.down = true;
    server.handlers.rpc = () => ({ result: 'there' });
    client.dispose();
    client = open();
    const call = client.rpc('do.it', {});
    await pass(200);
    server.down = false;
    await pass(5_000);
    await expect(call).resolves.toBe('there');
  });

  it('[CLIENT-17] with a key, a call cut off by the connection is sent again under the same key', async () => {
    const keys: unknown[] = [];
    server.handlers.onCommand = (command, connection) => {
      if (!('rpc' in command)) return undefined;
      keys.push(((command['rpc'] as { data: unknown }).data as { key: unknown }).key);
      if (keys.length > 2) return { rpc: { data: { result: 'once' } } };
      connection.close();
      return 'silent';
    };
    const call = client.rpc('pay', { amount: 1 }, { key: 'order-1' });
    await pass(5_000);
    await expect(call).resolves.toBe('once');
    expect(keys).toEqual(['order-1', 'order-1', 'order-1']);
  });

  it('[CLIENT-17] without a key nothing is sent twice', async () => {
    server.handlers.onCommand = (command, connection) => {
      if (!('rpc' in command)) return undefined;
      connection.close();
      return 'silent';
    };
    const call = client.rpc('pay', {}).catch((cause: unknown) => cause);
    await pass(5_000);
    await expect(call).resolves.toMatchObject({ code: 11 });
    expect(server.received('rpc')).toHaveLength(1);
  });

  it('[CLIENT-17] a key is not trusted on a server that does not read keys', async () => {
    server.grants = [];
    client.dispose();
    client = open();
    server.handlers.onCommand = (command, connection) => {
      if (!('rpc' in command)) return undefined;
      connection.close();
      return 'silent';
    };
    const call = client.rpc('pay', {}, { key: 'k' }).catch((cause: unknown) => cause);
    await pass(5_000);
    await expect(call).resolves.toMatchObject({ code: 11 });
    expect(server.received('rpc')).toHaveLength(1);
  });

  it('[CLIENT-13] calls in flight are bounded', async () => {
    client.dispose();
    client = open({ maxRpcInFlight: 2 });
    server.handlers.onCommand = (command) => ('rpc' in command ? 'silent' : undefined);
    void client.rpc('a', {}).catch(() => undefined);
    void client.rpc('b', {}).catch(() => undefined);
    await expect(client.rpc('c', {})).rejects.toMatchObject({ code: 111 });
  });

  it('[CLIENT-16] publish and history, with coded errors', async () => {
    server.channel('news');
    await client.publish('news', 'hello');
    await expect(client.history('news')).resolves.toEqual({
      position: { epoch: 'e1', offset: 1 },
      publications: [
        {
          channel: 'news',
          data: 'hello',
          position: { epoch: 'e1', offset: 1 },
          info: { user: 'me', client: 'client-1' },
        },
      ],
    });
    server.handlers.onCommand = () => ({ error: { code: 103, message: 'permission denied' } });
    await expect(client.publish('news', 'x')).rejects.toMatchObject({ name: 'CodedError', code: 103 });
    await expect(client.history('news')).rejects.toMatchObject({ name: 'CodedError', code: 103 });
  });
});

describe('calls of the server', () => {
  const answers = (): unknown[] =>
    server
      .received('rpc')
      .filter((request) => request['method'] === 'tl.answer')
      .map((request) => request['data']);

  it('[CLIENT-18] a handler answers; results, coded errors and others', async () => {
    client.onCall('add', (data) => Promise.resolve(Number(data) + 1));
    client.onCall('nothing', () => undefined);
    client.onCall('no', () => {
      throw new CodedError('permissionDenied', 'not today');
    });
    client.onCall('broken', () => {
      throw new Error('secret detail');
    });
    await settle();
    for (const [index, method] of ['add', 'nothing', 'no', 'broken', 'unheard'].entries())
      server.notice({ call: { id: String(index), method, data: 4 } });
    await settle();
    expect(answers()).toEqual(
      expect.arrayContaining([
        { id: '0', result: 5 },
        { id: '1', result: null },
        { id: '2', error: { code: 103, message: 'permission denied: not today' } },
        { id: '3', error: { code: 100, message: 'internal server error' } },
        { id: '4', error: { code: 104, message: 'method not found: unheard' } },
      ]),
    );
    expect(JSON.stringify(answers())).not.toContain('secret');
    expect(errors.map(({ where }) => where)).toEqual(['call', 'call']);
  });

  it('[CLIENT-18] one handler per method, until it is removed', () => {
    const remove = client.onCall('add', () => 1);
    expect(() => client.onCall('add', () => 2)).toThrow(/conflict/);
    remove();
    expect(() => client.onCall('add', () => 2)).not.toThrow();
  });

  it('[CLIENT-13] calls worked on at once are bounded', async () => {
    client.dispose();
    client = open({ maxCallsInFlight: 1 });
    client.onCall('slow', () => new Promise(() => undefined));
    await settle();
    server.notice({ call: { id: '1', method: 'slow' } });
    server.notice({ call: { id: '2', method: 'slow' } });
    await settle();
    expect(answers()).toEqual([
      { id: '2', error: { code: 111, message: expect.stringContaining('too many') as string } },
    ]);
  });

  it('[CLIENT-18] an answer is not sent on another connection than its call came on', async () => {
    let finish: (value: number) => void = () => undefined;
    client.onCall('slow', () => new Promise((resolve) => (finish = resolve)));
    await settle();
    server.notice({ call: { id: '1', method: 'slow' } });
    await settle();
    server.cut();
    await pass(2_000);
    finish(1);
    await settle();
    expect(answers()).toEqual([]);
  });

  it('[CLIENT-18] other messages reach onMessage, and a throwing listener only itself', async () => {
    const seen: unknown[] = [];
    client.onMessage(() => {
      throw new Error('mine');
    });
    const stop = client.onMessage((data) => seen.push(data));
    await settle();
    server.connection.push({ message: { data: { hello: 1 } } });
    server.connection.push({ message: { data: { tl: 'not ours' } } });
    await settle();
    stop();
    server.connection.push({ message: { data: 'late' } });
    await settle();
    expect(seen).toEqual([{ hello: 1 }, { tl: 'not ours' }]);
    expect(errors.filter(({ where }) => where === 'handler')).toHaveLength(3);
  });
});

describe('server-side subscriptions', () => {
  it('[CLIENT-19] events of what the server subscribed; a reset comes before what follows it', async () => {
    let recovered = true;
    let first = true;
    server.handlers.onCommand = (command, connection) => {
      if (!('connect' in command)) return undefined;
      const base = { positioned: true, recoverable: true, epoch: 'e', offset: 5 };
      const sub = first
        ? base
        : recovered
          ? {
              ...base,
              offset: 6,
              was_recovering: true,
              recovered: true,
              publications: [{ offset: 6, data: 'six' }],
            }
          : { ...base, offset: 9, was_recovering: true };
      first = false;
      return { connect: { client: connection.client, subs: { 'user:1': sub } } };
    };
    const log: unknown[] = [];
    const tell = (event: ServerEvent): void =>
      void log.push(
        event.kind === 'publication'
          ? event.data
          : event.kind === 'reset'
            ? { reset: event.reason, missing: event.missing }
            : event.kind,
      );
    client.dispose();
    client = open();
    client.onServerSubscription(tell);
    await settle();
    server.cut();
    await pass(2_000);
    recovered = false;
    server.cut();
    await pass(2_000);
    server.connection.push({ channel: 'user:1', pub: { offset: 10, data: 'ten' } });
    server.connection.push({ channel: 'user:1', pub: { offset: 12, data: 'twelve' } });
    server.connection.push({ channel: 'user:1', unsubscribe: { code: 2000, reason: 'bye' } });
    await settle();
    expect(log).toEqual([
      'subscribed',
      'subscribing',
      'subscribed',
      'six',
      'subscribing',
      { reset: 'unrecoverable', missing: { epoch: 'e', from: 7, to: 9 } },
      'subscribed',
      'ten',
      { reset: 'jump', missing: { epoch: 'e', from: 11, to: 11 } },
      'twelve',
      'unsubscribed',
    ]);
  });
});

describe('presence', () => {
  it('[CLIENT-15] the list, joins and leaves; fetched again after a reconnect', async () => {
    server.channel('room').members = { a: { user: 'u', client: 'a' } };
    const store = client.presence('room');
    expect(store.get()).toMatchObject({ continuity: { kind: 'recovering' } });
    await settle();
    expect([...store.get().members.keys()]).toEqual(['a']);
    expect(store.get().continuity).toEqual({ kind: 'live' });
    expect(server.received('subscribe').at(-1)).toMatchObject({ join_leave: true });
    server.connection.push({ channel: 'room', join: { info: { user: 'u', client: 'b' } } });
    server.connection.push({ channel: 'room', leave: { info: { user: 'u', client: 'a' } } });
    await settle();
    expect([...store.get().members.keys()]).toEqual(['b']);
    const before = store.get();
    server.connection.push({ channel: 'room', leave: { info: { user: 'u', client: 'a' } } });
    await settle();
    expect(store.get()).toBe(before);
    server.cut();
    server.channel('room').members = { c: { user: 'u', client: 'c' } };
    await pass(2_000);
    expect([...store.get().members.keys()]).toEqual(['c']);
    store.close();
  });

  it('[CLIENT-15] presence beside a stream of the same channel: asked for on the same subscription, nothing missed', async () => {
    const log: unknown[] = [];
    client.stream('room', {
      onPublication: ({ data }) => void log.push(data),
      onReset: () => void log.push('reset'),
    });
    await settle();
    server.publish('room', 1);
    await settle();
    const store = client.presence('room');
    server.publish('room', 2);
    await settle();
    server.publish('room', 3);
    await settle();
    expect(log).toEqual([1, 2, 3]);
    expect(store.get().continuity).toEqual({ kind: 'live' });
    expect(server.received('subscribe')).toHaveLength(2);
  });

  it('[CLIENT-15] a refusal is shown, a temporary one is tried again', async () => {
    let refusal: { code: number; message: string; temporary?: boolean } | undefined = {
      code: 103,
      message: 'permission denied',
    };
    server.handlers.onCommand = (command) =>
      'presence' in command && refusal ? { error: refusal } : undefined;
    const denied = client.presence('room');
    await settle();
    expect(denied.get().continuity).toMatchObject({ kind: 'failed', code: 103 });
    refusal = { code: 100, message: 'internal', temporary: true };
    const slow = client.presence('hall');
    await settle();
    expect(slow.get().continuity.kind).toBe('recovering');
    refusal = undefined;
    await pass(2_000);
    expect(slow.get().continuity).toEqual({ kind: 'live' });
  });
});
