// @vitest-environment happy-dom
import { createSeededRandom } from '@trunkline/base';
import { createClient, type Client, type Untyped } from '@trunkline/client';
import type { KubeObject, ListSnapshot } from '@trunkline/client/kube';
import { FakeKube } from '@trunkline/client/kube/testing';
import { FakeServer } from '@trunkline/client/testing';
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { act, cleanup, renderHook, type RenderHookResult } from '@testing-library/react';
import { StrictMode, type ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kubeListQuery, kubeObjectQuery, type KubeQuery } from './query.js';

let server: FakeServer;
let kube: FakeKube;
let client: Client<Untyped>;
let cache: QueryClient;

const newClient = (): Client<Untyped> =>
  createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    batch: 'microtask',
    onError: () => undefined,
  });
const pass = (ms: number): Promise<void> =>
  act(async () => {
    for (let turn = 0; turn < 20; turn++) {
      await vi.advanceTimersByTimeAsync(ms / 20);
      for (let step = 0; step < 20; step++) await Promise.resolve();
    }
  });
const settle = (): Promise<void> => pass(20);
/** A condition, however many turns it takes. */
const until = async (check: () => void): Promise<void> => {
  for (let turn = 0; ; turn++) {
    await pass(1);
    try {
      return check();
    } catch (error) {
      if (turn === 100) throw error;
    }
  }
};
const pods = (more: { lingerMs?: number } = {}): KubeQuery<ListSnapshot<KubeObject>> =>
  kubeListQuery(client, { cluster: 'one', resource: 'pods', ...more });

function hook<R, P>(use: (props: P) => R, initialProps: P, strict = false): RenderHookResult<R, P> {
  const wrapper = ({ children }: { children: ReactNode }): ReactNode => {
    const tree = <QueryClientProvider client={cache}>{children}</QueryClientProvider>;
    return strict ? <StrictMode>{tree}</StrictMode> : tree;
  };
  return renderHook(use, { wrapper, initialProps });
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  kube = new FakeKube(server);
  client = newClient();
  cache = new QueryClient();
  await settle();
});
afterEach(() => {
  cleanup();
  cache.clear();
  client.dispose();
  vi.useRealTimers();
});

