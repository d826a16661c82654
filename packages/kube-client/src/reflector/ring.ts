/** The last changes of a reflector, for readers that know a version or a number and want what came after. Bounded in changes and in bytes of objects. */
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
  /** The version just before the oldest change that is kept; empty while nothing is known. */
  #floor = '';
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
    for (const change of changes) {
      this.#changes.push(change);
      this.#bytes += change.object.json.length;
      this.#sequence = change.sequence;
      this.#latest = change.version;
    }
    while (this.size > this.#bounds.maxChanges || (this.#bytes > this.#bounds.maxBytes && this.size > 0)) this.#shift();
  }

  /** The cluster is at this version, without a change. */
  mark(version: string): void {
    if (this.#floor === '') this.#floor = version;
    this.#latest = version;
  }

  /** Forgets everything: readers of older versions need the whole. */
  restart(version: string): void {
    this.#changes = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#floor = version;
    this.#latest = version;
  }

  /** Changes with a number above `sequence`, in order; undefined where some of them are gone, or the number was never given. */
  after(sequence: number): readonly Change[] | undefined {
    if (sequence > this.#sequence || sequence < this.#sequence - this.size) return undefined;
    return this.#changes.slice(this.#changes.length - (this.#sequence - sequence));
  }

  /**
   * Changes after a version, in order; undefined where that cannot be said: it is too old, or it is none that was seen and none that can be compared. Where two changes have that
   * version, the second is among the answer: better twice than never. A version newer than all gives nothing, although changes up to it are still to come.
   */
  since(version: string): readonly Change[] | undefined {
    for (let index = this.#head; index < this.#changes.length; index++)
      if (this.#changes[index]?.version === version) return this.#changes.slice(index + 1);
    if (version === this.#latest && version !== '') return [];
    if (version === this.#floor && version !== '') return this.#changes.slice(this.#head);
    const toFloor = compareVersions(version, this.#floor);
    if (toFloor === undefined || toFloor < 0) return undefined;
    let start = this.#changes.length;
    while (start > this.#head) {
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
    this.#floor = change.version;
    if (this.#head > 64 && this.#head * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#head);
      this.#head = 0;
    }
  }
}
