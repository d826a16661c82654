/**
 * Time as a port. Everything below `apps/` takes a `Clock`, so that tests and the simulation own time. Two readings exist
 * on purpose: `now` is wall time (may jump), `monotonic` only moves forward and is what deadlines and intervals use.
 */

/** A scheduled call. `cancel` is idempotent and safe after the call ran. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, Unix milliseconds. May jump either way. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic(): number;
  /** Calls `run` once, not before `delayMs` have passed. Never keeps the process alive by itself. */
  setTimeout(run: () => void, delayMs: number): Timer;
  /** Calls `run` at the end of the current turn of the event loop (after I/O callbacks already queued). */
  setImmediate(run: () => void): Timer;
}

/** The largest delay a platform timer takes (2^31 - 1 ms); longer ones fire at once, so they are cut here. */
const MAX_TIMER_MS = 2_147_483_647;

/** The platform's clock. Timers are unreferenced where the platform can (Node). */
export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    setTimeout: (run, delayMs) => {
      const handle = setTimeout(run, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
      unref(handle);
      return { cancel: () => clearTimeout(handle) };
    },
    setImmediate: (run) => {
      if (typeof setImmediate === 'function') {
        const handle = setImmediate(run);
        return { cancel: () => clearImmediate(handle) };
      }
      const handle = setTimeout(run, 0);
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

function unref(handle: unknown): void {
  if (typeof handle === 'object' && handle !== null && 'unref' in handle && typeof handle.unref === 'function') {
    handle.unref();
  }
}

/** Repeats `run` every `intervalMs` until cancelled; the next turn is scheduled after `run` returned, so turns never overlap. */
export function every(clock: Clock, intervalMs: number, run: () => void): Timer {
  let cancelled = false;
  let timer: Timer;
  const turn = (): void => {
    if (cancelled) return;
    timer = clock.setTimeout(turn, intervalMs);
    run();
  };
  timer = clock.setTimeout(turn, intervalMs);
  return {
    cancel: () => {
      cancelled = true;
      timer.cancel();
    },
  };
}

/** Resolves after `delayMs`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, delayMs));
}
