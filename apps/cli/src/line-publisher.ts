/**
 * Publishes lines in order, many per request, one request at a time. Reading and sending overlap: while a request is out, lines queue up to
 * a bound, and beyond it reading pauses, which is back-pressure on whatever writes the pipe. A request that fails for a moment is
 * repeated, every line under its own idempotency key, so that a line the server already took is not published twice while it
 * remembers keys (five minutes by default). It stops for good at a refusal that no repeat will change.
 */
import { Backoff, BoundedQueue, mergeOptions, type Clock, type Random, type Timer } from '@trunkline/base';
import { isTemporary, type ApiError, type ApiOutcome, type SendOutcome } from './api.js';
import { CliError, exitOfCode } from './exit.js';
import type { Line } from './lines.js';

/** One line on its way. */
export interface Outgoing {
  readonly number: number;
  readonly data: unknown;
  readonly idempotencyKey: string;
}

export interface LinePublisherDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Sends lines as one request. Must not throw. */
  send(lines: readonly Outgoing[]): Promise<SendOutcome>;
  /** A line for the person watching. */
  report(text: string): void;
  /** Ends reading and retrying; what is queued gets one last try. */
  readonly signal: AbortSignal;
}

export interface LinePublisherOptions {
  /** Lines of one request. Default 200. */
  readonly maxBatchLines: number;
  /** Characters of one request, about. Default 262,144; a single longer line goes alone. */
  readonly maxBatchUnits: number;
  /** Lines read ahead. Default 2,000. */
  readonly maxQueuedLines: number;
  /** Characters read ahead. Default 2,097,152. */
  readonly maxQueuedUnits: number;
  /** How long a failing request is repeated. Default 240,000: safely below the time for which servers remember keys. `Infinity`: without end. */
  readonly retryForMs: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

export const LINE_PUBLISHER_DEFAULTS: LinePublisherOptions = {
  maxBatchLines: 200,
  maxBatchUnits: 256 * 1024,
  maxQueuedLines: 2_000,
  maxQueuedUnits: 2 * 1024 * 1024,
  retryForMs: 240_000,
  minDelayMs: 100,
  maxDelayMs: 3_000,
};

export interface LineTotals {
  readonly published: number;
  /** Lines that the server refused or that were too long; each was reported. */
  readonly refused: number;
  /** Lines read and not published because of an interruption. */
  readonly unsent: number;
}

interface Queued {
  readonly line: Outgoing;
  readonly units: number;
}

export class LinePublisher {
  readonly #deps: LinePublisherDeps;
  readonly #options: LinePublisherOptions;
  readonly #queue: BoundedQueue<Queued>;
  readonly #runId: string;
  /** Taken from the queue but too much for the batch at hand. */
  #held: Queued | undefined;
  /** Whoever waits: the reader for room, the sender for lines or for its next try. Never two at a time on one of them. */
  #wakeReader: (() => void) | undefined;
  #wakeSender: (() => void) | undefined;
  #ended = false;
  #published = 0;
  #refused = 0;
  #unsent = 0;

