/** What the console may call and listen to: the contracts of the node, of the directory and of live Kubernetes lists, as types only. */
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { DirectoryContract } from '@trunkline/contracts/directory';
import type { KubeContract } from '@trunkline/contracts/kube';
import type { NodeContract } from '@trunkline/contracts/node';

export type ConsoleContract = NodeContract | DirectoryContract | KubeContract;

type ContractOf<M extends Method> = M extends keyof NodeContract['rpc']
  ? NodeContract
  : M extends keyof DirectoryContract['rpc']
    ? DirectoryContract
    : KubeContract;

export type Method = keyof NodeContract['rpc'] | keyof DirectoryContract['rpc'] | keyof KubeContract['rpc'];
export type Params<M extends Method> = M extends keyof ContractOf<M>['rpc']
  ? RpcParams<ContractOf<M>, M>
  : never;
export type Result<M extends Method> = M extends keyof ContractOf<M>['rpc']
  ? RpcResultOf<ContractOf<M>, M>
  : never;
