/**
 * One request and its answer, with everything that is the same for all of them: credential and impersonation headers, one more try with a fresh credential after a
 * 401, the deadlines for headers and for silence, `Retry-After`, and errors with codes. Time that the reader takes to digest is not silence.
 */
import type { Clock } from '@trunkline/base';
import { delay, linkAbort, orAbort, type LinkedAbort } from '../abort.js';
import type { CheckedConnection, Impersonation } from '../connection.js';
import type { Credential } from '../credential.js';
import { KubeError, parseRetryAfter, parseStatus, toKubeError } from '../errors.js';
import type { KubeClusterOptions } from '../options.js';
import { ByteCollector } from '../wire/bytes.js';
import type { DialAnswer, KubeSocket, Wire, WireAnswer } from './wire.js';

export interface KubeRequest {
  /** Default `GET`. */
  readonly method?: string;
  /** Path below the server's prefix, with its query. One that could climb out of the prefix is refused. */
  readonly path: string;
  /** Whatever says who asks (`Authorization`, `Impersonate-…`) and what belongs to the connection is left out. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Longest time without a byte in the body, in milliseconds; `Infinity` waits for ever. */
  readonly silenceMs?: number;
  /** About how many bytes `read` will get: a guess saves copying. Default 0: none. */
  readonly expectedBytes?: number;
}

export interface KubeDial {
  /** As of a request. */
  readonly path: string;
  /** Sub-protocols to offer, best first. */
  readonly protocols: readonly string[];
  /** Longest frame of the server, in bytes. Default 1 MiB; a longer one closes with 1009. */
  readonly maxFrameBytes?: number;
  /** Of the handshake; it means nothing to the open socket. */
  readonly signal?: AbortSignal;
}

/** An answer of any status whose body is still to be read. Iterate it, or call `discard`: an answer that is left alone keeps its connection. */
export interface KubeAnswer {
  readonly status: number;
  readonly headers: WireAnswer['headers'];
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
}

/** A reader that waits for a byte. */
export interface Waiting {
  /** Monotonic. */
  readonly sinceMs: number;
  end(error: KubeError): void;
}

export interface ExchangeParts {
  readonly clock: Clock;
  readonly wire: Wire;
  readonly connection: CheckedConnection;
  readonly options: KubeClusterOptions;
  readonly impersonate: Impersonation | undefined;
  /** Of all answers, except those that may be silent for ever. */
  readonly waiting: Set<Waiting>;
}

const FRAME_MAX_BYTES = 1_048_576;

/** Bytes of an error's body that are read for its `Status`. */
const STATUS_MAX_BYTES = 65_536;

export class Exchange {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  get options(): KubeClusterOptions {
    return this.#parts.options;
  }

  get clock(): Clock {
    return this.#parts.clock;
  }

