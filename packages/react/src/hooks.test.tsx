// @vitest-environment happy-dom
import {
  createClient,
  type Client,
  type ClientOptions,
  type StreamPublication,
  type Untyped,
} from '@trunkline/client';
import { FakeServer } from '@trunkline/client/testing';
import { createSeededRandom } from '@trunkline/base';
import type { NodeContract } from '@trunkline/contracts/node';
import { act, cleanup, render, renderHook, type RenderHookResult } from '@testing-library/react';
import { StrictMode, type ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TrunklineProvider, typedHooks, useConnection, usePresence } from './index.js';

const { useChannel, useChannelState, useCommand, useMap, useMapEntry, useRpc } = typedHooks<Untyped>();

let server: FakeServer;
let client: Client<Untyped>;

function open(options: Partial<ClientOptions> = {}): void {
  client = createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    batch: 'microtask',
    onError: () => undefined,
    ...options,
  });
}
/** Lets everything happen that needs no time. */
const settle = (): Promise<void> =>
  act(async () => {
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  });
const pass = (ms: number): Promise<void> => act(async () => void (await vi.advanceTimersByTimeAsync(ms)));

function hook<R, P>(
  use: (props: P) => R,
  initialProps: P,
  strict = false,
): RenderHookResult<R, P> & { renders: () => number } {
  let renders = 0;
  const wrapper = ({ children }: { children: ReactNode }): ReactNode => {
    const tree = <TrunklineProvider client={client}>{children}</TrunklineProvider>;
    return strict ? <StrictMode>{tree}</StrictMode> : tree;
  };
  const rendered = renderHook(
    (props: P) => {
      renders++;
      return use(props);
    },
    { wrapper, initialProps },
  );
  return { ...rendered, renders: () => renders };
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  open();
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
});
afterEach(() => {
  cleanup();
  client.dispose();
  vi.useRealTimers();
});

describe('useConnection', () => {
  it('[REACT-1] shows the connection, re-rendered only by a change', async () => {
    const { result, renders } = hook(() => useConnection(), undefined);
    expect(result.current.kind).toBe('connected');
    const before = renders();
    server.connection.push({ message: { data: 1 } });
    await settle();
    expect(renders()).toBe(before);
    act(() => client.disconnect());
    expect(result.current.kind).toBe('disconnected');
    expect(renders()).toBe(before + 1);
  });

  it('[REACT-1] without a provider the error says so', () => {
    expect(() => renderHook(() => useConnection())).toThrow(/TrunklineProvider/);
  });
});

