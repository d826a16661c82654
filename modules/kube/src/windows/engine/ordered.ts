/**
 * Items in an order, in chunks of bounded length: adding, removing and finding the place of one look at the chunks' ends and move at most one chunk. A hundred thousand items
 * are some four hundred chunks. The comparison must be total, and 0 for no two items that are here together.
 */

export type Compare<T> = (left: T, right: T) => number;

/** Chunks are cut in two above this length. */
const CHUNK_MAX = 512;
/** How full chunks are made that are filled at once, so that the next items find room. */
const CHUNK_FILL = 256;

export class Ordered<T> {
  readonly #compare: Compare<T>;
  #chunks: T[][] = [];
  #size = 0;

  constructor(compare: Compare<T>) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  /** Replaces everything. The array is sorted in place. */
  fill(items: T[]): void {
    items.sort(this.#compare);
    this.#chunks = [];
    for (let start = 0; start < items.length; start += CHUNK_FILL)
      this.#chunks.push(items.slice(start, start + CHUNK_FILL));
    this.#size = items.length;
  }

  add(item: T): void {
    this.#size++;
    const at = Math.min(this.#chunkOf(item), this.#chunks.length - 1);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([item]);
      return;
    }
    chunk.splice(this.#placeIn(chunk, item), 0, item);
    if (chunk.length > CHUNK_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
  }

  /** False where this very item is not here. */
  remove(item: T): boolean {
    const at = this.#chunkOf(item);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return false;
    const place = this.#placeIn(chunk, item);
    if (chunk[place] !== item) return false;
    chunk.splice(place, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    this.#size--;
    return true;
  }

  /** Puts `next` where `item` stands. They must compare as equal. False where `item` is not here. */
  replace(item: T, next: T): boolean {
    const chunk = this.#chunks[this.#chunkOf(item)];
    if (chunk === undefined) return false;
    const place = this.#placeIn(chunk, item);
    if (chunk[place] !== item) return false;
    chunk[place] = next;
    return true;
  }

  /** At most `limit` items from place `offset` on. */
  slice(offset: number, limit: number): T[] {
    const found: T[] = [];
    let before = 0;
    for (const chunk of this.#chunks) {
      const start = Math.max(0, offset - before);
      before += chunk.length;
      if (start >= chunk.length) continue;
      for (let index = start; index < chunk.length; index++) {
        if (found.length >= limit) return found;
        found.push(chunk[index] as T);
      }
    }
    return found;
  }

  /** The first chunk whose last item is not below `item`; the number of chunks where there is none. */
  #chunkOf(item: T): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#chunks[middle]?.at(-1) as T;
      if (this.#compare(last, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first place that is not below `item`. */
  #placeIn(chunk: readonly T[], item: T): number {
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(chunk[middle] as T, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
