/**
 * The watch cache of one resource: its last changes in a ring. Readers hold a sequence number and walk; a reader that is overtaken by
 * the ring finds out by asking for what is gone. Nothing is queued per reader.
 */
import type { Stored } from './stored.js';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface Change {
  readonly type: ChangeType;
  readonly version: number;
  /** The new state; for DELETED the last one, carrying the version of the deletion. */
  readonly current: Stored;
  /** The state before; absent for ADDED. */
  readonly previous: Stored | undefined;
}

export class EventLog {
  readonly #capacity: number;
  readonly #ring: (Change | undefined)[] = [];
  #first = 0;
  #next = 0;
  #floor: number;

  /** `floor` is the version at which the log starts: what changed up to it is unknown here. */
  constructor(capacity: number, floor: number) {
    this.#capacity = capacity;
    this.#floor = floor;
  }

  /** The oldest version from which a watch can start. */
  get floor(): number {
    return this.#floor;
  }

  /** Sequence number of the next change. */
  get next(): number {
    return this.#next;
  }

  append(change: Change): void {
    if (this.#next - this.#first === this.#capacity) {
      this.#floor = this.at(this.#first)?.version ?? this.#floor;
      this.#first++;
    }
    this.#ring[this.#next % this.#capacity] = change;
    this.#next++;
  }

  /** The change with that sequence number; undefined when it is not there yet or gone (`isGone`). */
  at(sequence: number): Change | undefined {
    return sequence < this.#first || sequence >= this.#next
      ? undefined
      : this.#ring[sequence % this.#capacity];
  }

  isGone(sequence: number): boolean {
    return sequence < this.#first;
  }

  /** Where a reader that knows everything up to `version` continues; undefined when that lies before the log. */
  after(version: number): number | undefined {
    if (version < this.#floor) return undefined;
    let low = this.#first;
    let high = this.#next;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.at(middle)?.version ?? 0) > version) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Forgets everything, as a restarted server has. */
  clear(version: number): void {
    this.#ring.length = 0;
    this.#first = this.#next;
    this.#floor = version;
  }
}
