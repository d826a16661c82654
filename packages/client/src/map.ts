/**
 * Readers of a map channel. All of one channel share one `MapFeed` (its wire and its entries), so a late reader finds the state there and needs no
 * snapshot of its own. A map heals itself: after any loss the transport package delivers the complete state again.
 */
import { randomId } from '@trunkline/base';
import { sameContinuity, type Continuity, type Reset } from './continuity.js';
import { localError, toCodedError } from './errors.js';
import { MapStore, type MapChange } from './map-store.js';
import { Cell, Listeners, type Batch, type Readable } from './store.js';
import { definedOnly } from './stream.js';
import type { RawPublication, WireDeps, WireOptions, WireReader, WireSetup } from './wire.js';
import { differenceOf, type Lease, type Wires } from './wires.js';

export interface MapOptions<T> extends WireOptions {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
  /** Turns data into values; an entry it throws on is reported and left out. The first reader's is used for all. Default: as it came. */
  readonly decode?: (data: unknown) => T;
}

/** How long an accepted change is shown without its publication: longer than a delivery takes, short enough to correct a wrong guess. */
const SHOW_ACCEPTED_MS = 5_000;

/** One channel's entries, fed by one wire. */
export class MapFeed<T> implements WireReader {
  readonly channel: string;
  readonly store: MapStore<T>;
  readonly continuity: Cell<Continuity>;
  readonly decode: ((data: unknown) => T) | undefined;
  readonly #deps: WireDeps;
  readonly #batch: Batch;
  readonly #listeners: Listeners;
  readonly #byKey = new Map<string, Listeners>();
  readonly #changedKeys = new Set<string>();
  #lease: Lease | undefined;
  #reset: Reset | undefined;
  #loadingSinceMs: number | undefined;

