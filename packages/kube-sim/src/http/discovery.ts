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
  for (const { group, version } of [...registry.types(), ...REVIEWS])
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
  const listed = [
    ...registry
      .types()
      .filter((type) => type.group === group && type.version === version)
      .flatMap(entries),
    ...REVIEWS.filter((review) => review.group === group && review.version === version).map((review) => ({
      name: review.resource,
      singularName: review.kind.toLowerCase(),
      namespaced: review.namespaced,
      kind: review.kind,
      verbs: ['create'],
    })),
  ];
  if (listed.length === 0) throw noSuchResource();
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: listed };
}

function entries(type: ResourceType): JsonObject[] {
  const { resource, singular, namespaced, kind, shortNames, categories } = type;
  const base = { singularName: '', namespaced, kind };
  const found: JsonObject[] = [
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
  if (kind === 'Pod') found.push({ ...base, name: 'pods/log', verbs: ['get'] });
  if (kind === 'ServiceAccount')
    found.push({ ...base, name: 'serviceaccounts/token', kind: 'TokenRequest', verbs: ['create'] });
  return found;
}
