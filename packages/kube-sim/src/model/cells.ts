/** What single cells of tables show, worked out of an object the way `kubectl get` shows it. Which cells stand in which table is in `columns.ts`. */
import { isObject, read, readList, readText, type KubeObject } from './objects.js';

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

export function nodeStatus(node: KubeObject): string {
  const condition = readList(node, 'status', 'conditions').find((one) => read(one, 'type') === 'Ready');
  const state =
    condition === undefined ? 'Unknown' : read(condition, 'status') === 'True' ? 'Ready' : 'NotReady';
  return read(node, 'spec', 'unschedulable') === true ? `${state},SchedulingDisabled` : state;
}

export function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(node.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return roles.map((label) => label.slice(prefix.length)).join(',') || '<none>';
}

export function servicePorts(service: KubeObject): string {
  const ports = readList(service, 'spec', 'ports').map(
    (port) => `${readText(port, 'port')}/${readText(port, 'protocol') || 'TCP'}`,
  );
  return ports.join(',') || '<none>';
}

export function selectorText(selector: unknown): string {
  if (!isObject(selector)) return '<none>';
  const pairs = Object.entries(selector).map(([label, value]) => `${label}=${String(value)}`);
  return pairs.sort().join(',') || '<none>';
}

export function nodeAddress(node: KubeObject, type: string): string {
  const found = readList(node, 'status', 'addresses').find((one) => read(one, 'type') === type);
  return readText(found, 'address') || '<none>';
}

export function readinessGates(pod: KubeObject): string {
  const gates = readList(pod, 'spec', 'readinessGates').map((gate) => readText(gate, 'conditionType'));
  if (gates.length === 0) return '<none>';
  const holds = readList(pod, 'status', 'conditions').filter(
    (one) => gates.includes(readText(one, 'type')) && read(one, 'status') === 'True',
  );
  return `${holds.length}/${gates.length}`;
}

export function externalAddress(service: KubeObject): string {
  const given = readList(service, 'status', 'loadBalancer', 'ingress').map(
    (one) => readText(one, 'ip') || readText(one, 'hostname'),
  );
  const own = readList(service, 'spec', 'externalIPs').map(String);
  return [...given, ...own].join(',') || readText(service, 'spec', 'externalName') || '<none>';
}

export function jobDuration(job: KubeObject, nowMs: number): string {
  const start = Date.parse(readText(job, 'status', 'startTime'));
  if (Number.isNaN(start)) return '';
  const end = Date.parse(readText(job, 'status', 'completionTime'));
  return toAge((Number.isNaN(end) ? nowMs : end) - start);
}

export function involvedObject(event: KubeObject): string {
  return `${readText(event, 'involvedObject', 'kind').toLowerCase()}/${readText(event, 'involvedObject', 'name')}`;
}
