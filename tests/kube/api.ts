/**
 * The plainest client of a Kubernetes API that a test can have: requests over Node's own HTTP, answers as they are, streams line by line. It knows nothing of
 * the product's client, so that what it finds is the server's doing.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { clock } from '@trunkline/testkit';

/** As much of Kubernetes documents as the tests read by name. */
export interface Doc {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly continue?: string;
    readonly remainingItemCount?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly managedFields?: unknown;
  };
  readonly items: readonly Doc[];
  readonly data?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface Reply {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Throws where the body is no JSON. */
  readonly doc: Doc;
}

export interface Ask {
  readonly body?: unknown;
  /** Content type of the body. Default application/json. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

export interface Place {
  readonly url: string;
  readonly ca?: string | undefined;
}

export interface Credential {
  readonly token?: string;
  readonly certificate?: { readonly key: string; readonly cert: string };
}

export class Api {
  readonly #place: Place;
  readonly #credential: Credential;
  readonly #agent: HttpAgent;

  constructor(place: Place, credential: Credential) {
    this.#place = place;
    this.#credential = credential;
    const tls = { ca: place.ca, ...credential.certificate };
    this.#agent = place.url.startsWith('https:')
      ? new HttpsAgent({ ...tls, keepAlive: true })
      : new HttpAgent();
  }

  get token(): string {
    return this.#credential.token ?? '';
  }

  /** The same server for somebody else. */
  as(credential: Credential): Api {
    return new Api(this.#place, credential);
  }

  get(path: string, headers: Ask['headers'] = {}): Promise<Reply> {
    return this.send('GET', path, { headers });
  }

  post(path: string, body: unknown, headers: Ask['headers'] = {}): Promise<Reply> {
    return this.send('POST', path, { body, headers });
  }

  patch(path: string, type: string, body: unknown): Promise<Reply> {
    return this.send('PATCH', path, { body, type: `application/${type}+json` });
  }

  delete(path: string, body?: unknown): Promise<Reply> {
    return this.send('DELETE', path, { body });
  }

  /** Resolves with the whole answer, unpacked where it was compressed. */
  async send(method: string, path: string, ask: Ask = {}): Promise<Reply> {
    const response = await this.#open(method, path, ask);
    const chunks: Buffer[] = [];
    // A pipeline, so that an answer that breaks off is an error and not a wait.
    const body =
      response.headers['content-encoding'] === 'gzip'
        ? pipeline(response, createGunzip(), () => undefined)
        : response;
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    return {
      code: response.statusCode ?? 0,
      headers: response.headers,
      text,
      get doc() {
        return JSON.parse(text) as Doc;
      },
    };
  }

  /** Resolves when the head is there. */
  async stream(path: string, headers: Ask['headers'] = {}): Promise<Lines> {
    return new Lines(await this.#open('GET', path, { headers }));
  }

  /** A watch: `path` without `watch=true`. */
  async watch(path: string, headers: Ask['headers'] = {}): Promise<WatchReader> {
    const lines = await this.stream(`${path}${path.includes('?') ? '&' : '?'}watch=true`, headers);
    return new WatchReader(lines);
  }

  #open(method: string, path: string, { body, type, headers = {} }: Ask): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const { token } = this.#credential;
    const send = this.#place.url.startsWith('https:') ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(
        `${this.#place.url}${path}`,
        {
          method,
          agent: this.#agent,
          headers: {
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(text === undefined
              ? {}
              : {
                  'content-type': type ?? 'application/json',
                  'content-length': String(Buffer.byteLength(text)),
                }),
            ...(headers as Record<string, string | string[]>),
          },
        },
        resolve,
      );
      request.on('error', reject);
      request.end(text);
    });
  }
}

/** How long a line that must come may take. */
const PATIENCE_MS = 20_000;

/** An answer read line by line; nothing is read twice. */
export class Lines {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly #response: IncomingMessage;
  readonly #lines: string[] = [];
  #rest = '';
  #ended: 'end' | 'cut' | undefined;
  #wake: () => void = () => undefined;

  constructor(response: IncomingMessage) {
    this.code = response.statusCode ?? 0;
    this.headers = response.headers;
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    const over = (): void => {
      this.#ended ??= response.complete ? 'end' : 'cut';
      this.#wake();
    };
    response.on('end', over);
    response.on('error', over);
    response.on('close', over);
  }

  /** What is left of an unfinished line. */
  get rest(): string {
    return this.#rest;
  }

  /** The next line; undefined at the end. Rejects when neither comes in time. */
  async next(timeoutMs = PATIENCE_MS): Promise<string | undefined> {
    const deadline = clock.monotonic() + timeoutMs;
    while (this.#lines.length === 0 && this.#ended === undefined) {
      const left = deadline - clock.monotonic();
      if (left <= 0) throw new Error(`no line within ${timeoutMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, left);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    return this.#lines.shift();
  }

  /** Reads to the end; resolves with how it ended. */
  async ended(timeoutMs = PATIENCE_MS): Promise<'end' | 'cut'> {
    while ((await this.next(timeoutMs)) !== undefined);
    return this.#ended ?? 'end';
  }

  close(): void {
    this.#response.destroy();
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    this.#lines.push(...parts.filter((line) => line !== ''));
    this.#wake();
  }
}

export interface WatchEvent {
  readonly type: string;
  readonly object: Doc;
}

export class WatchReader {
  readonly lines: Lines;

  constructor(lines: Lines) {
    this.lines = lines;
  }

  get code(): number {
    return this.lines.code;
  }

  /** The next event, bookmarks included; undefined at the end. */
  async next(timeoutMs?: number): Promise<WatchEvent | undefined> {
    const line = await this.lines.next(timeoutMs);
    return line === undefined ? undefined : (JSON.parse(line) as WatchEvent);
  }

  /** The next `count` events as `TYPE name`. Rejects when the watch ends before. */
  async names(count: number): Promise<string[]> {
    const found: string[] = [];
    while (found.length < count) {
      const event = await this.next();
      if (event === undefined) throw new Error(`the watch ended after ${found.join(', ')}`);
      found.push(`${event.type} ${event.object.metadata.name}`);
    }
    return found;
  }

  /** Everything up to the end. */
  async all(): Promise<WatchEvent[]> {
    const found: WatchEvent[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) found.push(event);
    return found;
  }

  close(): void {
    this.lines.close();
  }
}

/** The value at `path`; undefined where it leads nowhere. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (found, step) =>
      typeof found === 'object' && found !== null
        ? (found as Record<string | number, unknown>)[step]
        : undefined,
    value,
  );
}
