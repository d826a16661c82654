/**
 * A thin skin around the platform's WebSocket, given to the transport package as its `websocket` option. It catches what would otherwise
 * escape into the event loop (a constructor or a decoder that throws), limits the time to the connect reply, counts attempts, and notices the
 * frames the package gives up on in silence. Such a frame takes the socket down: its messages are lost, and the reconnect recovers them.
 */
import type { Timer } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import type { GuardedSocket, SocketHooks, WebSocketConstructor, WebSocketLike } from './transports.js';

interface CloseInfo {
  readonly code: number;
  readonly reason: string;
}

/** A class with the same shape as `Inner`. */
export function guardSocket(Inner: WebSocketConstructor, hooks: SocketHooks): WebSocketConstructor {
  return class implements WebSocketLike, GuardedSocket {
    onopen: ((event: never) => void) | null = null;
    onmessage: ((event: never) => void) | null = null;
    onclose: ((event: never) => void) | null = null;
    onerror: ((event: never) => void) | null = null;
    #inner: WebSocketLike | undefined;
    #deadline: Timer;
    #served = false;
    #closed = false;
    #reading = false;

    constructor(url: string, protocols?: string | string[]) {
      hooks.onOpening(this);
      this.#deadline = hooks.clock.setTimeout(() => this.#drop(), hooks.connectTimeoutMs);
      try {
        this.#inner = protocols === undefined ? new Inner(url) : new Inner(url, protocols);
      } catch (error) {
        hooks.report(error, { where: 'transport' });
        // The handlers are set after construction.
        hooks.clock.setTimeout(() => this.#finish({ code: 1006, reason: '' }), 0);
        return;
      }
      const inner = this.#inner;
      inner.onopen = (event) => this.onopen?.(event);
      inner.onerror = (event) => this.onerror?.(event);
      inner.onclose = (event: CloseInfo) => this.#finish(event);
      inner.onmessage = (event) => this.#message(event);
    }

    served(): void {
      this.#served = true;
      this.#deadline.cancel();
    }

    send(data: string): void {
      this.#inner?.send(data);
    }

    close(code?: number, reason?: string): void {
      // Replies are handled in later turns; a close from inside the reading means that the frame could not be decoded.
      if (this.#reading)
        hooks.report(new CodedError('badRequest', 'a frame from the server could not be decoded'), {
          where: 'decode',
        });
      if (code === undefined) this.#inner?.close();
      else this.#inner?.close(code, reason);
    }

    #message(event: never): void {
      if (this.#closed) return;
      this.#reading = true;
      try {
        this.onmessage?.(event);
      } catch (error) {
        this.#reading = false;
        hooks.report(error, { where: 'decode' });
        this.#drop();
      } finally {
        this.#reading = false;
      }
    }

    /** Does not wait for the peer's side of the closing handshake: it may be dead. */
    #drop(): void {
      try {
        this.#inner?.close();
      } catch (error) {
        hooks.report(error, { where: 'transport' });
      }
      this.#finish({ code: 1006, reason: '' });
    }

    #finish(info: CloseInfo): void {
      if (this.#closed) return;
      this.#closed = true;
      this.#deadline.cancel();
      this.onclose?.(info as never);
      hooks.onClosed(this.#served);
    }
  };
}
