/**
 * The log of a container in the place of a socket to the API server. It is read over HTTP: API servers lose the end of a log that they send by WebSocket when it comes together with its
 * last bytes, and go on reading one whose client has gone. Frames are whole lines here, so that no character lies in two of them.
 */
import {
  KubeError,
  linkAbort,
  type KubeCluster,
  type KubeSocket,
  type KubeSocketEvents,
  type LinkedAbort,
} from '@trunkline/kube-client';
import { isTrue } from './api-path.js';
import type { StreamTarget } from './stream-path.js';

/** Text in base64, for browsers of old; bytes for all others. */
const BASE64 = 'base64.binary.k8s.io';
const PROTOCOLS = [BASE64, 'binary.k8s.io'];

export interface LogDial {
  /** As the client offers them, best first. Who offers none gets bytes. */
  readonly protocols: readonly string[];
  /** Longer lines come in pieces. */
  readonly maxLineBytes: number;
  /** Of the opening. */
  readonly signal: AbortSignal;
}

/** Resolves when the API server has agreed. Throws its refusal, and `kubeRefused` for numbers that are none, and where nothing that is offered is spoken here. */
export async function openLog(
  own: Pick<KubeCluster, 'openLogs'>,
  { namespace, pod, query }: StreamTarget,
  { protocols, maxLineBytes, signal }: LogDial,
): Promise<KubeSocket> {
  const asked = new URLSearchParams(query);
  const protocol = protocols.find((one) => PROTOCOLS.includes(one));
  // Browsers, and others, give up a connection for which none was selected.
  if (protocol === undefined && protocols.length > 0)
    throw new KubeError('kubeRefused', `sub-protocols: logs are sent in ${PROTOCOLS.join(' or ')}`);
  signal.throwIfAborted();
  const life = linkAbort(signal);
  try {
    const batches = await own.openLogs({
      namespace,
      pod,
      ...textsOf(asked),
      ...numbersOf(asked),
      follow: isTrue(asked.get('follow')),
      previous: isTrue(asked.get('previous')),
      timestamps: isTrue(asked.get('timestamps')),
      maxLineBytes,
      signal: life.signal,
    });
    return new LogSocket(batches, protocol ?? '', life);
  } finally {
    // From here on it ends with its socket alone.
    life.release();
  }
}

function textsOf(asked: URLSearchParams): { readonly container?: string; readonly sinceTime?: string } {
  const [container, sinceTime] = ['container', 'sinceTime'].map((name) => asked.get(name));
  return { ...(container ? { container } : {}), ...(sinceTime ? { sinceTime } : {}) };
}

function numbersOf(asked: URLSearchParams): Readonly<Record<string, number>> {
  return Object.fromEntries(
    ['tailLines', 'sinceSeconds', 'limitBytes'].flatMap((name) => {
      const text = asked.get(name);
      if (!text) return [];
      if (!/^\d{1,12}$/.test(text)) throw new KubeError('kubeRefused', `query: ${name} is no whole number`);
      return [[name, Number(text)]];
    }),
  );
}

const LINE_END = Buffer.from('\n');

class LogSocket implements KubeSocket {
  readonly protocol: string;
  readonly #batches: AsyncGenerator<readonly Uint8Array[]>;
  readonly #life: Omit<LinkedAbort, 'release'>;
  /** Called when it may go on. */
  #go: (() => void) | undefined;
  #paused = false;

  constructor(
    batches: AsyncGenerator<readonly Uint8Array[]>,
    protocol: string,
    life: Omit<LinkedAbort, 'release'>,
  ) {
    this.#batches = batches;
    this.protocol = protocol;
    this.#life = life;
  }

  start(events: KubeSocketEvents): void {
    this.#paused = false;
    void this.#run(events);
  }

  /** What a client says to a log is not heard. */
  send(): boolean {
    return true;
  }

  ping(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#go?.();
  }

  close(): void {
    this.destroy();
  }

  destroy(): void {
    this.#life.abort(new Error('nobody reads the log any more'));
    this.#go?.();
  }

  /** Never rejects. */
  async #run(events: KubeSocketEvents): Promise<void> {
    const isOver = (): boolean => this.#life.signal.aborted;
    try {
      for await (const lines of this.#batches) {
        await this.#turn();
        if (isOver()) return;
        const bytes = Buffer.concat(lines.flatMap((line) => [line, LINE_END]));
        const text = this.protocol === BASE64;
        events.onFrame(text ? Buffer.from(bytes.toString('base64')) : bytes, !text);
      }
      await this.#turn();
      if (!isOver()) events.onClosed(1000, '');
    } catch {
      // The stream broke.
      await this.#turn();
      if (!isOver()) events.onClosed(1006, '');
    }
  }

  async #turn(): Promise<void> {
    while (this.#paused && !this.#life.signal.aborted)
      await new Promise<void>((resolve) => (this.#go = resolve));
  }
}
