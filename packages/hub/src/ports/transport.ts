/**
 * The transport port: one open connection that carries bytes. Adapters live in `packages/transport`; the hub never sees a socket.
 * Frames come in through `TransportHandlers`, handed over by `Hub.accept`; documents go out through `write`.
 */
import type { Encoded } from '@trunkline/protocol';

export interface Transport {
  /** For logs and lists, e.g. `websocket`. */
  readonly name: string;
  /** What names this connection in upstream requests of their own, told to the peer in the connect reply; absent where frames come on the transport itself. */
  readonly session?: string;
  /**
   * Hands documents to the network as one write, in order. Never throws and never blocks. False when the peer is behind: the hub
   * then writes nothing until `onDrain`. What was given is sent either way.
   */
  write(documents: readonly Encoded[]): boolean;
  /** Bytes given to `write` that the operating system has not taken yet. */
  bufferedBytes(): number;
  /** A ping of the transport itself, where the link profile asks for it. */
  ping?(): void;
  /** Stops and restarts reading: back-pressure towards a peer that sends faster than it reads. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes; `onClosed` follows. Repeats are harmless. */
  close(code: number, reason: string): void;
  /** Drops the connection without ceremony (a peer that stopped reading cannot be told anything). */
  destroy(): void;
}

/** Given to the adapter by the hub. Calls come in order; none after `onClosed`. */
export interface TransportHandlers {
  onFrame(frame: string | Uint8Array): void;
  /** The peer caught up after `write` had returned false. */
  onDrain(): void;
  /** A transport-level pong (or any sign of life the adapter wants counted). */
  onAlive(): void;
  /** Exactly once, however the connection ended. */
  onClosed(code: number, reason: string): void;
}
