/** The connection that a pod has to its own cluster: the service account that Kubernetes mounts into it. The token is replaced on disk every hour or so, hence read at each dial. */
import { join } from 'node:path';
import type { KubeConnection } from '../connection.js';
import { givenCredential } from '../credential.js';
import { invalid } from './document.js';

export interface InClusterOptions {
  /** What Kubernetes puts into `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`. */
  readonly host: string | undefined;
  readonly port: string | undefined;
  /** Default `/var/run/secrets/kubernetes.io/serviceaccount`. */
  readonly folder?: string;
}

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Throws `kubeconfigInvalid` outside a cluster. Opens no file. */
export function connectInCluster({ host, port, folder = FOLDER }: InClusterOptions): KubeConnection {
  if (!host) throw invalid('host: not set, so this is no pod of a cluster (KUBERNETES_SERVICE_HOST)');
  if (!port) throw invalid('port: not set, so this is no pod of a cluster (KUBERNETES_SERVICE_PORT)');
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: { file: join(folder, 'ca.crt') },
    credentials: givenCredential({ token: { file: join(folder, 'token') } }),
  };
}
