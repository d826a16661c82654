/**
 * One open connection: bytes in (size limit, then decode), documents out (bounded outbox, one write per turn), keep-alive, close.
 * It knows a codec and a transport, and no channels, users or commands. Decoded frames go to `onDecoded`; the outbox reports that it is
 * empty again through `onDrained`, so that delivery can catch up. `enqueue` returns overflow instead of acting on it: one caller decides.
 */
import type { Clock } from '@trunkline/base';
import {
  CLOSE_CODES,
  closeOf,
  type Close,
  type Codec,
  type Decoded,
  type Encoded,
} from '@trunkline/protocol';
import type { LinkProfile } from '../ports/endpoint.js';
import type { Transport, TransportHandlers } from '../ports/transport.js';
import type { Counters } from './counters.js';
import type { FlushQueue } from './flush-queue.js';
import type { Heartbeating, HeartbeatWheel } from './heartbeat.js';

/** What the connections of one org share: the bytes that wait for all of them (spec DELIV-4), and what came in and went out (spec ORG-1). */
export interface OrgAccount {
  waitingBytes: number;
  readonly maxWaitingBytes: number;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
}

/** An account without entries. */
export function openAccount(maxWaitingBytes: number): OrgAccount {
  return { waitingBytes: 0, maxWaitingBytes, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
}

export interface ConnectionEvents {
  onDecoded(decoded: Decoded): void;
  /** Takes frames as they are, in place of `onDecoded`. */
  onFrame?(frame: string | Uint8Array): void;
  onDrained(): void;
  /** Exactly once. Where this side closed first, its own code and reason, before they were translated for the wire. */
  onClosed(code: number, reason: string, by: 'server' | 'client'): void;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly flushQueue: FlushQueue;
  readonly wheel: HeartbeatWheel | undefined;
}

export class Connection implements Heartbeating {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly profile: LinkProfile;
  readonly #deps: ConnectionDeps;
  readonly #events: ConnectionEvents;
  #account: OrgAccount = openAccount(Infinity);
  #pending: Encoded[] = [];
  #pendingBytes = 0;
  #pendingPublications = 0;
  #dirty = false;
  #blocked = false;
  #readingPaused = false;
  #holds = 0;
  #closed = false;
  #closing: Close | undefined;
  #alive = true;

  constructor(
    deps: ConnectionDeps,
    transport: Transport,
    codec: Codec,
    profile: LinkProfile,
    events: ConnectionEvents,
  ) {
    this.#deps = deps;
    this.transport = transport;
    this.codec = codec;
    this.profile = profile;
    this.#events = events;
  }

  /** What the transport adapter calls. */
  handlers(): TransportHandlers {
    return {
      onFrame: (frame) => this.#onFrame(frame),
      onDrain: () => this.#onDrain(),
      onAlive: () => {
        this.#alive = true;
      },
      onClosed: (code, reason) => this.#onTransportClosed(code, reason),
    };
  }

  /** Starts keep-alive; called when the peer is accepted as a client. */
  startHeartbeat(): void {
    if (!this.#closed) this.#deps.wheel?.add(this);
  }

  /** From now on the connection counts for an org; what it did before is carried over. */
  joinAccount(account: OrgAccount): void {
    const before = this.#account;
    this.#account = account;
    account.waitingBytes += before.waitingBytes;
    account.messagesIn += before.messagesIn;
    account.messagesOut += before.messagesOut;
    account.bytesIn += before.bytesIn;
    account.bytesOut += before.bytesOut;
  }

  get open(): boolean {
    return !this.#closed && this.#closing === undefined;
  }

  /** Whether the peer is behind: nothing is written until it caught up. */
  get blocked(): boolean {
    return this.#blocked;
  }

  get outboxMessages(): number {
    return this.#pendingPublications;
  }

  get outboxBytes(): number {
    return this.#pendingBytes + (this.#blocked ? this.transport.bufferedBytes() : 0);
  }

  /**
   * Queues a publication. False: the outbox is full and nothing was queued (overflow). An empty outbox accepts one of any size; a reader
   * that keeps up is flushed in the middle of a turn rather than refused.
   */
  enqueue(document: Encoded): boolean {
    if (!this.open) return true;
    const bytes = document.bytes.length;
    if (this.#pending.length > 0 || this.#blocked) {
      if (this.#exceeds(bytes)) {
        if (this.#blocked) return false;
        this.flush();
        if (this.#blocked && this.#exceeds(bytes)) return false;
      }
    }
    this.#pendingPublications++;
    this.#push(document, bytes);
    return true;
  }

  /**
   * Queues a reply or a push that must not be lost. Control documents are bounded by not reading from a peer that does not read
   * (half the byte bound) and, as a last resort, by closing it (twice the bound, 3008).
   */
  control(document: Encoded): void {
    if (!this.open) return;
    if (this.#pendingBytes > 2 * this.profile.outboxMaxBytes) {
      if (!this.#blocked) this.flush();
      // What was flushed just now waits in the transport, not here. One document may have any size: a recovery can be larger than all this.
      const largest = Math.max(0, ...this.#pending.map(({ bytes }) => bytes.length));
      if (this.#pendingBytes - largest > 2 * this.profile.outboxMaxBytes) {
        this.#deps.counters.overflows.close++;
        this.abort(closeOf('slow'));
        return;
      }
    }
    this.#push(document, document.bytes.length);
    if (this.#blocked && this.#pendingBytes > this.profile.outboxMaxBytes / 2) this.#pauseReading();
  }

  /**
   * Whether replies should wait until the peer has read some (`onDrained` follows): it is behind, and half of what may wait does. Commands that were
   * read together, a reconnect's, may be answered with more than all that.
   */
  congested(): boolean {
    if (this.#pendingBytes <= this.profile.outboxMaxBytes / 2 || !this.open) return false;
    this.flush();
    return this.#pendingBytes > this.profile.outboxMaxBytes / 2;
  }

  /** Hands everything that waits to the transport as one write. */
  flush(): void {
    this.#dirty = false;
    if (this.#blocked || this.#pending.length === 0 || this.#closed) return;
    const documents = this.#pending;
    const counters = this.#deps.counters;
    counters.framesOut++;
    counters.bytesOut += this.#pendingBytes;
    this.#account.messagesOut += documents.length;
    this.#account.bytesOut += this.#pendingBytes;
    this.#forgetPending();
    this.#blocked = !this.transport.write(documents);
  }

  /** Stops reading until as many `release` calls came; back-pressure of slow command handling. */
  hold(): void {
    this.#holds++;
    this.transport.pause();
  }

  release(): void {
    if (this.#holds === 0) return;
    this.#holds--;
    // What was not read may have been an answer.
    if (this.#holds === 0) this.#alive = true;
    this.#resumeReading();
  }

  /** Sends what waits, then closes. The code is translated for foreign wires. */
  close(close: Close): void {
    if (!this.open) return;
    this.#closing = close;
    if (!this.#blocked) this.flush();
    this.#deps.counters.close(close.code);
    this.transport.close(this.profile.closeCodes?.get(close.code) ?? close.code, close.reason);
  }

  /** Closes a peer that does not read: what waits is dropped, and the transport is cut if the close does not get through. */
  abort(close: Close): void {
    if (!this.open) return;
    this.#forgetPending();
    this.close(close);
    if (this.#blocked) this.transport.destroy();
  }

  // ------------------------------------------------------------ keep-alive

  sendPing(): void {
    this.#alive = false;
    if (!this.open || this.#blocked) return;
    if (this.profile.ping.kind === 'transport') this.transport.ping?.();
    else this.control(this.codec.ping);
  }

  /** Whom nobody listens to is not silent: their pongs wait with everything else. */
  answered(): boolean {
    return this.#alive || !this.open || this.#holds > 0;
  }

  onSilent(): void {
    this.abort(closeOf('noPong'));
  }

  // ------------------------------------------------------------ inside

  #exceeds(bytes: number): boolean {
    const waiting = this.#pendingBytes + (this.#blocked ? this.transport.bufferedBytes() : 0);
    return (
      this.#pendingPublications >= this.profile.outboxMaxMessages ||
      waiting + bytes > this.profile.outboxMaxBytes ||
      (this.#blocked && this.#account.waitingBytes + bytes > this.#account.maxWaitingBytes)
    );
  }

  #push(document: Encoded, bytes: number): void {
    this.#pending.push(document);
    this.#pendingBytes += bytes;
    this.#account.waitingBytes += bytes;
    if (this.#dirty || this.#blocked) return;
    this.#dirty = true;
    this.#deps.flushQueue.add(this);
  }

  #forgetPending(): void {
    this.#account.waitingBytes -= this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#pendingPublications = 0;
  }

  #onFrame(frame: string | Uint8Array): void {
    if (!this.open) return;
    this.#alive = true;
    const { counters } = this.#deps;
    counters.framesIn++;
    counters.bytesIn += frame.length;
    this.#account.bytesIn += frame.length;
    if (frame.length > this.profile.maxFrameBytes) {
      this.close({ code: 1009, reason: 'frame too large' });
      return;
    }
    if (this.#events.onFrame) {
      this.#account.messagesIn++;
      this.#events.onFrame(frame);
      return;
    }
    const decoded = this.codec.decode(frame, {
      maxCommands: this.profile.maxCommandsPerFrame,
      maxDepth: this.profile.maxDepth,
    });
    this.#account.messagesIn += decoded.items.length;
    this.#events.onDecoded(decoded);
  }

  #onDrain(): void {
    if (this.#closed || !this.#blocked) return;
    this.#blocked = false;
    // Taking what was sent is a sign of life: a slow reader is not a dead one.
    this.#alive = true;
    this.flush();
    if (this.#blocked) return;
    this.#resumeReading();
    this.#events.onDrained();
  }

  #pauseReading(): void {
    if (this.#readingPaused) return;
    this.#readingPaused = true;
    this.transport.pause();
  }

  #resumeReading(): void {
    if (!this.#blocked) this.#readingPaused = false;
    if (this.#holds === 0 && !this.#readingPaused && !this.#closed) this.transport.resume();
  }

  #onTransportClosed(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetPending();
    this.#deps.wheel?.remove(this);
    const ours = this.#closing;
    if (ours) {
      this.#events.onClosed(ours.code, ours.reason, 'server');
      return;
    }
    const theirs = code || CLOSE_CODES.connectionClosed.code;
    this.#deps.counters.close(theirs);
    this.#events.onClosed(theirs, reason, 'client');
  }
}
