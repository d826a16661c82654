/**
 * Field selectors: `path=value`, `path==value`, `path!=value`, joined by commas, with `\` before a comma, an equals sign or a backslash
 * in a value. Which paths a resource knows is a table; `metadata.name` and `metadata.namespace` are known to all.
 */
import { badRequest } from '../model/status.js';
import { readText, type KubeObject } from '../model/objects.js';
import { storageKey, type ResourceType } from '../model/resource-type.js';

export interface FieldSelector {
  readonly matches: (object: KubeObject) => boolean;
  /** The object's name, where the selector asks for exactly one; authorisation looks at it. */
  readonly name: string | undefined;
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '/pods': [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  '/events': [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  '/namespaces': ['status.phase'],
  '/nodes': ['spec.unschedulable'],
  '/secrets': ['type'],
  '/services': ['spec.clusterIP', 'spec.type'],
  'apps/replicasets': ['status.replicas'],
  'batch/jobs': ['status.successful'],
};

/** Values of fields that are absent; other fields are empty text then. */
const ABSENT: Readonly<Record<string, string>> = {
  'spec.unschedulable': 'false',
  'spec.hostNetwork': 'false',
};

interface Term {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Undefined where the selector is empty. Throws a 400 for a path that the resource does not know. */
export function parseFieldSelector(text: string, type: ResourceType): FieldSelector | undefined {
  const terms = splitTerms(text).map(parseTerm);
  if (terms.length === 0) return undefined;
  const known = FIELDS[storageKey(type)] ?? [];
  for (const { field } of terms)
    if (field !== 'metadata.name' && field !== 'metadata.namespace' && !known.includes(field))
      throw badRequest(
        `Unable to find "${type.group}/${type.version}, Resource=${type.resource}" that match field selector "${text}": field label not supported: ${field}`,
      );
  return {
    matches: (object) => terms.every((term) => (valueOf(object, term.field) === term.value) === term.equal),
    name: terms.find((term) => term.field === 'metadata.name' && term.equal)?.value,
  };
}

function valueOf(object: KubeObject, field: string): string {
  if (field === 'source') return readText(object, 'source', 'component');
  return readText(object, ...field.split('.')) || (ABSENT[field] ?? '');
}

/** Splits at commas that are not escaped; empty parts are dropped. */
function splitTerms(text: string): string[] {
  const parts = text.match(/(?:\\.|[^,\\]|\\$)+/g) ?? [];
  return parts.filter((part) => part.trim() !== '');
}

function parseTerm(text: string): Term {
  const match = /^\s*((?:\\.|[^=!\\])*?)\s*(!=|==|=)(.*)$/s.exec(text);
  if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`);
  return { field: match[1] ?? '', equal: match[2] !== '!=', value: unescape(match[3] ?? '', text) };
}

function unescape(value: string, term: string): string {
  return value.replace(/\\(.?)/gs, (_, escaped: string) => {
    if (escaped === ',' || escaped === '=' || escaped === '\\') return escaped;
    throw badRequest(`invalid field selector: invalid escape sequence in '${term}'`);
  });
}