  constructor(deps: WireDeps, wires: Wires, batch: Batch, channel: string, setup: WireSetup, decode: ((data: unknown) => T) | undefined) {
    this.channel = channel;
    this.decode = decode;
    this.#deps = deps;
    this.#batch = batch;
    this.#listeners = new Listeners(deps.options.report);
    this.store = new MapStore<T>(deps.options.maxPendingChanges);
    this.#loadingSinceMs = deps.options.clock.now();
    this.continuity = new Cell<Continuity>({ kind: 'recovering', sinceMs: this.#loadingSinceMs }, deps.options.report, sameContinuity);
    this.#lease = wires.hold(channel, setup, this);
    this.changed();
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  subscribeKey(key: string, listener: () => void): () => void {
    let listeners = this.#byKey.get(key);
    if (listeners === undefined) this.#byKey.set(key, (listeners = new Listeners(this.#deps.options.report)));
    const own = listeners;
    const remove = own.add(listener);
    return () => {
      remove();
      if (own.size === 0 && this.#byKey.get(key) === own) this.#byKey.delete(key);
    };
  }

  /** Shows the change, asks the server, and takes it back where the answer is no. */
  async change(change: MapChange<T>): Promise<void> {
    const { connection, options } = this.#deps;
    const id = randomId(options.random);
    if (!this.store.begin(id, change)) throw localError(111, `too many requests: maxPendingChanges is ${options.maxPendingChanges}`);
    this.#touch([change.key]);
    try {
      const { centrifuge } = connection;
      await connection.busy(() => (change.kind === 'set' ? centrifuge.mapPublish(this.channel, change.key, change.value) : centrifuge.mapRemove(this.channel, change.key)));
    } catch (cause) {
      this.#touch(this.store.settle(id));
      throw toCodedError(cause, `changing "${change.key}" of ${this.channel}`);
    }
    this.store.accept(id);
    options.clock.setTimeout(() => this.#touch(this.store.settle(id)), SHOW_ACCEPTED_MS);
  }

  release(): void {
    this.#lease?.release({ linger: false });
    this.#lease = undefined;
  }

  /** A subscription that was refused is tried again for a new reader. */
  restart(): void {
    this.#lease?.wire.restart();
  }

  // ------------------------------------------------------------ from the wire

  subscribed(): void {
    this.changed();
  }

  publication(publication: RawPublication): void {
    const { key = '', offset } = publication;
    const change = this.#changeOf(key, publication);
    if (change === undefined) return;
    const epoch = this.#lease?.wire.position?.epoch ?? '';
    const isOwn = publication.info !== undefined && publication.info.client === this.#deps.connection.client;
    this.#touch(this.store.apply(change, offset === 0 ? undefined : { epoch, offset }, isOwn));
  }

  sync(entries: readonly RawPublication[]): void {
    const values: [string, T][] = [];
    for (const entry of entries) {
      const change = this.#changeOf(entry.key ?? '', entry);
      if (change?.kind === 'set') values.push([change.key, change.value]);
    }
    this.#touch(this.store.replace(values, this.#lease?.wire.position));
    this.#reset = undefined;
    this.#loadingSinceMs = undefined;
    this.changed();
  }

  /** The newest value per key is there: nothing a map shows is missing. */
  gap(): void {}

  reset(reset: Reset): void {
    // The whole state follows on the heels of every unrecovered subscribe; only a loss in the middle leaves wrong entries on show.
    if (reset.reason === 'jump' || reset.reason === 'overflow' || reset.reason === 'conflated') this.#reset = reset;
    else {
      const shown = this.continuity.get();
      this.#loadingSinceMs ??= 'sinceMs' in shown ? shown.sinceMs : this.#deps.options.clock.now();
    }
    this.changed();
  }

  changed(): void {
    if (this.#lease) this.continuity.set(this.#lease.wire.continuity(this.#reset, this.#loadingSinceMs));
  }

  #changeOf(key: string, { data, removed }: RawPublication): MapChange<T> | undefined {
    if (removed === true) return { kind: 'remove', key };
    try {
      return { kind: 'set', key, value: this.decode ? this.decode(data) : (data as T) };
    } catch (error) {
      this.#deps.options.report(error, { where: 'decode', channel: this.channel });
      // The old value would be a lie, the new one cannot be shown.
      return { kind: 'remove', key };
    }
  }

  #touch(keys: readonly string[]): void {
    if (keys.length === 0) return;
    for (const key of keys) this.#changedKeys.add(key);
    this.#batch.add(this.#flush);
  }

  readonly #flush = (): void => {
    const keys = [...this.#changedKeys];
    this.#changedKeys.clear();
    for (const key of keys) this.#byKey.get(key)?.notify();
    this.#listeners.notify();
  };
}

/** One application reader. */
export class MapSubscription<T> implements Readable<ReadonlyMap<string, T>> {
  readonly channel: string;
  readonly #feed: MapFeed<T> | undefined;
  readonly #release: () => void;
  readonly #idle: Cell<Continuity>;
  readonly #nothing: ReadonlyMap<string, T> = new Map();

  /** `feed` undefined: an inert one that shows nothing and opens nothing. */
  constructor(deps: WireDeps, channel: string, feed: MapFeed<T> | undefined, release: () => void) {
    this.channel = channel;
    this.#feed = feed;
    this.#release = release;
    this.#idle = new Cell<Continuity>({ kind: 'stale', sinceMs: deps.options.clock.now(), reason: 'disabled' }, deps.options.report);
  }

  /** Everything shown, optimistic changes included; the same object until something changed. */
  readonly get = (): ReadonlyMap<string, T> => this.#feed?.store.snapshot() ?? this.#nothing;
  /** Notified once per batch. */
  readonly subscribe = (listener: () => void): (() => void) => this.#feed?.subscribe(listener) ?? noop;

  getKey(key: string): T | undefined {
    return this.#feed?.store.get(key);
  }

  /** Notified once per batch in which this key changed. */
  subscribeKey(key: string, listener: () => void): () => void {
    return this.#feed?.subscribeKey(key, listener) ?? noop;
  }

  get state(): Readable<Continuity> {
    return this.#feed?.continuity ?? this.#idle;
  }

  /** Sets a key, shown at once. Rejects with a `CodedError` after taking it back. */
  async set(key: string, value: T): Promise<void> {
    await this.#require().change({ kind: 'set', key, value });
  }

  async remove(key: string): Promise<void> {
    await this.#require().change({ kind: 'remove', key });
  }

  close(): void {
    this.#release();
  }

  #require(): MapFeed<T> {
    if (this.#feed === undefined) throw localError(7, 'the map subscription is disabled');
    return this.#feed;
  }
}

interface Shared {
  readonly feed: MapFeed<unknown>;
  readonly setup: WireSetup;
  readers: number;
}

/** The feeds of a client, by channel; a feed lives as long as its last reader and then as long as its wire lingers. */
export class MapFeeds {
  readonly #deps: WireDeps;
  readonly #wires: Wires;
  readonly #batch: Batch;
  readonly #shared = new Map<string, Shared>();

  constructor(deps: WireDeps, wires: Wires, batch: Batch) {
    this.#deps = deps;
    this.#wires = wires;
    this.#batch = batch;
  }

  open<T>(channel: string, options: MapOptions<T>): MapSubscription<T> {
    if (options.enabled === false) return new MapSubscription<T>(this.#deps, channel, undefined, noop);
    const { data, token, getToken, filter, recovery, pageSize } = options;
    const setup: WireSetup = definedOnly({ type: 'map' as const, joinLeave: false, data, token, getToken, filter, recovery, pageSize });
    const shared = this.#share(channel, setup, options.decode);
    shared.readers++;
    let released = false;
    return new MapSubscription<T>(this.#deps, channel, shared.feed as MapFeed<T>, () => {
      if (released) return;
      released = true;
      shared.readers--;
      if (shared.readers === 0) this.#lingerThenRelease(channel, shared);
    });
  }

  dispose(): void {
    for (const { feed } of this.#shared.values()) feed.release();
    this.#shared.clear();
  }

  #share(channel: string, setup: WireSetup, decode: ((data: unknown) => unknown) | undefined): Shared {
    const held = this.#shared.get(channel);
    if (held !== undefined) {
      const differs = differenceOf(held.setup, setup);
      if (differs === undefined) {
        held.feed.restart();
        return held;
      }
      if (held.readers > 0) throw localError(1003, `conflict: channel "${channel}" is already subscribed with another "${differs}"`);
      this.#end(channel, held);
    }
    const feed = new MapFeed<unknown>(this.#deps, this.#wires, this.#batch, channel, setup, decode);
    const shared: Shared = { feed, setup, readers: 0 };
    this.#shared.set(channel, shared);
    return shared;
  }

  /** The wire is held for the linger, so that the entries stay true while nobody looks. */
  #lingerThenRelease(channel: string, shared: Shared): void {
    const { clock, lingerMs } = this.#deps.options;
    clock.setTimeout(() => {
      if (shared.readers === 0) this.#end(channel, shared);
    }, lingerMs);
  }

  #end(channel: string, shared: Shared): void {
    if (this.#shared.get(channel) === shared) this.#shared.delete(channel);
    shared.feed.release();
  }
}

function noop(): void {}
