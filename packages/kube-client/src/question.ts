/** What one asks a cluster for: a resource, where, and which of it; and the paths that say so. */
import { KubeError } from './errors.js';

export interface KubeResource {
  /** API group; empty for the core. */
  readonly group: string;
  readonly version: string;
  /** Plural in lower case, e.g. `pods`. */
  readonly resource: string;
}

/** A set of objects that can be listed and watched. */
export interface KubeQuestion extends KubeResource {
  /** Without it: all namespaces, or a resource that has none. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export type QueryValue = string | number | boolean | undefined;

/** `/api/v1/namespaces/default/pods`, each part encoded. */
export function toPath(
  { group, version, resource, namespace }: KubeQuestion,
  ...below: readonly string[]
): string {
  const root = group === '' ? ['api', version] : ['apis', group, version];
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  return toUrlPath([...root, ...scope, resource, ...below]);
}

/**
 * Parts joined and encoded. Throws `kubeRefused` for a part that an API server would read as something else once it has decoded the path: an empty one, `.`, `..`,
 * or one with a slash or a percent sign. Kubernetes gives no such names.
 */
export function toUrlPath(parts: readonly string[]): string {
  return parts
    .map((part) => {
      if (/^\.{0,2}$|[/%\\\p{Cc}\p{Cs}]/u.test(part))
        throw new KubeError('kubeRefused', `${JSON.stringify(part.slice(0, 64))}: not allowed in a path`);
      return `/${encodeURIComponent(part)}`;
    })
    .join('');
}

/** `?a=1&b=2`; fields that are undefined are left out, in the order given. */
export function toQuery(fields: Readonly<Record<string, QueryValue>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** The selectors of a question as query fields. */
export function selectorsOf({ labelSelector, fieldSelector }: KubeQuestion): Record<string, QueryValue> {
  return { labelSelector: labelSelector || undefined, fieldSelector: fieldSelector || undefined };
}

/**
 * Which of two versions is newer, where both are decimal numbers, as all API servers up to now write them: negative when `left` is older, 0 when they are equal. Undefined
 * where that cannot be said. Only for ordering and for wires that assume it; correctness never rests on it.
 */
export function compareVersions(left: string, right: string): number | undefined {
  if (left === right) return 0;
  if (!/^[1-9]\d*$/.test(left) || !/^[1-9]\d*$/.test(right)) return undefined;
  return left.length - right.length || (left < right ? -1 : 1);
}
