/**
 * What one reader is not shown while rights cannot be asked about: kept back in order and within bounds, and told in turns when all who stayed have been asked about again. It knows neither
 * what it keeps nor who doubts; lists, windows and wires stand behind one (`clusters/held.ts`), and so do logs (`logs/held-log.ts`).
 */
import type { Clock, Disposable, Timer } from '@trunkline/base';
import type { Fault } from './clusters/doubt.js';

export interface HoldEnds<Item, State> {
  /** Bounds of what is kept back, one for each of `sizes`. What came first goes first. */
  readonly most: readonly number[];
  sizes(item: Item): readonly number[];
  /** What the source says of itself now; undefined: nothing yet. */
  state(): State | undefined;
  /** Whether a state says by itself that nothing new comes: it passes. */
  isFault(state: State): boolean;
  toState(fault: Fault): State;
  onItem(item: Item): void;
  /** Something had to be let go; told before what is left. */
  onDropped(): void;
  onState(state: State): void;
  /** One of these has thrown while what was kept back was told. Nothing is told afterwards. */
  onFailure(cause: unknown): void;
}

/** Turns in which the most that may be kept back is told, so that many readers at once hold up nobody else. */
const TURNS = 16;

export class Hold<Item, State> implements Disposable {
  readonly #clock: Clock;
  readonly #ends: HoldEnds<Item, State>;
  readonly #sums: number[];
  #items: Item[] = [];
  #dropped = false;
  #fault: Fault | undefined;
  /** Not all that was kept back is told yet. */
  #rest: Timer | undefined;
  #disposed = false;

  constructor(clock: Clock, ends: HoldEnds<Item, State>) {
    this.#clock = clock;
    this.#ends = ends;
    this.#sums = ends.most.map(() => 0);
  }

  item(item: Item): void {
    if (this.#disposed) return;
    if (this.#isOpen) return this.#ends.onItem(item);
    this.#items.push(item);
    this.#count(item, 1);
    while (this.#sums.some((sum, index) => sum > (this.#ends.most[index] ?? 0))) {
      this.#take();
      this.#dropped = true;
    }
  }

  state(state: State): void {
    if (!this.#disposed && (this.#isOpen || this.#ends.isFault(state))) this.#ends.onState(state);
  }

  /** Undefined: rights can be asked about, and all who stayed were. */
  onDoubt(fault: Fault | undefined): void {
    if (this.#disposed) return;
    this.#fault = fault;
    this.#rest?.cancel();
    this.#rest = undefined;
    if (fault === undefined) return this.#release();
    const state = this.#ends.state();
    // A source that is not live says itself why; both have one cause then.
    if (state !== undefined && !this.#ends.isFault(state)) this.#ends.onState(this.#ends.toState(fault));
  }

  dispose(): void {
    this.#disposed = true;
    this.#rest?.cancel();
    this.#items = [];
  }

  get #isOpen(): boolean {
    return this.#fault === undefined && this.#rest === undefined;
  }

  #release(): void {
    this.#rest = undefined;
    try {
      if (this.#dropped) this.#ends.onDropped();
      this.#dropped = false;
      const until = this.#sums.map((sum, index) => sum - (this.#ends.most[index] ?? 0) / TURNS);
      while (this.#items.length > 0 && this.#sums.every((sum, index) => sum > (until[index] ?? 0)))
        this.#ends.onItem(this.#take());
      if (this.#items.length > 0) this.#rest = this.#clock.setImmediate(() => this.#release());
      else this.#tellState();
    } catch (cause) {
      this.dispose();
      this.#ends.onFailure(cause);
    }
  }

  #tellState(): void {
    const state = this.#ends.state();
    if (state !== undefined && !this.#disposed) this.#ends.onState(state);
  }

  #take(): Item {
    const item = this.#items.shift() as Item;
    this.#count(item, -1);
    return item;
  }

  #count(item: Item, sign: 1 | -1): void {
    for (const [index, size] of this.#ends.sizes(item).entries())
      this.#sums[index] = (this.#sums[index] ?? 0) + sign * size;
  }
}
