/**
 * What containers print. Per container the current run and the one before, each a bounded ring; the logs least recently written or read go
 * first when there are too many. Readers walk by sequence number, as watches do.
 */
import type { Clock } from '@trunkline/base';

export interface LogLine {
  readonly atMs: number;
  readonly text: string;
}

export interface LogBookOptions {
  /** Lines kept per run of a container; older ones are rotated away. */
  readonly logLinesPerContainer: number;
  /** Containers whose logs are kept. */
  readonly maxLogs: number;
}

/** One run of a container. */
export class ContainerLog {
  readonly #capacity: number;
  readonly #listeners = new Set<() => void>();
  #lines: LogLine[] = [];
  #first = 0;
  #closed = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Sequence number of the oldest line that is kept. */
  get first(): number {
    return this.#first;
  }

  get next(): number {
    return this.#first + this.#lines.length;
  }

  /** The container ended: nothing will follow. */
  get closed(): boolean {
    return this.#closed;
  }

  get followers(): number {
    return this.#listeners.size;
  }

  at(sequence: number): LogLine | undefined {
    return this.#lines[sequence - this.#first];
  }

  append(line: LogLine): void {
    this.#lines.push(line);
    // Cut in halves, so that a line costs nothing on average.
    if (this.#lines.length > this.#capacity * 2) {
      this.#first += this.#lines.length - this.#capacity;
      this.#lines = this.#lines.slice(-this.#capacity);
    }
    for (const listener of this.#listeners) listener();
  }

  close(): void {
    this.#closed = true;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `listener` after each line and at the close. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

interface Runs {
  current: ContainerLog;
  previous: ContainerLog | undefined;
}

export class LogBook {
  readonly #clock: Clock;
  readonly #options: LogBookOptions;
  readonly #runs = new Map<string, Runs>();
  /** Fills a log when something is first done with it; how a workload gives 100,000 pods logs without keeping them. */
  onFirstUse: (namespace: string, pod: string, container: string) => readonly LogLine[] = () => [];

  constructor(clock: Clock, options: LogBookOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Writes lines, now. */
  append(namespace: string, pod: string, container: string, ...texts: readonly string[]): void {
    const { current } = this.#open(namespace, pod, container);
    for (const text of texts) current.append({ atMs: this.#clock.now(), text });
  }

  /** The container ended and starts again: what it printed is the previous log now. */
  restart(namespace: string, pod: string, container: string): void {
    const runs = this.#open(namespace, pod, container);
    runs.current.close();
    runs.previous = runs.current;
    runs.current = new ContainerLog(this.#options.logLinesPerContainer);
  }

  /** The log to read; undefined where there was no run before. */
  read(namespace: string, pod: string, container: string, previous: boolean): ContainerLog | undefined {
    const runs = this.#open(namespace, pod, container);
    return previous ? runs.previous : runs.current;
  }

  /** The pod is gone: its logs end and are forgotten. */
  closePod(namespace: string, pod: string, containers: readonly string[]): void {
    for (const container of containers) {
      this.#runs.get(key(namespace, pod, container))?.current.close();
      this.#runs.delete(key(namespace, pod, container));
    }
  }

  /** Containers whose log somebody follows now. */
  *followed(): Generator<{ readonly namespace: string; readonly pod: string; readonly container: string }> {
    for (const [id, { current }] of this.#runs) {
      if (current.followers === 0) continue;
      const [namespace = '', pod = '', container = ''] = id.split('/');
      yield { namespace, pod, container };
    }
  }

  #open(namespace: string, pod: string, container: string): Runs {
    const id = key(namespace, pod, container);
    const runs = this.#runs.get(id) ?? this.#begin(namespace, pod, container);
    this.#runs.delete(id);
    this.#runs.set(id, runs);
    for (const [oldest, { current }] of this.#runs) {
      if (this.#runs.size <= this.#options.maxLogs) break;
      if (current.followers === 0 && oldest !== id) this.#runs.delete(oldest);
    }
    return runs;
  }

  #begin(namespace: string, pod: string, container: string): Runs {
    const current = new ContainerLog(this.#options.logLinesPerContainer);
    for (const line of this.onFirstUse(namespace, pod, container)) current.append(line);
    return { current, previous: undefined };
  }
}

function key(namespace: string, pod: string, container: string): string {
  return `${namespace}/${pod}/${container}`;
}
