/**
 * One short function per method of the contract: who asks comes from the credential, so does the org. Params were checked against the contract's schema before they come here. The methods
 * of windows and logs are those of their own parts.
 */
import { paramsSchema, type RpcParams, type RpcResultOf } from '@trunkline/contracts';
import { kubeContract, type KubeContract } from '@trunkline/contracts/kube';
import type { CallContext, Principal, RpcMethod } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import type { KubeAccess } from './access/access.js';
import { visibleNamespaces } from './access/namespaces.js';
import { noCluster, type Clusters } from './clusters/clusters.js';
import type { Credentials } from './credentials/port.js';
import type { Lists } from './lists/lists.js';
import { open } from './opening.js';
import type { KubeTuning } from './options.js';
import type { Upstreams } from './ports.js';
import { allReflectors, reflectorsOf, toClusterRecord } from './status.js';

type Method = Exclude<
  keyof KubeContract['rpc'],
  'kube.window' | 'kube.windowState' | 'kube.columns' | 'kube.log'
>;
type Route<M extends Method> = (
  params: RpcParams<KubeContract, M>,
  principal: Principal,
  call: CallContext,
) => Promise<RpcResultOf<KubeContract, M>>;

/** The simulated cluster of this node, started and ended by whoever owns it. */
export interface Demo {
  /** Resolves with the id when it can be used; a second call changes nothing. Rejects with a `CodedError` where it may not run. */
  start(): Promise<string>;
  stop(): Promise<void>;
}

export interface RouteDeps {
  readonly nodeId: string;
  readonly clusters: Clusters;
  readonly access: KubeAccess;
  readonly upstreams: Upstreams;
  readonly lists: Pick<Lists, 'opened'>;
  readonly credentials?: Credentials | undefined;
  readonly demo?: Demo | undefined;
  /** Whether there is an audit log: without one nothing but reading is passed on. Default false. */
  readonly audited?: boolean;
}

/** A credential must not be kept with the key of a call: put again, it changes nothing. */
const IDEMPOTENT: { readonly [M in Method]?: Pick<RpcMethod, 'idempotent'> } = {
  'kube.credentials.put': { idempotent: 'own' },
  'kube.credentials.delete': { idempotent: true },
};

export function createRoutes(deps: RouteDeps, tuning: KubeTuning): Readonly<Record<string, RpcMethod>> {
  const { access, clusters, upstreams, credentials, demo, audited = false } = deps;
  const requireCredentials = (): Credentials => {
    if (credentials === undefined) throw new CodedError('notAvailable', 'credentials are not kept here');
    return credentials;
  };
  const routes: { readonly [M in Method]: Route<M> } = {
    'kube.clusters': async (_params, principal) => {
      const visible = await access.visible(principal.org);
      // Without a place for credentials nobody can use those that need one.
      const usable = visible.filter(
        ({ cluster }) => cluster.options.mode !== 'own' || credentials !== undefined,
      );
      return {
        clusters: await Promise.all(
          usable.map(({ cluster, namespaces }) =>
            toClusterRecord(cluster, namespaces, principal, { credentials, audited }),
          ),
        ),
      };
    },
    'kube.resources': async ({ cluster, maxAgeMs }, principal) => {
      const { upstream } = await access.enter(principal, cluster);
      const { resources, failures } = await clusters.get(cluster).way(upstream).kinds.all(maxAgeMs);
      return {
        resources: resources.map(({ group, version, resource, kind, namespaced, verbs, shortNames }) => ({
          group,
          version,
          resource,
          kind,
          namespaced,
          verbs: [...verbs],
          shortNames: [...shortNames],
        })),
        incomplete: failures.map(({ group, version, error }) => ({
          group: group === '' ? version : `${group}/${version}`,
          reason: error.message,
        })),
      };
    },
    'kube.namespaces': ({ cluster }, principal) =>
      visibleNamespaces({ access, clusters }, principal, cluster),
    'kube.open': (params, principal) => open({ access, upstreams }, tuning, principal, params),
    'kube.credentials.put': async (params, principal) => {
      const kept = requireCredentials();
      requireUser(principal);
      // Throws for a cluster that the org does not see, before anything is said of the credential.
      await requireVisible(access, principal, params.cluster);
      return kept.put(principal, params);
    },
    'kube.credentials.list': async (_params, principal) => {
      requireUser(principal);
      return requireCredentials().list(principal);
    },
    'kube.credentials.delete': async ({ cluster }, principal) => {
      requireUser(principal);
      return { deleted: await requireCredentials().remove(principal, cluster) };
    },
    'kube.status': async ({ cluster }, principal) => {
      const isOperator = principal.roles.includes('operator');
      if (!isOperator && !principal.roles.includes('admin'))
        throw new CodedError('permissionDenied', 'role admin or operator is needed');
      const all = isOperator
        ? clusters.all().map((one) => ({ cluster: one, namespaces: undefined }))
        : await access.visible(principal.org);
      const chosen = all.filter((one) => cluster === undefined || one.cluster.id === cluster);
      const own = deps.lists.opened(principal.org);
      return {
        node: deps.nodeId,
        clusters: await Promise.all(
          chosen.map(async (one) => ({
            cluster: await toClusterRecord(one.cluster, one.namespaces, principal, { credentials, audited }),
            reflectors: isOperator ? allReflectors(one.cluster) : reflectorsOf(one.cluster.id, own),
          })),
        ),
      };
    },
    'kube.demo': async ({ run }, principal) => {
      if (!principal.roles.includes('operator'))
        throw new CodedError('permissionDenied', 'role operator is needed');
      if (demo === undefined) throw new CodedError('notAvailable', 'there is no simulated cluster here');
      if (run) return { cluster: await demo.start() };
      await demo.stop();
      return {};
    },
  };
  return Object.fromEntries(
    (Object.keys(routes) as Method[]).map((method): [string, RpcMethod] => {
      return [
        method,
        {
          params: paramsSchema(kubeContract.rpc[method]),
          ...IDEMPOTENT[method],
          handle: async (params, call) => ({
            result: await (routes[method] as AnyRoute)(params ?? {}, call.principal, call),
          }),
        },
      ];
    }),
  );
}

type AnyRoute = (params: unknown, principal: Principal, call: CallContext) => Promise<unknown>;

function requireUser({ user }: Principal): void {
  if (user === '') throw new CodedError('unauthorized', 'credentials belong to users');
}

async function requireVisible(access: KubeAccess, { org }: Principal, id: string): Promise<void> {
  const visible = await access.visible(org);
  if (!visible.some(({ cluster }) => cluster.id === id)) throw noCluster();
}
