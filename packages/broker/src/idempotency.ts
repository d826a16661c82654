/**
 * What was answered to publications with an idempotency key, so that a repeat gets the same answer. Bounded by count (the oldest goes
 * first) and by time. Streams and maps have scopes of their own, and so has each channel.
 */
import type { ChannelKey, Position } from '@trunkline/protocol';
import { Expiring, type ExpiryQueue } from './expiry.js';

interface Remembered {
  readonly position: Position;
  readonly until: number;
}

export class IdempotencyCache extends Expiring {
  readonly #queue: ExpiryQueue;
  readonly #maxKeys: number;
  readonly #defaultTtlMs: number;
  /** In the order of insertion, which is near enough the order of expiry. */
  readonly #entries = new Map<string, Remembered>();

  constructor(queue: ExpiryQueue, maxKeys: number, defaultTtlMs: number) {
    super();
    this.#queue = queue;
    this.#maxKeys = maxKeys;
    this.#defaultTtlMs = defaultTtlMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The first call's position, if `name` was used on `key` within its time. */
  find(scope: 's' | 'm', key: ChannelKey, name: string): Position | undefined {
    const found = this.#entries.get(entryName(scope, key, name));
    return found !== undefined && found.until > this.#queue.now() ? found.position : undefined;
  }

  remember(scope: 's' | 'm', key: ChannelKey, name: string, position: Position, ttlMs = this.#defaultTtlMs): void {
    const full = entryName(scope, key, name);
    this.#entries.delete(full);
    this.#entries.set(full, { position, until: this.#queue.now() + ttlMs });
    this.#dropOldest(-Infinity);
    if (this.slot < 0) this.#watchOldest();
  }

  override expire(now: number): void {
    this.#dropOldest(now);
    this.#watchOldest();
  }

  #dropOldest(now: number): void {
    for (const [full, { until }] of this.#entries) {
      if (until > now && this.#entries.size <= this.#maxKeys) return;
      this.#entries.delete(full);
    }
  }

  #watchOldest(): void {
    for (const { until } of this.#entries.values()) return this.#queue.schedule(this, until);
  }
}

/** The length keeps channel and name apart whatever they contain. */
function entryName(scope: string, key: ChannelKey, name: string): string {
  return `${scope}${key.length}:${key}${name}`;
}
