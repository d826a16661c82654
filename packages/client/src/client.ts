/**
 * The client an application holds: `core-client.ts` (connection, streams, calls) and the stores on top of it: maps, state with a reducer, presence,
 * and what the server subscribed this client to.
 */
import type { ContractOrNone, DataOf, DefaultContract } from './contract-types.js';
import { CoreClient, type ClientNotice } from './core-client.js';
import { fallbacks } from './fallbacks.js';
import { MapFeeds } from './map-feeds.js';
import type { MapOptions, MapSubscription } from './map.js';
import { resolveClientOptions, type ClientOptions, type ResolvedOptions } from './options.js';
import { PresenceStore, type PresenceOptions } from './presence.js';
import { ServerSubscriptions, type ServerListener } from './server-subscriptions.js';
import { StateStore, type StateOptions } from './state-store.js';
import type { TransportName } from './transports.js';

export interface FullClientOptions extends Omit<ClientOptions, 'transport'> {
  /**
   * `auto`: a WebSocket, else streamed HTTP, else server-sent events; a list: these, in this order; or a plan of `fallbacks()`, for addresses in
   * unusual places. Default `websocket`.
   */
  readonly transport: ClientOptions['transport'] | 'auto' | readonly TransportName[];
}

export class Client<C extends ContractOrNone = DefaultContract> extends CoreClient<C> {
  readonly #maps: MapFeeds;
  readonly #server: ServerSubscriptions;

  constructor(options: ResolvedOptions) {
    super(options);
    const { deps, wires, batch } = this.parts;
    this.#maps = new MapFeeds(deps, wires, batch);
    this.#server = new ServerSubscriptions(deps.connection, options);
  }

  override dispose(): void {
    this.#maps.dispose();
    super.dispose();
  }

  /** State loaded by the application and changed by a channel's publications, as a store. */
  channelState<const Channel extends string, S>(
    channel: Channel | null,
    options: StateOptions<DataOf<C, Channel, 'stream'>, S>,
  ): StateStore<DataOf<C, Channel, 'stream'>, S> {
    const own = channel === null ? { ...options, enabled: false } : options;
    return new StateStore(this.parts.deps, this.parts.wires, this.parts.batch, channel ?? '', own);
  }

  /** The entries of a map channel, as a store. */
  map<const Channel extends string>(
    channel: Channel | null,
    options: MapOptions<DataOf<C, Channel, 'map'>> = {},
  ): MapSubscription<DataOf<C, Channel, 'map'>> {
    return this.#maps.open(channel ?? '', channel === null ? { ...options, enabled: false } : options);
  }

  /** Who is on a channel, as a store. */
  presence(channel: string | null, options: PresenceOptions = {}): PresenceStore {
    return new PresenceStore(
      this.parts.deps,
      this.parts.wires,
      this.parts.batch,
      channel ?? '',
      channel === null ? { ...options, enabled: false } : options,
    );
  }

  /** What happens on channels the server subscribed this client to. */
  onServerSubscription(listener: ServerListener): () => void {
    return this.#server.on(listener);
  }

  protected override onNotice(notice: ClientNotice): void {
    super.onNotice(notice);
    if (notice.kind === 'gap') this.#server.handleNotice(notice);
  }
}

/**
 * A client for one server, connecting at once unless `autoConnect` is false. Throws a TypeError or RangeError that names a bad option; everything
 * later reaches `state`, a rejected promise, or `onError`. With a contract as type argument, wrong methods, params and payloads do not compile.
 */
export function createClient<C extends ContractOrNone = DefaultContract>(
  options: Partial<FullClientOptions> & { readonly url: string },
): Client<C> {
  const { transport = 'websocket', ...rest } = options;
  return new Client<C>(resolveClientOptions({ ...rest, transport: planOf(transport) }));
}

function planOf(transport: FullClientOptions['transport']): ClientOptions['transport'] {
  if (transport === 'auto') return fallbacks();
  if (typeof transport === 'function' || transport === 'websocket') return transport;
  if (!Array.isArray(transport))
    throw new TypeError(
      `transport must be "websocket", "auto", a list or a plan, got "${String(transport)}"`,
    );
  return fallbacks({ transports: transport as readonly TransportName[] });
}
