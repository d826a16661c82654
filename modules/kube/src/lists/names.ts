/**
 * The name of a list's channel: `kube:<cluster>/<group>/<version>/<resource>?…`, made by the server and opaque to clients. One question has one name, and a name that this file would not
 * have made is none: what is read from a name is exactly what was written into it. A name says what is asked, never who asks.
 */
import { KUBE_MODULE_CODES } from '@trunkline/contracts/kube';
import type { KubeQuestion } from '@trunkline/kube-client';
import { CodedError, isChannelName } from '@trunkline/protocol';
import { canonicalFields, canonicalLabels } from '../access/selected.js';
import { canonicalPaths } from './paths.js';

export const KUBE_NAMESPACE = 'kube';

export interface ListName {
  readonly cluster: string;
  /** Selectors in their one form. A single object is a list with its name in the field selector. */
  readonly question: KubeQuestion;
  /** Paths in their one form; absent: whole objects. */
  readonly fields?: readonly string[];
  /** The credential that it is read with; whoever subscribes must have left it. Absent: the server's own. */
  readonly credential?: string;
}

/** No API group is called so. */
const CORE_GROUP = '-';
const PARTS =
  /^kube:([\w.@-]{1,64})\/(-|[a-z0-9][a-z0-9.-]*)\/([a-z0-9][a-z0-9-]*)\/([a-z0-9][a-z0-9.-]*)(?:\?(.*))?$/;

/** Brings selectors and paths into their one form. Throws `badRequest` for a path that is none. */
export function toListName(wanted: ListName): ListName {
  const { cluster, question, fields, credential } = wanted;
  const { group, version, resource, namespace } = question;
  const labelSelector = canonicalLabels(question.labelSelector);
  const fieldSelector = canonicalFields(question.fieldSelector);
  return {
    cluster,
    question: {
      group,
      version,
      resource,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined || labelSelector === '' ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    },
    ...(fields === undefined ? {} : { fields: canonicalPaths(fields) }),
    ...(credential === undefined ? {} : { credential }),
  };
}

/** The channel of a name in its one form. Throws `kubeQuestionTooLong`. */
export function formatListName(name: ListName, maxLength: number): string {
  const channel = write(name);
  if (channel.length > maxLength)
    throw new CodedError(
      KUBE_MODULE_CODES.kubeQuestionTooLong,
      `${channel.length} of ${maxLength} characters`,
    );
  return channel;
}

function write({ cluster, question, fields, credential }: ListName): string {
  const { group, version, resource, namespace, labelSelector, fieldSelector } = question;
  const terms = [
    ['ns', namespace === undefined ? undefined : encode(namespace)],
    ['l', labelSelector === undefined ? undefined : encode(labelSelector)],
    ['f', fieldSelector === undefined ? undefined : encode(fieldSelector)],
    ['p', fields?.map((path) => encode(path).replaceAll(',', '%2C')).join(',')],
    ['as', credential === undefined ? undefined : encode(credential)],
  ].flatMap(([term, value]) => (value === undefined ? [] : [`${term as string}=${value}`]));
  const place = [cluster, group === '' ? CORE_GROUP : group, version, resource].join('/');
  return `${KUBE_NAMESPACE}:${place}${terms.length === 0 ? '' : `?${terms.join('&')}`}`;
}

/** Undefined for a name that `formatListName` would not have written. */
export function parseListName(channel: string, maxLength: number): ListName | undefined {
  if (!isChannelName(channel, maxLength)) return undefined;
  const parts = PARTS.exec(channel);
  if (!parts) return undefined;
  const [, cluster = '', group = '', version = '', resource = '', query] = parts;
  const terms = new Map<string, string>();
  for (const term of query === undefined ? [] : query.split('&')) {
    const at = term.indexOf('=');
    terms.set(term.slice(0, Math.max(0, at)), term.slice(at + 1));
  }
  try {
    const text = (term: string): string | undefined => {
      const value = terms.get(term);
      return value === undefined ? undefined : decodeURIComponent(value);
    };
    const paths = terms.get('p');
    const namespace = text('ns');
    const labelSelector = text('l');
    const fieldSelector = text('f');
    const credential = text('as');
    const name = toListName({
      cluster,
      question: {
        group: group === CORE_GROUP ? '' : group,
        version,
        resource,
        ...(namespace === undefined ? {} : { namespace }),
        ...(labelSelector === undefined ? {} : { labelSelector }),
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
      },
      ...(paths === undefined
        ? {}
        : { fields: paths === '' ? [] : paths.split(',').map(decodeURIComponent) }),
      ...(credential === undefined ? {} : { credential }),
    });
    if (namespace !== undefined && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) return undefined;
    return write(name) === channel ? name : undefined;
  } catch {
    // An escape that is none, or a path that is none.
    return undefined;
  }
}

/** As few escapes as can be: names are short. What is left plain means nothing in a name. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/%(2C|3D|2F|3A|5B|5D|21|40)/g, decodeURIComponent);
}
