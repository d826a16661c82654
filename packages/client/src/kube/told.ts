/** Listeners of a view and its place in the client's batch: however much changes within a frame, they hear of it once. */
import { Listeners } from '../store.js';
import type { LiveOptions } from './options.js';
import type { LiveClient } from './types.js';

export class Told {
  readonly #client: LiveClient;
  readonly #listeners: Listeners;
  readonly #update: () => boolean;
  #closed = false;

  /** `update` brings the snapshot up to date and says whether it is another one. */
  constructor(client: LiveClient, { onError }: LiveOptions, update: () => boolean) {
    this.#client = client;
    this.#listeners = new Listeners((error) => onError(error));
    this.#update = update;
  }

  get closed(): boolean {
    return this.#closed;
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Something may have changed. */
  readonly touch = (): void => {
    if (!this.#closed) this.#client.schedule(this.#flush);
  };

  /** Nobody hears anything from now on. */
  close(): void {
    this.#closed = true;
  }

  readonly #flush = (): void => {
    if (!this.#closed && this.#update()) this.#listeners.notify();
  };
}
