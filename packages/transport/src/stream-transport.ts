/**
 * The hub's Transport on one HTTP response that stays open: documents go down it as lines or events, each flush as one chunk; the peer's
 * frames arrive through `upstream`, from requests of their own. There is no close frame here, so a close is told as a disconnect push before
 * the response ends. It knows no endpoint, no command and no channel.
 */
import type { ServerResponse } from 'node:http';
import type { Clock, Logger, Timer } from '@trunkline/base';
import type { StreamWriter, Transport, TransportHandlers } from '@trunkline/hub';
import { closeOf, type Close, type Codec, type Encoded } from '@trunkline/protocol';
import { frameOf, type BatchFramer, type Framing } from './frames.js';
import { Upstream } from './upstream.js';

export interface StreamTransportDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shared by all transports of a server. */
  readonly framer: BatchFramer;
}

export interface StreamTransportOptions {
  readonly highWaterBytes: number;
  readonly closeTimeoutMs: number;
  readonly upstreamMaxRequests: number;
  readonly upstreamBodyMaxBytes: number;
  readonly stallTimeoutMs: number;
}

/** What was agreed on when the stream opened. */
export interface StreamWire {
  readonly name: string;
  readonly codec: Codec;
  readonly framing: Framing;
  readonly writer?: StreamWriter | undefined;
  /** Absent: there is no way up. */
  readonly session?: string | undefined;
  readonly maxFrameBytes: number;
  /** What a ping of the transport writes: something a reader skips. */
  readonly ping: string;
}

export class StreamTransport implements Transport {
  readonly name: string;
  readonly session?: string;
  readonly upstream: Upstream;
  readonly #deps: StreamTransportDeps;
  readonly #options: StreamTransportOptions;
  readonly #wire: StreamWire;
  readonly #response: ServerResponse;
  #handlers: TransportHandlers | undefined;
  #closing: Close | undefined;
  #closeTimer: Timer | undefined;
  #stallTimer: Timer | undefined;
  /** `write` returned false and `onDrain` is owed. */
  #behind = false;

  /** The head of `response` was sent. */
  constructor(
    deps: StreamTransportDeps,
    options: StreamTransportOptions,
    wire: StreamWire,
    response: ServerResponse,
  ) {
    this.name = wire.name;
    if (wire.session !== undefined) this.session = wire.session;
    this.#deps = deps;
    this.#options = options;
    this.#wire = wire;
    this.#response = response;
    this.upstream = new Upstream(
      {
        maxRequests: options.upstreamMaxRequests,
        maxBytes: 2 * wire.maxFrameBytes,
        maxArrivingBytes: 2 * options.upstreamBodyMaxBytes,
      },
      (frame) => this.#onFrame(frame),
      () => this.#closeWith(closeOf('tooManyRequests', 'upstream requests waiting')),
    );
    const opening = wire.writer?.open() ?? '';
    if (opening !== '') response.write(opening);
  }

  /** Starts the flow of events; to be called in the turn in which the response was opened. `first` came with the request. */
  start(handlers: TransportHandlers, first: string | Uint8Array | undefined): void {
    this.#handlers = handlers;
    this.#response.on('drain', () => this.#onDrain());
    this.#response.once('close', () => this.#onClose());
    if (first !== undefined) this.#onFrame(first);
  }

  get maxFrameBytes(): number {
    return this.#wire.maxFrameBytes;
  }

  /** Whether this side closed first. */
  get closing(): boolean {
    return this.#closing !== undefined;
  }

  write(documents: readonly Encoded[]): boolean {
    if (documents.length === 0 || this.#closing || this.#response.destroyed) return !this.#behind;
    this.#send(documents);
    // Node holds chunks back until the end of the turn; what left already is not counted as waiting.
    this.#response.socket?.uncork();
    const { writer } = this.#wire;
    if (writer?.ending) this.#closeWith(writer.ending);
    // The response promises a 'drain' only where one of its own writes was refused, which its need for one tells.
    else if (this.#response.writableNeedDrain && this.bufferedBytes() > this.#options.highWaterBytes)
      this.#fallBehind();
    return !this.#behind;
  }

  bufferedBytes(): number {
    return this.#response.writableLength;
  }

  ping(): void {
    if (!this.#closing && !this.#response.destroyed) this.#response.write(this.#wire.ping);
  }

  pause(): void {
    this.upstream.pause();
  }

  resume(): void {
    this.upstream.resume();
  }

  close(code: number, reason: string): void {
    if (this.#closing || this.#response.destroyed) return;
    const farewell = this.#wire.codec.encodePush({ kind: 'disconnect', code, reason });
    if (farewell) this.#send([farewell]);
    this.#closing = { code, reason };
    this.upstream.end();
    this.#response.end();
    this.#closeTimer = this.#deps.clock.setTimeout(() => this.destroy(), this.#options.closeTimeoutMs);
  }

  destroy(): void {
    this.#response.destroy();
  }

  /** One write, so one chunk, for all documents; the single frames of a batch too large to copy leave in one gathered write. */
  #send(documents: readonly Encoded[]): void {
    const { framing, writer } = this.#wire;
    const [first] = documents;
    if (writer) this.#response.write(writer.write(documents));
    else if (documents.length === 1 && first) this.#response.write(frameOf(first, framing));
    else {
      const batch = this.#deps.framer.frame(framing, documents);
      if (batch) this.#response.write(batch);
      else this.#sendEach(documents);
    }
  }

  #sendEach(documents: readonly Encoded[]): void {
    this.#response.cork();
    for (const document of documents) this.#response.write(frameOf(document, this.#wire.framing));
    this.#response.uncork();
  }

  #onFrame(frame: string | Uint8Array): void {
    if (this.#closing) return;
    this.#guard(() => this.#handlers?.onFrame(frame));
  }

  #onDrain(): void {
    if (!this.#behind || this.bufferedBytes() > this.#options.highWaterBytes) return;
    this.#behind = false;
    this.#stallTimer?.cancel();
    if (!this.#closing) this.#guard(() => this.#handlers?.onDrain());
  }

  #onClose(): void {
    this.#closeTimer?.cancel();
    this.#stallTimer?.cancel();
    this.upstream.end();
    const handlers = this.#handlers;
    this.#handlers = undefined;
    const close = this.#closing ?? { code: 1006, reason: '' };
    this.#guard(() => handlers?.onClosed(close.code, close.reason));
  }

  /** Nothing is written to a peer that is behind, so what waits for it only shrinks, or the peer takes nothing. */
  #fallBehind(): void {
    this.#behind = true;
    this.#watch(this.bufferedBytes());
  }

  #watch(before: number): void {
    this.#stallTimer?.cancel();
    this.#stallTimer = this.#deps.clock.setTimeout(() => {
      const now = this.bufferedBytes();
      if (now < before) this.#watch(now);
      else this.destroy();
    }, this.#options.stallTimeoutMs);
  }

  #closeWith({ code, reason }: Close): void {
    this.close(code, reason);
  }

  /** Handlers do not throw; one that does is a broken invariant and ends this connection, not the node. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#deps.logger.error({ err: cause }, 'connection handler failed');
      this.#closeWith(closeOf('serverError'));
    }
  }
}
