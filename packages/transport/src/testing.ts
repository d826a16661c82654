/** Doubles for this room's tests: a hub that records what it is handed, a line codec, real sockets and streams on a free port. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createSeededRandom, silentLogger, type Clock, type Disposable, type Logger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type {
  Answer,
  AskOptions as NodeAskOptions,
  Endpoint,
  Kind,
  Link,
  LinkProfile,
  Nodes,
  OpenDecision,
  OpenLine,
  Survey,
  Transport,
  TransportHandlers,
} from '@trunkline/hub';
import { Encoded, type Codec } from '@trunkline/protocol';
import { WebSocket, type ClientOptions } from 'ws';
import { createEntrance, type Entrance, type EntranceHub } from './entrance.js';
import type { EntranceOptions } from './options.js';

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
    encodePush: (push) =>
      push.kind === 'disconnect' ? document(`disconnect ${push.code} ${push.reason}`) : undefined,
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

/** Nodes that reach each other at once, through JSON. */
export class FakeNodes implements Pick<Nodes, 'id' | 'ask' | 'isLive' | 'register'> {
  readonly id: string;
  /** Answers nobody. */
  silent = false;
  /** Questions that arrived. */
  asked = 0;
  readonly #cluster: Map<string, FakeNodes>;
  #answer: Answer | undefined;

  constructor(id: string, cluster = new Map<string, FakeNodes>()) {
    this.id = id;
    this.#cluster = cluster;
    cluster.set(id, this);
  }

  isLive(node: string): boolean {
    return this.#cluster.has(node);
  }

