/** The entries of one map in key order. Knows nothing of numbers, streams and delivery; `maps.ts` decides what is written. */
import { SortedKeys } from '@trunkline/base';
import type { ChannelKey, Publication } from '@trunkline/protocol';
import type { MapPublishOptions, MapStatePage } from './broker.js';
import { Expiring } from './expiry.js';

export type Retention = Pick<MapPublishOptions, 'streamSize' | 'streamTtlMs' | 'metaTtlMs'>;

export interface PageBounds {
  readonly cursor: string;
  readonly limit: number;
  readonly maxBytes: number;
}

/** Called when an entry's time is over; it is still in its channel then. */
export type OnEntryExpire = (channel: MapChannel, entry: MapEntry) => void;

export class MapEntry extends Expiring {
  /** The last one written. */
  publication: Publication;
  readonly #channel: MapChannel;

  constructor(channel: MapChannel, publication: Publication) {
    super();
    this.#channel = channel;
    this.publication = publication;
  }

  override expire(): void {
    this.#channel.onExpire(this.#channel, this);
  }
}

export class MapChannel {
  readonly key: ChannelKey;
  readonly onExpire: OnEntryExpire;
  /** Of the last write: what removals by expiry are kept for. */
  retention: Retention;
  readonly #entries = new Map<string, MapEntry>();
  readonly #order = new SortedKeys();

  constructor(key: ChannelKey, retention: Retention, onExpire: OnEntryExpire) {
    this.key = key;
    this.retention = retention;
    this.onExpire = onExpire;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(entryKey: string): MapEntry | undefined {
    return this.#entries.get(entryKey);
  }

  put(entryKey: string, publication: Publication): MapEntry {
    const found = this.#entries.get(entryKey);
    if (found !== undefined) {
      found.publication = publication;
      return found;
    }
    const entry = new MapEntry(this, publication);
    this.#entries.set(entryKey, entry);
    this.#order.add(entryKey);
    return entry;
  }

  delete(entryKey: string): void {
    if (this.#entries.delete(entryKey)) this.#order.remove(entryKey);
  }

  /** A copy, in order: the map may change while it is used. */
  keys(): string[] {
    return [...this.#order.above('')];
  }

  page({ cursor, limit, maxBytes }: PageBounds): Pick<MapStatePage, 'entries' | 'cursor'> {
    const entries: Publication[] = [];
    if (!(limit >= 1)) return { entries, cursor: '' };
    let bytes = 0;
    let last = '';
    for (const entryKey of this.#order.above(cursor)) {
      const { publication } = this.#entries.get(entryKey) as MapEntry;
      bytes += entryKey.length + publication.data.length;
      if (entries.length > 0 && (entries.length >= limit || bytes > maxBytes))
        return { entries, cursor: last };
      entries.push(publication);
      last = entryKey;
    }
    return { entries, cursor: '' };
  }
}
