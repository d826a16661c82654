/**
 * From the rows that viewers of a window have to those that they should have, as operations that are applied in order: what is gone leaves, what changed its place among those that
 * stay moves (as few as can be), what is new enters, and what is there in another version is patched.
 */
import type { WindowRow } from '@trunkline/contracts/kube';

/** A row of a window, as far as its place goes. */
export interface Placed {
  /** The same for all versions of one object. */
  readonly id: string;
}

export interface PlaceOps<T> {
  /** Places of rows that leave, each counted in what the one before left. */
  readonly leave: readonly number[];
  readonly move: readonly { readonly from: number; readonly to: number }[];
  readonly enter: readonly { readonly at: number; readonly row: T }[];
  /** Rows that stay, by their new place. */
  readonly stay: readonly { readonly at: number; readonly before: T; readonly after: T }[];
}

export function diffPlaces<T extends Placed>(before: readonly T[], after: readonly T[]): PlaceOps<T> {
  const target = new Map(after.map((row, at) => [row.id, at]));
  const known = new Map(before.map((row) => [row.id, row]));
  const leave: number[] = [];
  // From the end, so that the places of the others stay.
  for (let at = before.length - 1; at >= 0; at--) if (!target.has((before[at] as T).id)) leave.push(at);
  const kept = before.flatMap(({ id }) => target.get(id) ?? []);
  const enter: { at: number; row: T }[] = [];
  const stay: { at: number; before: T; after: T }[] = [];
  for (const [at, row] of after.entries()) {
    const old = known.get(row.id);
    if (old === undefined) enter.push({ at, row });
    else if (old !== row) stay.push({ at, before: old, after: row });
  }
  return { leave, move: movesOf(kept), enter, stay };
}

/** Brings distinct numbers into ascending order: those of a longest ascending run stay where they are, each of the others goes behind its predecessor. */
function movesOf(numbers: readonly number[]): { from: number; to: number }[] {
  if (numbers.every((number, index) => index === 0 || (numbers[index - 1] as number) < number)) return [];
  const resting = longestAscending(numbers);
  const sorted = [...numbers].sort((left, right) => left - right);
  const now = [...numbers];
  const moves: { from: number; to: number }[] = [];
  for (const [index, number] of sorted.entries()) {
    if (resting.has(number)) continue;
    const from = now.indexOf(number);
    now.splice(from, 1);
    const predecessor = sorted[index - 1];
    const to = predecessor === undefined ? 0 : now.indexOf(predecessor) + 1;
    now.splice(to, 0, number);
    if (from !== to) moves.push({ from, to });
  }
  return moves;
}

/** By patience sorting: the smallest end of a run of each length, and what stands before each number. */
function longestAscending(numbers: readonly number[]): Set<number> {
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [index, number] of numbers.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[ends[middle] as number] as number) < number) low = middle + 1;
      else high = middle;
    }
    previous[index] = low === 0 ? -1 : (ends[low - 1] as number);
    ends[low] = index;
  }
  const run = new Set<number>();
  for (let at = ends.at(-1) ?? -1; at >= 0; at = previous[at] ?? -1) run.add(numbers[at] as number);
  return run;
}

/** `[index, cell]` of those that differ. */
export function diffCells(
  before: WindowRow['cells'],
  after: WindowRow['cells'],
): [number, WindowRow['cells'][number]][] {
  return after.flatMap((cell, index) => (cell === before[index] ? [] : [[index, cell]]));
}
