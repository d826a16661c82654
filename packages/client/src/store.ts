/**
 * What an application observes, in the shape React's `useSyncExternalStore` takes. A `Cell` tells at once (continuity and connection
 * must be known before the data that follows them); a `Batch` folds many changes of large stores into one notification.
 */
import type { Clock } from '@trunkline/base';

/** A value that changes. `get` returns the same identity until the value changed; both functions may be passed around unbound. */
export interface Readable<T> {
  readonly get: () => T;
  /** Calls `listener` after each change, until the returned function is called (idempotent). */
  readonly subscribe: (listener: () => void) => () => void;
}

/** Told of errors in application code that this package ran; never throws. */
export type ReportError = (
  error: unknown,
  context: { readonly where: ErrorPlace; readonly channel?: string },
) => void;

/** Where an error came from: the socket and its frames, a subscription, a channel's decoder, a handler of the application, a server call. */
export type ErrorPlace =
  'transport' | 'connection' | 'subscription' | 'decode' | 'handler' | 'state' | 'call';

/** Listeners of one thing; a throwing one is reported and the rest are still called. */
export class Listeners {
  readonly #listeners = new Set<() => void>();
  readonly #report: ReportError;

  constructor(report: ReportError) {
    this.#report = report;
  }

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: () => void): () => void {
    // Wrapped, so that one function given twice counts twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  notify(): void {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue;
      try {
        listener();
      } catch (error) {
        this.#report(error, { where: 'handler' });
      }
    }
  }
}

export class Cell<T> implements Readable<T> {
  readonly #listeners: Listeners;
  readonly #same: (left: T, right: T) => boolean;
  #value: T;

  constructor(value: T, report: ReportError, same: (left: T, right: T) => boolean = Object.is) {
    this.#value = value;
    this.#listeners = new Listeners(report);
    this.#same = same;
  }

  readonly get = (): T => this.#value;
  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Keeps the old identity where the value is the same. */
  set(value: T): void {
    if (this.#same(this.#value, value)) return;
    this.#value = value;
    this.#listeners.notify();
  }
}

/**
 * When large stores tell. `frame`: with the next frame, at most `FRAME_LIMIT_MS` later in a hidden tab, and at the end of the turn where nothing is
 * drawn. `microtask`: as soon as the code that runs now is done.
 */
export type BatchMode = 'microtask' | 'frame';

const FRAME_LIMIT_MS = 250;

/** Collects flushes; each of them runs once per turn however often it was asked for. */
export class Batch {
  readonly #clock: Clock;
  readonly #mode: BatchMode;
  #waiting = new Set<() => void>();
  #scheduled = false;

  constructor(clock: Clock, mode: BatchMode) {
    this.#clock = clock;
    this.#mode = mode;
  }

  add(flush: () => void): void {
    this.#waiting.add(flush);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      const waiting = this.#waiting;
      this.#waiting = new Set();
      for (const run of waiting) run();
    });
  }

  #schedule(run: () => void): void {
    const frame = (globalThis as { requestAnimationFrame?: (run: () => void) => number })
      .requestAnimationFrame;
    if (this.#mode === 'microtask') return queueMicrotask(run);
    if (typeof frame !== 'function') return void this.#clock.setImmediate(run);
    // A hidden tab draws no frames: the timer is then what runs.
    let done = false;
    const once = (): void => {
      if (done) return;
      done = true;
      timer.cancel();
      run();
    };
    const timer = this.#clock.setTimeout(once, FRAME_LIMIT_MS);
    frame(once);
  }
}
