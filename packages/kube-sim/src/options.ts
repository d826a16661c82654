/** Options of the simulated server, merged and checked once at the door. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { User } from './access/user.js';
import type { ClusterOptions } from './cluster/cluster.js';
import type { LogBookOptions } from './cluster/log-book.js';
import type { ServerVersion } from './http/discovery.js';

export interface KubeSimOptions extends ClusterOptions, LogBookOptions {
  /** Address to listen on. Default 127.0.0.1: the demo cluster is nobody else's business. */
  readonly host: string;
  /** 0 (default) takes a free port. A server that died comes back on the one it had. */
  readonly port: number;
  /** PEM texts; undefined (default) is plain HTTP. With `clientCa`, client certificates of that CA are users (CN) and groups (O). */
  readonly tls: { readonly key: string; readonly cert: string; readonly clientCa?: string } | undefined;
  /** In front of every path, as behind a proxy: `/k8s/clusters/x`. Default none. */
  readonly pathPrefix: string;
  readonly version: ServerVersion;
  /** Bearer tokens that are known from the start. Default none. */
  readonly tokens: Readonly<Record<string, User>>;
  /** Requests without a credential are `system:anonymous` (default) or 401. */
  readonly anonymous: boolean;
  /** Roles and bindings decide (default), or everybody may do everything. */
  readonly authorization: 'rbac' | 'alwaysAllow';
  /** `sendInitialEvents` on watches is understood (default) or answered 422, as before 1.32. */
  readonly watchList: boolean;
  /** Between bookmarks. Default 60,000, the real server's. */
  readonly bookmarkIntervalMs: number;
  /** The last bookmark comes this long before a watch ends. Default 2,000. */
  readonly bookmarkBeforeEndMs: number;
  /** Watches without `timeoutSeconds` end after one to two times this. Default 1,800,000 (30 minutes). */
  readonly minWatchTimeoutMs: number;
}

export const KUBE_SIM_DEFAULTS: KubeSimOptions = {
  host: '127.0.0.1',
  port: 0,
  tls: undefined,
  pathPrefix: '',
  version: { major: '1', minor: '36', gitVersion: 'v1.36.0+simulated' },
  tokens: {},
  anonymous: true,
  authorization: 'rbac',
  watchList: true,
  bookmarkIntervalMs: 60_000,
  bookmarkBeforeEndMs: 2_000,
  minWatchTimeoutMs: 1_800_000,
  initialVersion: 1_000,
  // 20 s of the largest workload; a client that is away for longer lists again.
  watchCacheSize: 10_000,
  continueTtlMs: 300_000,
  // One holds an array of references: 0.8 MB for 100,000 objects.
  maxSnapshots: 32,
  logLinesPerContainer: 2_000,
  maxLogs: 1_000,
};

/** Throws a RangeError that names the field. */
export function resolveKubeSimOptions(given: Partial<KubeSimOptions> | undefined): KubeSimOptions {
  const options = mergeOptions(KUBE_SIM_DEFAULTS, given);
  requireNumber('port', options.port, 0);
  requireNumber('bookmarkIntervalMs', options.bookmarkIntervalMs, 1);
  requireNumber('bookmarkBeforeEndMs', options.bookmarkBeforeEndMs, 0);
  requireNumber('minWatchTimeoutMs', options.minWatchTimeoutMs, 1);
  requireNumber('initialVersion', options.initialVersion, 1);
  requireNumber('watchCacheSize', options.watchCacheSize, 1);
  requireNumber('continueTtlMs', options.continueTtlMs, 1);
  requireNumber('maxSnapshots', options.maxSnapshots, 1);
  requireNumber('logLinesPerContainer', options.logLinesPerContainer, 1);
  requireNumber('maxLogs', options.maxLogs, 1);
  if (options.pathPrefix !== '' && !/^(\/[^/]+)+$/.test(options.pathPrefix))
    throw new RangeError(
      `pathPrefix must begin with a slash and not end with one, got ${options.pathPrefix}`,
    );
  return options;
}
