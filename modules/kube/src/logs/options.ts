/** Numbers of logs. Resolved once, at the door. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { FollowerOptions } from './follower.js';

export interface LogsOptions extends FollowerOptions {
  /** Lines from before, where the caller does not say. Default 200. */
  readonly defaultTail: number;
  /** How long lines are gathered into one publication, in milliseconds. Default 50. */
  readonly frameMs: number;
  /** Characters of one publication, or one line. Default 16,384. */
  readonly publicationChars: number;
  /** Publications that a channel keeps for readers to come. Default 400: 6.5 MB at most. */
  readonly keptPublications: number;
  /** How long a log is followed without readers, in milliseconds. Default 5,000. */
  readonly lingerMs: number;
  /** Longest channel name. Default 255, the hub's own. */
  readonly maxChannelLength: number;
  /** Logs followed at once. Default 500: each holds a connection open. */
  readonly maxFollowed: number;
}

/** Kept lines 10,000 and characters 4 Mi per container; 2 MiB per second; waits of 0.5 to 30 s; a stream stands after 2 s. */
export const LOGS_DEFAULTS: LogsOptions = {
  defaultTail: 200,
  frameMs: 50,
  publicationChars: 16_384,
  keptPublications: 400,
  lingerMs: 5_000,
  maxChannelLength: 255,
  maxFollowed: 500,
  keptLines: 10_000,
  keptChars: 4 * 1_048_576,
  maxBytesPerSecond: 2 * 1_048_576,
  retryMinMs: 500,
  retryMaxMs: 30_000,
  settleMs: 2_000,
};

/** Throws a RangeError that names the field. */
export function resolveLogsOptions(given?: Partial<LogsOptions>): LogsOptions {
  const options = mergeOptions(LOGS_DEFAULTS, given);
  for (const field of Object.keys(LOGS_DEFAULTS) as (keyof LogsOptions)[])
    requireNumber(
      field,
      options[field],
      field === 'frameMs' || field === 'lingerMs' || field === 'defaultTail' ? 0 : 1,
    );
  return options;
}
