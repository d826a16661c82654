/**
 * One upstream for the log of a container, however many read it. The first reader's beginning opens it; a later one gets what is kept here, or, where it wants more of the past, reads
 * that by itself and is joined to the stream where it fits. Lines are read no faster than they may be sent on, so that a container that shouts is stopped at the API server. A stream
 * that breaks is opened anew from the last line's time, and a mark says so.
 */
import { Backoff, sleep, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import type { LogLine } from '@trunkline/contracts/kube';
import { KubeError, type KubeCluster, type LogOptions } from '@trunkline/kube-client';
import { CodedError, type SourceState } from '@trunkline/protocol';
import { advance, Beyond, parseLine, type Mark } from './lines.js';
import type { LogPlace, LogStart } from './names.js';

/** Lines may be missing before what follows; `sinceTime`: after the line of that time. */
export interface LogGap {
  readonly sinceTime?: string;
  readonly reason: string;
}

export interface LogReader {
  onLines(lines: readonly LogLine[]): void;
  onGap(gap: LogGap): void;
  /** No more lines come. */
  onEnd(reason: string): void;
  onState(state: SourceState): void;
}

export interface FollowerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The cluster in the name of one of its present readers. Throws where there is none, or no more right. */
  open(): Promise<Pick<KubeCluster, 'logs'>>;
}

export interface FollowerOptions {
  /** Lines and characters that are kept for readers to come, and of each channel while rights cannot be asked about. */
  readonly keptLines: number;
  readonly keptChars: number;
  /** Bytes read per second, once a second's worth has been read at once. */
  readonly maxBytesPerSecond: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** A stream that ends sooner, without a line, after one that ended in order, says that the container has ended. */
  readonly settleMs: number;
}

interface Joined {
  readonly reader: LogReader;
  /** It reads its own past, and is joined when it has it. */
  waiting: boolean;
}

type Phase = 'idle' | 'running' | 'ended';

export class Follower {
  readonly #deps: FollowerDeps;
  readonly #options: FollowerOptions;
  readonly #place: LogPlace;
  readonly #readers = new Set<Joined>();
  readonly #life = new AbortController();
  readonly #backoff: Backoff;
  #phase: Phase = 'idle';
  #endReason = '';
  #state: SourceState;
  #kept: LogLine[] = [];
  #keptChars = 0;
  /** Whether what is kept begins where the first reader's beginning was, and with which. */
  #whole: LogStart | undefined;
  #mark: Mark | undefined;
  /** Bytes that may be read now. */
  #allowance: number;
  #allowedAtMs: number;

