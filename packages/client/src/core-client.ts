/**
 * The smaller half of the client: one connection, stream channels, calls in both directions. It only wires the rooms of this package together; the
 * decisions are in `continuity.ts` (what may be handed over), `wire.ts` (one channel) and `stream.ts` (its readers). `client.ts` adds the stores.
 */
import { randomId } from '@trunkline/base';
import type { Position } from '@trunkline/protocol';
import { Calls, type CallHandler } from './calls.js';
import { Connection, type ConnectionState } from './connection.js';
import type {
  ContractOrNone,
  DataOf,
  DefaultContract,
  MethodOf,
  ParamsOf,
  ResultOf,
} from './contract-types.js';
import { toCodedError } from './errors.js';
import type { Extension, Notice } from './extensions.js';
import { resolveClientOptions, type ClientOptions, type ResolvedOptions } from './options.js';
import { Rpc, type CallOptions, type CommandResult } from './rpc.js';
import { Batch, type Readable } from './store.js';
import type { StreamOptions, StreamPublication } from './stream-options.js';
import { StreamSubscription } from './stream.js';
import type { WireDeps } from './wire.js';
import { Wires } from './wires.js';

/** Drain advice is the connection's own business. */
export type ClientNotice = Exclude<Notice, { kind: 'drain' }>;

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

/** What readers of channels are built from. */
export interface ClientParts {
  readonly deps: WireDeps;
  readonly wires: Wires;
  readonly batch: Batch;
}

export class CoreClient<C extends ContractOrNone = DefaultContract> {
  /** For subclasses. */
  protected readonly parts: ClientParts;
  readonly #options: ResolvedOptions;
  readonly #connection: Connection;
  readonly #rpc: Rpc;
  readonly #calls: Calls;
  readonly #messages = new Set<(data: unknown) => void>();

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#connection = new Connection(options, {
      onNotice: (notice) => this.onNotice(notice),
      onMessage: (data) => this.#message(data),
    });
    const deps: WireDeps = { connection: this.#connection, options };
    this.parts = { deps, wires: new Wires(deps), batch: new Batch(options.clock, options.batch) };
    this.#rpc = new Rpc(this.#connection, options);
    this.#calls = new Calls(this.#connection, options);
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
    this.parts.wires.dispose();
    this.#connection.disconnect();
  }

  // ------------------------------------------------------------ channels

  /** Listens to a stream channel. `null` opens nothing and returns an inert subscription. Throws a `CodedError` (conflict) as `Wires.hold` does. */
  stream<const Channel extends string, S = unknown>(
    channel: Channel | null,
    options: StreamOptions<DataOf<C, Channel, 'stream'>, S> = {},
  ): StreamSubscription<DataOf<C, Channel, 'stream'>, S> {
    const own = channel === null ? { ...options, enabled: false } : options;
    return new StreamSubscription(this.parts.deps, this.parts.wires, channel ?? '', own);
  }

  /** Publishes as this client, where the channel allows it. Rejects with a `CodedError`. */
  async publish<const Channel extends string>(
    channel: Channel,
    data: DataOf<C, Channel, 'stream'>,
  ): Promise<void> {
    const { centrifuge } = this.#connection;
    await this.#settled(`publishing to ${channel}`, () =>
      this.#connection.busy(() => centrifuge.publish(channel, data)),
    );
  }

  /** A channel's retained publications. Rejects with a `CodedError`. */
  async history<const Channel extends string>(
    channel: Channel,
    request: HistoryRequest = {},
  ): Promise<History<DataOf<C, Channel, 'stream'>>> {
    const { limit = 100, since, reverse = false } = request;
    const { centrifuge } = this.#connection;
    const query = { limit, reverse, ...(since === undefined ? {} : { since }) };
    const { publications, epoch, offset } = await this.#settled(`history of ${channel}`, () =>
      this.#connection.busy(() => centrifuge.history(channel, query)),
    );
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
  async rpc<M extends MethodOf<C>>(
    method: M,
    params: ParamsOf<C, M>,
    options?: CallOptions,
  ): Promise<ResultOf<C, M>> {
    return (await this.command(method, params, options)).result;
  }

  /** As `rpc`, with the position of the publication that shows the effect, where there is one. */
  async command<M extends MethodOf<C>>(
    method: M,
    params: ParamsOf<C, M>,
    options?: CallOptions,
  ): Promise<CommandResult<ResultOf<C, M>>> {
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
    this.parts.batch.add(flush);
  }

  /** What the server said outside publications; a subclass hears of it too. */
  protected onNotice(notice: ClientNotice): void {
    if (notice.kind === 'call') void this.#calls.handle(notice.id, notice.method, notice.data);
    else this.parts.wires.handleNotice(notice);
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

/** A client without map, state and presence stores, for pages that count bytes; otherwise as `createClient` of the main entry. */
export function createClient<C extends ContractOrNone = DefaultContract>(
  options: Partial<ClientOptions> & { readonly url: string },
): CoreClient<C> {
  return new CoreClient<C>(resolveClientOptions(options));
}
