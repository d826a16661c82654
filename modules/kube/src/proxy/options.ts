/** Numbers of the proxy. Resolved once, at the door. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface ProxyOptions {
  /** In front of a cluster's id. Default `/clusters`. */
  readonly path: string;
  /** Longest answer; a longer one is cut off, or refused where it says so itself. Default 256 MiB: 40,000 pods. */
  readonly maxAnswerBytes: number;
  /** Requests under way of one user of an org, and of all. Defaults 20 and 500. */
  readonly maxPerUser: number;
  readonly maxTotal: number;
  /** Longest time from the request to the end of its answer, in milliseconds; then it is cut off. Default 120,000. */
  readonly maxAnswerMs: number;
}

export const PROXY_DEFAULTS: ProxyOptions = {
  path: '/clusters',
  maxAnswerBytes: 256 * 1_048_576,
  maxPerUser: 20,
  maxTotal: 500,
  maxAnswerMs: 120_000,
};

/** Throws a RangeError that names the field. */
export function resolveProxyOptions(given?: Partial<ProxyOptions>): ProxyOptions {
  const options = mergeOptions(PROXY_DEFAULTS, given);
  for (const field of ['maxAnswerBytes', 'maxPerUser', 'maxTotal', 'maxAnswerMs'] as const)
    requireNumber(field, options[field], 1);
  return options;
}
