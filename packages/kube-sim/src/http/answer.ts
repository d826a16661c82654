/**
 * The answer to one request: JSON, text or a Status, counted by byte as it leaves, with back-pressure for what is long. Bodies above
 * 128 KiB are compressed for clients that take gzip, as on the real server; watches and logs never are. Knows nothing of the API.
 */
import { ServerResponse, type IncomingMessage } from 'node:http';
import { createGzip, type Gzip } from 'node:zlib';
import type { Status, StatusError } from '../model/status.js';

/** Called with the status code once, when the head is written. */
export type OnHead = (code: number) => void;
export type OnBytes = (bytes: number) => void;

/** Bodies at least this long are worth compressing. */
export const COMPRESS_FROM_BYTES = 128 * 1024;

export class Answer {
  readonly response: ServerResponse<IncomingMessage>;
  readonly #onHead: OnHead;
  readonly #onBytes: OnBytes;
  /** Bytes of body after which the connection is cut, by a fault. */
  cutAfterBytes = Infinity;
  #sent = 0;
  #gzip: Gzip | undefined;

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

  /** `bodyBytes` is how long the body is at least; it decides about compression. */
  head(code: number, headers: Readonly<Record<string, string>> = {}, bodyBytes = 0): void {
    if (bodyBytes >= COMPRESS_FROM_BYTES && takesGzip(this.response.req)) this.#gzip = this.#compressor();
    this.response.writeHead(code, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-cache, private',
      ...headers,
      ...(this.#gzip === undefined ? {} : { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' }),
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
    const bytes = Buffer.byteLength(body);
    const isLarge = bytes >= COMPRESS_FROM_BYTES && takesGzip(this.response.req);
    this.head(code, isLarge ? headers : { ...headers, 'Content-Length': String(bytes) }, bytes);
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
    return this.#gzip === undefined ? this.#send(bytes) : this.#gzip.write(bytes);
  }

  /** For streams: nothing is written after it. `onWritten` is called when it has left, or the peer is gone. */
  writeLast(text: string, onWritten: () => void): void {
    const bytes = Buffer.from(text);
    this.#count(bytes.length);
    this.response.write(bytes, onWritten);
  }

  #send(bytes: Buffer): boolean {
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
    const filling = this.#gzip ?? response;
    if (this.over || !filling.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        filling.off('drain', done);
        response.off('close', done);
        resolve();
      };
      filling.on('drain', done);
      response.on('close', done);
    });
  }

  end(): void {
    if (this.#gzip === undefined) this.#finish();
    else this.#gzip.end();
  }

  #finish(): void {
    if (this.#sent < this.cutAfterBytes) this.response.end();
  }

  /** Fills the response as fast as the peer takes it. */
  #compressor(): Gzip {
    const { response } = this;
    // The fastest level: what is compared with it is time, not size.
    const gzip = createGzip({ level: 1 });
    gzip.on('data', (chunk: Buffer) => {
      if (this.over || this.#send(chunk)) return;
      gzip.pause();
      response.once('drain', () => gzip.resume());
    });
    gzip.on('end', () => this.#finish());
    response.once('close', () => gzip.destroy());
    return gzip;
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

function takesGzip({ headers }: IncomingMessage): boolean {
  const offers = String(headers['accept-encoding'] ?? '').split(',');
  return offers.some((offer) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(offer));
}
