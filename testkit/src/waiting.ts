/** Real time for system tests: waiting for a fact, never for a guess of how long it takes. */
import { createSystemClock, sleep, type Clock } from '@trunkline/base';

/** The wall clock of system tests. */
export const clock: Clock = createSystemClock();

/** Resolves after `ms` milliseconds of real time. */
export function wait(ms: number): Promise<void> {
  return sleep(clock, ms);
}

/** How long a fact may take that is there at once on a machine with nothing else to do. Only failures wait that long. */
export const PATIENCE_MS = 45_000;

/** Resolves with the first truthy answer of `probe`; rejects after `timeoutMs` (default 45,000) naming `what`. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = PATIENCE_MS,
  everyMs = 20,
): Promise<NonNullable<T>> {
  const deadline = clock.monotonic() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (clock.monotonic() > deadline) throw new Error(`${what}: did not happen within ${timeoutMs} ms`);
    await wait(everyMs);
  }
}
