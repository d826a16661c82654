/** A cluster that users reach with what they left: a token, a client certificate. Whose rights count, and who shares a watch, is seen on the API server. */
import { randomBytes } from 'node:crypto';
import { KUBE_MIGRATIONS } from '@trunkline/module-kube';
import type { MapViewer } from '@trunkline/module-kube/testing';
import { createTestStore, type TestStore } from '@trunkline/store/testing';
import { until } from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fresh, makeNamespace } from '../../kube/drafts.js';
import { tokenOf, type KubeTarget } from '../../kube/targets.js';
import { bind, openAll, PATIENCE_MS, put, SEE, settled, startBed } from '../bed.js';

export function ownSuite(use: () => KubeTarget): void {
  describe('credentials of users', () => {
    let engine: TestStore;
    beforeAll(async () => {
      engine = await createTestStore([KUBE_MIGRATIONS]);
    }, 120_000);
    afterAll(() => engine.dispose());

    it('[KUBE-12] [KUBE-41] [KUBE-42] a token and a client certificate count for those who left them', async () => {
      const target = use();
      const keys = [new Uint8Array(randomBytes(32))];
      const bed = await startBed(target, {
        clusters: [{ id: 'c1', mode: 'own' }],
        // Nobody's: the connection says where the cluster is.
        as: 'bob',
        credentials: { store: engine.store, keys: () => keys },
      });
      try {
        const namespace = await makeNamespace(target.api);
        await put(bed, namespace, 'a');
        const rules = [{ verbs: SEE, resources: ['configmaps'] }];
        await bind(target.api, ['User', 'alice'], rules);
        const team = fresh('team');
        await bind(target.api, ['Group', team], rules, namespace);
        await until(
          'the role counts',
          async () => (await target.user('alice').get('/api/v1/configmaps')).code === 200,
          PATIENCE_MS,
        );
        const left = async (user: string, credential: object): Promise<MapViewer> => {
          const viewer = await bed.viewer(user);
          expect((await openAll(viewer, { resource: 'configmaps' })).error).toMatchObject({ code: 1331 });
          expect(await viewer.rpc('kube.credentials.put', { cluster: 'c1', ...credential })).toMatchObject({
            cluster: 'c1',
          });
          return viewer;
        };
        const jane = await left('jane', { token: tokenOf('alice') });
        const { key, cert } = await target.clientCertificate({ name: 'carol', groups: [team] });
        const joe = await left('joe', { certificate: cert, key });
        // Carol may see one namespace, and cannot list their names: it must be asked for.
        const all = await openAll(jane, { resource: 'configmaps' });
        const one = await openAll(joe, { resource: 'configmaps', namespaces: [namespace] });
        await settled(bed, all.watched);
        await settled(bed, one.watched, { namespace });
        expect((await openAll(joe, { resource: 'configmaps' })).error).toMatchObject({
          code: 1308,
          message: expect.stringContaining('cannot list resource "configmaps"') as string,
        });
        // Another screen of the same user shares the watch; another user's token does not, be it the same.
        const screen = (await bed.viewer('jane')).watch(all.channels[0] ?? '');
        const jill = await openAll(await left('jill', { token: tokenOf('alice') }), {
          resource: 'configmaps',
        });
        await settled(bed, [...all.watched, ...jill.watched, screen]);
        expect((await target.counts('configmaps', 'ConfigMap')).open).toBeGreaterThanOrEqual(2);
        const stolen = joe.watch(all.channels[0] ?? '');
        await until('it is refused', () => stolen.error, PATIENCE_MS);
        await put(bed, namespace, 'b');
        await settled(bed, [...all.watched, ...jill.watched, screen]);
        await settled(bed, one.watched, { namespace });
        expect(await jane.rpc('kube.credentials.delete', { cluster: 'c1' })).toEqual({ deleted: true });
        await until(
          'it is over',
          () => [...all.watched, screen].every(({ ends }) => ends.includes(2101)),
          PATIENCE_MS,
        );
        await put(bed, namespace, 'c');
        await settled(bed, jill.watched);
        expect([...all.watched, screen].some(({ entries }) => entries.has(`${namespace}/c`))).toBe(false);
      } finally {
        await bed.dispose();
      }
    });
  });
}
