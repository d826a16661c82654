import { describe, expect, it } from 'vitest';
import { createTestKubeSim } from '../testing.js';
import type { Cluster } from '../cluster/cluster.js';
import { impersonate } from './impersonation.js';
import { Rbac, type Attributes } from './rbac.js';
import { withAuthenticated, type User } from './user.js';

const GROUP = 'rbac.authorization.k8s.io';
const alice: User = withAuthenticated({ name: 'alice', groups: ['team-a'] });

interface Rule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

function bind(cluster: Cluster, namespace: string, subject: object, rule: Rule, roleKind?: string): void {
  const kind = roleKind ?? (namespace === '' ? 'ClusterRole' : 'Role');
  const roles = cluster.registry.require(kind === 'Role' ? 'roles' : 'clusterroles', GROUP);
  const bindings = cluster.registry.require(namespace === '' ? 'clusterrolebindings' : 'rolebindings', GROUP);
  const name = `r${cluster.version}`;
  cluster.put(roles, { metadata: { name, namespace: kind === 'Role' ? namespace : '' }, rules: [rule] });
  cluster.put(bindings, { metadata: { name, namespace }, roleRef: { kind, name }, subjects: [subject] });
}

function ask(more: Partial<Extract<Attributes, { kind: 'resource' }>> = {}): Attributes {
  return {
    kind: 'resource',
    verb: 'list',
    group: '',
    resource: 'pods',
    subresource: '',
    namespace: 'shop',
    name: '',
    ...more,
  };
}

const USER = { kind: 'User', name: 'alice' };
const READ: Rule = { verbs: ['list'], apiGroups: [''], resources: ['pods'] };

