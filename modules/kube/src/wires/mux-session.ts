/**
 * A session in a pod as one of the watches of a multiplexed connection: what the API server sends comes as DATA, and what a client sends comes with further REQUESTs of the same key, as text that
 * goes on as one binary frame each. A session whose input is not taken ends: the socket is not stopped for it, since others share it.
 */
import type { Close } from '@trunkline/protocol';
import { CodedError } from '@trunkline/protocol';
import type { Session } from './session.js';
import type { Sessions, Wish } from './sessions.js';

/** How a session speaks to its client. */
export interface MuxSessionReader {
  /** False: the client is behind. */
  onFrame(frame: Uint8Array, binary: boolean): boolean;
  /** Nothing follows. */
  onEnd(words: string): void;
}

/** As clients of this wire expect it; they have no way to choose. A log comes as bytes where nothing is offered. */
const PROTOCOLS = ['v4.channel.k8s.io'];

const CLOSED: Close = { code: 1000, reason: '' };

export class MuxSession {
  readonly #reader: MuxSessionReader;
  readonly #life = new AbortController();
  /** Bytes of input that may wait. */
  readonly #maxInputBytes: number;
  #session: Session | undefined;
  #muted = false;
  /** Of before it was open. */
  #input: Buffer[] = [];
  #waitingBytes = 0;

  constructor(maxInputBytes: number, reader: MuxSessionReader) {
    this.#maxInputBytes = maxInputBytes;
    this.#reader = reader;
  }

  get ended(): boolean {
    return this.#life.signal.aborted;
  }

  /** What waits is not to be shown any more: nobody wants it, or nobody may see it. */
  get muted(): boolean {
    return this.#muted;
  }

  /** Resolves when it is open or refused. Never rejects. */
  async start(sessions: Sessions, wish: Omit<Wish, 'protocols'>): Promise<void> {
    try {
      const protocols = wish.target.verb === 'log' ? [] : PROTOCOLS;
      const session = await sessions.open({ ...wish, protocols }, this.#life.signal);
      this.#session = session;
      if (this.ended) return session.close(CLOSED);
      session.start({
        onFrame: (frame, binary) => this.ended || this.#reader.onFrame(frame, binary),
        onDrained: () => (this.#waitingBytes = 0),
        onEnd: ({ code, reason }, revoked) => {
          this.#muted ||= revoked;
          this.#end(`the session ended (${code})${reason && `: ${reason}`}`);
        },
      });
      this.#waitingBytes = 0;
      for (const data of this.#input.splice(0)) this.#pass(session, data);
    } catch (cause) {
      this.#end(cause instanceof CodedError ? cause.message : 'internal error');
    }
  }

  send(text: string): void {
    if (this.ended) return;
    const data = Buffer.from(text);
    if (this.#session !== undefined) return this.#pass(this.#session, data);
    this.#input.push(data);
    this.#waits(data);
  }

  /** The client caught up. */
  resume(): void {
    this.#session?.resume();
  }

  /** Nothing more is told. */
  dispose(): void {
    this.#muted = true;
    this.#stop();
  }

  #stop(): void {
    if (this.ended) return;
    this.#life.abort(new Error('the session is over'));
    this.#input = [];
    this.#session?.close(CLOSED);
  }

  #pass(session: Session, data: Buffer): void {
    if (!session.send(data)) this.#waits(data);
  }

  #waits({ length }: Buffer): void {
    this.#waitingBytes += length;
    if (this.#waitingBytes > this.#maxInputBytes) this.#end('more input than the program takes');
  }

  #end(words: string): void {
    if (this.ended) return;
    this.#stop();
    this.#reader.onEnd(words);
  }
}
