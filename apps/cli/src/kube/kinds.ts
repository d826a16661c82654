/** From what somebody types (`po`, `pod`, `pods`, `deployments.apps`, `Deployment`) to a kind of the cluster, and from no cluster to the only one. */
import type { ClusterRecord, ResourceRecord } from '@trunkline/contracts/kube';
import { CliError } from '../exit.js';
import type { LiveConnection } from '../live.js';

export async function readClusters(live: LiveConnection): Promise<readonly ClusterRecord[]> {
  const { clusters } = (await live.rpc('kube.clusters', {})) as {
    readonly clusters: readonly ClusterRecord[];
  };
  return clusters;
}

/** The named cluster, or the only one. */
export async function chooseCluster(live: LiveConnection, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const clusters = await readClusters(live);
  const [only] = clusters;
  if (only === undefined)
    throw new CliError('notFound', 'the org sees no cluster', {
      advice:
        'A cluster is named in `kube.clusters` of the configuration; `trunkline serve --dev --demo` starts a simulated one.',
    });
  if (clusters.length > 1)
    throw new CliError('usage', `--cluster: one of ${clusters.map(({ id }) => id).join(', ')}`);
  return only.id;
}

/** Plural, singular, kind and short names, whatever their case, with the group behind a dot where it is needed. */
export async function findKind(live: LiveConnection, cluster: string, text: string): Promise<ResourceRecord> {
  const { resources } = (await live.rpc('kube.resources', { cluster })) as {
    readonly resources: readonly ResourceRecord[];
  };
  const wanted = text.toLowerCase();
  const found = resources.find((resource) => namesOf(resource).includes(wanted));
  if (found !== undefined) return found;
  throw new CliError('notFound', `cluster ${cluster} has no kind "${text}"`, {
    advice: `It has, for instance: ${resources
      .slice(0, 8)
      .map(({ resource }) => resource)
      .join(', ')}.`,
  });
}

function namesOf({ resource, kind, group, shortNames }: ResourceRecord): readonly string[] {
  const names = [resource, kind.toLowerCase(), ...shortNames];
  return group === '' ? names : [...names, ...names.map((name) => `${name}.${group}`)];
}
