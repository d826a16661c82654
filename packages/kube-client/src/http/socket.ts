/**
 * A WebSocket to an API server, for what is spoken both ways: exec, attach, port-forward. Framing is the work of `ws`, over a connection that somebody else has opened; here are the handshake, whose
 * refusal is an answer like any other, and back-pressure in both directions. What the frames say is not known here.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, type ClientOptions, type RawData } from 'ws';
import { codeOf } from '../credential.js';
import { KubeError } from '../errors.js';
import type { DialAnswer, DialRequest, KubeSocket, KubeSocketEvents } from './wire.js';

/** For a server to answer a close, before the connection is cut: one whose program takes no input does not get to it. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Bytes that wait for the server above which `send` reports it behind. */
const HIGH_WATER_BYTES = 65_536;

/** `connection` is open, TLS included, and belongs to the socket from here on. Rejects with the reason of the signal, and with a `KubeError`. */
export function shakeHands(url: string, connection: Duplex, request: DialRequest): Promise<DialAnswer> {
  const { headers, protocols, maxFrameBytes, signal } = request;
  return new Promise((resolve, reject) => {
    const options: ClientOptions & { readonly closeTimeout: number } = {
      headers: {
        ...(headers as Record<string, string>),
        // `ws` takes only names that browsers take, and some of these have a slash.
        ...(protocols.length === 0 ? {} : { 'sec-websocket-protocol': protocols.join(', ') }),
      },
      createConnection: (() => connection) as never,
      perMessageDeflate: false,
      followRedirects: false,
      maxPayload: maxFrameBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    let selected = '';
    const ws = new WebSocket(url, options);
    const fail = (error: unknown): void => {
      settle();
      ws.terminate();
      reject(error as Error);
    };
    const onAbort = (): void => fail(signal.reason);
    const settle = (): void => signal.removeEventListener('abort', onAbort);
    ws.once('upgrade', (answer: IncomingMessage) => {
      selected = answer.headers['sec-websocket-protocol'] ?? '';
      delete answer.headers['sec-websocket-protocol'];
    });
    ws.once('unexpected-response', (_request, answer: IncomingMessage) => {
      settle();
      const { statusCode: status = 0, headers: given } = answer;
      resolve({ kind: 'refused', answer: { status, headers: given, body: answer } });
    });
    ws.once('open', () => {
      settle();
      // Nothing is lost of what comes before somebody listens.
      ws.pause();
      if (selected === '' || protocols.includes(selected))
        resolve({ kind: 'open', socket: new OpenSocket(ws, connection, selected) });
      else fail(new KubeError('kubeBadAnswer', 'a sub-protocol was selected that was not offered'));
    });
    // For good: an error nobody listens to would end the process.
    ws.on('error', (cause: Error) => fail(toError(cause)));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function toError(cause: Error): KubeError {
  const code = codeOf(cause);
  if (code === 'failed') return new KubeError('kubeBadAnswer', 'no WebSocket handshake', { cause });
  return new KubeError('kubeUnreachable', code, { cause });
}

class OpenSocket implements KubeSocket {
  readonly protocol: string;
  readonly #ws: WebSocket;
  readonly #connection: Duplex;
  #events: KubeSocketEvents | undefined;
  #failure: { readonly code: number; readonly reason: string } | undefined;
  #behind = false;

  constructor(ws: WebSocket, connection: Duplex, protocol: string) {
    this.#ws = ws;
    this.#connection = connection;
    this.protocol = protocol;
    ws.on('message', (data: RawData, binary) => this.#events?.onFrame(data as Buffer, binary));
    ws.on('error', (error) => this.#onError(error));
    ws.on('close', (code, reason) => this.#onClose(code, reason.toString()));
    connection.on('drain', () => this.#onDrain());
  }

  start(events: KubeSocketEvents): void {
    this.#events = events;
    if (this.#ws.readyState === WebSocket.CLOSED) this.#onClose(1006, '');
    else this.resume();
  }

  send(frame: string | Uint8Array): boolean {
    if (this.#ws.readyState !== WebSocket.OPEN) return true;
    this.#ws.send(frame, { binary: typeof frame !== 'string' });
    const { writableNeedDrain, writableLength } = this.#connection;
    if (writableNeedDrain && writableLength > HIGH_WATER_BYTES) this.#behind = true;
    return !this.#behind;
  }

  ping(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping();
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  close(code: number, reason: string): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return;
    // A paused reader would never see the answer.
    this.#ws.resume();
    if (isSendable(code)) this.#ws.close(code, cutReason(reason));
    else this.#ws.close();
  }

  destroy(): void {
    this.#ws.terminate();
  }

  #onDrain(): void {
    if (!this.#behind) return;
    this.#behind = false;
    this.#events?.onDrained();
  }

  /** The server broke the rules of the protocol, or its connection broke. */
  #onError(error: Error): void {
    const isTooLarge = codeOf(error) === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
    this.#failure = isTooLarge ? { code: 1009, reason: 'frame too large' } : { code: 1006, reason: '' };
    this.#ws.terminate();
  }

  #onClose(code: number, reason: string): void {
    const events = this.#events;
    this.#events = undefined;
    const close = this.#failure ?? { code, reason };
    events?.onClosed(close.code, close.reason);
  }
}

/** At most the 123 bytes that a close frame holds (RFC 6455 section 5.5). */
function cutReason(reason: string): string {
  let text = reason.slice(0, 123);
  while (Buffer.byteLength(text) > 123) text = text.slice(0, -1);
  return text;
}

/** RFC 6455 section 7.4. */
function isSendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  );
}
