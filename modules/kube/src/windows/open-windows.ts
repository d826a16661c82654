/**
 * Windows that somebody reads: each is open in the engine and stands behind one local channel. What the engine publishes goes to the channel in its order, and the rows that a reader
 * asks for are those at the position that was published last, since both come on one way.
 */
import type { Clock, Disposable, Timer } from '@trunkline/base';
import type { WindowSource } from '@trunkline/contracts/kube';
import type { LocalEmitter } from '@trunkline/hub';
import { CodedError, type Position, type SourceState } from '@trunkline/protocol';
import type { Feeds, FeedSource } from './feeds.js';
import type { FromEngine, Published, ToEngine, WindowQuery } from './messages.js';
import type { WindowsOptions } from './options.js';

/** What `kube.windowState` answers. */
export interface WindowState {
  readonly position: Position;
  readonly rows: readonly unknown[];
  readonly total: number;
  readonly sources: readonly WindowSource[];
}

interface Asked {
  readonly request: number;
  readonly promise: Promise<WindowState>;
  readonly resolve: (state: WindowState) => void;
  readonly reject: (cause: Error) => void;
  readonly timer: Timer;
}

/** A window that is open. `dispose` closes it. */
export interface OpenWindow extends Disposable {
  /** Waits a while for lists that are being loaded. Throws `sourceUnavailable` where the engine does not answer. */
  state(): Promise<WindowState>;
}

interface Held {
  readonly window: number;
  readonly tables: readonly number[];
  readonly query: WindowQuery;
  readonly emit: LocalEmitter;
  /** Of the last publication; undefined before the first one of this engine. */
  position: Position | undefined;
  sources: readonly WindowSource[];
  /** Who waits for the lists to be loaded. */
  readonly waiting: Set<() => void>;
  asked: Asked | undefined;
  /** The rows as of `position`, where somebody asked. */
  known: WindowState | undefined;
}

export interface OpenWindowsDeps {
  readonly clock: Clock;
  readonly feeds: Feeds;
  readonly send: (message: ToEngine) => void;
}

export class OpenWindows {
  readonly #deps: OpenWindowsDeps;
  readonly #options: WindowsOptions;
  readonly #held = new Map<number, Held>();
  readonly #asked = new Map<number, Held>();
  #lastWindow = 0;
  #lastRequest = 0;

