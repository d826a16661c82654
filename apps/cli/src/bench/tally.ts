/** The numbers of a bench while it runs; every reader and publisher adds to the one of its bench. */
import { Histogram } from './histogram.js';

/** Kinds of errors told apart; further ones are counted together. */
const MAX_KINDS = 99;
const OTHER_MESSAGE = 'other errors';
const OTHER = `0 ${OTHER_MESSAGE}`;

export interface ErrorCount {
  /** A code of the wire, an HTTP status, or 0 where there is none. */
  readonly code: number;
  readonly message: string;
  readonly count: number;
}

export class Tally {
  /** Connections that were open and subscribed at least once. */
  made = 0;
  /** Open and subscribed now. */
  open = 0;
  reconnects = 0;
  /** Acknowledged. */
  publications = 0;
  /** Live ones and recovered ones. */
  deliveries = 0;
  recovered = 0;
  duplicated = 0;
  outOfOrder = 0;
  /** Seen again because the bench sent a publication again whose answer it had missed. */
  repeated = 0;
  /** Subscriptions that came back and were told that they could not continue. */
  unrecovered = 0;
  /** Publications of others in these channels. */
  foreign = 0;
  readonly latency = new Histogram();
  readonly #errors = new Map<string, { code: number; message: string; count: number }>();

  fail(code: number, message: string): void {
    const key = `${code} ${message}`;
    const known = this.#errors.get(key);
    if (known !== undefined) known.count++;
    else if (this.#errors.size < MAX_KINDS || key === OTHER)
      this.#errors.set(key, { code, message, count: 1 });
    else this.fail(0, OTHER_MESSAGE);
  }

  /** Most frequent first. */
  errors(): readonly ErrorCount[] {
    return [...this.#errors.values()].sort((a, b) => b.count - a.count);
  }
}
