/**
 * The wire over undici: connections with TLS, client certificates and proxies. What a connection is made of (certificates, proxy) is compared at each request; when
 * it has changed, new requests dial anew and the old connections end with the requests that run on them. Redirects are not followed.
 */
import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { codeOf, readText, type Credential } from '../credential.js';
import { KubeError } from '../errors.js';
import type { CheckedConnection } from '../connection.js';
import { connectThrough, type TlsOptions } from './connecting.js';
import { shakeHands } from './socket.js';
import type { DialAnswer, DialRequest, Wire, WireAnswer, WireRequest } from './wire.js';

export interface UndiciWireOptions {
  /** Longest time to open a connection, TLS included, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Default: the system's. */
  readonly lookup?: LookupFunction | undefined;
}

interface Dialled {
  readonly made: string;
  readonly dispatcher: Dispatcher;
}

export class UndiciWire implements Wire {
  readonly #connection: CheckedConnection;
  readonly #options: UndiciWireOptions;
  #current: Dialled | undefined;
  readonly #closing = new Set<Promise<void>>();
  /** Under WebSockets. */
  readonly #connections = new Set<Duplex>();
  #disposed = false;

  constructor(connection: CheckedConnection, options: UndiciWireOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async send(request: WireRequest): Promise<WireAnswer> {
    const dispatcher = await this.#dial(request.credential);
    request.signal.throwIfAborted();
    try {
      const answer = await dispatcher.request({
        origin: this.#connection.origin,
        method: request.method as Dispatcher.HttpMethod,
        path: request.path,
        headers: request.headers as Record<string, string | string[]>,
        body: request.body ?? null,
        signal: request.signal,
        // The caller measures time, on its own clock.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: bytesOf(answer.body, request.signal),
      };
    } catch (cause) {
      request.signal.throwIfAborted();
      throw new KubeError('kubeUnreachable', codeOf(cause), { cause });
    }
  }

  async dial(request: DialRequest): Promise<DialAnswer> {
    const { origin, proxyUrl } = this.#connection;
    const tls = await this.#tls(request.credential);
    const connection = await connectThrough({ origin, proxyUrl, tls, ...this.#options }, request.signal);
    if (this.#disposed) connection.destroy();
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    const url = origin.replace(/^http/, 'ws') + request.path;
    const answer = await shakeHands(url, connection, request);
    if (answer.kind === 'open') return answer;
    const { body, ...head } = answer.answer;
    return { kind: 'refused', answer: { ...head, body: bytesOf(body, request.signal) } };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const connection of this.#connections) connection.destroy();
    this.#retire();
    await Promise.all(this.#closing);
  }

  async #dial(credential: Credential): Promise<Dispatcher> {
    const tls = await this.#tls(credential);
    const made = JSON.stringify([tls.ca, tls.cert, tls.key]);
    if (this.#current?.made === made) return this.#current.dispatcher;
    this.#retire();
    const dispatcher = makeDispatcher(tls, this.#connection.proxyUrl, this.#options);
    this.#current = { made, dispatcher };
    return dispatcher;
  }

  async #tls({ certificate, key }: Credential): Promise<TlsOptions> {
    const { ca, tlsServerName, insecureSkipTlsVerify = false } = this.#connection;
    const caText = ca === undefined ? undefined : await readText(ca, 'certificate authority');
    if (this.#disposed) throw new KubeError('kubeUnreachable', 'the cluster was closed here');
    return {
      rejectUnauthorized: !insecureSkipTlsVerify,
      timeout: this.#options.connectTimeoutMs,
      ...(caText === undefined ? {} : { ca: caText }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
      ...(this.#options.lookup === undefined ? {} : { lookup: this.#options.lookup }),
    };
  }

  #retire(): void {
    const dispatcher = this.#current?.dispatcher;
    this.#current = undefined;
    if (dispatcher === undefined) return;
    const closing: Promise<void> = dispatcher
      .close()
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** A certificate or key that cannot be read fails at the first connection, with the error of TLS. */
function makeDispatcher(
  tls: TlsOptions,
  proxyUrl: string | undefined,
  { connectTimeoutMs, lookup }: UndiciWireOptions,
): Dispatcher {
  if (proxyUrl === undefined) return new Agent({ connect: tls as never });
  const toProxy = { timeout: connectTimeoutMs, ...(lookup === undefined ? {} : { lookup }) };
  return new ProxyAgent({ uri: proxyUrl, requestTls: tls as never, proxyTls: toProxy as never });
}

async function* bytesOf(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    signal.throwIfAborted();
    throw new KubeError('kubeConnectionLost', codeOf(cause), { cause });
  }
}
