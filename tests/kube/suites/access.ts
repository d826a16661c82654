/** Who is asking, what they may, and what the server says about it. */
import { describe, expect, it } from 'vitest';
import { at, type Api, type Doc } from '../api.js';
import { configMap, configMaps, fresh, made, makeNamespace, pods } from '../drafts.js';
import { tokenOf, type KubeTarget } from '../targets.js';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const REVIEWS = '/apis/authorization.k8s.io/v1';
const ROLE_GROUP = 'rbac.authorization.k8s.io';

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

type Subject = readonly [kind: 'User' | 'Group', name: string];

/** A role and its binding of one name; in a namespace, or of the whole cluster where that is `''`. Resolves with the path of the binding. */
async function grant(
  api: Api,
  namespace: string,
  [kind, subject]: Subject,
  rules: readonly Rule[],
): Promise<string> {
  const name = fresh('grant');
  const scope = namespace === '' ? '' : `/namespaces/${namespace}`;
  const prefix = namespace === '' ? 'cluster' : '';
  const roleKind = namespace === '' ? 'ClusterRole' : 'Role';
  await made(api, `${RBAC}${scope}/${prefix}roles`, { metadata: { name }, rules });
  await made(api, `${RBAC}${scope}/${prefix}rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: ROLE_GROUP, kind: roleKind, name },
    subjects: [{ apiGroup: ROLE_GROUP, kind, name: subject }],
  });
  return `${RBAC}${scope}/${prefix}rolebindings/${name}`;
}

const READ_MAPS: Rule = { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['configmaps'] };

/** The server looks at new roles a moment after it stored them. */
async function eventually(api: Api, path: string, code: number): Promise<void> {
  await expect.poll(async () => (await api.get(path)).code, { timeout: 10_000 }).toBe(code);
}

export function accessSuite(use: () => KubeTarget): void {
  describe('access', () => {
    it('[KSIM-40] a wrong token is a 401, none at all is nobody', async () => {
      const { api } = use();
      const wrong = await api.as({ token: 'wrong' }).get('/api/v1/namespaces');
      expect([wrong.code, wrong.doc['reason'], wrong.doc['message']]).toEqual([
        401,
        'Unauthorized',
        'Unauthorized',
      ]);
      const nobody = await api.as({}).get('/api/v1/namespaces');
      expect([nobody.code, nobody.doc['reason']]).toEqual([403, 'Forbidden']);
      expect(nobody.doc['message']).toContain('User "system:anonymous" cannot list resource "namespaces"');
      expect((await api.as({}).get('/version')).code).toBe(200);
    });

    it('[KSIM-40] a token review says whose a token is', async () => {
      const { api } = use();
      const review = async (token: string): Promise<Doc> =>
        made(api, '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } });
      const known = await review(tokenOf('alice'));
      expect([at(known, 'status', 'authenticated'), at(known, 'status', 'user', 'username')]).toEqual([
        true,
        'alice',
      ]);
      expect(at(known, 'status', 'user', 'groups')).toEqual(
        expect.arrayContaining(['team-a', 'system:authenticated']),
      );
      expect(at(await review('wrong'), 'status', 'authenticated')).toBeFalsy();
    });

    it('[KSIM-41] a service account gets a token that stands for it', async () => {
      const { api } = use();
      const namespace = await makeNamespace(api);
      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      await made(api, accounts, { metadata: { name: 'robot' } });
      const asked = await made(api, `${accounts}/robot/token`, { spec: { expirationSeconds: 600 } });
      const token = String(at(asked, 'status', 'token'));
      expect(Date.parse(String(at(asked, 'status', 'expirationTimestamp')))).not.toBeNaN();
      await grant(api, namespace, ['User', `system:serviceaccount:${namespace}:robot`], [READ_MAPS]);
      await eventually(api.as({ token }), configMaps(namespace), 200);
      const denied = await api.as({ token }).get(pods(namespace));
      expect(denied.doc['message']).toContain(`User "system:serviceaccount:${namespace}:robot" cannot list`);
      expect((await api.post(`${accounts}/none/token`, { spec: {} })).code).toBe(404);
    });

    it('[KSIM-42] without a role everything is a 403 that says who cannot do what where', async () => {
      const { api, user } = use();
      const namespace = await makeNamespace(api);
      const { code, doc } = await user('alice').get(configMaps(namespace));
      expect([code, doc['reason']]).toEqual([403, 'Forbidden']);
      expect(doc['message']).toBe(
        `configmaps is forbidden: User "alice" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"`,
      );
      const everywhere = await user('alice').get('/api/v1/nodes');
      expect(everywhere.doc['message']).toBe(
        'nodes is forbidden: User "alice" cannot list resource "nodes" in API group "" at the cluster scope',
      );
      const one = await user('alice').get(`${configMaps(namespace)}/a`);
      expect(one.doc['message']).toContain('configmaps "a" is forbidden: User "alice" cannot get resource');
    });

    it('[KSIM-42] a role counts for its namespace, its verbs and its resources, by user and by group', async () => {
      const { api, user } = use();
      const [here, there] = [await makeNamespace(api), await makeNamespace(api)];
      await grant(api, here, ['Group', 'team-a'], [READ_MAPS]);
      await eventually(user('alice'), configMaps(here), 200);
      expect((await user('alice').get(configMaps(there))).code).toBe(403);
      expect((await user('alice').get('/api/v1/configmaps')).code).toBe(403);
      expect((await user('alice').post(configMaps(here), configMap('a'))).code).toBe(403);
      expect((await user('alice').get(pods(here))).code).toBe(403);
      expect((await user('bob').get(configMaps(here))).code).toBe(403);
    });

    it('[KSIM-42] a list or watch of one name is judged like a request for that object', async () => {
      const { api, user } = use();
      const namespace = await makeNamespace(api);
      const path = configMaps(namespace);
      for (const name of ['mine', 'yours']) await made(api, path, configMap(name));
      await grant(api, namespace, ['User', 'bob'], [{ ...READ_MAPS, resourceNames: ['mine'] }]);
      await eventually(user('bob'), `${path}/mine`, 200);
      expect((await user('bob').get(`${path}?fieldSelector=metadata.name%3Dmine`)).code).toBe(200);
      expect((await user('bob').get(`${path}?fieldSelector=metadata.name%3Dyours`)).code).toBe(403);
      expect((await user('bob').get(path)).code).toBe(403);
      const watch = await user('bob').watch(`${path}?fieldSelector=metadata.name%3Dmine`);
      expect(await watch.names(1)).toEqual(['ADDED mine']);
      watch.close();
    });

    it('[KSIM-43] taking a role away stops new requests, and leaves open watches alone', async () => {
      const { api, user } = use();
      const namespace = await makeNamespace(api);
      const path = configMaps(namespace);
      const binding = await grant(api, namespace, ['User', 'alice'], [READ_MAPS]);
      await eventually(user('alice'), path, 200);
      const watch = await user('alice').watch(path);
      expect((await api.delete(binding)).code).toBe(200);
      await eventually(user('alice'), path, 403);
      await made(api, path, configMap('a'));
      expect(await watch.names(1)).toEqual(['ADDED a']);
      watch.close();
      const refused = await user('alice').get(`${path}?watch=true`);
      expect([refused.code, refused.doc['reason']]).toEqual([403, 'Forbidden']);
    });

    it('[KSIM-44] who may impersonate acts with the rights of the other, and with no more', async () => {
      const { api, user } = use();
      const namespace = await makeNamespace(api);
      await grant(api, namespace, ['Group', 'team-b'], [READ_MAPS]);
      const rules: Rule[] = [
        { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['bob', 'carol'] },
        { verbs: ['impersonate'], apiGroups: [''], resources: ['groups'], resourceNames: ['team-b'] },
      ];
      await grant(api, '', ['User', 'gateway'], rules);
      const gateway = user('gateway');
      const path = configMaps(namespace);
      const acting = async (headers: Readonly<Record<string, string | string[]>>): Promise<number> =>
        (await gateway.get(path, headers)).code;
      await expect
        .poll(() => acting({ 'impersonate-user': 'bob', 'impersonate-group': 'team-b' }), { timeout: 10_000 })
        .toBe(200);
      // Groups are those of the headers, not those that the user has with a token.
      expect(await acting({ 'impersonate-user': 'bob' })).toBe(403);
      expect(await acting({ 'impersonate-user': 'carol', 'impersonate-group': 'team-b' })).toBe(200);
      expect(await acting({ 'impersonate-user': 'admin', 'impersonate-group': 'system:masters' })).toBe(403);
      expect(await acting({ 'impersonate-user': 'bob', 'impersonate-group': ['team-b', 'team-a'] })).toBe(
        403,
      );
      expect(await acting({})).toBe(403);
      const refused = await user('alice').get(path, { 'impersonate-user': 'bob' });
      expect([refused.code, refused.doc['message']]).toEqual([
        403,
        'users "bob" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope',
      ]);
      expect(await acting({ 'impersonate-group': 'team-b' })).toBe(500);
    });

    it('[KSIM-45] reviews answer whether oneself or another may', async () => {
      const { api, user } = use();
      const namespace = await makeNamespace(api);
      await grant(api, namespace, ['User', 'alice'], [READ_MAPS]);
      await eventually(user('alice'), configMaps(namespace), 200);
      const own = async (resourceAttributes: object): Promise<unknown> =>
        at(
          await made(user('alice'), `${REVIEWS}/selfsubjectaccessreviews`, { spec: { resourceAttributes } }),
          'status',
        );
      const allowed = await own({ namespace, verb: 'list', resource: 'configmaps' });
      expect(allowed).toMatchObject({
        allowed: true,
        reason: expect.stringContaining('RBAC: allowed by RoleBinding'),
      });
      expect(await own({ namespace, verb: 'delete', resource: 'configmaps' })).toMatchObject({
        allowed: false,
      });
      expect(await own({ verb: 'list', resource: 'configmaps' })).toMatchObject({ allowed: false });
      const of = async (spec: object): Promise<unknown> =>
        at(await made(api, `${REVIEWS}/subjectaccessreviews`, { spec }), 'status', 'allowed');
      const resourceAttributes = { namespace, verb: 'watch', resource: 'configmaps' };
      expect(await of({ user: 'alice', resourceAttributes })).toBe(true);
      expect(await of({ user: 'bob', groups: ['team-b'], resourceAttributes })).toBe(false);
      expect(await of({ user: 'x', groups: ['system:masters'], resourceAttributes })).toBe(true);
      const everybody = ['system:authenticated'];
      expect(
        await of({ user: 'x', groups: everybody, nonResourceAttributes: { path: '/version', verb: 'get' } }),
      ).toBe(true);
      expect(
        await of({ user: 'x', groups: everybody, nonResourceAttributes: { path: '/metrics', verb: 'get' } }),
      ).toBe(false);
      const local = `${REVIEWS}/namespaces/${namespace}/localsubjectaccessreviews`;
      const inside = await made(api, local, {
        metadata: { namespace },
        spec: { user: 'alice', resourceAttributes },
      });
      expect(at(inside, 'status', 'allowed')).toBe(true);
      expect(
        (await user('alice').post(`${REVIEWS}/subjectaccessreviews`, { spec: { user: 'bob' } })).code,
      ).toBe(403);
    });

    it('[KSIM-45] a review that asks for nothing is refused', async () => {
      const { api } = use();
      const empty = await api.post(`${REVIEWS}/selfsubjectaccessreviews`, { spec: {} });
      expect([empty.code, empty.doc.kind]).toEqual([422, 'Status']);
      const nobody = await api.post(`${REVIEWS}/subjectaccessreviews`, {
        spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
      });
      expect([nobody.code, nobody.doc.kind]).toEqual([422, 'Status']);
    });

    it('[KSIM-46] a rules review lists what one may in a namespace', async () => {
      const { api, user } = use();
      const namespace = await makeNamespace(api);
      await grant(api, namespace, ['User', 'alice'], [READ_MAPS]);
      await eventually(user('alice'), configMaps(namespace), 200);
      const review = async (where: string): Promise<unknown> =>
        at(
          await made(user('alice'), `${REVIEWS}/selfsubjectrulesreviews`, { spec: { namespace: where } }),
          'status',
        );
      const found = await review(namespace);
      expect(at(found, 'incomplete')).toBe(false);
      expect(at(found, 'resourceRules')).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            verbs: ['get', 'list', 'watch'],
            apiGroups: [''],
            resources: ['configmaps'],
          }),
        ]),
      );
      expect(JSON.stringify(at(found, 'nonResourceRules'))).toContain('/version');
      expect(JSON.stringify(at(await review('default'), 'resourceRules'))).not.toContain('configmaps');
      const nowhere = await user('alice').post(`${REVIEWS}/selfsubjectrulesreviews`, { spec: {} });
      expect([nowhere.code, nowhere.doc['reason']]).toEqual([400, 'BadRequest']);
    });
  });
}
