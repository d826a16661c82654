/** Which endpoint a request means: method and path patterns (`/panels/:id/ws`, `/files/*rest`), exact paths before patterns, and those before open-ended ones. */
import type { Endpoint } from '@trunkline/hub';

export type Route =
  | { readonly kind: 'found'; readonly endpoint: Endpoint; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'notFound' }
  /** The path exists, for other methods. */
  | { readonly kind: 'wrongMethod'; readonly allow: string }
  /** A `:name` part of the path is not valid percent-encoding. */
  | { readonly kind: 'badPath' };

/** Splits a request target into its path and query. Only origin-form targets (RFC 9112 section 3.2.1) have a path here. */
export function splitTarget(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  return { path, query: new URLSearchParams(at < 0 ? '' : target.slice(at + 1)) };
}

export function route(endpoints: readonly Endpoint[], method: string, path: string): Route {
  let other: Route = { kind: 'notFound' };
  const ordered = [
    ...endpoints.filter((one) => one.path === path),
    ...endpoints.filter((one) => one.path.includes('/:') && !one.path.includes('/*')),
    ...endpoints.filter((one) => one.path.includes('/*')),
  ];
  for (const endpoint of ordered) {
    const params = matchPath(endpoint.path, path);
    if (params === undefined) continue;
    if (params === 'malformed') return { kind: 'badPath' };
    if (endpoint.method === method) return { kind: 'found', endpoint, params };
    other = {
      kind: 'wrongMethod',
      allow: other.kind === 'wrongMethod' ? `${other.allow}, ${endpoint.method}` : endpoint.method,
    };
  }
  return other;
}

/**
 * Values of the `:name` parts, decoded. A part matches one non-empty segment. A `*name` at the end matches all that is left, at least one character, and its value is as it came: what
 * an encoded slash means in there, its owner knows.
 */
export function matchPath(
  pattern: string,
  path: string,
): Readonly<Record<string, string>> | 'malformed' | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  const last = wanted.at(-1) ?? '';
  const rest = last.startsWith('*') ? given.slice(wanted.length - 1).join('/') : undefined;
  if (rest === undefined ? wanted.length !== given.length : rest === '') return undefined;
  const params: [string, string][] = [];
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? '';
    if (rest !== undefined && index === wanted.length - 1) break;
    if (!segment.startsWith(':')) {
      if (segment !== value) return undefined;
    } else if (value === '') {
      return undefined;
    } else {
      params.push([segment.slice(1), value]);
    }
  }
  const decoded = decode(params);
  return rest === undefined || decoded === 'malformed' ? decoded : { ...decoded, [last.slice(1)]: rest };
}

function decode(params: readonly [string, string][]): Readonly<Record<string, string>> | 'malformed' {
  try {
    return Object.fromEntries(params.map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    return 'malformed';
  }
}
