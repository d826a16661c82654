/**
 * Which clusters an org sees, and which of their namespaces: by its record in the directory (`clusters`: all of it; `kubernetes`: these namespaces), by `orgs` of the
 * configuration, and for the org of the console everything. What is read is kept for a few seconds, and forgotten when the record changes here.
 */
import type { Clock } from '@trunkline/base';
import type { OrgRecord } from '@trunkline/contracts/directory';
import type { OrgScope } from '@trunkline/module-kube';
import { CodedError } from '@trunkline/protocol';

export interface VisibilityDeps {
  readonly clock: Clock;
  /** Absent: there are no records. */
  readonly findOrg?:
    ((org: string) => Promise<Pick<OrgRecord, 'clusters' | 'kubernetes'> | undefined>) | undefined;
}

export interface VisibilityOptions {
  /** Sees every cluster. */
  readonly home: string;
  /** Orgs by cluster, as configured; `*`: all. */
  readonly configured: Readonly<Record<string, readonly string[]>>;
  /** How long a record is used without asking again, in milliseconds. Default 1,500: with the next look at rights, a change made on another node takes effect within 5 s. */
  readonly keepMs?: number;
}

export interface Visibility {
  /** Undefined: the org may not see it. Rejects with a temporary error where the directory does not answer. */
  of(org: string, cluster: string): Promise<OrgScope | undefined>;
  /** Forgets what was read of this org. */
  forget(org: string): void;
}

type Scope = Pick<OrgRecord, 'clusters' | 'kubernetes'>;

const ALL: OrgScope = {};
const NOTHING: Scope = { clusters: [], kubernetes: [] };
const KEEP_MS = 1_500;
/** Orgs remembered; beyond it all are forgotten. */
const MAX_KEPT = 10_000;

export function createVisibility(
  { clock, findOrg }: VisibilityDeps,
  { home, configured, keepMs = KEEP_MS }: VisibilityOptions,
): Visibility {
  const kept = new Map<string, { readonly untilMs: number; readonly scope: Promise<Scope> }>();

  const read = async (find: NonNullable<VisibilityDeps['findOrg']>, org: string): Promise<Scope> => {
    try {
      return (await find(org)) ?? NOTHING;
    } catch (cause) {
      // Not an answer: the next one asks again.
      kept.delete(org);
      if (cause instanceof CodedError) throw cause;
      throw new CodedError('sourceUnavailable', 'the record of the org cannot be read', { cause });
    }
  };

  const scopeOf = (org: string): Promise<Scope> => {
    if (!findOrg) return Promise.resolve(NOTHING);
    const known = kept.get(org);
    if (known && known.untilMs > clock.monotonic()) return known.scope;
    if (kept.size >= MAX_KEPT) kept.clear();
    const scope = read(findOrg, org);
    kept.set(org, { untilMs: clock.monotonic() + keepMs, scope });
    return scope;
  };

  return {
    async of(org, cluster) {
      const named = configured[cluster] ?? [];
      if (org === home || named.includes('*') || named.includes(org)) return ALL;
      const { clusters, kubernetes } = await scopeOf(org);
      if (clusters.includes(cluster)) return ALL;
      const namespaces = kubernetes.filter((one) => one.cluster === cluster).map((one) => one.namespace);
      return namespaces.length === 0 ? undefined : { namespaces };
    },
    forget: (org) => void kept.delete(org),
  };
}
