/**
 * One tab of a browser with the foreign client in it: its own copy of the client's modules, its own query cache, its own sockets, of which every one and every frame is counted. The
 * hooks run in React, as in the console that they come from, with the settings of its query client.
 */
import { pathToFileURL } from 'node:url';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Window } from 'happy-dom';
import { createElement, useMemo } from 'react';
import { WebSocket } from 'ws';
import { rowsOf } from './rows.mjs';

globalThis.foreignTabs = new Map();
const window = new Window({ url: 'http://127.0.0.1/' });
globalThis.window = window;
globalThis.document = window.document;
// Node 21 and later have one that cannot be set.
if (globalThis.navigator === undefined) globalThis.navigator = window.navigator;
// React looks for a page when it is loaded.
const { createRoot } = await import('react-dom/client');

/** What the console's own classes tell the hooks about their kind. */
class Pod {
  static kind = 'Pod';
  static apiName = 'pods';
  static apiVersion = 'v1';
  static apiEndpoint = { apiInfo: [{ group: '', version: 'v1', resource: 'pods' }] };
  constructor(json) {
    this.jsonData = json;
  }
  get metadata() {
    return this.jsonData.metadata;
  }
}

let opened = 0;

export async function openTab(file, { server, token, origin, kubeconfig = null, backendProtocol = null }) {
  const id = String(++opened);
  const sockets = [];
  const bearer = { authorization: `Bearer ${token}` };
  /** Where the client itself brings no credential, whatever signs people in before it has added one. */
  class TabSocket extends WebSocket {
    constructor(url, protocols = []) {
      const offered = [protocols].flat();
      const brings = offered.some((one) => one.startsWith('base64url.bearer.'));
      super(url, offered, { headers: brings ? {} : bearer, ...(origin === undefined ? {} : { origin }) });
      this.sent = [];
      this.offered = offered;
      this.received = [];
      this.on('message', (data) => this.received.push(String(data).slice(0, 200)));
      this.on('close', (code) => (this.code = code));
      this.on('error', ({ message }) => (this.failure = message));
      sockets.push(this);
    }
    /** For a scenario that failed. */
    described() {
      const ends = [...this.received.slice(0, 3), '…', ...this.received.slice(-3)].join('\n    ');
      return `  ${this.url} [${this.readyState} ${this.failure ?? this.code ?? ''}] ${this.received.length} frames\n    ${ends}`;
    }
    send(data, ...rest) {
      this.sent.push(data);
      super.send(data, ...rest);
    }
  }
  globalThis.foreignTabs.set(id, {
    server,
    token,
    kubeconfig,
    backendProtocol,
    WebSocket: TabSocket,
    fetch: (url, init = {}) => {
      const headers = new Headers(init.headers);
      if (!headers.has('authorization')) headers.set('authorization', bearer.authorization);
      return fetch(url, { ...init, headers });
    },
  });
  const client = await import(`${pathToFileURL(file)}?tab=${id}`);
  const cache = new QueryClient({
    defaultOptions: { queries: { staleTime: 3 * 60_000, refetchOnWindowFocus: false } },
  });
  const mounted = new Set();
  const streams = new Set();

  /** A component of that hook on the page; what it shows now, until it is taken away. */
  const mount = (use) => {
    const shown = { current: undefined, renders: 0 };
    const Shown = () => {
      shown.current = use();
      shown.renders++;
      return null;
    };
    const root = createRoot(window.document.createElement('div'));
    root.render(createElement(QueryClientProvider, { client: cache }, createElement(Shown)));
    const unmount = () => {
      mounted.delete(unmount);
      root.unmount();
    };
    mounted.add(unmount);
    return { shown, unmount };
  };

  return {
    id,
    client,
    sockets,
    /** The list hook. `namespaces`: one list for each; none: all. */
    list({ cluster, namespaces = [], query = {} }) {
      const { shown, unmount } = mount(() => {
        const requests = useMemo(() => [{ cluster, namespaces }], []);
        return client.useKubeObjectList({ requests, kubeObjectClass: Pod, queryParams: query });
      });
      return {
        rows: () => rowsOf((shown.current?.items ?? []).map(({ jsonData }) => jsonData)),
        // The first versions tell it in their iterator alone.
        error: () => shown.current?.error ?? [...(shown.current ?? [])][1],
        loaded: () => shown.current?.items !== null && shown.current?.isLoading === false,
        renders: () => shown.renders,
        unmount,
      };
    },
    object({ cluster, namespace, name }) {
      const { shown, unmount } = mount(() =>
        client.useKubeObject({ kubeObjectClass: Pod, namespace, name, cluster }),
      );
      return { json: () => shown.current?.data?.jsonData, unmount };
    },
    /** The older way: a list, and a socket of its own for its watch. */
    async stream({ cluster, path = '/api/v1/pods', query = {} }) {
      const seen = { items: undefined, errors: [] };
      const params = {
        cluster,
        cb: (items) => (seen.items = items),
        errCb: (error) => seen.errors.push(error),
      };
      const cancel = await client.streamResultsForCluster(path, params, query);
      const end = () => {
        streams.delete(end);
        cancel();
      };
      streams.add(end);
      return {
        rows: () => rowsOf(seen.items ?? []),
        errors: () => seen.errors,
        loaded: () => seen.items !== undefined,
        unmount: end,
      };
    },
    /** Every REQUEST and CLOSE that was sent, in order. */
    frames: () => sockets.flatMap(({ sent }) => sent.map((text) => JSON.parse(text))),
    /** As when the page is closed: nothing is said any more. */
    close() {
      for (const end of [...mounted, ...streams]) end();
      for (const socket of sockets) {
        socket.onclose = null;
        socket.removeAllListeners('close');
        socket.on('error', () => undefined);
        socket.terminate();
      }
    },
  };
}
