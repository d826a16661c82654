/**
 * The feed's list of events: those asked for and those that arrived, each once, newest first and bounded; what is known to be missing is
 * said in its place. Pure.
 */
import type { NodeEvent } from '@trunkline/contracts/node';

export interface EventLog {
  /** Newest first. */
  readonly events: readonly NodeEvent[];
  /** What arrived while the list stood still, newest first; at most `EVENTS_MAX`. */
  readonly held: readonly NodeEvent[];
  readonly paused: boolean;
}

export const EVENTS_MAX = 1_000;
export const EMPTY_EVENTS: EventLog = { events: [], held: [], paused: false };

/** In any order, repeats included. While paused they are held back. */
export function addEvents(log: EventLog, added: readonly NodeEvent[]): EventLog {
  if (!log.paused) return { ...log, events: merge(log.events, added) };
  const shown = new Set(log.events.map((event) => event.seq));
  return {
    ...log,
    held: merge(
      log.held,
      added.filter((event) => !shown.has(event.seq)),
    ),
  };
}

export function pauseEvents(log: EventLog, paused: boolean): EventLog {
  if (paused === log.paused) return log;
  return paused ? { ...log, paused } : { events: merge(log.events, log.held), held: [], paused };
}

/** Events that were not kept between one and the next older one; 0: none, or the next is not shown. */
export function missedBefore(events: readonly NodeEvent[], index: number): number {
  const event = events[index];
  const older = events[index + 1];
  return event && older ? event.seq - older.seq - 1 : 0;
}

function merge(kept: readonly NodeEvent[], added: readonly NodeEvent[]): readonly NodeEvent[] {
  const bySeq = new Map([...kept, ...added].map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((left, right) => right.seq - left.seq).slice(0, EVENTS_MAX);
}
