/**
 * A context of an operator's own kubeconfig as a connection: files are read again at each dial, credential plugins run, OIDC tokens are refreshed. For files that an
 * operator put on the server; what a user sends goes through `reduceKubeconfig`.
 */
import type { Clock } from '@trunkline/base';
import { dirname, resolve } from 'node:path';
import type { KubeConnection } from '../connection.js';
import {
  anonymous,
  givenCredential,
  joinCredentials,
  readText,
  type CredentialSource,
  type TextSource,
} from '../credential.js';
import { KubeError } from '../errors.js';
import {
  contextOf,
  entryOf,
  flagOf,
  invalid,
  parseKubeconfig,
  pemOf,
  placeOf,
  requiredText,
  textOf,
  textsOf,
  type Entry,
} from './document.js';
import { ExecCredential } from './exec.js';
import { OidcCredential } from './oidc.js';

export interface KubeconfigDeps {
  readonly clock: Clock;
  /** Variables that credential plugins see, besides those that the kubeconfig adds. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface KubeconfigOptions {
  /** Name of the context. Default: the file's `current-context`. */
  readonly context?: string;
  /** Folder that relative paths in the text start from. Default: the working directory. */
  readonly folder?: string;
}

export interface KubeconfigConnection extends KubeConnection {
  readonly context: string;
  /** Default namespace of the context; empty where it names none. */
  readonly namespace: string;
}

/** Reads a file and connects one of its contexts; relative paths in it start from its folder. */
export async function connectKubeconfigFile(
  deps: KubeconfigDeps,
  file: string,
  options: Omit<KubeconfigOptions, 'folder'> = {},
): Promise<KubeconfigConnection> {
  return connectKubeconfig(deps, await readText({ file }, 'kubeconfig'), {
    ...options,
    folder: dirname(resolve(file)),
  });
}

/** Throws `kubeconfigInvalid` naming the field. Opens no file and runs nothing: that happens at the first dial. */
export function connectKubeconfig(
  deps: KubeconfigDeps,
  text: string,
  options: KubeconfigOptions = {},
): KubeconfigConnection {
  const { name, namespace, cluster, user } = contextOf(parseKubeconfig(text), options.context);
  const folder = resolve(options.folder ?? '.');
  const ca = textSource(cluster, 'certificate-authority', folder);
  const tlsServerName = textOf(cluster, 'tls-server-name');
  const proxyUrl = textOf(cluster, 'proxy-url');
  const as = textOf(user, 'as');
  const groups = textsOf(user, 'as-groups');
  const connection: KubeconfigConnection = {
    context: name,
    namespace,
    server: requiredText(cluster, 'server'),
    insecureSkipTlsVerify: flagOf(cluster, 'insecure-skip-tls-verify'),
    credentials: credentialsOf(deps, user, cluster, folder),
    ...(ca === undefined ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    ...(as === undefined ? {} : { impersonate: { user: as, groups } }),
  };
  if (as === undefined && groups.length > 0) throw invalid(`${placeOf(user.place, 'as-groups')}: needs "as"`);
  return connection;
}

/** A plugin or OIDC gives what the plain fields do not. */
function credentialsOf(deps: KubeconfigDeps, user: Entry, cluster: Entry, folder: string): CredentialSource {
  for (const field of ['username', 'password', 'as-uid', 'as-user-extra'])
    if (user.fields[field] !== undefined)
      throw new KubeError('kubeconfigInvalid', `${placeOf(user.place, field)}: not supported`);
  const tokenFile = textOf(user, 'tokenFile');
  const token = tokenFile === undefined ? textOf(user, 'token') : { file: resolve(folder, tokenFile) };
  const certificate = textSource(user, 'client-certificate', folder);
  const key = textSource(user, 'client-key', folder);
  if ((certificate === undefined) !== (key === undefined))
    throw invalid(
      `${placeOf(user.place, certificate === undefined ? 'client-certificate' : 'client-key')}: missing`,
    );
  const given = givenCredential({
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
  });
  const made = madeCredentials(deps, user, cluster, folder);
  if (made !== undefined) return joinCredentials(given, made);
  return token === undefined && certificate === undefined ? anonymous : given;
}

function madeCredentials(
  deps: KubeconfigDeps,
  user: Entry,
  cluster: Entry,
  folder: string,
): CredentialSource | undefined {
  const exec = entryOf(user, 'exec');
  if (exec !== undefined) return new ExecCredential(deps, exec, cluster, folder);
  const provider = entryOf(user, 'auth-provider');
  if (provider === undefined) return undefined;
  if (requiredText(provider, 'name') !== 'oidc')
    throw invalid(
      `${placeOf(provider.place, 'name')}: only "oidc" is supported; others have become credential plugins (exec)`,
    );
  const config = entryOf(provider, 'config');
  if (config === undefined) throw invalid(`${placeOf(provider.place, 'config')}: missing`);
  return new OidcCredential(deps.clock, config, folder);
}

/** `<field>-data` as PEM, or the file that `<field>` names. Data wins, as in the official tools. */
function textSource(entry: Entry, field: string, folder: string): TextSource | undefined {
  const data = pemOf(entry, `${field}-data`);
  if (data !== undefined) return data;
  const file = textOf(entry, field);
  return file === undefined ? undefined : { file: resolve(folder, file) };
}
