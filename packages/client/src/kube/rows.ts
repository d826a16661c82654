/**
 * The rows of a view by cluster and key. A change costs the same however many rows there are. Rows that did not change keep their identity and their place; new
 * ones come last. Several lists may hold one row (while one takes another's place, or where lists overlap): it is there as long as one of them holds it. Pure.
 */
import { equalJson } from '../equal.js';
import { Sequence, type Picture, type Slot } from './sequence.js';

/** A list, as far as its rows are concerned. */
export interface Holder {
  readonly cluster: string;
  valueOf(key: string): unknown;
}

/** Without a place in the order where no row could be made of the value. */
interface Entry<T> extends Slot<T> {
  value: unknown;
  holder: Holder;
  others: Holder[] | undefined;
}

export class Rows<T> {
  readonly #toRow: (value: unknown, cluster: string, key: string) => T;
  readonly #onError: (error: unknown, cluster: string, key: string) => void;
  readonly #byCluster = new Map<string, Map<string, Entry<T>>>();
  readonly #order = new Sequence<T>();

  constructor(
    toRow: (value: unknown, cluster: string, key: string) => T,
    onError: (error: unknown, cluster: string, key: string) => void,
  ) {
    this.#toRow = toRow;
    this.#onError = onError;
  }

  get size(): number {
    return this.#order.size;
  }

  /** All rows as they are now; the same picture until one changed. */
  picture(): Picture<T> {
    return this.#order.picture();
  }

  /** The list has this value now. Returns whether it had none before. */
  put(holder: Holder, key: string, value: unknown): boolean {
    let entries = this.#byCluster.get(holder.cluster);
    if (entries === undefined) this.#byCluster.set(holder.cluster, (entries = new Map()));
    const entry = entries.get(key);
    if (entry === undefined) {
      const made: Entry<T> = { value, holder, others: undefined, chunk: undefined, at: 0 };
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
    this.#order.remove(entry);
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
    let row: T;
    try {
      row = this.#toRow(entry.value, cluster, key);
    } catch (error) {
      this.#order.remove(entry);
      this.#onError(error, cluster, key);
      return;
    }
    this.#order.put(entry, row);
  }
}

/** Returns whether the list was one of the others. */
function forget<T>({ others }: Entry<T>, holder: Holder): boolean {
  const place = others?.indexOf(holder) ?? -1;
  if (place < 0) return false;
  others?.splice(place, 1);
  return true;
}