  /** `runId` makes the keys of this run unlike those of any other. */
  constructor(deps: LinePublisherDeps, runId: string, options?: Partial<LinePublisherOptions>) {
    this.#deps = deps;
    this.#runId = runId;
    this.#options = mergeOptions(LINE_PUBLISHER_DEFAULTS, options);
    this.#queue = new BoundedQueue({
      maxItems: this.#options.maxQueuedLines,
      maxWeight: this.#options.maxQueuedUnits,
    });
  }

  /**
   * Resolves when input ended and every line is settled; rejects with a `CliError` that says how far it came. `input` must end when
   * the signal is aborted.
   */
  async run(input: AsyncIterable<readonly Line[]>): Promise<LineTotals> {
    const stop = (): void => {
      this.#wakeReader?.();
      this.#wakeSender?.();
    };
    this.#deps.signal.addEventListener('abort', stop, { once: true });
    const reading = this.#read(input);
    // Awaited below; without this a failing read would count as unhandled while sending goes on.
    reading.catch(() => undefined);
    try {
      await this.#sendAll();
      await reading;
    } finally {
      this.#ended = true;
      this.#wakeReader?.();
      this.#deps.signal.removeEventListener('abort', stop);
    }
    return { published: this.#published, refused: this.#refused, unsent: this.#unsent };
  }

  async #read(input: AsyncIterable<readonly Line[]>): Promise<void> {
    try {
      for await (const lines of input) {
        for (const line of lines) {
          const item = this.#toQueued(line);
          // Waiting only where there is no room: what one chunk held leaves together.
          while (item !== undefined && !this.#queue.push(item, item.units)) {
            if (!(await this.#room())) {
              this.#unsent++;
              break;
            }
          }
        }
        this.#wakeSender?.();
        if (this.#ended) return;
      }
    } finally {
      this.#ended = true;
      this.#wakeSender?.();
    }
  }

  #toQueued(line: Line): Queued | undefined {
    if (line.kind === 'line')
      return {
        line: {
          number: line.number,
          data: toData(line.text),
          idempotencyKey: `${this.#runId}-${line.number}`,
        },
        units: line.text.length,
      };
    this.#refused++;
    this.#deps.report(`line ${line.number} was not published: ${line.units} characters are too many`);
    return undefined;
  }

  /** Resolves when the queue may have room; false when there will be none. */
  async #room(): Promise<boolean> {
    if (this.#deps.signal.aborted || this.#ended) return false;
    const room = new Promise<void>((resolve) => {
      this.#wakeReader = resolve;
    });
    this.#wakeSender?.();
    await room;
    this.#wakeReader = undefined;
    return true;
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const batch = this.#takeBatch();
      this.#wakeReader?.();
      if (batch.length > 0) {
        if (!(await this.#settle(batch))) {
          this.#unsent += batch.length + this.#queue.size + (this.#held === undefined ? 0 : 1);
          return;
        }
      } else if (this.#ended) return;
      else await this.#pause();
    }
  }

  /** Until a line is queued, input ended or the signal was aborted; with `ms`, until that time has passed or the signal was aborted. */
  async #pause(ms?: number): Promise<void> {
    const timer = await new Promise<Timer | undefined>((resolve) => {
      const timed = ms === undefined ? undefined : this.#deps.clock.setTimeout(() => resolve(timed), ms);
      this.#wakeSender = () => {
        if (ms === undefined || this.#deps.signal.aborted) resolve(timed);
      };
    });
    timer?.cancel();
    this.#wakeSender = undefined;
  }

  #takeBatch(): Outgoing[] {
    const batch: Outgoing[] = [];
    let units = 0;
    while (batch.length < this.#options.maxBatchLines) {
      const item = this.#held ?? this.#queue.shift();
      this.#held = undefined;
      if (item === undefined) break;
      if (batch.length > 0 && units + item.units > this.#options.maxBatchUnits) {
        this.#held = item;
        break;
      }
      units += item.units;
      batch.push(item.line);
    }
    return batch;
  }

  /** Sends until every line is published or refused for good. False when interrupted before that. */
  async #settle(batch: Outgoing[]): Promise<boolean> {
    const { clock, random, signal, report, send } = this.#deps;
    const backoff = new Backoff(random, this.#options);
    let failingSince: number | undefined;
    for (;;) {
      const outcome = await send(batch);
      if (outcome.kind === 'replies') {
        batch.splice(0, batch.length, ...this.#count(batch, outcome.replies));
        if (batch.length === 0) {
          if (failingSince !== undefined) report('publishing again');
          return true;
        }
      } else if (outcome.kind === 'refused' && !outcome.temporary) {
        throw this.#stopped(
          exitOfStatus(outcome.status, outcome.error),
          `the server refused: ${outcome.error.message} (${outcome.error.code})`,
          outcome.error.code,
        );
      }
      if (signal.aborted) return false;
      const reason = outcome.kind === 'replies' ? 'the server is busy' : reasonOf(outcome);
      const now = clock.monotonic();
      if (failingSince === undefined) {
        failingSince = now;
        report(`waiting to publish: ${reason}; lines are kept and will be sent again`);
      } else if (now - failingSince >= this.#options.retryForMs) {
        throw this.#stopped(
          outcome.kind === 'unreachable' ? 'unreachable' : 'failure',
          `gave up after ${Math.round((now - failingSince) / 1_000)} s: ${reason}`,
        );
      }
      await this.#pause(backoff.next());
      if (signal.aborted) return false;
    }
  }

  /** Counts replies; what is left is to be sent again. */
  #count(sent: readonly Outgoing[], replies: readonly (ApiError | undefined)[]): Outgoing[] {
    const again: Outgoing[] = [];
    for (const [at, line] of sent.entries()) {
      const error = replies[at];
      if (error === undefined) this.#published++;
      else if (isTemporary(error.code)) again.push(line);
      else if (exitOfCode(error.code) === 'failure') {
        this.#refused++;
        this.#deps.report(`line ${line.number} was not published: ${error.message} (${error.code})`);
      } else {
        // Not this line but the channel or the credential: the next line would fare no better.
        throw this.#stopped(
          exitOfCode(error.code),
          `the server refused line ${line.number}: ${error.message} (${error.code})`,
          error.code,
        );
      }
    }
    return again;
  }

  #stopped(exit: ReturnType<typeof exitOfCode> | 'unreachable', message: string, code?: number): CliError {
    return new CliError(exit, message, {
      code,
      advice: `${this.#published} ${this.#published === 1 ? 'line was' : 'lines were'} acknowledged before that.`,
    });
  }
}

/** JSON as the value it means, other text under `line`. */
export function toData(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { line: text };
  }
}

function reasonOf(outcome: Exclude<ApiOutcome, { kind: 'answered' }>): string {
  return outcome.kind === 'unreachable' ? outcome.reason : `${outcome.error.message} (${outcome.error.code})`;
}

function exitOfStatus(status: number, error: ApiError): ReturnType<typeof exitOfCode> {
  return status === 401 || status === 403 ? 'denied' : exitOfCode(error.code);
}
