/** The kinds of a cluster as a picker shows them: those that people look at first, then the rest by their API group. Pure. */
import type { KubeObject } from '@trunkline/client/kube';
import type { ResourceRecord } from '@trunkline/contracts/kube';
import { kindOf } from './words.js';

export interface KindChoice {
  /** `v1/pods`. */
  readonly kind: string;
  readonly label: string;
  readonly namespaced: boolean;
}

export interface KindGroup {
  readonly label: string;
  readonly kinds: readonly KindChoice[];
}

const FIRST: readonly (readonly [label: string, kinds: readonly string[]])[] = [
  [
    'Workloads',
    [
      '/pods',
      'apps/deployments',
      'apps/statefulsets',
      'apps/daemonsets',
      'apps/replicasets',
      'batch/jobs',
      'batch/cronjobs',
    ],
  ],
  ['Cluster', ['/nodes', '/namespaces', '/events']],
  ['Network', ['/services', 'networking.k8s.io/ingresses', 'discovery.k8s.io/endpointslices']],
  ['Configuration', ['/configmaps', '/secrets', '/serviceaccounts']],
  ['Storage', ['/persistentvolumeclaims', '/persistentvolumes', 'storage.k8s.io/storageclasses']],
];

/** Kinds that can be listed and watched; of one that several versions serve, the first told. */
export function kindGroups(resources: readonly ResourceRecord[]): readonly KindGroup[] {
  const byName = new Map<string, ResourceRecord>();
  for (const resource of resources) {
    const name = `${resource.group}/${resource.resource}`;
    if (resource.verbs.includes('list') && resource.verbs.includes('watch') && !byName.has(name))
      byName.set(name, resource);
  }
  const groups: KindGroup[] = [];
  for (const [label, names] of FIRST) {
    const kinds = names.flatMap((name) => {
      const found = byName.get(name);
      byName.delete(name);
      return found ? [toChoice(found)] : [];
    });
    if (kinds.length > 0) groups.push({ label, kinds });
  }
  const rest = new Map<string, KindChoice[]>();
  for (const resource of byName.values()) {
    const label = resource.group === '' ? 'Other' : resource.group;
    rest.set(label, [...(rest.get(label) ?? []), toChoice(resource)]);
  }
  for (const [label, kinds] of [...rest].sort(([left], [right]) => left.localeCompare(right)))
    groups.push({ label, kinds: kinds.sort((left, right) => left.label.localeCompare(right.label)) });
  return groups;
}

/** What of resource definitions decides which kinds there are: equal texts, equal kinds. */
export function definitionsText(definitions: readonly KubeObject[]): string {
  return definitions
    .map(({ metadata: { uid, generation }, status }) =>
      JSON.stringify([uid, generation, conditionsOf(status)]),
    )
    .sort()
    .join('\n');
}

function conditionsOf(status: unknown): unknown {
  const { conditions = [] } = (status ?? {}) as {
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
  return conditions.map(({ type, status: value }) => `${type}=${value}`).sort();
}

function toChoice(resource: ResourceRecord): KindChoice {
  return { kind: kindOf(resource), label: pluralOf(resource), namespaced: resource.namespaced };
}

/** `Pods`, `Network policies`: the kind's own spelling where the plural is it with an ending, else the plural. */
function pluralOf({ kind, resource }: ResourceRecord): string {
  const words = kind.replace(/([a-z0-9])([A-Z])/g, '$1 $2');
  const spaced = words.slice(0, 1) + words.slice(1).toLowerCase();
  const squeezed = (text: string): string => text.toLowerCase().replaceAll(' ', '');
  for (const ending of ['', 's', 'es'])
    if (squeezed(spaced) + ending === resource) return `${spaced}${ending}`;
  if (spaced.endsWith('y') && `${squeezed(spaced).slice(0, -1)}ies` === resource)
    return `${spaced.slice(0, -1)}ies`;
  return resource;
}
