/** Doubles of this room's ports, for tests of any room. Time moves only when a test moves it. */
import type { Clock, Timer } from './clock.js';
import type { LogFields, Logger } from './logger.js';

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until told. Timers run in order of their time, then of their scheduling. */
export class FakeClock implements Clock {
  #now: number;
  #monotonic = 0;
  #order = 0;
  #timers = new Set<Scheduled>();

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimeout(run: () => void, delayMs: number): Timer {
    const timer: Scheduled = { at: this.#monotonic + Math.max(0, delayMs), order: this.#order++, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  setImmediate(run: () => void): Timer {
    return this.setTimeout(run, 0);
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time by `ms`, running every timer that falls due, including those scheduled on the way; lets promises settle between timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#timers.delete(next);
      this.#move(Math.max(next.at, this.#monotonic));
      next.run();
      await settle();
    }
    this.#move(end);
    await settle();
  }

  /** Jumps wall time only, as an administrator or NTP would. */
  jumpWall(ms: number): void {
    this.#now += ms;
  }

  #move(to: number): void {
    this.#now += to - this.#monotonic;
    this.#monotonic = to;
  }

  #due(end: number): Scheduled | undefined {
    let first: Scheduled | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  }
}

/** Lets every promise that can settle without time passing do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A logger that keeps its lines. */
export class MemoryLogger implements Logger {
  readonly lines: { level: 'debug' | 'info' | 'warn' | 'error'; fields: LogFields; message: string }[];
  readonly #fields: LogFields;

  constructor(fields: LogFields = {}, lines: MemoryLogger['lines'] = []) {
    this.#fields = fields;
    this.lines = lines;
  }

  debug(fields: LogFields, message: string): void {
    this.lines.push({ level: 'debug', fields: { ...this.#fields, ...fields }, message });
  }
  info(fields: LogFields, message: string): void {
    this.lines.push({ level: 'info', fields: { ...this.#fields, ...fields }, message });
  }
  warn(fields: LogFields, message: string): void {
    this.lines.push({ level: 'warn', fields: { ...this.#fields, ...fields }, message });
  }
  error(fields: LogFields, message: string): void {
    this.lines.push({ level: 'error', fields: { ...this.#fields, ...fields }, message });
  }
  child(fields: LogFields): Logger {
    return new MemoryLogger({ ...this.#fields, ...fields }, this.lines);
  }
}
