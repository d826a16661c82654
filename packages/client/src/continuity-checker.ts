/**
 * A checker of promises for anybody's own stream: fed with what one reader was given and told, it knows whether every publication came once and
 * in order, or the reader was told why not. It knows positions and, where a publisher counts its messages, their numbers; where both come from (this
 * SDK, a stock client, a log file) is the caller's matter. It keeps no publications, and no more than its bounds.
 */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { Position } from '@trunkline/protocol';

/**
 * `gap`: something is missing of which nobody told. `order`: it came after a later one. `duplicate`: it came before. `epoch`: another history went on
 * without a word. `number`: the publisher's own numbers have a hole, a repeat or a step back.
 */
export type ViolationKind = 'gap' | 'order' | 'duplicate' | 'epoch' | 'number';

export interface Violation {
  readonly kind: ViolationKind;
  /** In words, with the offsets. */
  readonly text: string;
}

export interface CheckerOptions {
  /** Shown in texts. Default `stream`. */
  readonly name: string;
  /** The reader holds everything up to here; what follows must come. Default: it begins with whatever comes first. */
  readonly since: Position | undefined;
  /** The reader filters, so holes between offsets are no loss. Default false. */
  readonly filtered: boolean;
  /** Violations that are kept; further ones are only counted. Default 100. */
  readonly maxViolations: number;
  /** Told gaps that lie ahead and are remembered; of more, the oldest go. Default 1,000. */
  readonly maxGaps: number;
}

const DEFAULTS: CheckerOptions = {
  name: 'stream',
  since: undefined,
  filtered: false,
  maxViolations: 100,
  maxGaps: 1_000,
};

/** What a stream's reader is handed by the SDK, as far as this needs it: spread into the options of `client.stream`. */
export interface CheckerHandlers {
  onPublication(publication: { readonly position?: Position; readonly data: unknown }): void;
  onGap(missing: { readonly from: number; readonly to: number }): void;
  onReset(): void;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

export class ContinuityChecker {
  readonly #options: CheckerOptions;
  readonly #violations: Violation[] = [];
  #broken = 0;
  #at: Position | undefined;
  #number: number | undefined;
  /** Told, and not passed yet. */
  #told: Range[] = [];
  /** The next number may be any later one. */
  #mayJump = true;
  #publications = 0;
  #gaps = 0;
  #resets = 0;

  /** Throws a RangeError that names a bad option. */
  constructor(given: Partial<CheckerOptions> = {}) {
    this.#options = mergeOptions(DEFAULTS, given);
    requireNumber('maxViolations', this.#options.maxViolations, 1);
    requireNumber('maxGaps', this.#options.maxGaps, 1);
    this.#at = this.#options.since;
  }

  /** The first ones, in the order in which they were found. */
  get violations(): readonly Violation[] {
    return this.#violations;
  }

  /** The last place known to be complete; undefined before the first, and after a reset. */
  get position(): Position | undefined {
    return this.#at;
  }

  /** What came, what was told, and what broke a promise, so far. */
  get counts(): {
    readonly publications: number;
    readonly gaps: number;
    readonly resets: number;
    readonly violations: number;
  } {
    return {
      publications: this.#publications,
      gaps: this.#gaps,
      resets: this.#resets,
      violations: this.#broken,
    };
  }

  /**
   * A publication was handed to the application. `position` is absent where the channel numbers nothing; `number` is the publisher's own, counted up by one
   * with each message: it shows losses before the server, which offsets cannot.
   */
  publication(position: Position | undefined, number?: number): void {
    this.#publications++;
    if (number !== undefined) this.#checkNumber(number);
    if (position === undefined || position.offset === 0) return;
    const { epoch, offset } = position;
    const at = this.#at;
    if (at !== undefined) {
      if (epoch !== at.epoch && at.epoch !== '')
        this.#violation('epoch', `${offset} of epoch ${epoch} came after ${at.offset} of ${at.epoch}`);
      else if (offset === at.offset) this.#violation('duplicate', `${offset} came twice`);
      else if (offset < at.offset) this.#violation('order', `${offset} came after ${at.offset}`);
      else this.#requireTold(at.offset + 1, offset - 1, `${offset} came after ${at.offset}`);
    }
    this.#moveTo(position);
  }

  /** The reader was told that these offsets will not come; before or after what follows them. */
  gap({ from, to }: Range): void {
    this.#gaps++;
    this.#told.push({ from, to });
    if (this.#told.length > this.#options.maxGaps) this.#told.shift();
    this.#mayJump = true;
  }

  /** The reader was told that something is missing, and begins anew: anything may come next. */
  reset(): void {
    this.#resets++;
    this.#at = undefined;
    this.#told = [];
    this.#mayJump = true;
  }

  /** The reader says that it has everything up to `position`, e.g. because it is live. */
  reached(position: Position | undefined): void {
    if (position === undefined || position.epoch === '') return;
    const at = this.#at;
    if (at !== undefined && at.epoch !== '') {
      if (at.epoch !== position.epoch)
        this.#violation('epoch', `${position.epoch} is reached although nobody told that ${at.epoch} ended`);
      else if (position.offset < at.offset)
        this.#violation('order', `${position.offset} is reached after ${at.offset}`);
      else
        this.#requireTold(at.offset + 1, position.offset, `${position.offset} is reached after ${at.offset}`);
    }
    this.#moveTo(position);
  }

  /** Handlers that feed this checker; `numberOf` finds the publisher's number in the data. */
  handlers(numberOf: (data: unknown) => number | undefined = () => undefined): CheckerHandlers {
    return {
      onPublication: ({ position, data }) => this.publication(position, numberOf(data)),
      onGap: (missing) => this.gap(missing),
      onReset: () => this.reset(),
    };
  }

  /** Throws an Error with the first ten violations in words, if there are any. */
  verify(): void {
    if (this.#broken === 0) return;
    const texts = this.#violations.slice(0, 10).map(({ text }) => text);
    const more = this.#broken > texts.length ? `; and ${this.#broken - texts.length} more` : '';
    throw new Error(`${this.#options.name}: ${texts.join('; ')}${more}`);
  }

  // ------------------------------------------------------------ inside

  #checkNumber(number: number): void {
    const last = this.#number;
    if (last !== undefined) {
      if (number === last) this.#violation('number', `number ${number} came twice`);
      else if (number < last) this.#violation('number', `number ${number} came after ${last}`);
      else if (number > last + 1 && !this.#mayJump && !this.#options.filtered)
        this.#violation('number', `number ${number} came after ${last}`);
    }
    this.#number = Math.max(number, last ?? number);
    this.#mayJump = false;
  }

  /** Every offset of the range was told of, or the filter may have taken it. */
  #requireTold(from: number, to: number, what: string): void {
    if (this.#options.filtered) return;
    let next = from;
    for (const range of [...this.#told].sort((left, right) => left.from - right.from))
      if (range.from <= next && range.to >= next) next = range.to + 1;
    if (next <= to) this.#violation('gap', `${what}; ${next} is missing and nobody told`);
  }

  #moveTo(position: Position): void {
    this.#at = position;
    this.#told = this.#told.filter(({ to }) => to > position.offset);
  }

  #violation(kind: ViolationKind, text: string): void {
    this.#broken++;
    if (this.#violations.length < this.#options.maxViolations) this.#violations.push({ kind, text });
  }
}
