/**
 * The rows of a view by cluster and key. A change costs the same however many rows there are; an array of all is made when somebody asks for one after a
 * change. Rows that did not change keep their identity and their place; new ones come last. Several lists may hold one row (while one takes another's place,
 * or where lists overlap): it is there as long as one of them holds it. Pure.
 */
import { equalJson } from '../equal.js';

/** A list, as far as its rows are concerned. */
export interface Holder {
  readonly cluster: string;
  valueOf(key: string): unknown;
}

interface Entry<T> {
  value: unknown;
  row: T | typeof NONE;
  /** In the dense arrays; -1: no row could be made of the value. */
  at: number;
  holder: Holder;
  others: Holder[] | undefined;
}

const NONE = Symbol('no row');

export class Rows<T> {
  readonly #toRow: (value: unknown, cluster: string, key: string) => T;
  readonly #onError: (error: unknown, cluster: string, key: string) => void;
  readonly #byCluster = new Map<string, Map<string, Entry<T>>>();
  /** Rows in their order, and the entries they belong to; both have the same holes. */
  #rows: (T | typeof NONE)[] = [];
  #entries: (Entry<T> | undefined)[] = [];
  #holes = 0;
  #snapshot: readonly T[] | undefined;

  constructor(
    toRow: (value: unknown, cluster: string, key: string) => T,
    onError: (error: unknown, cluster: string, key: string) => void,
  ) {
    this.#toRow = toRow;
    this.#onError = onError;
  }

  get size(): number {
    return this.#rows.length - this.#holes;
  }

  /** All rows; the same array until one changed. */
  snapshot(): readonly T[] {
    if (this.#snapshot === undefined) {
      this.#compact();
      this.#snapshot = this.#rows.slice() as T[];
    }
    return this.#snapshot;
  }

  /** The list has this value now. Returns whether it had none before. */
  put(holder: Holder, key: string, value: unknown): boolean {
    let entries = this.#byCluster.get(holder.cluster);
    if (entries === undefined) this.#byCluster.set(holder.cluster, (entries = new Map()));
    const entry = entries.get(key);
    if (entry === undefined) {
      const made: Entry<T> = { value, row: NONE, at: -1, holder, others: undefined };
      entries.set(key, made);
      this.#make(made, key);
      return true;
    }
    const foreign = entry.holder !== holder;
    const isNew = foreign && this.#claim(entry, holder);
    this.#change(entry, key, value, foreign);
    return isNew;
  }

  /** The list has it no more. Returns whether it had. */
  drop(holder: Holder, key: string): boolean {
    const entries = this.#byCluster.get(holder.cluster);
    const entry = entries?.get(key);
    if (entries === undefined || entry === undefined) return false;
    if (entry.holder !== holder) return forget(entry, holder);
    for (let next = entry.others?.pop(); next !== undefined; next = entry.others?.pop()) {
      const value = next.valueOf(key);
      if (value === undefined) continue;
      entry.holder = next;
      this.#change(entry, key, value, true);
      return true;
    }
    entries.delete(key);
    if (entries.size === 0) this.#byCluster.delete(holder.cluster);
    this.#remove(entry);
    return true;
  }

  /** Whoever speaks last of a row decides what it shows. Returns whether the list is new to it. */
  #claim(entry: Entry<T>, holder: Holder): boolean {
    const isNew = !forget(entry, holder);
    (entry.others ??= []).push(entry.holder);
    entry.holder = holder;
    return isNew;
  }

  #change(entry: Entry<T>, key: string, value: unknown, foreign: boolean): void {
    if (entry.value === value) return;
    // Within one list a value that is not the same object is another value; two lists have objects of their own.
    const equal = foreign && equalJson(entry.value, value);
    entry.value = value;
    if (!equal) this.#make(entry, key);
  }

  #make(entry: Entry<T>, key: string): void {
    const { cluster } = entry.holder;
    try {
      entry.row = this.#toRow(entry.value, cluster, key);
    } catch (error) {
      this.#remove(entry);
      this.#onError(error, cluster, key);
      return;
    }
    if (entry.at < 0) {
      entry.at = this.#rows.length;
      this.#entries.push(entry);
      this.#rows.push(entry.row);
    } else {
      if (Object.is(this.#rows[entry.at], entry.row)) return;
      this.#rows[entry.at] = entry.row;
    }
    this.#snapshot = undefined;
  }

  #remove(entry: Entry<T>): void {
    if (entry.at < 0) return;
    this.#rows[entry.at] = NONE;
    this.#entries[entry.at] = undefined;
    entry.at = -1;
    entry.row = NONE;
    this.#holes++;
    this.#snapshot = undefined;
    // Where nobody asks for rows, holes must not pile up.
    if (this.#holes > 64 && this.#holes * 2 > this.#rows.length) this.#compact();
  }

  #compact(): void {
    if (this.#holes === 0) return;
    this.#entries = this.#entries.filter((entry) => entry !== undefined);
    this.#rows = this.#entries.map((entry, at) => {
      if (entry === undefined) return NONE;
      entry.at = at;
      return entry.row;
    });
    this.#holes = 0;
  }
}

/** Returns whether the list was one of the others. */
function forget<T>({ others }: Entry<T>, holder: Holder): boolean {
  const place = others?.indexOf(holder) ?? -1;
  if (place < 0) return false;
  others?.splice(place, 1);
  return true;
}
