/**
 * A scripted server for tests of this package and of what stands on it: an in-memory WebSocket whose other end speaks the JSON wire. No real
 * sockets and no timers: each frame is handed over in a microtask, in order. Channels keep real histories, so that recovery is what a server
 * would answer; everything else is scripted by the test through `handlers` and the push methods.
 */
import { OFFER_HEADER, type Extension } from './extensions.js';
import type { EventSourceConstructor } from './guarded-event-source.js';
import type { Fetch } from './guarded-fetch.js';
import { fossilDelta } from './testing/fossil.js';
import { fakeEventSource, fakeFetch, type FakeLink, type FakePeer } from './testing/streams.js';
import type { TransportName, WebSocketConstructor, WebSocketLike } from './transports.js';

interface Json {
  readonly [field: string]: unknown;
}

export interface FakePublication {
  readonly offset: number;
  readonly data: unknown;
  readonly key?: string;
  readonly removed?: boolean;
  readonly info?: { readonly user: string; readonly client: string };
  readonly tags?: Readonly<Record<string, string>>;
}

/** A channel as the server sees it. Fields may be changed by a test at any time. */
export class FakeChannel {
  readonly name: string;
  epoch = 'e1';
  top = 0;
  history: FakePublication[] = [];
  /** Publications kept; 0: the channel numbers nothing and recovers nothing. */
  historySize = 1_000;
  readonly entries = new Map<string, FakePublication>();
  members: Record<string, { user: string; client: string }> = {};
  /** Goes into `tl` of the subscribe reply. */
  announced: Json = { class: 'live', outcome: 'recover', source: { state: 'live' } };
  /** The module's part of the subscribe reply's data. */
  data: unknown = undefined;
  /** Answers the next subscribes with an error. */
  refuse: { code: number; message: string; temporary?: boolean } | undefined;
  /** Recovery returns the newest publication only. */
  cache = false;
  /** Readers that ask get differences. */
  deltas = false;

  constructor(name: string) {
    this.name = name;
  }

  get positioned(): boolean {
    return this.historySize > 0;
  }

  append(data: unknown, extra: Partial<FakePublication> = {}): FakePublication {
    const publication: FakePublication = { offset: this.positioned ? ++this.top : 0, data, ...extra };
    if (this.positioned) this.history = [...this.history, publication].slice(-this.historySize);
    if (publication.key !== undefined) {
      if (publication.removed === true) this.entries.delete(publication.key);
      else this.entries.set(publication.key, publication);
    }
    return publication;
  }
}

/** The server's end of one socket. */
export class FakeConnection {
  readonly client: string;
  readonly commands: Json[] = [];
  /** Frames received. */
  frames = 0;
  readonly subscribed = new Set<string>();
  readonly extensions = new Set<string>();
  /** What the last publication sent was, for readers of differences: by channel, and by key where it has one. */
  readonly bases = new Map<string, string>();
  readonly #link: FakeLink;

  constructor(client: string, link: FakeLink) {
    this.client = client;
    this.#link = link;
  }

  get open(): boolean {
    return this.#link.open;
  }

  send(...documents: readonly unknown[]): void {
    this.sendText(documents.map((document) => JSON.stringify(document)).join('\n'));
  }

  sendText(text: string): void {
    this.#link.deliver(text);
  }

  push(push: Json): void {
    this.send({ push });
  }

  /** A message push with one of our notices. */
  notice(tl: Json): void {
    this.push({ message: { data: { tl } } });
  }

  close(code = 1006, reason = ''): void {
    this.#link.hangUp(code, reason);
  }
}

export interface FakeHandlers {
  /** Undefined: the default answer. A returned object is merged into the reply; `{}` with neither result nor error never answers. */
  onCommand?: (command: Json, connection: FakeConnection) => Json | 'silent' | undefined;
  rpc?: (method: string, data: unknown, connection: FakeConnection) => unknown;
}

