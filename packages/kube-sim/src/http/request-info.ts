/** What a request asks for, read from its method and path: the verb, the resource, the object; or a path that is no resource. */
import type { Attributes } from '../access/rbac.js';
import { badRequest, methodNotAllowed } from '../model/status.js';

export interface ResourceRequest {
  readonly kind: 'resource';
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** `''` for requests at cluster scope and across all namespaces. */
  readonly namespace: string;
  readonly name: string;
}

export interface PathRequest {
  readonly kind: 'path';
  readonly verb: string;
  readonly path: string;
}

export type RequestInfo = ResourceRequest | PathRequest;

const METHODS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  GET: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
};

export function parseRequest(method: string, path: string, query: URLSearchParams): RequestInfo {
  const parts = decode(path);
  const verbs = METHODS[method];
  if (verbs === undefined) throw methodNotAllowed();
  const rest = parts[0] === 'api' ? parts.slice(2) : parts[0] === 'apis' ? parts.slice(3) : [];
  if (rest.length === 0) return { kind: 'path', verb: method.toLowerCase(), path };
  const [group, version] = parts[0] === 'api' ? ['', parts[1] ?? ''] : [parts[1] ?? '', parts[2] ?? ''];
  // `/namespaces/x/pods` is inside x; `/namespaces/x` and its two subresources are about x.
  const inside =
    rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize';
  const [resource = '', name = '', subresource = '', ...more] = inside ? rest.slice(2) : rest;
  if (more.length > 0) return { kind: 'path', verb: method.toLowerCase(), path };
  const namespace = inside ? (rest[1] ?? '') : resource === 'namespaces' && group === '' ? name : '';
  const verb = name === '' ? verbs[1] : verbs[0];
  const watching = method === 'GET' && subresource === '' && isTrue(query.get('watch'));
  return {
    kind: 'resource',
    verb: watching ? 'watch' : verb,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
  };
}

export function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1';
}

/** What authorisation is asked. `fieldName` is the name that a field selector narrows a list or watch to. */
export function attributesOf(info: RequestInfo, fieldName: string): Attributes {
  if (info.kind === 'path') return info;
  const { verb, group, resource, subresource, namespace } = info;
  return { kind: 'resource', verb, group, resource, subresource, namespace, name: info.name || fieldName };
}

function decode(path: string): string[] {
  try {
    return path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw badRequest(`path ${path} is not percent-encoded correctly`);
  }
}
