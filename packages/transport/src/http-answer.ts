/** Plain HTTP answers: to a request that gets no stream, or on a socket that asked for an upgrade and does not get one (closed afterwards in every case). */
import { STATUS_CODES, validateHeaderName, validateHeaderValue, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@trunkline/base';
import { ERROR_CODES, type ErrorName } from '@trunkline/protocol';

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A refusal in the product's error model: `{"error": {"code", "message"}}`. */
export function refusal(
  status: number,
  name: ErrorName,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const { code, message } = ERROR_CODES[name];
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ error: { code, message: `${message}: ${detail}` } }),
  };
}

/** Writes the answer and closes; a peer that does not take it within `timeoutMs` is dropped. Headers that HTTP forbids are left out. */
export function sendAnswer(clock: Clock, socket: Duplex, answer: Answer, timeoutMs: number): void {
  const timer = clock.setTimeout(() => socket.destroy(), timeoutMs);
  socket.once('close', () => timer.cancel());
  socket.once('finish', () => socket.destroy());
  socket.end(toText(answer));
}

/** Answers a plain request. Headers that HTTP forbids are left out. Nothing happens where the head was sent or the peer is gone. */
export function answerRequest(response: ServerResponse, { status, headers = {}, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const all = {
    ...(body === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' }),
    'cache-control': 'no-store',
    ...lowerCase(headers),
    ...(body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  for (const [name, value] of Object.entries(all)) if (isHeader(name, value)) response.setHeader(name, value);
  response.writeHead(STATUS_CODES[status] === undefined ? 500 : status);
  response.end(body);
}

function toText({ status, headers = {}, body }: Answer): string {
  const known = STATUS_CODES[status] === undefined ? 500 : status;
  const all = {
    'content-type': 'text/plain; charset=utf-8',
    ...lowerCase(headers),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(all).filter(([name, value]) => isHeader(name, value));
  return `HTTP/1.1 ${known} ${STATUS_CODES[known]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