export class FakeServer {
  readonly websocket: WebSocketConstructor;
  readonly fetch: Fetch;
  readonly eventSource: EventSourceConstructor;
  readonly connections: FakeConnection[] = [];
  readonly channels = new Map<string, FakeChannel>();
  readonly handlers: FakeHandlers = {};
  grants: readonly Extension[] = ['gap', 'source', 'drain', 'call', 'rpc'];
  /** Sockets do not open. */
  down = false;
  /** Transports that a proxy refuses, and the posts beside the other two. */
  readonly refuses = new Set<TransportName | 'emulation'>();
  /** Bytes of a chunk of streamed HTTP; 0: a document each. */
  chunkBytes = 0;
  /** What was posted, a request each. */
  readonly posts: string[] = [];
  pageSize = 1_000;
  /** Sockets that were tried. */
  attempts = 0;

  constructor() {
    const accept = (socket: FakeSocket): FakeConnection => this.#accept(socket);
    const isDown = (): boolean => this.down || this.refuses.has('websocket');
    const count = (): void => void this.attempts++;
    this.websocket = class extends FakeSocket {
      constructor(url: string) {
        count();
        super(url, isDown, accept, (connection, text) => void handle(connection, text));
      }
    };
    const peer: FakePeer<FakeConnection> = {
      refuses: (transport) => this.down || this.refuses.has(transport),
      accept: (link) => this.#accept(link),
      receive: (connection, text) => this.#frame(connection, text),
      find: (session) => this.connections.find(({ client, open }) => open && client === session),
      chunkBytes: () => this.chunkBytes,
      posted: (data) => void this.posts.push(data),
    };
    this.fetch = fakeFetch(peer);
    this.eventSource = fakeEventSource(peer);
    const handle = (connection: FakeConnection, text: string): void => this.#frame(connection, text);
  }

  channel(name: string): FakeChannel {
    let channel = this.channels.get(name);
    if (channel === undefined) this.channels.set(name, (channel = new FakeChannel(name)));
    return channel;
  }

  /** The newest connection that is open. */
  get connection(): FakeConnection {
    const open = this.connections.findLast((connection) => connection.open);
    if (open === undefined) throw new Error('no open connection');
    return open;
  }

  /** All commands of one kind over all connections, in order. */
  received(kind: string): Json[] {
    return this.connections
      .flatMap((connection) => connection.commands)
      .flatMap((command) => (kind in command ? [command[kind] as Json] : []));
  }

  /** Numbers it, keeps it, and sends it to whoever is subscribed. */
  publish(name: string, data: unknown, extra: Partial<FakePublication> = {}): FakePublication {
    const publication = this.channel(name).append(data, extra);
    for (const connection of this.connections)
      if (connection.open && connection.subscribed.has(name))
        connection.push({ channel: name, pub: this.#onWire(publication, name, connection) });
    return publication;
  }

  /** Data is text where differences were agreed on; the difference to the one before where there was one. */
  #onWire(publication: FakePublication, name: string, connection: FakeConnection): Json {
    if (!connection.bases.has(name)) return { ...publication };
    const base = publication.key === undefined ? name : `${name} ${publication.key}`;
    const before = connection.bases.get(base) ?? '';
    const text = JSON.stringify(publication.data);
    connection.bases.set(base, text);
    return before === ''
      ? { ...publication, data: text }
      : { ...publication, data: fossilDelta(before, text), delta: true };
  }

  /** Numbers it and keeps it, and loses it on the way. */
  publishLost(name: string, data: unknown, extra: Partial<FakePublication> = {}): FakePublication {
    return this.channel(name).append(data, extra);
  }

  notice(tl: Json): void {
    this.connection.notice(tl);
  }

  gap(channel: string, from: number, to: number, reason: 'overflow' | 'conflated' | 'filtered'): void {
    this.notice({ gap: { channel, epoch: this.channel(channel).epoch, from, to, reason } });
  }

  unsubscribe(channel: string, code: number, reason = 'told so'): void {
    this.connection.subscribed.delete(channel);
    this.connection.push({ channel, unsubscribe: { code, reason } });
  }

  /** The transport goes, without a word. */
  cut(): void {
    this.connection.close();
  }

  // ------------------------------------------------------------ inside

  #accept(link: FakeLink): FakeConnection {
    const connection = new FakeConnection(`client-${this.connections.length + 1}`, link);
    this.connections.push(connection);
    return connection;
  }

