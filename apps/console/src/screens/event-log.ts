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
  const shown = new Set(log.events.map(eventKey));
  return {
    ...log,
    held: merge(
      log.held,
      added.filter((event) => !shown.has(eventKey(event))),
    ),
  };
}

export function pauseEvents(log: EventLog, paused: boolean): EventLog {
  if (paused === log.paused) return log;
  return paused ? { ...log, paused } : { events: merge(log.events, log.held), held: [], paused };
}

/** Each node counts its own events. */
export function eventKey({ node = '', seq }: NodeEvent): string {
  return `${node} ${seq}`;
}

/** Events that were not kept between one and the next older one of its node; 0: none, or the next is not shown. */
export function missedBefore(events: readonly NodeEvent[], index: number): number {
  const event = events[index];
  if (!event) return 0;
  for (let at = index + 1; at < events.length; at++) {
    const older = events[at];
    if (older && older.node === event.node) return Math.max(0, event.seq - older.seq - 1);
  }
  return 0;
}

/** Newest first; what happened in one moment in the order of its node. */
function merge(kept: readonly NodeEvent[], added: readonly NodeEvent[]): readonly NodeEvent[] {
  const byKey = new Map([...kept, ...added].map((event) => [eventKey(event), event]));
  return [...byKey.values()]
    .sort(
      (left, right) =>
        right.timeMs - left.timeMs ||
        (left.node === right.node ? right.seq - left.seq : (left.node ?? '') < (right.node ?? '') ? -1 : 1),
    )
    .slice(0, EVENTS_MAX);
}
