/** What a request of the proxy is about: a cluster, a place of its API, and a query from which the caller's own credential is taken out. */
import type { RouteRequest } from '@trunkline/hub';
import { KubeError } from '@trunkline/kube-client';
import { parseApiPath, segmentsOf, type ApiPath } from '../wires/api-path.js';

export interface Target {
  readonly cluster: string;
  /** Of the API's path, decoded. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  /** Undefined for what is about no kind: `/version`, `/api/v1`, and the like. */
  readonly about: ApiPath | undefined;
}

/** Places of an API server that are about its kinds, or about itself. */
export const ROOTS: ReadonlySet<string> = new Set([
  'api',
  'apis',
  'version',
  'openapi',
  'healthz',
  'livez',
  'readyz',
]);
/** What a request does there is neither reading nor writing. Two are old forms of requests that are refused as well. */
const ELSEWHERE = new Set(['exec', 'attach', 'portforward', 'proxy', 'watch']);

/** What is judged or recorded here: said twice, each reader could take another one. */
const READ_HERE = [
  ...['watch', 'follow', 'labelSelector', 'fieldSelector', 'limit', 'continue'],
  ...['resourceVersion', 'resourceVersionMatch'],
  ...['dryRun', 'force', 'propagationPolicy', 'fieldManager'],
];

/** Throws `kubeRefused` for a path that two readers could take for different things. */
export function targetOf({ params, target }: RouteRequest): Target {
  const { cluster = '', rest = '' } = params;
  const segments = segmentsOf(`/${rest.replace(/\/$/, '')}`);
  const query = new URLSearchParams(target.split('?').slice(1).join('?'));
  query.delete('token');
  return { cluster, segments, query, about: parseApiPath(segments) };
}

/** Throws `kubeRefused` for what this way is not for, whatever the method. */
export function checkServed({ segments, query, about }: Target): void {
  if (!ROOTS.has(segments[0] ?? ''))
    throw new KubeError('kubeRefused', `path: /${segments[0] ?? ''} is not served`);
  for (const field of READ_HERE)
    if (query.getAll(field).length > 1)
      throw new KubeError('kubeRefused', `query: ${field} stands there more than once`);
  for (const field of ['watch', 'follow'])
    if (isSwitchedOn(query.get(field)))
      throw new KubeError('kubeRefused', `query: ${field} is served over WebSocket and channels only`);
  if (about === undefined) return;
  const { resource, below } = about;
  const [subresource] = below;
  if (ELSEWHERE.has(resource) || ELSEWHERE.has(subresource ?? ''))
    throw new KubeError('kubeRefused', `path: ${subresource ?? resource} is not served here`);
}

/** To an API server everything but `0` and `false` is a yes, nothing among it: `?watch` is a watch. */
function isSwitchedOn(value: string | null): boolean {
  return value !== null && !/^(0|false)$/i.test(value);
}

/** The path below the server's prefix, encoded, with its query. */
export function pathOf(segments: readonly string[], query: URLSearchParams): string {
  const search = query.toString();
  return `/${segments.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}
