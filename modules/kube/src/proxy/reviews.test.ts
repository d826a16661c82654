import { testPrincipal } from '@trunkline/hub/testing';
import { describe, expect, it } from 'vitest';
import { startBed } from './testing/bed.js';

const ACCESS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const RULES = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
const SUBJECT = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

const mayI = (resourceAttributes: object) => ({
  kind: 'SelfSubjectAccessReview',
  spec: { resourceAttributes },
});

describe('reviews through the proxy', () => {
  it('[KWIRE-45] pass without writes and without a record, for anonymous callers too', async () => {
    const bed = startBed({ answer: () => ({ status: 201, body: ['{"status":{"allowed":true}}'] }) });
    const question = mayI({ verb: 'list', resource: 'pods', namespace: 'web' });
    for (const path of [ACCESS, ACCESS.replace('v1', 'v1beta1'), RULES, SUBJECT]) {
      const answer = await bed.ask('POST', path, question, { principal: testPrincipal({ user: '' }) });
      expect([path, answer.status, answer.text]).toEqual([path, 201, '{"status":{"allowed":true}}']);
    }
    expect(bed.sent.map(({ method, path, body }) => [method, path, JSON.parse(String(body))])).toEqual(
      [ACCESS, ACCESS.replace('v1', 'v1beta1'), RULES, SUBJECT].map((path) => ['POST', path, question]),
    );
    expect(bed.deeds).toEqual([]);
    // About others, or elsewhere, they are objects like all.
    for (const path of [
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      '/apis/authentication.k8s.io/v1/tokenreviews',
      `${ACCESS}/x`,
      ACCESS.replace('authorization.k8s.io', 'evil.test'),
    ])
      expect([path, (await bed.ask('POST', path, question)).status]).toEqual([path, 405]);
    expect((await bed.ask('PUT', ACCESS, question)).status).toBe(405);
  });

  it('[KWIRE-45] a body that is none, too long, or of another type is refused', async () => {
    const { ask, sent } = startBed();
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    for (const body of [undefined, 'x', '[]', '"x"', `{"a":${deep}}`])
      expect((await ask('POST', ACCESS, body)).status).toBe(400);
    const yaml = { headers: { 'content-type': 'application/yaml' } };
    expect((await ask('POST', ACCESS, 'spec: {}', yaml)).status).toBe(400);
    expect((await ask('POST', ACCESS, JSON.stringify({ a: 'x'.repeat(65_536) }))).status).toBe(413);
    expect(sent).toEqual([]);
  });

  it('[KWIRE-45] an org that is confined hears no about all that lies outside, and what is inside is asked', async () => {
    const { ask, sent } = startBed({ confinedTo: ['web'], writes: true });
    for (const attributes of [
      { verb: 'list', resource: 'pods', namespace: 'vault' },
      { verb: 'list', resource: 'pods' },
      { verb: 'list', resource: 'pods', namespace: '*' },
      { verb: 'get', resource: 'nodes', name: 'web' },
      { verb: 'list', resource: 'namespaces' },
      { verb: 'delete', resource: 'namespaces', name: 'web' },
      // As consoles ask, since to an API server a namespace lies in itself.
      { verb: 'delete', resource: 'namespaces', name: 'web', namespace: 'web' },
      { verb: 'get', resource: 'namespaces', name: 'vault', namespace: 'web' },
      { verb: 'list', resource: 'namespaces', namespace: 'web' },
    ]) {
      const { status, json } = await ask('POST', ACCESS, mayI(attributes));
      expect([attributes, status]).toEqual([attributes, 201]);
      expect(json()).toMatchObject({
        kind: 'SelfSubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        spec: { resourceAttributes: attributes },
        status: { allowed: false, reason: 'the org is confined to other namespaces of this cluster' },
      });
    }
    const rules = await ask('POST', RULES, { spec: { namespace: 'vault' } });
    expect(rules.json()['status']).toMatchObject({ resourceRules: [], nonResourceRules: [] });
    expect(rules.text).toContain('confined');
    expect(sent).toEqual([]);
    await ask('POST', RULES, { spec: { namespace: 'web' } });
    await ask('POST', ACCESS, mayI({ verb: 'delete', resource: 'pods', namespace: 'web' }));
    await ask('POST', ACCESS, mayI({ verb: 'get', resource: 'namespaces', name: 'web', namespace: 'web' }));
    // A field that is said twice is asked about as it was judged.
    await ask(
      'POST',
      ACCESS,
      '{"spec":{"resourceAttributes":{"namespace":"vault","namespace":"web","verb":"get"}}}',
    );
    expect(sent).toHaveLength(4);
    expect(String(sent.at(-1)?.body)).not.toContain('vault');
  });

  it('[KWIRE-45] what this server would not pass on is answered with no, whatever the cluster would allow', async () => {
    const allowed = async (options: Parameters<typeof startBed>[0], attributes: object, user = 'ada') => {
      const bed = startBed({ ...options, answer: () => ({ status: 201 }) });
      await bed.ask('POST', ACCESS, mayI(attributes), { principal: testPrincipal({ user }) });
      return bed.sent.length === 1;
    };
    const remove = { verb: 'delete', resource: 'pods', namespace: 'web' };
    const enter = { verb: 'create', resource: 'pods', subresource: 'exec', namespace: 'web' };
    expect(await allowed({}, remove)).toBe(false);
    expect(await allowed({}, { ...remove, verb: '*' })).toBe(false);
    expect(await allowed({}, { ...remove, verb: 'watch' })).toBe(true);
    expect(await allowed({ writes: true }, remove)).toBe(true);
    expect(await allowed({ writes: true }, remove, '')).toBe(false);
    expect(await allowed({ writes: true, audit: null }, remove)).toBe(false);
    expect(await allowed({ writes: true }, enter)).toBe(false);
    expect(await allowed({ exec: true }, enter)).toBe(true);
    expect(await allowed({ exec: true }, enter, '')).toBe(false);
    expect(await allowed({ writes: true, exec: true }, { ...enter, subresource: 'proxy' })).toBe(false);
    expect(await allowed({ writes: true, exec: true }, { ...enter, subresource: '*' })).toBe(false);
    // To an API server it is the same in one word.
    const { subresource: _, ...inOne } = { ...enter, resource: 'pods/exec' };
    expect(await allowed({ writes: true }, inOne)).toBe(false);
    expect(await allowed({ writes: true, exec: true }, inOne)).toBe(true);
    expect(await allowed({ writes: true, exec: true }, { ...inOne, resource: 'services/proxy' })).toBe(false);
  });

  it('[KWIRE-45] about places that are no kinds: reading those that are served', async () => {
    const bed = startBed({ confinedTo: ['web'], writes: true });
    const ask = async (nonResourceAttributes: object) => {
      const { sent } = bed;
      const before = sent.length;
      const { status } = await bed.ask('POST', ACCESS, { spec: { nonResourceAttributes } });
      expect([200, 201]).toContain(status);
      return sent.length > before;
    };
    for (const path of ['/version', '/openapi/v2', '/api', '/healthz/etcd'])
      expect(await ask({ verb: 'get', path })).toBe(true);
    for (const path of ['/metrics', '/debug/pprof', '*', '/', '', '/*', 7])
      expect(await ask({ verb: 'get', path })).toBe(false);
    expect(await ask({ verb: 'post', path: '/version' })).toBe(false);
    expect(await ask({ path: '/version' })).toBe(false);
  });
});
