/**
 * Whether rights towards a cluster can be asked about at all. While they cannot, those who were let in stay and are shown nothing new: an API server that is away for a
 * minute is no reason to take lists away, and one that watches but does not review is no reason to show what may have been forbidden since.
 */
import type { Backoff, Clock, Timer } from '@trunkline/base';
import { KubeError } from '@trunkline/kube-client';

/** A review that fails although another one has been answered since then is that review's own trouble. Milliseconds. */
const OWN_TROUBLE_MS = 2_000;
/** From the first answer to the end of the doubt: all who stayed are asked about once more before they are shown what came meanwhile. Longer than a repeated yes counts. Milliseconds. */
const ROUND_MS = 2_000;
/** Between looks whether the last reviews of the round are answered. Milliseconds. */
const LOOK_MS = 100;

export interface Fault {
  readonly sinceMs: number;
  readonly reason: KubeError;
}

export class Doubt {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<(fault: Fault | undefined) => void>();
  #fault: Fault | undefined;
  #answeredMs = -Infinity;
  /** When somebody was answered first after the last fault began, or after a while in which nobody was. */
  #firstAnsweredMs: number | undefined;
  #askAgainMs = 0;
  #ending: Timer | undefined;
  /** Reviews that wait for their answer. */
  #underWay = 0;
  readonly #reviewTimeoutMs: number;

  /** @param reviewTimeoutMs how long a review can wait for its answer */
  constructor(clock: Clock, backoff: Backoff, reviewTimeoutMs: number) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#reviewTimeoutMs = reviewTimeoutMs;
  }

  /** Since when, and why, nobody can be asked; undefined: all is well. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Whether to ask: always where somebody has answered; else now and then, and the caller that is told so asks. */
  takeTurn(): boolean {
    if (this.#fault === undefined || this.#ending !== undefined) return true;
    return this.#takeTurn();
  }

  #takeTurn(): boolean {
    const now = this.#clock.monotonic();
    if (now < this.#askAgainMs) return false;
    this.#askAgainMs = now + this.#backoff.next();
    return true;
  }

  /** A review is asked for. @returns to be called when it is over */
  begin(): () => void {
    this.#underWay++;
    return () => void this.#underWay--;
  }

  /** An answer came, whatever it says. */
  answered(): void {
    const beforeMs = this.#answeredMs;
    this.#answeredMs = this.#clock.monotonic();
    if (this.#fault === undefined) return;
    if (this.#firstAnsweredMs === undefined || this.#answeredMs > beforeMs + OWN_TROUBLE_MS)
      this.#firstAnsweredMs = this.#answeredMs;
    if (this.#ending === undefined)
      this.#endIn(ROUND_MS, this.#answeredMs + ROUND_MS + this.#reviewTimeoutMs);
  }

  /** A review of the round that is not answered yet may be one that will not be. */
  #endIn(ms: number, latestMs: number): void {
    this.#ending = this.#clock.setTimeout(() => {
      if (this.#underWay > 0 && this.#clock.monotonic() < latestMs) return this.#endIn(LOOK_MS, latestMs);
      this.#ending = undefined;
      this.#fault = undefined;
      this.#backoff.reset();
      this.#tell();
    }, ms);
  }

  /**
   * None came. @param failingSinceMs monotonic time since which this question has failed
   * @returns whether an earlier yes may be repeated: not where others are answered
   */
  failed(cause: unknown, failingSinceMs: number): boolean {
    // Up to the first answer everybody failed; from then on it counts who does.
    const aloneSinceMs = Math.max(failingSinceMs, this.#firstAnsweredMs ?? -Infinity);
    if (this.#answeredMs > aloneSinceMs + OWN_TROUBLE_MS) return false;
    this.#ending?.cancel();
    this.#ending = undefined;
    if (this.#fault === undefined) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      const reason = new KubeError('kubeUnreachable', `rights cannot be asked about: ${detail}`, { cause });
      this.#fault = { sinceMs: this.#clock.now(), reason };
      this.#firstAnsweredMs = undefined;
      this.#takeTurn();
      this.#tell();
    }
    return true;
  }

  dispose(): void {
    this.#ending?.cancel();
    this.#listeners.clear();
  }

  /** Told of each change. @returns ends it */
  listen(listener: (fault: Fault | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) listener(this.#fault);
  }
}
