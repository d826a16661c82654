/** What it takes to reach one cluster, and its check at the door. A connection holds no socket: it is a description that `KubeCluster` dials. */
import { anonymous, type CredentialSource, type TextSource } from './credential.js';
import { KubeError } from './errors.js';

/** Act as somebody else; the credential needs the right to impersonate. */
export interface Impersonation {
  readonly user: string;
  readonly groups?: readonly string[];
}

export interface KubeConnection {
  /** Address of the API server, `http` or `https`. A path is a prefix of every request, e.g. `https://host/k8s/clusters/x`. */
  readonly server: string;
  /** Certificates that are trusted, PEM. Default: those of the system. */
  readonly ca?: TextSource;
  /** Accept any certificate. For development. Default false. */
  readonly insecureSkipTlsVerify?: boolean;
  /** Name that the server's certificate must carry. Default: the host of `server`. */
  readonly tlsServerName?: string;
  /** Proxy that is asked to tunnel: `http`, `https` or `socks5`. Default: none. The environment is not looked at. */
  readonly proxyUrl?: string;
  /** Default: anonymous. */
  readonly credentials?: CredentialSource;
  readonly impersonate?: Impersonation;
}

export interface CheckedConnection extends KubeConnection {
  readonly origin: string;
  /** Path prefix without a slash at its end; often empty. */
  readonly prefix: string;
  readonly credentials: CredentialSource;
}

/** Throws `kubeconfigInvalid` naming the field. */
export function checkConnection(connection: KubeConnection): CheckedConnection {
  const url = checkUrl(connection.server, 'server', ['http:', 'https:']);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new KubeError('kubeconfigInvalid', 'server: only scheme, host, port and path are allowed');
  if (connection.proxyUrl !== undefined)
    checkUrl(connection.proxyUrl, 'proxyUrl', ['http:', 'https:', 'socks5:']);
  if (connection.impersonate !== undefined) checkImpersonation(connection.impersonate);
  return {
    ...connection,
    origin: url.origin,
    prefix: url.pathname.replace(/\/+$/, ''),
    credentials: connection.credentials ?? anonymous,
  };
}

/** Headers can carry printable ASCII only; a name that does not fit is refused rather than changed into somebody else's. Throws `kubeRefused`. */
export function checkImpersonation({ user, groups = [] }: Impersonation): void {
  for (const [field, value] of [
    ['impersonate.user', user] as const,
    ...groups.map((group) => ['impersonate.groups', group] as const),
  ])
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value))
      throw new KubeError('kubeRefused', `${field}: must be printable ASCII without spaces around it`);
}

function checkUrl(text: string, field: string, protocols: readonly string[]): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new KubeError('kubeconfigInvalid', `${field}: no URL`, { cause });
  }
  if (!protocols.includes(url.protocol))
    throw new KubeError('kubeconfigInvalid', `${field}: ${protocols.join(' or ')} expected`);
  return url;
}
