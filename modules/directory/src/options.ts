/** What an operator may set of the directory. Resolved once, at the door. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface DirectoryOptions {
  /** How long a verified API key is used without asking the store again: other nodes learn of a revocation within it. Default 10,000. */
  readonly keyCacheMs: number;
  /** How much longer it is used while the store does not answer. Default 15,000: together less than 30 s. */
  readonly keyStaleMs: number;
  /** How long a wrong key is remembered as wrong: a key made on another node works after it. Default 5,000. */
  readonly wrongKeyCacheMs: number;
  /** Entries of each of the caches; the oldest goes first. Default 10,000: about 5 MB. */
  readonly cacheEntries: number;
  /** How often disabled users and quotas are read: changes of other nodes arrive within it. Default 5,000. */
  readonly refreshMs: number;
  /** How often last uses are written. Default 10,000. */
  readonly flushMs: number;
  /** How long audit records are kept. Default 400 days: a year and some. */
  readonly auditRetentionMs: number;
  /** Audit records kept at most; the oldest go first. Default 1,000,000: about 300 MB. */
  readonly auditMaxRecords: number;
  /** Disabled users and orgs with quotas that are held in memory. More are an error in the log. Default 10,000. */
  readonly maxHeld: number;
}

export const DIRECTORY_DEFAULTS: DirectoryOptions = {
  keyCacheMs: 10_000,
  keyStaleMs: 15_000,
  wrongKeyCacheMs: 5_000,
  cacheEntries: 10_000,
  refreshMs: 5_000,
  flushMs: 10_000,
  auditRetentionMs: 400 * 24 * 3_600_000,
  auditMaxRecords: 1_000_000,
  maxHeld: 10_000,
};

/** Throws a RangeError that names the field. */
export function resolveDirectoryOptions(given: Partial<DirectoryOptions> | undefined): DirectoryOptions {
  const options = mergeOptions(DIRECTORY_DEFAULTS, given);
  for (const field of Object.keys(DIRECTORY_DEFAULTS) as (keyof DirectoryOptions)[])
    requireNumber(field, options[field], field === 'keyStaleMs' ? 0 : 1);
  return options;
}
