import { FakeClock } from '@trunkline/base/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { Change } from '../cluster/event-log.js';
import type { KubeSim } from '../kube-sim.js';
import { read, readText, type KubeObject } from '../model/objects.js';
import { createTestKubeSim } from '../testing.js';
import type { WorkloadOptions } from './options.js';
import { startWorkload, type Workload } from './workload.js';

const WRITE = { manager: 'test', dryRun: false };
const DELETE = { gracePeriodSeconds: undefined, uid: undefined, resourceVersion: undefined, dryRun: false };
const WATCHED = [
  'pods',
  'nodes',
  'namespaces',
  'events',
  'services',
  'configmaps',
  'apps/deployments',
  'apps/replicasets',
];

interface Bench {
  readonly sim: KubeSim;
  readonly clock: FakeClock;
  readonly workload: Workload;
  /** Every change as `TYPE resource key version`. */
  readonly history: string[];
  readonly all: (resource: string, group?: string) => KubeObject[];
}

const open: Workload[] = [];
afterEach(() => {
  for (const workload of open.splice(0)) workload.dispose();
});

async function start(options: Partial<WorkloadOptions> = {}, simSeed = 1): Promise<Bench> {
  const { sim, clock } = createTestKubeSim({ watchCacheSize: 50 }, simSeed);
  const history: string[] = [];
  for (const name of WATCHED) {
    const [resource = '', group = ''] = name.split('/').reverse();
    sim.cluster.collection({ group, resource }).listen(({ type, current, version }: Change) => {
      history.push(`${type} ${resource} ${current.key} ${version} ${current.object.metadata.uid ?? ''}`);
    });
  }
  const workload = startWorkload(sim, { pods: 40, namespaces: 2, eventsPerSecond: 50, ...options });
  open.push(workload);
  // Filling goes slice by slice, a turn each.
  await clock.advance(1);
  await workload.ready;
  const all = (resource: string, group = ''): KubeObject[] =>
    [...sim.cluster.collection({ group, resource }).values()].map(({ object }) => object);
  return { sim, clock, workload, history, all };
}

const podsOf = ({ all }: Bench, namespace: string, app: string): KubeObject[] =>
  all('pods').filter(
    ({ metadata }) =>
      metadata.namespace === namespace &&
      metadata.labels?.['app'] === app &&
      metadata.deletionTimestamp === undefined,
  );

