/**
 * The log of a container, followed. What the server's channel still holds comes first, then every line as it is written; a hole is marked, never hidden. Only the
 * newest lines are kept.
 */
import { requireNumber } from '@trunkline/base';
import type { CodedError, Position } from '@trunkline/protocol';
import type { Readable } from '../store.js';
import type { LoadedState } from '../stream-options.js';
import type { StreamSubscription } from '../stream.js';
import { Asking } from './asking.js';
import { failed, healthOf, loading, sameFields } from './health.js';
import { LogLines, type LogBounds, type LogEntry, type LogNews } from './log-lines.js';
import { leaseClient, resolveLiveOptions, type ClientLease, type LiveOptions } from './options.js';
import { Told } from './told.js';
import type { Health, LiveClient, LogAnswer, LogParams } from './types.js';

export interface LogQuestion {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
  /** Default: the only one. */
  readonly container?: string;
  /** Lines from before that come first. Default: the server's, 200. */
  readonly tail?: number;
  readonly sinceSeconds?: number;
  /** The run before this one. */
  readonly previous?: boolean;
}

export interface LogOptions extends LogQuestion, Partial<LogBounds>, Partial<LiveOptions> {}

export interface LogSnapshot extends Health {
  /** Oldest first; the same array until something came. */
  readonly entries: readonly LogEntry[];
  /** Entries that were let go since the log was opened. */
  readonly dropped: number;
  /** Why no more lines come; undefined while they may. */
  readonly ended: string | undefined;
}

interface Kept {
  readonly offset: number;
  readonly news: LogNews;
}

/** Pages of a channel's history that are read at most; what is older is left out. */
const MAX_PAGES = 50;
const PAGE = 1_000;
const LOG_DEFAULTS: LogBounds = { maxLines: 10_000, maxChars: 8_388_608 };

export class LiveLog implements Readable<LogSnapshot> {
  readonly #told: Told;
  readonly #lease: ClientLease;
  readonly #lines: LogLines;
  readonly #asking: Asking<LogAnswer>;
  #stream: StreamSubscription<unknown, readonly Kept[]> | undefined;
  #shown = false;
  #voided = false;
  #health: Health;
  #snapshot: LogSnapshot;

  constructor(client: LiveClient, question: LogOptions) {
    const options = resolveLiveOptions(question);
    const { maxLines = LOG_DEFAULTS.maxLines, maxChars = LOG_DEFAULTS.maxChars } = question;
    requireNumber('maxLines', maxLines, 1);
    requireNumber('maxChars', maxChars, 1);
    const params = logParams(question);
    this.#lines = new LogLines({ maxLines, maxChars });
    this.#told = new Told(client, options, () => this.#update());
    this.#lease = leaseClient(client, options);
    this.#health = loading(client.now());
    this.#snapshot = { ...this.#health, entries: this.#lines.snapshot(), dropped: 0, ended: undefined };
    const own = this.#lease.client;
    this.#asking = new Asking<LogAnswer>(own, options, `log of ${question.pod}`, {
      call: () => own.rpc('kube.log', params) as Promise<LogAnswer>,
      onAnswer: ({ channel }) => this.#follow(channel),
      onError: (error) => this.#onError(error),
    });
  }

  readonly get = (): LogSnapshot => this.#snapshot;
  /** Notified at most once per frame, after the snapshot changed. */
  readonly subscribe = (listener: () => void): (() => void) => this.#told.subscribe(listener);

  /** Asks again, also after a refusal. */
  retry(): void {
    this.#asking.now();
  }

  /** Stops; the last snapshot stays. May be called twice. */
  close(): void {
    if (this.#told.closed) return;
    this.#told.close();
    this.#asking.close();
    this.#stream?.close();
    this.#lease.release();
  }

  #follow(channel: string): undefined {
    const before = this.#stream;
    this.#voided = false;
    if (before?.channel === channel && before.state.get().kind !== 'failed') return;
    const { client } = this.#lease;
    this.#stream = client.stream<readonly Kept[]>(channel, {
      getState: () => this.#read(channel),
      onState: (kept, position) => {
        this.#lines.load(kept, position);
        this.#told.touch();
      },
      onPublication: ({ data, position }) => {
        this.#lines.apply(data as LogNews, position);
        this.#told.touch();
      },
    });
    this.#stream.state.subscribe(this.#told.touch);
    before?.close();
    this.#told.touch();
  }

  #onError(error: CodedError): void {
    const { sinceMs } = this.#health;
    if (this.#voided && !error.temporary) {
      // The refusal says more than the end that led to it.
      this.#stream?.close();
      this.#stream = undefined;
    }
    if (this.#stream === undefined) {
      if (!error.temporary) this.#health = failed(error, sinceMs);
      else if (this.#shown) this.#health = { state: 'stale', sinceMs, reason: error.message, error };
      else this.#health = loading(sinceMs, error.message, error);
    }
    this.#told.touch();
  }

  /** What the channel has kept. */
  async #read(channel: string): Promise<LoadedState<readonly Kept[]>> {
    const { client } = this.#lease;
    const kept: Kept[] = [];
    let since: Position | undefined;
    for (let page = 1; ; page++) {
      const { publications, position } = await client.history(channel, {
        limit: PAGE,
        ...(since === undefined ? {} : { since }),
      });
      for (const { data, position: at } of publications)
        if (at !== undefined) kept.push({ offset: at.offset, news: data as LogNews });
      const last = kept.at(-1)?.offset ?? 0;
      if (publications.length === 0 || last >= position.offset) return { state: kept, position };
      since = { epoch: position.epoch, offset: last };
      if (page === MAX_PAGES) return { state: kept, position: since };
    }
  }

  #update(): boolean {
    const stream = this.#stream;
    if (stream !== undefined) {
      const { client } = this.#lease;
      const continuity = stream.state.get();
      this.#shown ||= continuity.kind === 'live' || this.#lines.snapshot().length > 0;
      this.#health = healthOf(continuity, this.#shown, this.#health, client.now());
      const ended = this.#health.state === 'failed' && client.state.get().kind !== 'failed';
      if (ended && !this.#voided) {
        this.#voided = true;
        this.#asking.voided();
      } else if (this.#health.state === 'live') this.#asking.settled();
    }
    const next: LogSnapshot = {
      ...this.#health,
      entries: this.#lines.snapshot(),
      dropped: this.#lines.dropped,
      ended: this.#lines.ended,
    };
    if (sameFields(this.#snapshot, next)) return false;
    this.#snapshot = next;
    return true;
  }
}

/** The log of a container, followed until `close`. Throws a TypeError or RangeError that names a bad option; everything later is `state`. */
export function liveLog(client: LiveClient, options: LogOptions): LiveLog {
  return new LiveLog(client, options);
}

function logParams({
  cluster,
  namespace,
  pod,
  container,
  tail,
  sinceSeconds,
  previous,
}: LogQuestion): LogParams {
  if (typeof pod !== 'string' || pod === '') throw new TypeError('pod is required');
  return {
    cluster,
    namespace,
    pod,
    ...(container === undefined ? {} : { container }),
    ...(tail === undefined ? {} : { tail }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(previous === undefined ? {} : { previous }),
  };
}
