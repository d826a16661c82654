/**
 * What this module is given: clusters, with the way to each and whom it shows itself to, and the numbers by which lists are shared, rights are asked about and rows are sent.
 * Resolved once, at the door.
 */
import { mergeOptions, requireNumber } from '@trunkline/base';
import type { ClusterRecord } from '@trunkline/contracts/kube';
import type { Principal } from '@trunkline/hub';
import type {
  Impersonation,
  KubeClusterOptions,
  KubeConnection,
  ReflectorSetOptions,
} from '@trunkline/kube-client';

/**
 * Whose rights count. `shared`: those of the connection, for everybody. `impersonate`: those of each user, whom the connection may impersonate. `own`: those of a credential that
 * each user leaves; the connection says where the cluster is.
 */
export type ClusterMode = ClusterRecord['mode'];

/** How an org stands towards a cluster. */
export interface OrgScope {
  /** The namespaces that the org is confined to; absent: none is closed. An empty list closes all. */
  readonly namespaces?: readonly string[];
}

export interface ClusterOptions {
  /** 1 to 64 characters of `a-z`, `A-Z`, `0-9`, `_`, `.`, `@` and `-`. */
  readonly id: string;
  /** For people. Default: the id. */
  readonly name?: string;
  readonly mode: ClusterMode;
  /** Requests that change something are passed on as well, by the rights of whoever makes them, where there is an audit log. Default false. */
  readonly writes?: boolean;
  /** So are exec, attach and port-forward. Default false. */
  readonly exec?: boolean;
  /** A demonstration without anything real behind it. Default false. */
  readonly simulated?: boolean;
  /** The way there, made by whoever read the configuration. Called once, when somebody first uses the cluster. */
  open(): KubeConnection;
  /**
   * Undefined: the org does not see it, and cannot tell it from one that is not there. Asked whenever rights are, so that it should answer from memory; what it takes to notice a
   * change adds to the time in which it takes effect.
   */
  visibleTo(org: string): OrgScope | undefined | Promise<OrgScope | undefined>;
  /**
   * Mode `impersonate`: how groups of principals are called there. `byOrg` (default): with the org before them, `acme:admins`, since administrators of an org name its groups, and would give
   * themselves what a group of that name has. `plain`: as they are, where the names of groups are the operator's.
   */
  readonly groups?: 'byOrg' | 'plain';
  /** Mode `impersonate`: whom a principal is there, instead of the user and the groups above. Undefined: nobody. */
  impersonate?(principal: Principal): Impersonation | undefined;
  /** Times and limits towards the cluster. */
  readonly client?: Partial<KubeClusterOptions>;
}

