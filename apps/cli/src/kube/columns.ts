/** The columns of a kind beyond those that windows show by themselves. */
import type { KindColumn, ResourceRecord } from '@trunkline/contracts/kube';
import type { LiveConnection } from '../live.js';

/** One window shows at most so many more. */
const MAX_MORE = 20;

export interface WideColumns {
  /** Names of those that windows can show. */
  readonly names: readonly string[];
  /** Titles of those that only the cluster's own tables have. */
  readonly missing: readonly string[];
}

export async function readWideColumns(
  live: LiveConnection,
  cluster: string,
  { group, version, resource }: Pick<ResourceRecord, 'group' | 'version' | 'resource'>,
  namespaces: readonly string[] | undefined,
): Promise<WideColumns> {
  const [namespace] = namespaces ?? [];
  const { columns } = (await live.rpc('kube.columns', {
    cluster,
    group,
    version,
    resource,
    ...(namespace === undefined ? {} : { namespace }),
  })) as { readonly columns: readonly KindColumn[] };
  const more = columns.filter(({ inWindows, priority }) => inWindows && priority > 0);
  return {
    names: more.slice(0, MAX_MORE).map(({ name }) => name),
    missing: columns.filter(({ inWindows }) => !inWindows).map(({ title }) => title),
  };
}
