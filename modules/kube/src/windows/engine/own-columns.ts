/** Columns of kinds that everybody looks at, worked out here as `kubectl get` shows them; an empty cell is null. */
import type { WindowColumn } from '@trunkline/contracts/kube';
import {
  dataCount,
  nodeRoles,
  nodeStatus,
  podReady,
  podRestarts,
  podStatus,
  readyOrder,
  servicePorts,
  workloadReady,
} from './cells.js';
import { readText } from './parts.js';
import { toValue, type Value } from './values.js';

export interface ColumnSource {
  readonly column: WindowColumn;
  readonly cell: (object: unknown) => Value;
  /** What the column is sorted by where that is not the cell. */
  readonly order?: (object: unknown) => Value;
}

export function source(
  name: string,
  title: string,
  type: WindowColumn['type'],
  cell: ColumnSource['cell'],
  order?: ColumnSource['cell'],
): ColumnSource {
  return { column: { name, title, type }, cell, ...(order && { order }) };
}

function text(name: string, title: string, ...path: readonly string[]): ColumnSource {
  return source(name, title, 'text', (object) => toValue(readText(object, ...path) || null));
}

const DATA = source('data', 'Data', 'number', dataCount);
const PODS: readonly ColumnSource[] = [
  source('status', 'Status', 'text', (pod) => toValue(podStatus(pod))),
  source('ready', 'Ready', 'text', podReady, (pod) => toValue(readyOrder(podReady(pod)))),
  source('restarts', 'Restarts', 'number', (pod) => toValue(podRestarts(pod))),
  text('node', 'Node', 'spec', 'nodeName'),
];
const WORKLOADS: readonly ColumnSource[] = [
  source('ready', 'Ready', 'text', workloadReady, (workload) => toValue(readyOrder(workloadReady(workload)))),
];
const NODES: readonly ColumnSource[] = [
  source('status', 'Status', 'text', (node) => toValue(nodeStatus(node))),
  source('roles', 'Roles', 'text', (node) => toValue(nodeRoles(node) || null)),
  text('version', 'Version', 'status', 'nodeInfo', 'kubeletVersion'),
];
const SERVICES: readonly ColumnSource[] = [
  text('type', 'Type', 'spec', 'type'),
  text('cluster-ip', 'Cluster-IP', 'spec', 'clusterIP'),
  source('port-s', 'Port(s)', 'text', (service) => toValue(servicePorts(service) || null)),
];

const OWN: Readonly<Record<string, readonly ColumnSource[]>> = {
  '/pods': PODS,
  '/nodes': NODES,
  '/services': SERVICES,
  '/configmaps': [DATA],
  '/secrets': [text('type', 'Type', 'type'), DATA],
  '/replicationcontrollers': WORKLOADS,
  'apps/deployments': WORKLOADS,
  'apps/statefulsets': WORKLOADS,
  'apps/replicasets': WORKLOADS,
  'apps/daemonsets': WORKLOADS,
};

/** Undefined for a kind that is not among them. */
export function ownColumns(group: string, resource: string): readonly ColumnSource[] | undefined {
  return Object.hasOwn(OWN, `${group}/${resource}`) ? OWN[`${group}/${resource}`] : undefined;
}
