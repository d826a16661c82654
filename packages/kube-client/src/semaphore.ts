/** A number of slots that are lent first come, first served. One per cluster bounds the lists under way there, so that a hundred reflectors that lost their watch together do not ask for everything at once. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** @param slots lent at once; at least 1 */
  constructor(slots: number) {
    this.#free = slots;
  }

  /** Calls that wait for a slot. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs `work` in a slot. Rejects with the signal's reason when that is aborted before a slot was free. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  #take(signal: AbortSignal | undefined): Promise<void> | undefined {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(start);
        reject(signal?.reason);
      };
      const start = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.add(start);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #give(): void {
    for (const start of this.#waiting) {
      this.#waiting.delete(start);
      start();
      return;
    }
    this.#free++;
  }
}
