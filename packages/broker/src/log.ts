/**
 * One numbered log: epoch, top offset and the retained end. Streams and the change streams of maps are logs. A log lives until it
 * was idle for its meta time to live and holds nothing any more; its table then forgets it, and the next one has another epoch.
 */
import type { ChannelKey, Publication } from '@trunkline/protocol';
import type { HistoryFilter, HistoryOutcome } from './broker.js';
import { Expiring, type ExpiryQueue } from './expiry.js';
import { HistoryRing } from './ring.js';

export class ChannelLog extends Expiring {
  readonly key: ChannelKey;
  readonly epoch: string;
  /** Offset of the last publication; 0 before the first. */
  top = 0;
  readonly #queue: ExpiryQueue;
  readonly #onIdle: (key: ChannelKey) => boolean;
  #ring: HistoryRing | undefined;
  #metaDeadline = -Infinity;

  /** `onIdle` is asked when nothing is left but the position; true: the log was forgotten, false: it is still needed. */
  constructor(key: ChannelKey, epoch: string, queue: ExpiryQueue, onIdle: (key: ChannelKey) => boolean) {
    super();
    this.key = key;
    this.epoch = epoch;
    this.#queue = queue;
    this.#onIdle = onIdle;
  }

  /** Keeps epoch and offset for at least `metaTtlMs` from now. A shorter time never takes back a longer promise. */
  touch(now: number, metaTtlMs: number): void {
    const until = now + metaTtlMs;
    if (until > this.#metaDeadline) this.#metaDeadline = until;
    this.#schedule();
  }

  /** Keeps `publication`, which already has the number `top`. */
  keep(publication: Publication, size: number, now: number, ttlMs: number): void {
    if (!(size >= 1)) return;
    this.#ring ??= new HistoryRing();
    this.#ring.prune(now);
    this.#ring.push(publication, size, now + ttlMs);
    this.#schedule();
  }

  clear(): void {
    this.#ring = undefined;
    this.#schedule();
  }

  read(filter: HistoryFilter, now: number): HistoryOutcome {
    return { publications: this.#select(filter, now), position: { epoch: this.epoch, offset: this.top } };
  }

  override expire(now: number): void {
    this.#ring?.prune(now);
    if (this.#ring?.size === 0) this.#ring = undefined;
    if (this.#ring === undefined && this.#metaDeadline <= now && this.#onIdle(this.key)) return;
    this.#schedule(now);
  }

  #select({ since, limit, reverse }: HistoryFilter, now: number): readonly Publication[] {
    if (this.#ring === undefined || !(limit >= 1)) return NONE;
    if (since !== undefined && since.epoch !== '' && since.epoch !== this.epoch) return NONE;
    this.#ring.prune(now);
    return reverse
      ? this.#ring.before(since?.offset ?? Infinity, limit)
      : this.#ring.after(since?.offset ?? 0, limit);
  }

  /** Looks again when the newest publication goes, then when the position may. */
  #schedule(now = -Infinity): void {
    const kept = this.#ring?.newestExpiry ?? -Infinity;
    const next = kept > now ? kept : this.#metaDeadline;
    // A log that is due but still needed (a map with entries) is scheduled by its next change.
    if (next > now) this.#queue.schedule(this, next);
  }
}

const NONE: readonly Publication[] = [];
