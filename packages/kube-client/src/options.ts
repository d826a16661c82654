/** Times and limits towards one cluster. */
import { mergeOptions, requireNumber } from '@trunkline/base';

export interface KubeClusterOptions {
  /** Longest time to open a connection, in milliseconds. Default 10,000: two tries of TCP over a slow line. */
  readonly connectTimeoutMs: number;
  /** Longest time from a request to the headers of its answer, credentials included, in milliseconds. Default 30,000: a list of a busy server begins late. */
  readonly headersTimeoutMs: number;
  /** Longest time without a byte while the body of a plain answer is read, in milliseconds. Default 30,000. */
  readonly bodySilenceMs: number;
  /**
   * Longest time without a byte on a watch, in milliseconds. Default 100,000: servers send a bookmark every 60 to 75 s. `Infinity` waits for ever.
   */
  readonly watchSilenceMs: number;
  /** Longest line of a watch in bytes. Default 8 MiB: etcd refuses objects above 1.5 MiB, and JSON may take several times their stored size. */
  readonly maxLineBytes: number;
  /** Largest plain answer in bytes, e.g. a page of a list. Default 64 MiB: a page of 500 objects of 100 KiB. */
  readonly maxBodyBytes: number;
  /** Objects per page of a list. Default 500, as the official clients ask. 0 asks for all at once. */
  readonly pageSize: number;
  /** Lists under way at once on this cluster. Default 4. */
  readonly maxConcurrentLists: number;
  /** Further attempts of a plain read that is answered with `Retry-After`. Default 3. Watches and reflectors wait by themselves. */
  readonly retries: number;
  /** Longest wait that a server can ask for, in milliseconds. Default 30,000. */
  readonly retryAfterMaxMs: number;
}

export const KUBE_CLUSTER_DEFAULTS: KubeClusterOptions = {
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 30_000,
  bodySilenceMs: 30_000,
  watchSilenceMs: 100_000,
  maxLineBytes: 8_388_608,
  maxBodyBytes: 67_108_864,
  pageSize: 500,
  maxConcurrentLists: 4,
  retries: 3,
  retryAfterMaxMs: 30_000,
};

/** Throws a RangeError that names a bad option. */
export function resolveKubeClusterOptions(given?: Partial<KubeClusterOptions>): KubeClusterOptions {
  const options = mergeOptions(KUBE_CLUSTER_DEFAULTS, given);
  const least: Partial<Record<keyof KubeClusterOptions, number>> = {
    pageSize: 0,
    retries: 0,
    retryAfterMaxMs: 0,
  };
  for (const field of Object.keys(KUBE_CLUSTER_DEFAULTS) as (keyof KubeClusterOptions)[])
    requireNumber(field, options[field], least[field] ?? 1);
  return options;
}
