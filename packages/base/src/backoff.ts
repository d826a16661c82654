import type { Random } from './random.js';

/** Exponential back-off with full jitter: each delay is uniform in [0, min(cap, base * 2^attempt)], never below `minDelayMs`. */
export interface BackoffOptions {
  /** First step and lower bound. */
  readonly minDelayMs: number;
  /** Cap of one delay. */
  readonly maxDelayMs: number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #attempts = 0;

  constructor(random: Random, options: BackoffOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** Attempts since the last `reset`. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The next delay in milliseconds; counts one attempt. */
  next(): number {
    const { minDelayMs, maxDelayMs } = this.#options;
    const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return Math.min(maxDelayMs, minDelayMs + this.#random.next() * ceiling);
  }

  /** Called on success: the next delay starts from `minDelayMs` again. */
  reset(): void {
    this.#attempts = 0;
  }
}
