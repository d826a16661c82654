// @vitest-environment happy-dom
/**
 * The code of the guide "using the client", run as it stands there against a scripted server. Regions of this file are the guide's blocks.
 */
import 'fake-indexeddb/auto';
import { createClient, type Client, type Untyped } from '@trunkline/client';
import { createOfflineQueue, indexedDbStore, type OfflineQueue } from '@trunkline/client/offline';
import { FakeServer } from '@trunkline/client/testing';
import type { NodeContract } from '@trunkline/contracts/node';
import { act, cleanup, render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TrunklineProvider, typedHooks, useConnection, useOfflineQueue, usePresence } from './index.js';

const { useChannel, useChannelState, useCommand, useMap } = typedHooks<Untyped>();

interface Item {
  readonly name: string;
}

const board7 = 'board:7';
const shown: unknown[] = [];
const show = (value: unknown): void => void shown.push(value);
let server: FakeServer;

/** The application's own API: the board as its back end keeps it. */
const api = {
  readBoard: (_id: number) => {
    const { epoch, top, history } = server.channel(board7);
    return Promise.resolve({ epoch, offset: top, board: history.map(({ data }) => data as Item) });
  },
};

beforeEach(() => {
  shown.length = 0;
  server = new FakeServer();
  server.handlers.rpc = (method, data) => {
    const { params } = data as { params: unknown };
    if (method !== 'board.add') return { result: { method, id: 7, params } };
    const { offset } = server.publish(board7, params);
    return { result: 'added', position: { channel: board7, epoch: 'e1', offset } };
  };
  vi.stubGlobal('WebSocket', server.websocket);
  vi.stubGlobal('fetch', () => Promise.resolve(new Response('a token')));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** A client as the guide makes it. */
function connect(): Client<Untyped> {
  // #region connect
  const client = createClient({
    url: 'https://live.example.com',
    getToken: () => fetch('/token').then((answer) => answer.text()),
  });
  // #endregion connect
  return client;
}

describe('the guide to the client', () => {
  it('[CLIENT-1] [CLIENT-2] connects with a token and follows a channel', async () => {
    const client = connect();
    const reloadEverything = (reason: string): Promise<void> => Promise.resolve(show(`reloaded: ${reason}`));
    // #region listen
    const news = client.stream('news:today', {
      onPublication: ({ data, position }) => show({ data, at: position?.offset }),
      onReset: ({ reason }) => reloadEverything(reason),
    });
    news.state.get(); // { kind: 'live' } and so on
    // #endregion listen
    await vi.waitFor(() => expect(news.state.get()).toEqual({ kind: 'live' }));
    expect(server.received('connect')[0]).toMatchObject({ token: 'a token' });
    server.publish('news:today', 'tea is ready');
    await vi.waitFor(() => expect(shown).toEqual([{ data: 'tea is ready', at: 1 }]));
    server.channel('news:today').epoch = 'another';
    server.unsubscribe('news:today', 2500);
    await vi.waitFor(() => expect(shown.slice(1)).toEqual(['reloaded: epoch']));
    news.close();
    client.dispose();
  });

  it('[CLIENT-5] keeps a state that lives behind an API', async () => {
    const client = connect();
    server.publishLost(board7, { name: 'tea' });
    // #region state
    const board = client.channelState('board:7', {
      getState: async () => {
        const { epoch, offset, board } = await api.readBoard(7); // reads the position first, then the board
        return { position: { epoch, offset }, state: board };
      },
      reduce: (items: readonly Item[], { data }) => [...items, data as Item],
    });
    board.subscribe(() => show(board.get())); // { value, continuity, pending }
    // #endregion state
    await vi.waitFor(() => expect(board.get().continuity).toEqual({ kind: 'live' }));
    server.publish(board7, { name: 'cake' });
    await vi.waitFor(() => expect(board.get().value).toEqual([{ name: 'tea' }, { name: 'cake' }]));
    expect(shown.at(-1)).toMatchObject({ value: [{ name: 'tea' }, { name: 'cake' }], pending: 0 });
    board.close();
    client.dispose();
  });

  it('[CLIENT-17] [CLIENT-18] calls once under a key, and may be called', async () => {
    const client = connect();
    // #region call
    const order = await client.rpc('orders.create', { item: 'tea' }, { key: client.newKey() });
    client.onCall('pick.color', () => 'blue');
    // #endregion call
    expect(order).toMatchObject({ id: 7 });
    expect(server.received('rpc')[0]).toMatchObject({
      method: 'orders.create',
      data: { key: expect.stringMatching(/^[0-9A-Za-z]{22}$/) as unknown, params: { item: 'tea' } },
    });
    client.dispose();
  });

  it('[REACT-9] queues what may wait, and says what became of it', async () => {
    const client = connect();
    const [org, user, text] = ['acme', 'ann', 'buy tea'];
    // #region offline
    const queue = createOfflineQueue(client, { store: indexedDbStore(`${org}/${user}`) });
    const { key, outcome } = await queue.add('notes.save', { id: 7, text }, { order: 'note 7' });

    queue.state.subscribe(() => show(queue.state.get())); // { entries, counts, bytes, waitsFor, loaded }
    const end = await outcome; // { status: 'done', result } | { status: 'failed', error } | { status: 'expired' | 'cancelled', uncertain } | …
    // #endregion offline
    expect(end).toMatchObject({ status: 'done', result: { method: 'notes.save' } });
    expect(server.received('rpc')[0]).toMatchObject({ data: { key, params: { id: 7, text } } });
    await queue.dispose();
    client.dispose();
  });

  it('[REACT-2] [REACT-6] [REACT-8] shows it in React', async () => {
    const client = connect();
    const queue: OfflineQueue<Untyped> = createOfflineQueue(client, { store: indexedDbStore('acme/bob') });
    const onPublication = ({ data }: { data: unknown }): void => show(data);
    const getState = async () => {
      const { epoch, offset, board } = await api.readBoard(7);
      return { position: { epoch, offset }, state: board };
    };
    const reduce = (items: readonly Item[], { data }: { data: unknown }): readonly Item[] => [
      ...items,
      data as Item,
    ];

    // #region react
    function Board(): ReactNode {
      const { kind } = useConnection();
      const { continuity, last } = useChannel('news:today', { onPublication });
      const { entries, set } = useMap('cursors:7');
      const { members } = usePresence('room:7');
      const { value, mutate } = useChannelState('board:7', { getState, reduce });
      const add = useCommand('board.add', {
        optimistic: { mutate, apply: (items: readonly Item[], item) => [...items, item as Item] },
      });
      const save = useCommand('notes.save', { queue, order: 'note 7' }); // waits for a connection, its optimistic change too
      const { counts, waitsFor } = useOfflineQueue(queue);
      return (
        <section onPointerMove={({ clientX: x, clientY: y }) => void set('me', { x, y })}>
          <p>{`${kind}, ${continuity.kind}, ${members.size} here, ${entries.size} pointers, ${String(last?.data)}`}</p>
          <ul>
            {value?.map(({ name }) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
          <button onClick={() => void add.run({ name: 'cake' })}>Add</button>
          <button onClick={() => void save.run({ id: 7, text: 'buy tea' })}>Save</button>
          <small>{waitsFor ? `${counts.queued} wait for the ${waitsFor}` : 'all saved'}</small>
        </section>
      );
    }

    const page = (
      <TrunklineProvider client={client}>
        <Board />
      </TrunklineProvider>
    );
    // #endregion react
    server.publishLost(board7, { name: 'tea' });
    const { container, getByText } = render(page);
    await vi.waitFor(() =>
      expect(container.textContent).toContain('connected, live, 0 here, 0 pointers, undefined'),
    );
    await vi.waitFor(() => expect(container.querySelector('li')?.textContent).toBe('tea'));
    act(() => getByText('Add').click());
    await vi.waitFor(() =>
      expect([...container.querySelectorAll('li')].map((item) => item.textContent)).toEqual(['tea', 'cake']),
    );
    act(() => void server.publish('news:today', 'hot'));
    await vi.waitFor(() => expect(container.textContent).toContain('hot'));
    expect(shown).toContain('hot');
    act(() => client.disconnect());
    act(() => getByText('Save').click());
    await vi.waitFor(() => expect(container.textContent).toContain('1 wait for the connection'));
    act(() => client.connect());
    await vi.waitFor(() => expect(container.textContent).toContain('all saved'));
    cleanup();
    await queue.dispose();
    client.dispose();
  });

  it('[CLIENT-20] knows methods and payloads from contracts', () => {
    server.down = true;
    // #region contracts
    const client = createClient<NodeContract>({ url: 'https://live.example.com' });
    client.stream('node:stats', { onPublication: ({ data }) => show(data.connections.toFixed()) });
    // @ts-expect-error no such method
    void client.rpc('node.reboot', {}).catch(show);
    // #endregion contracts
    expect(client.state.get().kind).not.toBe('connected');
    client.dispose();
  });
});