export interface KubeTuning {
  /** How old a yes of an API server may be, in milliseconds. Default 3,000: with the hub's next look and a review that comes late, a revocation takes effect within 5 s. */
  readonly rightsTtlMs: number;
  /** The same for a no while namespaces are looked through one by one, in milliseconds. Default 15,000: what was granted shows up within it. */
  readonly deniedTtlMs: number;
  /** Longest wait for one review, in milliseconds. Default 1,500: less than the hub waits for a permission, and see above. */
  readonly reviewTimeoutMs: number;
  /** How long those who were let in stay while nobody can be asked about their rights and nothing new is shown, in milliseconds. Default 600,000. */
  readonly rightsStaleMs: number;
  /** Reviews remembered per cluster; the one asked longest ago goes. Default 20,000, some 6 MB. */
  readonly maxReviews: number;
  /** Namespaces of a cluster that are asked about at once while they are looked through, for all viewers together. Default 8. */
  readonly parallelReviews: number;
  /** Namespaces that are looked through for a viewer who may not see all, by name. Default 200. */
  readonly maxNamespaces: number;
  /** How long the names of namespaces are used, in milliseconds. Default 5,000. */
  readonly namespacesTtlMs: number;
  /** How long the kinds of a cluster are used, in milliseconds; one that is not among them is looked for sooner. Default 30,000. */
  readonly kindsTtlMs: number;
  /** Time between signs of life of a cluster that somebody looks at, in milliseconds. Default 15,000. */
  readonly probeMs: number;
  /** Longest wait for one, in milliseconds. Default 5,000. */
  readonly probeTimeoutMs: number;
  /** How long a cluster counts as looked at, in milliseconds. Default 60,000. */
  readonly lookedAtMs: number;
  /** Ways with credentials of users per cluster; the one used longest ago without readers goes. Default 500. */
  readonly maxCredentials: number;
  /** Changes of a key within this time are one, in milliseconds. Default 50: what a screen shows in three frames. */
  readonly frameMs: number;
  /** Changes kept per list for those who come back. Default 1,000. */
  readonly keptChanges: number;
  /** Objects of one list. Default 200,000. */
  readonly maxObjects: number;
  /** How long a list goes on without readers, in milliseconds. Default 30,000. */
  readonly lingerMs: number;
  /** Lists that the viewers of one org keep open on this node. Default 300: others find room among the reflectors of a shared cluster. */
  readonly maxListsPerOrg: number;
  /** Lists that one `kube.open` answers at most. Default 100. */
  readonly maxOpened: number;
  /** After which time `kube.open` should be asked again, in milliseconds. Default 30,000. */
  readonly askAgainMs: number;
  /** Longest channel name. Default 255, the hub's own. */
  readonly maxChannelLength: number;
  /** Changes held back for one reader while rights cannot be asked about; beyond it the reader begins anew. Default 10,000. */
  readonly maxHeldChanges: number;
  /** Of all reflectors of one way to a cluster: 1,000 of them, and 1 GiB of objects in each, where nothing else is said. */
  readonly reflectors: Partial<ReflectorSetOptions>;
}

export const KUBE_DEFAULTS: KubeTuning = {
  rightsTtlMs: 3_000,
  deniedTtlMs: 15_000,
  reviewTimeoutMs: 1_500,
  rightsStaleMs: 600_000,
  maxReviews: 20_000,
  parallelReviews: 8,
  maxNamespaces: 200,
  namespacesTtlMs: 5_000,
  kindsTtlMs: 30_000,
  probeMs: 15_000,
  probeTimeoutMs: 5_000,
  lookedAtMs: 60_000,
  maxCredentials: 500,
  frameMs: 50,
  keptChanges: 1_000,
  maxObjects: 200_000,
  lingerMs: 30_000,
  maxListsPerOrg: 300,
  maxOpened: 100,
  askAgainMs: 30_000,
  maxChannelLength: 255,
  maxHeldChanges: 10_000,
  reflectors: { maxReflectors: 1_000, reflector: { maxBytes: 1_073_741_824 } },
};

const LEAST: Partial<Record<keyof KubeTuning, number>> = {
  deniedTtlMs: 0,
  rightsStaleMs: 0,
  namespacesTtlMs: 0,
  kindsTtlMs: 0,
  frameMs: 0,
  keptChanges: 0,
  lingerMs: 0,
};

export interface KubeModuleOptions extends Partial<KubeTuning> {
  /** Clusters to begin with; others come and go by `addCluster` and `removeCluster`. */
  readonly clusters: readonly ClusterOptions[];
}

/** Merges defaults and checks; throws a RangeError that names the field. */
export function resolveKubeTuning(given: Partial<KubeTuning> = {}): KubeTuning {
  const merged = mergeOptions(KUBE_DEFAULTS, given);
  const fields = Object.keys(KUBE_DEFAULTS) as (keyof KubeTuning)[];
  for (const field of fields)
    if (typeof KUBE_DEFAULTS[field] === 'number')
      requireNumber(field, merged[field] as number, LEAST[field] ?? 1);
  return Object.fromEntries(fields.map((field) => [field, merged[field]])) as unknown as KubeTuning;
}
