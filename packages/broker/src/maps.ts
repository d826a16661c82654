/**
 * Keyed state: each map's entries (their last publications, in key order) and the log of its changes. Every change is numbered, also
 * where no change is kept, since compare-and-set names entries by offset. A removal carries the tags of what it removes unless the
 * caller gives others, so that a reader who filters by tags is told that an entry it saw is gone.
 */
import type { Clock } from '@trunkline/base';
import {
  CodedError,
  type ChannelKey,
  type ClientInfo,
  type Payload,
  type Position,
  type Publication,
  type Tags,
} from '@trunkline/protocol';
import type {
  HistoryFilter,
  HistoryOutcome,
  MapPublishOptions,
  MapPublishOutcome,
  MapStatePage,
} from './broker.js';
import { draft } from './draft.js';
import { Expiring, type ExpiryQueue } from './expiry.js';
import type { FanOut } from './fan-out.js';
import type { IdempotencyCache } from './idempotency.js';
import type { ChannelLog } from './log.js';
import type { LogTable } from './log-table.js';
import { SortedKeys } from './sorted-keys.js';

type Retention = Pick<MapPublishOptions, 'streamSize' | 'streamTtlMs' | 'metaTtlMs'>;
type PageBounds = { readonly cursor: string; readonly limit: number; readonly maxBytes: number };

/** What a removal has for data. */
const NO_DATA = 'null';

interface MapChannel {
  readonly key: ChannelKey;
  readonly entries: Map<string, MapEntry>;
  readonly order: SortedKeys;
  /** Of the last write: what removals by expiry are kept for. */
  retention: Retention;
}

class MapEntry extends Expiring {
  publication: Publication;
  readonly #onExpire: (channel: MapChannel, entry: MapEntry) => void;
  readonly #channel: MapChannel;

  constructor(
    channel: MapChannel,
    publication: Publication,
    onExpire: (channel: MapChannel, entry: MapEntry) => void,
  ) {
    super();
    this.#channel = channel;
    this.publication = publication;
    this.#onExpire = onExpire;
  }

  override expire(): void {
    this.#onExpire(this.#channel, this);
  }
}

export class Maps {
  readonly #clock: Clock;
  readonly #queue: ExpiryQueue;
  readonly #logs: LogTable;
  readonly #fanOut: FanOut;
  readonly #idempotency: IdempotencyCache;
  /** Maps with at least one entry; the others are only a log. */
  readonly #channels: Map<ChannelKey, MapChannel>;
  readonly #onExpire = (channel: MapChannel, entry: MapEntry): void =>
    void this.#removeEntry(channel, entry, channel.retention, undefined, undefined);

  /** `channels` is shared with the log table's `inUse`: a map with entries keeps its position. */
  constructor(parts: {
    clock: Clock;
    queue: ExpiryQueue;
    logs: LogTable;
    fanOut: FanOut;
    idempotency: IdempotencyCache;
    channels: Map<ChannelKey, MapChannel>;
  }) {
    this.#clock = parts.clock;
    this.#queue = parts.queue;
    this.#logs = parts.logs;
    this.#fanOut = parts.fanOut;
    this.#idempotency = parts.idempotency;
    this.#channels = parts.channels;
  }

  publish(key: ChannelKey, entryKey: string, data: Payload, options: MapPublishOptions): MapPublishOutcome {
    if (entryKey === '') throw new CodedError('badRequest', 'key must not be empty');
    const refused = this.#repeated(key, options) ?? this.#unexpected(key, entryKey, options);
    if (refused !== undefined) return refused;
    const position = this.#writeEntry(key, entryKey, data, options);
    return this.#done(key, position, options);
  }

  remove(key: ChannelKey, entryKey: string, options: MapPublishOptions): MapPublishOutcome {
    const refused = this.#repeated(key, options) ?? this.#unexpected(key, entryKey, options);
    if (refused !== undefined) return refused;
    const channel = this.#channels.get(key);
    const entry = channel?.entries.get(entryKey);
    const position =
      channel === undefined || entry === undefined
        ? this.#position(key, options.metaTtlMs)
        : this.#removeEntry(channel, entry, options, options.tags, options.info);
    return this.#done(key, position, options);
  }

