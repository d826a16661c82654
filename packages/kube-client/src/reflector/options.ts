/** How a reflector waits, and what it keeps. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { PruneOptions } from '../wire/scan.js';

export interface ReflectorOptions extends PruneOptions {
  /** Use WatchList where the server knows it. Default true. */
  readonly watchList: boolean;
  /** Waits after a failure that passes: the first, and the cap, in milliseconds. Defaults 250 and 30,000. Each is drawn with full jitter, per reason. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** The same after a refusal. Defaults 10,000 and 300,000: rights and resource definitions change by hand. */
  readonly refusedMinMs: number;
  readonly refusedMaxMs: number;
  /** A watch that lived this long was healthy: waits begin anew, and its ordinary end is followed at once. Default 10,000 ms. */
  readonly healthyAfterMs: number;
  /**
   * How long the ordinary end of a healthy watch, or its silence, may stay unsaid while the next one is opened, in milliseconds. Default 1,000: long enough for a request, short enough
   * for a word that is not yet wrong. 0 says so at once.
   */
  readonly graceMs: number;
  /** A watch that goes on from an earlier version is called live with its first event, or after this time without one, in milliseconds. Default 250: a server that has forgotten the version says so at once. */
  readonly settleMs: number;
  /** Asks the server to end watches after this time, plus up to as much again, in milliseconds. Default 1,800,000, as servers do by themselves. */
  readonly watchTimeoutMs: number;
  /** WatchList is given up for plain lists when its first part stands still for this long, in milliseconds. Default 15,000: a server that does not know the parameter answers with an ordinary watch. */
  readonly initialSilenceMs: number;
  /** Changes and bytes of objects that are kept for replay. Defaults 1,000 and 8 MiB; 0 keeps none. */
  readonly ringMaxChanges: number;
  readonly ringMaxBytes: number;
  /** More objects, or more bytes of their JSON, end in `failed`. Defaults 200,000 and 1 GiB. */
  readonly maxObjects: number;
  readonly maxBytes: number;
}

export const REFLECTOR_DEFAULTS: ReflectorOptions = {
  keepManagedFields: false,
  keepLastApplied: false,
  watchList: true,
  retryMinMs: 250,
  retryMaxMs: 30_000,
  refusedMinMs: 10_000,
  refusedMaxMs: 300_000,
  healthyAfterMs: 10_000,
  graceMs: 1_000,
  settleMs: 250,
  watchTimeoutMs: 1_800_000,
  initialSilenceMs: 15_000,
  ringMaxChanges: 1_000,
  ringMaxBytes: 8_388_608,
  maxObjects: 200_000,
  maxBytes: 1_073_741_824,
};

/** Throws a RangeError that names a bad option. */
export function resolveReflectorOptions(given?: Partial<ReflectorOptions>): ReflectorOptions {
  const options = mergeOptions(REFLECTOR_DEFAULTS, given);
  const least: Partial<Record<keyof ReflectorOptions, number>> = {
    healthyAfterMs: 0,
    graceMs: 0,
    settleMs: 0,
    ringMaxChanges: 0,
    ringMaxBytes: 0,
    watchTimeoutMs: 1_000,
  };
  for (const field of Object.keys(REFLECTOR_DEFAULTS) as (keyof ReflectorOptions)[]) {
    const value = options[field];
    if (typeof REFLECTOR_DEFAULTS[field] === 'number')
      requireNumber(field, value as number, least[field] ?? 1);
  }
  return options;
}
