/** Doubles for this room's tests: a hub that records what it is handed, a line codec, and real sockets on a free port. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { silentLogger, type Clock, type Logger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type {
  Endpoint,
  Hub,
  Link,
  LinkProfile,
  OpenDecision,
  Transport,
  TransportHandlers,
} from '@trunkline/hub';
import { Encoded, type Codec } from '@trunkline/protocol';
import { WebSocket, type ClientOptions } from 'ws';
import type { WebSocketServerOptions } from './options.js';
import { createWebSocketServer, type WebSocketEntrance } from './websocket-server.js';

export const PROFILE: LinkProfile = {
  ping: { kind: 'none', intervalMs: 0, pongTimeoutMs: 0 },
  joinDocuments: true,
  maxFrameBytes: 1_000,
  maxCommandsPerFrame: 10,
  maxDepth: 10,
  outboxMaxMessages: 256,
  outboxMaxBytes: 1_048_576,
  firstCommandTimeoutMs: 1_000,
};

/** Documents are lines of text; joined by a line break. */
export function lineCodec(binary = false): Codec {
  return {
    name: 'line',
    binary,
    decode: () => ({ items: [] }),
    encodeReply: () => new Encoded(new Uint8Array()),
    encodePush: () => undefined,
    encodePublication: () => new Encoded(new Uint8Array()),
    ping: new Encoded(Buffer.from('{}')),
    join: (documents) => Buffer.from(documents.map((one) => Buffer.from(one.bytes).toString()).join('\n')),
  };
}

export function document(text: string): Encoded {
  return new Encoded(Buffer.from(text));
}

/** One connection as the hub sees it. */
export class Accepted implements TransportHandlers {
  readonly transport: Transport;
  readonly link: Link;
  readonly frames: (string | Uint8Array)[] = [];
  readonly closes: { code: number; reason: string }[] = [];
  drains = 0;
  alive = 0;
  /** Thrown by the next `onFrame`. */
  failure: Error | undefined;
  readonly #waiting: { met: () => boolean; resolve: () => void }[] = [];

  constructor(transport: Transport, link: Link) {
    this.transport = transport;
    this.link = link;
  }

  onFrame(frame: string | Uint8Array): void {
    if (this.failure) throw this.failure;
    this.frames.push(frame);
    this.#wake();
  }
  onDrain(): void {
    this.drains++;
    this.#wake();
  }
  onAlive(): void {
    this.alive++;
    this.#wake();
  }
  onClosed(code: number, reason: string): void {
    this.closes.push({ code, reason });
    this.#wake();
  }

  /** Resolves at the first event after which `met` holds. */
  until(met: () => boolean): Promise<void> {
    if (met()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ met, resolve }));
  }

  #wake(): void {
    for (const waiting of this.#waiting) if (waiting.met()) waiting.resolve();
  }
}

export class FakeHub implements Pick<Hub, 'accept' | 'endpoints' | 'draining'> {
  draining = false;
  readonly accepted: Accepted[] = [];
  readonly #endpoints: readonly Endpoint[];
  #arrivals: ((accepted: Accepted) => void)[] = [];
  /** Thrown by `accept`. */
  failure: Error | undefined;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
  }

  endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  accept(transport: Transport, link: Link): TransportHandlers {
    if (this.failure) throw this.failure;
    const accepted = new Accepted(transport, link);
    this.accepted.push(accepted);
    for (const arrive of this.#arrivals.splice(0)) arrive(accepted);
    return accepted;
  }

  next(): Promise<Accepted> {
    return new Promise((resolve) => this.#arrivals.push(resolve));
  }
}

export function endpoint(open: Endpoint['open'], path = '/ws'): Endpoint {
  return { id: 'test', method: 'GET', path, transport: 'websocket', deadlineMs: 1_000, open };
}

export function accepting(profile: Partial<LinkProfile> = {}, codec: Codec = lineCodec()): Endpoint {
  return endpoint((): OpenDecision => ({ kind: 'accept', codec, profile: { ...PROFILE, ...profile } }));
}

export interface Rig {
  readonly clock: FakeClock;
  readonly hub: FakeHub;
  readonly entrance: WebSocketEntrance;
  readonly port: number;
  /** A client that collects what it receives. */
  client(path?: string, options?: ClientOptions & { readonly protocols?: readonly string[] }): Client;
  /** An open client and its other end. */
  pair(options?: ClientOptions): Promise<{ readonly client: Client; readonly accepted: Accepted }>;
  /** The status, headers and body of a refused upgrade. */
  refused(path?: string, headers?: Readonly<Record<string, string>>): Promise<Refused>;
  stop(): Promise<void>;
}

export interface Refused {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

export interface Client {
  readonly ws: WebSocket;
  readonly received: (string | Buffer)[];
  readonly pongs: string[];
  opened(): Promise<void>;
  closed(): Promise<{ readonly code: number; readonly reason: string }>;
  until(met: () => boolean): Promise<void>;
}

export async function startRig(
  endpoints: readonly Endpoint[],
  options: Partial<WebSocketServerOptions> = {},
  deps: { readonly logger?: Logger; readonly clock?: Clock } = {},
): Promise<Rig> {
  const clock = new FakeClock();
  const hub = new FakeHub(endpoints);
  const server = createServer();
  const entrance = createWebSocketServer({ clock, logger: silentLogger, ...deps, hub }, options);
  entrance.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  const client: Rig['client'] = (path = '/ws', { protocols = [], ...rest } = {}) =>
    collect(
      new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], { perMessageDeflate: false, ...rest }),
    );
  return {
    clock,
    hub,
    entrance,
    port,
    client,
    async pair(options) {
      const arrival = hub.next();
      const one = client('/ws', options);
      await one.opened();
      return { client: one, accepted: await arrival };
    },
    refused: (path = '/ws', headers = {}) => request(port, path, headers),
    stop: () => stop(server, entrance),
  };
}

async function stop(server: Server, entrance: WebSocketEntrance): Promise<void> {
  entrance.dispose();
  server.closeAllConnections();
  const closed = once(server, 'close');
  server.close();
  await closed;
}

function collect(ws: WebSocket): Client {
  const received: (string | Buffer)[] = [];
  const pongs: string[] = [];
  const waiting: { met: () => boolean; resolve: () => void }[] = [];
  const wake = (): void => {
    for (const one of waiting) if (one.met()) one.resolve();
  };
  const closing = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  ws.on('message', (data, isBinary) => {
    received.push(isBinary ? (data as Buffer) : (data as Buffer).toString());
    wake();
  });
  ws.on('pong', (data) => {
    pongs.push(data.toString());
    wake();
  });
  ws.on('error', () => undefined);
  return {
    ws,
    received,
    pongs,
    opened: async () => void (await once(ws, 'open')),
    closed: () => closing,
    until: (met) => (met() ? Promise.resolve() : new Promise((resolve) => waiting.push({ met, resolve }))),
  };
}

export const HANDSHAKE = {
  host: 'localhost',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A bare socket that has sent an upgrade request. */
export function rawUpgrade(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Socket {
  const socket = connect(port, '127.0.0.1');
  const lines = Object.entries({ ...HANDSHAKE, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.on('error', () => undefined);
  return socket;
}

export async function request(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<Refused> {
  const socket = rawUpgrade(port, path, headers, method);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  const at = text.indexOf('\r\n\r\n');
  return {
    status: Number(text.slice(9, 12)),
    headers: text.slice(0, at).toLowerCase(),
    body: text.slice(at + 4),
  };
}
