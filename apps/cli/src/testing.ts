/** Doubles of `Io` and of a live connection, for this command's own tests. */
import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type { CliError } from './exit.js';
import { createPaint, type Fetch, type Io } from './io.js';
import type { LiveKube } from './kube/ports.js';
import type { Connect, FollowOptions, LiveConnection, LiveHandlers, LivePublication } from './live.js';
import type { OpenSocket, SocketEnd } from './sockets.js';

export interface FakeRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** An answer of the HTTP API, or an error that `fetch` throws. */
export type FakeAnswer =
  | {
      readonly status?: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | Error;

export interface FakeIo extends Io {
  readonly clock: FakeClock;
  /** Everything written so far. */
  readonly written: { out: string; err: string };
  readonly requests: FakeRequest[];
  /** Ctrl-C, or `READER_GONE`. */
  interrupt(reason?: string): void;
}

export interface FakeIoOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly input?: AsyncIterable<Uint8Array | string>;
  /** Answers requests in order of their coming; absent: a refused connection. */
  readonly answer?: (request: FakeRequest, index: number) => FakeAnswer | Promise<FakeAnswer>;
}

export function createFakeIo(options: FakeIoOptions = {}): FakeIo {
  const written = { out: '', err: '' };
  const requests: FakeRequest[] = [];
  const interruption = new AbortController();
  const fetch: Fetch = async (url, init) => {
    const request = { url, headers: init.headers, body: JSON.parse(init.body ?? 'null') as unknown };
    requests.push(request);
    const refused = new TypeError('fetch failed', {
      cause: Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' }),
    });
    const aborted = new Promise<Error>((resolve) => {
      const abort = (): void => resolve(new Error('aborted'));
      if (init.signal.aborted) abort();
      else init.signal.addEventListener('abort', abort, { once: true });
    });
    const answer =
      options.answer === undefined
        ? refused
        : await Promise.race([options.answer(request, requests.length - 1), aborted]);
    if (answer instanceof Error) throw answer;
    return {
      status: answer.status ?? 200,
      headers: { get: (name) => answer.headers?.[name] ?? null },
      text: async () => JSON.stringify(answer.body),
    };
  };
  return {
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    input: options.input ?? emptyInput(),
    inputIsTerminal: false,
    outputIsTerminal: false,
    errorIsTerminal: false,
    env: options.env ?? {},
    cwd: options.cwd ?? '/project/sub',
    readFile: (path) => options.files?.[path],
    fetch,
    clock: new FakeClock(),
    random: createSeededRandom(1),
    signal: interruption.signal,
    paint: createPaint(false),
    written,
    requests,
    interrupt: (reason) => interruption.abort(reason),
  };
}

async function* emptyInput(): AsyncGenerator<string, void, undefined> {
  // Nothing comes.
}

/** Input that a test feeds chunk by chunk. Ends with `end`, or when told by `signal`. */
export class FakeInput implements AsyncIterable<string> {
  readonly #chunks: string[] = [];
  #ended = false;
  #wake: (() => void) | undefined;
  /** Chunks taken by the reader. */
  taken = 0;

  write(chunk: string): void {
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.taken++;
        yield chunk;
      } else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

export interface FakeLive {
  readonly connect: Connect;
  readonly followed: {
    readonly channel: string;
    readonly options: FollowOptions;
    readonly handlers: LiveHandlers;
  }[];
  readonly calls: { readonly method: string; readonly params: unknown }[];
  /** What was asked to be shown of clusters, with the handlers. */
  readonly shown: {
    readonly list: Parameters<LiveKube['list']>[];
    readonly window: Parameters<LiveKube['window']>[];
    readonly log: Parameters<LiveKube['log']>[];
  };
  closed: boolean;
  fail(error: CliError): void;
}

export function createFakeLive(
  answers: {
    readonly rpc?: (method: string, params: unknown) => unknown;
    readonly history?: readonly LivePublication[];
  } = {},
): FakeLive {
  let fail: (error: CliError) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  const followed: FakeLive['followed'] = [];
  const calls: FakeLive['calls'] = [];
  const history = answers.history ?? [];
  const shown: FakeLive['shown'] = { list: [], window: [], log: [] };
  const fake: FakeLive = {
    connect: async () => connection,
    followed,
    calls,
    shown,
    closed: false,
    fail: (error) => fail(error),
  };
  const connection: LiveConnection = {
    follow: (channel, options, handlers) => void followed.push({ channel, options, handlers }),
    history: async (_channel, limit) => ({
      publications: history.slice(-limit),
      position: { epoch: 'e1', offset: history.at(-1)?.offset ?? 0 },
    }),
    rpc: async (method, params) => {
      calls.push({ method, params });
      return answers.rpc?.(method, params);
    },
    kube: {
      list: (...asked) => void shown.list.push(asked),
      window: (...asked) => void shown.window.push(asked),
      log: (...asked) => void shown.log.push(asked),
    },
    close: () => {
      fake.closed = true;
    },
    failed,
  };
  return fake;
}

/** The server's side of a socket that the command opened. */
export interface FakeSocket {
  readonly url: string;
  /** Commands the client sent, pongs left out. */
  readonly commands: FakeCommand[];
  closed: boolean;
  /** Sends documents as one frame. */
  push(...documents: object[]): void;
  end(how: SocketEnd): void;
}

/** One command as it came: `{id, <method>: params}`. */
export interface FakeCommand {
  readonly id: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface FakeSockets {
  readonly open: OpenSocket;
  readonly sockets: FakeSocket[];
}

/**
 * Sockets that open at the end of the turn, and a server that answers each command with what `answer` returns: a result, an `error`, or
 * undefined for silence. `refuse` ends an attempt instead of opening it.
 */
export function createFakeSockets(
  answer: (
    command: FakeCommand,
    socket: FakeSocket,
  ) =>
    | { readonly result?: object; readonly error?: { readonly code: number; readonly message: string } }
    | undefined,
  refuse: (attempt: number) => SocketEnd | undefined = () => undefined,
): FakeSockets {
  const sockets: FakeSocket[] = [];
  const open: OpenSocket = (url, events) => {
    let ended = false;
    const socket: FakeSocket = {
      url,
      commands: [],
      closed: false,
      push: (...documents) => {
        if (!ended) events.onText(documents.map((document) => JSON.stringify(document)).join('\n'));
      },
      end: (how) => {
        if (ended) return;
        ended = true;
        events.onEnd(how);
      },
    };
    sockets.push(socket);
    const refusal = refuse(sockets.length);
    queueMicrotask(() => (refusal === undefined ? events.onOpen() : socket.end(refusal)));
    return {
      send: (text) => {
        if (ended || text === '{}') return;
        const { id, ...rest } = JSON.parse(text) as { readonly id: number };
        const [method, params] = Object.entries(rest)[0] as [string, Readonly<Record<string, unknown>>];
        const command = { id, method, params };
        socket.commands.push(command);
        queueMicrotask(() => {
          const reply = answer(command, socket);
          if (reply === undefined) return;
          socket.push(
            reply.error === undefined ? { id, [method]: reply.result ?? {} } : { id, error: reply.error },
          );
        });
      },
      close: () => {
        socket.closed = true;
        queueMicrotask(() => socket.end({ kind: 'closed', code: 1000, reason: '' }));
      },
    };
  };
  return { open, sockets };
}
