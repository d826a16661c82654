/**
 * One open watch: first the objects that are there (where asked for), then changes, read from the collection's log by a cursor. A slow
 * reader has no queue here: it falls behind in the log, and when the log has moved past it, it gets the 410 that a real server sends.
 * Selectors turn changes into ADDED, MODIFIED or DELETED as seen through them.
 */
import type { Clock, Timer } from '@trunkline/base';
import { inNamespace, type Collection } from '../cluster/collection.js';
import type { Change, ChangeType } from '../cluster/event-log.js';
import type { Stored } from '../cluster/stored.js';
import type { Representation } from '../http/representation.js';
import type { Selection } from '../http/selection.js';
import { tooOldVersion, type Status } from '../model/status.js';
import type { Sink } from './sink.js';

export interface WatchPlan {
  readonly selection: Selection;
  readonly representation: Representation;
  /** The version that the client knows; undefined: it knows nothing and gets what is there first. */
  readonly from: number | undefined;
  /** Marks the end of the initial objects by an annotated bookmark. */
  readonly announceInitialEnd: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

export interface WatchTiming {
  readonly bookmarkIntervalMs: number;
  readonly bookmarkBeforeEndMs: number;
}

export const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
/** Text gathered before it is written. */
const SLICE_CHARS = 64 * 1024;

export class WatchStream {
  readonly #clock: Clock;
  readonly #collection: Collection;
  readonly #plan: WatchPlan;
  readonly #timing: WatchTiming;
  readonly #sink: Sink;
  readonly #currentVersion: () => number;
  readonly #endsAt: number;
  #initial: { readonly items: readonly Stored[]; readonly version: number; at: number } | undefined;
  #cursor: number;
  #first = true;
  #blocked = false;
  #silent = false;
  #over = false;
  #scheduled = false;
  #truncate: 'end' | 'cut' | undefined;
  #lastLine: string | undefined;
  #stopListening: () => void = () => undefined;
  #timers: Timer[] = [];
  readonly #onOver: () => void;

  /** Throws a 410 where the log does not reach back to `plan.from`; callers that have answered already write it into the stream (`expire`). */
  constructor(
    clock: Clock,
    collection: Collection,
    currentVersion: () => number,
    plan: WatchPlan,
    timing: WatchTiming,
    sink: Sink,
    onOver: () => void,
  ) {
    this.#clock = clock;
    this.#collection = collection;
    this.#currentVersion = currentVersion;
    this.#plan = plan;
    this.#timing = timing;
    this.#sink = sink;
    this.#onOver = onOver;
    this.#endsAt = clock.monotonic() + plan.timeoutMs;
    this.#cursor = collection.log.next;
    if (plan.from !== undefined) this.#cursor = collection.log.after(plan.from) ?? -1;
    else {
      const items = inNamespace(collection.sorted(), plan.selection.namespace);
      this.#initial = { items, version: currentVersion(), at: 0 };
    }
  }

  start(): void {
    this.#sink.listen({
      onDrain: () => {
        this.#blocked = false;
        this.#pump();
      },
      onClosed: () => this.#close(),
    });
    this.#stopListening = this.#collection.listen(() => this.#wake());
    this.#timers.push(this.#clock.setTimeout(() => this.end(), this.#plan.timeoutMs));
    if (this.#plan.bookmarks) this.#scheduleBookmark();
    this.#pump();
  }

