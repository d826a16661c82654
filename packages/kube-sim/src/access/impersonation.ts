/** Acting as somebody else by `Impersonate-*` headers: every identity that is taken on needs the verb `impersonate`. */
import { badRequest, forbidden, internalError } from '../model/status.js';
import type { Attributes, Rbac } from './rbac.js';
import { ANONYMOUS, serviceAccountGroups, withAuthenticated, type User } from './user.js';

type Asked = {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
};

const EXTRA = 'impersonate-extra-';
const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** The user that the request acts as. `rawHeaders` alternates names and values, since repeated headers each name a group. */
export function impersonate(user: User, rawHeaders: readonly string[], rbac: Rbac): User {
  const headers = collect(rawHeaders);
  const [name = ''] = headers.get('impersonate-user') ?? [];
  if (headers.size === 0) return user;
  if (name === '')
    throw internalError(`requested ${[...headers.keys()].join(', ')} without impersonating a user`);
  const groups = headers.get('impersonate-group') ?? [];
  const [uid] = headers.get('impersonate-uid') ?? [];
  const extra: Record<string, readonly string[]> = {};
  const account = ACCOUNT.exec(name);
  check(
    user,
    rbac,
    account
      ? { group: '', resource: 'serviceaccounts', namespace: account[1] ?? '', name: account[2] ?? '' }
      : { group: '', resource: 'users', name },
  );
  for (const group of groups) check(user, rbac, { group: '', resource: 'groups', name: group });
  if (uid !== undefined) check(user, rbac, { group: 'authentication.k8s.io', resource: 'uids', name: uid });
  for (const [header, values] of headers) {
    if (!header.startsWith(EXTRA)) continue;
    const field = decodeKey(header.slice(EXTRA.length));
    extra[field] = values;
    for (const value of values)
      check(user, rbac, {
        group: 'authentication.k8s.io',
        resource: 'userextras',
        subresource: field,
        name: value,
      });
  }
  const acting: User = {
    name,
    groups: groups.length > 0 || !account ? groups : serviceAccountGroups(account[1] ?? ''),
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
  return name === ANONYMOUS.name
    ? { ...acting, groups: [...new Set([...groups, ...ANONYMOUS.groups])] }
    : withAuthenticated(acting);
}

function collect(rawHeaders: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!name.startsWith('impersonate-')) continue;
    found.set(name, [...(found.get(name) ?? []), rawHeaders[index + 1] ?? '']);
  }
  return found;
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`header impersonate-extra-${text} is not percent-encoded correctly`);
  }
}

function check(user: User, rbac: Rbac, asked: Asked): void {
  const attributes: Attributes = {
    kind: 'resource',
    verb: 'impersonate',
    subresource: '',
    namespace: '',
    ...asked,
  };
  if (rbac.decide(user, attributes).allowed) return;
  throw forbidden(asked, asked.name, describeDenial(user, attributes));
}

/** Why a resource request is refused, as the server words it. */
export function describeDenial(user: User, attributes: Attributes): string {
  if (attributes.kind === 'path')
    return `User "${user.name}" cannot ${attributes.verb} path "${attributes.path}"`;
  const { verb, group, resource, subresource, namespace } = attributes;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`;
}
