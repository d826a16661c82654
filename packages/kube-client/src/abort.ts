/**
 * Cancelling and waiting. Signals are linked by hand: `AbortSignal.any` on Node 20 keeps its results alive as long as the longest-lived of its sources, and a
 * reflector's signal lives for days.
 */
import type { Clock, Timer } from '@trunkline/base';

export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Cuts the link; call it when the work is over. */
  release(): void;
}

/** The signal of what nobody cancels. Not to be listened to for long: it lives as long as the process. */
export const NEVER: AbortSignal = new AbortController().signal;

/** A controller that follows `parent` until it is released. */
export function linkAbort(parent: AbortSignal | undefined): LinkedAbort {
  const controller = new AbortController();
  const follow = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => parent?.removeEventListener('abort', follow),
  };
}

/** Resolves after `delayMs`, or rejects with the signal's reason; leaves no timer behind either way. */
export function delay(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return waited((run) => clock.setTimeout(run, delayMs), signal);
}

/** Lets everything else that is due run. Rejects with the signal's reason; leaves no timer behind. */
export function nextTurn(clock: Clock, signal: AbortSignal): Promise<void> {
  return waited((run) => clock.setImmediate(run), signal);
}

function waited(start: (run: () => void) => Timer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = start(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Runs work that pauses by yielding: each part in a turn of its own, the first one at once. Rejects as `nextTurn` does; the work is ended then. */
export async function inTurns<T>(
  work: Generator<undefined, T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  try {
    for (let part = work.next(); ; part = work.next()) {
      if (part.done === true) return part.value;
      await nextTurn(clock, signal);
    }
  } finally {
    work.return(undefined as never);
  }
}

/** `promise`, or a rejection with the signal's reason as soon as that is aborted. The promise itself goes on; a late rejection of it is swallowed. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
