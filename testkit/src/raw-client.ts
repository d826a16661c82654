/**
 * A bare WebSocket that speaks the native JSON wire by hand: a test may send anything, sees every document, and may stop reading. It
 * answers server pings unless told otherwise, and does nothing else by itself.
 */
import { WebSocket, type ClientOptions } from 'ws';
import { createSystemClock, type Disposable } from '@trunkline/base';

/** One JSON document from the server: a reply (`id`), a push (`push`) or a ping (empty). */
export type Document = Readonly<Record<string, unknown>> & {
  readonly id?: number;
  readonly error?: { readonly code: number; readonly message: string; readonly temporary?: boolean };
  readonly push?: Readonly<Record<string, unknown>> & {
    readonly channel?: string;
    readonly pub?: { readonly data: unknown; readonly offset?: number };
  };
};

export interface RawClientOptions {
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
  readonly socket: WebSocket;
  /** Documents in the order they came. */
  readonly documents: readonly Document[];
  /** Bytes of binary frames, where the codec is not JSON. */
  readonly binary: readonly Uint8Array[];
  /** Resolves when the socket closed, however. */
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

/** Resolves once the socket is open; rejects with the HTTP status where the server refused. */
export function openRawClient(url: string, options: RawClientOptions = {}): Promise<RawClient> {
  const settings: ClientOptions = {
    perMessageDeflate: false,
    maxPayload: 0,
    headers: { ...options.headers },
  };
  const socket = new WebSocket(url, [...(options.protocols ?? [])], settings);
  const clock = createSystemClock();
  const keep = options.keep ?? true;
  const documents: Document[] = [];
  const binary: Uint8Array[] = [];
  const listeners = new Set<(document: Document | undefined) => void>();
  let nextId = 1;
  let over: { code: number; reason: string } | undefined;

  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      over = { code, reason: reason.toString() };
      resolve(over);
      for (const listener of [...listeners]) listener(undefined);
    });
  });

  const onText = (text: string): void => {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const document = JSON.parse(line) as Document;
      if (line === '{}' && (options.answerPings ?? true) && socket.readyState === WebSocket.OPEN)
        socket.send('{}');
      if (keep) documents.push(document);
      options.onDocument?.(document);
      for (const listener of [...listeners]) listener(document);
    }
  };
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) binary.push(new Uint8Array(data));
    else onText(data.toString('utf8'));
  });

  const expectDocument = (
    what: string,
    where: (document: Document) => boolean,
    timeoutMs = 5_000,
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
    socket,
    documents,
    binary,
    closed,
    send: (frame) => socket.send(frame),
    sendAll: (commands) => socket.send(commands.map((command) => JSON.stringify(command)).join('\n')),
    request: (command, timeoutMs = 5_000) => {
      const id = nextId++;
      const reply = expectDocument(
        `reply to ${JSON.stringify(command).slice(0, 120)}`,
        (document) => document.id === id,
        timeoutMs,
        false,
      );
      socket.send(JSON.stringify({ id, ...command }));
      return reply;
    },
    connect: (connect = {}) => client.request({ connect }),
    expect: (what, where, timeoutMs) => expectDocument(what, where, timeoutMs),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    dispose: () => socket.terminate(),
  };

  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.on('error', () => undefined);
      resolve(client);
    });
    socket.once('error', reject);
  });
}