describe('the demo cluster', () => {
  it('[KSIM-80] is filled as ordered: nodes, namespaces, and applications whose pods run and are ready', async () => {
    const { all } = await start({ pods: 40, nodes: 5, namespaces: 2, eventsPerSecond: 0 });
    expect([all('pods').length, all('nodes').length]).toEqual([40, 5]);
    const nodes = new Set(all('nodes').map(({ metadata }) => metadata.name));
    for (const pod of all('pods')) {
      expect(nodes).toContain(readText(pod, 'spec', 'nodeName'));
      expect(read(pod, 'status', 'containerStatuses', 0, 'ready')).toBe(true);
    }
    const wanted = all('deployments', 'apps').reduce(
      (sum, one) => sum + Number(read(one, 'spec', 'replicas')),
      0,
    );
    expect(wanted).toBe(40);
  });

  it('[KSIM-81] the seed decides everything that happens; another seed is another cluster', async () => {
    const run = async (seed: number): Promise<string[]> => {
      const { clock, history } = await start({ seed });
      await clock.advance(20_000);
      return history;
    };
    const [one, same, other] = [await run(7), await run(7), await run(8)];
    expect(one.length).toBeGreaterThan(800);
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('[KSIM-81] reading logs changes nothing else', async () => {
    const run = async (reading: boolean): Promise<string[]> => {
      const bench = await start({ seed: 3 });
      const logs = bench.all('pods').map((pod) => {
        const { namespace = '', name } = pod.metadata;
        const container = readText(pod, 'spec', 'containers', 0, 'name');
        return reading ? bench.sim.logs.read(namespace, name, container, false) : undefined;
      });
      for (const log of logs) log?.listen(() => undefined);
      await bench.clock.advance(10_000);
      // Fifty lines are found, those after them were printed because somebody listens.
      if (reading) expect(Math.max(...logs.map((log) => log?.next ?? 0))).toBeGreaterThan(60);
      return bench.history;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it('[KSIM-82] makes as many changes as asked for, and does not catch up on a long stall', async () => {
    const { clock, workload } = await start({ eventsPerSecond: 100 });
    await clock.advance(10_000);
    expect(workload.changes()).toBeGreaterThan(950);
    expect(workload.changes()).toBeLessThan(1_050);
    const before = workload.changes();
    workload.dispose();
    await clock.advance(10_000);
    expect(workload.changes()).toBe(before);
  });

  it('[KSIM-83] stays as large as it is, however long it lives', async () => {
    const bench = await start({ pods: 40, eventsPerSecond: 400, maxEvents: 100, tickMs: 100 });
    const { clock, sim, all } = bench;
    const ceiling = all('deployments', 'apps').reduce(
      (sum, one) => sum + Math.max(4, 2 * Number(read(one, 'spec', 'replicas'))),
      0,
    );
    // An hour and a half of the default rate.
    for (let part = 0; part < 7; part++) {
      await clock.advance(10_000);
      expect(all('events').length).toBeLessThanOrEqual(100);
      const asked = all('deployments', 'apps').reduce(
        (sum, one) => sum + Number(read(one, 'spec', 'replicas')),
        0,
      );
      expect(asked).toBeLessThanOrEqual(ceiling);
      // Beside the replicas there are those of rollouts that replace one by one.
      expect(all('pods').length).toBeLessThanOrEqual(ceiling + 40);
      expect(all('replicasets', 'apps').length).toBeLessThanOrEqual(all('deployments', 'apps').length * 4);
      const { log } = sim.cluster.collection({ group: '', resource: 'pods' });
      expect(log.at(log.next - 51)).toBeUndefined();
      expect([...sim.logs.followed()]).toEqual([]);
    }
    expect(bench.workload.changes()).toBeGreaterThan(25_000);
  });

  it('[KSIM-84] a pod that a user deletes is stopped and replaced', async () => {
    const bench = await start({ eventsPerSecond: 0 });
    const { sim, clock, all } = bench;
    const [victim] = all('pods');
    const { namespace = '', name = '', labels } = victim?.metadata ?? {};
    const app = labels?.['app'] ?? '';
    const before = podsOf(bench, namespace, app).length;
    const type = sim.cluster.registry.require('pods');
    expect(sim.writer.delete(type, namespace, name, DELETE).gone).toBe(false);
    await clock.advance(1_000);
    expect(sim.cluster.get(type, namespace, name)).toBeUndefined();
    expect(podsOf(bench, namespace, app).length).toBe(before);
    for (const pod of podsOf(bench, namespace, app))
      expect(read(pod, 'status', 'containerStatuses', 0, 'ready')).toBe(true);
  });

  it('[KSIM-84] a deployment that a user scales, makes or deletes gets its pods, or loses them', async () => {
    const bench = await start({ eventsPerSecond: 0 });
    const { sim, clock, all } = bench;
    const type = sim.cluster.registry.require('deployments', 'apps');
    const [deployment] = all('deployments', 'apps');
    const { namespace = '', name = '' } = deployment?.metadata ?? {};
    const scale = (replicas: number): unknown =>
      sim.writer.change(
        type,
        namespace,
        name,
        (current) => ({ ...current, spec: { ...current.spec, replicas } }),
        '',
        WRITE,
      );
    for (const replicas of [9, 2, 0]) {
      scale(replicas);
      await clock.advance(3_000);
      expect(podsOf(bench, namespace, name).length).toBe(replicas);
    }
    const template = { spec: { containers: [{ name: 'mine', image: 'example.com/mine:1' }] } };
    sim.writer.create(
      type,
      namespace,
      { metadata: { name: 'mine' }, spec: { replicas: 3, template } },
      WRITE,
    );
    await clock.advance(3_000);
    expect(podsOf(bench, namespace, 'mine').length).toBe(3);
    sim.writer.delete(type, namespace, 'mine', DELETE);
    await clock.advance(3_000);
    expect(podsOf(bench, namespace, 'mine').length).toBe(0);
    expect(all('replicasets', 'apps').filter(({ metadata }) => metadata.name.startsWith('mine-'))).toEqual(
      [],
    );
  });

  it('[KSIM-84] a namespace that a user deletes takes its applications along, and only those', async () => {
    const bench = await start({ eventsPerSecond: 50 });
    const { sim, clock, all } = bench;
    const spaces = new Set(all('pods').map(({ metadata }) => metadata.namespace ?? ''));
    const [gone = '', kept = ''] = [...spaces];
    const apps = all('deployments', 'apps').filter(({ metadata }) => metadata.namespace === kept).length;
    sim.writer.delete(sim.cluster.registry.require('namespaces'), '', gone, DELETE);
    await clock.advance(10_000);
    expect(all('pods').filter(({ metadata }) => metadata.namespace === gone)).toEqual([]);
    expect(all('namespaces').map(({ metadata }) => metadata.name)).not.toContain(gone);
    const before = bench.history.length;
    await clock.advance(60_000);
    const later = bench.history.slice(before);
    expect(later.filter((line) => line.includes(` ${gone}/`))).toEqual([]);
    // All applications of the other namespace live on: a rollout or a change of each comes in time.
    const alive = new Set(
      later.map((line) => /configmaps \w+\/(\S+)-config /.exec(line)?.[1]).filter(Boolean),
    );
    expect(alive.size).toBe(apps);
  });
});
