/**
 * The entries of a local map beside the ring of its changes. What was there when an epoch began has offset 1 and is in no change: a reader that holds less than
 * all of it must take the state.
 */
import { SortedKeys } from '@trunkline/base';
import type { MapStatePage } from '@trunkline/broker';
import { fromUtf8, type Publication, type Tags } from '@trunkline/protocol';
import type { EntryData } from '../ports/module.js';
import { LocalRing } from './origin.js';

/** The offset of everything that an epoch begins with. */
const LOADED = 1;

interface Entry {
  readonly key: string;
  readonly data: EntryData;
  readonly timeMs: number;
  readonly tags: Tags | undefined;
  readonly offset: number;
}

export class LocalMap extends LocalRing {
  #entries = new Map<string, Entry>();
  #order = new SortedKeys();

  get size(): number {
    return this.#entries.size;
  }

  set(key: string, data: EntryData, timeMs: number, tags?: Tags): Publication {
    const entry = { key, data, timeMs, tags, offset: this.position.offset + 1 };
    this.#put(entry);
    return this.keep(toPublication(entry));
  }

  /** Undefined where there is no such entry. */
  remove(key: string, timeMs: number): Publication | undefined {
    if (!this.#entries.delete(key)) return undefined;
    this.#order.remove(key);
    return this.add({ key, data: 'null', removed: true, timeMs });
  }

  load(entries: Iterable<readonly [string, EntryData]>, timeMs: number): void {
    this.#entries = new Map();
    this.#order = new SortedKeys();
    for (const [key, data] of entries) this.#put({ key, data, timeMs, tags: undefined, offset: LOADED });
    super.reset(LOADED);
  }

  /** Over the same entries. */
  override reset(): void {
    for (const [key, entry] of this.#entries) this.#entries.set(key, { ...entry, offset: LOADED });
    super.reset(LOADED);
  }

  override clear(): void {
    this.load([], 0);
  }

  /** In the order of keys; together with what was buffered since the first page, pages are one state. */
  page({ cursor, limit, maxBytes }: { cursor: string; limit: number; maxBytes: number }): MapStatePage {
    const entries: Publication[] = [];
    const { position } = this;
    let bytes = 0;
    let last = '';
    for (const key of this.#order.above(cursor)) {
      const entry = this.#entries.get(key) as Entry;
      bytes += key.length + lengthOf(entry.data);
      if (entries.length > 0 && (entries.length >= limit || bytes > maxBytes))
        return { entries, cursor: last, position };
      entries.push(toPublication(entry));
      last = key;
    }
    return { entries, cursor: '', position };
  }

  #put(entry: Entry): void {
    if (!this.#entries.has(entry.key)) this.#order.add(entry.key);
    this.#entries.set(entry.key, entry);
  }
}

/** JSON in bytes becomes text when somebody reads it, each time: it may be large, and most of it is never asked for again. */
function toPublication({ key, data, timeMs, tags, offset }: Entry): Publication {
  const rest = { key, offset, timeMs, ...(tags ? { tags } : {}) };
  if (typeof data === 'string' || data instanceof Uint8Array) return { ...rest, data };
  return {
    ...rest,
    get data() {
      return fromUtf8(data.json);
    },
  };
}

function lengthOf(data: EntryData): number {
  return typeof data === 'string' || data instanceof Uint8Array ? data.length : data.json.length;
}