  /** Ends the stream in order, as the server does when its time is over. */
  end(): void {
    if (this.#over || this.#silent) return;
    this.#sink.end();
    this.#close();
  }

  cut(): void {
    this.#sink.cut();
    this.#close();
  }

  /** Writes an ERROR event and ends. */
  fail(status: Status): void {
    if (this.#over || this.#silent) return;
    this.#sink.write([`{"type":"ERROR","object":${JSON.stringify(status)}}`]);
    this.end();
  }

  /** Says nothing any more, and does not close either. */
  silence(): void {
    this.#silent = true;
  }

  /** The next event is cut in its middle; the stream then ends or breaks. */
  truncateNext(then: 'end' | 'cut'): void {
    this.#truncate = then;
  }

  /** Sends the last event again. False where there was none. */
  repeatLast(): boolean {
    if (this.#lastLine === undefined || this.#over || this.#silent) return false;
    this.#sink.write([this.#lastLine]);
    return true;
  }

  /** Changes of one turn leave in one write. */
  #wake(): void {
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.#over && !this.#silent && !this.#blocked) {
      const lines = this.#gather();
      if (lines.length === 0) break;
      this.#send(lines);
    }
    if (!this.#blocked && this.#isGone())
      this.fail(tooOldVersion(this.#plan.from ?? 0, this.#collection.log.floor).status);
  }

  #isGone(): boolean {
    return this.#initial === undefined && this.#collection.log.isGone(this.#cursor);
  }

  /** Lines for one write; empty when there is nothing to say, or what there was is gone. */
  #gather(): string[] {
    const lines: string[] = [];
    for (let size = 0; size < SLICE_CHARS;) {
      const line = this.#initial === undefined ? this.#nextChange() : this.#nextInitial(this.#initial);
      if (line === undefined) break;
      lines.push(line);
      size += line.length;
    }
    return lines;
  }

  #nextInitial(initial: {
    readonly items: readonly Stored[];
    readonly version: number;
    at: number;
  }): string | undefined {
    while (initial.at < initial.items.length) {
      const stored = initial.items[initial.at++];
      if (stored !== undefined && this.#plan.selection.matches(stored)) return this.#line('ADDED', stored);
    }
    this.#initial = undefined;
    if (!this.#plan.announceInitialEnd) return this.#nextChange();
    return this.#bookmarkLine(initial.version, { [INITIAL_EVENTS_END]: 'true' });
  }

  #nextChange(): string | undefined {
    const { log } = this.#collection;
    for (let change = log.at(this.#cursor); change !== undefined; change = log.at(this.#cursor)) {
      this.#cursor++;
      const seen = this.#see(change);
      if (seen !== undefined) return this.#line(seen.type, seen.stored);
    }
    return undefined;
  }

  /** The change as it looks through the selectors; undefined where it is none. */
  #see({ type, version, current, previous }: Change): { type: ChangeType; stored: Stored } | undefined {
    const { namespace, matches } = this.#plan.selection;
    if (namespace !== '' && current.object.metadata.namespace !== namespace) return undefined;
    // A client that knows a version of the future is told what comes after that version.
    if (version <= (this.#plan.from ?? 0)) return undefined;
    const was = previous !== undefined && matches(previous);
    if (type === 'DELETED') return was ? { type, stored: current } : undefined;
    if (matches(current)) return { type: was ? 'MODIFIED' : 'ADDED', stored: current };
    return was ? { type: 'DELETED', stored: previous.withVersion(version) } : undefined;
  }

  #line(type: ChangeType, stored: Stored): string {
    const object = this.#plan.representation.one(stored, this.#first);
    this.#first = false;
    return `{"type":"${type}","object":${object}}`;
  }

  #bookmarkLine(version: number, annotations?: Readonly<Record<string, string>>): string {
    return `{"type":"BOOKMARK","object":${this.#plan.representation.bookmark(version, annotations)}}`;
  }

  #send(lines: readonly string[]): void {
    if (this.#truncate !== undefined) {
      const [line = ''] = lines;
      const isOrderly = this.#truncate === 'end';
      this.#close();
      this.#sink.writePart(line.slice(0, line.length >> 1), () => {
        if (isOrderly) this.#sink.end();
        else this.#sink.cut();
      });
      return;
    }
    this.#lastLine = lines.at(-1);
    if (!this.#sink.write(lines)) this.#blocked = true;
  }

  #scheduleBookmark(): void {
    const left = this.#endsAt - this.#timing.bookmarkBeforeEndMs - this.#clock.monotonic();
    if (left <= 0) return;
    const timer = this.#clock.setTimeout(
      () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
        // Whoever has not got everything must not be told that this is how far they are.
        if (!this.#blocked && !this.#silent && this.#initial === undefined) {
          this.#pump();
          if (!this.#over && !this.#blocked) this.#sink.write([this.#bookmarkLine(this.#currentVersion())]);
        }
        if (!this.#over) this.#scheduleBookmark();
      },
      Math.min(left, this.#timing.bookmarkIntervalMs),
    );
    this.#timers.push(timer);
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopListening();
    for (const timer of this.#timers) timer.cancel();
    this.#onOver();
  }
}
