/**
 * Collects connections that have something to write and flushes them together at the end of the turn, so that everything one
 * connection gets in one turn leaves in one write (spec DELIV-5). One scheduled call serves the whole node.
 */
import type { Clock } from '@trunkline/base';
import type { Counters } from './counters.js';

export interface Flushable {
  flush(): void;
}

export class FlushQueue {
  readonly #clock: Clock;
  readonly #counters: Counters;
  #dirty: Flushable[] = [];
  #scheduledAt = 0;

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  /** The caller adds itself at most once between two flushes. */
  add(item: Flushable): void {
    this.#dirty.push(item);
    if (this.#dirty.length > 1) return;
    this.#scheduledAt = this.#clock.monotonic();
    this.#clock.setImmediate(() => this.#run());
  }

  #run(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const item of dirty) item.flush();
    this.#counters.latency(this.#clock.monotonic() - this.#scheduledAt);
  }
}
