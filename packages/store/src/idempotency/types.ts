/** Idempotency as modules see it: an effect, its result and its key in one transaction. */
import type { ResultsOf, Statement } from '../statement.js';
import type { Unit } from '../unit.js';

export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** Which call it is. Keys of another org, principal or method mean nothing to each other. */
export interface IdempotentCall {
  readonly org: string;
  /** Who acts; what the authenticator says, never what a message says. */
  readonly principal: string;
  readonly method: string;
  /** The caller's key, 1 to 255 characters. */
  readonly key: string;
  /** The parameters. The same key with others is refused (1105). Compared by a hash that ignores the order of fields. */
  readonly request: unknown;
  /**
   * Place among the principal's calls of one line: effects of a line take place with growing numbers, whichever process commits them. A call whose
   * number is not above the last one that took effect is refused with 1111. Remembered as long as keys are.
   */
  readonly turn?: Turn;
}

export interface Turn {
  /** Any text; lines of other principals mean nothing to each other. */
  readonly line: string;
  /** A whole number from 0. */
  readonly seq: number;
}

export interface Effect<S extends readonly Statement<unknown>[], R extends JsonValue> extends Unit<S> {
  /** What the call answers: known beforehand, or made of the results. It is stored with the effect. Synchronous and pure. */
  readonly result: R | ((results: ResultsOf<S>) => R);
}

export interface IdempotentOutcome<R extends JsonValue> {
  readonly result: R;
  /** True when the effect took place earlier and this is its stored result. */
  readonly repeated: boolean;
}

export interface Idempotency {
  /**
   * Commits the effect once per key and retention time. `prepare` is called only if no result is stored; it may read and wait, and calls with
   * the same key wait for it meanwhile. A failure stores nothing: the next call tries again.
   *
   * Fails with 1105 (same key, other request), 1106 (the call under way did not end in time), 1111 (overtaken, see `turn`), 107 (bad key), and as
   * `commit` does.
   */
  run<const S extends readonly Statement<unknown>[], R extends JsonValue>(
    call: IdempotentCall,
    prepare: () => Effect<S, R> | Promise<Effect<S, R>>,
  ): Promise<IdempotentOutcome<R>>;
}
