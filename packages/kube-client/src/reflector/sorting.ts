/** Sorting that pauses: pieces are sorted by themselves and merged pair by pair, so that no single step is long, whatever the number. */

/** Merging an element costs a fraction of what sorting or making one does: so many slices are merged between two pauses. */
const MERGED_AT_ONCE = 4;

/**
 * The items in ascending order; equal ones stay in theirs. Pauses by yielding: after each `slice` items that were sorted, and each `4 * slice` that were merged. Up to `slice` items are
 * sorted without a pause.
 */
export function* sortInSlices<T>(
  items: readonly T[],
  compare: (left: T, right: T) => number,
  slice: number,
): Generator<undefined, readonly T[]> {
  if (items.length <= slice) return [...items].sort(compare);
  let from: T[] = [];
  for (let at = 0; at < items.length; at += slice) {
    for (const item of items.slice(at, at + slice).sort(compare)) from.push(item);
    yield;
  }
  let merged = 0;
  for (let width = slice; width < items.length; width *= 2) {
    const to: T[] = [];
    for (let at = 0; at < items.length; at += 2 * width) {
      let left = at;
      let right = at + width;
      const leftEnd = Math.min(right, items.length);
      const rightEnd = Math.min(right + width, items.length);
      while (left < leftEnd || right < rightEnd) {
        const isRight =
          left >= leftEnd || (right < rightEnd && compare(from[left] as T, from[right] as T) > 0);
        to.push(from[isRight ? right++ : left++] as T);
        if (++merged % (MERGED_AT_ONCE * slice) === 0) yield;
      }
    }
    from = to;
  }
  return from;
}
