/**
 * What a window may show: for each cluster the lists that its maker was allowed to see, whole or by namespaces. Scopes are found when a window is made, are part of what makes two
 * windows the same, and are asked about again for everyone who reads it, as long as they read.
 */
import type { DeniedScope } from '@trunkline/contracts/kube';
import type { Principal } from '@trunkline/hub';
import { KubeError, type KubeQuestion, type ResourceInfo } from '@trunkline/kube-client';
import { CodedError, ERROR_CODES } from '@trunkline/protocol';
import type { Access, Identity, Sight, Upstreams } from '../ports.js';
import type { RowKind } from './engine/columns.js';
import type { FeedSource } from './feeds.js';

/** A list that was asked for, and what of it is shown. */
export interface Scope {
  readonly cluster: string;
  readonly upstream: Identity;
  readonly question: KubeQuestion;
  /** Where the question is for all of them and not all are open; undefined: all of the question. */
  readonly namespaces: readonly string[] | undefined;
  readonly rows: RowKind;
}

export interface ScopeRequest {
  readonly sources: readonly {
    readonly cluster: string;
    readonly namespaces?: readonly string[] | undefined;
  }[];
  readonly kind: { readonly group?: string; readonly version?: string; readonly resource: string };
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  /** Lists of all clusters together. */
  readonly maxQuestions: number;
}

export interface ScopesDeps {
  readonly access: Access;
  readonly upstreams: Pick<Upstreams, 'resolve'>;
}

interface Found {
  readonly scopes: readonly Scope[];
  readonly denied: readonly DeniedScope[];
}

export interface FoundScopes extends Found {
  /** At least one. */
  readonly scopes: readonly [Scope, ...Scope[]];
}

/**
 * What of a request may be seen, and what not and why. One cluster that is down, unknown or closed does not hide the others; where nothing is left, the first reason is thrown.
 * Throws `badRequest` for a cluster named twice, for a
 * kind that cannot be watched or that clusters do not agree about, and `limitExceeded`.
 */
export async function findScopes(
  deps: ScopesDeps,
  principal: Principal,
  request: ScopeRequest,
): Promise<FoundScopes> {
  const clusters = request.sources.map(({ cluster }) => cluster);
  const twice = clusters.find((cluster, index) => clusters.indexOf(cluster) !== index);
  if (twice !== undefined) throw new CodedError('badRequest', `sources: ${twice} is there twice`);
  const failures: unknown[] = [];
  const found = await Promise.all(
    request.sources.map((source) =>
      inCluster(deps, principal, request, source, failures).catch((cause: unknown): Found => {
        const denied = toDenied(cause, source.cluster);
        failures.push(cause);
        return { scopes: [], denied: [denied] };
      }),
    ),
  );
  const scopes = found.flatMap((one) => one.scopes);
  const lists = scopes.reduce((sum, { namespaces }) => sum + (namespaces?.length ?? 1), 0);
  if (lists > request.maxQuestions)
    throw new CodedError('limitExceeded', `a window is over at most ${request.maxQuestions} lists`);
  const denied = found.flatMap((one) => one.denied);
  const [first, ...others] = scopes;
  if (first === undefined) throw failures[0] ?? new CodedError('permissionDenied');
  const kinds = new Set(scopes.map(({ rows }) => JSON.stringify(rows)));
  if (kinds.size > 1) throw new CodedError('badRequest', 'resource: not the same kind in all clusters');
  return { scopes: [first, ...others], denied };
}

/**
 * For how long it is known that a principal may see all of these, in milliseconds; undefined where they may not. Throws what `Access` throws: its words are the viewer's, and
 * a temporary failure is no refusal. `newcomer`: see `Access.sight`.
 */
