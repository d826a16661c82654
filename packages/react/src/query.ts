/**
 * Live Kubernetes lists in TanStack Query: the data of a query is a store's snapshot, replaced whenever the store says so. This file says what a query is made of;
 * `live-query.ts` keeps the store behind it.
 */
import {
  liveList,
  liveObject,
  type Health,
  type KubeObject,
  type ListOptions,
  type ListSnapshot,
  type LiveClient,
  type ObjectOptions,
  type ObjectSnapshot,
} from '@trunkline/client/kube';
import type { QueryFunctionContext } from '@tanstack/react-query';
import { LiveQuery, type LiveStore } from './live-query.js';

export interface QueryOptions {
  /** Part of the query's key, for lists that differ in their `map` alone: functions are no part of it. */
  readonly key?: string;
  /** How long a list stays open when no component shows it any more, milliseconds. Default 5,000. */
  readonly lingerMs?: number;
}

export type KubeQueryKey = readonly ['trunkline', client: number, name: string, question: object];

/** What `useQuery` and its like take; spread it to add `select` or `gcTime`. */
export interface KubeQuery<Snapshot> {
  readonly queryKey: KubeQueryKey;
  readonly queryFn: (context: QueryFunctionContext<KubeQueryKey>) => Promise<Snapshot>;
  /** Data is old only where no store stands behind it: fetching is what opens one. */
  readonly staleTime: (query: object) => number;
  readonly structuralSharing: false;
  readonly refetchOnMount: true;
  readonly refetchOnWindowFocus: false;
  readonly refetchOnReconnect: false;
  /** Stores try again by themselves. */
  readonly retry: false;
}

/**
 * A list as a query: `useQuery(kubeListQuery(client, { cluster, resource: 'pods' }))`. Its data is a `ListSnapshot`: the same one until something changed, with the same row
 * objects where those did not. The query fails only where the list was refused before there was anything to show; later the data says how it is.
 */
export function kubeListQuery<T = KubeObject>(
  client: LiveClient,
  options: ListOptions<T> & QueryOptions,
): KubeQuery<ListSnapshot<T>> {
  return liveQuery('kube.list', client, options, () => liveList<T>(client, options));
}

/** One object as a query. */
export function kubeObjectQuery<T = KubeObject>(
  client: LiveClient,
  options: ObjectOptions<T> & QueryOptions,
): KubeQuery<ObjectSnapshot<T>> {
  return liveQuery('kube.object', client, options, () => liveObject<T>(client, options));
}

/** Which store stands behind a query, for as long as the query lives: the cache that holds it is the application's. */
const LIVE = new WeakMap<object, LiveQuery<Health>>();
/** Part of the keys: what one client may see is not what another may. */
const NUMBERS = new WeakMap<LiveClient, number>();
let clients = 0;

function numberOf(client: LiveClient): number {
  const known = NUMBERS.get(client);
  if (known !== undefined) return known;
  NUMBERS.set(client, ++clients);
  return clients;
}

function liveQuery<Snapshot extends Health>(
  name: string,
  client: LiveClient,
  options: QueryOptions,
  open: () => LiveStore<Snapshot>,
): KubeQuery<Snapshot> {
  return {
    queryKey: ['trunkline', numberOf(client), name, questionOf(options)],
    queryFn: ({ client: cache, queryKey }) => {
      const query = cache.getQueryCache().find({ queryKey, exact: true });
      if (query === undefined) throw new TypeError('the query is not in the cache');
      const held = LIVE.get(query) as LiveQuery<Snapshot> | undefined;
      const live =
        held ?? new LiveQuery<Snapshot>({ client, cache, query, lingerMs: options.lingerMs, open });
      LIVE.set(query, live as unknown as LiveQuery<Health>);
      return live.read();
    },
    staleTime: (query) => (LIVE.get(query)?.isOpen === true ? Infinity : 0),
    structuralSharing: false,
    refetchOnMount: true,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    retry: false,
  };
}

/** What can be a key: neither functions nor what they are given with. */
function questionOf(options: QueryOptions): object {
  const { lingerMs: _l, clock: _c, random: _r, ...rest } = options as QueryOptions & Record<string, unknown>;
  const plain = Object.entries(rest).filter(
    ([, value]) => value !== undefined && typeof value !== 'function',
  );
  return Object.fromEntries(plain);
}
