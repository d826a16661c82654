/**
 * One queued command and what can happen to it, as pure steps over what a store holds: the entry itself and the store's own numbers. A store
 * carries out a step atomically; nothing here waits, sends or tells.
 *
 *   queued ─ begin ─▶ sending ─ reply ─▶ done | failed          queued ─ cancel ─▶ cancelled
 *      ◀─ defer (no reply, or a temporary error) ─┘              queued ─ too late ─▶ expired
 */
import { CodedError } from '@trunkline/protocol';

/** `sending`: on its way now. The last four are ends. */
export type EntryStatus = 'queued' | 'sending' | 'done' | 'failed' | 'expired' | 'cancelled';

export interface QueueEntry {
  /** Idempotency key: the server executes the command once under it. */
  readonly key: string;
  /** Place among all commands of this store. */
  readonly seq: number;
  /** Commands of one order are sent one after another, by `seq`; those of different orders do not wait for each other. */
  readonly order: string;
  readonly method: string;
  /** JSON text; '' once it is done or cancelled. */
  readonly params: string;
  /** Of `params`, as UTF-8. */
  readonly bytes: number;
  /** Shown in the server's logs, the same for every repeat. */
  readonly trace: string;
  readonly createdMs: number;
  /** Not sent from this time on (Unix ms). */
  readonly expiresMs: number;
  readonly status: EntryStatus;
  /** It left at least once without an answer that says what became of it: it may have taken effect. */
  readonly sent: boolean;
  readonly attempts: number;
  /** Not sent again before this time (Unix ms); 0: at once. */
  readonly retryAtMs: number;
  /** What the last attempt, or the end, was about. */
  readonly error?: EntryError;
  /** When it ended (Unix ms). */
  readonly endedMs?: number;
}

/** A code and its message: the server's, or one below 100 where no answer came. */
export interface EntryError {
  readonly code: number;
  readonly message: string;
}

/** The store's own numbers. */
export interface QueueMeta {
  /** Names this store among all; made once. */
  readonly instance: string;
  readonly nextSeq: number;
  /** Entries that have not ended, and the bytes of their params. */
  readonly waiting: number;
  readonly bytes: number;
  /** Who may send until when (Unix ms), where the platform has no locks. */
  readonly lease?: { readonly owner: string; readonly untilMs: number };
}

/** What to write: absent parts stay as they are, `null` takes the entry out. */
export interface Change<R> {
  readonly meta?: QueueMeta;
  readonly entry?: QueueEntry | null;
  readonly result: R;
}

export interface QueueBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export type Draft = Pick<
  QueueEntry,
  'key' | 'order' | 'method' | 'params' | 'bytes' | 'trace' | 'createdMs' | 'expiresMs'
>;

export function newMeta(instance: string): QueueMeta {
  return { instance, nextSeq: 1, waiting: 0, bytes: 0 };
}

export function hasEnded({ status }: QueueEntry): boolean {
  return status !== 'queued' && status !== 'sending';
}

/**
 * Numbers it. An entry of this key that is there already is the answer. Throws a `CodedError`: limit exceeded, naming the bound, or key mismatch where
 * that entry is another command.
 */
export function enqueue(
  meta: QueueMeta,
  present: QueueEntry | undefined,
  draft: Draft,
  { maxEntries, maxBytes }: QueueBounds,
): Change<QueueEntry> {
  if (present !== undefined) {
    // Of what ended well the params are gone; the server still knows them.
    const same = present.params === '' || present.params === draft.params;
    if (present.method !== draft.method || !same) throw new CodedError('keyMismatch');
    return { result: present };
  }
  if (meta.waiting >= maxEntries)
    throw new CodedError('limitExceeded', `the queue holds maxEntries (${maxEntries}) commands`);
  if (meta.bytes + draft.bytes > maxBytes)
    throw new CodedError('limitExceeded', `the queue would hold more than maxBytes (${maxBytes})`);
  const entry: QueueEntry = {
    ...draft,
    seq: meta.nextSeq,
    status: 'queued',
    sent: false,
    attempts: 0,
    retryAtMs: 0,
  };
  return {
    meta: {
      ...meta,
      nextSeq: meta.nextSeq + 1,
      waiting: meta.waiting + 1,
      bytes: meta.bytes + draft.bytes,
    },
    entry,
    result: entry,
  };
}

/** Written before it leaves, so that a crash cannot hide that it may have left. Undefined: it ended, or is too late. */
export function begin(entry: QueueEntry | undefined, nowMs: number): Change<QueueEntry | undefined> {
  if (entry === undefined || hasEnded(entry) || nowMs >= entry.expiresMs) return { result: undefined };
  const begun: QueueEntry = { ...entry, status: 'sending', sent: true, attempts: entry.attempts + 1 };
  return { entry: begun, result: begun };
}

/** Back into the queue. */
export function defer(
  entry: QueueEntry | undefined,
  retryAtMs: number,
  error?: EntryError,
): Change<QueueEntry | undefined> {
  if (entry === undefined || hasEnded(entry)) return { result: entry };
  const deferred: QueueEntry = {
    ...entry,
    status: 'queued',
    retryAtMs,
    ...(error === undefined ? {} : { error }),
  };
  return { entry: deferred, result: deferred };
}

/**
 * The server has seen higher numbers under this name from somebody else: the store is a copy, or an older state, of another one. It counts under a new
 * name from here on, and the command waits as it did.
 */
export function rename(
  meta: QueueMeta,
  entry: QueueEntry | undefined,
  instance: string,
): Change<QueueEntry | undefined> {
  return { ...defer(entry, 0), meta: { ...meta, instance } };
}

/** The end, once: an entry that ended before stays as it is. Undefined: it is not there. */
export function end(
  meta: QueueMeta,
  entry: QueueEntry | undefined,
  status: 'done' | 'failed' | 'expired' | 'cancelled',
  nowMs: number,
  error?: EntryError,
): Change<QueueEntry | undefined> {
  if (entry === undefined || hasEnded(entry)) return { result: entry };
  const { error: _, ...rest } = entry;
  const forgotten = status === 'done' || status === 'cancelled' ? { params: '' } : {};
  const ended: QueueEntry = {
    ...rest,
    ...forgotten,
    status,
    endedMs: nowMs,
    ...(error === undefined ? {} : { error }),
  };
  return {
    meta: { ...meta, waiting: meta.waiting - 1, bytes: meta.bytes - entry.bytes },
    entry: ended,
    result: ended,
  };
}
