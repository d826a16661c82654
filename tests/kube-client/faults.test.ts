/** Reflectors over real HTTP while the simulated API server fails in every way it can. Upstream numbers are asserted on the server's side. */
import { createSystemRandom, silentLogger } from '@trunkline/base';
import {
  ReflectorSet,
  type KubeCluster,
  type KubeClusterOptions,
  type ReflectorOptions,
} from '@trunkline/kube-client';
import { startWorkload, type KubeSim, type KubeSimOptions } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { clock, until, wait } from '@trunkline/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, CONFIG_MAPS, follow, PODS, type Followed } from './bed.js';

const open: { dispose(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.dispose();
});

interface Bed {
  readonly sim: KubeSim;
  readonly cluster: KubeCluster;
  put(name: string, data?: Readonly<Record<string, string>>): void;
  remove(name: string): void;
  follow(given?: Partial<ReflectorOptions>, onBatch?: () => Promise<void>): Followed;
}

async function start(
  options: Partial<KubeSimOptions> = {},
  client: Partial<KubeClusterOptions> = {},
): Promise<Bed> {
  const sim = await startTestKubeSim(clock, options);
  open.push(sim);
  const cluster = connect({ url: sim.url }, sim.issueToken(), client);
  open.push(cluster);
  const type = sim.cluster.registry.find('', 'v1', 'configmaps');
  if (type === undefined) throw new Error('no configmaps');
  return {
    sim,
    cluster,
    put: (name, data = {}) => void sim.cluster.put(type, { metadata: { namespace: 'default', name }, data }),
    remove: (name) => void sim.cluster.remove(type, 'default', name),
    follow: (given, onBatch) => {
      const followed = follow(cluster, CONFIG_MAPS, given, onBatch);
      open.push(followed);
      return followed;
    },
  };
}

async function live(bed: Bed, given?: Partial<ReflectorOptions>): Promise<Followed> {
  for (const name of ['a', 'b', 'c']) bed.put(name);
  const followed = bed.follow(given);
  await followed.settled();
  // Longer than `healthyAfterMs`, so that an ordinary end is one.
  await wait(150);
  return followed;
}

const kinds = ({ states }: Followed): string[] => states.map(({ kind }) => kind);

