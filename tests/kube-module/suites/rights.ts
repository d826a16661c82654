/** Who sees what, with roles of the API server: groups of orgs, refusals in its words, restricted viewers, confined orgs, rights that are taken away. */
import { describe, expect, it } from 'vitest';
import type { MapViewer } from '@trunkline/module-kube/testing';
import { until } from '@trunkline/testkit';
import { configMap, configMaps, fresh, made, makeNamespace } from '../../kube/drafts.js';
import type { KubeTarget } from '../../kube/targets.js';
import {
  allow,
  bind,
  LIST,
  listedAs,
  mayList,
  openAll,
  PATIENCE_MS,
  put,
  SEE,
  settled,
  startBed,
  type Bed,
  type BedOptions,
} from '../bed.js';

export function rightsSuite(use: () => KubeTarget): void {
  const withBed = async (options: BedOptions, check: (bed: Bed) => Promise<void>): Promise<void> => {
    const bed = await startBed(use(), options);
    try {
      await check(bed);
    } finally {
      await bed.dispose();
    }
  };
  const refusal = async (viewer: MapViewer, channel: string) => {
    const watched = viewer.watch(channel);
    await until('it is decided', () => watched.error ?? watched.subscribed, PATIENCE_MS);
    return watched.error;
  };

  describe('rights', () => {
    it('[KUBE-11] [KUBE-14] groups are those of the org; who may not is refused in the words of the API server', () =>
      withBed({}, async (bed) => {
        const { api } = bed.target;
        const namespace = await makeNamespace(api);
        const [group, user] = [fresh('group'), fresh('gus')];
        await put(bed, namespace, 'a');
        // A group of the cluster that is called as the org calls its own.
        await bind(api, ['Group', group], [{ verbs: SEE, resources: ['configmaps'] }]);
        await bind(api, ['Group', 'system:authenticated:fans'], [{ verbs: SEE, resources: ['configmaps'] }]);
        const viewer = await bed.viewer(user, [group, 'system:masters']);
        for (const channel of [LIST, `${LIST}?ns=${namespace}`]) {
          const of = channel === LIST ? {} : { namespace };
          const { code, words } = await listedAs(bed, user, [group], of);
          expect([code, await refusal(viewer, channel)]).toEqual([
            403,
            { code: 1308, message: expect.stringContaining(words) as string },
          ]);
        }
        expect((await openAll(viewer, { resource: 'configmaps' })).error).toMatchObject({
          code: 1308,
          message: expect.stringContaining(`User "${user}" cannot list resource "configmaps"`) as string,
        });
        expect(await refusal(await bed.viewer('system:admin'), LIST)).toMatchObject({ code: 1308 });
        expect(await refusal(await bed.viewer(user, [group], 'globex'), LIST)).toMatchObject({ code: 1330 });
        await allow(bed, group);
        await mayList(bed, user, [group]);
        const { watched } = await openAll(viewer, { resource: 'configmaps' });
        await settled(bed, watched);
      }));

    it('[KUBE-14] a connection that may not impersonate lets nobody in, and says why', () =>
      withBed({ as: 'bob' }, async (bed) => {
        const viewer = await bed.viewer('ada');
        expect(await refusal(viewer, LIST)).toMatchObject({
          code: 1308,
          message: expect.stringContaining('User "bob" cannot impersonate resource "users"') as string,
        });
      }));

    it('[KUBE-13] [KUBE-15] [KUBE-31] restricted viewers get their namespaces, and confined orgs theirs', () => {
      const confined: string[] = [];
      const visibleTo = (org: string) =>
        org === 'acme' ? {} : org === 'small' ? { namespaces: confined } : undefined;
      return withBed({ clusters: [{ id: 'c1', visibleTo }] }, async (bed) => {
        const { api } = bed.target;
        const [mine, other] = [await makeNamespace(api), await makeNamespace(api)];
        confined.push(other);
        for (const namespace of [mine, other]) await put(bed, namespace, 'a');
        const [group, user] = [fresh('group'), fresh('rita')];
        await allow(bed, group, mine);
        await mayList(bed, user, [group], mine);
        const rita = await bed.viewer(user, [group]);
        const { channels, watched } = await openAll(rita, { resource: 'configmaps' });
        expect(channels).toEqual([`${LIST}?ns=${mine}`]);
        await settled(bed, watched, { namespace: mine });
        const both = await rita.rpc('kube.open', {
          cluster: 'c1',
          resource: 'configmaps',
          namespaces: [mine, other],
        });
        const { words } = await listedAs(bed, user, [group], { namespace: other });
        expect(both).toMatchObject({
          lists: [{ namespace: mine }],
          denied: [{ namespace: other, reason: expect.stringContaining(words) as string }],
        });
        // Whoever may see all there is sees no more than the org.
        const everybody = fresh('all');
        await bind(api, ['User', everybody], [{ verbs: SEE, resources: ['configmaps', 'nodes'] }]);
        await mayList(bed, everybody, []);
        const small = await bed.viewer(everybody, [], 'small');
        const theirs = await openAll(small, { resource: 'configmaps' });
        expect(theirs.channels).toEqual([`${LIST}?ns=${other}`]);
        await settled(bed, theirs.watched, { namespace: other });
        for (const channel of [LIST, `${LIST}?ns=${mine}`, 'kube:c1/-/v1/nodes'])
          expect(await refusal(small, channel)).toMatchObject({ code: 1308 });
      });
    });

    it('[KUBE-26] a right to one object by its name shows that one', () =>
      withBed({}, async (bed) => {
        const { api } = bed.target;
        const namespace = await makeNamespace(api);
        for (const name of ['mine', 'yours']) await made(api, configMaps(namespace), configMap(name));
        const user = fresh('nora');
        const rule = { verbs: SEE, resources: ['configmaps'], resourceNames: ['mine'] };
        await bind(api, ['User', user], [rule], namespace);
        await until(
          'the role counts',
          async () => (await listedAs(bed, user, [], { namespace, name: 'mine' })).code === 200,
          PATIENCE_MS,
        );
        const viewer = await bed.viewer(user);
        const wish = { resource: 'configmaps', namespaces: [namespace] };
        const { watched } = await openAll(viewer, { ...wish, name: 'mine' });
        await until('it is there', () => watched.every(({ state }) => state === 'live'), PATIENCE_MS);
        expect(watched.map(({ entries }) => [...entries.keys()])).toEqual([[`${namespace}/mine`]]);
        expect((await openAll(viewer, { ...wish, name: 'yours' })).error).toMatchObject({ code: 1308 });
        expect((await openAll(viewer, wish)).error).toMatchObject({ code: 1308 });
      }));

    it('[KUBE-16] a binding that is taken away ends the list with 2101, for those whom it concerns alone', () =>
      withBed({}, async (bed) => {
        const namespace = await makeNamespace(bed.target.api);
        const [guests, viewers] = [fresh('guests'), fresh('viewers')];
        await allow(bed, viewers);
        const revoke = await allow(bed, guests, namespace);
        await put(bed, namespace, 'a');
        await mayList(bed, 'gus', [guests], namespace);
        await mayList(bed, 'ada', [viewers]);
        const channel = `${LIST}?ns=${namespace}`;
        const guest = await bed.viewer('gus', [guests]);
        const theirs = guest.watch(channel);
        const others = (await bed.viewer('ada', [viewers])).watch(channel);
        await settled(bed, [theirs, others], { namespace });
        await revoke();
        await until('the subscription ended', () => theirs.ends.length > 0, PATIENCE_MS);
        expect([theirs.ends, others.ends]).toEqual([[2101], []]);
        await put(bed, namespace, 'secret');
        await settled(bed, [others], { namespace });
        expect(theirs.entries.has(`${namespace}/secret`)).toBe(false);
        const { words } = await listedAs(bed, 'gus', [guests], { namespace });
        expect(await refusal(guest, channel)).toMatchObject({
          code: 1308,
          message: expect.stringContaining(words) as string,
        });
        // Given back, it is there again.
        await allow(bed, guests, namespace);
        await mayList(bed, 'gus', [guests], namespace);
        await settled(bed, [guest.watch(channel), others], { namespace });
      }));
  });
}
