/**
 * Discovery in one answer: every group, version and resource under `/api` or `/apis`, for clients that ask for it by `Accept`. Clients list the plain
 * documents behind it in the same header, since older servers know only those.
 */
import type { ResourceRegistry } from '../cluster/registry.js';
import type { JsonObject } from '../model/objects.js';
import { listedTypes, type ListedType } from './discovery.js';

const GROUP = 'apidiscovery.k8s.io';
const KIND = 'APIGroupDiscoveryList';
const VERSIONS = ['v2', 'v2beta1'];

export interface AggregatedAnswer {
  readonly contentType: string;
  readonly body: JsonObject;
}

/** Undefined where the client prefers plain documents or `path` is another one. */
export function discoverAggregated(
  path: string,
  accept: string | undefined,
  registry: ResourceRegistry,
): AggregatedAnswer | undefined {
  if (path !== '/api' && path !== '/apis') return undefined;
  for (const offer of (accept ?? '').split(',')) {
    const [media, ...parameters] = offer.split(';').map((part) => part.trim());
    if (media !== 'application/json') continue;
    const given = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string]));
    const version = given.get('v') ?? '';
    if (given.get('as') === undefined) return undefined;
    if (given.get('as') !== KIND || given.get('g') !== GROUP || !VERSIONS.includes(version)) continue;
    return {
      contentType: `application/json;g=${GROUP};v=${version};as=${KIND}`,
      body: {
        kind: KIND,
        apiVersion: `${GROUP}/${version}`,
        metadata: {},
        items: groups(registry, path === '/api'),
      },
    };
  }
  return undefined;
}

function groups(registry: ResourceRegistry, core: boolean): JsonObject[] {
  const found = new Map<string, Map<string, JsonObject[]>>();
  for (const { group, version, entries } of listedTypes(registry)) {
    if ((group === '') !== core) continue;
    const versions = found.get(group) ?? new Map<string, JsonObject[]>();
    found.set(group, versions);
    versions.set(version, [...(versions.get(version) ?? []), toResource(entries, group, version)]);
  }
  return [...found].map(([name, versions]) => ({
    metadata: { ...(name === '' ? {} : { name }), creationTimestamp: null },
    versions: [...versions].map(([version, resources]) => ({ version, resources, freshness: 'Current' })),
  }));
}

/** The first entry is the resource, the others its subresources. */
function toResource(
  [resource, ...subresources]: ListedType['entries'],
  group: string,
  version: string,
): JsonObject {
  const kindOf = (kind: string): JsonObject => ({ group, version, kind });
  return {
    resource: resource.name,
    responseKind: kindOf(resource.kind),
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singularName,
    verbs: resource.verbs,
    ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }),
    ...(resource.categories === undefined ? {} : { categories: resource.categories }),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map(({ name, kind, verbs }) => ({
            subresource: name.slice(resource.name.length + 1),
            responseKind: kindOf(kind),
            verbs,
          })),
        }),
  };
}
