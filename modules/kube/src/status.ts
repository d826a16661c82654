/** Clusters and reflectors as the contract shows them. Pure, but for the looks at what is there. */
import type { ClusterRecord, ReflectorRecord } from '@trunkline/contracts/kube';
import type { Principal } from '@trunkline/hub';
import type { KubeQuestion, ReflectorState, ReflectorView } from '@trunkline/kube-client';
import type { CredentialsOf } from './access/askers.js';
import type { OpenCluster } from './clusters/clusters.js';
import type { OpenedList } from './lists/lists.js';

/** Longest wait for the first sign of life of a cluster that nobody has looked at. Milliseconds. */
const FIRST_LOOK_MS = 1_500;

export async function toClusterRecord(
  cluster: OpenCluster,
  namespaces: readonly string[] | undefined,
  principal: Principal,
  { credentials, audited }: { readonly credentials: CredentialsOf | undefined; readonly audited: boolean },
): Promise<ClusterRecord> {
  const { id, options } = cluster;
  const { name = id, mode, simulated = false } = options;
  const [reach, left] = await Promise.all([
    cluster.reach.look(FIRST_LOOK_MS),
    mode === 'own' ? credentials?.find(principal, id) : undefined,
  ]);
  // What cannot be written down is not done.
  const allows = (['writes', 'exec'] as const).filter((one) => audited && options[one] === true);
  return {
    id,
    name,
    mode,
    simulated,
    ...(allows.length === 0 ? {} : { allows }),
    ...reach,
    ...(namespaces === undefined ? {} : { namespaces: [...namespaces] }),
    ...(mode === 'own' ? { credential: left === undefined ? 'missing' : 'present' } : {}),
  };
}

/** Everything that a cluster has open. */
export function allReflectors(cluster: OpenCluster): ReflectorRecord[] {
  return cluster.ways().flatMap(({ credential, way }) =>
    [...way.reflectors.entries()].map(({ question, view, readers }) => {
      const { fault } = way.doubt;
      const state: ReflectorState =
        fault !== undefined && view.state.kind === 'live' ? { kind: 'recovering', ...fault } : view.state;
      return toReflectorRecord(question, view, state, readers, credential);
    }),
  );
}

/** What the lists of one org keep open, told by its own readers alone. */
export function reflectorsOf(cluster: string, opened: readonly OpenedList[]): ReflectorRecord[] {
  const byView = new Map<ReflectorView, { readonly of: OpenedList; readers: number }>();
  for (const of of opened) {
    if (of.name.cluster !== cluster || of.view === undefined) continue;
    const found = byView.get(of.view) ?? { of, readers: 0 };
    found.readers++;
    byView.set(of.view, found);
  }
  return [...byView].map(([view, { of, readers }]) =>
    toReflectorRecord(of.name.question, view, view.state, readers, of.name.credential),
  );
}

function toReflectorRecord(
  question: KubeQuestion,
  { stats }: ReflectorView,
  state: ReflectorState,
  readers: number,
  credential: string | undefined,
): ReflectorRecord {
  const { objects, bytes, lists, watches, failures, heardMs } = stats;
  return {
    ...question,
    ...(credential === undefined ? {} : { credential }),
    state: {
      state: state.kind,
      ...('reason' in state ? { sinceMs: state.sinceMs, reason: state.reason.message } : {}),
    },
    readers,
    objects,
    bytes,
    lists,
    watches,
    failures,
    ...(heardMs === undefined ? {} : { heardMs }),
  };
}
