/**
 * What a path of the Kubernetes API is about, read from its text as an API server would read it: a kind of object, where, and which one; or none of it. Paths that two readers could
 * take for different things are refused.
 */
import { KubeError, type KubeQuestion } from '@trunkline/kube-client';
import { canonicalFields, canonicalLabels } from '../access/selected.js';

export interface ApiPath {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What follows the name; empty for the object itself. */
  readonly below: readonly string[];
}

/** Segments, decoded. Throws `kubeRefused` for a path with empty segments, dots, or slashes, percent signs and control characters in disguise. */
export function segmentsOf(path: string): readonly string[] {
  if (!path.startsWith('/')) throw new KubeError('kubeRefused', 'path: must begin with a slash');
  return path
    .slice(1)
    .split('/')
    .map((segment) => {
      const decoded = decode(segment);
      if (decoded === undefined || /^\.{0,2}$|[/\\%\p{Cc}\p{Cs}]/u.test(decoded))
        throw new KubeError('kubeRefused', `path: ${JSON.stringify(segment.slice(0, 64))} is no part of one`);
      return decoded;
    });
}

/** Undefined for what is about no kind: `/version`, `/api/v1`, and the like. */
export function parseApiPath(segments: readonly string[]): ApiPath | undefined {
  const [root, ...parts] = segments;
  const named = root === 'apis';
  if (!named && root !== 'api') return undefined;
  const [group, version, rest] = named
    ? [parts[0] ?? '', parts[1] ?? '', parts.slice(2)]
    : ['', parts[0] ?? '', parts.slice(1)];
  if (rest.length === 0) return undefined;
  // `/namespaces/x/pods` lies in x; `/namespaces/x` is x, and so are its two subresources.
  const inside = rest[0] === 'namespaces' && rest.length > 2 && !/^(status|finalize)$/.test(rest[2] ?? '');
  const [resource = '', name, ...below] = inside ? rest.slice(2) : rest;
  return {
    group,
    version,
    resource,
    ...(inside ? { namespace: rest[1] ?? '' } : {}),
    ...(name === undefined ? {} : { name }),
    below,
  };
}

/** What a watch is asked for. */
export interface WatchTarget {
  readonly question: KubeQuestion;
  /** Where the client stands; empty or `0`: nowhere, it wants everything. */
  readonly version: string;
  readonly bookmarks: boolean;
  /** It wants to be told, by a bookmark, when everything that was there has been said. */
  readonly initialEvents: boolean;
  /** After which the client expects the end, in milliseconds. */
  readonly timeoutMs: number | undefined;
}

/** Throws `kubeRefused` for what is no watch of a list or an object, in words that name the part at fault. */
export function parseWatch(path: string, query: URLSearchParams): WatchTarget {
  const found = parseApiPath(segmentsOf(path));
  if (found === undefined) throw new KubeError('kubeRefused', 'path: not that of a list or an object');
  const { group, version, resource, namespace, name, below } = found;
  if (below.length > 0) throw new KubeError('kubeRefused', `path: ${below[0] ?? ''} cannot be watched`);
  if (!isTrue(query.get('watch'))) throw new KubeError('kubeRefused', 'query: only watches are served here');
  const labelSelector = canonicalLabels(query.get('labelSelector') ?? undefined);
  const byName = name === undefined ? [] : [`metadata.name=${name}`];
  const fieldSelector = canonicalFields([query.get('fieldSelector') ?? '', ...byName].join(','));
  const timeout = query.get('timeoutSeconds');
  return {
    question: {
      group,
      version,
      resource,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    },
    version: query.get('resourceVersion') ?? '',
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    initialEvents: isTrue(query.get('sendInitialEvents')),
    timeoutMs: timeout !== null && /^[1-9]\d{0,5}$/.test(timeout) ? Number(timeout) * 1_000 : undefined,
  };
}

/** As API servers read switches: anything but a clear no. */
export function isTrue(value: string | null): boolean {
  return value !== null && !/^(0|f|false|)$/i.test(value);
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
