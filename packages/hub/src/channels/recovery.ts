/** The recovery decision, pure: what a reader at a position gets, given what its origin returned. All or nothing (spec REC-1). */
import type { HistoryOutcome } from '@trunkline/broker';
import type { Payload, Position, Publication } from '@trunkline/protocol';
import type { UnrecoveredReason } from '../ports/diagnosis.js';

export interface RecoveryLimits {
  readonly maxPublications: number;
  readonly maxBytes: number;
}

export type Recovery =
  | { readonly recovered: true; readonly publications: readonly Publication[] }
  | { readonly recovered: false; readonly reason: UnrecoveredReason };

/**
 * `history` must have been read after `since` with a limit of at least `maxPublications + 1`. An empty epoch stands for "whatever it is
 * now" and is accepted only from the very start (offset 0): a client that never saw the channel.
 */
export function decideRecovery(since: Position, history: HistoryOutcome, limits: RecoveryLimits): Recovery {
  const { position: top } = history;
  const sameEpoch = since.epoch === top.epoch || (since.epoch === '' && since.offset === 0);
  if (!sameEpoch) return { recovered: false, reason: 'epoch' };
  if (since.offset > top.offset) return { recovered: false, reason: 'ahead' };
  const missed = history.publications.filter((publication) => publication.offset > since.offset);
  if (since.offset === top.offset) return { recovered: true, publications: [] };
  if (top.offset - since.offset > limits.maxPublications) return { recovered: false, reason: 'limit' };
  if (!contiguous(missed, since.offset, top.offset)) return { recovered: false, reason: 'trimmed' };
  let bytes = 0;
  for (const publication of missed) bytes += byteLength(publication.data);
  return bytes > limits.maxBytes
    ? { recovered: false, reason: 'limit' }
    : { recovered: true, publications: missed };
}

function byteLength(data: Payload): number {
  return typeof data === 'string' ? utf8.encode(data).length : data.length;
}

const utf8 = new TextEncoder();

/** Whether offsets run from `after + 1` to `top` without a hole. */
export function contiguous(publications: readonly Publication[], after: number, top: number): boolean {
  if (publications.length !== top - after) return false;
  return publications.every((publication, index) => publication.offset === after + 1 + index);
}

/** Cache recovery: only the newest publication counts; nothing is missed as long as the reader ends with it. */
export function decideCacheRecovery(since: Position, history: HistoryOutcome): Recovery {
  const newest = history.publications.at(-1);
  const current = since.epoch === history.position.epoch && since.offset === history.position.offset;
  if (current) return { recovered: true, publications: [] };
  return newest && newest.offset === history.position.offset
    ? { recovered: true, publications: [newest] }
    : { recovered: false, reason: 'trimmed' };
}
