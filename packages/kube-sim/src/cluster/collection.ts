/**
 * All objects of one resource: the present state, the order of its keys, the log of changes and the listeners. States of the past are
 * kept as snapshots for paged lists, or worked out of the log. It knows nothing of selectors, rights or HTTP.
 */
import type { Clock } from '@trunkline/base';
import { EventLog, type Change } from './event-log.js';
import type { Stored } from './stored.js';

export interface CollectionOptions {
  /** Changes that the log keeps. */
  readonly watchCacheSize: number;
  /** How long a snapshot for continue tokens lives, in ms. */
  readonly continueTtlMs: number;
  /** Snapshots kept at once; the oldest goes first. */
  readonly maxSnapshots: number;
}

interface Snapshot {
  readonly items: readonly Stored[];
  readonly untilMs: number;
}

export class Collection {
  readonly log: EventLog;
  readonly #clock: Clock;
  readonly #options: CollectionOptions;
  readonly #objects = new Map<string, Stored>();
  readonly #snapshots = new Map<number, Snapshot>();
  readonly #listeners = new Set<(change: Change) => void>();
  /** Sorted by key; stale entries are replaced and new keys merged when it is next read. */
  #sorted: readonly Stored[] = [];
  #stale = false;
  #newKeys: string[] = [];

  constructor(clock: Clock, options: CollectionOptions, floor: number) {
    this.#clock = clock;
    this.#options = options;
    this.log = new EventLog(options.watchCacheSize, floor);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): Stored | undefined {
    return this.#objects.get(key);
  }

  /** Unordered; not to be held across changes. */
  values(): IterableIterator<Stored> {
    return this.#objects.values();
  }

  /** Calls `listener` after every change, in order, until the returned function is called. It must not throw. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes over a change that has its version already. */
  apply(change: Change): void {
    const { key } = change.current;
    if (change.type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, change.current);
    if (change.type === 'ADDED') this.#newKeys.push(key);
    this.#stale = true;
    this.log.append(change);
    for (const listener of this.#listeners) listener(change);
  }

  /** The present state ordered by key. The array never changes afterwards. */
  sorted(): readonly Stored[] {
    if (this.#stale) this.#sorted = this.#merge();
    return this.#sorted;
  }

  /** The state at `version`, ordered by key; undefined when neither a snapshot nor the log reaches back to it. */
  sortedAt(version: number): readonly Stored[] | undefined {
    const snapshot = this.snapshotAt(version);
    if (snapshot !== undefined) return snapshot;
    const start = this.log.after(version);
    if (start === undefined) return undefined;
    const before = new Map<string, Stored | undefined>();
    for (let sequence = this.log.next - 1; sequence >= start; sequence--) {
      const change = this.log.at(sequence);
      if (change !== undefined) before.set(change.current.key, change.previous);
    }
    const state = this.sorted().filter(({ key }) => !before.has(key));
    for (const stored of before.values()) if (stored !== undefined) state.push(stored);
    return state.sort(byKey);
  }

  /** Keeps `items` as the state at `version` for the life of continue tokens. */
  keepSnapshot(version: number, items: readonly Stored[]): void {
    this.#snapshots.delete(version);
    this.#snapshots.set(version, { items, untilMs: this.#clock.monotonic() + this.#options.continueTtlMs });
    for (const oldest of this.#snapshots.keys()) {
      if (this.#snapshots.size <= this.#options.maxSnapshots) break;
      this.#snapshots.delete(oldest);
    }
  }

  snapshotAt(version: number): readonly Stored[] | undefined {
    const now = this.#clock.monotonic();
    for (const [kept, { untilMs }] of this.#snapshots) if (untilMs <= now) this.#snapshots.delete(kept);
    return this.#snapshots.get(version)?.items;
  }

  /** Forgets the past: the log starts at `version`, and no token continues. */
  forget(version: number): void {
    this.log.clear(version);
    this.#snapshots.clear();
  }

  #merge(): readonly Stored[] {
    // A key that was deleted and added again is in both lists; it is taken from the new ones.
    const fresh = [...new Set(this.#newKeys)].filter((key) => this.#objects.has(key)).sort();
    const isFresh = new Set(fresh);
    const merged: Stored[] = [];
    let at = 0;
    for (const { key } of this.#sorted) {
      const stored = isFresh.has(key) ? undefined : this.#objects.get(key);
      if (stored === undefined) continue;
      for (; at < fresh.length && (fresh[at] ?? '') < key; at++) this.#push(merged, fresh[at]);
      merged.push(stored);
    }
    for (; at < fresh.length; at++) this.#push(merged, fresh[at]);
    this.#newKeys = [];
    this.#stale = false;
    return merged;
  }

  #push(into: Stored[], key: string | undefined): void {
    const stored = key === undefined ? undefined : this.#objects.get(key);
    if (stored !== undefined) into.push(stored);
  }
}

function byKey(one: Stored, other: Stored): number {
  return one.key < other.key ? -1 : one.key > other.key ? 1 : 0;
}

/** The part of a sorted state that lies in `namespace`; all of it for `''`. */
export function inNamespace(sorted: readonly Stored[], namespace: string): readonly Stored[] {
  if (namespace === '') return sorted;
  return sorted.slice(lowerBound(sorted, `${namespace}/`), lowerBound(sorted, `${namespace}0`));
}

/** Index of the first entry whose key is at least `key`. */
export function lowerBound(sorted: readonly Stored[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
