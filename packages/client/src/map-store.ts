/**
 * The entries of a map channel, pure. Applying a change is O(1); a snapshot is made when somebody asks for one and kept until the next change;
 * an entry's value keeps its identity until it really differs, also across a complete resync.
 */
import type { Position } from '@trunkline/protocol';
import { equalJson } from './equal.js';
import { OptimisticLog } from './optimistic.js';

/** What a client may do to one key. */
export type MapChange<T> =
  | { readonly kind: 'set'; readonly key: string; readonly value: T }
  | { readonly kind: 'remove'; readonly key: string };

/** How an application reads the values of a map. */
export interface MapReading<T> {
  /** Turns data into values; an entry it throws on is reported and left out. The first reader's is used for all. Default: as it came. */
  readonly decode?: (data: unknown) => T;
  /**
   * A primitive part of a value that is looked at first: where it differs, so do the values, and the rest need not be compared. Must not throw. The first reader's is used
   * for all.
   */
  readonly versionOf?: (value: T) => unknown;
}

const NONE: readonly string[] = [];

export class MapStore<T> {
  readonly #confirmed = new Map<string, T>();
  readonly #shown = new Map<string, T>();
  readonly #log: OptimisticLog<MapChange<T>>;
  readonly #versionOf: ((value: T) => unknown) | undefined;
  #snapshot: ReadonlyMap<string, T> | undefined;

  /** `versionOf`: see `MapReading`. */
  constructor(maxPending: number, versionOf?: (value: T) => unknown) {
    this.#log = new OptimisticLog(maxPending);
    this.#versionOf = versionOf;
  }

  /** Changes that are not confirmed yet. */
  get pending(): number {
    return this.#log.pending.length;
  }

  get size(): number {
    return this.#shown.size;
  }

  get(key: string): T | undefined {
    return this.#shown.get(key);
  }

  /** All entries, in no promised order; the same object until something changed. */
  snapshot(): ReadonlyMap<string, T> {
    return (this.#snapshot ??= new Map(this.#shown));
  }

  /** A confirmed change. `isOwn`: published by this client. Returns the keys whose shown value changed. */
  apply(change: MapChange<T>, position: Position | undefined, isOwn: boolean): readonly string[] {
    const { key } = change;
    if (this.#log.pending.length === 0) {
      this.#log.applied(position);
      return this.#show(change) ? [key] : NONE;
    }
    if (change.kind === 'remove') this.#confirmed.delete(key);
    else this.#confirmed.set(key, this.#keepIdentity(this.#confirmed.get(key), change.value));
    const before = this.#log.pending;
    const settled = this.#log.applied(position, (own) => isOwn && sameChange(own, change));
    if (!settled) return this.#refresh([key]);
    return this.#refresh([
      key,
      ...before.filter((item) => !this.#log.pending.includes(item)).map((item) => item.change.key),
    ]);
  }

  /** The complete confirmed state; everything else is gone. Returns the keys whose shown value changed. */
  replace(entries: Iterable<readonly [string, T]>, position: Position | undefined): readonly string[] {
    const next = new Map<string, T>();
    for (const [key, value] of entries) next.set(key, this.#keepIdentity(this.#confirmed.get(key), value));
    const keys = new Set([
      ...this.#confirmed.keys(),
      ...next.keys(),
      ...this.#log.pending.map((item) => item.change.key),
    ]);
    this.#confirmed.clear();
    for (const [key, value] of next) this.#confirmed.set(key, value);
    this.#log.replaced(position);
    return this.#refresh(keys);
  }

  /** Shows a change before it is confirmed. False: too many wait already. */
  begin(id: string, change: MapChange<T>): boolean {
    if (!this.#log.begin(id, change)) return false;
    this.#refresh([change.key]);
    return true;
  }

  /** The server accepted the change. It stays until a publication or a resync shows it, or `settle` ends the wait. */
  accept(id: string): void {
    this.#log.accept(id);
  }

  /** Ends a change: refused, or accepted long enough ago. What is confirmed shows again. Returns the keys whose shown value changed. */
  settle(id: string): readonly string[] {
    const found = this.#log.pending.find((item) => item.id === id);
    if (found === undefined) return [];
    this.#log.remove(id);
    return this.#refresh([found.change.key]);
  }

  /** Where nothing of this client waits, what is confirmed is what is shown. */
  #show(change: MapChange<T>): boolean {
    const { key } = change;
    if (change.kind === 'remove') {
      if (!this.#confirmed.delete(key)) return false;
      this.#shown.delete(key);
    } else {
      const held = this.#shown.get(key);
      if (held !== undefined && this.#equal(held, change.value)) return false;
      this.#confirmed.set(key, change.value);
      this.#shown.set(key, change.value);
    }
    this.#snapshot = undefined;
    return true;
  }

  #refresh(keys: Iterable<string>): readonly string[] {
    const changed: string[] = [];
    for (const key of new Set(keys)) {
      const last = this.#log.pending.findLast((item) => item.change.key === key)?.change;
      const present = last === undefined ? this.#confirmed.has(key) : last.kind === 'set';
      if (!present) {
        if (this.#shown.delete(key)) changed.push(key);
        continue;
      }
      const value = last?.kind === 'set' ? last.value : (this.#confirmed.get(key) as T);
      const kept = this.#keepIdentity(this.#shown.get(key), value);
      if (this.#shown.has(key) && Object.is(kept, this.#shown.get(key))) continue;
      this.#shown.set(key, kept);
      changed.push(key);
    }
    if (changed.length > 0) this.#snapshot = undefined;
    return changed;
  }

  #keepIdentity(held: T | undefined, value: T): T {
    return held !== undefined && this.#equal(held, value) ? held : value;
  }

  #equal(held: T, value: T): boolean {
    const versionOf = this.#versionOf;
    if (versionOf !== undefined && versionOf(held) !== versionOf(value)) return false;
    return equalJson(held, value);
  }
}

function sameChange<T>(own: MapChange<T>, seen: MapChange<T>): boolean {
  if (own.key !== seen.key || own.kind !== seen.kind) return false;
  return own.kind === 'remove' || (seen.kind === 'set' && equalJson(own.value, seen.value));
}
