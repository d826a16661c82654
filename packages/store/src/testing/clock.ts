/** Real time that a test may put forward: real engines need real timers, retention needs days. */
import { createSystemClock, type Clock, type Timer } from '@trunkline/base';

export class ShiftableClock implements Clock {
  readonly #system = createSystemClock();
  #shiftMs = 0;

  now(): number {
    return this.#system.now() + this.#shiftMs;
  }

  monotonic(): number {
    return this.#system.monotonic();
  }

  setTimeout(run: () => void, delayMs: number): Timer {
    return this.#system.setTimeout(run, delayMs);
  }

  setImmediate(run: () => void): Timer {
    return this.#system.setImmediate(run);
  }

  /** Puts wall time forward (or back). Timers do not notice. */
  shift(ms: number): void {
    this.#shiftMs += ms;
  }
}
