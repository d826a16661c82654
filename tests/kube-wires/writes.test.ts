/** Changes through the proxy of a real server with its audit log, to a simulated API server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeSim } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { clock, Kit, signToken, type TestServer } from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SECRET } from '../support/bed.js';
import { callDirectory, resultOf, rootIn, startDirectoryServer } from '../support/directory-server.js';

const RBAC = 'rbac.authorization.k8s.io';
const PATH = '/api/v1/namespaces/default/configmaps';

const kit = new Kit();
let sim: KubeSim;
let server: TestServer;

beforeAll(async () => {
  sim = await startTestKubeSim(clock);
  kit.defer(() => sim.dispose());
  sim.cluster.put(sim.cluster.registry.require('rolebindings', RBAC), {
    metadata: { namespace: 'default', name: 'jane' },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'edit' },
    subjects: [{ kind: 'User', apiGroup: RBAC, name: 'jane' }],
  });
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-kube-writes-'));
  kit.defer(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(sim.kubeconfig(sim.issueToken())));
  const cluster = { kubeconfig, mode: 'impersonate', orgs: ['acme'] };
  server = await startDirectoryServer(kit, {
    config: {
      log: { level: 'warn' },
      kube: {
        clusters: [
          { ...cluster, id: 'prod', writes: true },
          { ...cluster, id: 'read' },
        ],
      },
    },
  });
  await callDirectory(server, rootIn('home'), 'createOrg', { id: 'acme', name: 'Acme' });
}, 120_000);
afterAll(() => kit.dispose());

async function send(
  user: string,
  method: string,
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): Promise<{ readonly status: number; readonly doc: Readonly<Record<string, unknown>> }> {
  const token = await signToken({ sub: user, org: 'acme' }, SECRET);
  const answer = await fetch(`${server.url}/clusters/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : headers) },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, doc: (await answer.json()) as Readonly<Record<string, unknown>> };
}

const draft = (name: string, size = 10): string =>
  JSON.stringify({
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name },
    data: { hush: 'x'.repeat(size) },
  });

describe('a server whose cluster takes changes', () => {
  it('[KWIRE-47] [KWIRE-48] they are made in the name of the user, whose org finds them in its audit log', async () => {
    const merge = { 'content-type': 'application/merge-patch+json' };
    const path = `prod${PATH}`;
    expect(await send('jane', 'POST', path, draft('a'))).toMatchObject({
      status: 201,
      doc: { kind: 'ConfigMap' },
    });
    const patched = await send('jane', 'PATCH', `${path}/a?fieldManager=me`, '{"data":{"b":"c"}}', merge);
    expect(patched).toMatchObject({ status: 200, doc: { data: { b: 'c' } } });
    expect((await send('jane', 'DELETE', `${path}/a`)).status).toBe(200);
    expect(await send('joe', 'POST', path, draft('a'))).toMatchObject({
      status: 403,
      doc: { kind: 'Status' },
    });
    const { requests } = sim.stats();
    expect(requests.filter(({ resource, verb }) => resource === 'configmaps' && verb === 'create')).toEqual([
      { verb: 'create', resource: 'configmaps', user: 'jane', code: 201, count: 1 },
    ]);
    const audit = await callDirectory(server, rootIn('acme'), 'audit', { action: 'kube.written' });
    const { records } = resultOf<{ readonly records: readonly Readonly<Record<string, unknown>>[] }>(audit);
    expect(records.map(({ actor, target, details }) => ({ actor, target, details })).reverse()).toMatchObject(
      [
        { target: 'prod', details: { verb: 'create', path: PATH, outcome: 'asked' } },
        { target: 'prod', details: { verb: 'create', path: PATH, outcome: 'answered', status: 201 } },
        { details: { verb: 'patch', path: `${PATH}/a`, outcome: 'asked', fieldManager: 'me' } },
        { details: { verb: 'patch', outcome: 'answered', status: 200 } },
        { details: { verb: 'delete', outcome: 'asked' } },
        { details: { verb: 'delete', outcome: 'answered', status: 200 } },
      ],
    );
    expect(JSON.stringify(records)).toContain('jane');
    expect(JSON.stringify(records)).not.toMatch(/hush|xxxxx/);
  });

  it('[KWIRE-47] [KWIRE-49] other clusters, strangers, other bodies: nothing is done', async () => {
    sim.resetStats();
    expect(await send('jane', 'POST', `read${PATH}`, draft('b'))).toMatchObject({
      status: 405,
      doc: { message: expect.stringContaining('kube.clusters[].writes') as string },
    });
    const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: draft('b') };
    expect((await fetch(`${server.url}/clusters/prod${PATH}`, post)).status).toBe(401);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
      expect((await send('jane', 'POST', `prod${PATH}`, draft('b'), { 'content-type': type })).status).toBe(
        415,
      );
    expect((await send('jane', 'POST', `prod${PATH}`, draft('b', 3 * 1_048_576))).status).toBe(413);
    expect(sim.stats().requests.filter(({ resource }) => resource === 'configmaps')).toEqual([]);
    const yaml = { 'content-type': 'application/yaml' };
    // What the simulated one does not understand goes there, and comes back in its words.
    expect((await send('jane', 'POST', `prod${PATH}`, 'kind: ConfigMap', yaml)).status).toBe(415);
    expect(sim.stats().requests.filter(({ resource }) => resource === 'configmaps')).toMatchObject([
      { code: 415 },
    ]);
  });
});
