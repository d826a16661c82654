/** One channel of a log: lines gathered for a moment and published together, marks between them in their place. */
import type { Clock, Disposable, Timer } from '@trunkline/base';
import type { LogLine } from '@trunkline/contracts/kube';
import type { LocalEmitter } from '@trunkline/hub';
import type { SourceState } from '@trunkline/protocol';
import type { LogGap, LogReader } from './follower.js';

export interface LogChannelOptions {
  readonly frameMs: number;
  readonly publicationChars: number;
}

export class LogChannel implements LogReader, Disposable {
  readonly #clock: Clock;
  readonly #options: LogChannelOptions;
  readonly #emit: LocalEmitter;
  #lines: LogLine[] = [];
  #chars = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, options: LogChannelOptions, emit: LocalEmitter) {
    this.#clock = clock;
    this.#options = options;
    this.#emit = emit;
  }

  onLines(lines: readonly LogLine[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      this.#chars += line.text.length + LINE_CHARS;
      if (this.#chars >= this.#options.publicationChars) this.#flush();
    }
    if (this.#lines.length > 0)
      this.#timer ??= this.#clock.setTimeout(() => this.#flush(), this.#options.frameMs);
  }

  onGap(gap: LogGap): void {
    this.#flush();
    this.#emit.publish(JSON.stringify({ gap }));
  }

  onEnd(reason: string): void {
    this.#flush();
    this.#emit.publish(JSON.stringify({ end: { reason } }));
  }

  onState(state: SourceState): void {
    this.#flush();
    this.#emit.state(state);
  }

  dispose(): void {
    this.#timer?.cancel();
    this.#lines = [];
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#lines.length === 0) return;
    this.#emit.publish(JSON.stringify({ lines: this.#lines }));
    this.#lines = [];
    this.#chars = 0;
  }
}

/** Of the time, and what is around it. */
const LINE_CHARS = 60;
