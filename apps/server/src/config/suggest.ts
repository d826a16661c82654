/** The nearest known name for one that is not known: spelling first, writing style (`history_size` for `historySize`) before that. */

/** Undefined where nothing is near enough to be worth saying. */
export function nearest(given: string, known: Iterable<string>): string | undefined {
  const plain = normalise(given);
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const distance = normalise(name) === plain ? 0 : editDistance(plain, normalise(name));
    if (!best || distance < best.distance) best = { name, distance };
  }
  return best && best.distance <= Math.max(1, Math.floor(plain.length / 3)) ? best.name : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
export function editDistance(left: string, right: string): number {
  let before: number[] = [];
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    [before, row] = [row, next];
  }
  return row[right.length] ?? 0;
}

function normalise(name: string): string {
  return name.replace(/[-_\s]/g, '').toLowerCase();
}
