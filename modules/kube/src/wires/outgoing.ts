/**
 * What waits to be sent on one line, in order and bounded. It is written only when its turn has come, so that what waits are references to objects that are there anyway; and what was
 * ended meanwhile is never written. A peer that falls too far behind is closed: on these wires there is no other way to tell it that something is missing.
 */
import type { Line } from '@trunkline/hub';
import { closeOf, type Encoded } from '@trunkline/protocol';

export interface Item {
  /** Undefined: nobody wants it any more. */
  make(): Encoded | undefined;
  /** Bytes that it keeps from being freed; 0 for what is in memory anyway. */
  readonly weight: number;
}

export interface OutgoingOptions {
  readonly maxItems: number;
  readonly maxBytes: number;
}

export class Outgoing {
  readonly #line: Line;
  readonly #options: OutgoingOptions;
  #queue: Item[] = [];
  #head = 0;
  #weight = 0;
  #pumping = false;

  constructor(line: Line, options: OutgoingOptions) {
    this.#line = line;
    this.#options = options;
  }

  get size(): number {
    return this.#queue.length - this.#head;
  }

  add(items: readonly Item[]): void {
    if (!this.#line.open) return;
    for (const item of items) {
      this.#queue.push(item);
      this.#weight += item.weight;
    }
    this.pump();
    const { maxItems, maxBytes } = this.#options;
    // One thing of any size may wait.
    if (this.size > maxItems || (this.#weight > maxBytes && this.size > 1)) {
      this.clear();
      this.#line.close(closeOf('slow'));
    }
  }

  /** To be called when the peer caught up. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.size > 0 && !this.#line.blocked && this.#line.open) {
        const item = this.#queue[this.#head] as Item;
        const document = item.make();
        if (document !== undefined && !this.#line.send(document)) break;
        this.#weight -= item.weight;
        this.#head++;
        if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) this.#compact();
      }
      if (this.size === 0) this.clear();
    } finally {
      this.#pumping = false;
    }
  }

  clear(): void {
    this.#queue = [];
    this.#head = 0;
    this.#weight = 0;
  }

  #compact(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}
