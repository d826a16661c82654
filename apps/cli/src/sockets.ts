/**
 * What `doctor` and `bench` need of a WebSocket: text in, text out, and how it ended. They speak the wire by hand, since the client SDK hides
 * what they are there to find. `ws-socket.ts` implements it; tests have a double.
 */

export interface SocketEvents {
  onOpen(): void;
  /** One text frame: one JSON document per line. */
  onText(text: string): void;
  /** Once, and nothing after it. */
  onEnd(end: SocketEnd): void;
}

export type SocketEnd =
  /** It was open, and closed. 1005: without a code; 1006: without a word. */
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  /** An HTTP answer instead of the upgrade. */
  | { readonly kind: 'refused'; readonly status: number }
  /** No connection; `reason` for people. */
  | { readonly kind: 'unreachable'; readonly reason: string };

export interface TextSocket {
  /** Nothing where the socket is not open. */
  send(text: string): void;
  /** Closes; `onEnd` follows. */
  close(): void;
}

/** Never throws; what goes wrong is an end. */
export type OpenSocket = (url: string, events: SocketEvents) => TextSocket;

/** Loads the implementation, which brings the `ws` package along. */
export type LoadSockets = () => Promise<OpenSocket>;
