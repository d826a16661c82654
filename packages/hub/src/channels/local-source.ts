/**
 * The source behind a local channel: opened with the first reader, closed after the last (and a linger), reopened with back-off when it
 * fails. What it says goes into this node's ring and to the readers; its state is announced to those that can be told. "live" is
 * said only once the source really flows: after it opened, or when it says so itself.
 */
import { Backoff, type Clock, type Disposable, type Logger, type Random, type Timer } from '@trunkline/base';
import type { Position, Publication, SourceState } from '@trunkline/protocol';
import type { LocalEmitter, LocalMapEmitter, ModuleNamespace } from '../ports/module.js';
import type { Channel } from './channel.js';
import { LocalMap } from './local-map.js';
import type { LocalRing } from './origin.js';

const REOPEN = { minDelayMs: 500, maxDelayMs: 30_000 };

export interface LocalSourceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One attempt. What an earlier one still says is not heard. */
interface Opening {
  /** Whether the source has said itself how it is. */
  said: boolean;
  isCurrent(): boolean;
}

export class LocalSourceRunner {
  readonly #deps: LocalSourceDeps;
  readonly #module: ModuleNamespace;
  readonly #channel: Channel;
  readonly #ring: LocalRing;
  readonly #announce: (state: SourceState) => void;
  readonly #backoff: Backoff;
  #state: SourceState;
  #opening = 0;
  #opened: Disposable | undefined;
  #retry: Timer | undefined;
  #closed = false;
  #settled = false;
  #patience: Timer | undefined;
  #waiting: (() => void)[] = [];

  constructor(
    deps: LocalSourceDeps,
    module: ModuleNamespace,
    channel: Channel,
    ring: LocalRing,
    announce: (state: SourceState) => void,
  ) {
    this.#deps = deps;
    this.#module = module;
    this.#channel = channel;
    this.#ring = ring;
    this.#announce = announce;
    this.#backoff = new Backoff(deps.random, REOPEN);
    this.#state = { state: 'recovering', sinceMs: deps.clock.now(), reason: 'opening' };
  }

  get state(): SourceState {
    return this.#state;
  }

  /** Resolves when the first opening has come to an end, well or not, or has loaded entries, or took longer than `ms`: then nobody waits for it again. */
  async opened(ms: number): Promise<void> {
    if (this.#settled) return;
    this.#patience ??= this.#deps.clock.setTimeout(() => this.#settle(), ms);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  open(): void {
    const attempt = ++this.#opening;
    if (attempt > 1 && this.#ring.position.offset > 0) {
      // What an opening that failed had said does not continue in the next one.
      this.#ring.clear();
      this.#channel.lose('source reopened', this.#ring.position);
    }
    const opening: Opening = {
      said: false,
      isCurrent: () => attempt === this.#opening && !this.#closed,
    };
    const run = async (): Promise<void> => {
      const opened = await this.#ask(opening);
      if (!opening.isCurrent()) {
        await opened?.dispose();
        return;
      }
      this.#opened = opened;
      this.#backoff.reset();
      if (!opening.said) this.#become({ state: 'live' });
      this.#settle();
    };
    run().catch((cause: unknown) => {
      if (!opening.isCurrent()) return;
      this.#deps.logger.warn({ channel: this.#channel.name, cause: String(cause) }, 'source failed to open');
      this.#become({ state: 'recovering', sinceMs: this.#since(), reason: 'source failed to open' });
      this.#retry = this.#deps.clock.setTimeout(() => this.open(), this.#backoff.next());
      this.#settle();
    });
  }

  /** Closes the source; a failing dispose is logged. */
  close(): void {
    this.#closed = true;
    this.#settle();
    this.#retry?.cancel();
    const opened = this.#opened;
    this.#opened = undefined;
    void Promise.resolve()
      .then(() => opened?.dispose())
      .catch((cause: unknown) =>
        this.#deps.logger.warn(
          { channel: this.#channel.name, cause: String(cause) },
          'source failed to close',
        ),
      );
  }

  #ask(opening: Opening): ReturnType<NonNullable<ModuleNamespace['source' | 'mapSource']>> | undefined {
    const { org, name: channel } = this.#channel;
    const ring = this.#ring;
    if (ring instanceof LocalMap)
      return this.#module.mapSource?.({ org, channel, emit: this.#mapEmitter(opening, ring) });
    return this.#module.source?.({ org, channel, emit: this.#streamEmitter(opening, ring) });
  }

  #streamEmitter(opening: Opening, ring: LocalRing): LocalEmitter {
    return {
      publish: (data, options) => {
        if (!opening.isCurrent()) return ring.position;
        const timeMs = this.#deps.clock.now();
        return this.#deliver(ring.add({ data, timeMs, ...(options?.tags ? { tags: options.tags } : {}) }));
      },
      ...this.#common(opening),
    };
  }

  #mapEmitter(opening: Opening, map: LocalMap): LocalMapEmitter {
    const now = (): number => this.#deps.clock.now();
    return {
      get size() {
        return map.size;
      },
      set: (key, data, options) =>
        opening.isCurrent() ? this.#deliver(map.set(key, data, now(), options?.tags)) : map.position,
      remove: (key) => {
        const removal = opening.isCurrent() ? map.remove(key, now()) : undefined;
        return removal === undefined ? map.position : this.#deliver(removal);
      },
      load: (entries) => {
        if (!opening.isCurrent()) return;
        map.load(entries, now());
        this.#channel.lose('loaded anew', map.position);
        this.#settle();
      },
      ...this.#common(opening),
    };
  }

  #common(opening: Opening): Pick<LocalEmitter, 'state' | 'reset'> {
    return {
      state: (state) => {
        if (!opening.isCurrent()) return;
        opening.said = true;
        this.#become(state);
      },
      reset: (reason) => {
        if (!opening.isCurrent()) return;
        this.#ring.reset();
        this.#channel.lose(reason, this.#ring.position);
      },
    };
  }

  #deliver(publication: Publication): Position {
    const { position } = this.#ring;
    this.#channel.deliver(publication, position.epoch);
    return position;
  }

  #settle(): void {
    this.#settled = true;
    this.#patience?.cancel();
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }

  #since(): number {
    return this.#state.state === 'live' ? this.#deps.clock.now() : this.#state.sinceMs;
  }

  #become(state: SourceState): void {
    this.#state = state;
    this.#announce(state);
  }
}