describe('roles and bindings', () => {
  it('[KSIM-42] nobody may anything until a binding says so; masters may everything', () => {
    const { cluster } = createTestKubeSim().sim;
    const rbac = new Rbac(cluster, true);
    expect(rbac.decide(alice, ask()).allowed).toBe(false);
    expect(rbac.decide({ name: 'root', groups: ['system:masters'] }, ask({ verb: 'delete' })).allowed).toBe(
      true,
    );
    bind(cluster, 'shop', USER, READ);
    expect(rbac.decide(alice, ask())).toEqual({
      allowed: true,
      reason: expect.stringMatching(
        /^RBAC: allowed by RoleBinding "r\d+\/shop" of Role "r\d+" to User "alice"$/,
      ) as string,
    });
  });

  it.each<[string, object, Rule, Partial<Extract<Attributes, { kind: 'resource' }>>, boolean]>([
    ['another verb', USER, READ, { verb: 'watch' }, false],
    ['another group', USER, READ, { group: 'apps' }, false],
    ['another namespace', USER, READ, { namespace: 'bank' }, false],
    ['all namespaces', USER, READ, { namespace: '' }, false],
    ['a group of the user', { kind: 'Group', name: 'team-a' }, READ, {}, true],
    ['a group of others', { kind: 'Group', name: 'team-b' }, READ, {}, false],
    ['all verbs', USER, { ...READ, verbs: ['*'] }, { verb: 'delete' }, true],
    ['all resources', USER, { ...READ, resources: ['*'] }, { resource: 'secrets' }, true],
    ['a subresource not named', USER, READ, { subresource: 'log' }, false],
    ['a subresource named', USER, { ...READ, resources: ['pods/log'] }, { subresource: 'log' }, true],
    ['a subresource of all', USER, { ...READ, resources: ['*/log'] }, { subresource: 'log' }, true],
    ['a name not asked for', USER, { ...READ, resourceNames: ['a'] }, {}, false],
    ['a name asked for', USER, { ...READ, resourceNames: ['a'] }, { name: 'a' }, true],
    ['another name', USER, { ...READ, resourceNames: ['a'] }, { name: 'b' }, false],
  ])('[KSIM-42] a binding in a namespace: %s', (_what, subject, rule, asked, allowed) => {
    const { cluster } = createTestKubeSim().sim;
    bind(cluster, 'shop', subject, rule);
    expect(new Rbac(cluster, true).decide(alice, ask(asked)).allowed).toBe(allowed);
  });

  it('[KSIM-42] a binding of the cluster counts everywhere, a cluster role bound in a namespace there', () => {
    const { cluster } = createTestKubeSim().sim;
    const rbac = new Rbac(cluster, true);
    bind(cluster, 'shop', USER, READ, 'ClusterRole');
    expect([rbac.decide(alice, ask()).allowed, rbac.decide(alice, ask({ namespace: '' })).allowed]).toEqual([
      true,
      false,
    ]);
    bind(cluster, '', USER, READ);
    expect([
      rbac.decide(alice, ask({ namespace: '' })).allowed,
      rbac.decide(alice, ask({ namespace: 'bank' })).allowed,
    ]).toEqual([true, true]);
  });

  it('[KSIM-42] service accounts are named by namespace and name', () => {
    const { cluster } = createTestKubeSim().sim;
    bind(cluster, 'shop', { kind: 'ServiceAccount', name: 'robot', namespace: 'bots' }, READ);
    const rbac = new Rbac(cluster, true);
    const robot = (namespace: string): User => ({
      name: `system:serviceaccount:${namespace}:robot`,
      groups: [],
    });
    expect([rbac.decide(robot('bots'), ask()).allowed, rbac.decide(robot('shop'), ask()).allowed]).toEqual([
      true,
      false,
    ]);
  });

  it('[KSIM-42] paths that are no resource are matched whole or by a final star', () => {
    const { cluster } = createTestKubeSim().sim;
    bind(cluster, '', USER, { verbs: ['get'], nonResourceURLs: ['/metrics', '/debug/*'] });
    const rbac = new Rbac(cluster, true);
    const may = (path: string): boolean => rbac.decide(alice, { kind: 'path', verb: 'get', path }).allowed;
    expect(['/metrics', '/metrics/x', '/debug/x', '/debug', '/version'].map(may)).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('[KSIM-42] a role that is gone grants nothing, though its binding stays', () => {
    const { cluster } = createTestKubeSim().sim;
    bind(cluster, 'shop', USER, READ);
    const [role] = [...cluster.collection({ group: GROUP, resource: 'roles' }).values()];
    cluster.remove(cluster.registry.require('roles', GROUP), 'shop', role?.object.metadata.name ?? '');
    expect(new Rbac(cluster, true).decide(alice, ask()).allowed).toBe(false);
  });

  it('[KSIM-60] without enforcement everybody may everything', () => {
    expect(new Rbac(createTestKubeSim().sim.cluster, false).decide(alice, ask()).allowed).toBe(true);
  });
});

describe('impersonation', () => {
  const headers = (...pairs: readonly string[]): readonly string[] => ['Accept', '*/*', ...pairs];

  it('[KSIM-44] takes on user, groups, uid and extra fields, each with a right of its own', () => {
    const { cluster } = createTestKubeSim().sim;
    const rbac = new Rbac(cluster, true);
    const asked = headers(
      ...['Impersonate-User', 'bob', 'Impersonate-Group', 'g1', 'impersonate-group', 'g2'],
      ...['Impersonate-Uid', '7', 'Impersonate-Extra-example.com%2Fscope', 'read'],
    );
    const allow = (apiGroups: string[], resources: string[]): void =>
      bind(cluster, '', USER, { verbs: ['impersonate'], apiGroups, resources });
    expect(() => impersonate(alice, asked, rbac)).toThrow('users "bob" is forbidden');
    allow([''], ['users']);
    expect(() => impersonate(alice, asked, rbac)).toThrow('groups "g1" is forbidden');
    allow([''], ['groups']);
    expect(() => impersonate(alice, asked, rbac)).toThrow('uids.authentication.k8s.io "7" is forbidden');
    allow(['authentication.k8s.io'], ['uids']);
    expect(() => impersonate(alice, asked, rbac)).toThrow(
      'cannot impersonate resource "userextras/example.com/scope"',
    );
    allow(['authentication.k8s.io'], ['userextras/example.com/scope']);
    expect(impersonate(alice, asked, rbac)).toEqual({
      name: 'bob',
      uid: '7',
      groups: ['g1', 'g2', 'system:authenticated'],
      extra: { 'example.com/scope': ['read'] },
    });
  });

  it('[KSIM-44] a service account brings its groups; nobody stays nobody', () => {
    const rbac = new Rbac(createTestKubeSim().sim.cluster, false);
    expect(
      impersonate(alice, headers('Impersonate-User', 'system:serviceaccount:bots:robot'), rbac).groups,
    ).toEqual(['system:serviceaccounts', 'system:serviceaccounts:bots', 'system:authenticated']);
    expect(impersonate(alice, headers('Impersonate-User', 'system:anonymous'), rbac).groups).toEqual([
      'system:unauthenticated',
    ]);
    expect(impersonate(alice, headers(), rbac)).toBe(alice);
  });
});
