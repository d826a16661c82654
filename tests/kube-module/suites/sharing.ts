/** A thousand viewers of one list, and what they cost the API server, as it counts itself. */
import { describe, expect, it } from 'vitest';
import type { Watched } from '@trunkline/module-kube/testing';
import { until } from '@trunkline/testkit';
import { fresh, makeNamespace } from '../../kube/drafts.js';
import type { KubeTarget } from '../../kube/targets.js';
import { allow, LIST, mayList, PATIENCE_MS, put, remove, settled, startBed, type Bed } from '../bed.js';

const VIEWERS = 1_000;
/** Rights are asked about for each user, so that a user with many screens is one question. */
const USERS = 20;
const OBJECTS = 10;

export function sharingSuite(use: () => KubeTarget): void {
  describe('sharing', () => {
    it(`[KUBE-21] ${VIEWERS} viewers of one list hold one watch, and their changes cost what those of one viewer cost`, async () => {
      const bed = await startBed(use());
      try {
        await check(bed);
      } finally {
        await bed.dispose();
      }
    });
  });
}

async function check(bed: Bed): Promise<void> {
  const { api } = bed.target;
  const [namespace, group] = [await makeNamespace(api), fresh('viewers')];
  await allow(bed, group);
  await mayList(bed, 'user-0', [group]);
  for (let n = 0; n < OBJECTS; n++) await put(bed, namespace, `c${n}`);
  const watch = async (n: number): Promise<Watched> =>
    (await bed.viewer(`user-${n % USERS}`, [group])).watch(LIST);
  const counts = () => bed.target.counts('configmaps', 'ConfigMap');
  /** As many changes of the same size each time. */
  const bytesOfChanges = async (watched: readonly Watched[]): Promise<number> => {
    const before = (await counts()).watchBytes;
    for (let n = 0; n < OBJECTS; n++) await put(bed, namespace, `c${n}`);
    await settled(bed, watched);
    return (await counts()).watchBytes - before;
  };
  const all = [await watch(0)];
  await settled(bed, all);
  const alone = await bytesOfChanges(all);
  // Those of other tests are closed by now, or will be.
  await until('one watch is open', async () => (await counts()).open === 1, PATIENCE_MS, 100);
  const before = await counts();
  for (let n = 1; n < VIEWERS; n++) all.push(await watch(n));
  await until('all have a list', () => all.every(({ state }) => state === 'live'), PATIENCE_MS);
  expect(await counts()).toMatchObject({ open: 1, lists: before.lists });
  const together = await bytesOfChanges(all);
  expect(alone).toBeGreaterThan(OBJECTS * 100);
  // A bookmark may be among them, and a version may have grown by a digit.
  expect(together).toBeLessThan(alone * 1.2);
  await remove(bed, namespace, 'c0');
  await settled(bed, all);
  expect((await counts()).open).toBe(1);
  expect(all.every(({ begun, ends }) => begun === 1 && ends.length === 0)).toBe(true);
}
