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

export class MapStore<T> {
  readonly #confirmed = new Map<string, T>();
  readonly #shown = new Map<string, T>();
  readonly #log: OptimisticLog<MapChange<T>>;
  #snapshot: ReadonlyMap<string, T> | undefined;

  constructor(maxPending: number) {
    this.#log = new OptimisticLog(maxPending);
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
    return held !== undefined && equalJson(held, value) ? held : value;
  }
}

function sameChange<T>(own: MapChange<T>, seen: MapChange<T>): boolean {
  if (own.key !== seen.key || own.kind !== seen.kind) return false;
  return own.kind === 'remove' || (seen.kind === 'set' && equalJson(own.value, seen.value));
}