  #frame(connection: FakeConnection, text: string): void {
    connection.frames++;
    for (const line of text.split('\n')) {
      if (line === '' || line === '{}') continue;
      const command = JSON.parse(line) as Json;
      connection.commands.push(command);
      const scripted = this.handlers.onCommand?.(command, connection);
      if (scripted === 'silent') continue;
      const reply = scripted ?? this.#answer(command, connection);
      connection.send({ id: command['id'], ...reply });
    }
  }

  #answer(command: Json, connection: FakeConnection): Json {
    const kind = Object.keys(command).find((field) => field !== 'id') ?? '';
    const request = command[kind] as Json;
    switch (kind) {
      case 'connect':
        return { connect: this.#connect(request, connection) };
      case 'subscribe':
        return this.#subscribe(request, connection);
      case 'unsubscribe':
        connection.subscribed.delete(String(request['channel']));
        return { unsubscribe: {} };
      case 'publish':
        return this.#publish(request, connection);
      case 'presence':
        return { presence: { presence: this.channel(String(request['channel'])).members } };
      case 'history':
        return this.#history(request);
      case 'rpc':
        return this.#rpc(request, connection);
      default:
        return { error: { code: 107, message: `bad request: ${kind}` } };
    }
  }

  #connect(request: Json, connection: FakeConnection): Json {
    const offer = String((request['headers'] as Json | undefined)?.[OFFER_HEADER] ?? '');
    const offered = offer.split(',').map((name) => name.trim());
    for (const name of this.grants) if (offered.includes(name)) connection.extensions.add(name);
    const data =
      offer === '' ? undefined : { tl: { extensions: [...connection.extensions], version: '0', limits: {} } };
    const { client } = connection;
    const session = { session: client, node: 'node-1' };
    return { client, version: '0', ping: 25, ...session, ...(data === undefined ? {} : { data }) };
  }

  #subscribe(request: Json, connection: FakeConnection): Json {
    const channel = this.channel(String(request['channel']));
    if (channel.refuse) return { error: channel.refuse };
    const answer =
      request['type'] === 1 ? this.#subscribeMap(channel, request) : this.#subscribeStream(channel, request);
    if (answer === undefined) return { error: { code: 112, message: 'unrecoverable position' } };
    if (answer['phase'] === undefined) connection.subscribed.add(channel.name);
    const told = connection.extensions.has('gap') || connection.extensions.has('source');
    const data = told ? { tl: channel.announced, data: channel.data } : channel.data;
    const { publications, state, ...rest } = answer as {
      publications?: readonly FakePublication[];
      state?: readonly FakePublication[];
    };
    const delta = channel.deltas && request['delta'] === 'fossil';
    // Whoever begins anew gets whole values first.
    if (request['cursor'] === undefined) {
      for (const base of [...connection.bases.keys()])
        if (base === channel.name || base.startsWith(`${channel.name} `)) connection.bases.delete(base);
      if (delta) connection.bases.set(channel.name, '');
    }
    const encode = (items: readonly FakePublication[]): Json[] =>
      items.map((item) => this.#onWire(item, channel.name, connection));
    return {
      subscribe: {
        ...rest,
        ...(state === undefined ? {} : { state: encode(state) }),
        ...(publications === undefined ? {} : { publications: encode(publications) }),
        ...(delta ? { delta } : {}),
        ...(data === undefined ? {} : { data }),
      },
    };
  }

  #subscribeStream(channel: FakeChannel, request: Json): Json {
    const position = channel.positioned
      ? { positioned: true, recoverable: true, epoch: channel.epoch, offset: channel.top }
      : {};
    if (request['recover'] !== true) return position;
    const missed = this.#recover(channel, request);
    if (missed === undefined) return { ...position, was_recovering: true };
    return { ...position, was_recovering: true, recovered: true, publications: missed };
  }

  #recover(channel: FakeChannel, request: Json): readonly FakePublication[] | undefined {
    const offset = Number(request['offset'] ?? 0);
    if (!channel.positioned || (request['epoch'] ?? '') !== channel.epoch || offset > channel.top)
      return undefined;
    const missed = channel.history.filter((publication) => publication.offset > offset);
    if (channel.cache) return missed.slice(-1);
    return missed.length === channel.top - offset ? missed : undefined;
  }

  #subscribeMap(channel: FakeChannel, request: Json): Json | undefined {
    const position = channel.positioned
      ? { positioned: true, recoverable: true, epoch: channel.epoch, offset: channel.top }
      : {};
    if (request['phase'] !== 2) {
      const missed = this.#recover(channel, request);
      if (missed === undefined) return undefined;
      return {
        ...position,
        publications: missed,
        ...(request['recover'] === true ? { was_recovering: true, recovered: true } : {}),
      };
    }
    const all = [...channel.entries.values()];
    const start = Number(request['cursor'] ?? 0);
    const end = start + this.pageSize;
    const page = { state: all.slice(start, end), ...position };
    return end < all.length ? { ...page, phase: 2, cursor: String(end) } : page;
  }

  #publish(request: Json, connection: FakeConnection): Json {
    const { channel, data, key, removed } = request as {
      channel: string;
      data: unknown;
      key?: string;
      removed?: boolean;
    };
    const info = { user: 'me', client: connection.client };
    this.publish(channel, data, {
      info,
      ...(key === undefined ? {} : { key }),
      ...(removed === true ? { removed } : {}),
    });
    return { publish: {} };
  }

  #history(request: Json): Json {
    const channel = this.channel(String(request['channel']));
    const since = request['since'] as { offset?: number; epoch?: string } | undefined;
    const limit = Number(request['limit'] ?? 0);
    const after = channel.history.filter((publication) => publication.offset > (since?.offset ?? 0));
    const ordered = request['reverse'] === true ? [...after].reverse() : after;
    return { history: { publications: ordered.slice(0, limit), epoch: channel.epoch, offset: channel.top } };
  }

  #rpc(request: Json, connection: FakeConnection): Json {
    const method = String(request['method']);
    if (method === 'tl.answer') return { rpc: {} };
    const { rpc } = this.handlers;
    if (rpc === undefined) return { error: { code: 104, message: 'method not found' } };
    try {
      return { rpc: { data: rpc(method, request['data'], connection) } };
    } catch (error) {
      const {
        code = 100,
        message,
        temporary = false,
      } = error as {
        code?: number;
        message: string;
        temporary?: boolean;
      };
      return { error: { code, message, ...(temporary ? { temporary } : {}) } };
    }
  }
}

