/** Answers the questions "may I", "may they", "what may I" and "who am I" that are asked as objects which nobody stores. */
import type { ObjectDraft } from '../model/objects.js';
import { isObject, read, readList, readText, type JsonObject } from '../model/objects.js';
import { badRequest, invalid } from '../model/status.js';
import type { Attributes, Rbac } from './rbac.js';
import { withAuthenticated, type Authenticator, type User } from './user.js';

export interface ReviewKind {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly answer: (body: ObjectDraft, user: User, access: ReviewAccess, namespace: string) => JsonObject;
}

export interface ReviewAccess {
  readonly rbac: Rbac;
  readonly authenticator: Authenticator;
}

const AUTHORIZATION = { group: 'authorization.k8s.io', version: 'v1', namespaced: false } as const;
const AUTHENTICATION = { group: 'authentication.k8s.io', version: 'v1', namespaced: false } as const;

export const REVIEWS: readonly ReviewKind[] = [
  {
    ...AUTHORIZATION,
    resource: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    answer: (body, user, { rbac }) => decision(rbac, user, attributesOf(body)),
  },
  {
    ...AUTHORIZATION,
    resource: 'subjectaccessreviews',
    kind: 'SubjectAccessReview',
    answer: (body, _user, { rbac }) => decision(rbac, subjectOf(body), attributesOf(body)),
  },
  {
    ...AUTHORIZATION,
    resource: 'localsubjectaccessreviews',
    kind: 'LocalSubjectAccessReview',
    namespaced: true,
    answer: (body, _user, { rbac }, namespace) => {
      const attributes = attributesOf(body);
      if (attributes.kind !== 'resource' || attributes.namespace !== namespace)
        throw badRequest(
          `spec.resourceAttributes.namespace must be the namespace of the request: ${namespace}`,
        );
      return decision(rbac, subjectOf(body), attributes);
    },
  },
  { ...AUTHORIZATION, resource: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview', answer: rulesOf },
  {
    ...AUTHENTICATION,
    resource: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    answer: (_body, user) => ({ userInfo: userInfo(user) }),
  },
  {
    ...AUTHENTICATION,
    resource: 'tokenreviews',
    kind: 'TokenReview',
    answer: (body, _user, { authenticator }) => {
      const user = authenticator.userOf(readText(body, 'spec', 'token'));
      return user === undefined
        ? { authenticated: false, user: {} }
        : { authenticated: true, user: userInfo(user) };
    },
  },
];

function userInfo(user: User): JsonObject {
  const { name: username, ...rest } = user;
  return { username, ...rest };
}

function decision(rbac: Rbac, user: User, attributes: Attributes): JsonObject {
  const { allowed, reason } = rbac.decide(user, attributes);
  return reason === '' ? { allowed } : { allowed, reason };
}

function attributesOf(body: ObjectDraft): Attributes {
  const resource = read(body, 'spec', 'resourceAttributes');
  const path = read(body, 'spec', 'nonResourceAttributes');
  if (isObject(resource) === isObject(path))
    throw refuse(
      'spec.resourceAttributes',
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
  if (isObject(path)) return { kind: 'path', verb: readText(path, 'verb'), path: readText(path, 'path') };
  return {
    kind: 'resource',
    verb: readText(resource, 'verb'),
    group: readText(resource, 'group'),
    resource: readText(resource, 'resource'),
    subresource: readText(resource, 'subresource'),
    namespace: readText(resource, 'namespace'),
    name: readText(resource, 'name'),
  };
}

function subjectOf(body: ObjectDraft): User {
  const name = readText(body, 'spec', 'user');
  const groups = readList(body, 'spec', 'groups').map(String);
  if (name === '' && groups.length === 0)
    throw refuse('spec.user', 'at least one of user or group must be specified');
  return { name, groups };
}

function refuse(field: string, why: string): Error {
  const message = `Invalid value: "": ${why}`;
  return invalid('SubjectAccessReview', AUTHORIZATION.group, '', [
    { reason: 'FieldValueInvalid', message, field },
  ]);
}

function rulesOf(body: ObjectDraft, user: User, { rbac }: ReviewAccess): JsonObject {
  const namespace = readText(body, 'spec', 'namespace');
  if (namespace === '') throw badRequest('no namespace on request');
  const resourceRules: JsonObject[] = [];
  const nonResourceRules: JsonObject[] = [];
  const everything = rbac.decide(user, { kind: 'path', verb: '*', path: '*' }).allowed;
  if (everything) {
    resourceRules.push({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] });
    nonResourceRules.push({ verbs: ['*'], nonResourceURLs: ['*'] });
  }
  for (const { rules } of rbac.grants(withAuthenticated(user), namespace))
    for (const rule of rules) {
      if (!isObject(rule)) continue;
      if (readList(rule, 'resources').length > 0) resourceRules.push(rule);
      if (readList(rule, 'nonResourceURLs').length > 0) nonResourceRules.push(rule);
    }
  return { resourceRules, nonResourceRules, incomplete: false };
}
