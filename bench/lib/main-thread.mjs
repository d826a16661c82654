/**
 * Delays of this process's main thread, and what they were made of. A timer of 2 ms notes how late it is; the kernel's accounts of the thread (schedstat, Linux) say how much of that time
 * the thread ran itself, and how much it was ready and waited for a processor, which is the work of others. The rest it slept: idle, or waiting for helpers of its own, as in parts
 * of a garbage collection. Pauses of collections are noted beside it; what of them ran in the thread is in its own time as well.
 */
import { openSync, readSync } from 'node:fs';
import { performance, PerformanceObserver } from 'node:perf_hooks';
import { quantile } from './statistics.mjs';

const EVERY_MS = 2;
/** So many of the longest delays are answered with their parts. */
const LONGEST = 5;

/** Reads how long the main thread has run, and has waited for a processor, in milliseconds; undefined where the system does not say. */
function openAccounts() {
  const buffer = Buffer.alloc(128);
  let file;
  try {
    file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return undefined;
  }
  return () => {
    const [run, wait] = buffer.latin1Slice(0, readSync(file, buffer, 0, buffer.length, 0)).split(' ');
    return { runMs: Number(run) / 1e6, waitMs: Number(wait) / 1e6 };
  };
}

/**
 * Begins at once, and keeps the process alive. @returns `take`: what was found since the last call, in milliseconds: `{p50, p99, max}` of the delays; the same of what the thread ran in
 * them (`own`, undefined where that is not known); `gc`; and the longest delays with their parts, `atMs` since the process began.
 */
export function watchMainThread() {
  const accounts = openAccounts();
  let found = empty();
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) found.pauses.push({ startTime, duration });
  }).observe({ entryTypes: ['gc'] });

  const now = () => ({ at: performance.now(), ...(accounts?.() ?? { runMs: 0, waitMs: 0 }) });
  let from = now();
  const look = () => {
    const to = now();
    const lateMs = Math.max(0, to.at - from.at - EVERY_MS);
    const runMs = to.runMs - from.runMs;
    found.late.push(lateMs);
    found.own.push(Math.min(lateMs, runMs));
    if (lateMs > EVERY_MS)
      found.long.push({ lateMs, runMs, waitMs: to.waitMs - from.waitMs, from: from.at, to: to.at });
    from = to;
  };
  setInterval(look, EVERY_MS);

  return {
    take() {
      look();
      const { late, own, long, pauses } = found;
      found = empty();
      const durations = pauses.map(({ duration }) => duration);
      return {
        ...summary(late),
        own: accounts && summary(own),
        gc: { pauses: pauses.length, totalMs: sum(durations), maxMs: Math.max(0, ...durations) },
        longest: long
          .sort((left, right) => right.lateMs - left.lateMs)
          .slice(0, LONGEST)
          .map(({ lateMs, runMs, waitMs, from: begin, to: end }) => {
            const inside = pauses.filter(({ startTime }) => startTime >= begin && startTime <= end);
            const gcMs = sum(inside.map(({ duration }) => duration));
            return { atMs: begin, lateMs, gcMs, ...(accounts && { runMs, waitMs }) };
          }),
      };
    },
  };
}

function empty() {
  return { late: [], own: [], long: [], pauses: [] };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function summary(values) {
  const sorted = values.sort((left, right) => left - right);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? 0 };
}