describe('watches over HTTP', () => {
  it('[REFL-3] that end are followed by others, without a list and without a word', async () => {
    const bed = await start();
    const followed = await live(bed);
    bed.sim.resetStats();
    for (let round = 0; round < 3; round++) {
      expect(bed.sim.faults.endWatches()).toBe(1);
      bed.put(`end-${round}`);
      await until('the next watch', () => followed.copy.has(`default/end-${round}`));
      await wait(150);
    }
    expect([kinds(followed), bed.sim.stats().lists, bed.sim.stats().watchesOpened]).toEqual([['live'], 0, 3]);
    await followed.settled();
  });

  it('[REFL-5] that are cut, between events or in the middle of one, go on from where they were', async () => {
    const bed = await start();
    const followed = await live(bed);
    bed.sim.resetStats();
    bed.sim.faults.cutWatches();
    bed.put('d');
    bed.remove('a');
    await until(
      'after the cut',
      () => followed.copy.has('default/d') && followed.reflector.state.kind === 'live',
    );
    bed.sim.faults.truncateWatches({}, 'cut');
    bed.put('e', { large: 'x'.repeat(100_000) });
    await until('after the half event', () => followed.copy.has('default/e'));
    bed.sim.faults.truncateWatches({}, 'end');
    bed.put('f');
    await until('after the half event', () => followed.copy.has('default/f'));
    expect(bed.sim.stats().lists).toBe(0);
    await followed.settled();
    expect(kinds(followed)).toContain('recovering');
  });

  it('[REFL-6] that expire cost one list, and nothing that was missed is missing', async () => {
    const bed = await start({ watchList: false });
    const followed = await live(bed);
    const kept = followed.reflector.get('default/b');
    bed.sim.resetStats();
    bed.sim.faults.silenceWatches();
    bed.put('a', { changed: '1' });
    bed.remove('c');
    bed.put('d');
    bed.sim.faults.compact();
    bed.sim.faults.cutWatches();
    await until(
      'after 410',
      () => followed.copy.has('default/d') && followed.reflector.state.kind === 'live',
    );
    expect([bed.sim.stats().lists, followed.reflector.get('default/b')]).toEqual([1, kept]);
    await followed.settled();
    expect(followed.changes.slice(3).map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      'modified default/a',
      'added default/d',
      'deleted default/c',
    ]);
  });

  it('[REFL-8] that fall silent are noticed', async () => {
    const bed = await start({ bookmarkIntervalMs: 100 }, { watchSilenceMs: 1_500 });
    const followed = await live(bed, { graceMs: 0 });
    await wait(2_000);
    // Bookmarks have kept it alive so far.
    expect(kinds(followed)).toEqual(['live']);
    bed.sim.faults.silenceWatches();
    bed.put('unheard');
    await until('the event', () => followed.copy.has('default/unheard'));
    await followed.settled();
    expect(followed.states.find((state) => 'reason' in state)).toMatchObject({
      reason: { kind: 'kubeSilent' },
    });
    expect(bed.sim.stats().openWatches).toBe(1);
  });

  it('[REFL-5] a server that dies and comes back is found again, without a storm', async () => {
    const bed = await start();
    const followed = await live(bed);
    await bed.sim.faults.die(60_000);
    bed.remove('b');
    bed.put('z');
    await until('said', () => followed.reflector.state.kind === 'recovering');
    await wait(1_000);
    bed.sim.resetStats();
    await bed.sim.faults.revive();
    await followed.settled();
    expect(followed.reflector.stats.lists).toBeLessThanOrEqual(2);
    expect(followed.states.at(-2)).toMatchObject({ kind: 'recovering' });
  });

  it('[REFL-11] refusals, delays and hanging requests on the way are got over', async () => {
    const bed = await start({}, { headersTimeoutMs: 300, bodySilenceMs: 300 });
    const followed = await live(bed);
    for (const effect of [
      { kind: 'status', code: 503 },
      { kind: 'status', code: 403 },
      { kind: 'status', code: 500 },
      { kind: 'delay', delayMs: 100 },
      { kind: 'hang' },
      { kind: 'cut' },
      { kind: 'truncate', afterBytes: 10 },
    ] as const) {
      bed.sim.faults.onRequest({ match: { resource: 'configmaps' }, times: 2, effect });
      bed.sim.faults.compact();
      bed.sim.faults.cutWatches();
      bed.put(`after-${effect.kind}`);
      await until(`after ${effect.kind}`, () => followed.copy.has(`default/after-${effect.kind}`), 20_000);
      bed.sim.faults.clearRequestFaults();
    }
    await followed.settled();
  });

  it('[REFL-10] rights that are taken away and given back', async () => {
    const bed = await start();
    const followed = await live(bed);
    const lift = bed.sim.faults.onRequest({
      match: { resource: 'configmaps' },
      effect: { kind: 'status', code: 403 },
    });
    bed.sim.faults.cutWatches();
    await until('denied', () => followed.reflector.state.kind === 'denied');
    lift();
    await followed.settled();
  });

  it('[KCL-12] one cluster that hangs delays no other', async () => {
    const [slow, fine] = [await start(), await start()];
    slow.sim.faults.onRequest({ effect: { kind: 'hang' } });
    slow.follow();
    const followed = await live(fine);
    expect(followed.reflector.state.kind).toBe('live');
  });
});

