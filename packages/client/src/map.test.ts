import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from './client.js';
import type { Untyped } from './contract-types.js';
import type { ClientOptions } from './options.js';
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
const put = (key: string, data: unknown): void => void server.publish('m', data, { key });

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

describe('map', () => {
  it('[CLIENT-14] snapshot over pages, then updates; notified once per batch', async () => {
    server.pageSize = 2;
    for (const key of ['a', 'b', 'c', 'd', 'e']) put(key, key);
    const map = client.map<'m'>('m');
    const seen: number[] = [];
    map.subscribe(() => seen.push(map.get().size));
    expect(map.state.get().kind).toBe('recovering');
    await settle();
    expect([...map.get()]).toEqual(['a', 'b', 'c', 'd', 'e'].map((key) => [key, key]));
    expect(map.state.get()).toEqual({ kind: 'live' });
    server.connection.send(
      { push: { channel: 'm', pub: server.channel('m').append('F', { key: 'f' }) } },
      { push: { channel: 'm', pub: server.channel('m').append(null, { key: 'a', removed: true }) } },
    );
    await settle();
    expect([...map.get().keys()]).toEqual(['b', 'c', 'd', 'e', 'f']);
    expect(seen.at(0)).toBe(5);
    expect(seen.length).toBeLessThanOrEqual(3);
  });

  it('[CLIENT-14] a key is watched alone', async () => {
    const map = client.map('m');
    await settle();
    let a = 0;
    const stop = map.subscribeKey('a', () => a++);
    put('b', 1);
    await settle();
    expect(a).toBe(0);
    put('a', 1);
    await settle();
    expect([a, map.getKey('a')]).toEqual([1, 1]);
    stop();
    put('a', 2);
    await settle();
    expect(a).toBe(1);
  });

  it('[CLIENT-1] after a lost connection missed changes are recovered; where they cannot be, the whole state comes again', async () => {
    put('a', 1);
    const map = client.map('m');
    const kinds: string[] = [];
    map.state.subscribe(() => kinds.push(map.state.get().kind));
    await settle();
    server.cut();
    put('a', 2);
    await pass(2_000);
    expect([...map.get()]).toEqual([['a', 2]]);
    server.cut();
    put('b', 3);
    put('a', 4);
    server.channel('m').history = [];
    await pass(4_000);
    expect(Object.fromEntries(map.get())).toEqual({ a: 4, b: 3 });
    expect(map.state.get()).toEqual({ kind: 'live' });
    expect(kinds).toEqual(['live', 'recovering', 'live', 'recovering', 'live']);
  });

  it('[CLIENT-4] a change lost on a live connection heals through the whole state, and is not shown as live meanwhile', async () => {
    const map = client.map('m');
    await settle();
    put('a', 1);
    server.publishLost('m', 2, { key: 'b' });
    put('c', 3);
    await settle();
    expect(map.state.get()).toEqual({
      kind: 'reset',
      reason: 'jump',
      missing: { epoch: 'e1', from: 2, to: 2 },
    });
    await pass(2_000);
    expect(Object.fromEntries(map.get())).toEqual({ a: 1, b: 2, c: 3 });
    expect(map.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-4] conflation is no loss to a map', async () => {
    server.channel('m').announced = { class: 'live', outcome: 'latest', source: { state: 'live' } };
    const map = client.map('m');
    await settle();
    server.publishLost('m', 1, { key: 'a' });
    server.gap('m', 1, 1, 'conflated');
    put('a', 2);
    await settle();
    expect([...map.get()]).toEqual([['a', 2]]);
    expect(map.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-2] a map without positions takes its state again on every reconnect', async () => {
    server.channel('m').historySize = 0;
    put('a', 1);
    const map = client.map('m');
    await settle();
    server.cut();
    put('b', 2);
    await pass(2_000);
    expect([...map.get()]).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(map.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-8] set and remove show at once and are confirmed by their publications', async () => {
    const map = client.map('m');
    await settle();
    const done = map.set('a', { n: 1 });
    expect([...map.get()]).toEqual([['a', { n: 1 }]]);
    const shown = map.getKey('a');
    await done;
    await settle();
    expect(map.getKey('a')).toBe(shown);
    const removed = map.remove('a');
    expect(map.get().size).toBe(0);
    await removed;
    await settle();
    expect(map.get().size).toBe(0);
    put('a', { n: 2 });
    await settle();
    expect(map.getKey('a')).toEqual({ n: 2 });
  });

  it('[CLIENT-8] a refused change is taken back, and the promise says why', async () => {
    put('a', 1);
    const map = client.map('m');
    await settle();
    server.handlers.onCommand = (command) =>
      'publish' in command ? { error: { code: 103, message: 'permission denied' } } : undefined;
    const done = map.set('a', 2);
    expect(map.getKey('a')).toBe(1 + 1);
    await expect(done).rejects.toMatchObject({ name: 'CodedError', code: 103 });
    expect(map.getKey('a')).toBe(1);
  });

  it('[CLIENT-8] a change the server accepted but never showed gives way after a while', async () => {
    put('a', 1);
    const map = client.map('m');
    await settle();
    server.handlers.onCommand = (command) => ('publish' in command ? { publish: {} } : undefined);
    await map.set('a', 2);
    await pass(4_900);
    expect(map.getKey('a')).toBe(2);
    await pass(200);
    expect(map.getKey('a')).toBe(1);
  });

  it('[CLIENT-7] readers share one subscription and its entries; the last one leaves it after a while', async () => {
    put('a', 1);
    const first = client.map('m');
    await settle();
    const second = client.map('m');
    expect([...second.get()]).toEqual([['a', 1]]);
    expect(second.state.get()).toEqual({ kind: 'live' });
    first.close();
    first.close();
    await pass(5_000);
    expect(server.received('unsubscribe')).toHaveLength(0);
    second.close();
    await pass(400);
    const third = client.map('m');
    expect([...third.get()]).toEqual([['a', 1]]);
    await pass(5_000);
    expect(server.received('unsubscribe')).toHaveLength(0);
    third.close();
    await pass(500);
    expect(server.received('unsubscribe')).toHaveLength(1);
    const fourth = client.map('m');
    await settle();
    expect([...fourth.get()]).toEqual([['a', 1]]);
  });

  it('[CLIENT-7] null opens nothing', async () => {
    const map = client.map(null);
    await settle();
    expect(server.received('subscribe')).toHaveLength(0);
    expect([map.get().size, map.state.get().kind]).toEqual([0, 'stale']);
    await expect(map.set('a', 1)).rejects.toMatchObject({ code: 7 });
  });

  it('[CLIENT-12] an entry that cannot be decoded is reported and left out', async () => {
    put('a', 1);
    put('b', 'bad');
    const map = client.map('m', {
      decode: (data) => {
        if (typeof data !== 'number') throw new TypeError('number expected');
        return data;
      },
    });
    await settle();
    expect([...map.get()]).toEqual([['a', 1]]);
    put('a', 'bad');
    await settle();
    expect(map.get().size).toBe(0);
    expect(errors.map(({ where }) => where)).toEqual(['decode', 'decode']);
  });

  it('[CLIENT-14] with batch: frame, stores notify with the next frame', async () => {
    const frames: (() => void)[] = [];
    vi.stubGlobal('requestAnimationFrame', (run: () => void) => frames.push(run));
    client.dispose();
    client = open({ batch: 'frame' });
    const map = client.map('m');
    let told = 0;
    map.subscribe(() => told++);
    await settle();
    put('a', 1);
    put('b', 2);
    await settle();
    expect([told, map.get().size]).toEqual([0, 2]);
    for (const frame of frames.splice(0)) frame();
    expect(told).toBe(1);
    put('c', 3);
    await settle();
    // A hidden tab draws nothing.
    await pass(250);
    expect(told).toBe(2);
    vi.unstubAllGlobals();
  });
});
