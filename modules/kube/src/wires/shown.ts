/** Numbers that were shown and mean more than a version, by whoever was shown them: a client that comes back with one of them means what it was shown. Bounded; the oldest are forgotten. */
export class ShownNumbers {
  readonly #max: number;
  readonly #known = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** @param list the list, and whoever saw it, in one text */
  note(list: string, version: string): void {
    const entry = `${list} ${version}`;
    this.#known.delete(entry);
    this.#known.add(entry);
    if (this.#known.size <= this.#max) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }

  has(list: string, version: string): boolean {
    return this.#known.has(`${list} ${version}`);
  }
}