  clear(key: ChannelKey, options: MapPublishOptions): void {
    if (this.#repeated(key, options) !== undefined) return;
    const channel = this.#channels.get(key);
    if (channel !== undefined) {
      for (const entryKey of [...channel.order.above('')]) {
        const entry = channel.entries.get(entryKey);
        if (entry !== undefined) this.#removeEntry(channel, entry, options, options.tags, options.info);
      }
    }
    this.#done(key, this.#position(key, options.metaTtlMs), options);
  }

  state(key: ChannelKey, page: PageBounds, metaTtlMs: number): MapStatePage {
    const position = this.#position(key, metaTtlMs);
    const entries: Publication[] = [];
    const channel = this.#channels.get(key);
    if (channel === undefined || !(page.limit >= 1)) return { entries, cursor: '', position };
    let bytes = 0;
    let last = '';
    for (const entryKey of channel.order.above(page.cursor)) {
      const { publication } = channel.entries.get(entryKey) as MapEntry;
      bytes += entryKey.length + publication.data.length;
      if (entries.length > 0 && (entries.length >= page.limit || bytes > page.maxBytes))
        return { entries, cursor: last, position };
      entries.push(publication);
      last = entryKey;
    }
    return { entries, cursor: '', position };
  }

  stream(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number): HistoryOutcome {
    const now = this.#clock.monotonic();
    const log = this.#logs.obtain(key);
    log.touch(now, metaTtlMs);
    return log.read(filter, now);
  }

  #repeated(key: ChannelKey, { idempotencyKey }: MapPublishOptions): MapPublishOutcome | undefined {
    const position =
      idempotencyKey === undefined ? undefined : this.#idempotency.find('m', key, idempotencyKey);
    return position && { position, deduplicated: true, applied: true };
  }

  #unexpected(
    key: ChannelKey,
    entryKey: string,
    { expect, metaTtlMs }: MapPublishOptions,
  ): MapPublishOutcome | undefined {
    if (expect === undefined) return undefined;
    const current = this.#channels.get(key)?.entries.get(entryKey)?.publication;
    if (expect === 'absent' ? current === undefined : current?.offset === expect) return undefined;
    const refusal = { position: this.#position(key, metaTtlMs), deduplicated: false, applied: false };
    return current === undefined ? refusal : { ...refusal, current };
  }

  #done(
    key: ChannelKey,
    position: Position,
    { idempotencyKey, idempotencyTtlMs }: MapPublishOptions,
  ): MapPublishOutcome {
    if (idempotencyKey !== undefined)
      this.#idempotency.remember('m', key, idempotencyKey, position, idempotencyTtlMs);
    return { position, deduplicated: false, applied: true };
  }

  #position(key: ChannelKey, metaTtlMs: number): Position {
    const log = this.#logs.obtain(key);
    log.touch(this.#clock.monotonic(), metaTtlMs);
    return { epoch: log.epoch, offset: log.top };
  }

  #writeEntry(key: ChannelKey, entryKey: string, data: Payload, options: MapPublishOptions): Position {
    const log = this.#logs.obtain(key);
    let channel = this.#channels.get(key);
    let entry = channel?.entries.get(entryKey);
    if (entry === undefined && (channel?.entries.size ?? 0) >= options.maxKeys)
      throw new CodedError('limitExceeded', `maxKeys ${options.maxKeys}`);
    if (channel === undefined)
      this.#channels.set(
        key,
        (channel = { key, entries: new Map(), order: new SortedKeys(), retention: retentionOf(options) }),
      );
    channel.retention = retentionOf(options);
    const publication = draft(++log.top, data, this.#clock.now(), options.tags, options.info);
    publication.key = entryKey;
    if (entry === undefined) {
      channel.entries.set(entryKey, (entry = new MapEntry(channel, publication, this.#onExpire)));
      channel.order.add(entryKey);
    } else {
      entry.publication = publication;
    }
    this.#queue.schedule(entry, options.keyTtlMs > 0 ? this.#clock.monotonic() + options.keyTtlMs : Infinity);
    return this.#announce(log, publication, options);
  }

  #removeEntry(
    channel: MapChannel,
    entry: MapEntry,
    retention: Retention,
    tags: Tags | undefined,
    info: ClientInfo | undefined,
  ): Position {
    const entryKey = entry.publication.key as string;
    const log = this.#logs.obtain(channel.key);
    this.#queue.cancel(entry);
    channel.entries.delete(entryKey);
    channel.order.remove(entryKey);
    if (channel.entries.size === 0) this.#channels.delete(channel.key);
    const publication = draft(++log.top, NO_DATA, this.#clock.now(), tags ?? entry.publication.tags, info);
    publication.key = entryKey;
    publication.removed = true;
    return this.#announce(log, publication, retention);
  }

  #announce(
    log: ChannelLog,
    publication: Publication,
    { streamSize, streamTtlMs, metaTtlMs }: Retention,
  ): Position {
    const now = this.#clock.monotonic();
    log.touch(now, metaTtlMs);
    log.keep(publication, streamSize, now, streamTtlMs);
    const position = { epoch: log.epoch, offset: publication.offset };
    this.#fanOut.publication(log.key, publication, log.epoch);
    return position;
  }
}

export type MapChannels = Map<ChannelKey, MapChannel>;

function retentionOf({ streamSize, streamTtlMs, metaTtlMs }: Retention): Retention {
  return { streamSize, streamTtlMs, metaTtlMs };
}
