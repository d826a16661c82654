/**
 * The numbers under which changes of one question are shown on wires that take versions for numbers and drop what does not ascend. A change keeps its version where that ascends; what
 * the reflector made up itself (objects found missing, two changes of one version, a cluster that went back) gets the next free number. A client may come back with any number that it was
 * shown, so those at which it is not simply at that version are remembered with the place where it really stands.
 */
import type { Change } from '@trunkline/kube-client';

/** Where a reader stands that has a number. */
export interface Place {
  /** After this change, as long as the reflector is the same one. */
  readonly sequence?: number | undefined;
  /** What it has was there at one of these versions; an empty one: nobody knows. */
  readonly versions: readonly string[];
}

/** More versions than these nobody compares: whoever has such a number lists again. */
const MAX_VERSIONS = 6;

export class Numbering {
  readonly #maxPlaces: number;
  #last = 0;
  /** Numbers of changes that are not shown under their version, by sequence, of the present reflector. */
  #shifted = new Map<number, number>();
  readonly #places = new Map<number, Place>();

  /** `maxPlaces`: numbers remembered; the oldest are forgotten first. */
  constructor(maxPlaces: number) {
    this.#maxPlaces = maxPlaces;
  }

  /** The highest number that was given. */
  get last(): number {
    return this.#last;
  }

  /** Nothing that is numbered from now on gets a number up to this one. */
  raise(number: number): void {
    this.#last = Math.max(this.#last, number);
  }

  /**
   * Numbers the next changes of the reflector, which stood at `before` and then stands at `after`. `difference`: they are what a new list has found, so that a reader with half of them
   * has some of both states. With `from` and `to` a part of them, to be followed by the next one.
   */
  take(
    changes: readonly Change[],
    before: string,
    after: string,
    difference: boolean,
    from = 0,
    to = changes.length,
  ): void {
    let stood = difference ? before : stoodAt(changes, before, from);
    for (let index = from; index < to; index++) {
      const { sequence, version } = changes[index] as Change;
      const own = toNumber(version);
      if (own === undefined) continue;
      const number = Math.max(own, this.#last + 1);
      this.#last = number;
      if (number !== own) remember(this.#shifted, sequence, number, this.#maxPlaces);
      const isWhole = difference ? index === changes.length - 1 : changes[index + 1]?.version !== version;
      const states = difference ? [before, after] : [stood, version];
      if (number !== own || !isWhole)
        this.remember(number, { sequence, versions: isWhole ? states.slice(-1) : states });
      if (isWhole) stood = version;
    }
  }

  /** Under what a numbered change is shown. */
  of({ sequence, version }: Change): string {
    const shifted = this.#shifted.get(sequence);
    return shifted === undefined ? version : String(shifted);
  }

  /** A number with two places stands at both: better twice than never. */
  remember(number: number, place: Place): void {
    const known = this.#places.get(number);
    const kept = bounded(known === undefined ? place : joined(known, place));
    this.#places.delete(number);
    remember(this.#places, number, kept, this.#maxPlaces);
  }

  /** Where a client stands that says this version; undefined: at that version. */
  place(version: string): Place | undefined {
    const number = toNumber(version);
    return number === undefined ? undefined : this.#places.get(number);
  }

  /** Another reflector counts its changes from the beginning. */
  beginAnew(): void {
    this.#shifted = new Map();
    for (const [number, { versions }] of this.#places) this.#places.set(number, { versions });
  }
}

/** Undefined where it is no number, or one that JavaScript clients cannot count with. */
export function toNumber(version: string): number | undefined {
  if (!/^[1-9]\d*$/.test(version)) return undefined;
  const number = Number(version);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The last version that was whole before that change. */
function stoodAt(changes: readonly Change[], before: string, index: number): string {
  const { version } = changes[index] ?? {};
  let first = index;
  while (first > 0 && changes[first - 1]?.version === version) first--;
  return changes[first - 1]?.version ?? before;
}

function joined(left: Place, right: Place): Place {
  const versions = [...new Set([...left.versions, ...right.versions])];
  if (left.sequence === undefined || right.sequence === undefined) return { versions };
  return { sequence: Math.min(left.sequence, right.sequence), versions };
}

function bounded(place: Place): Place {
  return place.versions.length <= MAX_VERSIONS ? place : { ...place, versions: [''] };
}

function remember<V>(map: Map<number, V>, key: number, value: V, max: number): void {
  map.set(key, value);
  if (map.size <= max) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
