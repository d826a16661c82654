/**
 * The source behind a local channel: opened with the first reader, closed after the last (and a linger), reopened with back-off when it
 * fails. What it says goes into this node's ring and to the readers; its state is announced to those that can be told. "live" is
 * said only once the source really flows: after it opened, or when it says so itself.
 */
import { Backoff, type Clock, type Disposable, type Logger, type Random, type Timer } from '@trunkline/base';
import type { SourceState } from '@trunkline/protocol';
import type { LocalEmitter, ModuleNamespace } from '../ports/module.js';
import type { Channel } from './channel.js';
import type { LocalRing } from './origin.js';

const REOPEN = { minDelayMs: 500, maxDelayMs: 30_000 };

export interface LocalSourceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
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

  open(): void {
    const attempt = ++this.#opening;
    if (attempt > 1 && this.#ring.position.offset > 0) {
      // What an opening that failed had said does not continue in the next one.
      this.#ring.reset();
      this.#channel.lose('source reopened', this.#ring.position);
    }
    const current = (): boolean => attempt === this.#opening && !this.#closed;
    let said = false;
    const emit: LocalEmitter = {
      publish: (data, options) => {
        if (!current()) return this.#ring.position;
        const publication = this.#ring.add({
          data,
          timeMs: this.#deps.clock.now(),
          ...(options?.tags ? { tags: options.tags } : {}),
        });
        this.#channel.deliver(publication, this.#ring.position.epoch);
        return this.#ring.position;
      },
      state: (state) => {
        if (!current()) return;
        said = true;
        this.#become(state);
      },
      reset: (reason) => {
        if (!current()) return;
        this.#ring.reset();
        this.#channel.lose(reason, this.#ring.position);
      },
    };
    const run = async (): Promise<void> => {
      const opened = await this.#module.source?.({
        org: this.#channel.org,
        channel: this.#channel.name,
        emit,
      });
      if (!current()) {
        await opened?.dispose();
        return;
      }
      this.#opened = opened;
      this.#backoff.reset();
      if (!said) this.#become({ state: 'live' });
    };
    run().catch((cause: unknown) => {
      if (!current()) return;
      this.#deps.logger.warn({ channel: this.#channel.name, cause: String(cause) }, 'source failed to open');
      this.#become({ state: 'recovering', sinceMs: this.#since(), reason: 'source failed to open' });
      this.#retry = this.#deps.clock.setTimeout(() => this.open(), this.#backoff.next());
    });
  }

  /** Closes the source; a failing dispose is logged. */
  close(): void {
    this.#closed = true;
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

  #since(): number {
    return this.#state.state === 'live' ? this.#deps.clock.now() : this.#state.sinceMs;
  }

  #become(state: SourceState): void {
    this.#state = state;
    this.#announce(state);
  }
}
