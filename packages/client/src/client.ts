/**
 * The client an application holds: one connection, its channels, calls in both directions. It only wires the rooms of this package together; the
 * decisions are in `continuity.ts` (what may be handed over), `wire.ts` (one channel), `stream.ts`, `map.ts`, `presence.ts` (its readers).
 */
import { randomId } from '@trunkline/base';
import type { Position } from '@trunkline/protocol';
import { Calls, type CallHandler } from './calls.js';
import { Connection, type ConnectionState } from './connection.js';
import type { ContractOrNone, DataOf, DefaultContract, MethodOf, ParamsOf, ResultOf } from './contract-types.js';
import { toCodedError } from './errors.js';
import type { Extension } from './extensions.js';
import { MapFeeds, MapSubscription, type MapOptions } from './map.js';
import { resolveClientOptions, type ClientOptions, type ResolvedOptions } from './options.js';
import { PresenceStore, type PresenceOptions } from './presence.js';
import { Rpc, type CallOptions, type CommandResult } from './rpc.js';
import { ServerSubscriptions, type ServerListener } from './server-subscriptions.js';
import { StateStore, type StateOptions } from './state-store.js';
import { Batch, type Readable } from './store.js';
import { StreamSubscription, type StreamOptions, type StreamPublication } from './stream.js';
import type { WireDeps } from './wire.js';
import { Wires } from './wires.js';

export interface HistoryRequest {
  /** Publications at most; the server has a limit of its own. Default 100. 0: only the position. */
  readonly limit?: number;
  /** After this position; with `reverse`, before it. */
  readonly since?: Position;
  /** Newest first. */
  readonly reverse?: boolean;
}

export interface History<T> {
  readonly publications: readonly StreamPublication<T>[];
  /** The channel's top. */
  readonly position: Position;
}

