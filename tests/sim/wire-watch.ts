/**
 * Reads along what one connection carries, frame by frame, and knows whether an answer that names a publication came before it: applications see both
 * at once where they travel together, so only the wire tells.
 */
interface Frame {
  readonly id?: number;
  readonly unsubscribe?: { readonly channel?: string };
  readonly subscribe?: {
    readonly channel?: string;
    readonly epoch?: string;
    readonly offset?: number;
    readonly publications?: readonly { readonly offset?: number }[];
  };
  readonly rpc?: {
    readonly data?: {
      readonly position?: { readonly channel: string; readonly epoch: string; readonly offset: number };
    };
  };
  readonly push?: {
    readonly channel?: string;
    readonly pub?: { readonly offset?: number };
    readonly unsubscribe?: object;
    readonly message?: {
      readonly data?: { readonly tl?: { readonly gap?: { readonly channel: string; readonly to: number } } };
    };
  };
}

export class WireWatch {
  readonly #problem: (text: string) => void;
  /** Channels that were asked for, by the command's id. */
  readonly #asked = new Map<number, string>();
  /** What stands, and how far it was written. */
  readonly #at = new Map<string, { readonly epoch: string; offset: number }>();

  constructor(problem: (text: string) => void) {
    this.#problem = problem;
  }

  sent(text: string): void {
    for (const { id = 0, subscribe, unsubscribe } of framesOf(text)) {
      if (subscribe?.channel !== undefined) this.#asked.set(id, subscribe.channel);
      // Whoever leaves does not wait for what it leaves.
      if (unsubscribe?.channel !== undefined) this.#leave(unsubscribe.channel);
    }
  }

  received(text: string): void {
    for (const { id = 0, subscribe, rpc, push } of framesOf(text)) {
      const channel = this.#asked.get(id);
      if (subscribe && channel !== undefined)
        this.#at.set(channel, { epoch: subscribe.epoch ?? '', offset: subscribe.offset ?? 0 });
      if (push?.unsubscribe) this.#at.delete(push.channel ?? '');
      if (push?.pub) this.#reach(push.channel ?? '', push.pub.offset ?? 0);
      const gap = push?.message?.data?.tl?.gap;
      if (gap) this.#reach(gap.channel, gap.to);
      const shown = rpc?.data?.position;
      const at = shown && this.#at.get(shown.channel);
      if (at && at.epoch === shown.epoch && at.offset < shown.offset)
        this.#problem(
          `an answer named publication ${shown.offset} of ${shown.channel} after ${at.offset} was written`,
        );
    }
  }

  #leave(channel: string): void {
    this.#at.delete(channel);
    for (const [id, asked] of this.#asked) if (asked === channel) this.#asked.delete(id);
  }

  #reach(channel: string, offset: number): void {
    const at = this.#at.get(channel);
    if (at) at.offset = Math.max(at.offset, offset);
  }
}

/** A frame that lost its end carries nothing. */
function framesOf(text: string): Frame[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Frame];
    } catch {
      return [];
    }
  });
}
