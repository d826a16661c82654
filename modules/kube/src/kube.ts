/**
 * The clusters of a node as the server has them: made before the hub starts, so that the demonstration and the configuration can add and remove them while it runs. The hub module is made
 * of it. It owns every connection to every cluster.
 */
import type { Clock, Disposable, Logger, Random } from '@trunkline/base';
import type { KubeCluster, KubeClusterOptions, KubeConnection } from '@trunkline/kube-client';
import { KubeAccess } from './access/access.js';
import { Clusters } from './clusters/clusters.js';
import { createUpstreams } from './clusters/upstreams.js';
import type { Committing, Reading } from '@trunkline/store';
import { CredentialBook } from './credentials/credentials.js';
import type { Credentials } from './credentials/port.js';
import type { SealingKeys } from './credentials/sealing.js';
import {
  resolveKubeTuning,
  type ClusterOptions,
  type KubeModuleOptions,
  type KubeTuning,
} from './options.js';
import type { Upstreams } from './ports.js';

export interface KubeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How clusters are reached. Default: over the network. */
  readonly connect?: (connection: KubeConnection, options?: Partial<KubeClusterOptions>) => KubeCluster;
  /**
   * Where credentials of users are kept: a store with `KUBE_MIGRATIONS`, and 32-byte keys of which the first one seals. Absent: clusters of mode `own` are shown to nobody, and the methods
   * answer 108.
   */
  readonly credentials?: { readonly store: Committing & Reading; readonly keys: SealingKeys } | undefined;
}

export interface Kube extends Disposable {
  readonly tuning: KubeTuning;
  readonly clusters: Clusters;
  readonly access: KubeAccess;
  readonly upstreams: Upstreams;
  readonly credentials: Credentials | undefined;
  /** Shown from now on to the orgs that it is for. Throws a RangeError for an id that is none or is taken. */
  addCluster(cluster: ClusterOptions): void;
  /** Ends what is read from it: its readers are told at once, and their subscriptions end within seconds. False: there was none. */
  removeCluster(id: string): Promise<boolean>;
  /** After the hub. Ends every connection. */
  dispose(): Promise<void>;
}

/** Nothing is dialled before somebody asks. Throws a RangeError that names a bad option. */
export function createKube(deps: KubeDeps, options: KubeModuleOptions): Kube {
  const { clusters: given, ...numbers } = options;
  const tuning = resolveKubeTuning(numbers);
  const { clock, random, logger, connect } = deps;
  const clusters = new Clusters({ clock, random, logger, connect }, tuning);
  for (const cluster of given) clusters.add(cluster);
  const credentials =
    deps.credentials && new CredentialBook({ clock, random, logger, clusters, ...deps.credentials });
  return {
    tuning,
    clusters,
    access: new KubeAccess({ clock, clusters, credentials }, tuning),
    upstreams: createUpstreams(clusters),
    credentials,
    addCluster: (cluster) => clusters.add(cluster),
    removeCluster: (id) => clusters.remove(id),
    dispose: () => clusters.dispose(),
  };
}
