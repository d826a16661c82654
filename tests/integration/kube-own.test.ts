/** Clusters that users reach with credentials of their own, on a real server with its store: what a user leaves there is used for that user alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { createKubeSim, type KubeSim } from '@trunkline/kube-sim';
import { signToken, until, type Document, type RawClient } from '@trunkline/testkit';
import { describe, expect, it } from 'vitest';
import { SECRET, useBed } from '../support/bed.js';

const RBAC = 'rbac.authorization.k8s.io';

describe('credentials of users', () => {
  let sim: KubeSim;
  const bed = useBed(async () => {
    sim = createKubeSim({ clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger });
    bed.fileKit.defer(() => sim.dispose());
    await sim.start();
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-kube-own-'));
    bed.fileKit.defer(() => rm(folder, { recursive: true, force: true }));
    const kubeconfig = join(folder, 'kubeconfig');
    // It says where the cluster is; the token in it is nobody's.
    await writeFile(kubeconfig, JSON.stringify(sim.kubeconfig('nobody')));
    return {
      config: {
        console: { org: 'home' },
        log: { level: 'warn' },
        auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
        kube: { clusters: [{ id: 'prod', kubeconfig, mode: 'own', orgs: ['*'] }] },
      },
    };
  });
  const connect = async (sub: string, org = 'home'): Promise<RawClient> => {
    const raw = await bed.raw();
    await raw.connect({ token: await signToken({ sub, org, roles: [] }, SECRET) });
    return raw;
  };
  const call = async (raw: RawClient, method: string, data: object): Promise<Document> => {
    const reply = await raw.request({ rpc: { method, data } });
    return ((reply['rpc'] as { data?: Document } | undefined)?.data ?? reply['error']) as Document;
  };
  const open = { cluster: 'prod', resource: 'configmaps', namespaces: ['default'] };

  it('[KUBE-41] [KUBE-42] [KUBE-44] are used for their user alone, and end what they carry when they are taken back', async () => {
    const type = (resource: string, group = '') => sim.cluster.registry.require(resource, group);
    sim.cluster.put(type('rolebindings', RBAC), {
      metadata: { namespace: 'default', name: 'jane' },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'User', apiGroup: RBAC, name: 'jane' }],
    });
    sim.cluster.put(type('configmaps'), { metadata: { namespace: 'default', name: 'a' } });
    const jane = await connect('jane');
    await until(
      'the store is open',
      async () => (await call(jane, 'kube.credentials.list', {}))['credentials'] !== undefined,
    );
    expect(await call(jane, 'kube.open', open)).toMatchObject({ code: 1331 });
    const token = sim.issueToken({ name: 'jane', groups: [] });
    const foreign = JSON.stringify(sim.kubeconfig(token)).replace('127.0.0.1', '127.0.0.2');
    const put = (kubeconfig: string) => call(jane, 'kube.credentials.put', { cluster: 'prod', kubeconfig });
    expect(await put(foreign)).toMatchObject({ code: 1316 });
    expect(await put(JSON.stringify(sim.kubeconfig(token)))).toEqual({ cluster: 'prod', kind: 'token' });
    expect(await call(jane, 'kube.clusters', {})).toMatchObject({
      clusters: [{ id: 'prod', mode: 'own', credential: 'present' }],
    });
    const { lists } = await call(jane, 'kube.open', open);
    const [{ channel } = { channel: '' }] = lists as { channel: string }[];
    const subscribe = { subscribe: { channel, type: 1, phase: 2 } };
    const { subscribe: shown } = await jane.request(subscribe);
    expect((shown as { state: { key: string }[] }).state.map(({ key }) => key)).toEqual(['default/a']);
    expect(sim.stats().requests.filter(({ resource }) => resource === 'configmaps')).toEqual([
      expect.objectContaining({ user: 'jane' }),
    ]);
    for (const [sub, org] of [
      ['bob', 'home'],
      ['jane', 'other'],
    ] as const) {
      const stranger = await connect(sub, org);
      expect(await call(stranger, 'kube.open', open)).toMatchObject({ code: 1331 });
      expect(await stranger.request(subscribe)).toMatchObject({ error: { code: 1331 } });
      expect(await call(stranger, 'kube.credentials.list', {})).toEqual({ credentials: [] });
    }
    expect(await call(jane, 'kube.credentials.delete', { cluster: 'prod' })).toEqual({ deleted: true });
    const over = await jane.expect('the list ends', (document) => {
      const push = document['push'] as { unsubscribe?: unknown } | undefined;
      return push?.unsubscribe !== undefined;
    });
    expect(over).toMatchObject({ push: { channel, unsubscribe: { code: 2101 } } });
    expect(await call(jane, 'kube.open', open)).toMatchObject({ code: 1331 });
  });
});
