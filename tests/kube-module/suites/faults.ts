/**
 * What goes wrong between a cluster and its viewers: the API server ends watches, forgets, is killed; the line breaks, dies without a word, stands still. Afterwards every viewer has what a fresh list has,
 * and between the two they were told.
 */
import { describe, expect, it } from 'vitest';
import type { MapViewer, ToldState, Watched } from '@trunkline/module-kube/testing';
import { until } from '@trunkline/testkit';
import { configMap, fresh, made, makeNamespace } from '../../kube/drafts.js';
import type { KubeTarget } from '../../kube/targets.js';
import {
  allow,
  bind,
  LIST,
  mayList,
  PATIENCE_MS,
  put,
  remove,
  SEE,
  settled,
  startBed,
  type Bed,
  type BedOptions,
} from '../bed.js';

const VIEWERS = 5;

interface Scene {
  readonly bed: Bed;
  readonly namespace: string;
  readonly all: readonly Watched[];
  readonly group: string;
}

export function faultSuite(use: () => KubeTarget): void {
  /** Some viewers of one list with some objects in it. */
  const scene = async (options: BedOptions, check: (scene: Scene) => Promise<void>): Promise<void> => {
    const bed = await startBed(use(), options);
    try {
      const namespace = await makeNamespace(bed.target.api);
      const group = fresh('viewers');
      await allow(bed, group);
      await mayList(bed, 'user-0', [group]);
      for (const name of ['a', 'b', 'c']) await put(bed, namespace, name);
      const all: Watched[] = [];
      for (let n = 0; n < VIEWERS; n++) all.push((await bed.viewer(`user-${n}`, [group])).watch(LIST));
      await settled(bed, all);
      await check({ bed, namespace, all, group });
    } finally {
      await bed.dispose();
    }
  };

  describe('faults', () => {
    it('[KUBE-22] watches that the API server ends when their time is over are followed by others', () =>
      scene({ reflector: { watchTimeoutMs: 1_000, graceMs: 20_000 } }, async ({ bed, namespace, all }) => {
        const { reflectors } = bed.kube.clusters.get('c1').server();
        const opened = (): number =>
          [...reflectors.entries()].reduce((sum, { view }) => sum + view.stats.watches, 0);
        await until(
          'the third watch',
          async () => {
            await put(bed, namespace, 'a');
            return opened() >= 3;
          },
          PATIENCE_MS,
          100,
        );
        await remove(bed, namespace, 'b');
        await settled(bed, all);
        await oneWatch(bed);
        expectUndisturbed(all);
      }));

    it('[KUBE-22] [KUBE-23] a line that breaks, and one that dies without a word', () =>
      scene(
        { reflector: { graceMs: 0 }, clusters: [{ id: 'c1', client: { watchSilenceMs: 1_000 } }] },
        async (one) => {
          const { bed, namespace, all } = one;
          for (const harm of ['drop', 'halfOpen'] as const) {
            const seen = all.map(({ told }) => told.length);
            bed.line()[harm]();
            await put(bed, namespace, `after-${harm.toLowerCase()}`);
            await remove(bed, namespace, 'a');
            await put(bed, namespace, 'b');
            await until(
              `${harm} is said`,
              () => all.every(({ told }, index) => faultIn(told.slice(seen[index])) !== undefined),
              PATIENCE_MS,
            );
            await put(bed, namespace, 'a');
            await settled(bed, all);
          }
          expectUndisturbed(all);
        },
      ));

    it('[KUBE-22] a past that the API server has forgotten (410) is made up for by the difference', () =>
      scene({}, async ({ bed, namespace, group }) => {
        const { api } = bed.target;
        // Of these the real API server has no watch cache here: what etcd has forgotten, nobody knows.
        await bind(api, ['Group', `acme:${group}`], [{ verbs: SEE, resources: ['secrets'] }]);
        const secrets = `/api/v1/namespaces/${namespace}/secrets`;
        const secret = (name: string): object => ({ ...configMap(name), kind: 'Secret' });
        for (const name of ['a', 'b']) await made(api, secrets, secret(name));
        const viewers: MapViewer[] = [];
        for (let n = 0; n < VIEWERS; n++) viewers.push(await bed.viewer(`user-${n}`, [group]));
        const channel = 'kube:c1/-/v1/secrets';
        await until(
          'the role counts',
          async () =>
            (
              await viewers[0]?.rpc('kube.open', {
                cluster: 'c1',
                resource: 'secrets',
                namespaces: [namespace],
              })
            )?.['lists'],
          PATIENCE_MS,
        );
        const all = viewers.map((viewer) => viewer.watch(channel));
        await settled(bed, all, { resource: 'secrets' });
        const { view } = [...bed.kube.clusters.get('c1').server().reflectors.entries()].find(
          ({ question }) => question.resource === 'secrets',
        ) as { view: { stats: { lists: number } } };
        const { lists } = view.stats;
        bed.line().cut();
        await api.delete(`${secrets}/a`);
        await made(api, secrets, secret('c'));
        await bed.target.compact();
        bed.line().restore();
        await settled(bed, all, { resource: 'secrets' });
        expect(view.stats.lists - lists).toBe(1);
        expectUndisturbed(all);
      }));

    it('[KUBE-22] [KUBE-17] an API server that is killed: its viewers are told, stay, and have everything when it is back', () =>
      scene({ tuning: { rightsTtlMs: 300 } }, async ({ bed, namespace, all }) => {
        await put(bed, namespace, 'before');
        await settled(bed, all);
        await bed.target.die();
        await until('it is said', () => all.every(({ state }) => state === 'recovering'), PATIENCE_MS);
        const { doubt } = bed.kube.clusters.get('c1').server();
        await until('rights cannot be asked about', () => doubt.fault !== undefined, PATIENCE_MS);
        for (const { told } of all)
          expect(faultIn(told)).toMatchObject({
            sinceMs: expect.any(Number) as number,
            reason: expect.stringMatching(/./) as string,
          });
        await bed.target.revive();
        await put(bed, namespace, 'after');
        await remove(bed, namespace, 'a');
        await settled(bed, all);
        expectUndisturbed(all);
        await oneWatch(bed);
      }));

    it('[KUBE-3] [KUBE-23] a server that goes on listening and says nothing: where nobody asks about rights, the question for its version tells', () =>
      scene(
        {
          as: 'admin',
          clusters: [{ id: 'c1', mode: 'shared', client: { headersTimeoutMs: 1_000 } }],
          tuning: { probeMs: 300, probeTimeoutMs: 1_000 },
        },
        async ({ bed, namespace, all }) => {
          bed.line().stall();
          await until('it is said', () => all.every(({ state }) => state === 'recovering'), PATIENCE_MS);
          await put(bed, namespace, 'meanwhile');
          bed.line().restore();
          await settled(bed, all);
          expectUndisturbed(all);
        },
      ));

    it('[KUBE-5] [KUBE-23] a cluster that stands still, and one that is gone, hold up no other', () =>
      scene(
        {
          clusters: [{ id: 'c1' }, { id: 'c2', client: { headersTimeoutMs: 2_000, watchSilenceMs: 2_000 } }],
        },
        async ({ bed, namespace, all, group }) => {
          const other = LIST.replace('c1', 'c2');
          const early = (await bed.viewer('user-0', [group])).watch(other);
          await settled(bed, [early]);
          for (const harm of ['stall', 'cut'] as const) {
            bed.line('c2')[harm]();
            // Who comes now waits for nobody but the cluster that was asked for.
            const viewer = await bed.viewer('user-1', [group]);
            const late = viewer.watch(other);
            const here = (await bed.viewer('user-2', [group])).watch(LIST);
            for (let round = 0; round < 3; round++) {
              await put(bed, namespace, `${harm}-${round}`);
              await settled(bed, [...all, here]);
            }
            expect([late.state, late.entries.size]).not.toEqual(['live', here.entries.size]);
            await until(`${harm} is said`, () => early.state === 'recovering', PATIENCE_MS);
            expect(early.told.at(-1)).toMatchObject({ reason: expect.stringMatching(/./) as string });
            bed.line('c2').restore();
            await settled(bed, [early, ...all]);
            await until('it is decided', () => late.error ?? late.subscribed, PATIENCE_MS);
            if (late.error !== undefined) await settled(bed, [viewer.watch(other)]);
            else await settled(bed, [late]);
          }
          expectUndisturbed([early, ...all]);
        },
      ));
  });
}

/** Resolves when the API server has one watch open: those of before are closed, and there was no second one. */
async function oneWatch({ target }: Bed): Promise<void> {
  const isOne = async (): Promise<boolean> => (await target.counts('configmaps', 'ConfigMap')).open === 1;
  await until('one watch is open', isOne, PATIENCE_MS, 100);
}

function faultIn(told: readonly ToldState[]): ToldState | undefined {
  return told.find(({ state }) => state === 'recovering');
}

/** Nobody lost the subscription, or had to take the state again. */
function expectUndisturbed(watched: readonly Watched[]): void {
  expect(watched.map(({ begun, ends, subscribed }) => ({ begun, ends, subscribed }))).toEqual(
    watched.map(() => ({ begun: 1, ends: [], subscribed: true })),
  );
}
