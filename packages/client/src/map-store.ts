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

interface Entry<T> {
  /** Always the same string, so that those who go on with it need not compare its characters. */
  readonly key: string;
  value: T;
  version: unknown;
}

const NONE: readonly string[] = [];

export class MapStore<T> {
  readonly #confirmed = new Map<string, Entry<T>>();
  /** What is shown in place of what is confirmed, for keys of which a change waits; undefined: nothing is shown. */
  readonly #over = new Map<string, { readonly value: T } | undefined>();
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

  get(key: string): T | undefined {
    if (this.#over.size > 0 && this.#over.has(key)) return this.#over.get(key)?.value;
    return this.#confirmed.get(key)?.value;
  }

  /** All entries, in no promised order; the same object until something changed. */
  snapshot(): ReadonlyMap<string, T> {
    if (this.#snapshot === undefined) {
      const all = new Map<string, T>();
      for (const { key, value } of this.#confirmed.values()) all.set(key, value);
      for (const [key, over] of this.#over) {
        if (over === undefined) all.delete(key);
        else all.set(key, over.value);
      }
      this.#snapshot = all;
    }
    return this.#snapshot;
  }

  /** A confirmed change. `isOwn`: published by this client. Returns the keys whose shown value changed. */
  apply(change: MapChange<T>, position: Position | undefined, isOwn: boolean): readonly string[] {
    if (this.#log.pending.length === 0) {
      this.#log.applied(position);
      const changed = this.#confirm(change);
      if (changed === undefined) return NONE;
      this.#snapshot = undefined;
      return [changed];
    }
    const keys = [change.key, ...this.#log.pending.map((item) => item.change.key)];
    return this.#refresh(keys, () => {
      this.#confirm(change);
      this.#log.applied(position, (own) => isOwn && sameChange(own, change));
    });
  }

  /** The complete confirmed state; everything else is gone. Returns the keys whose shown value changed. */
  replace(entries: Iterable<readonly [string, T]>, position: Position | undefined): readonly string[] {
    const changed = new Set<string>();
    const waiting = this.#log.pending.map((item) => item.change.key);
    const shown = this.#refresh(waiting, () => {
      const before = new Map(this.#confirmed);
      this.#confirmed.clear();
      for (const [key, value] of entries) {
        const held = before.get(key);
        // A key that is named twice has its last value.
        if (held !== undefined) this.#confirmed.set(held.key, held);
        const name = this.#confirm({ kind: 'set', key, value });
        if (name !== undefined) changed.add(name);
      }
      for (const key of before.keys()) if (!this.#confirmed.has(key)) changed.add(key);
      this.#log.replaced(position);
    });
    for (const key of waiting) changed.delete(key);
    for (const key of shown) changed.add(key);
    if (changed.size > 0) this.#snapshot = undefined;
    return [...changed];
  }

  /** Shows a change before it is confirmed. False: too many wait already. */
  begin(id: string, change: MapChange<T>): boolean {
    let begun = false;
    this.#refresh([change.key], () => (begun = this.#log.begin(id, change)));
    return begun;
  }

  /** The server accepted the change. It stays until a publication or a resync shows it, or `settle` ends the wait. */
  accept(id: string): void {
    this.#log.accept(id);
  }

  /** Ends a change: refused, or accepted long enough ago. What is confirmed shows again. Returns the keys whose shown value changed. */
  settle(id: string): readonly string[] {
    const found = this.#log.pending.find((item) => item.id === id);
    if (found === undefined) return NONE;
    return this.#refresh([found.change.key], () => this.#log.remove(id));
  }

  /** Returns the key where what is confirmed for it is another value now. */
  #confirm(change: MapChange<T>): string | undefined {
    const held = this.#confirmed.get(change.key);
    if (change.kind === 'remove') {
      if (held !== undefined) this.#confirmed.delete(held.key);
      return held?.key;
    }
    const { key, value } = change;
    const version = this.#versionOf?.(value);
    if (held === undefined) {
      this.#confirmed.set(key, { key, value, version });
      return key;
    }
    if (held.version === version && equalJson(held.value, value)) return undefined;
    held.value = value;
    held.version = version;
    return held.key;
  }

  /** Lets `change` happen; then shows for these keys what is to be shown. Returns those that show another value. */
  #refresh(keys: Iterable<string>, change: () => void): readonly string[] {
    const before = new Map<string, T | undefined>();
    for (const key of keys) before.set(key, this.get(key));
    change();
    const changed: string[] = [];
    for (const [key, shown] of before) {
      const last = this.#log.pending.findLast((item) => item.change.key === key)?.change;
      this.#show(key, last, shown);
      if (!Object.is(this.get(key), shown)) changed.push(key);
    }
    if (changed.length > 0) this.#snapshot = undefined;
    return changed;
  }

  /** A value that equals the one on show gives way to it. */
  #show(key: string, last: MapChange<T> | undefined, shown: T | undefined): void {
    if (last === undefined) {
      this.#over.delete(key);
      const held = this.#confirmed.get(key);
      if (held !== undefined && shown !== undefined && equalJson(held.value, shown)) held.value = shown;
    } else if (last.kind === 'remove') {
      this.#over.set(key, undefined);
    } else {
      const kept = shown !== undefined && equalJson(shown, last.value);
      this.#over.set(key, { value: kept ? shown : last.value });
    }
  }
}

function sameChange<T>(own: MapChange<T>, seen: MapChange<T>): boolean {
  if (own.key !== seen.key || own.kind !== seen.kind) return false;
  return own.kind === 'remove' || (seen.kind === 'set' && equalJson(own.value, seen.value));
}
