/**
 * The columns that windows have without being told: name, namespace and age of everything, and what some kinds have besides (own-columns.ts). The cell of `age` is the time of creation: it
 * does not change by itself, and whoever shows it counts from there.
 */
import type { WindowColumn } from '@trunkline/contracts/kube';
import { ownColumns, source, type ColumnSource } from './own-columns.js';
import { readText } from './parts.js';
import { toValue } from './values.js';

export type { ColumnSource };

/** Which objects a table holds, as far as their columns go. */
export interface RowKind {
  readonly group: string;
  readonly resource: string;
  readonly namespaced: boolean;
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

/** Name first, age last. */
export function columnsOf({ group, resource, namespaced }: RowKind): readonly ColumnSource[] {
  return [NAME, ...(namespaced ? [NAMESPACE] : []), ...(ownColumns(group, resource) ?? []), AGE];
}

/** Whether windows know the columns of a kind without asking its cluster. */
export function hasOwnColumns({ group, resource }: Pick<RowKind, 'group' | 'resource'>): boolean {
  return ownColumns(group, resource) !== undefined;
}

/** The columns of a window over these objects. */
export function windowColumns(kind: RowKind, severalClusters: boolean): readonly WindowColumn[] {
  const columns = columnsOf(kind).map(({ column }) => column);
  return severalClusters ? [CLUSTER_COLUMN, ...columns] : columns;
}
