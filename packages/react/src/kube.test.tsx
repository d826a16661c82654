// @vitest-environment happy-dom
import { createSeededRandom } from '@trunkline/base';
import { createClient, type Client, type ClientOptions, type Untyped } from '@trunkline/client';
import type { KubeObject, ListOptions } from '@trunkline/client/kube';
import { FakeKube } from '@trunkline/client/kube/testing';
import { FakeServer } from '@trunkline/client/testing';
import { act, cleanup, renderHook, type RenderHookResult } from '@testing-library/react';
import { StrictMode, type ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TrunklineProvider } from './index.js';
import { useKubeList, useKubeLog, useKubeObject, useKubeWindow, type UseKube } from './kube.js';

let server: FakeServer;
let kube: FakeKube;
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

const PODS: UseKube<ListOptions<KubeObject>> = { cluster: 'one', resource: 'pods' };

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  kube = new FakeKube(server);
  open();
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
});
afterEach(() => {
  cleanup();
  client.dispose();
  vi.useRealTimers();
});

describe('useKubeList', () => {
  it('[KSDK-12] rows and state; renders only when they changed; options equal by value open nothing anew', async () => {
    kube.put('one', kube.object('a'));
    const { result, rerender, renders } = hook(
      (props: UseKube<ListOptions<KubeObject>>) => useKubeList(props),
      {
        ...PODS,
        namespaces: ['default'],
      },
    );
    expect(result.current).toMatchObject({ state: 'loading', rows: [] });
    await settle();
    expect(result.current).toMatchObject({ state: 'live', total: 1 });
    const [before, list] = [renders(), result.current];
    kube.put('one', kube.object('z', {}, 'other'));
    await settle();
    expect(renders()).toBe(before);
    rerender({ ...PODS, namespaces: ['default'] });
    await settle();
    expect(result.current).toBe(list);
    expect(kube.count('kube.open')).toBe(1);
    rerender({ ...PODS, namespaces: ['other'] });
    await settle();
    expect(result.current.rows.map(({ metadata }) => metadata.name)).toEqual(['z']);
    await pass(1_000);
    expect(kube.readers(kube.channel('one', 'default'))).toBe(0);
  });

  it('[KSDK-12] StrictMode and remounting neither leak nor double', async () => {
    kube.put('one', kube.object('a'));
    const { unmount, result } = hook(() => useKubeList(PODS), undefined, true);
    await settle();
    expect(result.current.state).toBe('live');
    expect(server.received('subscribe')).toHaveLength(1);
    unmount();
    await pass(100);
    const again = hook(() => useKubeList(PODS), undefined);
    await settle();
    expect(again.result.current).toMatchObject({ state: 'live', total: 1 });
    expect(server.received('subscribe')).toHaveLength(1);
    again.unmount();
    await pass(2_000);
    expect(server.received('unsubscribe')).toHaveLength(1);
    const asked = kube.count('kube.open');
    await pass(60_000);
    expect(kube.count('kube.open')).toBe(asked);
  });

  it('[KSDK-12] the newest map is called, and another one is no other list', async () => {
    kube.put('one', kube.object('a'));
    const { result, rerender } = hook(
      ({ mark }: { mark: string }) =>
        useKubeList<string>({
          cluster: 'one',
          resource: 'pods',
          map: ({ metadata }) => `${mark}${metadata.name}`,
        }),
      { mark: '1' },
    );
    await settle();
    rerender({ mark: '2' });
    kube.put('one', kube.object('b'));
    await settle();
    expect(result.current.rows).toEqual(['1a', '2b']);
    expect(kube.count('kube.open')).toBe(1);
  });

  it('[KSDK-12] one render for everything within a frame', async () => {
    client.dispose();
    const frames: (() => void)[] = [];
    vi.stubGlobal('requestAnimationFrame', (run: () => void) => frames.push(run));
    open({ batch: 'frame' });
    const { renders, result } = hook(() => useKubeList(PODS), undefined);
    const draw = async (): Promise<void> => {
      await settle();
      act(() => {
        for (const frame of frames.splice(0)) frame();
      });
    };
    for (let turn = 0; turn < 5; turn++) await draw();
    const before = renders();
    for (let n = 0; n < 100; n++) kube.put('one', kube.object(`p${n % 7}`, { n }));
    await settle();
    expect(renders()).toBe(before);
    await draw();
    expect([renders(), result.current.total]).toEqual([before + 1, 7]);
    vi.unstubAllGlobals();
  });

  it('[KSDK-12] null and enabled: false open nothing, and say so', async () => {
    const off = hook(() => useKubeList({ ...PODS, enabled: false }), undefined);
    hook(() => useKubeList(null), undefined);
    hook(() => useKubeObject(null), undefined);
    hook(() => useKubeWindow(null), undefined);
    hook(() => useKubeLog(null), undefined);
    await settle();
    expect(off.result.current).toMatchObject({ state: 'stale', reason: 'disabled', rows: [] });
    expect(kube.calls.size).toBe(0);
  });

  it('[KSDK-12] with a client for each list, unmounting closes its socket', async () => {
    kube.put('one', kube.object('a'));
    const newClient = (): Client<Untyped> =>
      createClient<Untyped>({ url: 'ws://test/', websocket: server.websocket, onError: () => undefined });
    const { result, unmount } = hook(
      () => useKubeList({ ...PODS, strategy: 'perList', newClient }),
      undefined,
      true,
    );
    await settle();
    expect(result.current.total).toBe(1);
    expect(server.connections.filter((connection) => connection.open)).toHaveLength(2);
    unmount();
    await settle();
    expect(server.connections.filter((connection) => connection.open)).toHaveLength(1);
  });
});

