/**
 * The native JSON wire over one socket, as far as `doctor` and `bench` need it: numbered requests and their replies, answers to the server's
 * pings, and pushes handed on as they came. It keeps no positions and repairs nothing; whoever uses it decides what an end means.
 */
import type { Clock, Timer } from '@trunkline/base';
import type { OpenSocket, SocketEnd, TextSocket } from './sockets.js';

export interface WireError {
  readonly code: number;
  readonly message: string;
}

export interface WirePublication {
  readonly data?: unknown;
  readonly offset?: number;
}

/** The parts of a push that are read here. */
export interface WirePush {
  readonly channel?: string;
  readonly pub?: WirePublication;
  readonly unsubscribe?: { readonly code?: number; readonly reason?: string };
  readonly disconnect?: { readonly code?: number; readonly reason?: string };
}

export type WireReply =
  | { readonly kind: 'result'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly kind: 'error'; readonly error: WireError }
  /** No reply in time. */
  | { readonly kind: 'timeout' }
  /** The connection ended before it. */
  | { readonly kind: 'ended' };

export interface WireHandlers {
  onOpen(): void;
  onPush(push: WirePush): void;
  /** Once. A disconnect push counts as a close with its code. */
  onEnd(end: SocketEnd): void;
}

interface Waiting {
  readonly settle: (reply: WireReply) => void;
  readonly timer: Timer;
}

interface WireDocument {
  readonly id?: number;
  readonly error?: { readonly code?: number; readonly message?: string };
  readonly push?: WirePush;
  readonly [method: string]: unknown;
}

/** Time for one reply; the server answers every subscribe within 3 s. */
const REPLY_TIMEOUT_MS = 10_000;

export class WireSession {
  readonly #clock: Clock;
  readonly #handlers: WireHandlers;
  readonly #socket: TextSocket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended = false;
  /** What a disconnect push said; more exact than the close frame behind it. */
  #told: SocketEnd | undefined;

  constructor(
    deps: { readonly clock: Clock; readonly open: OpenSocket },
    url: string,
    handlers: WireHandlers,
  ) {
    this.#clock = deps.clock;
    this.#handlers = handlers;
    this.#socket = deps.open(url, {
      onOpen: () => this.#ended || handlers.onOpen(),
      onText: (text) => this.#text(text),
      onEnd: (end) => this.#end(end),
    });
  }

  /** Sends one command, e.g. `request('subscribe', {channel})`. Never rejects. */
  request(method: string, params: object, timeoutMs = REPLY_TIMEOUT_MS): Promise<WireReply> {
    return new Promise((resolve) => this.call(method, params, resolve, timeoutMs));
  }

  /** As `request`, for what must be done with the reply before the push behind it in the same frame is handed on. */
  call(
    method: string,
    params: object,
    settle: (reply: WireReply) => void,
    timeoutMs = REPLY_TIMEOUT_MS,
  ): void {
    if (this.#ended) return settle({ kind: 'ended' });
    const id = this.#nextId++;
    const timer = this.#clock.setTimeout(() => this.#settle(id, { kind: 'timeout' }), timeoutMs);
    this.#waiting.set(id, { settle, timer });
    this.#socket.send(JSON.stringify({ id, [method]: params }));
  }

  close(): void {
    this.#socket.close();
  }

  #text(text: string): void {
    // Most frames hold one document; a batch holds one per line.
    if (text.indexOf('\n') < 0) return this.#line(text);
    for (const line of text.split('\n')) if (line !== '') this.#line(line);
  }

  #line(line: string): void {
    if (this.#ended) return;
    if (line === '{}') return this.#socket.send('{}');
    let document: WireDocument;
    try {
      document = JSON.parse(line) as WireDocument;
    } catch {
      return this.close();
    }
    const { id, push, error } = document;
    if (push !== undefined) {
      if (push.disconnect !== undefined)
        this.#told = {
          kind: 'closed',
          code: push.disconnect.code ?? 0,
          reason: push.disconnect.reason ?? '',
        };
      else this.#handlers.onPush(push);
    } else if (id !== undefined) {
      this.#settle(
        id,
        error === undefined
          ? { kind: 'result', result: resultOf(document) }
          : { kind: 'error', error: { code: error.code ?? 0, message: error.message ?? '' } },
      );
    }
  }

  #settle(id: number, reply: WireReply): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    waiting.timer.cancel();
    waiting.settle(reply);
  }

  #end(end: SocketEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const id of [...this.#waiting.keys()]) this.#settle(id, { kind: 'ended' });
    this.#handlers.onEnd(this.#told ?? end);
  }
}

/** The reply's one member besides its id. */
function resultOf(document: WireDocument): Readonly<Record<string, unknown>> {
  for (const [name, value] of Object.entries(document)) {
    if (name !== 'id' && typeof value === 'object' && value !== null)
      return value as Readonly<Record<string, unknown>>;
  }
  return {};
}