describe('useChannel', () => {
  it('[REACT-2] continuity and the newest publication; handlers see every one', async () => {
    const seen: unknown[] = [];
    const { result } = hook(
      () => useChannel('news', { onPublication: ({ data }) => void seen.push(data) }),
      undefined,
    );
    expect(result.current.continuity.kind).toBe('recovering');
    await settle();
    expect(result.current).toMatchObject({ continuity: { kind: 'live' }, last: undefined });
    for (const data of [1, 2, 3]) server.publish('news', data);
    await settle();
    expect(seen).toEqual([1, 2, 3]);
    expect(result.current.last?.data).toBe(3);
  });

  it('[REACT-3] StrictMode mounts twice and subscribes once; unmounting leaves nothing behind', async () => {
    const { unmount, result } = hook(() => useChannel('news'), undefined, true);
    await settle();
    expect(result.current.continuity).toEqual({ kind: 'live' });
    expect(server.received('subscribe')).toHaveLength(1);
    unmount();
    await pass(1_000);
    await settle();
    expect(server.received('subscribe')).toHaveLength(1);
    expect(server.received('unsubscribe')).toHaveLength(1);
  });

  it('[REACT-3] a component that comes straight back finds its channel open', async () => {
    const first = hook(() => useChannel('news'), undefined);
    await settle();
    first.unmount();
    await pass(100);
    const second = hook(() => useChannel('news'), undefined);
    await settle();
    expect(second.result.current.continuity).toEqual({ kind: 'live' });
    expect([server.received('subscribe').length, server.received('unsubscribe').length]).toEqual([1, 0]);
  });

  it('[REACT-4] options equal by value and new handlers never subscribe again, and the newest handler is called', async () => {
    const seen: string[] = [];
    const { rerender, renders } = hook(
      ({ name }: { name: string }) =>
        useChannel('news', { data: { deep: [1] }, onPublication: () => void seen.push(name) }),
      { name: 'first' },
    );
    await settle();
    rerender({ name: 'second' });
    await settle();
    const before = renders();
    server.publish('news', 1);
    await settle();
    expect(seen).toEqual(['second']);
    expect(renders()).toBe(before + 1);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[REACT-4] another channel or other options subscribe again', async () => {
    const { rerender, result } = hook(
      ({ channel, data }: { channel: string | null; data: number }) => useChannel(channel, { data }),
      { channel: 'a' as string | null, data: 1 },
    );
    await settle();
    rerender({ channel: 'b', data: 1 });
    await settle();
    rerender({ channel: 'b', data: 2 });
    await settle();
    expect(server.received('subscribe').map(({ channel, data }) => [channel, data])).toEqual([
      ['a', 1],
      ['b', 1],
      ['b', 2],
    ]);
    rerender({ channel: null, data: 2 });
    await settle();
    expect(result.current.continuity).toMatchObject({ kind: 'stale', reason: 'disabled' });
  });

  it('[REACT-4] null and enabled: false open nothing', async () => {
    hook(() => useChannel(null), undefined);
    hook(() => useChannel('news', { enabled: false }), undefined);
    hook(() => useMap(null), undefined);
    hook(() => usePresence(null), undefined);
    await settle();
    expect(server.received('subscribe')).toHaveLength(0);
  });

  it('[REACT-5] with batches by frame, many publications are one render', async () => {
    client.dispose();
    const frames: (() => void)[] = [];
    vi.stubGlobal('requestAnimationFrame', (run: () => void) => frames.push(run));
    open({ batch: 'frame' });
    const { renders, result } = hook(() => useChannel('news'), undefined);
    await settle();
    const before = renders();
    for (const data of [1, 2, 3, 4, 5]) server.publish('news', data);
    await settle();
    expect(renders()).toBe(before);
    act(() => {
      for (const frame of frames.splice(0)) frame();
    });
    expect(result.current.last?.data).toBe(5);
    expect(renders()).toBe(before + 1);
    vi.unstubAllGlobals();
  });

  it('[REACT-4] in one commit a channel passes from one component to another with other options', async () => {
    function Reader({ data }: { data: number }): ReactNode {
      return useChannel('news', { data }).continuity.kind;
    }
    const tree = (data: number): ReactNode => (
      <TrunklineProvider client={client}>
        <Reader key={data} data={data} />
      </TrunklineProvider>
    );
    const { rerender, container } = render(tree(1));
    await settle();
    rerender(tree(2));
    await settle();
    expect(container.textContent).toBe('live');
    expect(server.received('subscribe').map(({ data }) => data)).toEqual([1, 2]);
  });

  it('[REACT-2] a reset is shown until acknowledged, or answered by onReset', async () => {
    const resets: string[] = [];
    const shown = hook(() => useChannel('news'), undefined);
    const answered = hook(
      () => useChannel('news', { onReset: ({ reason }) => void resets.push(reason) }),
      undefined,
    );
    await settle();
    server.channel('news').epoch = 'e2';
    act(() => server.unsubscribe('news', 2500));
    await settle();
    expect(shown.result.current.continuity).toEqual({ kind: 'reset', reason: 'epoch' });
    expect(answered.result.current.continuity).toEqual({ kind: 'live' });
    expect(resets).toEqual(['epoch']);
    act(() => shown.result.current.acknowledge());
    expect(shown.result.current.continuity).toEqual({ kind: 'live' });
  });
});

