/** The door of this room: clusters are opened by the server (`createKube`), and the module that the hub starts is made of them (`kubeModule`). Rules: docs/spec/kube.md. */
export { createKube, type Kube, type KubeDeps } from './kube.js';
export {
  KUBE_DEFAULTS,
  type ClusterMode,
  type ClusterOptions,
  type KubeModuleOptions,
  type KubeTuning,
  type OrgScope,
} from './options.js';
export { KUBE_MIGRATIONS } from './credentials/migrations.js';
export type { SealingKeys } from './credentials/sealing.js';
export type { Demo } from './routes.js';
export type { Identify } from './wires/identify.js';
export type { Access, Audit, Deed, Identity, Sight, Upstreams, ViewedCluster } from './ports.js';
export { kubeModule, type KubeModuleSetup } from './module.js';
