/**
 * Several streams over one WebSocket, as kubelets and API servers do it: the first byte of a frame says which stream it belongs to, as itself or, in the `base64` forms, as a digit with
 * the rest in base64. Which stream is which, the callers know. A stream whose reader is behind stops the socket.
 */
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { applicationProtocols } from '../access/user.js';
import type { Exchange, Services } from '../http/exchange.js';
import { badRequest, StatusError } from '../model/status.js';

export interface Protocol {
  readonly name: string;
  readonly base64: boolean;
  /** 1, 4 or 5: how the end is told, and whether the client can end a stream. */
  readonly version: number;
}

const PLAIN: Protocol = { name: '', base64: false, version: 1 };

/** Of commands. */
export const COMMAND_PROTOCOLS: readonly Protocol[] = [
  { name: 'v5.channel.k8s.io', base64: false, version: 5 },
  { name: 'v4.channel.k8s.io', base64: false, version: 4 },
  { name: 'v4.base64.channel.k8s.io', base64: true, version: 4 },
  { name: 'channel.k8s.io', base64: false, version: 1 },
  { name: 'base64.channel.k8s.io', base64: true, version: 1 },
];

/** Of ports. The other one of newer servers, SPDY inside a WebSocket, is not spoken here. */
export const PORT_PROTOCOLS: readonly Protocol[] = COMMAND_PROTOCOLS.filter(({ version }) => version === 4);

/** With what a client of version 5 says that a stream has ended; the number of the stream follows. */
const CLOSE_STREAM = 255;
const MAX_FRAME_BYTES = 32 * 1_048_576;

export interface ChannelEvents {
  onData(channel: number, data: Buffer): void;
  /** Version 5 alone. */
  onEnd(channel: number): void;
  /** The peer took what was sent. */
  onDrained(): void;
  onClosed(): void;
}

export class Channels {
  readonly protocol: Protocol;
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #count: (bytes: number) => void;
  #stopped = false;

  constructor(ws: WebSocket, socket: Duplex, protocol: Protocol, count: (bytes: number) => void) {
    this.#ws = ws;
    this.#socket = socket;
    this.protocol = protocol;
    this.#count = count;
  }

  listen(events: ChannelEvents): void {
    this.#ws.on('message', (data: RawData) => {
      const [channel, payload] = this.#read(data as Buffer);
      if (channel === CLOSE_STREAM && this.protocol.version === 5) events.onEnd(payload[0] ?? CLOSE_STREAM);
      else events.onData(channel, payload);
    });
    this.#ws.on('close', () => events.onClosed());
    this.#socket.on('drain', () => events.onDrained());
    if (!this.#stopped) this.#ws.resume();
  }

  /** False when the peer is behind. */
  send(channel: number, payload: Uint8Array | string): boolean {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const frame = this.protocol.base64
      ? `${channel}${Buffer.from(bytes).toString('base64')}`
      : Buffer.concat([Uint8Array.of(channel), bytes]);
    this.#count(frame.length);
    this.#ws.send(frame, { binary: !this.protocol.base64 });
    return !this.#socket.writableNeedDrain;
  }

  pause(): void {
    this.#stopped = true;
    this.#ws.pause();
  }

  resume(): void {
    this.#stopped = false;
    this.#ws.resume();
  }

  end(): void {
    this.#ws.resume();
    this.#ws.close(1000);
  }

  /** What is no frame of a stream belongs to one that nobody has. */
  #read(data: Buffer): readonly [channel: number, payload: Buffer] {
    if (!this.protocol.base64) return [data[0] ?? -1, data.subarray(1)];
    return [(data[0] ?? 0) - 48, Buffer.from(data.subarray(1).toString('latin1'), 'base64')];
  }
}

/** Takes the connection over. Throws what a real server refuses: requests that are no WebSocket, without an origin, and with nothing but unknown sub-protocols. */
export async function openChannels(
  { request, answer, upgrade, info }: Exchange,
  { counters }: Services,
  known: readonly Protocol[],
): Promise<Channels> {
  if (upgrade === undefined) throw badRequest('unable to upgrade: only WebSockets are served here');
  if (request.headers.origin === undefined) throw refused('a WebSocket needs an Origin header');
  const offered = applicationProtocols(request);
  const protocol =
    offered.length === 0 ? PLAIN : offered.flatMap((name) => known.filter((one) => one.name === name))[0];
  if (protocol === undefined) throw refused('none of the sub-protocols is spoken here');
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_FRAME_BYTES,
  });
  // `ws` takes only names that browsers take: what is offered is chosen from here.
  delete request.headers['sec-websocket-protocol'];
  if (protocol.name !== '')
    server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol.name}`));
  const { socket, head } = upgrade;
  const close = counters.sessionOpened();
  socket.once('close', close);
  answer.upgraded();
  return new Promise((resolve) => {
    server.handleUpgrade(request, socket, head, (ws) => {
      // 'close' follows.
      ws.on('error', () => undefined);
      // Nothing is lost of what comes before somebody listens.
      ws.pause();
      resolve(
        new Channels(ws, socket, protocol, (bytes) =>
          counters.wrote(info.verb, `pods/${info.subresource}`, bytes),
        ),
      );
    });
  });
}

function refused(message: string): StatusError {
  return new StatusError(403, 'Forbidden', message, {});
}
