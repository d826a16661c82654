/** Turns within one process: whoever asks first works first, one at a time. */
import { unlessAborted } from './unless-aborted.js';

export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** As `QueueStore.exclusively`. */
  async exclusively(work: (lost: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const before = this.#last;
    let done = (): void => undefined;
    this.#last = new Promise((resolve) => (done = resolve));
    try {
      await unlessAborted(signal, before);
      // A turn within one process is never lost.
      if (!signal.aborted) await work(new AbortController().signal);
    } finally {
      void before.then(done);
    }
  }
}
