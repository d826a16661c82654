/**
 * The retained publications of one log: a growable circular buffer bounded by count and by age. Offsets in it are consecutive and
 * ages are dropped from the old end only, so that what is kept is always an unbroken end of the history. Each entry's time to go is
 * at most its successor's: a publication with a short life takes the older ones along.
 */
import type { Publication } from '@trunkline/protocol';

export class HistoryRing {
  #slots: (Publication | undefined)[] = [];
  #expires: number[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the newest goes, in the caller's milliseconds; -Infinity when empty. */
  get newestExpiry(): number {
    return this.#size === 0 ? -Infinity : (this.#expires[this.#index(this.#size - 1)] as number);
  }

  /** Keeps `publication` until `expiresAt`, and at most `maxSize` in all. */
  push(publication: Publication, maxSize: number, expiresAt: number): void {
    while (this.#size > 0 && this.#size >= maxSize) this.#dropOldest();
    if (!(maxSize >= 1)) return;
    if (this.#size === this.#slots.length) this.#grow();
    for (let back = this.#size - 1; back >= 0; back--) {
      const index = this.#index(back);
      if ((this.#expires[index] as number) <= expiresAt) break;
      this.#expires[index] = expiresAt;
    }
    const index = this.#index(this.#size++);
    this.#slots[index] = publication;
    this.#expires[index] = expiresAt;
  }

  /** Drops what has expired. */
  prune(now: number): void {
    while (this.#size > 0 && (this.#expires[this.#head] as number) <= now) this.#dropOldest();
    if (this.#size === 0 && this.#slots.length > 0) this.clear();
  }

  clear(): void {
    this.#slots = [];
    this.#expires = [];
    this.#head = 0;
    this.#size = 0;
  }

  /** Up to `limit` publications with an offset above `after`, ascending. */
  after(after: number, limit: number): Publication[] {
    const start = Math.max(0, after - this.#oldestOffset() + 1);
    const end = Math.min(this.#size, start + limit);
    const found: Publication[] = [];
    for (let at = start; at < end; at++) found.push(this.#at(at));
    return found;
  }

  /** Up to `limit` publications with an offset below `before`, descending. */
  before(before: number, limit: number): Publication[] {
    const start = Math.min(this.#size, before - this.#oldestOffset()) - 1;
    const end = Math.max(0, start - limit + 1);
    const found: Publication[] = [];
    for (let at = start; at >= end; at--) found.push(this.#at(at));
    return found;
  }

  #oldestOffset(): number {
    return this.#size === 0 ? 0 : this.#at(0).offset;
  }

  #at(position: number): Publication {
    return this.#slots[this.#index(position)] as Publication;
  }

  /** Capacity is a power of two, so that the remainder is a mask. */
  #index(position: number): number {
    return (this.#head + position) & (this.#slots.length - 1);
  }

  #dropOldest(): void {
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
  }

  #grow(): void {
    const capacity = Math.max(2, this.#slots.length * 2);
    const slots: (Publication | undefined)[] = new Array<Publication | undefined>(capacity).fill(undefined);
    const expires: number[] = new Array<number>(capacity).fill(0);
    for (let at = 0; at < this.#size; at++) {
      slots[at] = this.#slots[this.#index(at)];
      expires[at] = this.#expires[this.#index(at)] as number;
    }
    this.#slots = slots;
    this.#expires = expires;
    this.#head = 0;
  }
}
