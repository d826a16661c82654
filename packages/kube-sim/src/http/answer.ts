/** The answer to one request: JSON, text or a Status, counted by byte, with back-pressure for what is long. Knows nothing of the API. */
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Status, StatusError } from '../model/status.js';

/** Called with the status code once, when the head is written. */
export type OnHead = (code: number) => void;
export type OnBytes = (bytes: number) => void;

export class Answer {
  readonly response: ServerResponse<IncomingMessage>;
  readonly #onHead: OnHead;
  readonly #onBytes: OnBytes;
  /** Bytes of body after which the connection is cut, by a fault. */
  cutAfterBytes = Infinity;
  #sent = 0;

  constructor(response: ServerResponse<IncomingMessage>, onHead: OnHead, onBytes: OnBytes) {
    this.response = response;
    this.#onHead = onHead;
    this.#onBytes = onBytes;
  }

  get headSent(): boolean {
    return this.response.headersSent;
  }

  /** The peer is gone, or everything is written. */
  get over(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  head(code: number, headers: Readonly<Record<string, string>> = {}): void {
    this.response.writeHead(code, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-cache, private',
      ...headers,
    });
    this.#onHead(code);
  }

  /** The connection is a WebSocket from here on; nothing more is written through this object. */
  upgraded(): void {
    const { socket } = this.response;
    if (socket !== null) this.response.detachSocket(socket);
    this.#onHead(101);
  }

  json(code: number, value: unknown): void {
    this.text(code, `${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
  }

  text(code: number, body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.head(code, { ...headers, 'Content-Length': String(Buffer.byteLength(body)) });
    this.write(body);
    this.end();
  }

  refuse(error: StatusError): void {
    if (this.headSent) {
      this.cut();
      return;
    }
    const status: Status = error.status;
    const seconds = status.details?.retryAfterSeconds;
    this.text(error.code, `${JSON.stringify(status)}\n`, {
      'Content-Type': 'application/json',
      ...(seconds === undefined ? {} : { 'Retry-After': String(seconds) }),
    });
  }

  /** False while the peer does not take it; `drained` says when to go on. */
  write(text: string): boolean {
    if (this.over) return true;
    const bytes = Buffer.from(text);
    const left = this.cutAfterBytes - this.#sent;
    if (bytes.length > left) {
      this.#count(left);
      this.response.write(bytes.subarray(0, left), () => this.cut());
      this.cutAfterBytes = this.#sent;
      return true;
    }
    this.#count(bytes.length);
    return this.response.write(bytes);
  }

  /** Resolves when writing may go on or the peer is gone. */
  drained(): Promise<void> {
    const { response } = this;
    if (this.over || !response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }

  end(): void {
    if (this.#sent < this.cutAfterBytes) this.response.end();
  }

  /** Breaks the connection without a word. */
  cut(): void {
    this.response.destroy();
    this.response.socket?.destroy();
  }

  #count(bytes: number): void {
    this.#sent += bytes;
    this.#onBytes(bytes);
  }
}
