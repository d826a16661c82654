/** What the server offers: versions, groups, resources of a group version. Made anew from the registry each time, so new definitions show at once. */
import type { ResourceRegistry } from '../cluster/registry.js';
import { REVIEWS } from '../access/reviews.js';
import type { JsonObject } from '../model/objects.js';
import type { ResourceType } from '../model/resource-type.js';
import { noSuchResource } from '../model/status.js';

export interface ServerVersion {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
}

/** The JSON or text at a path that is no resource; throws 404 for paths that are not there. */
export function discover(
  path: string,
  registry: ResourceRegistry,
  version: ServerVersion,
): JsonObject | string {
  const parts = path.split('/').filter(Boolean);
  switch (parts[0]) {
    case 'version':
      if (parts.length === 1)
        return { ...version, platform: 'linux/amd64', compiler: 'gc', goVersion: 'simulated' };
      break;
    case 'healthz':
    case 'livez':
    case 'readyz':
      return 'ok';
    case 'api':
      if (parts.length === 1)
        return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
      if (parts.length === 2) return resources('', parts[1] ?? '', registry);
      break;
    case 'apis': {
      const groups = groupsOf(registry);
      if (parts.length === 1) return { kind: 'APIGroupList', apiVersion: 'v1', groups: [...groups.values()] };
      const group = groups.get(parts[1] ?? '');
      if (group !== undefined && parts.length === 2) return { kind: 'APIGroup', apiVersion: 'v1', ...group };
      if (parts.length === 3) return resources(parts[1] ?? '', parts[2] ?? '', registry);
      break;
    }
  }
  throw noSuchResource();
}

function groupsOf(registry: ResourceRegistry): Map<string, JsonObject> {
  const versions = new Map<string, Set<string>>();
  for (const { group, version } of listedTypes(registry))
    if (group !== '') versions.set(group, (versions.get(group) ?? new Set()).add(version));
  return new Map(
    [...versions].map(([name, found]) => {
      const listed = [...found].map((version) => ({ groupVersion: `${name}/${version}`, version }));
      return [name, { name, versions: listed, preferredVersion: listed[0] }];
    }),
  );
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

function resources(group: string, version: string, registry: ResourceRegistry): JsonObject {
  const listed = listedTypes(registry)
    .filter((listed) => listed.group === group && listed.version === version)
    .flatMap(({ entries }) => entries);
  if (listed.length === 0) throw noSuchResource();
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: listed };
}

/** One line of a resource list. */
export interface ResourceEntry extends JsonObject {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

export interface ListedType {
  readonly group: string;
  readonly version: string;
  /** The resource, then its subresources. */
  readonly entries: readonly [ResourceEntry, ...ResourceEntry[]];
}

/** Everything that is served: what is stored, and the reviews that are only answered. */
export function listedTypes(registry: ResourceRegistry): ListedType[] {
  const stored = registry.types().map((type) => ({
    group: type.group,
    version: type.version,
    entries: entriesOf(type),
  }));
  const reviews = REVIEWS.map(({ group, version, resource, kind, namespaced }): ListedType => {
    const entry = { name: resource, singularName: kind.toLowerCase(), namespaced, kind, verbs: ['create'] };
    return { group, version, entries: [entry] };
  });
  return [...stored, ...reviews];
}

function entriesOf(type: ResourceType): [ResourceEntry, ...ResourceEntry[]] {
  const { resource, singular, namespaced, kind, shortNames, categories } = type;
  const base = { singularName: '', namespaced, kind };
  const found: [ResourceEntry, ...ResourceEntry[]] = [
    {
      name: resource,
      singularName: singular,
      namespaced,
      kind,
      verbs: VERBS,
      ...(shortNames.length === 0 ? {} : { shortNames }),
      ...(categories.length === 0 ? {} : { categories }),
    },
  ];
  if (type.hasStatus) found.push({ ...base, name: `${resource}/status`, verbs: ['get', 'patch', 'update'] });
  if (kind === 'Pod') {
    found.push({ ...base, name: 'pods/log', verbs: ['get'] });
    for (const [name, options] of [
      ['attach', 'PodAttachOptions'],
      ['exec', 'PodExecOptions'],
      ['portforward', 'PodPortForwardOptions'],
    ] as const)
      found.push({ ...base, name: `pods/${name}`, kind: options, verbs: ['create', 'get'] });
  }
  if (kind === 'ServiceAccount')
    found.push({ ...base, name: 'serviceaccounts/token', kind: 'TokenRequest', verbs: ['create'] });
  return found;
}
