/** A thin skin around the platform's EventSource: one attempt with a deadline. The platform would connect again by itself; here that is decided elsewhere. */
import { beginAttempt, type Attempt } from './attempt.js';
import type { SocketHooks } from './transports.js';

/** The browser's class, or that of the `eventsource` package. */
export type EventSourceConstructor = new (url: string, options?: never) => EventSourceLike;

export interface EventSourceLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  close(): void;
}

export function guardEventSource(Inner: EventSourceConstructor, hooks: SocketHooks): EventSourceConstructor {
  return class implements EventSourceLike {
    onopen: ((event: never) => void) | null = null;
    onmessage: ((event: never) => void) | null = null;
    onerror: ((event: never) => void) | null = null;
    readonly #inner: EventSourceLike;
    readonly #attempt: Attempt;
    #closed = false;

    constructor(url: string) {
      const inner = new Inner(url);
      this.#inner = inner;
      this.#attempt = beginAttempt(hooks, () => this.#fail({} as never));
      inner.onopen = (event) => this.onopen?.(event);
      inner.onerror = (event) => this.#fail(event);
      inner.onmessage = (event) => {
        if (!this.#closed) this.onmessage?.(event);
      };
    }

    close(): void {
      this.#closed = true;
      this.#inner.close();
      this.#attempt.end();
    }

    #fail(event: never): void {
      if (this.#closed) return;
      this.close();
      this.onerror?.(event);
    }
  };
}
