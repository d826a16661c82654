/**
 * A bare connection that speaks the native wire by hand, over any transport and codec: a test may send anything, sees every document, and
 * may stop reading. It answers server pings unless told otherwise, and does nothing else by itself.
 */
import { createSystemClock, type Disposable } from '@trunkline/base';
import { jsonCodec, protobufCodec, type Document } from './raw-codec.js';
import { openRawLink } from './raw-link.js';
import { PATIENCE_MS } from './waiting.js';
import { isProtobuf, type Wire } from './wires.js';

export type { Document } from './raw-codec.js';

export interface RawClientOptions {
  /** Default `websocket json`. Others reach the same server. */
  readonly wire?: Wire;
  /** Sub-protocols to offer. */
  readonly protocols?: readonly string[];
  /** Sent with the upgrade. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether server pings are answered. Default true. */
  readonly answerPings?: boolean;
  /** Whether documents are kept for `documents` and `expect`. Default true; false for crowds that count by `onDocument`. */
  readonly keep?: boolean;
  readonly onDocument?: (document: Document) => void;
}

export interface RawClient extends Disposable {
  /** Whether anything can still be sent. */
  readonly open: boolean;
  /** Documents in the order they came. */
  readonly documents: readonly Document[];
  /** Bytes of binary frames, where the codec is not JSON. */
  readonly binary: readonly Uint8Array[];
  /** Resolves when the connection closed, however; a transport without close frames tells the code of the disconnect push. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Sends as it is: a string as a text frame, bytes as a binary one. */
  send(frame: string | Uint8Array): void;
  /** Sends commands as one frame, one document a line. */
  sendAll(commands: readonly object[]): void;
  /** Sends a command under a fresh id and resolves with its reply. Rejects when the socket closes first. */
  request(command: object, timeoutMs?: number): Promise<Document>;
  /** `request` of a connect command. */
  connect(connect?: object): Promise<Document>;
  /** The first document, past ones included, that fits. */
  expect(what: string, where: (document: Document) => boolean, timeoutMs?: number): Promise<Document>;
  /** Stops and restarts reading from the operating system. */
  pause(): void;
  resume(): void;
  dispose(): void;
}

/** Resolves once frames may be sent; rejects with the HTTP status where the server refused a WebSocket. HTTP transports begin with the first frame. */
export async function openRawClient(url: string, options: RawClientOptions = {}): Promise<RawClient> {
  const { wire = 'websocket json' } = options;
  const codec = isProtobuf(wire) ? protobufCodec : jsonCodec;
  const clock = createSystemClock();
  const keep = options.keep ?? true;
  const documents: Document[] = [];
  const binary: Uint8Array[] = [];
  const listeners = new Set<(document: Document | undefined) => void>();
  let nextId = 1;
  let over: { code: number; reason: string } | undefined;
  let onClosed: (close: { code: number; reason: string }) => void = () => undefined;
  const closed = new Promise<{ code: number; reason: string }>((resolve) => (onClosed = resolve));

  const link = await openRawLink(
    url,
    { wire, codec, protocols: options.protocols ?? [], headers: options.headers ?? {} },
    {
      onDocument: (document) => {
        if (Object.keys(document).length === 0 && (options.answerPings ?? true)) link.send(codec.pong);
        if (keep) documents.push(document);
        options.onDocument?.(document);
        for (const listener of [...listeners]) listener(document);
      },
      onBinary: (bytes) => void binary.push(bytes),
      onClosed: (code, reason) => {
        over = { code, reason };
        onClosed(over);
        for (const listener of [...listeners]) listener(undefined);
      },
    },
  );

  const expectDocument = (
    what: string,
    where: (document: Document) => boolean,
    timeoutMs = PATIENCE_MS,
    past = true,
  ): Promise<Document> => {
    const found = past ? documents.find(where) : undefined;
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        listeners.delete(listener);
      };
      const fail = (why: string): void => {
        end();
        reject(
          new Error(`${what}: ${why}; last documents: ${JSON.stringify(documents.slice(-3)).slice(0, 500)}`),
        );
      };
      const listener = (document: Document | undefined): void => {
        if (document === undefined) return fail(`closed with ${over?.code} ${over?.reason}`);
        if (!where(document)) return;
        end();
        resolve(document);
      };
      const timer = clock.setTimeout(() => fail(`not within ${timeoutMs} ms`), timeoutMs);
      if (over) return fail(`closed with ${over.code} ${over.reason}`);
      listeners.add(listener);
    });
  };

  const client: RawClient = {
    get open() {
      return link.open;
    },
    documents,
    binary,
    closed,
    send: (frame) => link.send(frame),
    sendAll: (commands) => link.send(codec.encode(commands)),
    request: (command, timeoutMs = PATIENCE_MS) => {
      const id = nextId++;
      const reply = expectDocument(
        `reply to ${JSON.stringify(command).slice(0, 120)}`,
        (document) => document.id === id,
        timeoutMs,
        false,
      );
      link.send(codec.encode([{ id, ...command }]));
      return reply;
    },
    connect: (connect = {}) => client.request({ connect }),
    expect: (what, where, timeoutMs) => expectDocument(what, where, timeoutMs),
    pause: () => link.pause(),
    resume: () => link.resume(),
    dispose: () => link.terminate(),
  };
  return client;
}
