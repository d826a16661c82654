/**
 * The server's side of RFC 6455, as much as a watch needs: the handshake, text frames out, and of what comes in only ping and close.
 * A client has nothing else to say on a watch; what it says anyway is read and dropped.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { applicationProtocols } from '../access/user.js';
import { badRequest, StatusError } from '../model/status.js';
import type { Sink, SinkEvents } from './sink.js';

const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
/** A watch's client sends control frames only; whoever sends larger ones is cut off. */
const MAX_INBOUND_BYTES = 64 * 1024;

/** The head of the answer. Throws 403 without an origin and 400 for what is no handshake, as the real server does. */
export function handshake(request: IncomingMessage): string {
  const key = request.headers['sec-websocket-key'];
  if (key === undefined || request.headers['sec-websocket-version'] !== '13')
    throw badRequest('not a WebSocket handshake of version 13');
  if (request.headers.origin === undefined)
    throw new StatusError(403, 'Forbidden', 'a WebSocket needs an Origin header', {});
  const protocols = applicationProtocols(request);
  if (protocols.length > 1) throw badRequest('offer one sub-protocol, beside the one that carries the token');
  const accept = createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...protocols.map((protocol) => `Sec-WebSocket-Protocol: ${protocol}`),
    '',
    '',
  ].join('\r\n');
}

export function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** One document per text frame. The handshake must be written already. */
export function createWebSocketSink(socket: Duplex, head: Buffer, onBytes: (bytes: number) => void): Sink {
  let ended = false;
  const send = (opcode: number, payload: Buffer): boolean => {
    if (ended || socket.destroyed) return true;
    onBytes(payload.length);
    return socket.write(frame(opcode, payload));
  };
  const end = (): void => {
    if (ended) return;
    send(CLOSE, Buffer.from([0x03, 0xe8]));
    ended = true;
    socket.end();
  };
  const inbound = new Inbound((opcode, payload) => {
    if (opcode === PING) send(PONG, payload);
    else if (opcode === CLOSE) end();
  });
  const receive = (chunk: Buffer): void => {
    if (!inbound.push(chunk)) socket.destroy();
  };
  return {
    listen: ({ onDrain, onClosed }: SinkEvents) => {
      socket.on('data', receive);
      socket.on('drain', onDrain);
      socket.on('error', () => socket.destroy());
      socket.once('close', onClosed);
      if (head.length > 0) receive(head);
    },
    write: (lines) => lines.map((line) => send(TEXT, Buffer.from(line))).every(Boolean),
    writePart: (text, onWritten) => {
      send(TEXT, Buffer.from(text));
      socket.write('', onWritten);
    },
    end,
    cut: () => void socket.destroy(),
  };
}

/** Splits masked frames out of bytes. */
class Inbound {
  readonly #onFrame: (opcode: number, payload: Buffer) => void;
  #buffer = Buffer.alloc(0);

  constructor(onFrame: (opcode: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** False when the peer breaks the rules. */
  push(chunk: Buffer): boolean {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const buffer = this.#buffer;
      if (buffer.length < 2) return true;
      const short = (buffer[1] ?? 0) & 0x7f;
      const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
      const start = 2 + lengthBytes + 4;
      if (buffer.length < start) return true;
      const length =
        lengthBytes === 0
          ? short
          : lengthBytes === 2
            ? buffer.readUInt16BE(2)
            : Number(buffer.readBigUInt64BE(2));
      if (((buffer[1] ?? 0) & 0x80) === 0 || length > MAX_INBOUND_BYTES) return false;
      if (buffer.length < start + length) return true;
      const mask = buffer.subarray(start - 4, start);
      const payload = Buffer.from(buffer.subarray(start, start + length));
      for (let index = 0; index < payload.length; index++)
        payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
      this.#buffer = buffer.subarray(start + length);
      this.#onFrame((buffer[0] ?? 0) & 0x0f, payload);
    }
  }
}