  register(answer: Answer): Disposable {
    this.#answer = answer;
    return { dispose: () => (this.#answer = undefined) };
  }

  async ask<Q, A>(
    kind: Kind<Q, A>,
    question: Q,
    { nodes = [], bytes }: NodeAskOptions = {},
  ): Promise<Survey<A>> {
    const node = nodes[0] ?? '';
    const peer = this.#cluster.get(node);
    const answer = peer === undefined ? undefined : peer.#answer;
    if (!peer || peer.silent || answer?.scope !== 'node')
      return { replies: [], failures: [{ node, code: 1001, message: 'call timed out' }] };
    peer.asked++;
    const read = answer.kind.question(JSON.parse(JSON.stringify(question)));
    const asked = { from: this.id, bytes, pageBytes: 1_000, signal: new AbortController().signal };
    return { replies: [{ node, answer: kind.answer(await answer.handle(read, asked)) }], failures: [] };
  }
}

export class FakeHub implements EntranceHub {
  readonly nodeId: string;
  readonly nodes: FakeNodes;
  draining = false;
  readonly accepted: Accepted[] = [];
  readonly #endpoints: readonly Endpoint[];
  #arrivals: ((accepted: Accepted) => void)[] = [];
  /** Thrown by `accept`. */
  failure: Error | undefined;

  constructor(endpoints: readonly Endpoint[], nodes = new FakeNodes('node1')) {
    this.#endpoints = endpoints;
    this.nodeId = nodes.id;
    this.nodes = nodes;
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

  /** Lines of endpoints that speak for themselves, and what was given for them. */
  readonly lines: { readonly transport: Transport; readonly line: OpenLine }[] = [];

  converse(transport: Transport, line: OpenLine): TransportHandlers {
    if (this.failure) throw this.failure;
    this.lines.push({ transport, line });
    return {
      onFrame: (frame) => void transport.write([document(`heard ${String(frame)}`)]),
      onDrain: () => undefined,
      onAlive: () => undefined,
      onClosed: () => undefined,
    };
  }

  next(): Promise<Accepted> {
    return new Promise((resolve) => this.#arrivals.push(resolve));
  }
}

export function endpoint(open: Endpoint['open'], path = '/ws', more: Partial<Endpoint> = {}): Endpoint {
  return { id: 'test', method: 'GET', path, transport: 'websocket', deadlineMs: 1_000, open, ...more };
}

export function accepting(profile: Partial<LinkProfile> = {}, codec: Codec = lineCodec()): Endpoint {
  return endpoint((): OpenDecision => ({ kind: 'accept', codec, profile: { ...PROFILE, ...profile } }));
}

/** `POST /stream` and `GET /sse`, whose first frame is `?first=`; both refuse foreign origins. */
export function streaming(profile: Partial<LinkProfile> = {}, codec: Codec = lineCodec()): Endpoint[] {
  const accept = (firstFrame?: string): OpenDecision => ({
    kind: 'accept',
    codec,
    profile: { ...PROFILE, ...profile },
    ...(firstFrame === undefined ? {} : { firstFrame }),
  });
  const guarded =
    (open: Endpoint['open']): Endpoint['open'] =>
    (request, signal) =>
      request.originAllowed ? open(request, signal) : { kind: 'refuse', status: 403, body: 'origin' };
  return [
    endpoint(
      guarded(() => accept()),
      '/stream',
      { id: 'stream', method: 'POST', transport: 'http_stream' },
    ),
    endpoint(
      guarded((request) => accept(request.query.get('first') ?? 'hello')),
      '/sse',
      { id: 'sse', transport: 'sse' },
    ),
  ];
}

export interface Rig {
  readonly clock: FakeClock;
  readonly hub: FakeHub;
  readonly entrance: Entrance;
  readonly port: number;
  /** A client that collects what it receives. */
  client(path?: string, options?: ClientOptions & { readonly protocols?: readonly string[] }): Client;
  /** An open client and its other end. */
  pair(options?: ClientOptions): Promise<{ readonly client: Client; readonly accepted: Accepted }>;
  /** The status, headers and body of a refused upgrade. */
  refused(path?: string, headers?: Readonly<Record<string, string>>): Promise<Refused>;
  /** A plain request; resolves with the head, collects the body as it comes. */
  ask(path: string, options?: AskOptions): Promise<Answered>;
  /** An open stream and its other end. */
  stream(
    path?: string,
    options?: AskOptions,
  ): Promise<{ readonly stream: Answered; readonly accepted: Accepted }>;
  /** `POST /emulation` of a frame. */
  upstream(session: string | undefined, data: string, more?: object): Promise<Answered>;
  stop(): Promise<void>;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** An answer on its way. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Body so far. */
  text(): string;
  readonly response: IncomingMessage;
  /** Resolves once the body so far satisfies `met`. */
  until(met: (text: string) => boolean): Promise<string>;
  /** Resolves with the whole body; `complete` is false where the peer cut it off. */
  ended(): Promise<{ readonly text: string; readonly complete: boolean }>;
  /** Goes away without a word. */
  leave(): void;
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
  options: Partial<EntranceOptions> = {},
  { nodes, ...deps }: { readonly logger?: Logger; readonly clock?: Clock; readonly nodes?: FakeNodes } = {},
): Promise<Rig> {
  const clock = new FakeClock();
  const hub = new FakeHub(endpoints, nodes);
  const random = createSeededRandom(1);
  const entrance = createEntrance({ clock, random, logger: silentLogger, ...deps, hub }, options);
  const server = createServer((request, response) => {
    if (entrance.serves(request)) entrance.serve(request, response);
    else response.writeHead(404).end('not here');
  });
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
    ask: (path, options) => ask(port, path, options),
    async stream(path = '/sse', options = {}) {
      const arrival = hub.next();
      const [stream, accepted] = await Promise.all([ask(port, path, options), arrival]);
      return { stream, accepted };
    },
    upstream: (session, data, more = {}) =>
      ask(port, '/emulation', {
        method: 'POST',
        body: JSON.stringify({ session, node: hub.nodeId, data, ...more }),
      }),
    stop: () => stop(server, entrance),
  };
}

function ask(port: number, path: string, options: AskOptions = {}): Promise<Answered> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
      resolve(toAnswered(response));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function toAnswered(response: IncomingMessage): Answered {
  const chunks: Buffer[] = [];
  const waiting: { met: (text: string) => boolean; resolve: (text: string) => void }[] = [];
  const text = (): string => Buffer.concat(chunks).toString();
  const ended = new Promise<{ text: string; complete: boolean }>((resolve) => {
    response.once('close', () => resolve({ text: text(), complete: response.complete }));
  });
  response.on('error', () => undefined);
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    for (const one of waiting) if (one.met(text())) one.resolve(text());
  });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    response,
    until: (met) =>
      met(text()) ? Promise.resolve(text()) : new Promise((resolve) => waiting.push({ met, resolve })),
    ended: () => ended,
    leave: () => void response.destroy(),
  };
}

async function stop(server: Server, entrance: Entrance): Promise<void> {
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