export class Client<C extends ContractOrNone = DefaultContract> {
  readonly #options: ResolvedOptions;
  readonly #connection: Connection;
  readonly #deps: WireDeps;
  readonly #wires: Wires;
  readonly #maps: MapFeeds;
  readonly #batch: Batch;
  readonly #rpc: Rpc;
  readonly #calls: Calls;
  readonly #server: ServerSubscriptions;
  readonly #messages = new Set<(data: unknown) => void>();

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#connection = new Connection(options, {
      onNotice: (notice) => {
        if (notice.kind === 'call') return void this.#calls.handle(notice.id, notice.method, notice.data);
        this.#wires.handleNotice(notice);
        if (notice.kind === 'gap') this.#server.handleNotice(notice);
      },
      onMessage: (data) => this.#message(data),
    });
    this.#deps = { connection: this.#connection, options };
    this.#batch = new Batch(options.clock, options.batch);
    this.#wires = new Wires(this.#deps);
    this.#maps = new MapFeeds(this.#deps, this.#wires, this.#batch);
    this.#rpc = new Rpc(this.#connection, options);
    this.#calls = new Calls(this.#connection, options);
    this.#server = new ServerSubscriptions(this.#connection, options);
    if (options.autoConnect) this.#connection.connect();
  }

  // ------------------------------------------------------------ connection

  get state(): Readable<ConnectionState> {
    return this.#connection.state;
  }

  /** What the server granted of what was offered; empty while not connected. */
  get extensions(): ReadonlySet<Extension> {
    return this.#connection.extensions;
  }

  /** Starts connecting, also after `failed`; nothing where it is under way. */
  connect(): void {
    this.#connection.connect();
  }

  /** Closes; subscriptions stay and continue after `connect()`. */
  disconnect(): void {
    this.#connection.disconnect();
  }

  /** Resolves once connected. Rejects with a `CodedError` after `timeoutMs`, or at once where nothing tries to. */
  ready(timeoutMs = this.#options.timeoutMs): Promise<void> {
    return this.#connection.ready(timeoutMs);
  }

  /** Ends everything. The client may not be used after. */
  dispose(): void {
    this.#maps.dispose();
    this.#wires.dispose();
    this.#connection.disconnect();
  }

  // ------------------------------------------------------------ channels

  /** Listens to a stream channel. `null` opens nothing and returns an inert subscription. Throws a `CodedError` (conflict) as `Wires.hold` does. */
  stream<const Channel extends string, S = unknown>(channel: Channel | null, options: StreamOptions<DataOf<C, Channel, 'stream'>, S> = {}): StreamSubscription<DataOf<C, Channel, 'stream'>, S> {
    const own = channel === null ? { ...options, enabled: false } : options;
    return new StreamSubscription(this.#deps, this.#wires, channel ?? '', own);
  }

  /** State loaded by the application and changed by a channel's publications, as a store. */
  channelState<const Channel extends string, S>(channel: Channel | null, options: StateOptions<DataOf<C, Channel, 'stream'>, S>): StateStore<DataOf<C, Channel, 'stream'>, S> {
    const own = channel === null ? { ...options, enabled: false } : options;
    return new StateStore(this.#deps, this.#wires, this.#batch, channel ?? '', own);
  }

  /** The entries of a map channel, as a store. */
  map<const Channel extends string>(channel: Channel | null, options: MapOptions<DataOf<C, Channel, 'map'>> = {}): MapSubscription<DataOf<C, Channel, 'map'>> {
    return this.#maps.open(channel ?? '', channel === null ? { ...options, enabled: false } : options);
  }

  /** Who is on a channel, as a store. */
  presence(channel: string | null, options: PresenceOptions = {}): PresenceStore {
    return new PresenceStore(this.#deps, this.#wires, this.#batch, channel ?? '', channel === null ? { ...options, enabled: false } : options);
  }

  /** Publishes as this client, where the channel allows it. Rejects with a `CodedError`. */
  async publish<const Channel extends string>(channel: Channel, data: DataOf<C, Channel, 'stream'>): Promise<void> {
    const { centrifuge } = this.#connection;
    await this.#settled(`publishing to ${channel}`, () => this.#connection.busy(() => centrifuge.publish(channel, data)));
  }

  /** A channel's retained publications. Rejects with a `CodedError`. */
  async history<const Channel extends string>(channel: Channel, request: HistoryRequest = {}): Promise<History<DataOf<C, Channel, 'stream'>>> {
    const { limit = 100, since, reverse = false } = request;
    const { centrifuge } = this.#connection;
    const query = { limit, reverse, ...(since === undefined ? {} : { since }) };
    const { publications, epoch, offset } = await this.#settled(`history of ${channel}`, () => this.#connection.busy(() => centrifuge.history(channel, query)));
    return {
      position: { epoch, offset },
      publications: publications.map((item) => ({
        channel,
        data: item.data as DataOf<C, Channel, 'stream'>,
        ...(item.offset === undefined ? {} : { position: { epoch, offset: item.offset } }),
        ...(item.tags === undefined ? {} : { tags: item.tags }),
        ...(item.info === undefined ? {} : { info: item.info }),
      })),
    };
  }

  // ------------------------------------------------------------ calls and messages

  /** Calls a method. Rejects with a `CodedError`: the server's code, or one below 100 where no answer came. */
  async rpc<M extends MethodOf<C>>(method: M, params: ParamsOf<C, M>, options?: CallOptions): Promise<ResultOf<C, M>> {
    return (await this.command(method, params, options)).result;
  }

  /** As `rpc`, with the position of the publication that shows the effect, where there is one. */
  async command<M extends MethodOf<C>>(method: M, params: ParamsOf<C, M>, options?: CallOptions): Promise<CommandResult<ResultOf<C, M>>> {
    return (await this.#rpc.command(method, params, options)) as CommandResult<ResultOf<C, M>>;
  }

  /** Answers calls of the server. Returns what removes the handler. */
  onCall(method: string, handler: CallHandler): () => void {
    return this.#calls.on(method, handler);
  }

  /** Messages the server sent to this client outside any channel. */
  onMessage(listener: (data: unknown) => void): () => void {
    const own = (data: unknown): void => listener(data);
    this.#messages.add(own);
    return () => void this.#messages.delete(own);
  }

  /** What happens on channels the server subscribed this client to. */
  onServerSubscription(listener: ServerListener): () => void {
    return this.#server.on(listener);
  }

  // ------------------------------------------------------------ for what stands on this package

  /** An idempotency key nobody else has. */
  newKey(): string {
    return randomId(this.#options.random);
  }

  /** The client's clock, Unix milliseconds: what `sinceMs` of its states is measured with. */
  now(): number {
    return this.#options.clock.now();
  }

  /** Runs `flush` once with the next batch of store notifications, however often it is given until then. It must not throw. */
  schedule(flush: () => void): void {
    this.#batch.add(flush);
  }

  #message(data: unknown): void {
    for (const listener of [...this.#messages]) {
      try {
        listener(data);
      } catch (error) {
        this.#options.report(error, { where: 'handler' });
      }
    }
  }

  async #settled<R>(doing: string, run: () => Promise<R>): Promise<R> {
    try {
      return await run();
    } catch (cause) {
      throw toCodedError(cause, doing);
    }
  }
}

/**
 * A client for one server, connecting at once unless `autoConnect` is false. Throws a TypeError or RangeError that names a bad option; everything
 * later reaches `state`, a rejected promise, or `onError`. With a contract as type argument, wrong methods, params and payloads do not compile.
 */
export function createClient<C extends ContractOrNone = DefaultContract>(options: Partial<ClientOptions> & { readonly url: string }): Client<C> {
  return new Client<C>(resolveClientOptions(options));
}


