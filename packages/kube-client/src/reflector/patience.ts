/** How long to wait before the next attempt: a back-off with full jitter of its own for each reason, so that a row of refusals does not make a lost connection slow, nor the other way round. */
import { Backoff, type Random } from '@trunkline/base';
import type { KubeError } from '../errors.js';
import type { ReflectorOptions } from './options.js';

export class Patience {
  readonly #random: Random;
  readonly #options: ReflectorOptions;
  readonly #reasons = new Map<string, Backoff>();

  constructor(random: Random, options: ReflectorOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** The next wait in milliseconds; at least what the server asked for. */
  next(reason: KubeError): number {
    let backoff = this.#reasons.get(reason.kind);
    if (backoff === undefined) {
      const { refusedMinMs, refusedMaxMs, retryMinMs, retryMaxMs } = this.#options;
      const refused = isRefusal(reason);
      backoff = new Backoff(this.#random, {
        minDelayMs: refused ? refusedMinMs : retryMinMs,
        maxDelayMs: refused ? refusedMaxMs : retryMaxMs,
      });
      this.#reasons.set(reason.kind, backoff);
    }
    return Math.max(backoff.next(), reason.retryAfterMs ?? 0);
  }

  /** All is well: the next failure is the first again. */
  reset(): void {
    this.#reasons.clear();
  }
}

/** Trying again soon will not help. */
export function isRefusal(reason: KubeError): boolean {
  return reason.retry === 'never';
}
