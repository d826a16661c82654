/**
 * What one subscription has seen of one publisher's numbers: missing, twice, out of order. Memory is bounded: numbers that came ahead of a hole
 * are kept up to a window, and a hole that is older than the window counts as lost for good.
 */

/** Numbers kept ahead of a hole. */
const WINDOW = 1_024;

export type Seen = 'first' | 'late' | 'again';

export class Sequence {
  /** Everything below was seen or given up. */
  #next = 1;
  #max = 0;
  #givenUp = 0;
  #ahead: Set<number> | undefined;
  /** False for a reader that joined late: its first number is where it begins. */
  #begun: boolean;

  /** `fromStart`: the subscription was there before the first publication, so that number 1 is expected. */
  constructor(fromStart: boolean) {
    this.#begun = fromStart;
  }

  /** `late`: seen for the first time, after a greater one. `again`: seen before. */
  see(number: number): Seen {
    if (!this.#begun) {
      this.#begun = true;
      this.#next = number;
    }
    if (number < this.#next || this.#ahead?.has(number) === true) return 'again';
    const late = number < this.#max;
    this.#max = Math.max(this.#max, number);
    if (number === this.#next) this.#next++;
    else {
      this.#ahead ??= new Set();
      this.#ahead.add(number);
      if (this.#ahead.size > WINDOW) this.#giveUp();
    }
    this.#close();
    return late ? 'late' : 'first';
  }

  /** Numbers up to `top` that did not come. */
  missing(top: number): number {
    if (!this.#begun || top < this.#next) return this.#givenUp;
    let ahead = 0;
    for (const number of this.#ahead ?? []) if (number <= top) ahead++;
    return this.#givenUp + (top - this.#next + 1) - ahead;
  }

  #close(): void {
    const ahead = this.#ahead;
    if (ahead === undefined) return;
    while (ahead.delete(this.#next)) this.#next++;
    if (ahead.size === 0) this.#ahead = undefined;
  }

  /** The oldest hole will not be filled. */
  #giveUp(): void {
    const first = Math.min(...(this.#ahead ?? []));
    this.#givenUp += first - this.#next;
    this.#next = first;
  }
}
