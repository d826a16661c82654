/**
 * Deadlines of everything the memory engine forgets: one binary heap and at most one timer for all of them. An item whose deadline
 * moves later is not moved in the heap; it is looked at when its old place falls due and put back. That makes the frequent case (a
 * publication renews its channel) a single assignment. Time is monotonic, so a jump of the wall clock expires nothing.
 */
import type { Clock, Timer } from '@trunkline/base';

/** Something with a deadline. `expire` is called once it has passed, outside the heap; it may schedule the item again. */
export abstract class Expiring {
  /** Monotonic milliseconds; `Infinity`: none. Written by `ExpiryQueue` only. */
  deadline = Infinity;
  /** Where it stands in the heap, and for which time; -1: not there. Read and written by `ExpiryQueue` only. */
  slot = -1;
  queuedFor = Infinity;

  abstract expire(nowMs: number): void;
}

/** Items handled in one turn of the event loop; the rest wait for the next, so that a mass expiry stalls nobody. */
const TURN_MAX = 2_000;

export class ExpiryQueue {
  readonly #clock: Clock;
  readonly #heap: Expiring[] = [];
  #timer: Timer | undefined;
  #armedFor = Infinity;
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  /** Begins (again) to watch deadlines; those that passed meanwhile fall due at once. */
  start(): void {
    this.#running = true;
    this.#arm();
  }

  /** Cancels the timer; deadlines are kept. */
  stop(): void {
    this.#running = false;
    this.#disarm();
  }

  /** Sets the deadline of `item`; `Infinity` takes it out. */
  schedule(item: Expiring, deadline: number): void {
    item.deadline = deadline;
    if (deadline === Infinity) {
      if (item.slot >= 0) this.#remove(item);
    } else if (item.slot < 0) {
      item.queuedFor = deadline;
      item.slot = this.#heap.length;
      this.#heap.push(item);
      this.#up(item);
      this.#arm();
    } else if (deadline < item.queuedFor) {
      item.queuedFor = deadline;
      this.#up(item);
      this.#arm();
    }
  }

  cancel(item: Expiring): void {
    this.schedule(item, Infinity);
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!this.#running || first === undefined || first.queuedFor >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = first.queuedFor;
    this.#timer = this.#clock.setTimeout(() => this.#run(), Math.max(0, first.queuedFor - this.now()));
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }

  #run(): void {
    this.#disarm();
    // Nothing is armed while items are handled; the end of this turn does it once.
    this.#armedFor = -Infinity;
    const now = this.now();
    for (let turn = 0; turn < TURN_MAX; turn++) {
      const first = this.#heap[0];
      if (first === undefined || first.queuedFor > now) break;
      this.#remove(first);
      if (first.deadline <= now) first.expire(now);
      else this.schedule(first, first.deadline);
    }
    this.#armedFor = Infinity;
    this.#arm();
  }

  #remove(item: Expiring): void {
    const slot = item.slot;
    const last = this.#heap.pop();
    item.slot = -1;
    item.queuedFor = Infinity;
    if (last === undefined || last === item) return;
    this.#heap[slot] = last;
    last.slot = slot;
    this.#up(last);
    this.#down(last);
  }

  #up(item: Expiring): void {
    const heap = this.#heap;
    let slot = item.slot;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = heap[above] as Expiring;
      if (parent.queuedFor <= item.queuedFor) break;
      heap[slot] = parent;
      parent.slot = slot;
      slot = above;
    }
    heap[slot] = item;
    item.slot = slot;
  }

  #down(item: Expiring): void {
    const heap = this.#heap;
    let slot = item.slot;
    for (;;) {
      let below = slot * 2 + 1;
      if (below >= heap.length) break;
      if (
        below + 1 < heap.length &&
        (heap[below + 1] as Expiring).queuedFor < (heap[below] as Expiring).queuedFor
      )
        below++;
      const child = heap[below] as Expiring;
      if (child.queuedFor >= item.queuedFor) break;
      heap[slot] = child;
      child.slot = slot;
      slot = below;
    }
    heap[slot] = item;
    item.slot = slot;
  }
}
