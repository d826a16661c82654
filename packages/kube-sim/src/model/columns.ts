/** Columns of the Table format for built-in resources, named and filled as `kubectl get` shows them. Others get name and age. */
import { isObject, read, readList, readText, type KubeObject } from './objects.js';
import type { Column } from './resource-type.js';

type Cell = Column['cell'];

/** A duration the way tables show it: the two largest units, rounded down: `45s`, `5m12s`, `3h7m`, `2d4h`, `120d`. */
export function toAge(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 120) return `${Math.max(0, seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

export function ageSince(timestamp: unknown, nowMs: number): string {
  if (typeof timestamp !== 'string') return '<unknown>';
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? '<invalid>' : toAge(nowMs - at);
}

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

/** What the STATUS column shows: the phase, unless a container waits or ended for a reason worth more. */
export function podStatus(pod: KubeObject): string {
  let reason = readText(pod, 'status', 'reason') || readText(pod, 'status', 'phase');
  for (const container of readList(pod, 'status', 'containerStatuses')) {
    const waiting = readText(container, 'state', 'waiting', 'reason');
    const ended = readText(container, 'state', 'terminated', 'reason');
    if (waiting !== '') reason = waiting;
    else if (ended !== '') reason = ended;
  }
  return pod.metadata.deletionTimestamp === undefined ? reason : 'Terminating';
}

export function podReady(pod: KubeObject): string {
  const statuses = readList(pod, 'status', 'containerStatuses');
  const isReady = statuses.filter((status) => read(status, 'ready') === true).length;
  return `${isReady}/${readList(pod, 'spec', 'containers').length}`;
}

export function podRestarts(pod: KubeObject): number {
  return readList(pod, 'status', 'containerStatuses').reduce<number>(
    (sum, status) => sum + Number(read(status, 'restartCount') ?? 0),
    0,
  );
}

function nodeStatus(node: KubeObject): string {
  const condition = readList(node, 'status', 'conditions').find((one) => read(one, 'type') === 'Ready');
  const state =
    condition === undefined ? 'Unknown' : read(condition, 'status') === 'True' ? 'Ready' : 'NotReady';
  return read(node, 'spec', 'unschedulable') === true ? `${state},SchedulingDisabled` : state;
}

function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(node.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return roles.map((label) => label.slice(prefix.length)).join(',') || '<none>';
}

function servicePorts(service: KubeObject): string {
  const ports = readList(service, 'spec', 'ports').map(
    (port) => `${readText(port, 'port')}/${readText(port, 'protocol') || 'TCP'}`,
  );
  return ports.join(',') || '<none>';
}

/** Everything that the given list says about one field, joined by commas. */
const each =
  (field: string, ...path: readonly string[]): Cell =>
  (object) =>
    readList(object, ...path)
      .map((one) => readText(one, field))
      .join(',');

const TEMPLATE = ['spec', 'template', 'spec', 'containers'] as const;

function selectorText(selector: unknown): string {
  if (!isObject(selector)) return '<none>';
  const pairs = Object.entries(selector).map(([label, value]) => `${label}=${String(value)}`);
  return pairs.sort().join(',') || '<none>';
}

const selector =
  (...path: readonly string[]): Cell =>
  (object) =>
    selectorText(read(object, ...path));
const CONTAINERS = column('Containers', each('name', ...TEMPLATE), wide);
const IMAGES = column('Images', each('image', ...TEMPLATE), wide);
const SELECTOR = column('Selector', selector('spec', 'selector', 'matchLabels'), wide);

function nodeAddressOf(type: string): Cell {
  return (node) => {
    const found = readList(node, 'status', 'addresses').find((one) => read(one, 'type') === type);
    return readText(found, 'address') || '<none>';
  };
}

function readinessGates(pod: KubeObject): string {
  const gates = readList(pod, 'spec', 'readinessGates').map((gate) => readText(gate, 'conditionType'));
  if (gates.length === 0) return '<none>';
  const holds = readList(pod, 'status', 'conditions').filter(
    (one) => gates.includes(readText(one, 'type')) && read(one, 'status') === 'True',
  );
  return `${holds.length}/${gates.length}`;
}

function externalAddress(service: KubeObject): string {
  const given = readList(service, 'status', 'loadBalancer', 'ingress').map(
    (one) => readText(one, 'ip') || readText(one, 'hostname'),
  );
  const own = readList(service, 'spec', 'externalIPs').map(String);
  return [...given, ...own].join(',') || readText(service, 'spec', 'externalName') || '<none>';
}

function jobDuration(job: KubeObject, nowMs: number): string {
  const start = Date.parse(readText(job, 'status', 'startTime'));
  if (Number.isNaN(start)) return '';
  const end = Date.parse(readText(job, 'status', 'completionTime'));
  return toAge((Number.isNaN(end) ? nowMs : end) - start);
}

const involved: Cell = (event) =>
  `${readText(event, 'involvedObject', 'kind').toLowerCase()}/${readText(event, 'involvedObject', 'name')}`;

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
    column('Internal-IP', nodeAddressOf('InternalIP'), wide),
    column('External-IP', nodeAddressOf('ExternalIP'), wide),
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
    column('Object', involved),
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
  'apps/statefulsets': [
    column('Ready', ready('readyReplicas', 'replicas')),
    AGE_COLUMN,
    CONTAINERS,
    IMAGES,
  ],
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
