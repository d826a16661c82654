/** The name of a log's channel: `kubelog:<cluster>/<namespace>/<pod>/<container>?…`, made by the server. One question has one name, and a name that this file would not have made is none. */
import { KUBE_MODULE_CODES } from '@trunkline/contracts/kube';
import { CodedError } from '@trunkline/protocol';

export const LOG_NAMESPACE = 'kubelog';

/** Whose output, and of which run. */
export interface LogPlace {
  readonly cluster: string;
  readonly namespace: string;
  readonly pod: string;
  /** Empty: the only one. */
  readonly container: string;
  readonly previous: boolean;
  /** The credential that it is read with; absent: the server's own identity, or the viewer's name behind it. */
  readonly credential?: string;
}

/** From where on. */
export interface LogStart {
  readonly tail: number;
  readonly sinceSeconds?: number;
}

export interface LogName extends LogPlace, LogStart {}

/** No container is called so. */
const ONLY = '-';
const PARTS =
  /^kubelog:([\w.@-]{1,64})\/([a-z0-9-]{1,63})\/([^/?%]{1,253})\/(-|[^/?%]{1,253})\?t=(\d{1,5})(?:&s=(\d{1,9}))?(&p)?(?:&as=([\w.@-]{1,128}))?$/;

/** Throws `kubeQuestionTooLong`. */
export function formatLogName(name: LogName, maxLength: number): string {
  const { cluster, namespace, pod, container, tail, sinceSeconds, previous, credential } = name;
  const since = sinceSeconds === undefined ? '' : `&s=${sinceSeconds}`;
  const as = credential === undefined ? '' : `&as=${credential}`;
  const place = `${cluster}/${namespace}/${pod}/${container === '' ? ONLY : container}`;
  const channel = `${LOG_NAMESPACE}:${place}?t=${tail}${since}${previous ? '&p' : ''}${as}`;
  if (channel.length > maxLength)
    throw new CodedError(
      KUBE_MODULE_CODES.kubeQuestionTooLong,
      `${channel.length} of ${maxLength} characters`,
    );
  return channel;
}

/** Undefined for a name that `formatLogName` would not have written. */
export function parseLogName(channel: string): LogName | undefined {
  const parts = PARTS.exec(channel);
  if (!parts) return undefined;
  const [, cluster = '', namespace = '', pod = '', container = '', tail, since, previous, credential] = parts;
  const name: LogName = {
    cluster,
    namespace,
    pod,
    container: container === ONLY ? '' : container,
    tail: Number(tail),
    previous: previous !== undefined,
    ...(since === undefined ? {} : { sinceSeconds: Number(since) }),
    ...(credential === undefined ? {} : { credential }),
  };
  return formatLogName(name, Infinity) === channel ? name : undefined;
}

/** What has one upstream, however many read it and from wherever on. */
export function placeKey({ cluster, namespace, pod, container, previous, credential }: LogPlace): string {
  return JSON.stringify([cluster, namespace, pod, container, previous, credential ?? null]);
}
