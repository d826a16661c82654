/**
 * What a reader with deltas holds: the one question is whether the payload that a delta starts from is in its hands. Kept by delivery and
 * asked by the channel, for readers with deltas alone. Whatever is handed over late (buffered, conflated) goes out whole, so only the
 * publications that a reader never gets matter here (spec DELTA-4).
 */
import type { Publication } from '@trunkline/protocol';

export interface Holding {
  /** Whether what the reader holds in the place of `base` is `base` itself. */
  holds(base: Publication): boolean;
  /** It is in the outbox now. */
  handed(publication: Publication): void;
  /** It will never come. */
  skipped(publication: Publication): void;
  /** The reply gave it `publications`, as of `position`; what comes next continues there. */
  replied(reply: ReplyGiven): void;
}

export interface ReplyGiven {
  readonly publications: readonly Publication[];
  /** Entries of a map, all pages. */
  readonly state?: readonly Publication[];
  readonly offset: number;
  /** From which offset on nothing is missing in the reader's hands: 0 where it has the whole state. */
  readonly completeFrom: number;
}

/** One place: what was handed over last. */
export class StreamHolding implements Holding {
  #last: Publication | undefined;

  holds(base: Publication): boolean {
    const last = this.#last;
    // A recovered publication is another object than the one delivered; unnumbered ones are never recovered.
    return last !== undefined && (last === base || (base.offset !== 0 && last.offset === base.offset));
  }

  handed(publication: Publication): void {
    this.#last = publication;
  }

  skipped(): void {
    // It still holds the one before, which is no base any more.
  }

  replied({ publications }: ReplyGiven): void {
    this.#last = publications.at(-1);
  }
}

/**
 * A place per key, without a table per reader: from some offset on nothing was kept from it, so it holds the newest of every key written since.
 * Maps number every change.
 */
export class MapHolding implements Holding {
  #completeFrom = Infinity;
  #newestEntry = 0;

  holds(base: Publication): boolean {
    return base.offset >= this.#completeFrom;
  }

  handed(): void {
    // Nothing changes: it was complete, or will be complete from a later offset.
  }

  skipped({ offset }: Publication): void {
    this.#completeFrom = Math.max(this.#completeFrom, offset + 1);
  }

  replied({ state = [], offset, completeFrom }: ReplyGiven): void {
    for (const entry of state) this.#newestEntry = Math.max(this.#newestEntry, entry.offset);
    // A page may be ahead of delivery: for a while the reader then holds newer values than the channel hands out.
    this.#completeFrom = Math.max(completeFrom, this.#newestEntry > offset ? this.#newestEntry : 0);
  }
}
