/**
 * The hub's Transport on one open WebSocket. Reading, control frames and the closing handshake are left to `ws`; data frames go
 * straight to the socket under it, ready framed and shared between receivers. That is safe here because this side neither compresses
 * nor fragments: `ws` then writes each control frame whole and at once, so nothing can come between the bytes of a frame, and what is
 * handed over first leaves first. It knows no endpoint, no command and no channel.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Logger, Timer } from '@trunkline/base';
import type { Transport, TransportHandlers } from '@trunkline/hub';
import { closeOf, type Close, type Encoded } from '@trunkline/protocol';
import { WebSocket } from 'ws';
import { frameOf, type BatchFramer, type Framing } from './frames.js';

export interface WebSocketTransportDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shared by all transports of a server. */
  readonly framer: BatchFramer;
}

export interface WebSocketTransportOptions {
  readonly highWaterBytes: number;
  readonly closeTimeoutMs: number;
}

export class WebSocketTransport implements Transport {
  readonly name = 'websocket';
  readonly #deps: WebSocketTransportDeps;
  readonly #options: WebSocketTransportOptions;
  readonly #framing: Framing;
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  #handlers: TransportHandlers | undefined;
  /** What this side closed with; from then on frames of the peer are ignored. */
  #closing: Close | undefined;
  #closeTimer: Timer | undefined;
  /** `write` returned false and `onDrain` is owed. */
  #behind = false;

  /** `socket` is the one `ws` runs on. */
  constructor(
    deps: WebSocketTransportDeps,
    options: WebSocketTransportOptions,
    framing: Framing,
    ws: WebSocket,
    socket: Duplex,
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#framing = framing;
    this.#ws = ws;
    this.#socket = socket;
  }

  /** Starts the flow of events. To be called in the turn in which the connection opened, so that no frame is missed. */
  start(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    this.#ws.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    this.#ws.on('ping', () => this.#guard(() => this.#handlers?.onAlive()));
    this.#ws.on('pong', () => this.#guard(() => this.#handlers?.onAlive()));
    this.#ws.on('error', (error) => this.#onError(error));
    this.#ws.on('close', (code, reason) => this.#onClose(code, reason.toString()));
    this.#socket.on('drain', () => this.#onDrain());
  }

  write(documents: readonly Encoded[]): boolean {
    if (this.#ws.readyState !== WebSocket.OPEN) return true;
    const [first] = documents;
    if (first === undefined) return !this.#behind;
    if (documents.length === 1) {
      this.#socket.write(frameOf(first, this.#framing));
    } else {
      const batch = this.#deps.framer.frame(this.#framing, documents);
      if (batch) this.#socket.write(batch);
      else this.#writeEach(documents);
    }
    // The stream promises a 'drain' only where one of its own writes was refused, which its need for one tells.
    if (this.#socket.writableNeedDrain && this.#socket.writableLength > this.#options.highWaterBytes)
      this.#behind = true;
    return !this.#behind;
  }

  bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  ping(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping();
  }

  /** Frames that were already read from the network still arrive (at most one read, 64 KiB). */
  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  close(code: number, reason: string): void {
    if (this.#closing || this.#ws.readyState === WebSocket.CLOSED) return;
    this.#closing = { code, reason };
    // A paused reader would never see the peer's answer.
    this.#ws.resume();
    sendClose(this.#ws, this.#closing);
    this.#dropLater();
  }

  destroy(): void {
    this.#ws.terminate();
  }

  /** No copy: the single frames leave in one gathered write. */
  #writeEach(documents: readonly Encoded[]): void {
    this.#socket.cork();
    for (const document of documents) this.#socket.write(frameOf(document, this.#framing));
    this.#socket.uncork();
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#closing) return;
    this.#guard(() => this.#handlers?.onFrame(isBinary ? data : data.toString()));
  }

  #onDrain(): void {
    if (!this.#behind || this.#socket.writableLength > this.#options.highWaterBytes) return;
    this.#behind = false;
    if (this.#ws.readyState === WebSocket.OPEN) this.#guard(() => this.#handlers?.onDrain());
  }

  /** A peer that broke the protocol (too large, not UTF-8, not masked): `ws` has sent the close frame already. */
  #onError(error: Error): void {
    this.#deps.logger.debug({ err: error }, 'websocket closed for a protocol error');
    this.#dropLater();
  }

  #onClose(code: number, reason: string): void {
    this.#closeTimer?.cancel();
    const handlers = this.#handlers;
    this.#handlers = undefined;
    const close = this.#closing ?? { code, reason };
    this.#guard(() => handlers?.onClosed(close.code, close.reason));
  }

  #dropLater(): void {
    this.#closeTimer ??= this.#deps.clock.setTimeout(
      () => this.#ws.terminate(),
      this.#options.closeTimeoutMs,
    );
  }

  /** Handlers do not throw; one that does is a broken invariant and ends this connection, not the node. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#deps.logger.error({ err: cause }, 'connection handler failed');
      const { code, reason } = closeOf('serverError');
      this.close(code, reason);
    }
  }
}

/** Starts the closing handshake; a code or reason that no close frame can carry is made to fit (1011; 123 bytes). */
export function sendClose(ws: WebSocket, { code, reason }: Close): void {
  ws.close(isSendable(code) ? code : 1011, cutReason(reason));
}

/** RFC 6455 section 7.4. */
function isSendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  );
}

/** At most the 123 bytes a close frame holds (RFC 6455 section 5.5), cut between characters. */
function cutReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= 123) return reason;
  let end = 123;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
