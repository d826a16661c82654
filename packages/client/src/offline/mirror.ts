/**
 * What this page knows of the store: all entries, kept in step with its own changes at once and with those of other pages by reading again. It turns
 * them into the state that a UI shows, and settles who waits for the end of a command.
 */
import { Listeners, type Readable, type ReportError } from '../store.js';
import { hasEnded, type EntryStatus, type QueueEntry } from './entry.js';
import { outcomeOf, type Outcome } from './outcome.js';
import type { QueueStore } from './store.js';

/** Why nothing is sent now: no connection; the server reads no idempotency keys, so that nothing could safely be repeated; the store fails. */
export type WaitsFor = 'connection' | 'keys' | 'store';

export interface QueueState {
  /** The store was read. */
  readonly loaded: boolean;
  /** By `seq`. Done and cancelled ones stay for a moment, failed and expired ones until dismissed. */
  readonly entries: readonly QueueEntry[];
  readonly counts: Readonly<Record<EntryStatus, number>>;
  /** Bytes of params that wait. */
  readonly bytes: number;
  /** Absent while nothing is in the way. */
  readonly waitsFor?: WaitsFor;
}

const NO_COUNTS = { queued: 0, sending: 0, done: 0, failed: 0, expired: 0, cancelled: 0 };

export class Mirror {
  readonly state: Readable<QueueState>;
  readonly #store: QueueStore;
  readonly #schedule: (flush: () => void) => void;
  readonly #listeners: Listeners;
  readonly #waiting = new Map<string, Set<(outcome: Outcome) => void>>();
  #entries = new Map<string, QueueEntry>();
  #snapshot: QueueState = { loaded: false, entries: [], counts: NO_COUNTS, bytes: 0 };
  #dirty = false;
  #loaded = false;
  #waitsFor: WaitsFor | undefined;
  #instance = '';
  /** For each reading under way, what changed here since it began: there this page knows better. */
  readonly #readings = new Set<Set<string>>();

  constructor(store: QueueStore, schedule: (flush: () => void) => void, report: ReportError) {
    this.#store = store;
    this.#schedule = schedule;
    this.#listeners = new Listeners(report);
    this.state = { get: () => this.#show(), subscribe: (listener) => this.#listeners.add(listener) };
  }

  /** By `seq`. */
  get entries(): Iterable<QueueEntry> {
    return this.#entries.values();
  }

  find(key: string): QueueEntry | undefined {
    return this.#entries.get(key);
  }

  /** Who counts the commands; '' before the store was read. */
  get instance(): string {
    return this.#instance;
  }

  get waitsFor(): WaitsFor | undefined {
    return this.#waitsFor;
  }

  setWaitsFor(waitsFor: WaitsFor | undefined): void {
    if (this.#waitsFor === waitsFor) return;
    this.#waitsFor = waitsFor;
    this.#touch();
  }

  /** Reads the store. Rejects where the store does. */
  async reload(): Promise<void> {
    const changed = new Set<string>();
    this.#readings.add(changed);
    try {
      const { meta, entries } = await this.#store.load();
      this.#instance = meta.instance;
      this.#replace(entries, changed);
    } finally {
      this.#readings.delete(changed);
    }
  }

  /** A change of this page is in the store. `outcome`: how it ended, where more is known than the entry says. */
  applied(entry: QueueEntry, outcome: Outcome | undefined = outcomeOf(entry)): void {
    for (const changed of this.#readings) changed.add(entry.key);
    const isNew = !this.#entries.has(entry.key);
    this.#entries.set(entry.key, entry);
    if (isNew) this.#entries = bySeq([...this.#entries.values()]);
    this.#touch();
    this.#settle(entry.key, outcome);
  }

  removed(keys: readonly string[]): void {
    for (const key of keys) {
      for (const changed of this.#readings) changed.add(key);
      this.#entries.delete(key);
    }
    this.#touch();
  }

  /** Another page told how a command ended. */
  told(key: string, outcome: Outcome): void {
    this.#settle(key, outcome);
  }

  /** Waits for the end of a command that is there or about to be; `forget` where it will not be. */
  expect(key: string): { readonly outcome: Promise<Outcome>; forget(): void } {
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    let resolve: (outcome: Outcome) => void = () => undefined;
    const outcome = new Promise<Outcome>((settle) => waiting.add((resolve = settle)));
    return {
      outcome,
      forget: () => {
        waiting.delete(resolve);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
      },
    };
  }

  /** Nobody will tell any more. */
  dispose(): void {
    for (const key of [...this.#waiting.keys()]) this.#settle(key, { status: 'unknown' });
  }

  #replace(read: readonly QueueEntry[], changed: ReadonlySet<string>): void {
    const before = this.#entries;
    const own = [...before.values()].filter(({ key }) => changed.has(key));
    this.#entries = bySeq([...read.filter(({ key }) => !changed.has(key)), ...own]);
    this.#loaded = true;
    this.#touch();
    for (const entry of this.#entries.values()) this.#settle(entry.key, outcomeOf(entry));
    for (const key of before.keys()) if (!this.#entries.has(key)) this.#settle(key, { status: 'unknown' });
  }

  #settle(key: string, outcome: Outcome | undefined): void {
    if (outcome === undefined) return;
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    for (const resolve of waiting ?? []) resolve(outcome);
  }

  #touch(): void {
    this.#dirty = true;
    this.#schedule(this.#flush);
  }

  readonly #flush = (): void => this.#listeners.notify();

  #show(): QueueState {
    if (!this.#dirty) return this.#snapshot;
    this.#dirty = false;
    const entries = [...this.#entries.values()];
    const counts = { ...NO_COUNTS };
    let bytes = 0;
    for (const entry of entries) {
      counts[entry.status]++;
      if (!hasEnded(entry)) bytes += entry.bytes;
    }
    const waitsFor = this.#waitsFor;
    this.#snapshot = {
      loaded: this.#loaded,
      entries,
      counts,
      bytes,
      ...(waitsFor === undefined ? {} : { waitsFor }),
    };
    return this.#snapshot;
  }
}

function bySeq(entries: QueueEntry[]): Map<string, QueueEntry> {
  return new Map(entries.sort((left, right) => left.seq - right.seq).map((entry) => [entry.key, entry]));
}
