/** What is to be done with the entries of a queue now, and when the next thing will be. Pure. */
import { hasEnded, type QueueEntry } from './entry.js';

export interface DueOptions {
  readonly keepDoneMs: number;
  readonly maxEnded: number;
  /** Nothing waits longer between two tries: a moment further away was written before the clock went back. */
  readonly maxDelayMs: number;
}

export interface Due {
  /** The first of each order, where it may be sent. */
  readonly send: readonly QueueEntry[];
  /** Too late. */
  readonly expire: readonly QueueEntry[];
  /** Ended, and shown long enough. */
  readonly sweep: readonly string[];
  /** The next moment (Unix ms) at which something will be due that is not yet. */
  readonly nextMs: number;
}

/** `entries` by `seq`. What `flying` names is on its way: it neither leaves again nor expires, and whoever is behind it waits. */
export function whatIsDue(
  entries: Iterable<QueueEntry>,
  flying: ReadonlySet<string>,
  nowMs: number,
  { keepDoneMs, maxEnded, maxDelayMs }: DueOptions,
): Due {
  const send: QueueEntry[] = [];
  const expire: QueueEntry[] = [];
  const sweep: string[] = [];
  const kept: string[] = [];
  const heads = new Set<string>();
  let nextMs = Infinity;
  for (const entry of entries) {
    // Also one that was given up meanwhile: until its call is over, it may still take effect.
    if (flying.has(entry.key)) {
      heads.add(entry.order);
      continue;
    }
    if (hasEnded(entry)) {
      if (entry.status === 'failed' || entry.status === 'expired') kept.push(entry.key);
      else {
        const untilMs = (entry.endedMs ?? 0) + keepDoneMs;
        if (untilMs <= nowMs) sweep.push(entry.key);
        else nextMs = Math.min(nextMs, untilMs);
      }
      continue;
    }
    if (entry.expiresMs <= nowMs) {
      expire.push(entry);
      continue;
    }
    nextMs = Math.min(nextMs, entry.expiresMs);
    if (heads.has(entry.order)) continue;
    heads.add(entry.order);
    if (entry.retryAtMs <= nowMs || entry.retryAtMs > nowMs + maxDelayMs) send.push(entry);
    else nextMs = Math.min(nextMs, entry.retryAtMs);
  }
  return { send, expire, sweep: [...sweep, ...kept.slice(0, Math.max(0, kept.length - maxEnded))], nextMs };
}
