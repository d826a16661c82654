/**
 * The broker inside one process: the engine that runs when nothing else is configured, and the reference the contract suite was
 * written on. One factory is one engine; each call of the factory adds a node to it, so that several hubs can share a channel space in
 * one process (tests, simulation). Delivery is synchronous, in the call that causes it. State outlives its nodes and goes with the factory.
 */
import { silentLogger, type Clock, type Logger, type Random } from '@trunkline/base';
import {
  CodedError,
  type ChannelKey,
  type ClientInfo,
  type Payload,
  type Publication,
} from '@trunkline/protocol';
import type {
  Broker,
  BrokerFactory,
  BrokerHandler,
  HistoryFilter,
  HistoryOutcome,
  MapPublishOptions,
  MapPublishOutcome,
  MapStatePage,
  PresenceStats,
  PublishOptions,
  PublishOutcome,
} from './broker.js';
import { ExpiryQueue } from './expiry.js';
import { FanOut, type Listener } from './fan-out.js';
import { IdempotencyCache } from './idempotency.js';
import { LogTable } from './log-table.js';
import { Maps, type MapsParts } from './maps.js';
import { resolveMemoryBrokerOptions, type MemoryBrokerOptions } from './options.js';
import { PresenceTables } from './presence.js';
import { Streams } from './streams.js';

export interface MemoryBrokerDeps {
  readonly clock: Clock;
  /** Makes epochs; clients see them, nobody must guess them. */
  readonly random: Random;
  readonly logger?: Logger;
}

interface Engine {
  readonly queue: ExpiryQueue;
  readonly fanOut: FanOut;
  readonly streams: Streams;
  readonly maps: Maps;
  readonly presence: PresenceTables;
}

/** Returns a factory of nodes on one new engine. Throws a RangeError that names a bad option. */
export function createMemoryBroker(
  deps: MemoryBrokerDeps,
  given?: Partial<MemoryBrokerOptions>,
): BrokerFactory {
  const engine = createEngine(deps, resolveMemoryBrokerOptions(given));
  let nodes = 0;
  return (handler) => new MemoryBroker(engine, handler, `m${++nodes}`);
}

function createEngine(
  { clock, random, logger = silentLogger }: MemoryBrokerDeps,
  options: MemoryBrokerOptions,
): Engine {
  const queue = new ExpiryQueue(clock);
  const fanOut = new FanOut(logger);
  const idempotency = new IdempotencyCache(queue, options.maxIdempotencyKeys, options.idempotencyTtlMs);
  const channels: MapsParts['channels'] = new Map();
  const logs = new LogTable(queue, random, options.maxChannels, (key) => channels.has(key));
  return {
    queue,
    fanOut,
    streams: new Streams(clock, new LogTable(queue, random, options.maxChannels), fanOut, idempotency),
    maps: new Maps({ clock, queue, logs, fanOut, idempotency, channels }),
    presence: new PresenceTables(queue, options.maxChannels),
  };
}

/** One node. Methods are async only to turn a throw into a rejection: each does its work before it returns its promise. */
class MemoryBroker implements Broker {
  readonly name = 'memory';
  readonly address: string;
  readonly #engine: Engine;
  readonly #listener: Listener;
  #disposed = false;

  constructor(engine: Engine, handler: BrokerHandler, address: string) {
    this.#engine = engine;
    this.address = address;
    this.#listener = { handler, keys: new Set(), address };
    engine.fanOut.add(this.#listener);
    engine.queue.start();
  }

  async subscribe(key: ChannelKey): Promise<void> {
    this.#live();
    this.#listener.keys.add(key);
  }

  async unsubscribe(key: ChannelKey): Promise<void> {
    this.#listener.keys.delete(key);
  }

  async publish(key: ChannelKey, data: Payload, options: PublishOptions): Promise<PublishOutcome> {
    return this.#live().streams.publish(key, data, options);
  }

  async carry(key: ChannelKey, publication: Publication, epoch: string): Promise<void> {
    this.#live().streams.carry(key, publication, epoch);
  }

  async history(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number): Promise<HistoryOutcome> {
    return this.#live().streams.history(key, filter, metaTtlMs);
  }

  async removeHistory(key: ChannelKey): Promise<void> {
    this.#live().streams.removeHistory(key);
  }

  async publishJoin(key: ChannelKey, info: ClientInfo): Promise<void> {
    this.#live().fanOut.join(key, info);
  }

  async publishLeave(key: ChannelKey, info: ClientInfo): Promise<void> {
    this.#live().fanOut.leave(key, info);
  }

  async addPresence(key: ChannelKey, clientId: string, info: ClientInfo, ttlMs: number): Promise<void> {
    this.#live().presence.add(key, clientId, info, ttlMs);
  }

  async removePresence(key: ChannelKey, clientId: string): Promise<void> {
    this.#live().presence.remove(key, clientId);
  }

  async presence(key: ChannelKey): Promise<ReadonlyMap<string, ClientInfo>> {
    return this.#live().presence.list(key);
  }

  async presenceStats(key: ChannelKey): Promise<PresenceStats> {
    return this.#live().presence.stats(key);
  }

  async mapPublish(
    key: ChannelKey,
    entryKey: string,
    data: Payload,
    options: MapPublishOptions,
  ): Promise<MapPublishOutcome> {
    return this.#live().maps.publish(key, entryKey, data, options);
  }

  async mapRemove(key: ChannelKey, entryKey: string, options: MapPublishOptions): Promise<MapPublishOutcome> {
    return this.#live().maps.remove(key, entryKey, options);
  }

  async mapState(
    key: ChannelKey,
    page: { cursor: string; limit: number; maxBytes: number },
    metaTtlMs: number,
  ): Promise<MapStatePage> {
    return this.#live().maps.state(key, page, metaTtlMs);
  }

  async mapStream(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number): Promise<HistoryOutcome> {
    return this.#live().maps.stream(key, filter, metaTtlMs);
  }

  async mapClear(key: ChannelKey, options: MapPublishOptions): Promise<void> {
    this.#live().maps.clear(key, options);
  }

  async sendControl(message: string, to = ''): Promise<void> {
    this.#live().fanOut.control(message, this.#listener, to);
  }

  /** The node hears nothing more and refuses calls; the engine sleeps (no timer) while it has no node. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#engine.fanOut.remove(this.#listener);
    this.#listener.keys.clear();
    if (this.#engine.fanOut.listeners === 0) this.#engine.queue.stop();
  }

  #live(): Engine {
    if (this.#disposed) throw new CodedError('shuttingDown', 'broker is disposed');
    return this.#engine;
  }
}
