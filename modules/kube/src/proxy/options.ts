/** Numbers of the proxy. Resolved once, at the door. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface ProxyOptions {
  /** In front of a cluster's id. Default `/clusters`. */
  readonly path: string;
  /** Longest answer; a longer one is cut off, or refused where it says so itself. Default 256 MiB: 40,000 pods. */
  readonly maxAnswerBytes: number;
  /** Longest body of a request. Default 3 MiB: an API server takes no longer one. */
  readonly maxBodyBytes: number;
  /** Requests under way of one user of an org, and of all. Defaults 20 and 500. */
  readonly maxPerUser: number;
  readonly maxTotal: number;
  /** Longest time from the request to the end of its answer, in milliseconds; then it is cut off. Default 120,000. */
  readonly maxAnswerMs: number;
  /** Of a list that is put together, lists of namespaces that are asked for at once. Default 4: while one is read, the next are on their way. */
  readonly maxPartsAtOnce: number;
}

export const PROXY_DEFAULTS: ProxyOptions = {
  path: '/clusters',
  maxAnswerBytes: 256 * 1_048_576,
  maxBodyBytes: 3 * 1_048_576,
  maxPerUser: 20,
  maxTotal: 500,
  maxAnswerMs: 120_000,
  maxPartsAtOnce: 4,
};

const NUMBERS = [
  'maxAnswerBytes',
  'maxBodyBytes',
  'maxPerUser',
  'maxTotal',
  'maxAnswerMs',
  'maxPartsAtOnce',
] as const;

/** Throws a RangeError that names the field. */
export function resolveProxyOptions(given?: Partial<ProxyOptions>): ProxyOptions {
  const options = mergeOptions(PROXY_DEFAULTS, given);
  for (const field of NUMBERS) requireNumber(field, options[field], 1);
  return options;
}
