/** What the methods for credentials need of whoever keeps them. */
import type { Principal } from '@trunkline/hub';
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { KubeContract } from '@trunkline/contracts/kube';
import type { CredentialsOf } from '../access/askers.js';

export interface Credentials extends CredentialsOf {
  put(
    principal: Principal,
    params: RpcParams<KubeContract, 'kube.credentials.put'>,
  ): Promise<RpcResultOf<KubeContract, 'kube.credentials.put'>>;
  list(principal: Principal): Promise<RpcResultOf<KubeContract, 'kube.credentials.list'>>;
  /** Ends what runs on it. */
  remove(principal: Principal, cluster: string): Promise<boolean>;
}
