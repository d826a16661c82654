/** Clusters, watches and objects in words and colours. Pure. */
import type { ClusterRecord, ReflectorRecord } from '@trunkline/contracts/kube';

export type Tone = 'live' | 'wait' | 'bad' | 'off';

export interface Mark {
  readonly tone: Tone;
  readonly label: string;
}

type ReflectorState = ReflectorRecord['state'];

export function reachMark({ reach }: ClusterRecord): Mark {
  switch (reach) {
    case 'reachable':
      return { tone: 'live', label: 'reachable' };
    case 'unreachable':
      return { tone: 'bad', label: 'unreachable' };
    case 'unknown':
      return { tone: 'off', label: 'not asked yet' };
  }
}

export function reflectorMark({ state }: ReflectorState): Mark {
  switch (state) {
    case 'live':
      return { tone: 'live', label: 'live' };
    case 'loading':
      return { tone: 'wait', label: 'loading' };
    case 'recovering':
      return { tone: 'wait', label: 'recovering' };
    case 'denied':
      return { tone: 'bad', label: 'denied' };
    case 'gone':
      return { tone: 'bad', label: 'no such kind' };
    case 'failed':
      return { tone: 'bad', label: 'failed' };
  }
}

const MODES: Readonly<Record<ClusterRecord['mode'], string>> = {
  shared: 'shared: everybody acts as the server',
  impersonate: 'impersonate: each user’s own rights count',
  own: 'own: each user brings a credential',
};

export function modeWords(mode: ClusterRecord['mode']): string {
  return MODES[mode];
}

/** `v1/pods`, `apps/v1/deployments`: how addresses and pickers name a kind. */
export function kindOf({
  group,
  version,
  resource,
}: {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}): string {
  return group === '' ? `${version}/${resource}` : `${group}/${version}/${resource}`;
}

/** The parts of such a name; undefined where it is none. */
export function parseKind(
  text: string,
): { readonly group: string; readonly version: string; readonly resource: string } | undefined {
  const [, group = '', version, resource] = /^(?:([^/]+)\/)?([^/]+)\/([^/]+)$/.exec(text) ?? [];
  return version === undefined || resource === undefined ? undefined : { group, version, resource };
}

/** What a watch is about, in one line: `all namespaces`, `shop, app=web`. */
export function scopeWords({ namespace, labelSelector, fieldSelector }: ReflectorRecord): string {
  return [namespace ?? 'all namespaces', labelSelector, fieldSelector]
    .filter((part) => part !== undefined && part !== '')
    .join(', ');
}

const GOOD = /^(Running|Ready|Active|Bound|Available|Healthy|True|Established|Normal)$/;
const DONE = /^(Completed|Succeeded|Complete|Released|Terminated|False)$/;
const WAITING =
  /^(Pending|ContainerCreating|PodInitializing|Terminating|Progressing|Unknown|Init:\d+\/\d+|NotReady,SchedulingDisabled|.*SchedulingDisabled|SchedulingGated)$/;
const BROKEN = /(BackOff|Error|Failed|Evicted|OOMKilled|NotReady|Lost|Warning|Invalid|Deadline|Err[A-Z])/;

/** The colour of a status as Kubernetes writes it; undefined for words that mean nothing here. */
export function statusTone(status: string): Tone | undefined {
  if (GOOD.test(status)) return 'live';
  if (DONE.test(status)) return 'off';
  if (BROKEN.test(status)) return 'bad';
  return WAITING.test(status) ? 'wait' : undefined;
}
