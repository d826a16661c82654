/**
 * What the inspector shows of a stream channel: publications it received, publications it fetched, and the holes between them, newest first and
 * bounded. Pure, so that pausing, recovery and paging through history are tested without a screen.
 */
export interface LoggedPublication {
  readonly kind: 'publication';
  /** 0: the channel numbers nothing. */
  readonly offset: number;
  /** '': the channel numbers nothing. */
  readonly epoch: string;
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

export type LogItem = LoggedPublication | LoggedHole;
/** `id` is unique in a log and stays with its entry. */
export type Logged = LogItem & { readonly id: number };

export interface Log {
  /** Newest first. */
  readonly entries: readonly Logged[];
  readonly nextId: number;
  /** Received while paused, oldest first; of them the newest `LOG_MAX` are kept. */
  readonly held: readonly LogItem[];
  /** Received while paused and not kept: more came than can be held back. */
  readonly lost: number;
  readonly paused: boolean;
}

export const LOG_MAX = 1_000;
export const EMPTY_LOG: Log = { entries: [], nextId: 1, held: [], lost: 0, paused: false };

export function append(log: Log, item: LogItem): Log {
  return appendAll(log, [item]);
}

/** In the order they came. */
export function appendAll(log: Log, items: readonly LogItem[]): Log {
  if (items.length === 0) return log;
  if (log.paused) {
    const all = [...log.held, ...items];
    return { ...log, held: all.slice(-LOG_MAX), lost: log.lost + Math.max(0, all.length - LOG_MAX) };
  }
  const added = items.map((item, index): Logged => ({ ...item, id: log.nextId + index }));
  return {
    ...log,
    entries: [...added.reverse(), ...log.entries].slice(0, LOG_MAX),
    nextId: log.nextId + items.length,
  };
}

/** Resuming shows what was held back, and says in its place how many could not be; `nowMs` is when. */
export function pause(log: Log, paused: boolean, nowMs: number): Log {
  if (paused === log.paused) return log;
  if (paused) return { ...log, paused };
  const { held, lost } = log;
  const resumed = { ...log, paused, held: [], lost: 0 };
  if (lost === 0) return appendAll(resumed, held);
  // One place is for the word about what is missing, so that it is not itself the first to go.
  const kept = held.slice(-(LOG_MAX - 1));
  const text = lostWords(lost + held.length - kept.length);
  return appendAll(resumed, [
    { kind: 'hole', offset: kept[0]?.offset ?? 0, text, timeMs: nowMs, anew: false },
    ...kept,
  ]);
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
  return { ...log, entries: [], held: [], lost: 0 };
}

/** The lowest numbered publication shown, for fetching what lies before it. */
export function oldestOffset(log: Log): number | undefined {
  const numbered = sinceAnew(log).filter((entry) => entry.kind === 'publication' && entry.offset > 0);
  return numbered.length === 0 ? undefined : Math.min(...numbered.map((entry) => entry.offset));
}

/**
 * Entries that mention every word: in the data, a tag as `name=value`, the publisher, or the offset as `#7`. Holes stay, since what is
 * missing may have matched.
 */
export function narrow(entries: readonly Logged[], search: string): readonly Logged[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return entries;
  return entries.filter((entry) => {
    if (entry.kind === 'hole') return true;
    const text = textOf(entry);
    return words.every((word) => text.includes(word));
  });
}

const texts = new WeakMap<Logged, string>();

/** Made once per entry: a busy channel is searched with every arrival. */
function textOf(entry: Logged & LoggedPublication): string {
  const known = texts.get(entry);
  if (known !== undefined) return known;
  const tags = Object.entries(entry.tags ?? {}).map(([name, value]) => `${name}=${value}`);
  const data = JSON.stringify(entry.data) ?? '';
  const text = [`#${entry.offset}`, entry.publisher ?? '', ...tags, data].join('\n').toLowerCase();
  texts.set(entry, text);
  return text;
}

/** The entries of the channel's present epoch. */
function sinceAnew(log: Log): readonly Logged[] {
  const at = log.entries.findIndex((entry) => entry.kind === 'hole' && entry.anew);
  return at < 0 ? log.entries : log.entries.slice(0, at);
}

function lostWords(lost: number): string {
  return `${lost.toLocaleString('en')} more came while paused than could be held back; the history may still have them`;
}