  constructor(deps: FollowerDeps, options: FollowerOptions, place: LogPlace) {
    this.#deps = deps;
    this.#options = options;
    this.#place = place;
    this.#backoff = new Backoff(deps.random, {
      minDelayMs: options.retryMinMs,
      maxDelayMs: options.retryMaxMs,
    });
    this.#state = { state: 'recovering', sinceMs: deps.clock.now(), reason: 'opening' };
    this.#allowance = options.maxBytesPerSecond;
    this.#allowedAtMs = deps.clock.monotonic();
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** @returns leaves; nothing is told afterwards */
  join(reader: LogReader, start: LogStart): () => void {
    const joined: Joined = { reader, waiting: false };
    this.#readers.add(joined);
    if (this.#phase === 'idle') {
      this.#phase = 'running';
      this.#whole = start;
      void this.#run(start);
    } else {
      const kept = this.#keptFor(start);
      if (kept === undefined) {
        joined.waiting = true;
        void this.#readPast(joined, start);
      } else {
        if (kept.length > 0) reader.onLines(kept);
        this.#tellWhere(joined);
      }
    }
    return () => void this.#readers.delete(joined);
  }

  dispose(): void {
    this.#readers.clear();
    this.#life.abort(new Error('nobody reads this log'));
  }

  // ------------------------------------------------------------ later readers

  /** What is kept of the past that a reader wants; undefined where that reaches further back. */
  #keptFor({ tail, sinceSeconds }: LogStart): readonly LogLine[] | undefined {
    const covered =
      this.#whole !== undefined && tail <= this.#whole.tail && sinceSeconds === this.#whole.sinceSeconds;
    const enough = sinceSeconds === undefined && tail <= this.#kept.length;
    if (!covered && !enough) return undefined;
    return tail === 0 ? [] : this.#kept.slice(-tail);
  }

  async #readPast(joined: Joined, start: LogStart): Promise<void> {
    const past: LogLine[] = [];
    let chars = 0;
    try {
      const cluster = await this.#deps.open();
      for await (const batch of cluster.logs({ ...this.#query(start), follow: false })) {
        for (const line of batch) chars += past[past.push(parseLine(line)) - 1]?.text.length ?? 0;
        while (chars > this.#options.keptChars) chars -= past.shift()?.text.length ?? chars;
        if (!this.#readers.has(joined)) return;
      }
    } catch (cause) {
      joined.reader.onGap({ reason: wordsOf(cause) });
    }
    if (!this.#readers.has(joined)) return;
    if (past.length > 0) joined.reader.onLines(past);
    const rest = new Beyond(advance(undefined, past)).filter(this.#kept);
    if (past.length > 0 && rest.length > 0) joined.reader.onLines(rest);
    else if (past.length === 0 && this.#kept.length > 0) joined.reader.onLines(this.#kept);
    joined.waiting = false;
    this.#tellWhere(joined);
  }

  #tellWhere({ reader }: Joined): void {
    if (this.#phase === 'ended') reader.onEnd(this.#endReason);
    reader.onState(this.#state);
  }

  // ------------------------------------------------------------ upstream

  async #run(start: LogStart): Promise<void> {
    const { clock, logger } = this.#deps;
    /** Why the stream before ended; undefined before the first. */
    let before: { readonly reason: string; readonly inOrder: boolean } | undefined;
    while (!this.#life.signal.aborted) {
      try {
        const lived = await this.#follow(start, before?.reason);
        if (this.#life.signal.aborted) return;
        if (this.#place.previous || (before?.inOrder === true && !lived))
          return this.#end('the container has ended');
        before = { reason: 'the API server ended the log', inOrder: true };
        this.#become({ state: 'recovering', sinceMs: clock.now(), reason: before.reason });
        await this.#wait(this.#options.retryMinMs);
        continue;
      } catch (cause) {
        if (this.#life.signal.aborted) return;
        const reason = wordsOf(cause);
        if (this.#isFinal(cause)) return this.#end(reason);
        logger.debug({ ...this.#place, reason }, 'a log ended');
        before = { reason, inOrder: false };
        this.#become({ state: 'recovering', sinceMs: this.#sinceMs(), reason });
      }
      await this.#wait(this.#backoff.next());
    }
  }

  /** Reads one stream to its end. @returns whether it brought a line, or stood for a while */
  async #follow(start: LogStart, brokenBy: string | undefined): Promise<boolean> {
    const { clock } = this.#deps;
    const cluster = await this.#deps.open();
    const mark = this.#mark;
    const again = brokenBy !== undefined;
    const from = mark === undefined ? this.#query(start) : { ...this.#query(), sinceTime: mark.time };
    const beyond = new Beyond(again ? mark : undefined);
    let proven = false;
    const prove = (): void => {
      if (proven || this.#life.signal.aborted) return;
      proven = true;
      this.#backoff.reset();
      // Before the first line there is nothing that could be missing.
      if (again && mark !== undefined)
        this.#each((reader) => reader.onGap({ reason: brokenBy, sinceTime: mark.time }));
      this.#become({ state: 'live' });
    };
    let timer: Timer | undefined;
    const follow = !this.#place.previous;
    try {
      const batches = cluster.logs({ ...from, follow, signal: this.#life.signal });
      timer = clock.setTimeout(prove, this.#options.settleMs);
      for await (const batch of batches) {
        const lines = beyond.filter(batch.map(parseLine));
        if (lines.length > 0) {
          prove();
          this.#keep(lines);
          this.#each((reader) => reader.onLines(lines));
        }
        await this.#pace(batch.reduce((sum, line) => sum + line.length + 1, 0));
      }
    } finally {
      timer?.cancel();
    }
    if (!again) this.#become({ state: 'live' });
    return proven;
  }

  #query(start?: LogStart): LogOptions {
    const { tail, sinceSeconds } = start ?? {};
    const { namespace, pod, container, previous } = this.#place;
    return {
      namespace,
      pod,
      ...(container === '' ? {} : { container }),
      ...(previous ? { previous } : {}),
      ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
      ...(tail === undefined ? {} : { tailLines: tail }),
      timestamps: true,
      signal: this.#life.signal,
    };
  }

  /** What asking again will not mend; of a run that is over nothing more is to be expected either. */
  #isFinal(cause: unknown): boolean {
    if (!(cause instanceof KubeError)) return cause instanceof CodedError && !cause.temporary;
    // A container that waits to be started is refused with 400 until it runs.
    return !cause.temporary && (cause.kind !== 'kubeRefused' || this.#place.previous);
  }

  #keep(lines: readonly LogLine[]): void {
    const { keptLines, keptChars } = this.#options;
    this.#mark = advance(this.#mark, lines);
    for (const line of lines) {
      this.#kept.push(line);
      this.#keptChars += line.text.length;
    }
    let drop = Math.max(0, this.#kept.length - keptLines);
    for (let index = 0; index < drop; index++) this.#keptChars -= this.#kept[index]?.text.length ?? 0;
    for (; this.#keptChars > keptChars && drop < this.#kept.length; drop++)
      this.#keptChars -= this.#kept[drop]?.text.length ?? 0;
    if (drop === 0) return;
    this.#kept = this.#kept.slice(drop);
    this.#whole = undefined;
  }

  /** Lets the time pass that so many bytes are worth. Nothing is read meanwhile, and the API server stops sending. */
  async #pace(bytes: number): Promise<void> {
    const { maxBytesPerSecond } = this.#options;
    const now = this.#deps.clock.monotonic();
    this.#allowance = Math.min(
      maxBytesPerSecond,
      this.#allowance + ((now - this.#allowedAtMs) / 1_000) * maxBytesPerSecond,
    );
    this.#allowedAtMs = now;
    this.#allowance -= bytes;
    if (this.#allowance < 0) await this.#wait((-this.#allowance / maxBytesPerSecond) * 1_000);
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#life;
    if (!signal.aborted) await sleep(this.#deps.clock, ms);
  }

  #end(reason: string): void {
    this.#phase = 'ended';
    this.#endReason = reason;
    this.#each((reader) => reader.onEnd(reason));
    this.#become({ state: 'live' });
  }

  #sinceMs(): number {
    return this.#state.state === 'live' ? this.#deps.clock.now() : this.#state.sinceMs;
  }

  #become(state: SourceState): void {
    this.#state = state;
    this.#each((reader) => reader.onState(state));
  }

  #each(tell: (reader: LogReader) => void): void {
    for (const { reader, waiting } of [...this.#readers]) if (!waiting) tell(reader);
  }
}

/** Of an error for a reader of the log. */
export function wordsOf(cause: unknown): string {
  return cause instanceof CodedError ? cause.message : 'internal error';
}
