/**
 * All channels of this node: made with the first reader, released after the last. The broker's callbacks end here. A channel is
 * usable once the broker accepted this node's interest; concurrent first readers share that wait.
 */
import { every, randomId, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import type { Broker, BrokerHandler, MapStatePage } from '@trunkline/broker';
import {
  CodedError,
  splitChannelKey,
  type ChannelKey,
  type ClientInfo,
  type Position,
  type Publication,
  type SourceState,
} from '@trunkline/protocol';
import type { Counters } from '../connection/counters.js';
import type { Delivery } from '../delivery/delivery.js';
import type { HubOptions } from '../options.js';
import type { DurableLog } from '../ports/durable-log.js';
import { Channel } from './channel.js';
import { LocalMap } from './local-map.js';
import { LocalSourceRunner } from './local-source.js';
import type { Namespace } from './namespaces.js';
import {
  createDurableOrigin,
  createLiveOrigin,
  createTimedOrigin,
  LocalRing,
  type Origin,
} from './origin.js';
import { JoinLeave } from './presence.js';

export interface ChannelsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counters: Counters;
  readonly broker: Broker;
  readonly durableLog: DurableLog | undefined;
  readonly options: HubOptions;
}

interface Held {
  readonly channel: Channel;
  readonly ring: LocalRing | undefined;
  readonly source: LocalSourceRunner | undefined;
  readonly ready: Promise<void>;
  /** Subscribes under way; a channel with some is not released. */
  entering: number;
  linger: Timer | undefined;
  /** Runs while somebody waits for a publication that is known to exist. */
  expecting: Timer | undefined;
}

/** A committed publication is on its way for milliseconds; after this time a broker has lost it, or its store is slow to hand it on. */
const EXPECTED_WITHIN_MS = 1_000;

/** Brokers count as live while they answer. */
const BROKER_SOURCE: SourceState = { state: 'live' };

export class Channels {
  readonly #deps: ChannelsDeps;
  readonly #held = new Map<ChannelKey, Held>();
  readonly #joinLeave: JoinLeave;
  readonly #check: Timer;
  #checking = false;
  #checkAgain = false;

