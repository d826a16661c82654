/** One attempt over a transport that is no WebSocket: its deadline until the connect reply, and its end, told once. */
import type { GuardedSocket, SocketHooks } from './transports.js';

export interface Attempt extends GuardedSocket {
  /** Idempotent. */
  end(): void;
}

/** `drop` gives the transport up; it must lead to `end`. */
export function beginAttempt(hooks: SocketHooks, drop: () => void): Attempt {
  let served = false;
  let ended = false;
  const deadline = hooks.clock.setTimeout(drop, hooks.connectTimeoutMs);
  const attempt: Attempt = {
    served: () => {
      served = true;
      deadline.cancel();
    },
    end: () => {
      if (ended) return;
      ended = true;
      deadline.cancel();
      // The transport package is told first, in the turn that runs now.
      queueMicrotask(() => hooks.onClosed(served));
    },
  };
  hooks.onOpening(attempt);
  return attempt;
}