export async function holdScopes(
  access: Access,
  principal: Principal,
  scopes: readonly Scope[],
  newcomer: boolean,
): Promise<number | undefined> {
  const known = await Promise.all(
    scopes.map(async (scope) => {
      const { upstream } = await access.enter(principal, scope.cluster);
      // Whoever has another credential now sees through other eyes.
      if (!isSameIdentity(upstream, scope.upstream)) return undefined;
      const sight = await access.sight(principal, scope.cluster, scope.question, newcomer);
      return covers(sight, scope.namespaces) ? sight.recheckMs : undefined;
    }),
  );
  return known.includes(undefined) ? undefined : Math.min(...known.map((ms) => ms ?? 0));
}

/** The lists behind a scope. */
export function sourcesOf({ cluster, upstream, question, namespaces, rows }: Scope): FeedSource[] {
  const questions = namespaces?.map((namespace) => ({ ...question, namespace })) ?? [question];
  return questions.map((one) => ({ cluster, upstream, question: one, rows }));
}

async function inCluster(
  { access, upstreams }: ScopesDeps,
  principal: Principal,
  request: ScopeRequest,
  { cluster, namespaces }: ScopeRequest['sources'][number],
  failures: unknown[],
): Promise<Found> {
  const { upstream } = await access.enter(principal, cluster);
  const info = await upstreams.resolve(cluster, upstream, request.kind);
  if (!info.verbs.includes('list') || !info.verbs.includes('watch'))
    throw new CodedError('badRequest', `resource: ${info.resource} cannot be listed and watched`);
  if (namespaces !== undefined && !info.namespaced)
    throw new CodedError('badRequest', `namespaces: ${info.resource} have none`);
  const question = toQuestion(info, request);
  const rows = { group: info.group, resource: info.resource, namespaced: info.namespaced };
  const asked = namespaces === undefined ? [undefined] : [...new Set(namespaces)].sort();
  const found = await Promise.all(
    asked.map(async (namespace): Promise<Found> => {
      const one = namespace === undefined ? question : { ...question, namespace };
      const scope = { cluster, upstream, question: one, rows };
      try {
        const sight = await access.sight(principal, cluster, one);
        if (sight.kind === 'all') return { scopes: [{ ...scope, namespaces: undefined }], denied: [] };
        const all = [...new Set(sight.namespaces)].sort();
        if (all.length === 0) throw new KubeError('kubeForbidden', sight.reason);
        const open = all.slice(0, request.maxQuestions);
        const reason = `only ${open.length} of ${all.length} namespaces`;
        return {
          scopes: [{ ...scope, namespaces: open }],
          denied: open.length < all.length ? [{ cluster, code: LIMIT_EXCEEDED, reason }] : [],
        };
      } catch (cause) {
        failures.push(cause);
        return { scopes: [], denied: [toDenied(cause, cluster, namespace)] };
      }
    }),
  );
  return { scopes: found.flatMap((one) => one.scopes), denied: found.flatMap((one) => one.denied) };
}

function toQuestion(info: ResourceInfo, { labelSelector, fieldSelector }: ScopeRequest): KubeQuestion {
  const { group, version, resource } = info;
  return {
    group,
    version,
    resource,
    ...(labelSelector && { labelSelector }),
    ...(fieldSelector && { fieldSelector }),
  };
}

/** What is no coded error is a fault of ours, not a refusal. */
function toDenied(cause: unknown, cluster: string, namespace?: string): DeniedScope {
  if (!(cause instanceof CodedError) || cause.code === BAD_REQUEST) throw cause;
  return { cluster, ...(namespace !== undefined && { namespace }), code: cause.code, reason: cause.message };
}

const BAD_REQUEST = ERROR_CODES.badRequest.code;
const LIMIT_EXCEEDED = ERROR_CODES.limitExceeded.code;

function covers(sight: Sight, namespaces: readonly string[] | undefined): boolean {
  if (sight.kind === 'all') return true;
  const open = new Set(sight.namespaces);
  return namespaces !== undefined && namespaces.every((namespace) => open.has(namespace));
}

function isSameIdentity(left: Identity, right: Identity): boolean {
  return left.kind === 'server'
    ? right.kind === 'server'
    : right.kind === 'credential' && left.id === right.id;
}
