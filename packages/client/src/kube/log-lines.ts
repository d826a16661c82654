/**
 * The lines of a log as far as they are kept: the newest, at most so many. Where lines may be missing a mark stands between them. A log that is read again from its
 * tail continues behind the last line that is known, told by the times that the API server writes. Pure.
 */
import type { LogLine } from '@trunkline/contracts/kube';
import type { Position } from '@trunkline/protocol';

/** What one publication of a log channel says. */
export type LogNews =
  | { readonly lines: readonly LogLine[] }
  | { readonly gap: { readonly sinceTime?: string; readonly reason: string } }
  | { readonly end: { readonly reason: string } };

/** `seq` grows from entry to entry and stays with it: a key for whoever draws them. */
export type LogEntry =
  | {
      readonly kind: 'line';
      readonly seq: number;
      /** RFC 3339, as the API server wrote it. */
      readonly time: string | undefined;
      readonly text: string;
    }
  /** Lines around here may be missing. */
  | { readonly kind: 'gap'; readonly seq: number; readonly reason: string };

export interface LogBounds {
  /** Entries kept; of more, the oldest go. Default 10,000. */
  readonly maxLines: number;
  /** Characters of all lines kept. Default 8,388,608. */
  readonly maxChars: number;
}

export class LogLines {
  readonly #bounds: LogBounds;
  #entries: LogEntry[] = [];
  /** Entries before this place were let go. */
  #start = 0;
  #chars = 0;
  #seq = 0;
  #dropped = 0;
  #ended: string | undefined;
  #at: Position | undefined;
  /** Of the newest line, and the texts of all lines at that time. */
  #newest: { readonly time: string; readonly texts: string[] } | undefined;
  #snapshot: readonly LogEntry[] | undefined;

  constructor(bounds: LogBounds) {
    this.#bounds = bounds;
  }

  /** Entries that were let go. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why no more lines come; undefined while they may. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** The same array until something came. */
  snapshot(): readonly LogEntry[] {
    return (this.#snapshot ??= this.#entries.slice(this.#start));
  }

  apply(news: LogNews, position: Position | undefined): void {
    this.#at = position ?? this.#at;
    if ('lines' in news) for (const line of news.lines) this.#line(line);
    else if ('gap' in news) this.#mark(news.gap.reason);
    else this.#end(news.end.reason);
  }

  /** All that the channel has kept, as of `position`: continues where this stands. */
  load(
    publications: readonly { readonly offset: number; readonly news: LogNews }[],
    position: Position,
  ): void {
    const at = this.#at;
    this.#at = position;
    if (at !== undefined && at.epoch === position.epoch) {
      const missed = publications.filter(({ offset }) => offset > at.offset);
      const from = missed[0]?.offset ?? position.offset + 1;
      if (from > at.offset + 1) this.#mark('lines were lost on the way');
      for (const { news } of missed) this.apply(news, undefined);
      return;
    }
    const newest = this.#newest;
    if (newest === undefined) {
      for (const { news } of publications) this.apply(news, undefined);
      return;
    }
    this.#continue(
      publications.map(({ news }) => news),
      newest,
    );
  }

  /** Another reading of the same log: what is known of it is left out, and unless it reaches back that far, something is missing. */
  #continue(all: readonly LogNews[], newest: { readonly time: string; readonly texts: string[] }): void {
    const texts = [...newest.texts];
    let reaches = false;
    const isKnown = ({ time, text }: LogLine): boolean => {
      if (time === undefined) return false;
      const order = compareTimes(time, newest.time);
      if (order > 0) return false;
      reaches = true;
      const place = order === 0 ? texts.indexOf(text) : 0;
      if (order === 0 && place >= 0) texts.splice(place, 1);
      return place >= 0;
    };
    const fresh = all.map((news) =>
      'lines' in news ? { lines: news.lines.filter((line) => !isKnown(line)) } : news,
    );
    if (!reaches) this.#mark('the log was opened anew');
    for (const news of fresh) this.apply(news, undefined);
  }

  #line({ time, text }: LogLine): void {
    this.#ended = undefined;
    this.#push({ kind: 'line', seq: this.#seq++, time, text });
    if (time === undefined) return;
    if (this.#newest?.time === time) this.#newest.texts.push(text);
    else this.#newest = { time, texts: [text] };
  }

  #mark(reason: string): void {
    if (this.#entries.length === this.#start) return;
    // One mark for what is one hole.
    if (this.#entries.at(-1)?.kind !== 'gap') this.#push({ kind: 'gap', seq: this.#seq++, reason });
  }

  #end(reason: string): void {
    this.#ended = reason;
  }

  #push(entry: LogEntry): void {
    this.#entries.push(entry);
    this.#chars += sizeOf(entry);
    this.#snapshot = undefined;
    const { maxLines, maxChars } = this.#bounds;
    while (
      this.#entries.length - this.#start > maxLines ||
      (this.#chars > maxChars && this.#entries.length - this.#start > 1)
    ) {
      this.#chars -= sizeOf(this.#entries[this.#start] as LogEntry);
      this.#start++;
      this.#dropped++;
    }
    if (this.#start > 1_000 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }
}

function sizeOf(entry: LogEntry): number {
  return entry.kind === 'line' ? entry.text.length : entry.reason.length;
}

/** Of two RFC 3339 times with any number of digits behind the point. */
export function compareTimes(left: string, right: string): number {
  const [a, b] = [instantOf(left), instantOf(right)];
  return a.second - b.second || (a.fraction < b.fraction ? -1 : a.fraction > b.fraction ? 1 : 0);
}

function instantOf(time: string): { readonly second: number; readonly fraction: string } {
  const [, fraction = ''] = /\.(\d+)/.exec(time) ?? [];
  return { second: Date.parse(time.replace(/\.\d+/, '')), fraction: fraction.padEnd(9, '0') };
}
