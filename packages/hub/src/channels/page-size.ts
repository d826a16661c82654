/**
 * How large the next page of a map may be: as large as its reader takes in a moment. Few large pages spare both sides most of the work between pages; over a slow network a large one would
 * take longer than clients wait for an answer, and hold up everything else of its connection. Pure.
 */

/** What a session of pages knows of the page before. */
export interface PageSent {
  /** What it was allowed to hold. */
  readonly maxBytes: number;
  /** Between its reply and the question for the next one. */
  readonly tookMs: number;
}

/** The first page holds this part of what a page may hold at most. */
const FIRST = 1 / 2;
/** A page that took no longer than this is followed by one of twice the size: over the same network it takes twice as long, far from the 5 s after which stock clients give up. */
const SOON_MS = 500;
/** One that took longer than this, by half of it, down to the size of the first. */
const LATE_MS = 1_000;

/** Bytes of payloads, at least one, at most `maxBytes`. `before` undefined: the first page. */
export function nextPageBytes(maxBytes: number, before: PageSent | undefined): number {
  const least = Math.max(1, Math.floor(maxBytes * FIRST));
  if (before === undefined) return least;
  if (before.tookMs <= SOON_MS) return Math.min(maxBytes, before.maxBytes * 2);
  return before.tookMs > LATE_MS ? Math.max(least, Math.floor(before.maxBytes / 2)) : before.maxBytes;
}
