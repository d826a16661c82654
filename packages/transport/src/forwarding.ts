/**
 * Upstream frames that reached another node than the one that holds their stream: this node hands them on, in the order in which their requests
 * began, and says what the holder answered. A session for which its holder has taken a frame is proven; for any other little is kept, since
 * anybody may name one. It knows nodes and sessions, and nothing of HTTP.
 */
import { answerOnNode, type Answer, type Kind, type Nodes } from '@trunkline/hub';
import { ERROR_CODES } from '@trunkline/protocol';
import { Upstream } from './upstream.js';

/** `taken`: handed over. `unknown`: the node has no such session. `tooLarge`: above its frame limit. */
export type Handed = 'taken' | 'unknown' | 'tooLarge';

/** What became of a frame: also that its holder did not answer, or that too much waits. */
export type Outcome = Handed | 'silent' | 'full';

/** One request's place in the order. Must be settled. */
export interface ForwardPlace {
  /** The body has that many bytes by now; false where no more of it is wanted. */
  arriving(bytes: number): boolean;
  /** With the frame, or without one where none will come. */
  settle(frame: string | Uint8Array | undefined): Promise<Outcome>;
}

export interface ForwardingOptions {
  readonly upstreamMaxRequests: number;
  readonly upstreamBodyMaxBytes: number;
  readonly forwardMaxSessions: number;
}

interface Question {
  readonly session: string;
  /** The body was larger than any frame may be: there is none, and the session is to end for it. */
  readonly overflow: boolean;
}

/** Frames under way between two nodes at once. */
const AT_ONCE = 10_000;

const UPSTREAM: Kind<Question, Handed> = {
  name: 'transport.upstream',
  atOnce: AT_ONCE,
  question: (value) => {
    const { session, overflow } = (value ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof session !== 'string' || typeof overflow !== 'boolean')
      throw new TypeError('session and overflow are expected');
    return { session, overflow };
  },
  answer: (value) => {
    if (value !== 'taken' && value !== 'unknown' && value !== 'tooLarge')
      throw new TypeError('no outcome of a frame');
    return value;
  },
};

/** Bytes of a body kept whoever it is for. */
export const STRANGER_MAX_BYTES = 64 * 1024;
/** Bodies of unproven sessions may hold so many of the largest together, beyond what each may in any case. */
const STRANGERS_MAX_BODIES = 4;

/** How this node answers others that have frames for its sessions; `take` begins before it returns. */
export function answerUpstream(
  take: (session: string, frame: string | Uint8Array | undefined) => Promise<Handed>,
): Answer {
  return answerOnNode(UPSTREAM, ({ session, overflow }, { bytes = '' }) =>
    take(session, overflow ? undefined : bytes),
  );
}

interface Forwarded {
  readonly frame: string | Uint8Array;
  readonly length: number;
  readonly done: (outcome: Outcome) => void;
}

export class Forwarding {
  readonly #nodes: Pick<Nodes, 'ask' | 'isLive' | 'id'>;
  readonly #options: ForwardingOptions;
  /** In the order of last use. */
  readonly #sessions = new Map<string, ForeignSession>();
  readonly #strangers = { bytes: 0 };

  constructor(nodes: Pick<Nodes, 'ask' | 'isLive' | 'id'>, options: ForwardingOptions) {
    this.#nodes = nodes;
    this.#options = options;
  }

