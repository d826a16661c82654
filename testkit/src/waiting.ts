/** Real time for system tests: waiting for a fact, never for a guess of how long it takes. */
import { createSystemClock, sleep, type Clock } from '@trunkline/base';

/** The wall clock of system tests. */
export const clock: Clock = createSystemClock();

/** Resolves after `ms` milliseconds of real time. */
export function wait(ms: number): Promise<void> {
  return sleep(clock, ms);
}

/** Resolves with the first truthy answer of `probe`; rejects after `timeoutMs` (default 5,000) naming `what`. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 5_000,
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
