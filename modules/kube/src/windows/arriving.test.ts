import { createSeededRandom, randomInt } from '@trunkline/base';
import { KubeError } from '@trunkline/kube-client';
import { describe, expect, it } from 'vitest';
import type { CutPart } from './messages.js';
import { createWindowsBed, pod, startInline, type Viewer, type WindowsBed } from './testing/bed.js';

const names = ({ rows }: Viewer): string[] => rows.map(({ id }) => id.replace('one/default/', ''));
const recovering = {
  kind: 'recovering',
  sinceMs: 5,
  reason: new KubeError('kubeConnectionLost', 'it broke off'),
} as const;

/** A bed that notes the parts that go to its engine, and can end it. */
function createBed(): WindowsBed & { readonly sent: CutPart[]; end(): void } {
  const sent: CutPart[] = [];
  let end: (reason: string) => void = () => undefined;
  const bed = createWindowsBed({
    loadWaitMs: 300,
    partMaxBytes: 1_000,
    start: (clock) => {
      const start = startInline(clock, (ends) => (end = ends));
      return (handlers) => {
        const port = start(handlers);
        return {
          ...port,
          post: (message, transfer) => {
            if (message.kind === 'part') sent.push(structuredClone(message));
            port.post(message, transfer);
          },
        };
      };
    },
  });
  return Object.assign(bed, { sent, end: () => end('out of memory') });
}

