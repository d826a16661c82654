/** One publication's documents: encoded when first asked for, once per codec and form, and shared by all readers (spec DELIV-5, DELTA-3). */
import type { Codec, Encoded, Publication } from '@trunkline/protocol';
import { asDelta, asFull, fits, type Deltas } from './deltas.js';

interface Bodies {
  plain: Encoded | undefined;
  full: Encoded | undefined;
  /** Null: there is none for this codec. */
  delta: Encoded | null | undefined;
}

export class Documents {
  readonly #channel: string;
  readonly #publication: Publication;
  readonly #deltas: Deltas;
  readonly #bodies = new Map<Codec, Bodies>();
  #codec: Codec | undefined;
  #current: Bodies = { plain: undefined, full: undefined, delta: undefined };
  #bytes: Uint8Array | null | undefined;
  /** What the delta starts from; undefined: everybody gets the whole. */
  readonly base: Publication | undefined;

  constructor(channel: string, publication: Publication, base: Publication | undefined, deltas: Deltas) {
    this.#channel = channel;
    this.#publication = publication;
    this.#deltas = deltas;
    this.base = publication.removed === true ? undefined : base;
  }

  /** For readers without deltas. */
  plain(codec: Codec): Encoded {
    const bodies = this.#of(codec);
    return (bodies.plain ??= codec.encodePublication(this.#channel, this.#publication));
  }

  full(codec: Codec): Encoded {
    const bodies = this.#of(codec);
    return (bodies.full ??= codec.encodePublication(this.#channel, asFull(this.#publication)));
  }

  /** For readers that hold `base`; the whole where no delta is smaller or can travel on this wire. */
  delta(codec: Codec): Encoded {
    const bodies = this.#of(codec);
    if (bodies.delta === undefined) bodies.delta = this.#encodeDelta(codec);
    return bodies.delta ?? this.full(codec);
  }

  #encodeDelta(codec: Codec): Encoded | null {
    const { base } = this;
    if (base === undefined || !fits(base, this.#publication, !codec.binary)) return null;
    if (this.#bytes === undefined) this.#bytes = this.#deltas.between(base, this.#publication) ?? null;
    return this.#bytes && codec.encodePublication(this.#channel, asDelta(this.#publication, this.#bytes));
  }

  /** Readers of one codec mostly stand together. */
  #of(codec: Codec): Bodies {
    if (codec === this.#codec) return this.#current;
    let bodies = this.#bodies.get(codec);
    if (!bodies) {
      bodies = { plain: undefined, full: undefined, delta: undefined };
      this.#bodies.set(codec, bodies);
    }
    this.#codec = codec;
    this.#current = bodies;
    return bodies;
  }
}