  constructor(deps: ChannelsDeps) {
    this.#deps = deps;
    const { options, clock } = deps;
    this.#joinLeave = new JoinLeave(clock, {
      coalesceAbove: options.joinLeaveCoalesceAbove,
      windowMs: options.joinLeaveCoalesceMs,
    });
    this.#check = every(
      clock,
      Math.max(1, options.positionCheckIntervalMs),
      () => void this.checkPositions(),
    );
  }

  /** The broker's way in. `onControl` belongs to the hub. */
  static handler(find: () => Channels, onControl: (message: string) => void): BrokerHandler {
    return {
      onPublication: (key, publication, epoch) => find().#onPublication(key, publication, epoch),
      onJoin: (key, info) => find().#onJoinLeave(key, 'join', info),
      onLeave: (key, info) => find().#onJoinLeave(key, 'leave', info),
      onControl,
      onResumed: () => void find().checkPositions(true),
    };
  }

  get count(): number {
    return this.#held.size;
  }

  find(key: ChannelKey): Channel | undefined {
    return this.#held.get(key)?.channel;
  }

  *all(): IterableIterator<Channel> {
    for (const { channel } of this.#held.values()) yield channel;
  }

  /** The state of what stands behind a channel; brokers count as live while they answer. */
  sourceState(channel: Channel): SourceState {
    return this.#held.get(channel.key)?.source?.state ?? BROKER_SOURCE;
  }

  /**
   * Adds a reader (buffering). Resolves when the node is interested in the channel; local channels never wait for their source. Throws
   * `limitExceeded` beyond the namespace's subscribers. The caller removes the reader with `leave`, also after a failure.
   */
  async enter(key: ChannelKey, namespace: Namespace, reader: Delivery): Promise<Channel> {
    let held = this.#held.get(key);
    if (!held) {
      held = this.#open(key, namespace);
      this.#held.set(key, held);
    }
    requireRoom(held.channel);
    held.linger?.cancel();
    held.linger = undefined;
    held.entering++;
    try {
      // Before it reads: what is loaded meanwhile is the beginning, and takes nothing from anybody.
      if (held.ring instanceof LocalMap) await this.#opened(held, reader);
      held.channel.add(reader);
      await held.ready;
    } finally {
      held.entering--;
      // Whoever waited may have left meanwhile (its deadline, its connection), and been the last.
      this.#releaseIfIdle(key, held);
    }
    return held.channel;
  }

  /** A page of a map's entries, with the position that it is of at least. */
  async mapState(
    key: ChannelKey,
    namespace: Namespace,
    page: { readonly cursor: string; readonly limit: number; readonly maxBytes: number },
  ): Promise<MapStatePage> {
    const { options } = namespace;
    if (options.class !== 'local') return this.#deps.broker.mapState(key, page, options.metaTtlMs);
    const map = this.#held.get(key)?.ring;
    return map instanceof LocalMap ? map.page(page) : this.#newMap().page(page);
  }

  leave(key: ChannelKey, reader: Delivery): void {
    const held = this.#held.get(key);
    if (!held) return;
    held.channel.remove(reader);
    this.#releaseIfIdle(key, held);
  }

  /**
   * A publication of this position is committed, and somebody's reply waits for it. Where it does not arrive within a second it is read from the
   * origin: no reply waits longer for what a broker lost.
   */
  expect(key: ChannelKey, { offset }: Position): void {
    const held = this.#held.get(key);
    if (!held || held.expecting || (held.channel.position?.offset ?? offset) >= offset) return;
    held.expecting = this.#deps.clock.setTimeout(() => {
      held.expecting = undefined;
      if ((held.channel.position?.offset ?? offset) < offset) void held.channel.repair();
    }, EXPECTED_WITHIN_MS);
  }

  /** Where a channel without readers keeps its history: for reads by the API. */
  origin(key: ChannelKey, namespace: Namespace): Origin {
    const held = this.#held.get(key);
    if (held?.channel.origin) return held.channel.origin;
    const { durableLog } = this.#deps;
    if (namespace.options.class === 'durable' && durableLog)
      return this.#timed(createDurableOrigin(durableLog, key));
    if (namespace.options.class === 'local') return this.#newLocal(namespace);
    return this.#liveOrigin(key, namespace);
  }

  /**
   * Compares every numbered channel's delivery with its origin's top: finds what a broker lost without a trace. One pass at a time;
   * `again` asks for another one after a pass under way.
   */
  async checkPositions(again = false): Promise<void> {
    if (this.#checking) {
      this.#checkAgain ||= again;
      return;
    }
    this.#checking = true;
    try {
      do {
        this.#checkAgain = false;
        await this.#compareAll();
      } while (this.#checkAgain);
    } finally {
      this.#checking = false;
    }
  }

  async #compareAll(): Promise<void> {
    for (const { channel } of [...this.#held.values()]) {
      const at = channel.position;
      // A map without kept changes cannot be repaired, but it is numbered all the same.
      const origin =
        channel.origin ??
        (channel.namespace.options.type === 'stream'
          ? undefined
          : this.#liveOrigin(channel.key, channel.namespace));
      if (
        !origin ||
        channel.namespace.options.class === 'local' ||
        at === undefined ||
        at.epoch === '' ||
        channel.size === 0
      )
        continue;
      try {
        const { told } = channel;
        const { position } = await origin.read(undefined, 0);
        const now = channel.position;
        // Only a channel that did not move while we asked can be judged.
        if (now === undefined || now.offset !== at.offset || now.epoch !== at.epoch) continue;
        // A subscriber stands where the history no longer reaches: those offsets will be given to others, and it would drop them.
        const wentBack = told > position.offset;
        if (position.epoch === at.epoch && position.offset === at.offset && !wentBack) continue;
        if (channel.origin && !wentBack) await channel.repair();
        else channel.lose('changes were missed', position);
      } catch (cause) {
        this.#deps.logger.warn({ channel: channel.name, cause: String(cause) }, 'position check failed');
      }
    }
  }

  dispose(): void {
    this.#check.cancel();
    this.#joinLeave.dispose();
    for (const held of this.#held.values()) {
      held.linger?.cancel();
      held.expecting?.cancel();
      held.source?.close();
    }
    this.#held.clear();
  }

  // ------------------------------------------------------------ inside

  #timed(origin: Origin): Origin {
    return createTimedOrigin(this.#deps.clock, origin, this.#deps.options.subscribeDeadlineMs);
  }

  #liveOrigin(key: ChannelKey, namespace: Namespace): Origin {
    return this.#timed(createLiveOrigin(this.#deps.broker, key, namespace.options));
  }

  #newLocal({ options }: Namespace): LocalRing {
    return options.type === 'map'
      ? this.#newMap()
      : new LocalRing(this.#deps.options.localRingSize, this.#newEpoch);
  }

  #newMap(): LocalMap {
    return new LocalMap(this.#deps.options.localRingSize, this.#newEpoch);
  }

  readonly #newEpoch = (): string => randomId(this.#deps.random, 8);

  /** A map's first reader waits for its entries, a while. Throws where the reader or the channel's place was given up meanwhile. */
  async #opened(held: Held, reader: Delivery): Promise<void> {
    await held.source?.opened(this.#deps.options.subscribeDeadlineMs / 2);
    if (!reader.active) throw new CodedError('clientGone');
    requireRoom(held.channel);
  }

  #open(key: ChannelKey, namespace: Namespace): Held {
    const { broker, durableLog, counters, logger } = this.#deps;
    const { org, channel: name } = splitChannelKey(key);
    const local = namespace.options.class === 'local';
    const ring = local ? this.#newLocal(namespace) : undefined;
    let origin: Origin | undefined = ring;
    if (namespace.options.class === 'durable' && durableLog)
      origin = this.#timed(createDurableOrigin(durableLog, key));
    else if (!local && namespace.numbered) origin = this.#liveOrigin(key, namespace);
    const channel = new Channel(
      key,
      org,
      name,
      namespace,
      origin,
      counters,
      logger,
      this.#deps.options.deltaMemoryMaxBytes,
    );
    let source: LocalSourceRunner | undefined;
    if (ring && namespace.module) {
      channel.learn(ring.position);
      source = new LocalSourceRunner(this.#deps, namespace.module, channel, ring, (state) =>
        channel.announceSource(state),
      );
      source.open();
    }
    const ready = local ? Promise.resolve() : broker.subscribe(key);
    const held: Held = { channel, ring, source, ready, entering: 0, linger: undefined, expecting: undefined };
    ready.catch(() => {
      if (this.#held.get(key) === held) this.#held.delete(key);
    });
    return held;
  }

  #releaseIfIdle(key: ChannelKey, held: Held): void {
    if (held.channel.size > 0 || held.entering > 0 || held.linger) return;
    const lingerMs = held.channel.namespace.module?.lingerMs ?? 0;
    const release = (): void => {
      if (held.channel.size > 0 || held.entering > 0 || this.#held.get(key) !== held) return;
      this.#held.delete(key);
      held.expecting?.cancel();
      held.source?.close();
      if (held.ring) return;
      this.#deps.broker.unsubscribe(key).catch((cause: unknown) => {
        this.#deps.logger.warn(
          { channel: held.channel.name, cause: String(cause) },
          'unsubscribing from the broker failed',
        );
      });
    };
    if (lingerMs > 0) held.linger = this.#deps.clock.setTimeout(release, lingerMs);
    else release();
  }

  #onPublication(key: ChannelKey, publication: Publication, epoch: string): void {
    this.#held.get(key)?.channel.deliver(publication, epoch);
  }

  #onJoinLeave(key: ChannelKey, kind: 'join' | 'leave', info: ClientInfo): void {
    const channel = this.#held.get(key)?.channel;
    if (channel) this.#joinLeave.add(channel, kind, info);
  }
}

function requireRoom({ size, namespace }: Channel): void {
  if (size >= namespace.options.maxSubscribers)
    throw new CodedError('limitExceeded', 'subscribers of the channel');
}
