/**
 * The order of calls that carry a number, on this node. Of one line of calls (an order of one instance, or of one connection) one is worked on at a
 * time, the lowest number first. Where one failed for now, those behind it are refused for now too, so that a caller who repeats them all repeats them in
 * order. Numbers may be missing; nobody waits for a call that was never made. What holds across nodes is the store's (`KeyedCall.turn`).
 */
import type { Clock, Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';

export interface TurnsOptions {
  /** Longest wait for those before. Default 10,000: less than an RPC may take. */
  readonly waitMs: number;
  /** How long a call that failed for now holds back those behind it. Default 30,000. */
  readonly holdMs: number;
  /** Lines at once; more are refused (111). Default 100,000. */
  readonly maxLines: number;
}

interface Waiting {
  readonly seq: number;
  /** Of the caller's connection. */
  readonly signal: AbortSignal;
  readonly start: () => void;
  readonly refuse: (error: CodedError) => void;
  readonly timer: Timer;
}

interface Line {
  readonly waiting: Waiting[];
  running: boolean;
  /** The call that failed for now, and over which connection it came. */
  failed: { readonly seq: number; readonly signal: AbortSignal; readonly timer: Timer } | undefined;
}

/**
 * Whether this one is held back by a call that failed. Over another connection it is not: whoever connects anew begins with what is not done, so the
 * failed one was settled elsewhere, or given up.
 */
function isHeld({ failed }: Line, { seq, signal }: Pick<Waiting, 'seq' | 'signal'>): boolean {
  return failed !== undefined && failed.seq < seq && failed.signal === signal;
}

export class Turns {
  readonly #clock: Clock;
  readonly #options: TurnsOptions;
  readonly #lines = new Map<string, Line>();

  constructor(clock: Clock, options: Partial<TurnsOptions> = {}) {
    this.#clock = clock;
    this.#options = { waitMs: 10_000, holdMs: 30_000, maxLines: 100_000, ...options };
  }

  /** Lines that are not empty. */
  get size(): number {
    return this.#lines.size;
  }

  /** Runs `work` in its turn. Rejects as it does, with 1008 where its turn does not come, and with 1002 where `signal` was aborted before. */
  async take<T>(name: string, seq: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const line = this.#obtain(name);
    if (line.running || isHeld(line, { seq, signal })) await this.#wait(name, line, seq, signal);
    else line.running = true;
    try {
      if (signal.aborted) throw new CodedError('clientGone');
      const result = await work();
      this.#settle(line, seq);
      return result;
    } catch (cause) {
      // Whoever left takes nothing back: it may come again over another connection.
      const passing = !(cause instanceof CodedError) || cause.temporary;
      if (passing && !signal.aborted) this.#hold(name, line, seq, signal);
      else this.#settle(line, seq);
      throw cause;
    } finally {
      line.running = false;
      this.#next(name, line);
    }
  }

  #obtain(name: string): Line {
    let line = this.#lines.get(name);
    if (!line) {
      if (this.#lines.size >= this.#options.maxLines)
        throw new CodedError('tooManyRequests', 'orders of calls');
      line = { waiting: [], running: false, failed: undefined };
      this.#lines.set(name, line);
    }
    return line;
  }

  /** Resolves when it is this call's turn; `running` is set then. */
  #wait(name: string, line: Line, seq: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.cancel();
        const at = line.waiting.indexOf(waiting);
        if (at >= 0) line.waiting.splice(at, 1);
      };
      const timer = this.#clock.setTimeout(() => {
        leave();
        this.#releaseIfEmpty(name, line);
        reject(new CodedError('outOfTurn', 'seq'));
      }, this.#options.waitMs);
      const waiting: Waiting = {
        seq,
        signal,
        timer,
        start: () => {
          leave();
          line.running = true;
          resolve();
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const after = line.waiting.findIndex((other) => other.seq > seq);
      line.waiting.splice(after < 0 ? line.waiting.length : after, 0, waiting);
    });
  }

  #settle(line: Line, seq: number): void {
    if (!line.failed || line.failed.seq > seq) return;
    line.failed.timer.cancel();
    line.failed = undefined;
  }

  #hold(name: string, line: Line, seq: number, signal: AbortSignal): void {
    if (line.failed?.signal === signal && line.failed.seq < seq) return;
    line.failed?.timer.cancel();
    const timer = this.#clock.setTimeout(() => {
      line.failed = undefined;
      this.#next(name, line);
    }, this.#options.holdMs);
    line.failed = { seq, signal, timer };
    for (const waiting of [...line.waiting])
      if (isHeld(line, waiting)) waiting.refuse(new CodedError('outOfTurn', `seq ${seq} failed for now`));
  }

  #next(name: string, line: Line): void {
    const first = line.waiting.find((waiting) => !isHeld(line, waiting));
    if (!line.running && first) first.start();
    this.#releaseIfEmpty(name, line);
  }

  #releaseIfEmpty(name: string, line: Line): void {
    if (!line.running && !line.failed && line.waiting.length === 0) this.#lines.delete(name);
  }
}
