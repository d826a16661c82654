/**
 * A question to the server that stays asked: until there is an answer, again when the answer has grown old or something says that it is void, and again when the
 * connection comes back. One call at a time; what comes in between is one more call after it.
 */
import { Backoff, type Timer } from '@trunkline/base';
import type { CodedError } from '@trunkline/protocol';
import { toCodedError } from '../errors.js';
import type { LiveOptions } from './options.js';
import type { LiveClient } from './types.js';

export interface Asked<R> {
  readonly call: () => Promise<R>;
  /** Returns after how many milliseconds the answer is to be asked for again; undefined: never by itself. */
  readonly onAnswer: (answer: R) => number | undefined;
  /** The question goes on being asked: soon after a temporary error, after `maxDelayMs` otherwise. */
  readonly onError: (error: CodedError) => void;
}

export class Asking<R> {
  readonly #options: LiveOptions;
  readonly #asked: Asked<R>;
  readonly #doing: string;
  readonly #backoff: Backoff;
  /** For those who find answers void as soon as they get them. */
  readonly #voids: Backoff;
  readonly #unlisten: () => void;
  #timer: { readonly timer: Timer; readonly dueMs: number } | undefined;
  #calling = false;
  #more = false;
  #failing = false;
  #closed = false;

  constructor(client: LiveClient, options: LiveOptions, doing: string, asked: Asked<R>) {
    this.#options = options;
    this.#asked = asked;
    this.#doing = doing;
    this.#backoff = new Backoff(options.random, options);
    this.#voids = new Backoff(options.random, options);
    let kind = client.state.get().kind;
    this.#unlisten = client.state.subscribe(() => {
      const before = kind;
      kind = client.state.get().kind;
      if (kind === 'connected' && before !== kind && this.#failing) this.now();
    });
    this.now();
  }

  /** Asks at once, or once more after the call that is under way. */
  now(): void {
    if (this.#closed) return;
    this.#cancel();
    if (this.#calling) this.#more = true;
    else void this.#call();
  }

  /** What was answered is not true any more: asks at once the first time, and with growing delays until `settled`. */
  voided(): void {
    if (this.#voids.attempts > 0) return this.#later(this.#voids.next());
    this.#voids.next();
    this.now();
  }

  /** The answer proved good. */
  settled(): void {
    this.#voids.reset();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#unlisten();
  }

  async #call(): Promise<void> {
    this.#calling = true;
    this.#more = false;
    let next: number | undefined;
    try {
      const answer = await this.#asked.call();
      this.#failing = false;
      this.#backoff.reset();
      if (!this.#closed) next = this.#asked.onAnswer(answer);
    } catch (cause) {
      const error = toCodedError(cause, this.#doing);
      this.#failing = true;
      next = error.temporary ? this.#backoff.next() : this.#options.maxDelayMs;
      if (!this.#closed) this.#asked.onError(error);
    }
    this.#calling = false;
    if (this.#closed) return;
    if (this.#more) void this.#call();
    else if (next !== undefined) this.#later(next);
  }

  /** The sooner of two reasons to ask again counts. */
  #later(delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonic() + delayMs;
    if (this.#closed || (this.#timer !== undefined && this.#timer.dueMs <= dueMs)) return;
    this.#cancel();
    this.#timer = { dueMs, timer: clock.setTimeout(() => this.now(), delayMs) };
  }

  #cancel(): void {
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }
}