/** The client's end: as much of the WebSocket interface as the transport package uses. */
class FakeSocket implements WebSocketLike, FakeLink {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly url: string;
  readonly #onFrame: (connection: FakeConnection, text: string) => void;
  #connection: FakeConnection | undefined;
  #state: 'opening' | 'open' | 'closed' = 'opening';

  constructor(
    url: string,
    isDown: () => boolean,
    accept: (socket: FakeSocket) => FakeConnection,
    onFrame: (connection: FakeConnection, text: string) => void,
  ) {
    this.url = url;
    this.#onFrame = onFrame;
    queueMicrotask(() => {
      if (this.#state !== 'opening') return;
      if (isDown()) return this.hangUp(1006, '');
      this.#state = 'open';
      this.#connection = accept(this);
      this.onopen?.({} as never);
    });
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  send(data: string): void {
    queueMicrotask(() => {
      if (this.#state === 'open' && this.#connection) this.#onFrame(this.#connection, data);
    });
  }

  close(): void {
    this.hangUp(1000, '');
  }

  deliver(text: string): void {
    queueMicrotask(() => {
      if (this.#state === 'open') this.onmessage?.({ data: text } as never);
    });
  }

  hangUp(code: number, reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    queueMicrotask(() => this.onclose?.({ code, reason } as never));
  }
}
