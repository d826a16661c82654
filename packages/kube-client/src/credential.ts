/**
 * Who we are towards a cluster, as a port: a credential is asked for before every request, so that one that changes on disk, expires or is refreshed is the
 * current one at each dial. The sources here need no program and no network; those that do are in `kubeconfig/`.
 */
import { readFile } from 'node:fs/promises';
import { KubeError } from './errors.js';

/** What is shown to the server. Without any of it the request is anonymous. */
export interface Credential {
  /** Bearer token. */
  readonly token?: string;
  /** Client certificate chain and its key, PEM. Both or none. */
  readonly certificate?: string;
  readonly key?: string;
}

export interface CredentialSource {
  /** The credential to use now. Fails with `kubeCredentialFailed`, or with the reason of `signal`. */
  current(signal: AbortSignal): Promise<Credential>;
  /** The server answered 401 to `used`: the next `current` must not return it out of a cache. True where asking again can help. */
  refused(used: Credential): boolean;
}

/** A text as it is, or the file that holds it, read again at each use. */
export type TextSource = string | { readonly file: string };

/** Largest file that is read as a token, certificate or key, in bytes. */
const FILE_MAX_BYTES = 1_048_576;

/** `field` names the text in errors; the file's content never appears there. */
export async function readText(source: TextSource, field: string): Promise<string> {
  if (typeof source === 'string') return source;
  let bytes: Uint8Array;
  try {
    bytes = await readFile(source.file);
  } catch (cause) {
    throw new KubeError('kubeCredentialFailed', `${field}: ${codeOf(cause)}`, { cause });
  }
  if (bytes.length > FILE_MAX_BYTES)
    throw new KubeError('kubeCredentialFailed', `${field}: more than ${FILE_MAX_BYTES} bytes`);
  return Buffer.from(bytes).toString();
}

export const anonymous: CredentialSource = { current: async () => ({}), refused: () => false };

export interface GivenCredential {
  readonly token?: TextSource;
  readonly certificate?: TextSource;
  readonly key?: TextSource;
}

/** Texts and files. A file is read at each `current`, so asking again after a refusal helps once it has changed. */
export function givenCredential(given: GivenCredential): CredentialSource {
  return {
    current: async () => {
      const credential: { token?: string; certificate?: string; key?: string } = {};
      if (given.token !== undefined) credential.token = (await readText(given.token, 'token')).trim();
      if (given.certificate !== undefined)
        credential.certificate = await readText(given.certificate, 'client certificate');
      if (given.key !== undefined) credential.key = await readText(given.key, 'client key');
      return credential;
    },
    refused: () => Object.values(given).some((source) => typeof source === 'object'),
  };
}

/** `first`, and what it lacks from `second`: a token over a client certificate, say. */
export function joinCredentials(first: CredentialSource, second: CredentialSource): CredentialSource {
  return {
    current: async (signal) => ({ ...(await second.current(signal)), ...(await first.current(signal)) }),
    refused: (used) => {
      const helps = [first, second].map((source) => source.refused(used));
      return helps.includes(true);
    },
  };
}

/** The system's name of a failure, e.g. `ENOENT` or `ECONNREFUSED`; never its text, which may hold addresses and paths. */
export function codeOf(cause: unknown): string {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'failed';
}
