/** Single cells of rows, worked out of an object as `kubectl get` does. The objects may be of any shape: what is not as it should be counts as absent. */
import { read, readList, readNumber, readText } from './parts.js';

/** Before the number of ready ones goes the number of wanted ones into the order of the column: more than a list of containers or replicas holds. */
const ORDER_STEP = 1_000_000;

/** The phase, unless a container waits or ended for a reason worth more. */
export function podStatus(pod: unknown): string {
  const inits = initStatus(pod);
  let status = readText(pod, 'status', 'reason') || readText(pod, 'status', 'phase') || 'Unknown';
  if (inits === undefined) status = containerStatus(pod) ?? status;
  else status = inits;
  if (readText(pod, 'metadata', 'deletionTimestamp') === '') return status;
  return readText(pod, 'status', 'reason') === 'NodeLost' ? 'Unknown' : 'Terminating';
}

/** The first init container that is not done; undefined where all are. */
function initStatus(pod: unknown): string | undefined {
  const statuses = readList(pod, 'status', 'initContainerStatuses');
  for (const [index, one] of statuses.entries()) {
    if (readNumber(one, 'state', 'terminated', 'exitCode') === 0) continue;
    // A sidecar runs on beside what comes after it.
    if (read(one, 'started') === true && isSidecar(pod, readText(one, 'name'))) continue;
    const ended = endReason(one);
    if (ended !== undefined) return `Init:${ended}`;
    const waiting = readText(one, 'state', 'waiting', 'reason');
    if (waiting !== '' && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${index}/${readList(pod, 'spec', 'initContainers').length}`;
  }
  return undefined;
}

function isSidecar(pod: unknown, name: string): boolean {
  return readList(pod, 'spec', 'initContainers').some(
    (one) => readText(one, 'name') === name && readText(one, 'restartPolicy') === 'Always',
  );
}

/** Of the first container that has something to say. */
function containerStatus(pod: unknown): string | undefined {
  const statuses = readList(pod, 'status', 'containerStatuses');
  let status: string | undefined;
  let running = false;
  for (const one of [...statuses].reverse()) {
    const waiting = readText(one, 'state', 'waiting', 'reason');
    const ended = endReason(one);
    if (waiting !== '') status = waiting;
    else if (ended !== undefined) status = ended;
    else if (read(one, 'ready') === true && read(one, 'state', 'running') !== undefined) running = true;
  }
  // One container is done, another one still works.
  if (status === 'Completed' && running) return isReady(pod) ? 'Running' : 'NotReady';
  return status;
}

function endReason(status: unknown): string | undefined {
  if (read(status, 'state', 'terminated') === undefined) return undefined;
  const reason = readText(status, 'state', 'terminated', 'reason');
  if (reason !== '') return reason;
  const signal = readNumber(status, 'state', 'terminated', 'signal') ?? 0;
  if (signal !== 0) return `Signal:${signal}`;
  return `ExitCode:${readNumber(status, 'state', 'terminated', 'exitCode') ?? 0}`;
}

function isReady(pod: unknown): boolean {
  return readList(pod, 'status', 'conditions').some(
    (one) => readText(one, 'type') === 'Ready' && readText(one, 'status') === 'True',
  );
}

/** Containers that are ready, of all: `1/2`. */
export function podReady(pod: unknown): string {
  const statuses = readList(pod, 'status', 'containerStatuses');
  const ready = statuses.filter((one) => read(one, 'ready') === true).length;
  return `${ready}/${readList(pod, 'spec', 'containers').length}`;
}

export function podRestarts(pod: unknown): number {
  return readList(pod, 'status', 'containerStatuses').reduce<number>(
    (sum, one) => sum + (readNumber(one, 'restartCount') ?? 0),
    0,
  );
}

/** Replicas that are ready, of those that are wanted; of a daemon set, nodes. */
export function workloadReady(workload: unknown): string {
  const status = (name: string): number | undefined => readNumber(workload, 'status', name);
  const wanted = readNumber(workload, 'spec', 'replicas') ?? status('desiredNumberScheduled') ?? 0;
  return `${status('readyReplicas') ?? status('numberReady') ?? 0}/${wanted}`;
}

/** `2/3` as a number: by what is ready, then by what is wanted. */
export function readyOrder(cell: string): number {
  const slash = cell.indexOf('/');
  return Number(cell.slice(0, slash)) * ORDER_STEP + Math.min(Number(cell.slice(slash + 1)), ORDER_STEP - 1);
}

/** Ready or not, or unknown; and whether pods may come. */
export function nodeStatus(node: unknown): string {
  const conditions = readList(node, 'status', 'conditions');
  const ready = conditions.find((one) => readText(one, 'type') === 'Ready');
  const state = readText(ready, 'status') === 'True' ? 'Ready' : ready === undefined ? 'Unknown' : 'NotReady';
  return read(node, 'spec', 'unschedulable') === true ? `${state},SchedulingDisabled` : state;
}

const ROLE = 'node-role.kubernetes.io/';

/** As labels give them, in order; empty where there are none. */
export function nodeRoles(node: unknown): string {
  const roles = Object.entries(readMembers(node, 'metadata', 'labels')).flatMap(([label, value]) => {
    if (label.startsWith(ROLE)) return label.length > ROLE.length ? [label.slice(ROLE.length)] : [];
    return label === 'kubernetes.io/role' && typeof value === 'string' && value !== '' ? [value] : [];
  });
  return [...new Set(roles)].sort().join(',');
}

/** `80/TCP,443:30443/TCP`: with the port of the nodes where there is one. */
export function servicePorts(service: unknown): string {
  return readList(service, 'spec', 'ports')
    .map((port) => {
      const nodePort = readNumber(port, 'nodePort') ?? 0;
      const own = `${readNumber(port, 'port') ?? 0}${nodePort > 0 ? `:${nodePort}` : ''}`;
      return `${own}/${readText(port, 'protocol') || 'TCP'}`;
    })
    .join(',');
}

/** Entries of a config map or a secret. */
export function dataCount(object: unknown): number {
  const count = (name: string): number => Object.keys(readMembers(object, name)).length;
  return count('data') + count('binaryData');
}

function readMembers(value: unknown, ...names: readonly string[]): Readonly<Record<string, unknown>> {
  const found = read(value, ...names);
  return typeof found === 'object' && found !== null && !Array.isArray(found)
    ? (found as Readonly<Record<string, unknown>>)
    : {};
}
