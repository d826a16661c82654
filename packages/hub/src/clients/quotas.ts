/** Rates and counts that bound what one client and one org may use. Pure bookkeeping on the hub's clock. */
import type { Clock } from '@trunkline/base';

/** A token bucket: `ratePerSecond` on average, twice as many at once. `Infinity` never refuses. */
export class RateLimit {
  readonly #clock: Clock;
  #rate: number;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, ratePerSecond: number) {
    this.#clock = clock;
    this.#rate = ratePerSecond;
    this.#tokens = ratePerSecond * 2;
    this.#at = clock.monotonic();
  }

  /** From now on; what is left of the burst stays. */
  set ratePerSecond(rate: number) {
    if (rate === this.#rate) return;
    this.#tokens = Math.min(this.#rate === Infinity ? rate * 2 : this.#tokens, rate * 2);
    this.#rate = rate;
  }

  take(count = 1): boolean {
    if (this.#rate === Infinity) return true;
    if (this.#tokens < count) {
      const now = this.#clock.monotonic();
      this.#tokens = Math.min(this.#rate * 2, this.#tokens + ((now - this.#at) / 1000) * this.#rate);
      this.#at = now;
      if (this.#tokens < count) return false;
    }
    this.#tokens -= count;
    return true;
  }
}
