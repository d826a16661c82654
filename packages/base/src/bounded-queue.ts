/**
 * A first-in-first-out queue bounded in items and in weight (bytes). `push` refuses instead of growing; the caller decides
 * what refusal means. An empty queue accepts one item of any weight, so that a single large item can never be stuck.
 */
export interface QueueBounds {
  readonly maxItems: number;
  readonly maxWeight: number;
}

export class BoundedQueue<T> {
  readonly #bounds: QueueBounds;
  #items: ({ value: T; weight: number } | undefined)[] = [];
  #head = 0;
  #weight = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get weight(): number {
    return this.#weight;
  }

  /** False when the bounds refuse `value`; the queue is then unchanged. */
  push(value: T, weight: number): boolean {
    if (this.size > 0 && (this.size + 1 > this.#bounds.maxItems || this.#weight + weight > this.#bounds.maxWeight)) return false;
    this.#items.push({ value, weight });
    this.#weight += weight;
    return true;
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    this.#weight -= item.weight;
    // Compact now and then: amortised O(1), and no growth while a reader keeps up.
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item.value;
  }

  /** Empties the queue and returns what it held, oldest first. */
  drain(): T[] {
    const values: T[] = [];
    for (let value = this.shift(); value !== undefined; value = this.shift()) values.push(value);
    return values;
  }
}
