/**
 * The engine as the hub's side sees it: begun with the first window, begun anew when it is lost, after a growing wait. What is sent while there is none is dropped: whoever sent it
 * says it again when told of the new one.
 */
import { Backoff, type Clock, type Logger, type Random, type Timer } from '@trunkline/base';
import type { EnginePort, StartEngine } from './engine-port.js';
import type { FromEngine, ToEngine } from './messages.js';

const AGAIN = { minDelayMs: 500, maxDelayMs: 30_000 };
/** An engine that lived this long was a good one: waits begin anew. */
const HEALTHY_MS = 60_000;

export interface EngineLinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly start: StartEngine;
  readonly onMessage: (message: FromEngine) => void;
  /** Everything the engine knew is lost. */
  readonly onLost: (reason: string) => void;
  /** There is a new one, after a loss: it knows nothing yet. */
  readonly onRestarted: () => void;
}

export class EngineLink {
  readonly #deps: EngineLinkDeps;
  readonly #backoff: Backoff;
  #port: EnginePort | undefined;
  #retry: Timer | undefined;
  #startedMs = 0;
  #used = false;
  #disposed = false;

  constructor(deps: EngineLinkDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff(deps.random, AGAIN);
  }

  readonly send = (message: ToEngine, transfer?: readonly ArrayBuffer[]): void => {
    if (!this.#used) {
      this.#used = true;
      this.#start();
    }
    this.#port?.post(message, transfer);
  };

  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#retry?.cancel();
    await this.#port?.dispose();
    this.#port = undefined;
  }

  #start(): void {
    if (this.#disposed) return;
    this.#startedMs = this.#deps.clock.monotonic();
    try {
      this.#port = this.#deps.start({
        onMessage: (message) => this.#deps.onMessage(message),
        onEnd: (reason) => this.#lost(reason),
      });
    } catch (cause) {
      this.#lost(cause instanceof Error ? cause.message : String(cause));
    }
  }

  #lost(reason: string): void {
    if (this.#disposed) return;
    this.#port = undefined;
    const { clock, logger } = this.#deps;
    if (clock.monotonic() - this.#startedMs > HEALTHY_MS) this.#backoff.reset();
    const againMs = this.#backoff.next();
    logger.error({ reason, againMs }, 'the engine of live windows was lost');
    this.#deps.onLost(reason);
    this.#retry = clock.setTimeout(() => {
      this.#start();
      if (this.#port !== undefined) this.#deps.onRestarted();
    }, againMs);
  }
}
