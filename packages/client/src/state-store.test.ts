import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { CodedError } from '@trunkline/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from './client.js';
import type { Untyped } from './contract-types.js';
import type { StateStore } from './state-store.js';
import { FakeServer } from './testing.js';

interface Counter {
  readonly total: number;
}
let server: FakeServer;
let client: Client<Untyped>;
let loads: number;
let errors: string[];

const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
};
function counter(): StateStore<unknown, Counter> {
  return client.channelState('counter', {
    getState: () => {
      loads++;
      const channel = server.channel('counter');
      const total = channel.history.reduce((sum, publication) => sum + Number(publication.data), 0);
      return Promise.resolve({ position: { epoch: channel.epoch, offset: channel.top }, state: { total } });
    },
    reduce: (state, { data }) => {
      if (data === 'bad') throw new Error('cannot add');
      return data === 0 ? state : { total: state.total + Number(data) };
    },
  });
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  loads = 0;
  errors = [];
  client = createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    onError: (_, { where }) => void errors.push(where),
  });
});
afterEach(() => {
  client.dispose();
  vi.useRealTimers();
});

describe('state store', () => {
  it('[CLIENT-5] state, then what changes it; one object until something changed', async () => {
    server.publishLost('counter', 5);
    const store = counter();
    expect(store.get()).toMatchObject({ value: undefined, pending: 0, continuity: { kind: 'recovering' } });
    let told = 0;
    store.subscribe(() => told++);
    await settle();
    expect(store.get()).toEqual({ value: { total: 5 }, pending: 0, continuity: { kind: 'live' } });
    const before = store.get();
    told = 0;
    server.publish('counter', 0);
    await settle();
    expect([store.get(), told]).toEqual([before, 0]);
    expect(store.get()).toBe(before);
    for (const change of [1, 2, 3]) server.publish('counter', change);
    await settle();
    expect(store.get().value).toEqual({ total: 11 });
  });

  it('[CLIENT-12] a publication the reducer cannot take makes the state load again', async () => {
    const store = counter();
    await settle();
    server.publish('counter', 'bad');
    await settle();
    expect(store.get()).toMatchObject({
      value: { total: 0 },
      continuity: { kind: 'reset', reason: 'undecodable' },
    });
    server.channel('counter').history = [];
    await pass(2_000);
    expect([loads, store.get().continuity]).toEqual([2, { kind: 'live' }]);
    expect(errors).toEqual(['handler']);
  });

  it('[CLIENT-8] reply before publication: shown throughout, counted once', async () => {
    const store = counter();
    await settle();
    const totals: number[] = [];
    store.subscribe(() => totals.push(store.get().value?.total ?? -1));
    const done = store.mutate({
      apply: ({ total }) => ({ total: total + 7 }),
      run: () => Promise.resolve({ result: 'ok', position: { channel: 'counter', epoch: 'e1', offset: 1 } }),
    });
    await settle();
    await expect(done).resolves.toBe('ok');
    expect(store.get()).toMatchObject({ value: { total: 7 }, pending: 1 });
    server.publish('counter', 7);
    await settle();
    expect(store.get()).toMatchObject({ value: { total: 7 }, pending: 0 });
    expect(new Set(totals)).toEqual(new Set([7]));
  });

  it('[CLIENT-8] publication before reply: counted once as soon as the reply says which it was', async () => {
    const store = counter();
    await settle();
    let reply: (value: {
      result: string;
      position: { channel: string; epoch: string; offset: number };
    }) => void = () => undefined;
    const done = store.mutate<string>({
      apply: ({ total }) => ({ total: total + 7 }),
      run: () => new Promise((resolve) => (reply = resolve)),
    });
    server.publish('counter', 7);
    await settle();
    reply({ result: 'ok', position: { channel: 'counter', epoch: 'e1', offset: 1 } });
    await done;
    await settle();
    expect(store.get()).toMatchObject({ value: { total: 7 }, pending: 0 });
  });

  it('[CLIENT-8] a refusal takes the change back and leaves the others', async () => {
    const store = counter();
    await settle();
    const first = store.mutate({
      apply: ({ total }) => ({ total: total + 1 }),
      run: () => Promise.reject(new CodedError('permissionDenied')),
    });
    const second = store.mutate({
      apply: ({ total }) => ({ total: total * 10 }),
      run: () => new Promise<never>(() => undefined),
    });
    second.catch(() => undefined);
    await expect(first).rejects.toMatchObject({ code: 103 });
    server.publish('counter', 3);
    await settle();
    expect(store.get()).toMatchObject({ value: { total: 30 }, pending: 1 });
  });

  it('[CLIENT-8] each mutation gets its own id', async () => {
    const store = counter();
    await settle();
    const ids: string[] = [];
    const run = (id: string): Promise<{ result: number }> => {
      ids.push(id);
      return Promise.resolve({ result: 1 });
    };
    await Promise.all([
      store.mutate({ apply: (state) => state, run }),
      store.mutate({ apply: (state) => state, run }),
    ]);
    expect(new Set(ids).size).toBe(2);
    expect(store.get().pending).toBe(0);
  });
});