describe('kubeListQuery', () => {
  it('[KSDK-13] data is pending until there is something, then live; what did not change is the same', async () => {
    kube.put('one', kube.object('a'));
    const { result } = hook(() => useQuery(pods()), undefined, true);
    expect(result.current.isPending).toBe(true);
    await until(() => {
      expect(result.current.data).toMatchObject({ state: 'live', total: 1 });
    });
    const before = result.current.data;
    kube.put('one', kube.object('b'));
    await until(() => {
      expect(result.current.data?.rows.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    });
    expect(result.current.data?.rows[0]).toBe(before?.rows[0]);
    const after = result.current.data;
    await act(() => result.current.refetch());
    await pass(60_000);
    expect(result.current.data).toBe(after);
    expect(result.current.isFetching).toBe(false);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[KSDK-15] a list that does not load is pending for a while; then the data says so, and why', async () => {
    const channel = kube.channel('one');
    kube.source(channel, { state: 'recovering', sinceMs: 5, reason: 'cluster unreachable' });
    const { result, unmount } = hook(() => useQuery(pods()), undefined);
    await pass(3_000);
    expect(result.current.isPending).toBe(true);
    await pass(3_000);
    expect(result.current.data).toMatchObject({ state: 'loading', reason: 'cluster unreachable', total: 0 });
    expect(result.current.isFetching).toBe(false);
    kube.source(channel, { state: 'live' });
    await until(() => {
      expect(result.current.data).toMatchObject({ state: 'live', reason: undefined });
    });
    unmount();
  });

  it('[KSDK-13] two components share one list; a selection renders for its own changes only', async () => {
    kube.put('one', kube.object('a'));
    let renders = 0;
    const first = hook(() => useQuery(pods()), undefined);
    const second = hook(() => {
      renders++;
      return useQuery({ ...pods(), select: ({ total }) => total }).data;
    }, undefined);
    await until(() => {
      expect(second.result.current).toBe(1);
    });
    const before = renders;
    kube.put('one', kube.object('a', { spec: {} }));
    await until(() => {
      expect(first.result.current.data?.rows[0]?.['spec']).toEqual({});
    });
    expect(renders).toBe(before);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[KSDK-13] the list outlives its last component by a while, then says that it is old, and is live again with the next one', async () => {
    kube.put('one', kube.object('a'));
    const first = hook(() => useQuery(pods()), undefined);
    await settle();
    first.unmount();
    await pass(2_000);
    const second = hook(() => useQuery(pods()), undefined);
    await until(() => {
      expect(second.result.current.data?.state).toBe('live');
    });
    expect(server.received('subscribe')).toHaveLength(1);
    second.unmount();
    await pass(8_000);
    expect(kube.readers(kube.channel('one'))).toBe(0);
    expect(cache.getQueryData(pods().queryKey)).toMatchObject({
      state: 'stale',
      reason: 'not open',
      total: 1,
    });
    kube.put('one', kube.object('b'));
    const third = hook(() => useQuery(pods()), undefined);
    // What the cache has is shown meanwhile.
    expect(third.result.current.data).toMatchObject({ state: 'stale', total: 1 });
    await until(() => {
      expect(third.result.current.data).toMatchObject({ state: 'live', total: 2 });
    });
  });

  it('[KSDK-13] a query that is removed leaves its channel; one without components too, when its time is over', async () => {
    kube.put('one', kube.object('a'));
    await act(() => vi.waitFor(() => cache.prefetchQuery({ ...pods(), gcTime: 60_000 })));
    expect(kube.readers(kube.channel('one'))).toBe(1);
    cache.removeQueries({ queryKey: pods().queryKey });
    await pass(1_000);
    expect(kube.readers(kube.channel('one'))).toBe(0);
    await act(() => vi.waitFor(() => cache.prefetchQuery({ ...pods(), gcTime: 60_000 })));
    expect(kube.readers(kube.channel('one'))).toBe(1);
    await pass(70_000);
    expect(kube.readers(kube.channel('one'))).toBe(0);
    const asked = kube.count('kube.open');
    await pass(30_000);
    expect(kube.count('kube.open')).toBe(asked);
  });

  it('[KSDK-13] data that came from elsewhere is no reason not to open the list', async () => {
    kube.put('one', kube.object('a'));
    cache.setQueryData(pods().queryKey, { state: 'stale', rows: [], total: 0 });
    const { result } = hook(() => useQuery(pods()), undefined);
    await until(() => {
      expect(result.current.data).toMatchObject({ state: 'live', total: 1 });
    });
  });

  it('[KSDK-13] refused before there is anything: an error with its code; afterwards the data says so', async () => {
    kube.refuses.set('one', { code: 1330, message: 'no such cluster' });
    const { result } = hook(() => useQuery(pods()), undefined);
    await until(() => {
      expect(result.current.error).toMatchObject({ code: 1330 });
    });
    kube.refuses.delete('one');
    kube.put('one', kube.object('a'));
    await act(() => result.current.refetch());
    await until(() => {
      expect(result.current.data).toMatchObject({ state: 'live', total: 1 });
    });
    kube.refuses.set('one', { code: 1330, message: 'no such cluster' });
    kube.unsubscribe(kube.channel('one'), 2101);
    await until(() => {
      expect(result.current).toMatchObject({ status: 'success', data: { state: 'failed', total: 0 } });
    });
  });

  it('[KSDK-13] another client is another list', async () => {
    kube.put('one', kube.object('a'));
    const { result, rerender } = hook((by: Client<Untyped>) => {
      return useQuery(kubeListQuery(by, { cluster: 'one', resource: 'pods' }));
    }, client);
    await settle();
    const other = newClient();
    rerender(other);
    expect(result.current.data).toBeUndefined();
    await settle();
    client.dispose();
    kube.put('one', kube.object('b'));
    await until(() => {
      expect(result.current.data).toMatchObject({ state: 'live', total: 2 });
    });
    other.dispose();
  });

  it('[KSDK-13] equal questions have equal keys, others have not; functions are no part of them', () => {
    const base = { cluster: 'one', resource: 'pods' };
    const key = (options: object): unknown => kubeListQuery(client, { ...base, ...options }).queryKey;
    expect(key({ map: () => 1, lingerMs: 5 })).toEqual(key({}));
    expect(key({ namespaces: ['a'] })).not.toEqual(key({}));
    expect(key({ key: 'names' })).not.toEqual(key({}));
  });
});

describe('kubeObjectQuery', () => {
  it('[KSDK-13] an object and its end', async () => {
    const a = kube.put('one', kube.object('a'));
    const { result } = hook(
      () =>
        useQuery(
          kubeObjectQuery(client, { cluster: 'one', resource: 'pods', namespace: 'default', name: 'a' }),
        ),
      undefined,
    );
    await until(() => {
      expect(result.current.data).toMatchObject({ state: 'live', uid: 'uid-a' });
    });
    kube.remove('one', a);
    await until(() => {
      expect(result.current.data).toMatchObject({ deleted: true, last: a });
    });
  });
});
