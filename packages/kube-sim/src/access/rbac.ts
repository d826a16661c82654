/**
 * Decides from the roles and bindings that are in the store at the moment of the question. Nothing is cached, so a revoked binding counts
 * for the next request; a watch that is open asked once, when it was opened, as on a real server.
 */
import type { Cluster } from '../cluster/cluster.js';
import { read, readList, readText, type KubeObject } from '../model/objects.js';
import type { ResourceType } from '../model/resource-type.js';
import { MASTERS, type User } from './user.js';

/** What is asked for. A resource request has a `resource`, any other a `path`. */
export type Attributes =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** One binding that reaches a user, with the rules of its role. `namespace` is `''` for bindings of the whole cluster. */
export interface Grant {
  readonly reason: string;
  readonly namespace: string;
  readonly rules: readonly unknown[];
}

const GROUP = 'rbac.authorization.k8s.io';

export class Rbac {
  readonly #cluster: Cluster;
  readonly #enforced: boolean;

  /** With `enforced` false everybody may do everything. */
  constructor(cluster: Cluster, enforced: boolean) {
    this.#cluster = cluster;
    this.#enforced = enforced;
  }

  decide(user: User, attributes: Attributes): Decision {
    if (!this.#enforced || user.groups.includes(MASTERS)) return { allowed: true, reason: '' };
    const namespace = attributes.kind === 'resource' ? attributes.namespace : '';
    for (const grant of this.grants(user, namespace))
      if (grant.rules.some((rule) => allows(rule, attributes)))
        return { allowed: true, reason: grant.reason };
    return { allowed: false, reason: '' };
  }

  /** Bindings of the cluster, then those of `namespace` (none for `''`). */
  *grants(user: User, namespace: string): Generator<Grant> {
    for (const { object } of this.#cluster.collection(this.#type('clusterrolebindings')).values()) {
      const subject = subjectOf(object, user, '');
      if (subject !== undefined) yield this.#grant(object, subject, '');
    }
    if (namespace === '') return;
    for (const { object } of this.#cluster.collection(this.#type('rolebindings')).values()) {
      if (object.metadata.namespace !== namespace) continue;
      const subject = subjectOf(object, user, namespace);
      if (subject !== undefined) yield this.#grant(object, subject, namespace);
    }
  }

  #grant(binding: KubeObject, subject: string, namespace: string): Grant {
    const kind = readText(binding, 'roleRef', 'kind');
    const name = readText(binding, 'roleRef', 'name');
    const role =
      kind === 'ClusterRole'
        ? this.#cluster.get(this.#type('clusterroles'), '', name)
        : this.#cluster.get(this.#type('roles'), namespace, name);
    const bound =
      namespace === ''
        ? `ClusterRoleBinding "${binding.metadata.name}"`
        : `RoleBinding "${binding.metadata.name}/${namespace}"`;
    return {
      reason: `RBAC: allowed by ${bound} of ${kind} "${name}" to ${subject}`,
      namespace,
      rules: role === undefined ? [] : readList(role.object, 'rules'),
    };
  }

  #type(resource: string): ResourceType {
    return this.#cluster.registry.require(resource, GROUP);
  }
}

/** How the binding names the user; undefined when it does not. */
function subjectOf(binding: KubeObject, user: User, namespace: string): string | undefined {
  for (const subject of readList(binding, 'subjects')) {
    const name = readText(subject, 'name');
    switch (read(subject, 'kind')) {
      case 'User':
        if (name === user.name) return `User "${name}"`;
        break;
      case 'Group':
        if (user.groups.includes(name)) return `Group "${name}"`;
        break;
      case 'ServiceAccount': {
        const home = readText(subject, 'namespace') || namespace;
        if (user.name === `system:serviceaccount:${home}:${name}`) return `ServiceAccount "${name}/${home}"`;
        break;
      }
    }
  }
  return undefined;
}

function allows(rule: unknown, attributes: Attributes): boolean {
  if (!has(rule, 'verbs', attributes.verb)) return false;
  if (attributes.kind === 'path')
    return readList(rule, 'nonResourceURLs').some(
      (url) =>
        url === '*' ||
        url === attributes.path ||
        (typeof url === 'string' && url.endsWith('*') && attributes.path.startsWith(url.slice(0, -1))),
    );
  if (!has(rule, 'apiGroups', attributes.group)) return false;
  const { resource, subresource, name } = attributes;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  if (
    !has(rule, 'resources', whole) &&
    !(subresource !== '' && readList(rule, 'resources').includes(`*/${subresource}`))
  )
    return false;
  const names = readList(rule, 'resourceNames');
  return names.length === 0 || (name !== '' && names.includes(name));
}

function has(rule: unknown, field: string, wanted: string): boolean {
  const values = readList(rule, field);
  return values.includes('*') || values.includes(wanted);
}
