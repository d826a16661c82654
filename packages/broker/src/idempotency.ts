/**
 * What was answered to publications with an idempotency key, so that a repeat gets the same answer. Bounded by count (the oldest goes
 * first) and by time. Streams and maps have scopes of their own, and so has each channel.
 */
import type { ChannelKey, Position } from '@trunkline/protocol';
import { Expiring, type ExpiryQueue } from './expiry.js';

interface Remembered {
  readonly name: string;
  readonly position: Position;
  readonly until: number;
}

/** Entries forgotten in one turn of the event loop by time. */
const TURN_MAX = 2_000;

export class IdempotencyCache extends Expiring {
  readonly #queue: ExpiryQueue;
  readonly #maxKeys: number;
  readonly #defaultTtlMs: number;
  readonly #entries = new Map<string, Remembered>();
  /** In the order of insertion, near enough the order of expiry; from `#head`. (A `Map` that loses its first entries is slow to find the next.) */
  #order: (Remembered | undefined)[] = [];
  #head = 0;

  constructor(queue: ExpiryQueue, maxKeys: number, defaultTtlMs: number) {
    super();
    this.#queue = queue;
    this.#maxKeys = maxKeys;
    this.#defaultTtlMs = defaultTtlMs;
  }

  /** The first call's position, if `name` was used on `key` within its time. */
  find(scope: 's' | 'm', key: ChannelKey, name: string): Position | undefined {
    const found = this.#entries.get(fullName(scope, key, name));
    return found !== undefined && found.until > this.#queue.now() ? found.position : undefined;
  }

  remember(
    scope: 's' | 'm',
    key: ChannelKey,
    name: string,
    position: Position,
    ttlMs = this.#defaultTtlMs,
  ): void {
    const entry: Remembered = {
      name: fullName(scope, key, name),
      position,
      until: this.#queue.now() + ttlMs,
    };
    this.#entries.set(entry.name, entry);
    this.#order.push(entry);
    while (this.#order.length - this.#head > this.#maxKeys) this.#forgetOldest();
    if (this.slot < 0) this.#watchOldest(-Infinity);
  }

  override expire(now: number): void {
    for (let turn = 0; turn < TURN_MAX && (this.#order[this.#head]?.until ?? Infinity) <= now; turn++)
      this.#forgetOldest();
    this.#watchOldest(now + 1);
  }

  /** A name remembered again after its time is two entries in the order; only the later one is in the map. */
  #forgetOldest(): void {
    const oldest = this.#order[this.#head];
    if (oldest === undefined) return;
    this.#order[this.#head++] = undefined;
    if (this.#entries.get(oldest.name) === oldest) this.#entries.delete(oldest.name);
    if (this.#head > 1_024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
  }

  #watchOldest(notBefore: number): void {
    const oldest = this.#order[this.#head];
    if (oldest !== undefined) this.#queue.schedule(this, Math.max(oldest.until, notBefore));
  }
}

/** The length keeps channel and name apart whatever they contain. */
function fullName(scope: string, key: ChannelKey, name: string): string {
  return `${scope}${key.length}:${key}${name}`;
}