describe('useMap', () => {
  it('[REACT-6] entries, optimistic changes, and no render when nothing changed', async () => {
    server.publishLost('m', { n: 1 }, { key: 'a' });
    const { result, renders } = hook(() => useMap('m'), undefined);
    await settle();
    expect([...result.current.entries]).toEqual([['a', { n: 1 }]]);
    const { entries, set } = result.current;
    const before = renders();
    server.publish('m', { n: 1 }, { key: 'a' });
    await settle();
    expect(renders()).toBe(before);
    expect(result.current.entries).toBe(entries);
    let done: Promise<void> = Promise.resolve();
    await act(async () => {
      done = set('b', { n: 2 });
      await Promise.resolve();
    });
    expect(result.current.entries.get('b')).toEqual({ n: 2 });
    await settle();
    await done;
    expect(result.current.set).toBe(set);
    expect(result.current.entries.get('a')).toBe(entries.get('a'));
  });

  it('[REACT-6] one entry re-renders for that entry only, on a shared subscription', async () => {
    const one = hook(() => useMapEntry('m', 'a'), undefined);
    const all = hook(() => useMap('m'), undefined);
    await settle();
    const before = one.renders();
    server.publish('m', 1, { key: 'b' });
    await settle();
    expect(one.renders()).toBe(before);
    expect(all.result.current.entries.size).toBe(1);
    server.publish('m', 2, { key: 'a' });
    await settle();
    expect([one.result.current, one.renders()]).toEqual([2, before + 1]);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[REACT-3] StrictMode keeps one map subscription', async () => {
    const { result, unmount } = hook(() => useMap('m'), undefined, true);
    await settle();
    expect(result.current.continuity).toEqual({ kind: 'live' });
    expect(server.received('subscribe')).toHaveLength(1);
    unmount();
    await pass(2_000);
    await settle();
    expect(server.received('unsubscribe')).toHaveLength(1);
  });

  it('[REACT-7] all readers of one render show the same map', async () => {
    const shown: string[] = [];
    function Row({ id }: { id: string }): ReactNode {
      const { entries } = useMap('m');
      return <li>{`${id}:${String(entries.get('a'))}`}</li>;
    }
    const { container } = render(
      <TrunklineProvider client={client}>
        <Row id="1" />
        <Row id="2" />
      </TrunklineProvider>,
    );
    await settle();
    for (const value of [1, 2]) {
      server.publish('m', value, { key: 'a' });
      await settle();
      shown.push(container.textContent ?? '');
    }
    expect(shown).toEqual(['1:12:1', '1:22:2']);
  });
});

describe('usePresence', () => {
  it('[REACT-6] members of a channel', async () => {
    server.channel('room').members = { a: { user: 'u', client: 'a' } };
    const { result } = hook(() => usePresence('room'), undefined, true);
    await settle();
    expect([...result.current.members.keys()]).toEqual(['a']);
    expect(result.current.continuity).toEqual({ kind: 'live' });
    act(() => server.connection.push({ channel: 'room', join: { info: { user: 'u', client: 'b' } } }));
    await settle();
    expect([...result.current.members.keys()]).toEqual(['a', 'b']);
    expect(server.received('presence')).toHaveLength(1);
  });
});

