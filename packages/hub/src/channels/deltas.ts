/**
 * The deltas of one channel on this node: which payload the next one starts from, and what was made lately. It lives while the channel has
 * readers with deltas, knows none of them (what each holds is `delivery/holding.ts`), and remembers a bounded number of bytes; what it
 * forgot goes out whole. A delta is made once, however many readers take it (spec DELTA-3).
 */
import { createDelta, utf8, type Payload, type Publication } from '@trunkline/protocol';

interface Made {
  /** Offset of the publication that it starts from. */
  readonly from: number;
  /** Undefined: it would be no smaller than the payload. */
  readonly delta: Uint8Array | undefined;
}

/** Deltas kept for readers that come back: as many as one recovery may need by default. */
const MADE_MAX = 300;

export class Deltas {
  readonly #perKey: boolean;
  readonly #maxBytes: number;
  /** By place: the key in a map, `''` in a stream. In the order of the last write. */
  readonly #bases = new Map<string, Publication>();
  #bytes = 0;
  /** By offset of the publication they lead to. */
  readonly #made = new Map<number, Made>();
  #madeBytes = 0;

  constructor(perKey: boolean, maxBytes: number) {
    this.#perKey = perKey;
    this.#maxBytes = maxBytes;
  }

  /** What comes next in the place of `publication` starts from it; returns what it starts from itself. */
  advance(publication: Publication): Publication | undefined {
    const place = this.#placeOf(publication);
    const base = this.#bases.get(place);
    this.#forget(place, base);
    if (publication.removed !== true) this.#remember(place, publication);
    return base;
  }

  /**
   * Readers were given these (ascending, none left out) in their replies: bases for places that have none yet, as far as there is room. Nothing is forgotten for them: a
   * large map's pages would push out what is written often, and each other, with every reader that comes.
   */
  seed(publications: readonly Publication[]): void {
    const newest = new Map(publications.map((publication) => [this.#placeOf(publication), publication]));
    for (const [place, publication] of newest) {
      if (this.#bytes + publication.data.length > this.#maxBytes) continue;
      if (publication.removed !== true && !this.#bases.has(place)) this.#remember(place, publication);
    }
  }

  /** From `base` to `publication`; undefined where it would be no smaller. */
  between(base: Publication, publication: Publication): Uint8Array | undefined {
    const known = publication.offset === 0 ? undefined : this.#made.get(publication.offset);
    if (known?.from === base.offset) return known.delta;
    const delta = createDelta(bytesOf(base.data), bytesOf(publication.data));
    if (publication.offset !== 0 && base.offset !== 0)
      this.#keep(publication.offset, { from: base.offset, delta });
    return delta;
  }

  /** The chain of a reply: each place begins with a whole payload. */
  chain(publications: readonly Publication[], textOnly: boolean): readonly Publication[] {
    const given = new Map<string, Publication>();
    return publications.map((publication) => {
      const place = this.#placeOf(publication);
      const base = given.get(place);
      if (publication.removed === true) given.delete(place);
      else given.set(place, publication);
      const delta =
        base && publication.removed !== true && fits(base, publication, textOnly)
          ? this.between(base, publication)
          : undefined;
      return delta ? asDelta(publication, delta) : asFull(publication);
    });
  }

  #placeOf({ key }: Publication): string {
    return this.#perKey ? (key ?? '') : '';
  }

  #remember(place: string, publication: Publication): void {
    if (publication.data.length > this.#maxBytes) return;
    this.#bases.set(place, publication);
    this.#bytes += publication.data.length;
    while (this.#bytes > this.#maxBytes) {
      const [oldest] = this.#bases;
      if (!oldest) return;
      this.#forget(...oldest);
    }
  }

  #forget(place: string, base: Publication | undefined): void {
    if (this.#bases.delete(place)) this.#bytes -= base?.data.length ?? 0;
  }

  #keep(offset: number, made: Made): void {
    if (this.#maxBytes === 0) return;
    this.#drop(offset);
    this.#made.set(offset, made);
    this.#madeBytes += made.delta?.length ?? 0;
    while (this.#made.size > MADE_MAX || this.#madeBytes > this.#maxBytes) {
      const [oldest] = this.#made.keys();
      if (oldest === undefined) return;
      this.#drop(oldest);
    }
  }

  #drop(offset: number): void {
    this.#madeBytes -= this.#made.get(offset)?.delta?.length ?? 0;
    this.#made.delete(offset);
  }
}

/** Whether a delta between the two can travel: on a wire of text only payloads that are text themselves have one (spec DELTA-5). */
export function fits(base: Publication, publication: Publication, textOnly: boolean): boolean {
  return !textOnly || (typeof base.data === 'string' && typeof publication.data === 'string');
}

export function asFull(publication: Publication): Publication {
  return { ...publication, form: 'full' };
}

export function asDelta(publication: Publication, delta: Uint8Array): Publication {
  return { ...publication, data: delta, form: 'delta' };
}

function bytesOf(data: Payload): Uint8Array {
  return typeof data === 'string' ? utf8(data) : data;
}
