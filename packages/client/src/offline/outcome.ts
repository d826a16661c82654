/** How a queued command ended, as a value: a conflict or a refusal is nothing exceptional for a command that was written hours ago. */
import { CodedError, type Position } from '@trunkline/protocol';
import type { CommandResult } from '../rpc.js';
import type { EntryError, QueueEntry } from './entry.js';

export type Outcome<R = unknown> =
  /** It took effect, once. `result` is undefined on pages that did not send it and were not awake to be told. */
  | {
      readonly status: 'done';
      readonly result: R | undefined;
      readonly position?: Position & { readonly channel: string };
    }
  /** The server refused it for good. */
  | { readonly status: 'failed'; readonly error: EntryError }
  /** Its time ran out, or it was cancelled. `uncertain`: it had left before and no answer came, so it may have taken effect. */
  | { readonly status: 'expired' | 'cancelled'; readonly uncertain: boolean }
  /** It ended while this page slept, and nothing is left of it; or there never was one; or the queue was disposed. */
  | { readonly status: 'unknown' };

/** What the entry alone says; undefined while it has not ended. */
export function outcomeOf(entry: QueueEntry): Outcome | undefined {
  switch (entry.status) {
    case 'queued':
    case 'sending':
      return undefined;
    case 'done':
      return { status: 'done', result: undefined };
    case 'failed':
      return { status: 'failed', error: entry.error ?? { code: 100, message: 'internal server error' } };
    case 'expired':
    case 'cancelled':
      return { status: entry.status, uncertain: entry.sent };
  }
}

/** Codes of ends that no server spoke of; they exist only on this side. */
const ENDS = { expired: 20, cancelled: 21, unknown: 22 } as const;

/** For those who want a result or an error: throws a `CodedError`, the server's code or one of 20 (expired), 21 (cancelled), 22 (unknown). */
export function resultOf<R>(outcome: Outcome<R>): CommandResult<R> {
  const { status } = outcome;
  if (status === 'done') {
    const { result, position } = outcome;
    return { result: result as R, ...(position ? { position } : {}) };
  }
  if (status === 'failed') throw new CodedError({ ...outcome.error, retry: 'never' });
  const doubt = status !== 'unknown' && outcome.uncertain ? ', and it may have taken effect' : '';
  throw new CodedError({
    code: ENDS[status],
    message: `the queued command is ${status}${doubt}`,
    retry: 'never',
  });
}
