/** One application reader of a map channel: a view of the feed it shares with all others. */
import type { DeltaStats } from 'centrifuge';
import type { Continuity } from './continuity-view.js';
import { localError } from './errors.js';
import type { MapFeed } from './map-feed.js';
import type { MapReading } from './map-store.js';
import type { WireOptions } from './reader.js';
import { Cell, type Readable } from './store.js';
import type { WireDeps } from './wire.js';

export interface MapOptions<T> extends WireOptions, MapReading<T> {
  /** False opens nothing. Default true. */
  readonly enabled?: boolean;
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
    this.#idle = new Cell<Continuity>(
      { kind: 'stale', sinceMs: deps.options.clock.now(), reason: 'disabled' },
      deps.options.report,
    );
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

  /** Told at once of the keys whose shown value changed, each time some did; for whoever keeps an index of its own. Must not throw. */
  subscribeChanges(listener: (keys: readonly string[]) => void): () => void {
    return this.#feed?.subscribeChanges(listener) ?? noop;
  }

  get state(): Readable<Continuity> {
    return this.#feed?.continuity ?? this.#idle;
  }

  /** What arrived as differences since the last (re)start of the subscription; undefined where `delta` was not asked for. */
  get deltas(): DeltaStats | undefined {
    return this.#feed?.deltas;
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

function noop(): void {}
