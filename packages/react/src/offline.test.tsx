// @vitest-environment happy-dom
import { createSeededRandom } from '@trunkline/base';
import { CodedError, createClient, type Client, type Untyped } from '@trunkline/client';
import { createOfflineQueue, memoryStore, type OfflineQueue } from '@trunkline/client/offline';
import { FakeServer } from '@trunkline/client/testing';
import { act, cleanup, renderHook, type RenderHookResult } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TrunklineProvider, typedHooks, useOfflineQueue } from './index.js';

const { useChannelState, useCommand } = typedHooks<Untyped>();

let server: FakeServer;
let client: Client<Untyped>;
let queue: OfflineQueue<Untyped>;

/** Lets everything happen that needs no time. */
const settle = (): Promise<void> =>
  act(async () => {
    for (let turn = 0; turn < 300; turn++) await Promise.resolve();
  });
const pass = (ms: number): Promise<void> => act(async () => void (await vi.advanceTimersByTimeAsync(ms)));

function hook<R>(use: () => R): RenderHookResult<R, undefined> & { renders: () => number } {
  let renders = 0;
  const wrapper = ({ children }: { children: ReactNode }): ReactNode => (
    <TrunklineProvider client={client}>{children}</TrunklineProvider>
  );
  const rendered = renderHook(
    () => {
      renders++;
      return use();
    },
    { wrapper, initialProps: undefined },
  );
  return { ...rendered, renders: () => renders };
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  server.handlers.rpc = (_, data) => ({ result: { did: (data as { params: unknown }).params } });
  client = createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    batch: 'microtask',
    onError: () => undefined,
  });
  queue = createOfflineQueue<Untyped>(client, { store: memoryStore(), random: createSeededRandom(2) });
  for (let turn = 0; turn < 300; turn++) await Promise.resolve();
});
afterEach(async () => {
  cleanup();
  await queue.dispose();
  client.dispose();
  vi.useRealTimers();
});

describe('useOfflineQueue', () => {
  it('[REACT-9] shows what waits and what became of it, and renders for changes only', async () => {
    const { result, renders } = hook(() => useOfflineQueue(queue));
    expect(result.current).toMatchObject({ loaded: true, entries: [] });
    act(() => client.disconnect());
    await settle();
    await act(async () => void (await queue.add('do', 1)));
    await settle();
    expect(result.current).toMatchObject({ counts: { queued: 1 }, waitsFor: 'connection' });
    const before = renders();
    server.publish('news', 1);
    await settle();
    expect(renders()).toBe(before);
    act(() => client.connect());
    await settle();
    expect(result.current).toMatchObject({ counts: { queued: 0, done: 1 } });
    expect(result.current.waitsFor).toBeUndefined();
  });
});

describe('useCommand with a queue', () => {
  it('[REACT-9] waits for the connection, and shows the result when it is done', async () => {
    act(() => client.disconnect());
    const { result } = hook(() => useCommand('do', { queue, order: 'notes' }));
    let answer: unknown;
    await act(async () => void result.current.run({ a: 1 }).then((value) => (answer = value)));
    await pass(120_000);
    expect(result.current).toMatchObject({ pending: 1, error: undefined });
    expect(queue.state.get().entries[0]).toMatchObject({ order: 'notes', status: 'queued' });
    act(() => client.connect());
    await settle();
    expect([answer, result.current.result]).toEqual([{ did: { a: 1 } }, { did: { a: 1 } }]);
    expect(result.current.pending).toBe(0);
  });

  it('[REACT-9] a refusal, and a command that was cancelled, are its error', async () => {
    const { result } = hook(() => useCommand('do', { queue }));
    server.handlers.rpc = () => {
      throw new CodedError('conflict', 'somebody was faster');
    };
    await act(async () => void result.current.run(1).catch(() => undefined));
    await settle();
    expect(result.current.error).toMatchObject({ code: 1003, message: /faster/ });
    act(() => client.disconnect());
    await act(async () => void result.current.run(2).catch(() => undefined));
    await settle();
    await act(async () => void (await queue.cancel(queue.state.get().entries.at(-1)?.key ?? '')));
    expect(result.current).toMatchObject({ pending: 0, error: { code: 21 } });
  });

  it('[REACT-9] an optimistic change is shown while its command waits, and taken back when it is refused', async () => {
    const load = async (): Promise<{ state: number[]; position: { epoch: string; offset: number } }> => ({
      state: [],
      position: { epoch: 'e1', offset: 0 },
    });
    const { result } = hook(() => {
      const board = useChannelState('board', {
        getState: load,
        reduce: (state: number[], { data }) => [...state, data as number],
      });
      const insert = useCommand('board.add', {
        queue,
        optimistic: { mutate: board.mutate, apply: (state: number[], item) => [...state, item as number] },
      });
      return { board, insert };
    });
    await settle();
    act(() => client.disconnect());
    await act(async () => void result.current.insert.run(7).catch(() => undefined));
    await pass(60_000);
    expect(result.current.board).toMatchObject({ value: [7], pending: 1 });
    server.handlers.rpc = () => {
      throw new CodedError('conflict');
    };
    act(() => client.connect());
    await settle();
    expect(result.current.board).toMatchObject({ value: [], pending: 0 });
    expect(result.current.insert.error).toMatchObject({ code: 1003 });
  });
});
