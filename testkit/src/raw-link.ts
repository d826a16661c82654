/**
 * Bytes to and from a server over any of its transports, by hand: what is sent leaves as it is and in order, what arrives is handed over, and
 * reading may stop. A transport that begins with a request does so with the first frame.
 */
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';
import { lineReader, type Document, type RawCodec } from './raw-codec.js';
import { httpUrl, isProtobuf, transportOf, type Wire } from './wires.js';

export interface RawLinkEvents {
  /** Whole documents, in order. */
  onDocument(document: Document): void;
  /** A frame in a codec nobody asked for. */
  onBinary(bytes: Uint8Array): void;
  /** Once, however it ended: a close frame, a disconnect push, or 1006; an HTTP status where there was no stream. */
  onClosed(code: number, reason: string): void;
}

export interface RawLink {
  readonly open: boolean;
  send(frame: string | Uint8Array): void;
  pause(): void;
  resume(): void;
  terminate(): void;
}

export interface RawLinkOptions {
  readonly wire: Wire;
  readonly codec: RawCodec;
  readonly protocols: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/** Resolves once frames may be sent; rejects with the HTTP status where the server refused a WebSocket. */
export function openRawLink(url: string, options: RawLinkOptions, events: RawLinkEvents): Promise<RawLink> {
  return transportOf(options.wire) === 'websocket'
    ? openSocket(url, options, events)
    : Promise.resolve(openStream(url, options, events));
}

function openSocket(
  url: string,
  { wire, codec, protocols, headers }: RawLinkOptions,
  events: RawLinkEvents,
): Promise<RawLink> {
  const binaryWire = isProtobuf(wire);
  const offered = binaryWire ? ['centrifuge-protobuf', ...protocols] : [...protocols];
  const settings: ClientOptions = { perMessageDeflate: false, maxPayload: 0, headers: { ...headers } };
  const socket = new WebSocket(url, offered, settings);
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary !== binaryWire) return events.onBinary(new Uint8Array(data));
    for (const document of codec.decode(data)) events.onDocument(document);
  });
  socket.on('close', (code, reason) => events.onClosed(code, reason.toString()));
  const link: RawLink = {
    get open() {
      return socket.readyState === WebSocket.OPEN;
    },
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    terminate: () => socket.terminate(),
  };
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.on('error', () => undefined);
      resolve(link);
    });
    socket.once('error', reject);
  });
}

/** The node and session of a connect reply. */
interface Address {
  readonly session: string;
  readonly node: string;
}

function openStream(url: string, { wire, codec, headers }: RawLinkOptions, events: RawLinkEvents): RawLink {
  const binary = isProtobuf(wire);
  const type = binary ? 'application/octet-stream' : 'application/json';
  // One connection for what goes up: requests one after another, in order.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const unsent: (string | Uint8Array)[] = [];
  let down: ClientRequest | undefined;
  let response: IncomingMessage | undefined;
  let address: Address | undefined;
  let farewell: { readonly code: number; readonly reason: string } | undefined;
  let paused = false;
  let over = false;

  const end = (code: number, reason: string): void => {
    if (over) return;
    over = true;
    agent.destroy();
    events.onClosed(farewell?.code ?? code, farewell?.reason ?? reason);
  };

  const onDocument = (document: Document): void => {
    const { session = '', node = '' } = (document['connect'] ?? {}) as Partial<Address>;
    if (session !== '') {
      address = { session, node };
      for (const frame of unsent.splice(0)) post(frame, address);
    }
    const disconnect = document.push?.['disconnect'] as { code: number; reason?: string } | undefined;
    if (disconnect) farewell = { code: disconnect.code, reason: disconnect.reason ?? '' };
    else events.onDocument(document);
  };

  const begin = (frame: string | Uint8Array): void => {
    const stream = transportOf(wire) === 'http_stream';
    const path = stream
      ? '/connection/http_stream'
      : `/connection/sse?cf_connect=${encodeURIComponent(String(frame))}`;
    down = httpRequest(httpUrl(url, path), {
      method: stream ? 'POST' : 'GET',
      headers: { ...headers, ...(stream ? { 'content-type': type } : {}) },
      agent: false,
    });
    down.on('error', (error) => end(1006, error.message));
    down.on('response', (answer) => {
      response = answer;
      answer.on('error', () => undefined);
      answer.on('close', () => end(answer.statusCode === 200 ? 1006 : (answer.statusCode ?? 1006), ''));
      if (answer.statusCode !== 200) return void answer.resume();
      const read = stream ? codec.reader() : eventReader(codec);
      answer.on('data', (chunk: Buffer) => {
        for (const document of read(chunk)) onDocument(document);
      });
      if (paused) answer.pause();
    });
    down.end(stream ? frame : undefined);
  };

  const post = (frame: string | Uint8Array, to: Address): void => {
    const body = binary
      ? emulationBytes(to, Buffer.from(frame))
      : JSON.stringify({ ...to, data: String(frame) });
    const sent = httpRequest(httpUrl(url, '/emulation'), {
      method: 'POST',
      headers: { ...headers, 'content-type': type },
      agent,
    });
    sent.on('error', () => undefined);
    sent.on('response', (answer) => {
      answer.resume();
    });
    sent.end(body);
  };

  return {
    get open() {
      return !over;
    },
    send(frame) {
      if (over) return;
      if (down === undefined) begin(frame);
      else if (address) post(frame, address);
      else unsent.push(frame);
    },
    pause: () => {
      paused = true;
      response?.pause();
    },
    resume: () => {
      paused = false;
      response?.resume();
    },
    terminate: () => {
      down?.destroy();
      end(1006, '');
    },
  };
}

/** Documents of an event stream: the data of each event, which is one line. */
function eventReader(codec: RawCodec): ReturnType<RawCodec['reader']> {
  const lines = lineReader();
  return (chunk) =>
    lines(chunk)
      .filter((line) => line.startsWith('data: '))
      .flatMap((line) => codec.decode(Buffer.from(line.slice('data: '.length))));
}

function emulationBytes({ session, node }: Address, data: Uint8Array): Buffer {
  const field = (number: number, bytes: Uint8Array): Buffer => {
    const length: number[] = [];
    let left = bytes.length;
    for (; left >= 0x80; left = Math.floor(left / 128)) length.push((left % 128) + 128);
    return Buffer.concat([Buffer.from([number * 8 + 2, ...length, left]), bytes]);
  };
  return Buffer.concat([field(1, Buffer.from(node)), field(2, Buffer.from(session)), field(3, data)]);
}
