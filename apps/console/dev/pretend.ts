/**
 * Puts `PretendedServer` behind the page's own `fetch` and `WebSocket`, speaking as much of the wire as the console needs. The address chooses what is
 * seen: `?as=admin`, `?as=nobody` (signed out), `?as=stuck` (no answers). `pretend.drop(seconds)` in the page takes the connection away.
 */
import { PretendedServer, type Published } from './server.js';

const as = new URLSearchParams(location.search).get('as') ?? 'operator';
const server = new PretendedServer(as === 'admin' ? 'admin' : 'operator');
let signedIn = as !== 'nobody';
let awayUntil = 0;
const sockets = new Set<PretendedSocket>();

const json = (status: number, body: unknown): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

const realFetch = globalThis.fetch.bind(globalThis);
globalThis.fetch = async (input, init) => {
  const { pathname, searchParams } = new URL(String(input), location.href);
  if (pathname.endsWith('/console/session'))
    return signedIn ? json(200, { user: 'ada', org: 'acme', roles: [server.role] }) : json(401, {});
  if (pathname.endsWith('/console/token')) return json(200, { token: 'pretended' });
  if (pathname.endsWith('/console/logout')) return ((signedIn = false), json(200, {}));
  if (pathname.endsWith('/console/login'))
    return (signedIn = searchParams.get('code') === 'open') ? json(200, {}) : json(403, {});
  return realFetch(input, init);
};

interface Command {
  readonly id?: number;
  readonly connect?: object;
  readonly subscribe?: {
    readonly channel: string;
    readonly type?: number;
    readonly recover?: boolean;
    readonly offset?: number;
  };
  readonly unsubscribe?: { readonly channel: string };
  readonly rpc?: { readonly method: string; readonly data?: { readonly params?: unknown } };
  readonly history?: { readonly channel: string };
}

class PretendedSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readyState = 0;
  binaryType = 'blob';
  bufferedAmount = 0;
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly #channels = new Set<string>();

  constructor() {
    setTimeout(() => {
      if (Date.now() < awayUntil) return this.drop(1006);
      this.readyState = 1;
      sockets.add(this);
      this.onopen?.({});
    }, 30);
  }

  send(frame: string): void {
    for (const text of frame.split('\n')) {
      const command = JSON.parse(text) as Command;
      if (command.id !== undefined && as !== 'stuck')
        setTimeout(() => this.#reply(command), 12 + Math.random() * 30);
    }
  }

  close(code = 1000): void {
    this.drop(code);
  }

  drop(code: number): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    sockets.delete(this);
    this.onclose?.({ code, reason: '', wasClean: code === 1000 });
  }

  push(channel: string, published: Published): void {
    if (this.#channels.has(channel)) this.#write({ push: { channel, pub: published } });
  }

  #reply(command: Command): void {
    const { id } = command;
    if (command.connect)
      return this.#write({
        id,
        connect: {
          client: 'me',
          version: '0.1.0',
          ping: 25,
          pong: true,
          data: { tl: { extensions: ['gap', 'source', 'drain', 'rpc'], version: '0.1.0' } },
        },
      });
    if (command.unsubscribe)
      return void (this.#channels.delete(command.unsubscribe.channel), this.#write({ id, unsubscribe: {} }));
    if (command.subscribe) return this.#subscribe(id, command.subscribe);
    if (command.rpc) {
      try {
        return this.#write({
          id,
          rpc: { data: { result: server.answer(command.rpc.method, command.rpc.data?.params) } },
        });
      } catch (error) {
        return this.#write({ id, error });
      }
    }
    return this.#write({ id, error: { code: 108, message: 'not available' } });
  }

  #subscribe(
    id: number | undefined,
    { channel, type, recover, offset }: NonNullable<Command['subscribe']>,
  ): void {
    if (channel.startsWith('jobs:'))
      return this.#write({ id, error: { code: 103, message: 'permission denied' } });
    this.#channels.add(channel);
    const { epoch, offset: top } = server.top(channel);
    const tl = { class: 'live', outcome: 'recover', source: { state: 'live' } };
    const map = server.maps.get(channel);
    if (type !== undefined && type > 0)
      return this.#write({
        id,
        subscribe: {
          type,
          recoverable: true,
          positioned: true,
          epoch,
          offset: top,
          phase: 0,
          state: [...(map?.values() ?? [])],
          data: { tl },
        },
      });
    const missed = recover
      ? (server.topics.get(channel) ?? []).filter((one) => one.offset > (offset ?? 0))
      : [];
    this.#write({
      id,
      subscribe: {
        recoverable: true,
        positioned: true,
        epoch,
        offset: top,
        ...(recover && { was_recovering: true, recovered: true, publications: missed }),
        data: { tl },
      },
    });
  }

  #write(document: unknown): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(document) });
  }
}

server.onPublish = (channel, published) => {
  for (const socket of sockets) socket.push(channel, published);
};

const real = globalThis.WebSocket;
// The development server's own socket stays real.
globalThis.WebSocket = new Proxy(real, {
  construct: (_target, [url, protocols]: [string, string?]) =>
    String(url).includes('/connection/') ? new PretendedSocket() : new real(url, protocols),
});

Object.assign(globalThis, {
  pretend: {
    server,
    drop: (seconds: number) => {
      awayUntil = Date.now() + seconds * 1_000;
      for (const socket of [...sockets]) socket.drop(1006);
    },
  },
});
