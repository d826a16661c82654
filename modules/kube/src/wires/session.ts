/**
 * One open session in a pod: frames both ways as they come, each side stopped while the other one is behind, for as long as the right to it is confirmed. It does not know what the frames
 * say, nor whether its client has a socket of its own or shares one. Where it may go on while rights cannot be asked about, nothing is read of the cluster meanwhile.
 */
import { every, type Clock, type Disposable, type Timer } from '@trunkline/base';
import type { KubeSocket } from '@trunkline/kube-client';
import { closeOf, CodedError, type Close } from '@trunkline/protocol';
import type { DoubtListener } from '../ports.js';

export interface SessionOptions {
  /** How long a session goes on while nobody can say whether it may, and the time between questions meanwhile, in milliseconds. */
  readonly doubtMs: number;
  readonly doubtAgainMs: number;
  /** Between pings of the API server, for what lies in between and closes quiet connections. */
  readonly pingIntervalMs: number;
  /** For a client to take over what was opened for it. */
  readonly openDeadlineMs: number;
}

/** What a session stands on. */
export interface SessionRight {
  /** For how long it is known. */
  readonly recheckMs: number;
  /** The same, asked again. Throws the refusal, and a temporary error where nobody can say. */
  ask(): Promise<number>;
  /** Where an old yes may be repeated: told while that is so (see `Upstreams.doubt`). */
  doubt?(listener: DoubtListener): Disposable;
  /** Called once, when the session is over. */
  release(): void;
}

/** The client's side. Nothing comes after `onEnd`. */
export interface SessionPeer {
  /** False: the client is behind; `resume` is called when it has caught up. At most what was read already still comes. */
  onFrame(frame: Uint8Array, binary: boolean): boolean;
  /** The cluster caught up, after `send` was false. */
  onDrained(): void;
  /** With what the API server closed; `revoked` where it was this side: what waits is not to be shown any more. */
  onEnd(close: Close, revoked: boolean): void;
}

interface End {
  readonly close: Close;
  readonly revoked: boolean;
}

/** A question that is answered is no doubt, however short `doubtMs` is. */
const SHORTEST_DOUBT_MS = 1_000;

export class Session {
  readonly #clock: Clock;
  readonly #options: SessionOptions;
  readonly #socket: KubeSocket;
  readonly #right: SessionRight;
  readonly #pings: Timer;
  #peer: SessionPeer | undefined;
  #end: End | undefined;
  #askTimer: Timer | undefined;
  /** Ends the session. Runs from the first question that has no answer yet. */
  #doubt: Timer | undefined;
  #startTimer: Timer | undefined;
  readonly #watching: Disposable | undefined;
  /** The client takes no more. */
  #behind = false;
  /** What had been read already when rights could not be asked about any more, in order; undefined: they can. */
  #kept: (() => void)[] | undefined;

  /** Throws what `right.doubt` throws. */
  constructor(clock: Clock, options: SessionOptions, socket: KubeSocket, right: SessionRight) {
    this.#clock = clock;
    this.#options = options;
    this.#socket = socket;
    this.#right = right;
    this.#watching = right.doubt?.({
      onDoubt: (fault) => (fault === undefined ? this.#release() : this.#hold()),
      onLost: (cause) => this.#cut(closeOf('permissionDenied', wordsOf(cause))),
    });
    this.#pings = every(clock, options.pingIntervalMs, () => socket.ping());
    this.#startTimer = clock.setTimeout(
      () => this.#cut(closeOf('stale', 'nobody took the session over')),
      options.openDeadlineMs,
    );
    this.#askIn(right.recheckMs);
  }

  /** As the API server selected it; '' for none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Once. The end may come at once. */
  start(peer: SessionPeer): void {
    this.#startTimer?.cancel();
    this.#peer = peer;
    if (this.#end !== undefined) return peer.onEnd(this.#end.close, this.#end.revoked);
    this.#socket.start({
      onFrame: (frame, binary) => this.#told(() => this.#show(peer, frame, binary)),
      onDrained: () => {
        if (this.#end === undefined) peer.onDrained();
      },
      onClosed: (code, reason) => {
        this.#told(() => this.#over({ close: toClient(code, reason), revoked: false }));
      },
    });
    if (this.#kept !== undefined) this.#socket.pause();
  }

  /** False: the cluster is behind. What was given is sent either way. */
  send(frame: string | Uint8Array): boolean {
    return this.ended || this.#socket.send(frame);
  }

  /** The client caught up. */
  resume(): void {
    if (this.ended) return;
    this.#behind = false;
    if (this.#kept === undefined) this.#socket.resume();
  }

  /** The client is gone: the API server is told with what. Nothing comes any more. */
  close({ code, reason }: Close): void {
    if (this.ended) return;
    this.#peer = undefined;
    this.#over({ close: { code, reason }, revoked: false });
    this.#socket.close(code, reason);
  }

  /** By the cluster. */
  #told(what: () => void): void {
    if (this.#kept === undefined) what();
    else this.#kept.push(what);
  }

  #show(peer: SessionPeer, frame: Uint8Array, binary: boolean): void {
    if (this.ended || peer.onFrame(frame, binary)) return;
    this.#behind = true;
    this.#socket.pause();
  }

  #hold(): void {
    this.#kept ??= [];
    this.#socket.pause();
  }

  #release(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const what of kept) what();
    if (!this.ended && this.#peer !== undefined && !this.#behind) this.#socket.resume();
  }

  // ------------------------------------------------------------ rights

  #askIn(waitMs: number): void {
    this.#askTimer = this.#clock.setTimeout(() => void this.#ask(), waitMs);
  }

  async #ask(): Promise<void> {
    const limitMs = Math.max(this.#options.doubtMs, SHORTEST_DOUBT_MS);
    this.#doubt ??= this.#clock.setTimeout(
      () => this.#cut(closeOf('permissionDenied', 'rights could not be asked about')),
      limitMs,
    );
    try {
      const recheckMs = await this.#right.ask();
      if (this.ended) return;
      this.#doubt.cancel();
      this.#doubt = undefined;
      this.#askIn(recheckMs);
    } catch (cause) {
      if (this.ended) return;
      const temporary = cause instanceof CodedError && cause.temporary;
      if (temporary && this.#options.doubtMs > 0) this.#askIn(this.#options.doubtAgainMs);
      else this.#cut(closeOf('permissionDenied', wordsOf(cause)));
    }
  }

  // ------------------------------------------------------------ the end

  /** Nothing more passes in either direction. */
  #cut(close: Close): void {
    if (this.ended) return;
    this.#over({ close, revoked: true });
    this.#socket.destroy();
  }

  #over(end: End): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const timer of [this.#pings, this.#askTimer, this.#doubt, this.#startTimer]) timer?.cancel();
    this.#watching?.dispose();
    this.#kept = undefined;
    this.#right.release();
    this.#peer?.onEnd(end.close, end.revoked);
  }
}

function wordsOf(cause: unknown): string | undefined {
  return cause instanceof CodedError ? cause.message : undefined;
}

/** Two codes say that there was none, and cannot be sent. */
function toClient(code: number, reason: string): Close {
  if (code === 1005) return { code: 1000, reason };
  if (code === 1006) return { code: 1011, reason: 'the connection to the API server was lost' };
  return { code, reason };
}
