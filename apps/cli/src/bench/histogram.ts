/**
 * Latencies in buckets that grow by two percent each: any number of samples in the same small memory, and quantiles that are off by one
 * percent at most. The greatest value is kept exactly.
 */
const GROWTH = Math.log(1.02);
/** 1 µs to some 14 hours. */
const MIN_MS = 0.001;
const BUCKETS = 1_250;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #max = 0;

  get count(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  /** Negative values count as the smallest. */
  add(ms: number): void {
    const at = ms <= MIN_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / MIN_MS) / GROWTH));
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#total++;
    this.#max = Math.max(this.#max, ms);
  }

  /** `share` from 0 to 1; 0 where there are no samples. */
  quantile(share: number): number {
    const wanted = Math.ceil(this.#total * share);
    let seen = 0;
    for (const [at, count] of this.#counts.entries()) {
      seen += count;
      // The middle of the bucket, on its own scale; never above what was really seen.
      if (count > 0 && seen >= wanted) return Math.min(this.#max, MIN_MS * Math.exp(GROWTH * (at - 0.5)));
    }
    return this.#max;
  }
}
