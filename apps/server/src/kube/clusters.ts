/**
 * The clusters of a configuration as connections. Kubeconfigs are read here once, so that a wrong one is told with the start, by the name of its option; the files that they name,
 * and programs that give credentials, are opened at the first dial.
 */
import { resolve } from 'node:path';
import type { Clock } from '@trunkline/base';
import {
  connectInCluster,
  connectKubeconfigFile,
  KubeError,
  type KubeConnection,
} from '@trunkline/kube-client';
import type { KubeClusterConfig } from '../config/kube-schema.js';
import type { ConfigProblem } from '../config/layer.js';
import { ConfigError, type ResolvedConfig } from '../config/load.js';

export interface ConnectDeps {
  readonly clock: Clock;
  /** What credential plugins see, and where a pod finds its own cluster. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface ConnectedCluster {
  readonly id: string;
  readonly name: string;
  readonly mode: KubeClusterConfig['mode'];
  readonly groups: KubeClusterConfig['groups'];
  readonly writes: boolean;
  readonly exec: boolean;
  readonly connection: KubeConnection;
}

/** In the order of the configuration. Throws `ConfigError` with every cluster that cannot be used. */
export async function connectClusters(
  deps: ConnectDeps,
  { values, cwd }: Pick<ResolvedConfig, 'values' | 'cwd'>,
): Promise<readonly ConnectedCluster[]> {
  const problems: ConfigProblem[] = [];
  const connected: ConnectedCluster[] = [];
  for (const [index, cluster] of values.kube.clusters.entries()) {
    const { id, name = id, mode, groups, writes, exec } = cluster;
    try {
      connected.push({ id, name, mode, groups, writes, exec, connection: await connect(deps, cluster, cwd) });
    } catch (cause) {
      if (!(cause instanceof KubeError)) throw cause;
      problems.push({
        path: `kube.clusters[${index}].${cluster.inCluster ? 'inCluster' : 'kubeconfig'}`,
        message: cause.message,
      });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return connected;
}

async function connect(
  { clock, environment }: ConnectDeps,
  { kubeconfig, context }: KubeClusterConfig,
  cwd: string,
): Promise<KubeConnection> {
  if (kubeconfig === undefined)
    return connectInCluster({
      host: environment['KUBERNETES_SERVICE_HOST'],
      port: environment['KUBERNETES_SERVICE_PORT'],
    });
  return connectKubeconfigFile(
    { clock, environment },
    resolve(cwd, kubeconfig),
    context === undefined ? {} : { context },
  );
}
