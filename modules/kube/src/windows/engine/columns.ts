/**
 * The columns that windows have without being told: what `kubectl get` shows of pods and of workloads, and name, namespace and age of anything else. The cell of `age` is the time of
 * creation: it does not change by itself, and whoever shows it counts from there.
 */
import type { WindowColumn } from '@trunkline/contracts/kube';
import { podReady, podRestarts, podStatus, readyOrder, workloadReady } from './cells.js';
import { readText } from './parts.js';
import { toValue, type Value } from './values.js';

/** Which objects a table holds, as far as their columns go. */
export interface RowKind {
  readonly group: string;
  readonly resource: string;
  readonly namespaced: boolean;
}

export interface ColumnSource {
  readonly column: WindowColumn;
  readonly cell: (object: unknown) => Value;
  /** What the column is sorted by where that is not the cell. */
  readonly order?: (object: unknown) => Value;
}

/** Before the columns of a kind, where a window shows several clusters. */
export const CLUSTER_COLUMN: WindowColumn = { name: 'cluster', title: 'Cluster', type: 'text' };

const NAME = source('name', 'Name', 'text', (object) => readText(object, 'metadata', 'name'));
const NAMESPACE = source('namespace', 'Namespace', 'text', (object) =>
  readText(object, 'metadata', 'namespace'),
);
const AGE = source('age', 'Age', 'time', (object) =>
  toValue(readText(object, 'metadata', 'creationTimestamp') || null),
);

const PODS: readonly ColumnSource[] = [
  source('status', 'Status', 'text', (pod) => toValue(podStatus(pod))),
  source('ready', 'Ready', 'text', podReady, (pod) => toValue(readyOrder(podReady(pod)))),
  source('restarts', 'Restarts', 'number', (pod) => toValue(podRestarts(pod))),
  source('node', 'Node', 'text', (pod) => toValue(readText(pod, 'spec', 'nodeName') || null)),
];
const WORKLOADS: readonly ColumnSource[] = [
  source('ready', 'Ready', 'text', workloadReady, (workload) => toValue(readyOrder(workloadReady(workload)))),
];

const OWN: Readonly<Record<string, readonly ColumnSource[]>> = {
  '/pods': PODS,
  '/replicationcontrollers': WORKLOADS,
  'apps/deployments': WORKLOADS,
  'apps/statefulsets': WORKLOADS,
  'apps/replicasets': WORKLOADS,
  'apps/daemonsets': WORKLOADS,
};

/** Name first, age last. */
export function columnsOf({ group, resource, namespaced }: RowKind): readonly ColumnSource[] {
  const own = Object.hasOwn(OWN, `${group}/${resource}`) ? (OWN[`${group}/${resource}`] ?? []) : [];
  return [NAME, ...(namespaced ? [NAMESPACE] : []), ...own, AGE];
}

/** The columns of a window over these objects. */
export function windowColumns(kind: RowKind, severalClusters: boolean): readonly WindowColumn[] {
  const columns = columnsOf(kind).map(({ column }) => column);
  return severalClusters ? [CLUSTER_COLUMN, ...columns] : columns;
}

function source(
  name: string,
  title: string,
  type: WindowColumn['type'],
  cell: ColumnSource['cell'],
  order?: ColumnSource['cell'],
): ColumnSource {
  return { column: { name, title, type }, cell, ...(order && { order }) };
}