const versionOf = (object: unknown): string =>
  (object as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
const textOf = (rows: readonly (readonly [string, string])[]): string =>
  rows
    .map(([key, version]) => `${key}@${version}`)
    .sort()
    .join();
const some = (from: number, to: number): Record<string, unknown>[] =>
  Array.from({ length: to - from }, (_, index) => pod({ name: `p${from + index}` }));
const countOf = (parts: readonly CutPart[]): number =>
  parts.reduce((sum, { lengths }) => sum + lengths.length, 0);

describe('a list that arrives', () => {
  it('[KWIN-23] goes over meanwhile, each object once, and is shown when it is whole', async () => {
    const bed = createBed();
    const list = bed.list();
    const viewer = await bed.follow({});
    list.begin();
    expect(viewer.sources).toMatchObject([{ state: { state: 'loading' } }]);
    await bed.clock.advance(100);
    for (let page = 0; page < 4; page++) {
      list.arrive(...some(page * 2, page * 2 + 2));
      await bed.clock.advance(100);
      expect(countOf(bed.sent)).toBe(page * 2 + 2);
    }
    const before = viewer.publications.length;
    expect([viewer.rows, viewer.total]).toEqual([[], 0]);
    list.arrived();
    list.live();
    await bed.clock.advance(200);
    expect(names(viewer)).toHaveLength(8);
    expect(viewer.publications).toHaveLength(before + 1);
    expect(viewer.sources).toMatchObject([{ state: { state: 'live' } }]);
    expect(countOf(bed.sent)).toBe(8);
    list.put(pod({ name: 'p3', restarts: 7 }));
    await bed.clock.advance(200);
    expect(viewer.publications).toHaveLength(before + 2);
    await bed.parts.dispose();
  });

  it('[KWIN-23] is shown as soon as it is told, under the state that it has then', async () => {
    const bed = createBed();
    const viewer = await bed.follow({});
    bed.list().begin();
    bed.list().arrive(...some(0, 2));
    await bed.clock.advance(100);
    bed.list().arrived();
    await bed.clock.advance(200);
    expect([names(viewer).length, viewer.sources]).toMatchObject([2, [{ state: { state: 'loading' } }]]);
    bed.list().live();
    await bed.clock.advance(200);
    expect(viewer.sources).toMatchObject([{ state: { state: 'live' } }]);
    await bed.parts.dispose();
  });

  it('[KWIN-23] what arrived of a list that broke off is in no row, and that it broke off is said', async () => {
    const bed = createBed();
    const viewer = await bed.follow({});
    bed.list().begin();
    bed.list().arrive(...some(0, 4));
    await bed.clock.advance(100);
    for (const listener of bed.list().listeners) listener.onState(recovering);
    await bed.clock.advance(200);
    expect(viewer.sources).toMatchObject([{ state: { state: 'recovering' } }]);
    bed.list().begin();
    bed.list().arrive(...some(3, 6));
    await bed.clock.advance(100);
    bed.list().arrived();
    bed.list().live();
    await bed.clock.advance(200);
    expect(names(viewer)).toEqual(['p3', 'p4', 'p5']);
    await bed.parts.dispose();
  });

  it('[KWIN-23] [KWIN-9] a window that wants more of the objects has a first word meanwhile, and all of them in the end', async () => {
    const bed = createBed();
    const first = await bed.follow({});
    bed.list().begin();
    bed.list().arrive(...some(0, 2));
    await bed.clock.advance(100);
    const second = await bed.follow({ sort: [{ path: 'spec.nodeName', order: 'desc' }] });
    expect([second.rows, second.sources]).toMatchObject([[], [{ state: { state: 'loading' } }]]);
    bed.list().arrive(pod({ name: 'p9', node: 'n9' }));
    await bed.clock.advance(100);
    bed.list().arrived();
    bed.list().live();
    await bed.clock.advance(300);
    expect(names(first)).toEqual(['p0', 'p1', 'p9']);
    expect(names(second)).toEqual(['p9', 'p0', 'p1']);
    await bed.parts.dispose();
  });

  it('[KWIN-20] [KWIN-23] what is kept back when it is whole is not shown', async () => {
    const bed = createBed();
    const list = bed.list();
    const viewer = await bed.follow({});
    list.begin();
    list.arrive(...some(0, 2));
    await bed.clock.advance(100);
    list.hold();
    list.arrived();
    list.state = { kind: 'live' };
    await bed.clock.advance(1_000);
    expect(viewer.rows).toEqual([]);
    list.release();
    await bed.clock.advance(200);
    expect(names(viewer)).toEqual(['p0', 'p1']);
    await bed.parts.dispose();
  });

  it.each([1, 2, 3, 4, 5, 6])(
    '[KWIN-1] [KWIN-23] whatever happens meanwhile, rows are those of a moment of the list, and of the last one in the end (seed %d)',
    async (seed) => {
      const random = createSeededRandom(seed);
      const bed = createBed();
      const list = bed.list();
      const viewers: Viewer[] = [];
      const moments = new Set(['']);
      const textNow = (): string =>
        textOf([...list.objects.values()].map(({ key, version }) => [key, version]));
      const note = (): void => void moments.add(textNow());
      const shown = ({ rows }: Viewer): string =>
        textOf(rows.map(({ id, object }) => [id.slice('one/'.length), versionOf(object)]));
      const fields = ['metadata.resourceVersion'];
      let isWhole = false;
      let hasEnded = false;
      list.begin();
      const steps = 40;
      for (let step = 0; step < steps || !isWhole; step++) {
        const die = randomInt(random, 12);
        if (die < 2 && viewers.length < 6) {
          const path = `metadata.labels.l${randomInt(random, 3)}`;
          // What is on its way would come between the state and its reader.
          await bed.clock.advance(300);
          const viewer = await bed.follow({
            fields,
            // Another place is another window.
            limit: 100 + step,
            ...(die === 0 ? { sort: [{ path, order: 'asc' }] } : {}),
          });
          viewer.onPublication = () => expect(moments).toContain(shown(viewer));
          viewers.push(viewer);
        } else if (isWhole) {
          const name = `p${randomInt(random, 12)}`;
          if (die < 5) list.change({ [`default/${name}`]: undefined });
          else list.put(pod({ name, restarts: step }));
          note();
        } else if (die < 8)
          list.arrive(pod({ name: `p${randomInt(random, 12)}` }), pod({ name: `p${step}` }));
        else if (die === 8) {
          for (const listener of list.listeners) listener.onState(recovering);
          await bed.clock.advance(randomInt(random, 150));
          list.begin();
        } else if (die === 9 && !hasEnded) {
          hasEnded = true;
          bed.end();
          await bed.clock.advance(5_000);
          for (const viewer of viewers.splice(0)) viewer.onPublication = undefined;
        } else if (die === 10 && step > steps / 3) {
          isWhole = true;
          list.arrived();
          note();
          if (randomInt(random, 2) === 0) await bed.clock.advance(randomInt(random, 150));
          list.live();
        }
        await bed.clock.advance(randomInt(random, 130));
      }
      await bed.clock.advance(2_000);
      viewers.push(await bed.follow({ fields, limit: 100 }));
      for (const viewer of viewers) expect(shown(viewer)).toBe(textNow());
      await bed.parts.dispose();
    },
  );
});