  constructor(deps: OpenWindowsDeps, options: WindowsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  open(sources: readonly FeedSource[], query: WindowQuery, emit: LocalEmitter): OpenWindow {
    const held: Held = {
      window: ++this.#lastWindow,
      tables: sources.map((source) => this.#deps.feeds.acquire(source)),
      query,
      emit,
      position: undefined,
      sources: [],
      waiting: new Set(),
      asked: undefined,
      known: undefined,
    };
    this.#held.set(held.window, held);
    emit.state({ state: 'recovering', sinceMs: this.#deps.clock.now(), reason: 'loading' });
    this.#announce(held);
    return { state: () => this.#state(held), dispose: () => this.#close(held) };
  }

  onPublished(items: readonly Published[]): void {
    for (const { window, text, sources } of items) {
      const held = this.#held.get(window);
      if (held === undefined) continue;
      held.known = undefined;
      held.position = held.emit.publish(text);
      if (sources !== undefined) {
        held.sources = sources;
        held.emit.state(channelState(sources, this.#deps.clock.now()));
      }
      if (isLoaded(held)) this.#wake(held);
    }
    this.#deps.send({ kind: 'taken' });
  }

  onRows({ request, state }: FromEngine & { kind: 'rows' }): void {
    const held = this.#asked.get(request);
    const asked = held?.asked;
    if (held === undefined || asked === undefined) return;
    this.#settle(held);
    if (state === undefined || held.position === undefined) asked.reject(gone());
    else {
      const read = JSON.parse(state) as Omit<WindowState, 'position'>;
      held.known = { position: held.position, ...read };
      asked.resolve(held.known);
    }
  }

  /** The engine was lost, and with it what its publications went on from. */
  onLost(): void {
    for (const held of this.#held.values()) {
      held.position = undefined;
      held.known = undefined;
      held.asked?.reject(new CodedError('sourceUnavailable', 'the engine of live windows was lost'));
      this.#settle(held);
      held.emit.reset('the engine of live windows was lost');
      held.emit.state({ state: 'recovering', sinceMs: this.#deps.clock.now(), reason: 'engine lost' });
    }
  }

  /** Says everything again, to a new engine that knows the tables. */
  restart(): void {
    for (const held of this.#held.values()) this.#announce(held);
  }

  dispose(): void {
    for (const held of [...this.#held.values()]) this.#close(held);
  }

  // ------------------------------------------------------------ rows

  async #state(held: Held): Promise<WindowState> {
    if (!isLoaded(held)) await this.#loaded(held);
    if (this.#held.get(held.window) !== held) throw gone();
    if (held.position === undefined) throw new CodedError('sourceUnavailable', 'the window is not ready yet');
    if (held.known !== undefined) return held.known;
    // One answer for all who ask until it comes: it is as of its arrival.
    return (held.asked ?? this.#ask(held)).promise;
  }

  /** Until the lists are loaded, or known not to be, or `loadWaitMs` have passed. */
  #loaded(held: Held): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        held.waiting.delete(wake);
        resolve();
      };
      const timer = this.#deps.clock.setTimeout(wake, this.#options.loadWaitMs);
      held.waiting.add(wake);
    });
  }

  #ask(held: Held): Asked {
    const request = ++this.#lastRequest;
    let resolve!: (state: WindowState) => void;
    let reject!: (cause: Error) => void;
    const promise = new Promise<WindowState>((onState, onCause) => {
      resolve = onState;
      reject = onCause;
    });
    const timer = this.#deps.clock.setTimeout(() => {
      this.#settle(held);
      reject(new CodedError('sourceUnavailable', 'the engine of live windows did not answer in time'));
    }, this.#options.answerTimeoutMs);
    held.asked = { request, promise, resolve, reject, timer };
    this.#asked.set(request, held);
    this.#deps.send({ kind: 'rows', window: held.window, request });
    return held.asked;
  }

  #settle(held: Held): void {
    if (held.asked === undefined) return;
    held.asked.timer.cancel();
    this.#asked.delete(held.asked.request);
    held.asked = undefined;
  }

  #wake(held: Held): void {
    for (const wake of [...held.waiting]) wake();
  }

  #announce({ window, tables, query }: Held): void {
    this.#deps.send({ kind: 'open', window, tables, query });
  }

  #close(held: Held): void {
    if (!this.#held.delete(held.window)) return;
    held.asked?.reject(gone());
    this.#settle(held);
    this.#wake(held);
    this.#deps.send({ kind: 'close', window: held.window });
    for (const table of held.tables) this.#deps.feeds.release(table);
  }
}

function gone(): CodedError {
  return new CodedError('sourceUnavailable', 'the window was closed meanwhile');
}

function isLoaded({ position, sources }: Held): boolean {
  return position !== undefined && sources.every(({ state }) => state.state !== 'loading');
}

/** Live where all sources are; failed where none of them can be; else recovering, since the first of them is not live. */
function channelState(sources: readonly WindowSource[], nowMs: number): SourceState {
  const down = sources.filter(({ state }) => state.state !== 'live');
  const [first] = down;
  if (first === undefined) return { state: 'live' };
  const failed = sources.every(({ state }) => ['denied', 'gone', 'failed'].includes(state.state));
  const sinceMs = Math.min(...down.map(({ state }) => state.sinceMs ?? nowMs));
  const reasons = down.map(({ cluster, state }) => `${cluster}: ${state.reason ?? state.state}`);
  return { state: failed ? 'failed' : 'recovering', sinceMs, reason: reasons.join('; ').slice(0, 500) };
}
