/** Publications a reader holds back while its state is loading: bounded, in order, and aware of what it had to let go. */
import type { RawPublication } from './reader.js';

export class PublicationBuffer {
  readonly #max: number;
  #items: RawPublication[] = [];
  #droppedTo = 0;
  #dropped = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether something was let go since `clear`. */
  get overflowed(): boolean {
    return this.#dropped;
  }

  push(publication: RawPublication): void {
    if (this.#items.length < this.#max) {
      this.#items.push(publication);
      return;
    }
    // The whole buffer goes: only a state newer than all of it can help, and that needs none of it.
    this.#dropped = true;
    this.#droppedTo = Math.max(this.#droppedTo, publication.offset, this.#items.at(-1)?.offset ?? 0);
    this.#items = [];
  }

  /** Whether `offset` with what is held is complete. Unnumbered publications that were let go are gone in any case. */
  completes(offset: number): boolean {
    return !this.#dropped || (this.#droppedTo > 0 && offset >= this.#droppedTo);
  }

  /** Empties it; oldest first. */
  take(): RawPublication[] {
    const items = this.#items;
    this.clear();
    return items;
  }

  clear(): void {
    this.#items = [];
    this.#dropped = false;
    this.#droppedTo = 0;
  }
}
