/**
 * The door of this package: ways to a cluster (`connect…`, `reduceKubeconfig`), what can be asked of it (`createKubeCluster`), and what keeps a list equal to it (`Reflector`,
 * `ReflectorSet`). Rules: docs/spec/kube-client.md.
 */
export { linkAbort, type LinkedAbort } from './abort.js';
export { createKubeCluster, type KubeCluster, type KubeClusterDeps } from './cluster.js';
export { KUBE_CLUSTER_DEFAULTS, type KubeClusterOptions } from './options.js';
export type { Impersonation, KubeConnection } from './connection.js';
export {
  anonymous,
  givenCredential,
  joinCredentials,
  type Credential,
  type CredentialSource,
  type GivenCredential,
  type TextSource,
} from './credential.js';
export {
  connectKubeconfig,
  connectKubeconfigFile,
  type KubeconfigConnection,
  type KubeconfigDeps,
  type KubeconfigOptions,
} from './kubeconfig/connect.js';
export { connectInCluster, type InClusterOptions } from './kubeconfig/in-cluster.js';
export { connectReduced, reduceKubeconfig, type ReducedKubeconfig } from './kubeconfig/uploaded.js';

export { KUBE_CODES, type KubeCodeName } from './codes.js';
export { KubeError, type KubeErrorFacts, type KubeStatus } from './errors.js';
export { compareVersions, type KubeQuestion, type KubeResource } from './question.js';
export { KubeObject, type KubeValue } from './wire/object.js';
export type { PruneOptions } from './wire/scan.js';

export type { Discovery, ResourceInfo } from './http/discovery.js';
export type { KubeAnswer, KubeDial, KubeRequest } from './http/exchange.js';
export type { KubePage, ListAllOptions, ListOptions } from './http/list.js';
export type { LogOptions } from './http/logs.js';
export type { AccessAnswer, AccessQuestion, AccessRules, ResourceRule } from './http/reviews.js';
export type { KubeTable, TableColumn, TableOptions, TableRow } from './http/table.js';
export type { KubeWatch, WatchEvent, WatchOptions } from './http/watch.js';
export type {
  DialAnswer,
  DialRequest,
  KubeSocket,
  KubeSocketEvents,
  Wire,
  WireAnswer,
  WireRequest,
} from './http/wire.js';

export {
  Reflector,
  type ReflectorDeps,
  type ReflectorStats,
  type ReflectorView,
} from './reflector/reflector.js';
export {
  REFLECTOR_SET_DEFAULTS,
  ReflectorSet,
  type ReflectorLease,
  type ReflectorListener,
  type ReflectorSetOptions,
} from './reflector/set.js';
export { REFLECTOR_DEFAULTS, type ReflectorOptions } from './reflector/options.js';
export type { Change, ReflectorFault, ReflectorSink, ReflectorState } from './reflector/types.js';