  /** The same way to the same cluster in somebody else's name. */
  as(impersonate: Impersonation): Exchange {
    return new Exchange({ ...this.#parts, impersonate });
  }

  /** Ends, with `kubeSilent`, what has waited for a byte since then or longer. Milliseconds of the monotonic clock. */
  suspect(sinceMs: number): void {
    for (const one of [...this.#parts.waiting])
      if (one.sinceMs <= sinceMs)
        one.end(new KubeError('kubeSilent', 'no byte, and no answer to a question'));
  }

  /** The answer, whatever its status. Throws `kubeRefused` for a path that would leave the prefix. */
  async open(request: KubeRequest): Promise<KubeAnswer> {
    checkPath(request.path);
    const source = this.#parts.connection.credentials;
    const first = await this.#send(request);
    if (first.answer.status !== 401 || !source.refused(first.credential)) return first.answer;
    first.answer.discard();
    return (await this.#send(request)).answer;
  }

  /** The answer of a success; every other status is thrown as a `KubeError`. */
  async openOk(request: KubeRequest): Promise<KubeAnswer> {
    const answer = await this.open(request);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await this.#refusal(answer);
  }

  /** An open WebSocket. A handshake that is refused is thrown as any other refusal. */
  async dial(request: KubeDial): Promise<KubeSocket> {
    checkPath(request.path);
    const first = await this.#shake(request);
    if (!('refused' in first)) return first;
    const source = this.#parts.connection.credentials;
    const again = first.error.status === 401 && source.refused(first.refused);
    const last = again ? await this.#shake(request) : first;
    if ('refused' in last) throw last.error;
    return last;
  }

  /**
   * The whole body of a success. An answer with `Retry-After` is asked for again after that time, at most `retries` times: only for requests that change nothing.
   */
  async read(request: KubeRequest, retries: number = this.#parts.options.retries): Promise<Uint8Array> {
    for (let attempt = 0; ; attempt++) {
      try {
        const { maxBodyBytes } = this.#parts.options;
        return await readWhole(await this.openOk(request), maxBodyBytes, request.expectedBytes);
      } catch (error) {
        if (!(error instanceof KubeError) || error.retryAfterMs === undefined || attempt >= retries)
          throw error;
        await delay(this.#parts.clock, error.retryAfterMs, request.signal ?? new AbortController().signal);
      }
    }
  }

  /** The body of a success, parsed. */
  async readJson(request: KubeRequest, retries?: number): Promise<unknown> {
    const body = await this.read(request, retries);
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
    } catch (cause) {
      throw new KubeError('kubeBadAnswer', 'no JSON', { cause });
    }
  }

  // ------------------------------------------------------------ inside

  async #send(request: KubeRequest): Promise<{ answer: KubeAnswer; credential: Credential }> {
    const { clock, wire, connection, options, waiting } = this.#parts;
    const link = linkAbort(request.signal);
    const deadline = clock.setTimeout(
      () => link.abort(new KubeError('kubeTimeout', `no headers within ${options.headersTimeoutMs} ms`)),
      options.headersTimeoutMs,
    );
    try {
      link.signal.throwIfAborted();
      const credential = checkToken(await orAbort(connection.credentials.current(link.signal), link.signal));
      const { method = 'GET', body } = request;
      const {
        status,
        headers,
        body: bytes,
      } = await wire.send({
        method,
        path: connection.prefix + request.path,
        headers: this.#headers(request, credential),
        credential,
        signal: link.signal,
        ...(body === undefined ? {} : { body }),
      });
      const silenceMs = request.silenceMs ?? options.bodySilenceMs;
      const discard = (): void => {
        link.abort(new Error('the rest of the answer is not wanted'));
        link.release();
      };
      return {
        answer: { status, headers, body: watched(bytes, { clock, waiting }, silenceMs, link), discard },
        credential,
      };
    } catch (error) {
      link.release();
      throw error;
    } finally {
      deadline.cancel();
    }
  }

  /** Refusals are read here, before the deadline is over. */
  async #shake(
    request: KubeDial,
  ): Promise<KubeSocket | { readonly refused: Credential; readonly error: KubeError }> {
    const { clock, wire, connection, options } = this.#parts;
    const link = linkAbort(request.signal);
    const deadline = clock.setTimeout(
      () => link.abort(new KubeError('kubeTimeout', `no handshake within ${options.headersTimeoutMs} ms`)),
      options.headersTimeoutMs,
    );
    try {
      link.signal.throwIfAborted();
      if (wire.dial === undefined) throw new KubeError('kubeRefused', 'no WebSockets over this wire');
      const credential = checkToken(await orAbort(connection.credentials.current(link.signal), link.signal));
      const path = connection.prefix + request.path;
      const { protocols, maxFrameBytes = FRAME_MAX_BYTES } = request;
      // API servers refuse whoever names no origin, and do not look at it.
      const headers = { ...this.#headers({ path }, credential), origin: connection.origin };
      const dialling = wire.dial({
        path,
        headers,
        credential,
        protocols,
        maxFrameBytes,
        signal: link.signal,
      });
      const answer: DialAnswer = await orAbort(dialling, link.signal);
      if (answer.kind === 'open') return answer.socket;
      return {
        refused: credential,
        error: await orAbort(this.#refusal(answer.answer), link.signal),
      };
    } finally {
      deadline.cancel();
      link.release();
    }
  }

  async #refusal(answer: Pick<KubeAnswer, 'status' | 'headers' | 'body'>): Promise<KubeError> {
    const { clock, options } = this.#parts;
    const retryAfter = parseRetryAfter(
      one(answer.headers['retry-after']),
      clock.now(),
      options.retryAfterMaxMs,
    );
    const body = await readUpTo(answer, STATUS_MAX_BYTES);
    return toKubeError(answer.status, parseStatus(body), retryAfter);
  }

  #headers(request: KubeRequest, { token }: Credential): Record<string, string | readonly string[]> {
    const { impersonate } = this.#parts;
    const { groups = [] } = impersonate ?? {};
    return {
      accept: 'application/json',
      'user-agent': 'trunkline',
      ...harmless(request.headers ?? {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(impersonate === undefined ? {} : { 'impersonate-user': impersonate.user }),
      ...(groups.length === 0 ? {} : { 'impersonate-group': groups }),
    };
  }
}

/** A path that climbs, once decoded, could reach another cluster behind the same proxy. */
function checkPath(path: string): void {
  const [plain = ''] = path.split(/[?#]/, 1);
  const climbs = plain.split(/\/|%2f|\\|%5c/i).some((part) => /^(?:\.|%2e){1,2}$/i.test(part));
  if (!plain.startsWith('/') || climbs || !/^[\x21-\x7e]+$/.test(path) || path.includes('#'))
    throw new KubeError('kubeRefused', 'path: must begin with a slash, be encoded, and not climb');
}

/** Who asks is decided by the connection alone, and how bytes are framed by the wire. */
const OWN_HEADERS =
  /^(?:authorization|impersonate-.*|proxy-.*|host|connection|keep-alive|transfer-encoding|content-length|te|trailer|upgrade|expect)$/;

function harmless(headers: NonNullable<KubeRequest['headers']>): Record<string, string | readonly string[]> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !OWN_HEADERS.test(name)),
  );
}

/** A token with a line break in it would be refused by the wire, with words that say nothing. */
function checkToken(credential: Credential): Credential {
  if (credential.token !== undefined && !/^[\x21-\x7e]+$/.test(credential.token))
    throw new KubeError('kubeCredentialFailed', 'token: empty, or not printable ASCII without spaces');
  return credential;
}

/** `bytes`, ended with `kubeSilent` when none comes for `silenceMs` while somebody waits for one, or when the server is suspected meanwhile. */
async function* watched(
  bytes: AsyncIterable<Uint8Array>,
  { clock, waiting }: Pick<ExchangeParts, 'clock' | 'waiting'>,
  silenceMs: number,
  link: LinkedAbort,
): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const end = (error: KubeError): void => link.abort(error);
  const onSilence = (): void => end(new KubeError('kubeSilent', `no byte for ${silenceMs} ms`));
  const read = async (): Promise<IteratorResult<Uint8Array>> => {
    if (silenceMs === Infinity) return iterator.next();
    const one = { sinceMs: clock.monotonic(), end };
    const timer = clock.setTimeout(onSilence, silenceMs);
    waiting.add(one);
    try {
      return await iterator.next();
    } finally {
      waiting.delete(one);
      timer.cancel();
    }
  };
  try {
    for (;;) {
      const next = await read();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    link.release();
    await iterator.return?.();
  }
}

async function readWhole(answer: KubeAnswer, maxBytes: number, expectedBytes = 0): Promise<Uint8Array> {
  const collected = new ByteCollector(Math.min(expectedBytes, maxBytes));
  for await (const chunk of answer.body) {
    if (collected.length + chunk.length > maxBytes)
      throw new KubeError('kubeTooLarge', `more than ${maxBytes} bytes (maxBodyBytes)`);
    collected.add(chunk);
  }
  return collected.take();
}

/** The beginning of a body; a failure on the way ends it early, since the status is what counts. */
async function readUpTo(answer: Pick<KubeAnswer, 'body'>, maxBytes: number): Promise<string> {
  const collected = new ByteCollector();
  try {
    for await (const chunk of answer.body) {
      collected.add(chunk);
      if (collected.length >= maxBytes) break;
    }
  } catch (cause) {
    if (!(cause instanceof KubeError)) throw cause;
  }
  return new TextDecoder().decode(collected.take());
}

function one(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0];
}
