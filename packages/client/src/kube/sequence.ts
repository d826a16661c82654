/**
 * Values in an order, of which pictures are taken: a picture never changes, and taking one costs as much as was changed since the last. Values lie in chunks of at most
 * `FULL`; a chunk that a picture holds is copied before it changes, and all others are shared. What was removed leaves a hole until the next picture. Pure.
 */

/** Where a value lies; of whoever put it there, and written here alone. */
export interface Slot<T> {
  /** Undefined: it lies nowhere. */
  chunk: Chunk<T> | undefined;
  at: number;
}

export interface Chunk<T> {
  values: T[];
  /** One for each value; undefined: it was removed. */
  slots: (Slot<T> | undefined)[];
  holes: number;
  /** Among the chunks. */
  index: number;
  /** How many pictures there were when the values were copied last: no later one holds them. */
  copiedAt: number;
}

/** A change copies at most this many references; a picture copies one for each chunk. */
const FULL = 64;

export class Sequence<T> {
  #chunks: Chunk<T>[] = [];
  /** The values of each chunk. */
  #parts: (readonly T[])[] = [];
  readonly #holed = new Set<Chunk<T>>();
  /** Chunks that became small since they were joined last. */
  #small = 0;
  #size = 0;
  #pictures = 0;
  #picture: Picture<T> | undefined;

  get size(): number {
    return this.#size;
  }

  /** All values as they are now; the same picture until one changed. */
  picture(): Picture<T> {
    if (this.#picture === undefined) {
      this.#tidy();
      this.#pictures++;
      this.#picture = new Picture(this.#parts.slice(), this.#size);
    }
    return this.#picture;
  }

  /** In its place; last, where it lay nowhere. */
  put(slot: Slot<T>, value: T): void {
    const { chunk, at } = slot;
    if (chunk === undefined) return this.#append(slot, value);
    if (Object.is(chunk.values[at], value)) return;
    this.#own(chunk)[at] = value;
    this.#picture = undefined;
  }

  remove(slot: Slot<T>): void {
    const { chunk } = slot;
    if (chunk === undefined) return;
    chunk.slots[slot.at] = undefined;
    chunk.holes++;
    slot.chunk = undefined;
    this.#holed.add(chunk);
    this.#size--;
    this.#picture = undefined;
    // Where nobody takes pictures, holes must not pile up.
    if (chunk.holes * 2 > chunk.slots.length) this.#fill(chunk);
    if (this.#small > 8 && this.#small * 2 > this.#chunks.length) this.#tidy();
  }

  #append(slot: Slot<T>, value: T): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.slots.length >= FULL) {
      chunk = { values: [], slots: [], holes: 0, index: this.#chunks.length, copiedAt: this.#pictures };
      this.#chunks.push(chunk);
      this.#parts.push(chunk.values);
    }
    slot.chunk = chunk;
    slot.at = chunk.slots.length;
    chunk.slots.push(slot);
    this.#own(chunk).push(value);
    this.#size++;
    this.#picture = undefined;
  }

  /** Values that no picture holds. */
  #own(chunk: Chunk<T>): T[] {
    if (chunk.copiedAt !== this.#pictures) this.#renew(chunk, chunk.values.slice());
    return chunk.values;
  }

  #renew(chunk: Chunk<T>, values: T[]): void {
    chunk.values = values;
    chunk.copiedAt = this.#pictures;
    this.#parts[chunk.index] = values;
  }

  /** Closes the holes of a chunk. */
  #fill(chunk: Chunk<T>): void {
    const values: T[] = [];
    const slots: Slot<T>[] = [];
    chunk.slots.forEach((slot, at) => {
      if (slot === undefined) return;
      slot.at = slots.length;
      slots.push(slot);
      values.push(chunk.values[at] as T);
    });
    chunk.slots = slots;
    chunk.holes = 0;
    this.#holed.delete(chunk);
    this.#renew(chunk, values);
    if (slots.length * 4 <= FULL) this.#small++;
  }

  #tidy(): void {
    for (const chunk of this.#holed) this.#fill(chunk);
    if (this.#small > 0) this.#join();
  }

  /** Small neighbours become one, so that there are never many more chunks than values ask for. */
  #join(): void {
    this.#small = 0;
    const chunks: Chunk<T>[] = [];
    for (const chunk of this.#chunks) {
      const last = chunks.at(-1);
      if (chunk.slots.length === 0) continue;
      if (last === undefined || (last.slots.length + chunk.slots.length) * 2 > FULL) chunks.push(chunk);
      else this.#take(last, chunk);
    }
    this.#chunks = chunks;
    this.#parts = chunks.map((chunk, index) => {
      chunk.index = index;
      return chunk.values;
    });
  }

  #take(into: Chunk<T>, { slots, values }: Chunk<T>): void {
    this.#own(into).push(...values);
    for (const slot of slots) {
      if (slot === undefined) continue;
      slot.chunk = into;
      slot.at = into.slots.length;
      into.slots.push(slot);
    }
  }
}

/** The values of one moment. The array of all is made when somebody asks for it; one by one they can be read without. */
export class Picture<T> {
  readonly size: number;
  #parts: readonly (readonly T[])[];
  #starts: readonly number[] | undefined;
  #all: readonly T[] | undefined;

  constructor(parts: readonly (readonly T[])[], size: number) {
    this.#parts = parts;
    this.size = size;
  }

  /** Always the same array. */
  all(): readonly T[] {
    if (this.#all === undefined) {
      this.#all = ([] as T[]).concat(...this.#parts);
      this.#parts = [];
      this.#starts = undefined;
    }
    return this.#all;
  }

  /** Undefined where there is none. */
  at(index: number): T | undefined {
    if (this.#all !== undefined) return this.#all[index];
    const starts = (this.#starts ??= startsOf(this.#parts));
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= index) low = middle;
      else high = middle - 1;
    }
    return this.#parts[low]?.[index - (starts[low] ?? 0)];
  }
}

function startsOf(parts: readonly (readonly unknown[])[]): number[] {
  let start = 0;
  return parts.map(({ length }) => (start += length) - length);
}
