/** The little arithmetic the figures need. Medians everywhere: one disturbed round must not move a result. */

/** The value at `share` (0 to 1) of an ascending list, by nearest rank; NaN for an empty one. */
export function quantile(sorted, share) {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

/** Middle value, or the mean of the two middle ones. */
export function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median over rounds of `ours[i] / theirs[i]`: both were measured moments apart, so the machine's mood cancels out. */
export function medianRatio(ours, theirs) {
  return median(ours.map((value, round) => value / theirs[round]));
}

/** `low–high`, for showing how much rounds differed. */
export function spread(values) {
  return { low: Math.min(...values), high: Math.max(...values) };
}
