/**
 * A kubeconfig that a user sent, reduced to what may stay of it: the server's address, its certificate authority, a token, a client certificate. Whatever would make this
 * server run a program, open a file of its own, call another address or act as somebody else is refused with the field's name; it is not dropped silently, because
 * what is left would be another connection than the user meant. Whether the address may be dialled is for the caller to decide.
 */
import { checkConnection, type KubeConnection } from '../connection.js';
import { givenCredential } from '../credential.js';
import { KubeError } from '../errors.js';
import {
  contextOf,
  invalid,
  parseKubeconfig,
  pemOf,
  placeOf,
  requiredText,
  textOf,
  type Entry,
} from './document.js';

/** Texts only: it can be stored, encrypted, as JSON. */
export interface ReducedKubeconfig {
  readonly server: string;
  /** Default namespace of the context; empty where it names none. */
  readonly namespace: string;
  readonly ca?: string;
  readonly token?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** What is left of a cluster and of a user; every other field is refused. */
const CLUSTER_FIELDS = new Set(['server', 'certificate-authority-data', 'extensions']);
const USER_FIELDS = new Set(['token', 'client-certificate-data', 'client-key-data', 'extensions']);

/** For what anybody may send: some hundred contexts, read in a fraction of a second. */
const UPLOADED = { maxChars: 262_144, maxTokens: 10_000 };

/** Throws `kubeconfigInvalid`, or `kubeconfigRefused` naming the field. @param context default: the file's `current-context` */
export function reduceKubeconfig(text: string, context?: string): ReducedKubeconfig {
  const { cluster, user, namespace } = contextOf(parseKubeconfig(text, UPLOADED), context);
  refuseOthers(cluster, CLUSTER_FIELDS);
  refuseOthers(user, USER_FIELDS);
  const server = requiredText(cluster, 'server');
  checkConnection({ server });
  const ca = pemOf(cluster, 'certificate-authority-data');
  const token = textOf(user, 'token')?.trim();
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw invalid(`${placeOf(user.place, 'token')}: printable ASCII without spaces expected`);
  const certificate = pemOf(user, 'client-certificate-data');
  const key = pemOf(user, 'client-key-data');
  if ((certificate === undefined) !== (key === undefined))
    throw invalid(
      `${placeOf(user.place, certificate === undefined ? 'client-certificate-data' : 'client-key-data')}: missing`,
    );
  if (token === undefined && certificate === undefined)
    throw invalid(`${placeOf(user.place, 'token')}: neither token nor client certificate`);
  return {
    server,
    namespace,
    ...(ca === undefined ? {} : { ca }),
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
  };
}

/** The connection of a reduced kubeconfig. */
export function connectReduced({ server, ca, token, certificate, key }: ReducedKubeconfig): KubeConnection {
  return {
    server,
    credentials: givenCredential({
      ...(token === undefined ? {} : { token }),
      ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
    }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** Fields without a value change nothing and may stay; `false` is the value of a switch that is off. */
function refuseOthers({ fields, place }: Entry, allowed: ReadonlySet<string>): void {
  for (const [field, value] of Object.entries(fields))
    if (!allowed.has(field) && value !== undefined && value !== null && value !== '' && value !== false)
      throw new KubeError('kubeconfigRefused', placeOf(place, field));
}
