/**
 * The last changes of a reflector, for readers that know a version or a number and want what came after. Bounded in changes and in bytes of objects. Numbers go on
 * over everything; versions do not reach back over a gap, since what came and went inside a gap is in no change, and a reader that has it would keep it.
 */
import { compareVersions } from '../question.js';
import type { Change } from './types.js';

export interface RingBounds {
  readonly maxChanges: number;
  readonly maxBytes: number;
}

export class ChangeRing {
  readonly #bounds: RingBounds;
  #changes: Change[] = [];
  #head = 0;
  #bytes = 0;
  /** The oldest version that can be answered for: all that came after it is kept. Empty while nothing is known. */
  #floor = '';
  /** Number of the last change at or before the floor. */
  #floorSequence = 0;
  /** The newest version that is known, of a change, a bookmark or a list. */
  #latest = '';
  #sequence = 0;

  constructor(bounds: RingBounds) {
    this.#bounds = bounds;
  }

  /** Number of the newest change; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  get size(): number {
    return this.#changes.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(changes: readonly Change[]): void {
    const { maxChanges } = this.#bounds;
    const skipped = changes[changes.length - maxChanges - 1];
    if (skipped !== undefined) {
      // Of a batch that fills the ring by itself, what would not stay is passed over.
      this.#changes = [];
      this.#head = this.#bytes = 0;
      this.#floor = skipped.version;
      this.#floorSequence = skipped.sequence;
      this.#sequence = skipped.sequence;
      this.#latest = skipped.version;
    }
    for (const change of skipped === undefined ? changes : changes.slice(changes.length - maxChanges)) {
      this.#changes.push(change);
      this.#bytes += change.object.json.length;
      this.#sequence = change.sequence;
      this.#latest = change.version;
    }
    while (this.size > maxChanges || (this.#bytes > this.#bounds.maxBytes && this.size > 0)) this.#shift();
  }

  /** The cluster is at this version, without a change. */
  mark(version: string): void {
    this.#latest = version;
  }

  /** A list of this version followed on a gap, and the difference was pushed: readers of older versions need the whole. */
  gap(version: string): void {
    this.#floor = version;
    this.#floorSequence = this.#sequence;
    this.#latest = version;
  }

  /** Changes with a number above `sequence`, in order; undefined where some of them are gone, or the number was never given. */
  after(sequence: number): readonly Change[] | undefined {
    if (sequence > this.#sequence || sequence < this.#sequence - this.size) return undefined;
    return this.#changes.slice(this.#changes.length - (this.#sequence - sequence));
  }

  /**
   * Changes after a version, in order; undefined where that cannot be said: it is too old, it lies before or inside a gap, or it is none that was seen and none that can be
   * compared. Where two changes have that version, the second is among the answer: better twice than never. A version newer than all gives nothing, although changes up to it are
   * still to come.
   */
  since(version: string): readonly Change[] | undefined {
    if (version === '') return undefined;
    const first =
      this.#changes.length - (this.#sequence - Math.max(this.#floorSequence, this.#sequence - this.size));
    if (version === this.#floor) return this.#changes.slice(first);
    for (let index = first; index < this.#changes.length; index++)
      if (this.#changes[index]?.version === version) return this.#changes.slice(index + 1);
    if (version === this.#latest) return [];
    const toFloor = compareVersions(version, this.#floor);
    if (toFloor === undefined || toFloor < 0) return undefined;
    let start = this.#changes.length;
    while (start > first) {
      const order = compareVersions(this.#changes[start - 1]?.version ?? '', version);
      if (order === undefined) return undefined;
      if (order <= 0) break;
      start--;
    }
    return this.#changes.slice(start);
  }

  #shift(): void {
    const change = this.#changes[this.#head++];
    if (change === undefined) return;
    this.#bytes -= change.object.json.length;
    if (change.sequence > this.#floorSequence) {
      this.#floor = change.version;
      this.#floorSequence = change.sequence;
    }
    if (this.#head > 64 && this.#head * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#head);
      this.#head = 0;
    }
  }
}
