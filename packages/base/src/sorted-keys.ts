/**
 * Strings in code-unit order in chunks of bounded length: adding and removing move at most one chunk, and a page is read from where its
 * cursor falls without looking at the rest. For the keys of one map.
 */
const CHUNK_MAX = 512;

export class SortedKeys {
  #chunks: string[][] = [];

  /** `key` must not be in it. */
  add(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      return;
    }
    chunk.splice(positionIn(chunk, key), 0, key);
    if (chunk.length > CHUNK_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
  }

  /** `key` must be in it. */
  remove(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    chunk.splice(positionIn(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** The keys above `after` (`''`: all), in order. Not to be changed while it is read. */
  *above(after: string): Generator<string, void, undefined> {
    for (let at = after === '' ? 0 : this.#chunkOf(after); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as string[];
      for (let index = after === '' ? 0 : positionIn(chunk, after); index < chunk.length; index++) {
        const key = chunk[index] as string;
        if (key !== after) yield key;
      }
    }
  }

  /** The last chunk that begins at or before `key`; the first where none does. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((this.#chunks[middle] as string[])[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first element not below `key`. */
function positionIn(chunk: readonly string[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunk[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
