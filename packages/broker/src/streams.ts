/** Numbered streams: publish, carry, history. Channels without history keep nothing here at all. */
import type { Clock } from '@trunkline/base';
import type { ChannelKey, Payload, Position, Publication } from '@trunkline/protocol';
import type { HistoryFilter, HistoryOutcome, PublishOptions, PublishOutcome } from './broker.js';
import { draft } from './draft.js';
import type { FanOut } from './fan-out.js';
import type { IdempotencyCache } from './idempotency.js';
import type { LogTable } from './log-table.js';

const UNNUMBERED: Position = { epoch: '', offset: 0 };

export class Streams {
  readonly #clock: Clock;
  readonly #logs: LogTable;
  readonly #fanOut: FanOut;
  readonly #idempotency: IdempotencyCache;

  constructor(clock: Clock, logs: LogTable, fanOut: FanOut, idempotency: IdempotencyCache) {
    this.#clock = clock;
    this.#logs = logs;
    this.#fanOut = fanOut;
    this.#idempotency = idempotency;
  }

  publish(key: ChannelKey, data: Payload, options: PublishOptions): PublishOutcome {
    const name = options.idempotencyKey;
    if (name !== undefined) {
      const earlier = this.#idempotency.find('s', key, name);
      if (earlier !== undefined) return { position: earlier, deduplicated: true };
    }
    const position =
      options.historySize >= 1
        ? this.#publishNumbered(key, data, options)
        : this.#publishUnnumbered(key, data, options);
    if (name !== undefined) this.#idempotency.remember('s', key, name, position, options.idempotencyTtlMs);
    return { position, deduplicated: false };
  }

  carry(key: ChannelKey, publication: Publication, epoch: string): void {
    this.#fanOut.publication(key, publication, epoch);
  }

  history(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number): HistoryOutcome {
    const now = this.#clock.monotonic();
    const log = this.#logs.obtain(key);
    log.touch(now, metaTtlMs);
    return log.read(filter, now);
  }

  removeHistory(key: ChannelKey): void {
    this.#logs.find(key)?.clear();
  }

  #publishNumbered(key: ChannelKey, data: Payload, options: PublishOptions): Position {
    const now = this.#clock.monotonic();
    const log = this.#logs.obtain(key);
    const publication = draft(++log.top, data, this.#clock.now(), options.tags, options.info);
    log.touch(now, options.metaTtlMs);
    log.keep(publication, options.historySize, now, options.historyTtlMs);
    // The position is made first: a handler may publish to the same channel.
    const position = { epoch: log.epoch, offset: publication.offset };
    this.#fanOut.publication(key, publication, log.epoch);
    return position;
  }

  #publishUnnumbered(key: ChannelKey, data: Payload, options: PublishOptions): Position {
    this.#fanOut.publication(key, draft(0, data, this.#clock.now(), options.tags, options.info), '');
    return UNNUMBERED;
  }
}
