/**
 * In whose name a cluster is asked for a principal, by its mode. The principal comes from the credential of the connection; no message names one. What a principal may be called in a
 * cluster is bounded: names of the system are nobody's.
 */
import type { Principal } from '@trunkline/hub';
import { KUBE_MODULE_CODES } from '@trunkline/contracts/kube';
import type { GivenCredential, Impersonation } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import type { OpenCluster } from '../clusters/clusters.js';
import type { Way } from '../clusters/way.js';
import type { Identity } from '../ports.js';
import type { Asker } from './reviews.js';
import { forbidden } from './words.js';

/** A credential that a user left. Its id is another one each time that it is replaced. */
export interface LeftCredential {
  readonly id: string;
  readonly credential: GivenCredential;
}

export interface CredentialsOf {
  /** Undefined: the user has left none for this cluster. */
  find(principal: Principal, cluster: string): Promise<LeftCredential | undefined>;
}

export interface Standing {
  readonly identity: Identity;
  readonly way: Way;
  readonly asker: Asker & { readonly cluster: Way['cluster'] };
}

/** Throws `kubeForbidden` for nobody, and `kubeCredentialMissing`. */
export async function standingOf(
  cluster: OpenCluster,
  principal: Principal,
  credentials: CredentialsOf | undefined,
): Promise<Standing> {
  switch (cluster.options.mode) {
    case 'shared': {
      const way = cluster.server();
      return { identity: SERVER, way, asker: { key: '', cluster: way.cluster, user: undefined } };
    }
    case 'impersonate': {
      const way = cluster.server();
      const { groups = 'byOrg', impersonate } = cluster.options;
      const who = impersonate ? impersonate(principal) : impersonated(principal, groups);
      if (who === undefined) throw forbidden('this user is nobody in the cluster');
      const key = JSON.stringify([who.user, ...[...(who.groups ?? [])].sort()]);
      return { identity: SERVER, way, asker: { key, cluster: way.cluster.as(who), user: who.user } };
    }
    case 'own': {
      const left = principal.user === '' ? undefined : await credentials?.find(principal, cluster.id);
      if (left === undefined) throw new CodedError(KUBE_MODULE_CODES.kubeCredentialMissing);
      const way = cluster.withCredential(left.id, left.credential);
      const identity = { kind: 'credential', id: left.id } as const;
      return { identity, way, asker: { key: '', cluster: way.cluster, user: undefined } };
    }
  }
}

const SERVER: Identity = { kind: 'server' };

/** Users and groups of the system have rights that nobody gave to a person. An org may be called `system`. */
function impersonated(
  { org, user, groups }: Principal,
  called: 'byOrg' | 'plain',
): Impersonation | undefined {
  if (user === '' || isOfSystem(user)) return undefined;
  const names = groups.map((group) => (called === 'plain' ? group : `${org}:${group}`));
  return { user, groups: names.filter((name) => !isOfSystem(name)) };
}

function isOfSystem(name: string): boolean {
  return name.startsWith('system:');
}
