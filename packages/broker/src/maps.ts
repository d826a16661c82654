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
import type { ExpiryQueue } from './expiry.js';
import type { FanOut } from './fan-out.js';
import type { IdempotencyCache } from './idempotency.js';
import type { ChannelLog } from './log.js';
import type { LogTable } from './log-table.js';
import { MapChannel, type MapEntry, type PageBounds, type Retention } from './map-channel.js';

/** What a removal has for data. */
const NO_DATA = 'null';

export interface MapsParts {
  readonly clock: Clock;
  readonly queue: ExpiryQueue;
  readonly logs: LogTable;
  readonly fanOut: FanOut;
  readonly idempotency: IdempotencyCache;
  /** Maps with at least one entry; the others are only a log. Shared with the log table: a map with entries keeps its position. */
  readonly channels: Map<ChannelKey, MapChannel>;
}

export class Maps {
  readonly #parts: MapsParts;
  readonly #onExpire = (channel: MapChannel, entry: MapEntry): void => {
    this.#removeEntry(channel, entry, channel.retention, {});
  };

  constructor(parts: MapsParts) {
    this.#parts = parts;
  }

  publish(key: ChannelKey, entryKey: string, data: Payload, options: MapPublishOptions): MapPublishOutcome {
    if (entryKey === '') throw new CodedError('badRequest', 'key must not be empty');
    const settled = this.#repeated(key, options) ?? this.#unexpected(key, entryKey, options);
    if (settled !== undefined) return settled;
    const position =
      this.#renewed(key, entryKey, data, options) ?? this.#writeEntry(key, entryKey, data, options);
    return this.#done(key, position, options);
  }

  remove(key: ChannelKey, entryKey: string, options: MapPublishOptions): MapPublishOutcome {
    const settled = this.#repeated(key, options) ?? this.#unexpected(key, entryKey, options);
    if (settled !== undefined) return settled;
    const channel = this.#parts.channels.get(key);
    const entry = channel?.find(entryKey);
    const absent = channel === undefined || entry === undefined;
    const position = absent
      ? this.#position(key, options.metaTtlMs)
      : this.#removeEntry(channel, entry, options, options);
    return this.#done(key, position, options);
  }

  clear(key: ChannelKey, options: MapPublishOptions): void {
    if (this.#repeated(key, options) !== undefined) return;
    const channel = this.#parts.channels.get(key);
    for (const entryKey of channel?.keys() ?? []) {
      const entry = channel?.find(entryKey);
      if (channel !== undefined && entry !== undefined) this.#removeEntry(channel, entry, options, options);
    }
    this.#done(key, this.#position(key, options.metaTtlMs), options);
  }

  state(key: ChannelKey, bounds: PageBounds, metaTtlMs: number): MapStatePage {
    const position = this.#position(key, metaTtlMs);
    const page = this.#parts.channels.get(key)?.page(bounds) ?? { entries: [], cursor: '' };
    return { ...page, position };
  }

  stream(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number): HistoryOutcome {
    const now = this.#parts.clock.monotonic();
    const log = this.#parts.logs.obtain(key);
    log.touch(now, metaTtlMs);
    return log.read(filter, now);
  }

  #repeated(key: ChannelKey, { idempotencyKey }: MapPublishOptions): MapPublishOutcome | undefined {
    if (idempotencyKey === undefined) return undefined;
    const position = this.#parts.idempotency.find('m', key, idempotencyKey);
    return position && { position, deduplicated: true, applied: true };
  }

  #unexpected(
    key: ChannelKey,
    entryKey: string,
    { expect, metaTtlMs }: MapPublishOptions,
  ): MapPublishOutcome | undefined {
    if (expect === undefined) return undefined;
    const current = this.#parts.channels.get(key)?.find(entryKey)?.publication;
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
      this.#parts.idempotency.remember('m', key, idempotencyKey, position, idempotencyTtlMs);
    return { position, deduplicated: false, applied: true };
  }

  #position(key: ChannelKey, metaTtlMs: number): Position {
    const log = this.#parts.logs.obtain(key);
    log.touch(this.#parts.clock.monotonic(), metaTtlMs);
    return { epoch: log.epoch, offset: log.top };
  }

  /** The current position where the entry has this data already and only its time starts again. */
  #renewed(
    key: ChannelKey,
    entryKey: string,
    data: Payload,
    options: MapPublishOptions,
  ): Position | undefined {
    const entry = options.renew === true ? this.#parts.channels.get(key)?.find(entryKey) : undefined;
    if (entry === undefined || !samePayload(entry.publication.data, data)) return undefined;
    this.#schedule(entry, options);
    return this.#position(key, options.metaTtlMs);
  }

  #schedule(entry: MapEntry, { keyTtlMs }: MapPublishOptions): void {
    const { queue, clock } = this.#parts;
    queue.schedule(entry, keyTtlMs > 0 ? clock.monotonic() + keyTtlMs : Infinity);
  }

  #writeEntry(key: ChannelKey, entryKey: string, data: Payload, options: MapPublishOptions): Position {
    const { clock, logs, channels } = this.#parts;
    const log = logs.obtain(key);
    const channel = channels.get(key) ?? new MapChannel(key, options, this.#onExpire);
    if (channel.find(entryKey) === undefined && channel.size >= options.maxKeys) {
      throw new CodedError('limitExceeded', `maxKeys ${options.maxKeys}`);
    }
    if (channel.size === 0) channels.set(key, channel);
    channel.retention = {
      streamSize: options.streamSize,
      streamTtlMs: options.streamTtlMs,
      metaTtlMs: options.metaTtlMs,
    };
    const publication = draft(++log.top, data, clock.now(), options.tags, options.info);
    publication.key = entryKey;
    const entry = channel.put(entryKey, publication);
    this.#schedule(entry, options);
    return this.#announce(log, publication, options);
  }

  #removeEntry(
    channel: MapChannel,
    entry: MapEntry,
    retention: Retention,
    { tags, info }: { readonly tags?: Tags; readonly info?: ClientInfo },
  ): Position {
    const { clock, queue, logs, channels } = this.#parts;
    const entryKey = entry.publication.key ?? '';
    const log = logs.obtain(channel.key);
    queue.cancel(entry);
    channel.delete(entryKey);
    if (channel.size === 0) channels.delete(channel.key);
    const publication = draft(++log.top, NO_DATA, clock.now(), tags ?? entry.publication.tags, info);
    publication.key = entryKey;
    publication.removed = true;
    return this.#announce(log, publication, retention);
  }

  #announce(
    log: ChannelLog,
    publication: Publication,
    { streamSize, streamTtlMs, metaTtlMs }: Retention,
  ): Position {
    const now = this.#parts.clock.monotonic();
    log.touch(now, metaTtlMs);
    log.keep(publication, streamSize, now, streamTtlMs);
    const position = { epoch: log.epoch, offset: publication.offset };
    this.#parts.fanOut.publication(log.key, publication, log.epoch);
    return position;
  }
}

function samePayload(left: Payload, right: Payload): boolean {
  if (typeof left === 'string' || typeof right === 'string') return left === right;
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