  /** Undefined where the node is this one or none that is live, and where too many sessions are under way. */
  find(session: string, node: string): ForeignSession | undefined {
    if (node === this.#nodes.id || !this.#nodes.isLive(node)) return undefined;
    const name = `${node} ${session}`;
    const known = this.#sessions.get(name);
    if (known) {
      this.#sessions.delete(name);
      this.#sessions.set(name, known);
      return known;
    }
    if (this.#sessions.size >= this.#options.forwardMaxSessions && !this.#forgetIdle()) return undefined;
    const made = new ForeignSession(this.#nodes, this.#options, this.#strangers, { session, node }, () =>
      this.#sessions.delete(name),
    );
    this.#sessions.set(name, made);
    return made;
  }

  #forgetIdle(): boolean {
    for (const [name, session] of this.#sessions) if (session.idle) return this.#sessions.delete(name);
    return false;
  }
}

export class ForeignSession {
  readonly #nodes: Pick<Nodes, 'ask'>;
  readonly #options: ForwardingOptions;
  readonly #strangers: { bytes: number };
  readonly #address: { readonly session: string; readonly node: string };
  readonly #forget: () => void;
  readonly #upstream: Upstream<Forwarded>;
  #proven = false;
  #open = 0;
  #sent = { frames: 0, bytes: 0 };

  /** `strangers`: bytes of unproven sessions, of all together. */
  constructor(
    nodes: Pick<Nodes, 'ask'>,
    options: ForwardingOptions,
    strangers: { bytes: number },
    address: { readonly session: string; readonly node: string },
    forget: () => void,
  ) {
    this.#nodes = nodes;
    this.#options = options;
    this.#strangers = strangers;
    this.#address = address;
    this.#forget = forget;
    const { upstreamMaxRequests, upstreamBodyMaxBytes } = options;
    this.#upstream = new Upstream<Forwarded>(
      {
        maxRequests: upstreamMaxRequests,
        maxBytes: 2 * upstreamBodyMaxBytes,
        maxArrivingBytes: 2 * upstreamBodyMaxBytes,
      },
      (forwarded) => this.#send(forwarded),
      () => this.#end(),
    );
  }

  get proven(): boolean {
    return this.#proven;
  }

  get idle(): boolean {
    return this.#open === 0;
  }

  /** Takes the next place. */
  place(): ForwardPlace {
    this.#open++;
    const place = this.#upstream.place();
    let beyond = 0;
    const hold = (bytes: number): void => {
      const now = this.#proven ? 0 : Math.max(0, bytes - STRANGER_MAX_BYTES);
      this.#strangers.bytes += now - beyond;
      beyond = now;
    };
    return {
      arriving: (bytes) => {
        hold(bytes);
        const most = STRANGERS_MAX_BODIES * this.#options.upstreamBodyMaxBytes;
        return place.arriving(bytes) && (beyond === 0 || this.#strangers.bytes <= most);
      },
      settle: async (frame) => {
        hold(0);
        try {
          return await this.#settle(place, frame);
        } finally {
          this.#open--;
          if (this.idle && !this.#proven) this.#forget();
        }
      },
    };
  }

  /** A body for the session was larger than any frame. */
  async overflow(): Promise<void> {
    await this.#ask(true, undefined);
  }

  #settle(
    place: ReturnType<Upstream<Forwarded>['place']>,
    frame: string | Uint8Array | undefined,
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      const forwarded = frame === undefined ? undefined : { frame, length: frame.length, done: resolve };
      void place.settle(forwarded).then((taken) => {
        // Where it was taken, what its holder says is the outcome.
        if (!taken || forwarded === undefined) resolve('full');
      });
    });
  }

  #send({ frame, length, done }: Forwarded): void {
    this.#count(1, length);
    void this.#ask(false, frame).then((outcome) => {
      if (outcome === 'taken') this.#proven = true;
      if (outcome === 'unknown') {
        this.#proven = false;
        this.#end();
      }
      done(outcome);
      this.#count(-1, -length);
    });
  }

  /** What is under way counts too: the holder may be slower than this session's peer. */
  #count(frames: number, bytes: number): void {
    this.#sent = { frames: this.#sent.frames + frames, bytes: this.#sent.bytes + bytes };
    const { upstreamMaxRequests, upstreamBodyMaxBytes } = this.#options;
    if (this.#sent.frames >= upstreamMaxRequests || this.#sent.bytes >= upstreamBodyMaxBytes)
      this.#upstream.pause();
    else this.#upstream.resume();
  }

  async #ask(overflow: boolean, bytes: string | Uint8Array | undefined): Promise<Outcome> {
    const { session, node } = this.#address;
    try {
      const { replies, failures } = await this.#nodes.ask(
        UPSTREAM,
        { session, overflow },
        { nodes: [node], ...(bytes === undefined ? {} : { bytes }) },
      );
      const [failure] = failures;
      if (failure?.code === ERROR_CODES.notFound.code) return 'unknown';
      if (failure?.code === ERROR_CODES.limitExceeded.code) return 'tooLarge';
      return replies[0]?.answer ?? 'silent';
    } catch {
      // Too many questions at once.
      return 'silent';
    }
  }

  /** Nothing more is handed on; a request after this begins anew. */
  #end(): void {
    this.#upstream.end();
    this.#forget();
  }
}
