/**
 * The judge of a stream: fed with what a subscriber was given and told, it knows whether every message came exactly once and in
 * order, or the subscriber was told why not. Messages carry a sequence number that the publisher counts up from 1; offsets are
 * checked beside it where the channel has them.
 */
export interface Violation {
  readonly kind: 'gap' | 'order' | 'duplicate' | 'offset';
  readonly text: string;
}

export class StreamChecker {
  readonly name: string;
  /** Every sequence number in the order it came. */
  readonly received: number[] = [];
  readonly violations: Violation[] = [];
  /** What the subscriber was told of lost continuity, and after which message. */
  readonly resets: { readonly reason: string; readonly after: number }[] = [];
  readonly #seen = new Set<number>();
  #last: number;
  #offset: number | undefined;
  #mayJump = false;

  /** `from`: the last sequence number published before the subscription began. */
  constructor(name: string, from = 0) {
    this.name = name;
    this.#last = from;
  }

  get last(): number {
    return this.#last;
  }

  /** A message was handed to the application. */
  message(seq: number, offset?: number): void {
    if (this.#seen.has(seq)) this.#violation('duplicate', `${seq} came again after ${this.#last}`);
    else if (seq <= this.#last) this.#violation('order', `${seq} came after the later ${this.#last}`);
    else if (seq !== this.#last + 1 && !this.#mayJump)
      this.#violation('gap', `${seq} came after ${this.#last}`);
    if (offset !== undefined && this.#offset !== undefined && offset !== this.#offset + 1) {
      this.#violation('offset', `offset ${offset} came after ${this.#offset}`);
    }
    this.#offset = offset;
    this.#mayJump = false;
    this.#seen.add(seq);
    this.received.push(seq);
    this.#last = Math.max(this.#last, seq);
  }

  /** The subscriber was told that messages may be missing (unrecovered, insufficient state, gap, reset). */
  told(reason: string): void {
    this.resets.push({ reason, after: this.#last });
    this.#mayJump = true;
    this.#offset = undefined;
  }

  /** Throws unless nothing was wrong and the last message is `last`; `allowResets` false also refuses what was told. */
  verify(last: number, allowResets = false): void {
    const problems = this.violations.map((violation) => violation.text);
    if (this.#last !== last) problems.push(`ended at ${this.#last}, not at ${last}`);
    if (!allowResets)
      problems.push(...this.resets.map(({ reason, after }) => `told "${reason}" after ${after}`));
    if (problems.length > 0) throw new Error(`${this.name}: ${problems.slice(0, 10).join('; ')}`);
  }

  #violation(kind: Violation['kind'], text: string): void {
    this.violations.push({ kind, text });
  }
}
