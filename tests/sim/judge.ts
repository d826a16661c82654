/**
 * The judge of one reader of a stream: it compares what a reader was given and told with what really happened. Between two publications
 * that are not neighbours there must be something that explains it; what is given must be what was published at that place of that
 * channel of that org; and the position a reader claims is the one it was given or told of, no further.
 */
import type { Position } from '@trunkline/protocol';
import { wants } from './cases.js';
import type { ChannelTruth } from './truth.js';

export interface Payload {
  readonly org: string;
  readonly channel: string;
  readonly n: number;
}

export class StreamJudge {
  readonly name: string;
  readonly truth: ChannelTruth;
  readonly #filter: boolean;
  readonly #problem: (text: string) => void;
  #epoch: string | undefined;
  #offset = 0;
  #explained: { from: number; to: number }[] = [];
  /** Continuity was lost and told: the next one may be anywhere. */
  #mayJump = true;
  #lastPlace = -1;
  given = 0;
  tellings = 0;

  constructor(name: string, truth: ChannelTruth, filter: boolean, problem: (text: string) => void) {
    this.name = name;
    this.truth = truth;
    this.#filter = filter;
    this.#problem = (text) => problem(`${name} ${truth.org}/${truth.channel}: ${text}`);
  }

  /** Everything up to here is known to the reader or was told; undefined before the beginning, and after a reset. */
  get at(): Position | undefined {
    return this.#epoch === undefined || this.#mayJump
      ? undefined
      : { epoch: this.#epoch, offset: this.#offset };
  }

  /** The reader begins here: nothing before counts. */
  begin({ epoch, offset }: Position): void {
    // What is told while publications are held back lies ahead of them.
    const goesOn = this.#epoch === undefined || epoch === this.#epoch;
    this.#explained = goesOn ? this.#explained.filter(({ to }) => to > offset) : [];
    this.#epoch = epoch;
    this.#offset = offset;
    this.#mayJump = false;
  }

  /** The reader was subscribed (again), perhaps elsewhere: what has no numbers may come a second time. */
  subscribed(): void {
    this.#lastPlace = -1;
  }

  /** The reader was told that these are not coming. */
  gap(from: number, to: number): void {
    this.tellings++;
    this.#explained.push({ from, to });
  }

  /** The reader was told that something is missing, and begins anew. */
  reset(): void {
    this.tellings++;
    this.#mayJump = true;
    this.#epoch = undefined;
    this.#explained = [];
  }

  publication(data: unknown, position: Position | undefined): void {
    this.given++;
    const payload = data as Payload;
    const { org, channel } = this.truth;
    if (payload.org !== org || payload.channel !== channel)
      return this.#problem(`was given what belongs to ${payload.org}/${payload.channel}`);
    if (position === undefined || position.offset === 0) return this.#unnumbered(data);
    const { epoch, offset } = position;
    if (!this.truth.everHeld(epoch, offset, data))
      this.#problem(`${offset} of ${epoch} was never ${JSON.stringify(data)}`);
    if (this.#filter && this.truth.ever(epoch, offset).every(({ tags }) => !wants(tags)))
      this.#problem(`was given ${offset}, which its filter refuses`);
    if (!this.#mayJump) this.#compare(epoch, offset);
    this.begin(position);
  }

  /** The position the reader claims now. */
  claim(claimed: Position | undefined): void {
    if (claimed === undefined || claimed.epoch === '') return;
    if (this.#mayJump) return this.begin(claimed);
    if (claimed.epoch !== this.#epoch)
      return this.#problem(
        `claims epoch ${claimed.epoch} although it was never told that ${this.#epoch} ended`,
      );
    if (claimed.offset < this.#offset) return this.#problem(`claims ${claimed.offset} after ${this.#offset}`);
    const missing = this.#unexplained(claimed.epoch, this.#offset + 1, claimed.offset);
    if (missing !== undefined)
      this.#problem(`claims ${claimed.offset} after ${this.#offset}; ${missing} is missing and was not told`);
    this.#offset = claimed.offset;
  }

  /** When the first publication was accepted that the reader neither has nor was told of; undefined: there is none. */
  behindSince(top: Position): number | undefined {
    if (this.#epoch === undefined || top.epoch === '') return undefined;
    if (top.epoch !== this.#epoch) return this.truth.beganMs(top.epoch);
    const missing = this.#unexplained(top.epoch, this.#offset + 1, top.offset);
    if (missing === undefined) return this.#offset > top.offset ? 0 : undefined;
    return this.truth.between(top.epoch, missing, missing)[0]?.atMs;
  }

  #compare(epoch: string, offset: number): void {
    if (epoch !== this.#epoch)
      return this.#problem(
        `${offset} of epoch ${epoch} came although it was never told that ${this.#epoch} ended`,
      );
    if (offset === this.#offset) return this.#problem(`${offset} came twice`);
    if (offset < this.#offset) return this.#problem(`${offset} came after ${this.#offset}`);
    const missing = this.#unexplained(epoch, this.#offset + 1, offset - 1);
    if (missing !== undefined)
      this.#problem(`${offset} came after ${this.#offset}; ${missing} is missing and was not told`);
  }

  /** The first offset of a range that nothing explains. */
  #unexplained(epoch: string, from: number, to: number): number | undefined {
    for (let offset = from; offset <= to; offset++) {
      if (this.#explained.some((range) => offset >= range.from && offset <= range.to)) continue;
      const facts = this.truth.ever(epoch, offset);
      if (facts.length === 0 || !this.#filter || facts.every(({ tags }) => wants(tags))) return offset;
    }
    return undefined;
  }

  /** Nothing is promised without numbers but content and order. */
  #unnumbered(data: unknown): void {
    const place = this.truth.placeOf(data);
    if (place === undefined)
      return this.#problem(`was given ${JSON.stringify(data)}, which nobody published`);
    if (place <= this.#lastPlace && !this.truth.repeated)
      this.#problem(`${JSON.stringify(data)} came late or twice`);
    this.#lastPlace = Math.max(place, this.#lastPlace);
  }
}
