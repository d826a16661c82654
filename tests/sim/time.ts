/**
 * The one clock of a simulated world. It is the `Clock` of every hub, engine and client, and while a run lasts it also stands in for the global
 * timers, `Date.now` and `Math.random`, which the transport package uses. Timers fall due in order of time, then of scheduling, and
 * everything promises can do without time passing is done between two of them, so that a seed gives one run.
 */
import { createSeededRandom, type Clock, type Timer } from '@trunkline/base';

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

const START_MS = 1_700_000_000_000;
/** Timers that may fall due at one moment; more are a loop that never lets time pass. */
const AT_ONCE_MAX = 50_000;
const realImmediate = globalThis.setImmediate;

/** Every promise that can settle without time passing has done so. */
export function settleAll(): Promise<void> {
  return new Promise((resolve) => void realImmediate(resolve));
}

export class SimTime implements Clock {
  readonly #heap: Scheduled[] = [];
  #order = 0;
  #monotonic = 0;
  #wall = START_MS;

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimeout(run: () => void, delayMs: number): Timer {
    const timer: Scheduled = {
      at: this.#monotonic + Math.max(0, delayMs),
      order: this.#order++,
      run,
      cancelled: false,
    };
    this.#push(timer);
    return { cancel: () => void (timer.cancelled = true) };
  }

  setImmediate(run: () => void): Timer {
    return this.setTimeout(run, 0);
  }

  /** Jumps wall time only. */
  jumpWall(ms: number): void {
    this.#wall += ms;
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    let atOnce = 0;
    await settleAll();
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      if (next.cancelled) continue;
      atOnce = next.at > this.#monotonic ? 0 : atOnce + 1;
      if (atOnce > AT_ONCE_MAX)
        throw new Error(`time stands still at ${this.#monotonic} ms: timers start timers`);
      this.#move(Math.max(next.at, this.#monotonic));
      next.run();
      await settleAll();
    }
    this.#move(end);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.setTimeout(resolve, ms));
  }

  /** Takes the place of the platform's timers until the returned function is called. */
  install(seed: number): () => void {
    const scope = globalThis as unknown as Record<string, unknown>;
    const names = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const;
    const before = names.map((name) => scope[name]);
    const { now } = Date;
    const { random } = Math;
    const handles = new Map<number, Timer>();
    let last = 0;
    const start = (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): number => {
      const handle = ++last;
      handles.set(
        handle,
        this.setTimeout(() => {
          handles.delete(handle);
          run(...args);
        }, delayMs),
      );
      return handle;
    };
    const stop = (handle: number | undefined): void => {
      if (handle === undefined) return;
      handles.get(handle)?.cancel();
      handles.delete(handle);
    };
    const repeat = (run: () => void, everyMs: number): number => {
      const handle = ++last;
      const turn = (): void => {
        handles.set(handle, this.setTimeout(turn, everyMs));
        run();
      };
      handles.set(handle, this.setTimeout(turn, everyMs));
      return handle;
    };
    const own = { setTimeout: start, clearTimeout: stop, setInterval: repeat, clearInterval: stop };
    for (const name of names) scope[name] = own[name];
    Date.now = () => this.#wall;
    const seeded = createSeededRandom(seed);
    Math.random = () => seeded.next();
    return () => {
      for (const [index, name] of names.entries()) scope[name] = before[index];
      Date.now = now;
      Math.random = random;
    };
  }

  #move(to: number): void {
    this.#wall += to - this.#monotonic;
    this.#monotonic = to;
  }

  #push(timer: Scheduled): void {
    const heap = this.#heap;
    let slot = heap.push(timer) - 1;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      if (before(heap[above] as Scheduled, timer)) break;
      heap[slot] = heap[above] as Scheduled;
      slot = above;
    }
    heap[slot] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Scheduled;
    if (heap.length === 0) return;
    let slot = 0;
    for (;;) {
      let below = slot * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1] as Scheduled, heap[below] as Scheduled)) below++;
      if (before(last, heap[below] as Scheduled)) break;
      heap[slot] = heap[below] as Scheduled;
      slot = below;
    }
    heap[slot] = last;
  }
}

function before(left: Scheduled, right: Scheduled): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