describe('useChannelState and useCommand', () => {
  let loads = 0;
  const use = (): { state: ReturnType<typeof useCounter>; add: ReturnType<typeof useAdd> } => {
    const state = useCounter();
    return { state, add: useAdd(state) };
  };
  const useCounter = () =>
    useChannelState('counter', {
      getState: () => {
        loads++;
        const { epoch, top, history } = server.channel('counter');
        return Promise.resolve({
          position: { epoch, offset: top },
          state: history.reduce((sum, { data }) => sum + Number(data), 0),
        });
      },
      reduce: (total: number, { data }: StreamPublication<unknown>) => total + Number(data),
    });
  const useAdd = ({ mutate }: ReturnType<typeof useCounter>) =>
    useCommand<string, number>('counter.add', {
      optimistic: { mutate, apply: (total, params) => total + Number(params) },
    });

  beforeEach(() => {
    loads = 0;
  });

  it('[REACT-8] state is loaded and kept current, on one subscription also in StrictMode', async () => {
    server.publishLost('counter', 5);
    const { result } = hook(use, undefined, true);
    await settle();
    expect(result.current.state).toMatchObject({ value: 5, continuity: { kind: 'live' } });
    server.publish('counter', 2);
    await settle();
    expect(result.current.state.value).toBe(7);
    expect(loads).toBe(1);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[REACT-8] a command shows its effect at once and is confirmed under its key', async () => {
    const keys: unknown[] = [];
    let reply = (): void => undefined;
    server.handlers.onCommand = (command, connection) => {
      if (!('rpc' in command)) return undefined;
      const { params, key } = (command['rpc'] as { data: { params: number; key: string } }).data;
      keys.push(key);
      reply = () => {
        const { offset } = server.publish('counter', params);
        connection.send({
          id: command['id'],
          rpc: { data: { result: 'added', position: { channel: 'counter', epoch: 'e1', offset } } },
        });
      };
      return 'silent';
    };
    const { result } = hook(use, undefined);
    await settle();
    let answer: unknown;
    act(() => void result.current.add.run(3).then((value) => (answer = value)));
    await settle();
    expect(result.current.state).toMatchObject({ value: 3, pending: 1 });
    expect(result.current.add.pending).toBe(1);
    act(() => reply());
    await settle();
    expect(answer).toBe('added');
    expect(result.current.add).toMatchObject({ pending: 0, result: 'added', error: undefined });
    expect(result.current.state).toMatchObject({ value: 3, pending: 0 });
    expect(keys).toEqual([expect.stringMatching(/^[0-9A-Za-z]{22}$/)]);
  });

  it('[REACT-8] a refused command takes its effect back and shows why', async () => {
    let refuse = (): void => undefined;
    server.handlers.onCommand = (command, connection) => {
      if (!('rpc' in command)) return undefined;
      refuse = () =>
        connection.send({ id: command['id'], error: { code: 104, message: 'method not found' } });
      return 'silent';
    };
    const { result } = hook(use, undefined);
    await settle();
    let failure: unknown;
    act(() => void result.current.add.run(3).catch((error: unknown) => (failure = error)));
    await settle();
    expect(result.current.state.value).toBe(3);
    act(() => refuse());
    await settle();
    expect(failure).toMatchObject({ code: 104 });
    expect(result.current.state.value).toBe(0);
    expect(result.current.add.error).toMatchObject({ code: 104 });
    act(() => result.current.add.reset());
    expect(result.current.add.error).toBeUndefined();
  });

  it('[REACT-8] useRpc is one function until the method changes', async () => {
    server.handlers.rpc = (method) => ({ result: method });
    const { result, rerender } = hook(({ method }: { method: string }) => useRpc(method), { method: 'a' });
    const first = result.current;
    rerender({ method: 'a' });
    expect(result.current).toBe(first);
    rerender({ method: 'b' });
    expect(result.current).not.toBe(first);
    await expect(result.current({})).resolves.toBe('b');
  });
});

/** Never called: what compiles is the test. */
export function Compiles(): ReactNode {
  const typed = typedHooks<NodeContract>();
  const { last } = typed.useChannel('node:stats');
  void typed
    .useRpc('node.info')({})
    .then(({ nodeId }) => nodeId.length);
  // @ts-expect-error no such method
  typed.useRpc('node.nothing');
  // @ts-expect-error not what the method takes
  void typed.useCommand('node.unsubscribe').run({ chanel: 'x' });
  const other = undefined as unknown as Client<NodeContract>;
  return <TrunklineProvider client={other}>{last?.data.connections.toFixed()}</TrunklineProvider>;
}
