/** Doubles of `fetch` and `EventSource` whose other end is the scripted server: streamed HTTP, server-sent events, and the posts beside them. */
import type { EventSourceConstructor, EventSourceLike } from '../guarded-event-source.js';
import type { Fetch, FetchInit, StreamedResponse } from '../guarded-fetch.js';

/** What a scripted connection needs of whatever carries it. */
export interface FakeLink {
  readonly open: boolean;
  deliver(text: string): void;
  hangUp(code: number, reason: string): void;
}

/** The server's side. `connection` is its own kind of thing. */
export interface FakePeer<Connection> {
  refuses(transport: 'http_stream' | 'sse' | 'emulation'): boolean;
  accept(link: FakeLink): Connection;
  receive(connection: Connection, text: string): void;
  /** The open connection of this session. */
  find(session: string): Connection | undefined;
  /** Bytes of one chunk of a stream; 0: a document each. */
  chunkBytes(): number;
  /** A post arrived. */
  posted(data: string): void;
}

export function fakeFetch<C>(peer: FakePeer<C>): Fetch {
  return async (url, init) => {
    await Promise.resolve();
    if (init.signal?.aborted) throw new Error('aborted');
    if (new URL(url).pathname.endsWith('/emulation')) return post(peer, init);
    if (peer.refuses('http_stream')) return { ok: false, status: 403, body: null };
    const stream = new FakeStream(peer.chunkBytes());
    init.signal?.addEventListener('abort', () => stream.abort());
    const connection = peer.accept(stream);
    peer.receive(connection, init.body ?? '');
    return { ok: true, status: 200, body: { getReader: () => stream } };
  };
}

function post<C>(peer: FakePeer<C>, init: FetchInit): StreamedResponse {
  const { session, data } = JSON.parse(init.body ?? '{}') as { session: string; data: string };
  const connection = peer.refuses('emulation') ? undefined : peer.find(session);
  if (connection === undefined) return { ok: false, status: 404, body: null };
  peer.posted(data);
  peer.receive(connection, data);
  return { ok: true, status: 204, body: null };
}

interface Chunk {
  readonly done: boolean;
  readonly value?: Uint8Array;
}

class FakeStream implements FakeLink {
  readonly #chunkBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #state: 'open' | 'ended' | 'aborted' = 'open';
  #wake: (() => void) | undefined;

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  deliver(text: string): void {
    if (!this.open) return;
    const bytes = new TextEncoder().encode(`${text}\n`);
    const size = this.#chunkBytes === 0 ? bytes.length : this.#chunkBytes;
    for (let at = 0; at < bytes.length; at += size) this.#chunks.push(bytes.slice(at, at + size));
    this.#wake?.();
  }

  hangUp(): void {
    if (this.open) this.#state = 'ended';
    this.#wake?.();
  }

  abort(): void {
    this.#state = 'aborted';
    this.#wake?.();
  }

  async read(): Promise<Chunk> {
    for (;;) {
      if (this.#state === 'aborted') throw new Error('aborted');
      const value = this.#chunks.shift();
      if (value !== undefined) return { done: false, value };
      if (this.#state === 'ended') return { done: true };
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

export function fakeEventSource<C>(peer: FakePeer<C>): EventSourceConstructor {
  return class implements EventSourceLike, FakeLink {
    onopen: ((event: never) => void) | null = null;
    onmessage: ((event: never) => void) | null = null;
    onerror: ((event: never) => void) | null = null;
    open = true;

    constructor(url: string) {
      queueMicrotask(() => {
        if (!this.open) return;
        if (peer.refuses('sse')) return this.hangUp();
        this.onopen?.({} as never);
        peer.receive(peer.accept(this), new URL(url).searchParams.get('cf_connect') ?? '');
      });
    }

    deliver(text: string): void {
      queueMicrotask(() => {
        if (this.open) this.onmessage?.({ data: text } as never);
      });
    }

    hangUp(): void {
      if (!this.open) return;
      this.open = false;
      queueMicrotask(() => this.onerror?.({} as never));
    }

    close(): void {
      this.open = false;
    }
  };
}
