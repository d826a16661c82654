/** Moves the connections of a node away in stages: those that can are advised and go by themselves, the others are closed a share at a time. */
import type { Clock } from '@trunkline/base';
import { closeOf } from '@trunkline/protocol';
import type { LineSession } from './line-session.js';
import type { Session } from './session.js';

export interface DrainOptions {
  /** Time in which connections are advised and closed. */
  readonly windowMs: number;
  /** Connections closed per second at most. */
  readonly ratePerSecond: number;
}

/** This often a share of the connections is closed. */
const STEP_MS = 100;

/** Resolves when none is left or the window is over; the rest is closed at once then. `sessions` is looked at anew in each step. */
export async function drainSessions(
  clock: Clock,
  sessions: ReadonlySet<Session | LineSession>,
  { windowMs, ratePerSecond }: DrainOptions,
): Promise<void> {
  const adviceMs = windowMs / 2;
  const advised = [...sessions].filter((session) => session.client?.can('drain'));
  for (const session of advised) session.client?.push({ kind: 'drain', withinMs: adviceMs });
  const startMs = clock.monotonic();
  const perStep = Math.max(1, Math.ceil((ratePerSecond * STEP_MS) / 1000));
  while (sessions.size > 0 && clock.monotonic() - startMs < windowMs) {
    // Who was advised has the first half of the window to move by itself.
    const early = clock.monotonic() - startMs < adviceMs;
    let closed = 0;
    for (const session of sessions) {
      // Told already: it only waits for its peer's answer.
      if (!session.open) continue;
      if (early && session.client?.can('drain')) continue;
      if (closed++ >= perStep) break;
      session.close(closeOf('shutdown'));
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, STEP_MS));
  }
  for (const session of sessions) session.close(closeOf('shutdown'));
}
