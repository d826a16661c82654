/**
 * The way up of one connection whose frames come in requests of their own: hands them over in the order in which the requests began,
 * however their bodies overtake one another, and not while the hub has paused reading. Bounded in requests and bytes.
 */
export interface UpstreamLimits {
  readonly maxRequests: number;
  /** Of frames that wait. */
  readonly maxBytes: number;
  /** Of bodies that are still arriving. */
  readonly maxArrivingBytes: number;
}

/** One request's place in the order. Must be settled. */
export interface Place<F = string | Uint8Array> {
  /** The body has that many bytes by now; false where no more of it is wanted. */
  arriving(bytes: number): boolean;
  /** With the frame, or without one where none will come. Resolves once it was handed over: false where the connection ended first. */
  settle(frame: F | undefined): Promise<boolean>;
}

interface Waiting<F> {
  frame: F | undefined;
  settled: boolean;
  resolve(taken: boolean): void;
}

const NOWHERE: Place<unknown> = { arriving: () => false, settle: () => Promise.resolve(false) };

export class Upstream<F extends { readonly length: number } = string | Uint8Array> {
  readonly #limits: UpstreamLimits;
  readonly #deliver: (frame: F) => void;
  readonly #onFull: () => void;
  readonly #waiting: Waiting<F>[] = [];
  #bytes = 0;
  #arriving = 0;
  #paused = false;
  #ended = false;
  #pumping = false;

  /** `onFull`: more waits than may; the connection is to end. */
  constructor(limits: UpstreamLimits, deliver: (frame: F) => void, onFull: () => void) {
    this.#limits = limits;
    this.#deliver = deliver;
    this.#onFull = onFull;
  }

  /** Takes the next place. */
  place(): Place<F> {
    if (this.#ended) return NOWHERE;
    const item: Waiting<F> = { frame: undefined, settled: false, resolve: () => undefined };
    this.#waiting.push(item);
    if (this.#waiting.length > this.#limits.maxRequests) this.#onFull();
    let arrived = 0;
    const arriving = (bytes: number): void => {
      this.#arriving += bytes - arrived;
      arrived = bytes;
    };
    return {
      arriving: (bytes) => {
        arriving(bytes);
        if (!this.#ended && this.#arriving > this.#limits.maxArrivingBytes) this.#onFull();
        return !this.#ended;
      },
      settle: (frame) => {
        arriving(0);
        if (this.#ended) return Promise.resolve(false);
        const taken = new Promise<boolean>((resolve) => (item.resolve = resolve));
        item.frame = frame;
        item.settled = true;
        this.#bytes += frame?.length ?? 0;
        this.#pump();
        if (this.#bytes > this.#limits.maxBytes) this.#onFull();
        return taken;
      },
    };
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Nothing is handed over any more. */
  end(): void {
    this.#ended = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(false);
  }

  #pump(): void {
    // Handing over may pause, resume or end this very connection.
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#paused && this.#waiting[0]?.settled === true) {
      const item = this.#waiting.shift() as Waiting<F>;
      if (item.frame !== undefined) {
        this.#bytes -= item.frame.length;
        this.#deliver(item.frame);
      }
      item.resolve(!this.#ended);
    }
    this.#pumping = false;
  }
}
