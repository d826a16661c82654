/** The client and the reflector on API servers: the simulated one, and a real one where `npm run setup:kube` has built it. */
import type { KubeCluster, KubeError } from '@trunkline/kube-client';
import { until } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { configMap, configMaps, made, makeNamespace, pods } from '../kube/drafts.js';
import { startReal, startSimulated, tokenOf, type KubeTarget } from '../kube/targets.js';
import { connect, CONFIG_MAPS, follow, PODS } from './bed.js';
import { findKubeBinaries } from '@trunkline/testkit';

const hasReal = findKubeBinaries() !== undefined;
if (!hasReal)
  process.stderr.write(
    'tests/kube-client: no real API server here (npm run setup:kube); the simulated one only\n',
  );

const open: { dispose(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.dispose();
});

for (const [name, start] of [
  ['simulated', startSimulated],
  ...(hasReal ? [['real', startReal] as const] : []),
] as const)
  describe(`a ${name} API server`, () => {
    let target: KubeTarget;
    let admin: KubeCluster;
    beforeAll(async () => {
      target = (await start()) as KubeTarget;
      admin = connect(target.place, tokenOf('admin'), { pageSize: 3 });
    }, 120_000);
    afterAll(async () => {
      await admin.dispose();
      await target.dispose();
    });

    const follows = (...given: Parameters<typeof follow>): ReturnType<typeof follow> => {
      const followed = follow(...given);
      open.push(followed);
      return followed;
    };

    it('[REFL-1] the reflector becomes live and follows what others do', async () => {
      const namespace = await makeNamespace(target.api);
      for (let index = 0; index < 7; index++)
        await made(target.api, configMaps(namespace), configMap(`m${index}`));
      const followed = follows(admin, { ...CONFIG_MAPS, namespace, labelSelector: 'skip!=yes' });
      await followed.settled();
      expect(followed.reflector.stats.watches).toBe(1);
      expect(admin.withoutWatchList.has('')).toBe(!target.can.watchList);
      await made(target.api, configMaps(namespace), configMap('later', {}, { a: '1' }));
      await made(target.api, configMaps(namespace), configMap('skipped', { skip: 'yes' }));
      await target.api.patch(`${configMaps(namespace)}/m0`, 'merge-patch', { data: { b: '2' } });
      // It leaves the selection, and so it is gone for who looks through it.
      await target.api.patch(`${configMaps(namespace)}/m1`, 'merge-patch', {
        metadata: { labels: { skip: 'yes' } },
      });
      await target.api.delete(`${configMaps(namespace)}/m2`);
      await until(
        'six left',
        () =>
          followed.copy.get(`${namespace}/later`) &&
          followed.copy.size >= 6 &&
          !followed.copy.has(`${namespace}/m2`),
      );
      await followed.settled();
      expect([...followed.copy.keys()].filter((key) => /skipped|m1|m2$/.test(key))).toEqual([]);
      expect(followed.reflector.get(`${namespace}/m0`)?.value).toMatchObject({
        kind: 'ConfigMap',
        data: { b: '2' },
      });
      expect(followed.states.map(({ kind }) => kind)).toEqual(['live']);
    });

    it('[REFL-6] restarts and forgotten versions end in the truth, and are said', async () => {
      const namespace = await makeNamespace(target.api);
      for (const one of ['a', 'b', 'c']) await made(target.api, configMaps(namespace), configMap(one));
      const followed = follows(admin, { ...CONFIG_MAPS, namespace });
      await followed.settled();
      const kept = followed.reflector.get(`${namespace}/b`);
      await target.restart();
      await target.api.delete(`${configMaps(namespace)}/a`);
      await made(target.api, configMaps(namespace), configMap('d'));
      await target.compact();
      await followed.settled(60_000);
      expect(followed.states.map(({ kind }) => kind)).toContain('recovering');
      expect(followed.reflector.get(`${namespace}/b`)).toBe(kept);
      expect(followed.reflector.stats.lists).toBeLessThanOrEqual(2);
    }, 120_000);

    it('[REFL-10] who may not list is told so in the words of the server', async () => {
      const alice = connect(target.place, tokenOf('alice'));
      open.push(alice);
      const followed = follows(alice, PODS);
      await until('denied', () => followed.states.length > 0);
      expect(followed.states).toMatchObject([
        { kind: 'denied', reason: { kind: 'kubeForbidden', status: 403 } },
      ]);
      expect((followed.states[0] as { reason: KubeError }).reason.message).toMatch(
        /User "alice" cannot (list|watch) resource "pods"/,
      );
      const stranger = connect(target.place, 'no-such-token');
      open.push(stranger);
      const other = follows(stranger, PODS);
      await until('denied', () => other.states.length > 0);
      expect(other.states).toMatchObject([{ kind: 'denied', reason: { kind: 'kubeUnauthorized' } }]);
      const gone = follows(admin, { group: 'example.com', version: 'v1', resource: 'nothings' });
      await until('gone', () => gone.states.length > 0);
      expect(gone.states).toMatchObject([{ kind: 'gone', reason: { kind: 'kubeNotFound' } }]);
    });

    it('[KCL-37] reviews and impersonation answer for others', async () => {
      const question = { verb: 'list', group: '', resource: 'pods', namespace: 'default' };
      expect((await admin.reviewSelf(question)).allowed).toBe(true);
      expect((await admin.as({ user: 'alice', groups: ['team-a'] }).reviewSelf(question)).allowed).toBe(
        false,
      );
      expect(
        (await admin.reviewSubject({ user: 'root', groups: ['system:masters'] }, question)).allowed,
      ).toBe(true);
      const { rules } = await admin.reviewRules('default');
      expect(rules.some(({ verbs, resources }) => verbs.includes('*') && resources.includes('*'))).toBe(true);
      const alice = connect(target.place, tokenOf('alice'));
      open.push(alice);
      await expect(alice.as({ user: 'admin', groups: ['system:masters'] }).list(PODS)).rejects.toMatchObject({
        kind: 'kubeForbidden',
      });
    });

    it('[KCL-36] discovery finds built-in resources, tables have columns, and the version is said', async () => {
      const { resources, failures } = await admin.discover();
      expect(failures).toEqual([]);
      const find = (resource: string) => resources.find((one) => one.resource === resource && one.preferred);
      expect(find('pods')).toMatchObject({
        group: '',
        version: 'v1',
        kind: 'Pod',
        namespaced: true,
        shortNames: ['po'],
      });
      expect(find('deployments')).toMatchObject({ group: 'apps', version: 'v1' });
      const namespace = await makeNamespace(target.api);
      await made(target.api, configMaps(namespace), configMap('a'));
      const table = await admin.table({ ...CONFIG_MAPS, namespace });
      expect(table?.columns.map((column) => column.name)).toEqual(['Name', 'Data', 'Age']);
      expect(table?.rows.find(({ cells }) => cells[0] === 'a')?.object).toMatchObject({
        metadata: { name: 'a' },
      });
      expect((await admin.version()).gitVersion).toMatch(/^v1\./);
    });

    it('[KCL-30] pages are of one state', async () => {
      const namespace = await makeNamespace(target.api);
      for (let index = 0; index < 8; index++)
        await made(target.api, configMaps(namespace), configMap(`m${index}`));
      const question = { ...CONFIG_MAPS, namespace };
      const first = await admin.listPage(question, { limit: 5 });
      await target.api.delete(`${configMaps(namespace)}/m7`);
      const second = await admin.listPage(question, { limit: 50, continue: first.continue });
      expect([first.items.length, second.continue, second.version]).toEqual([5, '', first.version]);
      expect(second.items.map((one) => one.name)).toContain('m7');
      const { items } = await admin.list(question);
      expect(items.map((one) => one.name)).not.toContain('m7');
      expect(items.length).toBeGreaterThanOrEqual(7);
    });

    it('[KCL-34] logs are followed line by line', async () => {
      const namespace = await makeNamespace(target.api);
      const container = { name: 'web', image: 'x' };
      const spec = { nodeName: target.node, containers: [container], automountServiceAccountToken: false };
      await made(target.api, pods(namespace), {
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: { name: 'p' },
        spec,
      });
      target.print(namespace, 'p', 'web', 'one', '', 'two');
      const lines: string[] = [];
      const reading = (async () => {
        for await (const batch of admin.logs({ namespace, pod: 'p', container: 'web', follow: true }))
          lines.push(...batch.map((line) => new TextDecoder().decode(line)));
      })();
      await until('two lines', () => lines.includes('two'));
      target.print(namespace, 'p', 'web', 'three');
      await until('three lines', () => lines.includes('three'));
      target.endLog(namespace, 'p', 'web');
      await reading;
      expect(lines).toEqual(['one', '', 'two', 'three']);
      await expect(
        admin.logs({ namespace, pod: 'none' })[Symbol.asyncIterator]().next(),
      ).rejects.toMatchObject({ kind: 'kubeNotFound' });
    });
  });
