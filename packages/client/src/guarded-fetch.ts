/**
 * The `fetch` that the transport package is given. It serves two uses: opening the streamed answer that carries everything down, which is one
 * attempt with a deadline; and posting commands up beside it. Posts leave one after another, since two requests may overtake each other on their
 * way and commands may not; what waited for the post before leaves together. What an answer means is the transport package's business.
 */
import { beginAttempt } from './attempt.js';
import type { SocketHooks } from './transports.js';

export interface FetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface StreamedResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly body: {
    getReader(): {
      read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    };
  } | null;
}

/** As much of `fetch` as is used. */
export type Fetch = (url: string, init: FetchInit) => Promise<StreamedResponse>;

export function guardFetch(inner: Fetch, emulation: string, hooks: SocketHooks): Fetch {
  const posts = new PostQueue((init) => inner(emulation, init));
  return (url, init) => (url === emulation ? posts.post(init) : open(inner, url, init, hooks));
}

/** Rejects as `fetch` does. */
function open(inner: Fetch, url: string, init: FetchInit, hooks: SocketHooks): Promise<StreamedResponse> {
  const own = new AbortController();
  const attempt = beginAttempt(hooks, () => own.abort());
  init.signal?.addEventListener('abort', () => {
    own.abort();
    attempt.end();
  });
  return inner(url, { ...init, signal: own.signal });
}

interface EmulationRequest {
  readonly session: string;
  readonly node: string;
  /** Documents, one a line. */
  readonly data: string;
}

interface Post {
  readonly init: FetchInit;
  readonly request: EmulationRequest;
  settle(answer: Promise<StreamedResponse>): void;
}

/** What waited leaves together, up to this many characters. */
const JOINED_MAX_CHARS = 65_536;

class PostQueue {
  readonly #send: (init: FetchInit) => Promise<StreamedResponse>;
  /** Bounded by the calls in flight of a client, whose timeout ends the connection they are of. */
  readonly #waiting: Post[] = [];
  #posting = false;

  constructor(send: (init: FetchInit) => Promise<StreamedResponse>) {
    this.#send = send;
  }

  post(init: FetchInit): Promise<StreamedResponse> {
    const request = JSON.parse(init.body ?? '{}') as EmulationRequest;
    const answer = new Promise<StreamedResponse>((settle) => this.#waiting.push({ init, request, settle }));
    if (!this.#posting) void this.#run();
    return answer;
  }

  async #run(): Promise<void> {
    this.#posting = true;
    for (let first = this.#waiting.shift(); first !== undefined; first = this.#waiting.shift()) {
      const together = [first];
      let { data } = first.request;
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        if (
          next.init.signal !== first.init.signal ||
          data.length + next.request.data.length > JOINED_MAX_CHARS
        )
          break;
        data = `${data}\n${next.request.data}`;
        together.push(next);
        this.#waiting.shift();
      }
      const answer = this.#post({ ...first.init, body: JSON.stringify({ ...first.request, data }) });
      for (const { settle } of together) settle(answer);
      await answer.catch(() => undefined);
    }
    this.#posting = false;
  }

  /** Rejects at once where the connection is over. Under a signal of its own: what a platform leaves on one would grow with every post. */
  async #post(init: FetchInit): Promise<StreamedResponse> {
    const own = new AbortController();
    const stop = (): void => own.abort();
    if (init.signal?.aborted) stop();
    init.signal?.addEventListener('abort', stop);
    try {
      return await this.#send({ ...init, signal: own.signal });
    } finally {
      init.signal?.removeEventListener('abort', stop);
    }
  }
}
