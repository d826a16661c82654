/** The namespaces that a viewer may look into: all where they may list them, else those in which they may list pods. */
import type { Principal } from '@trunkline/hub';
import { KubeError } from '@trunkline/kube-client';
import type { Clusters } from '../clusters/clusters.js';
import type { Access } from '../ports.js';

const NAMESPACES = { group: '', version: 'v1', resource: 'namespaces' };
const PODS = { group: '', version: 'v1', resource: 'pods' };

export async function visibleNamespaces(
  { access, clusters }: { readonly access: Access; readonly clusters: Clusters },
  principal: Principal,
  cluster: string,
): Promise<{ namespaces: string[]; all: boolean }> {
  const { upstream, confinedTo } = await access.enter(principal, cluster);
  const { kinds } = clusters.get(cluster).way(upstream);
  if (confinedTo === undefined && (await isOpen(access.sight(principal, cluster, NAMESPACES))))
    return { namespaces: [...(await kinds.namespaces())], all: true };
  try {
    const sight = await access.sight(principal, cluster, PODS);
    if (sight.kind === 'namespaces') return { namespaces: [...sight.namespaces], all: false };
    return { namespaces: [...(await kinds.namespaces())], all: true };
  } catch (cause) {
    if (!(cause instanceof KubeError) || cause.kind !== 'kubeForbidden') throw cause;
    return { namespaces: [], all: false };
  }
}

async function isOpen(sight: Promise<{ readonly kind: string }>): Promise<boolean> {
  try {
    return (await sight).kind === 'all';
  } catch (cause) {
    if (!(cause instanceof KubeError) || cause.kind !== 'kubeForbidden') throw cause;
    return false;
  }
}
