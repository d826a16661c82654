/**
 * What a user leaves, reduced to a token or a client certificate. Where the cluster is stays the operator's business: a kubeconfig that names another server is refused, since its owner
 * means another cluster. Errors name the field and hold nothing of it.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { RpcParams } from '@trunkline/contracts';
import type { KubeContract } from '@trunkline/contracts/kube';
import { KubeError, reduceKubeconfig } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';

export type GivenParams = Pick<
  RpcParams<KubeContract, 'kube.credentials.put'>,
  'token' | 'certificate' | 'key' | 'kubeconfig'
>;

export type Material =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string };

/** @param server where the cluster is. Throws `badRequest`, `kubeconfigInvalid` and `kubeconfigRefused`, naming the field. */
export function toMaterial(params: GivenParams, server: string): Material {
  const { token, certificate, key, kubeconfig } = params;
  const given = [token, certificate ?? key, kubeconfig].filter((one) => one !== undefined);
  if (given.length !== 1)
    throw new CodedError('badRequest', 'one of token, certificate with key, and kubeconfig is needed');
  if (kubeconfig === undefined) return check({ token, certificate, key });
  const reduced = reduceKubeconfig(kubeconfig);
  if (addressOf(reduced.server) !== addressOf(server))
    throw new KubeError('kubeconfigRefused', 'server: is not the one of this cluster');
  return check({
    ...reduced,
    ...(reduced.token === undefined ? {} : { certificate: undefined, key: undefined }),
  });
}

function check(given: {
  readonly token?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}): Material {
  const { token, certificate, key } = given;
  if (token !== undefined) {
    const trimmed = token.trim();
    if (!/^[\x21-\x7e]+$/.test(trimmed))
      throw new CodedError('badRequest', 'token: printable ASCII without spaces expected');
    return { kind: 'token', token: trimmed };
  }
  if (certificate === undefined) throw new CodedError('badRequest', 'certificate: missing');
  if (key === undefined) throw new CodedError('badRequest', 'key: missing');
  const parsed = read('certificate', () => new X509Certificate(certificate));
  // One under a passphrase cannot be read, and is refused here rather than at the first dial.
  const own = read('key', () => createPrivateKey(key));
  if (!parsed.checkPrivateKey(own)) throw new CodedError('badRequest', 'key: is not that of the certificate');
  return { kind: 'certificate', certificate, key };
}

function read<T>(field: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    // What the parser says may hold parts of the text.
    throw new CodedError('badRequest', `${field}: PEM expected`);
  }
}

/** Scheme, host, port and path; a slash at the end says nothing. */
function addressOf(server: string): string {
  const url = new URL(server);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
