/** A wire without sockets: every request is handed to a function of the test, and bodies are pushed by hand. Time is the test's; nothing happens by itself. */
import { KubeError } from '../errors.js';
import type { Wire, WireAnswer, WireRequest } from '../http/wire.js';

type Handler = (request: WireRequest) => WireAnswer | Promise<WireAnswer>;

export class FakeWire implements Wire {
  /** All requests ever sent, in order. */
  readonly requests: WireRequest[] = [];
  handle: Handler;
  disposed = false;

  constructor(handle: Handler = () => Promise.reject(new KubeError('kubeUnreachable', 'no handler'))) {
    this.handle = handle;
  }

  async send(request: WireRequest): Promise<WireAnswer> {
    this.requests.push(request);
    request.signal.throwIfAborted();
    return this.handle(request);
  }

  dispose(): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }
}

/** Headers and the whole body at once. */
export function answerJson(status: number, body: unknown, headers: WireAnswer['headers'] = {}): WireAnswer {
  return answerText(status, JSON.stringify(body), headers);
}

export function answerText(
  status: number,
  text: string | Uint8Array,
  headers: WireAnswer['headers'] = {},
): WireAnswer {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return { status, headers, body: once(bytes) };
}

/** A Status as an API server writes it. */
export function answerStatus(
  code: number,
  reason: string,
  message = '',
  headers: WireAnswer['headers'] = {},
): WireAnswer {
  return answerJson(
    code,
    { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message },
    headers,
  );
}

/** Resolves never, or rejects with the signal's reason: a server that takes the request and says nothing. */
export function neverAnswer({ signal }: WireRequest): Promise<WireAnswer> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  if (bytes.length > 0) yield bytes;
}

/** A body that goes on until it is told to end. One reader. */
export class FakeBody implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  #over: { readonly error?: unknown } | undefined;

  /** @param signal ends the body with its reason, as a wire does */
  constructor(signal: AbortSignal) {
    if (signal.aborted) this.#finish({ error: signal.reason });
    signal.addEventListener('abort', () => this.#abort(signal.reason), { once: true });
  }

  /** False once it has ended, whoever ended it. */
  get open(): boolean {
    return this.#over === undefined;
  }

  /** Chunks that were not read yet. */
  get unread(): number {
    return this.#chunks.length;
  }

  push(chunk: string | Uint8Array): void {
    if (!this.open) return;
    this.#chunks.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
    this.#wake();
  }

  end(): void {
    this.#finish({});
  }

  cut(): void {
    this.#finish({ error: new KubeError('kubeConnectionLost', 'ECONNRESET') });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) yield chunk;
        else if (this.#over !== undefined) {
          if ('error' in this.#over) throw this.#over.error;
          return;
        } else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#finish({});
    }
  }

  /** What is on its way does not arrive any more. */
  #abort(reason: unknown): void {
    this.#chunks.length = 0;
    this.#finish({ error: reason });
  }

  #finish(over: { readonly error?: unknown }): void {
    this.#over ??= over;
    this.#wake();
  }
}
