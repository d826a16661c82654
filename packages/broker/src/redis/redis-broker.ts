/**
 * The broker on Redis 7 or Valkey: many nodes, one channel space. Numbers, histories, maps and presence are kept by scripts that run inside
 * Redis; deliveries come over its publish and subscribe. Redis is treated as lossy: it acknowledges before it copies or writes, so what
 * must survive is committed in the store and merely carried here. When the connection was lost the hub is told to compare positions.
 */
import type { Buffer } from 'node:buffer';
import {
  every,
  randomId,
  silentLogger,
  type Clock,
  type Logger,
  type Random,
  type Timer,
} from '@trunkline/base';
import type { ChannelKey, ClientInfo, Payload, Publication } from '@trunkline/protocol';
import type {
  Broker,
  BrokerFactory,
  BrokerHandler,
  HistoryFilter,
  MapPublishOptions,
  PublishOptions,
} from '../broker.js';
import { Keys } from './keys.js';
import { RedisLink } from './link.js';
import * as maps from './maps.js';
import { decodeBody, decodeMessage, type Message } from './message.js';
import { resolveRedisBrokerOptions, type RedisBrokerOptions } from './options.js';
import { OwnMessages } from './own-messages.js';
import * as presence from './presence.js';
import * as streams from './streams.js';

export interface RedisBrokerDeps {
  readonly clock: Clock;
  /** Makes epochs and the names of nodes. */
  readonly random: Random;
  readonly logger?: Logger;
}

const NODE_ID_LENGTH = 12;

/** Returns a factory of nodes. Connects in the background; calls wait for the connection. Throws a RangeError that names a bad option. */
export function createRedisBroker(deps: RedisBrokerDeps, given?: Partial<RedisBrokerOptions>): BrokerFactory {
  const options = resolveRedisBrokerOptions(given);
  return (handler) => new RedisBroker({ logger: silentLogger, ...deps }, options, handler);
}

class RedisBroker implements Broker {
  readonly name = 'redis';
  readonly address: string;
  readonly #handler: BrokerHandler;
  readonly #logger: Logger;
  readonly #parts: streams.EngineParts;
  readonly #sweep: Timer;
  #sweeping = false;
  #disposed = false;

  constructor(deps: Required<RedisBrokerDeps>, options: RedisBrokerOptions, handler: BrokerHandler) {
    const { clock, random, logger } = deps;
    this.address = randomId(random, NODE_ID_LENGTH);
    this.#handler = handler;
    this.#logger = logger;
    const own = new OwnMessages(clock, this.address, options.commandTimeoutMs);
    const keys = new Keys(options.prefix);
    const link = new RedisLink({ clock, logger }, options, this.address, {
      onMessage: (channel, message) => this.#onMessage(channel, message),
      onResumed: () => handler.onResumed(),
      onLost: () => own.loseAll(),
    });
    this.#parts = { link, keys, random, own, idempotencyTtlMs: options.idempotencyTtlMs };
    link.keepListening(keys.control);
    link.keepListening(keys.controlOf(this.address));
    this.#sweep = every(clock, options.sweepIntervalMs, () => void this.#sweepMaps());
  }

  subscribe(key: ChannelKey): Promise<void> {
    return this.#parts.link.listen(this.#parts.keys.channel(key));
  }

  async unsubscribe(key: ChannelKey): Promise<void> {
    this.#parts.link.unlisten(this.#parts.keys.channel(key));
  }

  publish(key: ChannelKey, data: Payload, options: PublishOptions) {
    return streams.publish(this.#parts, key, data, options);
  }

  carry(key: ChannelKey, publication: Publication, epoch: string): Promise<void> {
    return streams.carry(this.#parts, key, publication, epoch);
  }

  history(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number) {
    return streams.history(this.#parts, key, filter, metaTtlMs);
  }

  removeHistory(key: ChannelKey): Promise<void> {
    return streams.removeHistory(this.#parts, key);
  }

  publishJoin(key: ChannelKey, info: ClientInfo): Promise<void> {
    return streams.announce(this.#parts, 'j', key, info);
  }

  publishLeave(key: ChannelKey, info: ClientInfo): Promise<void> {
    return streams.announce(this.#parts, 'l', key, info);
  }

  addPresence(key: ChannelKey, clientId: string, info: ClientInfo, ttlMs: number): Promise<void> {
    return presence.addPresence(this.#parts, key, clientId, info, ttlMs);
  }

  removePresence(key: ChannelKey, clientId: string): Promise<void> {
    return presence.removePresence(this.#parts, key, clientId);
  }

  presence(key: ChannelKey): Promise<ReadonlyMap<string, ClientInfo>> {
    return presence.presence(this.#parts, key);
  }

  presenceStats(key: ChannelKey) {
    return presence.presenceStats(this.#parts, key);
  }

  mapPublish(key: ChannelKey, entryKey: string, data: Payload, options: MapPublishOptions) {
    return maps.mapPublish(this.#parts, key, entryKey, data, options);
  }

  mapRemove(key: ChannelKey, entryKey: string, options: MapPublishOptions) {
    return maps.mapRemove(this.#parts, key, entryKey, options);
  }

  mapState(
    key: ChannelKey,
    page: { readonly cursor: string; readonly limit: number; readonly maxBytes: number },
    metaTtlMs: number,
  ) {
    return maps.mapState(this.#parts, key, page, metaTtlMs);
  }

  mapStream(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number) {
    return maps.mapStream(this.#parts, key, filter, metaTtlMs);
  }

  mapClear(key: ChannelKey, options: MapPublishOptions): Promise<void> {
    return maps.mapClear(this.#parts, key, options);
  }

  async sendControl(message: string, to = ''): Promise<void> {
    const { link, keys } = this.#parts;
    const channel = to === '' ? keys.control : keys.controlOf(to);
    await link.call('PUBLISH', channel, `${this.address} ${message}`);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#sweep.cancel();
    this.#parts.own.loseAll();
    this.#parts.link.dispose();
  }

  // ------------------------------------------------------------ inside

  #onMessage(channel: string, message: Buffer): void {
    const { keys } = this.#parts;
    if (this.#disposed) return;
    try {
      const key = keys.keyOf(channel);
      if (key !== undefined) this.#tell(key, decodeMessage(message));
      else if (channel === keys.control || channel === keys.controlOf(this.address))
        this.#onControl(message.toString('utf8'));
    } catch (cause) {
      // What it was will be missed by its number.
      this.#logger.error({ broker: 'redis', err: cause }, 'a message could not be handed on');
    }
  }

  #tell(key: ChannelKey, { kind, id, epoch, offset, body }: Message): void {
    try {
      const publication = decodeBody(body, offset);
      if (kind === 'p') this.#handler.onPublication(key, publication, epoch);
      else if (publication.info !== undefined) {
        if (kind === 'j') this.#handler.onJoin(key, publication.info);
        if (kind === 'l') this.#handler.onLeave(key, publication.info);
      }
    } finally {
      this.#parts.own.heard(id);
    }
  }

  #onControl(text: string): void {
    const space = text.indexOf(' ');
    if (text.slice(0, space) !== this.address) this.#handler.onControl(text.slice(space + 1));
  }

  async #sweepMaps(): Promise<void> {
    if (this.#sweeping || this.#disposed) return;
    this.#sweeping = true;
    try {
      await maps.sweepMaps(this.#parts);
    } catch {
      // Redis is away, which the link has told already; what ran out is found on the next turn.
    } finally {
      this.#sweeping = false;
    }
  }
}