describe('much', () => {
  it('[REFL-5] objects of 1.5 MB come whole, by list and by watch', async () => {
    const bed = await start();
    bed.put('large', { large: 'ü"\n'.repeat(375_000) });
    const followed = bed.follow();
    await until('the object', () => followed.copy.has('default/large'));
    const type = bed.sim.cluster.registry.find('', 'v1', 'configmaps');
    if (type === undefined) throw new Error('no configmaps');
    bed.sim.faults.inflate(type, 'default', 'large');
    await followed.settled();
    const value = followed.reflector.get('default/large')?.value as {
      readonly data: { readonly large: string };
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
    };
    expect([value.data.large.length, value.metadata.annotations['simulated/ballast']?.length]).toEqual([
      1_125_000, 1_500_000,
    ]);
    expect(kinds(followed)).toEqual(['live']);
  });

  it('[KCL-11] an event above maxLineBytes is read by a list instead', async () => {
    const bed = await start({}, { maxLineBytes: 100_000 });
    const followed = await live(bed, { watchList: false });
    bed.put('large', { large: 'x'.repeat(200_000) });
    await until('the object', () => followed.copy.has('default/large'));
    await followed.settled();
    expect(followed.states[1]).toMatchObject({ kind: 'failed', reason: { kind: 'kubeTooLarge' } });
  });

  it('[REFL-13] a slow reader slows its own watch and misses nothing', async () => {
    const bed = await start();
    bed.put('a');
    const slow = bed.follow({}, () => wait(30));
    await until('live', () => slow.reflector.state.kind === 'live');
    for (let round = 0; round < 300; round++)
      bed.put(`n${round % 40}`, { round: String(round), more: 'x'.repeat(10_000) });
    await slow.settled(40_000);
    expect(slow.reflector.state.kind).toBe('live');
  });

  for (const watchList of [true, false])
    it(`[REFL-15] 10,000 pods that change, ${watchList ? 'by WatchList' : 'by list and watch'}, through a bad minute`, async () => {
      const bed = await start({ watchCacheSize: 50_000 });
      const workload = startWorkload(bed.sim, { pods: 10_000, eventsPerSecond: 200 });
      open.push(workload);
      await workload.ready;
      const followed = follow(bed.cluster, PODS, { watchList });
      open.push(followed);
      await until('live', () => followed.reflector.state.kind === 'live', 30_000);
      expect(followed.reflector.stats.objects).toBeGreaterThan(9_000);
      for (const fault of [
        'endWatches',
        'cutWatches',
        'expireWatches',
        'truncateWatches',
        'cutConnections',
      ] as const) {
        bed.sim.faults[fault]();
        await wait(300);
      }
      await workload.dispose();
      await followed.settled(60_000);
      expect(followed.reflector.stats.objects).toBeGreaterThan(9_000);
    }, 120_000);

  it('[REFL-30] a thousand readers of one list are one watch, and the bytes of one', async () => {
    const bed = await start();
    bed.put('a');
    const deps = { clock, random: createSystemRandom(), logger: silentLogger, cluster: bed.cluster };
    const set = new ReflectorSet(deps);
    open.push(set);
    let told = 0;
    const leases = Array.from({ length: 1_000 }, () =>
      set.lease(CONFIG_MAPS, {
        onChanges: (changes) => void (told += changes.length),
        onState: () => undefined,
      }),
    );
    await until('live', () => leases[0]?.view.state.kind === 'live');
    bed.put('b');
    await until('told', () => told === 2_000);
    expect(bed.sim.stats()).toMatchObject({ openWatches: 1, watchesOpened: 1, lists: 0 });
    await set.dispose();
    await until('closed', () => bed.sim.stats().openWatches === 0);
  });

  it('[REFL-12] fifty reflectors that lost everything together list a few at a time', async () => {
    const bed = await start({ watchList: false }, { maxConcurrentLists: 2 });
    const all = Array.from({ length: 50 }, (_, index) => {
      const followed = follow(bed.cluster, { ...CONFIG_MAPS, labelSelector: `n!=${index}` });
      open.push(followed);
      return followed;
    });
    await until('live', () => all.every(({ reflector }) => reflector.state.kind === 'live'));
    let [running, most] = [0, 0];
    const run = bed.cluster.listSlots.run.bind(bed.cluster.listSlots);
    bed.cluster.listSlots.run = (work, signal) =>
      run(async () => {
        most = Math.max(most, ++running);
        try {
          return await work();
        } finally {
          running--;
        }
      }, signal);
    bed.sim.resetStats();
    bed.sim.faults.silenceWatches();
    bed.put('new');
    bed.sim.faults.restart();
    await until(
      'live again',
      () => all.every(({ reflector, copy }) => reflector.state.kind === 'live' && copy.size === 1),
      30_000,
    );
    expect([most, bed.sim.stats().lists]).toEqual([2, 50]);
  });

  it('[REFL-14] dispose closes everything upstream', async () => {
    const bed = await start();
    const followed = await live(bed);
    const watch = await bed.cluster.watch(CONFIG_MAPS);
    // Never read: it must close all the same.
    watch.discard();
    await followed.dispose();
    await until('no watch', () => bed.sim.stats().openWatches === 0);
    await bed.cluster.dispose();
    await expect(bed.cluster.version()).rejects.toMatchObject({ kind: 'kubeUnreachable' });
    await until('no connection', () => bed.sim.stats().openConnections === 0);
  });
});
