/** Columns of the Table format for built-in resources, named and filled as `kubectl get` shows them. Others get name and age. */
import {
  ageSince,
  externalAddress,
  involvedObject,
  jobDuration,
  nodeAddress,
  nodeRoles,
  nodeStatus,
  podReady,
  podRestarts,
  podStatus,
  readinessGates,
  selectorText,
  servicePorts,
} from './cells.js';
import { read, readList, readText } from './objects.js';
import type { Column } from './resource-type.js';

type Cell = Column['cell'];

function column(
  name: string,
  cell: Cell,
  more: Partial<Pick<Column, 'type' | 'format' | 'priority' | 'description'>> = {},
): Column {
  return {
    name,
    type: 'string',
    format: '',
    description: `${name} of the object`,
    priority: 0,
    cell,
    ...more,
  };
}

export const NAME_COLUMN = column('Name', (object) => object.metadata.name, {
  format: 'name',
  description: 'Name of the object, unique within its namespace',
});
export const AGE_COLUMN = column(
  'Age',
  (object, nowMs) => ageSince(object.metadata.creationTimestamp, nowMs),
  {
    description: 'Time since the object was created',
  },
);

const at =
  (...path: readonly string[]): Cell =>
  (object) =>
    read(object, ...path) ?? '';
const count =
  (...path: readonly string[]): Cell =>
  (object) =>
    Number(read(object, ...path) ?? 0);
const orNone =
  (...path: readonly string[]): Cell =>
  (object) =>
    readText(object, ...path) || '<none>';
const orUnknown =
  (...path: readonly string[]): Cell =>
  (object) =>
    readText(object, ...path) || '<unknown>';
const integer = { type: 'integer' } as const;
const wide = { priority: 1 } as const;
const ready =
  (have: string, want: string): Cell =>
  (object) =>
    `${readText(object, 'status', have) || '0'}/${readText(object, 'spec', want) || '0'}`;

/** Everything that the given list says about one field, joined by commas. */
const each =
  (field: string, ...path: readonly string[]): Cell =>
  (object) =>
    readList(object, ...path)
      .map((one) => readText(one, field))
      .join(',');

const TEMPLATE = ['spec', 'template', 'spec', 'containers'] as const;

const selector =
  (...path: readonly string[]): Cell =>
  (object) =>
    selectorText(read(object, ...path));
const CONTAINERS = column('Containers', each('name', ...TEMPLATE), wide);
const IMAGES = column('Images', each('image', ...TEMPLATE), wide);
const SELECTOR = column('Selector', selector('spec', 'selector', 'matchLabels'), wide);

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  '/pods': [
    column('Ready', podReady),
    column('Status', podStatus),
    column('Restarts', podRestarts, integer),
    AGE_COLUMN,
    column('IP', orNone('status', 'podIP'), wide),
    column('Node', orNone('spec', 'nodeName'), wide),
    column('Nominated Node', orNone('status', 'nominatedNodeName'), wide),
    column('Readiness Gates', readinessGates, wide),
  ],
  '/nodes': [
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    AGE_COLUMN,
    column('Version', at('status', 'nodeInfo', 'kubeletVersion')),
    column('Internal-IP', (node) => nodeAddress(node, 'InternalIP'), wide),
    column('External-IP', (node) => nodeAddress(node, 'ExternalIP'), wide),
    column('OS-Image', orUnknown('status', 'nodeInfo', 'osImage'), wide),
    column('Kernel-Version', orUnknown('status', 'nodeInfo', 'kernelVersion'), wide),
    column('Container-Runtime', orUnknown('status', 'nodeInfo', 'containerRuntimeVersion'), wide),
  ],
  '/namespaces': [column('Status', at('status', 'phase')), AGE_COLUMN],
  '/services': [
    column('Type', at('spec', 'type')),
    column('Cluster-IP', orNone('spec', 'clusterIP')),
    column('External-IP', externalAddress),
    column('Port(s)', servicePorts),
    AGE_COLUMN,
    column('Selector', selector('spec', 'selector'), wide),
  ],
  '/configmaps': [
    column('Data', (object) => Object.keys(read(object, 'data') ?? {}).length, integer),
    AGE_COLUMN,
  ],
  '/secrets': [
    column('Type', at('type')),
    column('Data', (object) => Object.keys(read(object, 'data') ?? {}).length, integer),
    AGE_COLUMN,
  ],
  '/events': [
    column('Last Seen', (object, nowMs) => ageSince(read(object, 'lastTimestamp'), nowMs)),
    column('Type', at('type')),
    column('Reason', at('reason')),
    column('Object', involvedObject),
    column('Subobject', at('involvedObject', 'fieldPath'), wide),
    column('Source', at('source', 'component'), wide),
    column('Message', at('message')),
    column('First Seen', (object, nowMs) => ageSince(read(object, 'firstTimestamp'), nowMs), wide),
    column('Count', (object) => Number(read(object, 'count') ?? 1), { ...integer, ...wide }),
    column('Name', (object) => object.metadata.name, wide),
  ],
  'apps/deployments': [
    column('Ready', ready('readyReplicas', 'replicas')),
    column('Up-to-date', count('status', 'updatedReplicas'), integer),
    column('Available', count('status', 'availableReplicas'), integer),
    AGE_COLUMN,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  'apps/replicasets': [
    column('Desired', count('spec', 'replicas'), integer),
    column('Current', count('status', 'replicas'), integer),
    column('Ready', count('status', 'readyReplicas'), integer),
    AGE_COLUMN,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  'apps/statefulsets': [column('Ready', ready('readyReplicas', 'replicas')), AGE_COLUMN, CONTAINERS, IMAGES],
  'apps/daemonsets': [
    column('Desired', count('status', 'desiredNumberScheduled'), integer),
    column('Current', count('status', 'currentNumberScheduled'), integer),
    column('Ready', count('status', 'numberReady'), integer),
    column('Up-to-date', count('status', 'updatedNumberScheduled'), integer),
    column('Available', count('status', 'numberAvailable'), integer),
    column('Node Selector', selector('spec', 'template', 'spec', 'nodeSelector')),
    AGE_COLUMN,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  'batch/jobs': [
    column(
      'Completions',
      (object) =>
        `${readText(object, 'status', 'succeeded') || '0'}/${readText(object, 'spec', 'completions') || '1'}`,
    ),
    column('Duration', jobDuration),
    AGE_COLUMN,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  'apiextensions.k8s.io/customresourcedefinitions': [
    column('Created At', (object) => object.metadata.creationTimestamp ?? '', { type: 'date' }),
  ],
};

/** Events are told apart by time and message; their name comes last. */
const NAMELESS = new Set(['/events']);

export function columnsFor(group: string, resource: string): readonly Column[] {
  const id = `${group}/${resource}`;
  const columns = COLUMNS[id] ?? [AGE_COLUMN];
  return NAMELESS.has(id) ? columns : [NAME_COLUMN, ...columns];
}