describe('useKubeObject', () => {
  it('[KSDK-12] shows the object and its end', async () => {
    const a = kube.put('one', kube.object('a'));
    const { result } = hook(
      () => useKubeObject({ cluster: 'one', resource: 'pods', namespace: 'default', name: 'a' }),
      undefined,
      true,
    );
    await settle();
    expect(result.current).toMatchObject({ state: 'live', uid: 'uid-a', deleted: false });
    kube.remove('one', a);
    await settle();
    expect(result.current).toMatchObject({ deleted: true, last: a, object: undefined });
  });
});

describe('useKubeWindow', () => {
  beforeEach(() => {
    kube.answers.set('kube.window', ({ offset, search = '' }: { offset: number; search?: string }) => ({
      channel: `kubewindow:${offset}${search}`,
      columns: [],
      denied: [],
    }));
    kube.answers.set('kube.windowState', ({ channel }: { channel: string }) => ({
      position: { epoch: server.channel(channel).epoch, offset: server.channel(channel).top },
      rows: [{ id: `one/default/${channel}`, uid: channel, cells: [] }],
      total: 50,
      sources: [],
    }));
  });
  const shown = (rows: readonly { readonly uid: string }[]): string[] => rows.map(({ uid }) => uid);

  it('[KSDK-12] rights that are granted show up by themselves, without an empty moment', async () => {
    let granted = false;
    kube.answers.set('kube.window', () => ({
      channel: `kubewindow:${granted ? 'all' : 'some'}`,
      columns: [],
      denied: [],
      ...(granted ? {} : { askAgainMs: 30_000 }),
    }));
    const { result, unmount } = hook(
      () => useKubeWindow({ cluster: 'one', resource: 'pods' }),
      undefined,
      true,
    );
    await settle();
    expect(shown(result.current.rows)).toEqual(['kubewindow:some']);
    granted = true;
    for (let second = 0; second < 32; second++) {
      await pass(1_000);
      expect(result.current.rows).toHaveLength(1);
    }
    expect(shown(result.current.rows)).toEqual(['kubewindow:all']);
    expect(result.current).toMatchObject({ state: 'live', moving: false });
    unmount();
  });

  it('[KSDK-12] another view goes over without an empty moment; scroll does the same', async () => {
    const { result, rerender } = hook(
      ({ offset, search }: { offset?: number; search?: string }) =>
        useKubeWindow({
          cluster: 'one',
          resource: 'pods',
          ...(offset === undefined ? {} : { offset }),
          ...(search === undefined ? {} : { search }),
        }),
      {} as { offset?: number; search?: string },
      true,
    );
    await settle();
    expect(result.current).toMatchObject({ state: 'live', total: 50, offset: 0, limit: 100 });
    const { scroll } = result.current;
    rerender({ search: 'web' });
    expect(shown(result.current.rows)).toEqual(['kubewindow:0']);
    await settle();
    expect(shown(result.current.rows)).toEqual(['kubewindow:0web']);
    rerender({ offset: 20 });
    await settle();
    expect(shown(result.current.rows)).toEqual(['kubewindow:20']);
    act(() => result.current.scroll(40));
    await settle();
    expect(result.current).toMatchObject({ offset: 40, scroll });
    expect(shown(result.current.rows)).toEqual(['kubewindow:40']);
  });
});

describe('useKubeLog', () => {
  it('[KSDK-12] shows lines, and leaves the channel with the component', async () => {
    kube.answers.set('kube.log', () => ({ channel: 'kubelog:a' }));
    server.publish('kubelog:a', { lines: [{ text: 'one' }] });
    const { result, unmount } = hook(
      () => useKubeLog({ cluster: 'one', namespace: 'default', pod: 'a' }),
      undefined,
      true,
    );
    await settle();
    server.publish('kubelog:a', { lines: [{ text: 'two' }] });
    await settle();
    expect(result.current.entries.map((entry) => entry.kind === 'line' && entry.text)).toEqual([
      'one',
      'two',
    ]);
    unmount();
    await pass(1_000);
    expect(kube.readers('kubelog:a')).toBe(0);
  });
});
