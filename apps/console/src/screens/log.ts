/**
 * What the inspector shows of a stream channel: publications it received, publications it fetched, and the holes between them, newest first and
 * bounded. Pure, so that pausing, recovery and paging through history are tested without a screen.
 */
export interface LoggedPublication {
  readonly kind: 'publication';
  /** 0: the channel numbers nothing. */
  readonly offset: number;
  readonly data: unknown;
  readonly binary?: boolean | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Unix ms: when the server accepted it, or when it came here where the server does not say. */
  readonly timeMs?: number | undefined;
  readonly publisher?: string | undefined;
  readonly live: boolean;
}

export interface LoggedHole {
  readonly kind: 'hole';
  /** Where in the order it stands: the offset before which something is missing. */
  readonly offset: number;
  readonly text: string;
  readonly timeMs: number;
  /** The channel began anew here: offsets above and below cannot be compared. */
  readonly anew: boolean;
}

/** `id` is unique in a log and stays with its entry. */
export type Logged = (LoggedPublication | LoggedHole) & { readonly id: number };

export interface Log {
  /** Newest first. */
  readonly entries: readonly Logged[];
  readonly nextId: number;
  /** Received while paused, oldest first; of them at most `LOG_MAX` are kept. */
  readonly held: readonly (LoggedPublication | LoggedHole)[];
  readonly paused: boolean;
}

export const LOG_MAX = 1_000;
export const EMPTY_LOG: Log = { entries: [], nextId: 1, held: [], paused: false };

export function append(log: Log, item: LoggedPublication | LoggedHole): Log {
  if (log.paused) return { ...log, held: [...log.held, item].slice(-LOG_MAX) };
  return {
    ...log,
    entries: [{ ...item, id: log.nextId }, ...log.entries].slice(0, LOG_MAX),
    nextId: log.nextId + 1,
  };
}

export function pause(log: Log, paused: boolean): Log {
  if (paused === log.paused) return log;
  return paused ? { ...log, paused } : log.held.reduce(append, { ...log, paused, held: [] });
}

/** Adds fetched publications (any order) where they belong; one that is there already is not repeated. */
export function addHistory(log: Log, fetched: readonly LoggedPublication[]): Log {
  const present = sinceAnew(log);
  const known = new Set(present.filter((entry) => entry.kind === 'publication').map((entry) => entry.offset));
  const added = fetched
    .filter((one) => !known.has(one.offset))
    .map((one, index): Logged => ({ ...one, id: log.nextId + index }));
  if (added.length === 0) return log;
  const ordered = [...present, ...added].sort(
    (left, right) => right.offset - left.offset || right.id - left.id,
  );
  const entries = [...ordered, ...log.entries.slice(present.length)].slice(0, LOG_MAX);
  return { ...log, entries, nextId: log.nextId + added.length };
}

/** Forgets everything shown; what comes next is shown again. */
export function clear(log: Log): Log {
  return { ...log, entries: [], held: [] };
}

/** The lowest numbered publication shown, for fetching what lies before it. */
export function oldestOffset(log: Log): number | undefined {
  const numbered = sinceAnew(log).filter((entry) => entry.kind === 'publication' && entry.offset > 0);
  return numbered.length === 0 ? undefined : Math.min(...numbered.map((entry) => entry.offset));
}

/** The entries of the channel's present epoch. */
function sinceAnew(log: Log): readonly Logged[] {
  const at = log.entries.findIndex((entry) => entry.kind === 'hole' && entry.anew);
  return at < 0 ? log.entries : log.entries.slice(0, at);
}
