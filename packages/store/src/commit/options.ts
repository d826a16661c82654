/** Bounds of the committer. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface CommitterOptions {
  /** Units that one transaction joins. Default 64: as many as a backend of PostgreSQL keeps savepoints of at hand. */
  readonly maxUnits: number;
  /** Bytes of SQL and parameters that one transaction joins; one unit always fits. Default 4 MiB. */
  readonly maxBytes: number;
  /**
   * Milliseconds for which a unit that finds the committer idle waits for others. Default 0: what comes in the same turn is joined, and what comes
   * while a transaction is on its way goes with the next one, which already joins whatever is worth joining.
   */
  readonly joinMs: number;
  /** Units that may wait; more are refused with 1101. Default 10,000. */
  readonly queueMaxUnits: number;
  /** Bytes that may wait; more are refused with 1101. Default 64 MiB. */
  readonly queueMaxBytes: number;
  /** A unit that waited longer fails with 1100 without being tried. Default 10,000. */
  readonly queueTimeoutMs: number;
  /** For one message to the database and its answer. Default 15,000: more than a statement may take. */
  readonly timeoutMs: number;
  /** Attempts at a transaction that was rolled back for reasons that pass, or whose connection was lost before the commit. Default 6. */
  readonly attempts: number;
  /** Waiting between attempts. Defaults 20 and 1,000. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const COMMITTER_DEFAULTS: CommitterOptions = {
  maxUnits: 64,
  maxBytes: 4 * 1024 * 1024,
  joinMs: 0,
  queueMaxUnits: 10_000,
  queueMaxBytes: 64 * 1024 * 1024,
  queueTimeoutMs: 10_000,
  timeoutMs: 15_000,
  attempts: 6,
  retryMinMs: 20,
  retryMaxMs: 1_000,
};

export function resolveCommitterOptions(given?: Partial<CommitterOptions>): CommitterOptions {
  const options = mergeOptions(COMMITTER_DEFAULTS, given);
  const least = { joinMs: 0, retryMinMs: 0, retryMaxMs: 0 } as const;
  for (const [field, value] of Object.entries(options) as [keyof CommitterOptions, number][])
    requireNumber(field, value, field in least ? 0 : 1);
  return options;
}
