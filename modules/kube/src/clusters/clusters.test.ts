import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { KubeError, type Discovery, type ResourceInfo } from '@trunkline/kube-client';
import { testPrincipal } from '@trunkline/hub/testing';
import { describe, expect, it } from 'vitest';
import { createKubeBed } from '../testing.js';
import { Kinds } from './kinds.js';
import { Reach } from './reach.js';

class ReachBed {
  readonly clock = new FakeClock();
  probes = 0;
  isRead = false;
  readonly silences: number[] = [];
  answer: (signal?: AbortSignal) => Promise<{ gitVersion: string }> = async () => ({ gitVersion: 'v1' });
  readonly reach = new Reach(
    {
      clock: this.clock,
      random: createSeededRandom(1),
      isRead: () => this.isRead,
      onSilence: (sinceMs) => void this.silences.push(sinceMs),
      cluster: () => ({
        version: (signal) => {
          this.probes++;
          return this.answer(signal);
        },
      }),
    },
    { probeMs: 15_000, probeTimeoutMs: 5_000, lookedAtMs: 60_000 },
  );

  async look(): Promise<unknown> {
    const looked = this.reach.look(1_000);
    await this.clock.advance(1_000);
    return looked;
  }
}

describe('reach of a cluster', () => {
  it('[KUBE-3] while nobody looks nothing is asked; who looks has an answer, which is kept fresh for a while', async () => {
    const bed = new ReachBed();
    await bed.clock.advance(600_000);
    expect([bed.probes, bed.reach.state]).toEqual([0, { reach: 'unknown' }]);
    expect(await bed.look()).toEqual({ reach: 'reachable', latencyMs: 0, serverVersion: 'v1' });
    await bed.clock.advance(600_000);
    expect(bed.probes).toBe(4);
    bed.isRead = true;
    await bed.look();
    await bed.clock.advance(600_000);
    expect(bed.probes).toBeGreaterThan(40);
    bed.reach.dispose();
    const { probes } = bed;
    await bed.clock.advance(600_000);
    expect(bed.probes).toBe(probes);
  });

  it('[KUBE-3] one that does not answer is asked more and more rarely, and says why', async () => {
    const bed = new ReachBed();
    bed.isRead = true;
    bed.answer = async () => Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));
    expect(await bed.look()).toEqual({ reach: 'unreachable', error: 'cluster unreachable: ECONNREFUSED' });
    await bed.clock.advance(60_000);
    expect(bed.probes).toBeLessThan(12);
    const before = bed.probes;
    await bed.clock.advance(600_000);
    expect(bed.probes - before).toBeLessThan(30);
    bed.answer = async () => ({ gitVersion: 'v2' });
    await bed.clock.advance(120_000);
    expect(bed.reach.state).toEqual({ reach: 'reachable', latencyMs: 0, serverVersion: 'v2' });
  });

  it('[KUBE-3] one that takes the question and says nothing is not waited for', async () => {
    const bed = new ReachBed();
    bed.answer = (signal) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    const asked = bed.clock.monotonic();
    expect(await bed.look()).toEqual({ reach: 'unknown' });
    expect(bed.silences).toEqual([]);
    await bed.clock.advance(4_000);
    expect(bed.reach.state).toMatchObject({ reach: 'unreachable' });
    expect(bed.silences).toEqual([asked]);
  });

  it('[KUBE-3] a refusal is a sign of life', async () => {
    const bed = new ReachBed();
    bed.answer = async () => Promise.reject(new KubeError('kubeForbidden', 'no', { status: 403 }));
    expect(await bed.look()).toMatchObject({
      reach: 'reachable',
      error: expect.stringContaining('no') as string,
    });
  });
});

describe('kinds of a cluster', () => {
  const info = (resource: string, version: string, preferred: boolean): ResourceInfo => ({
    group: 'x.io',
    version,
    resource,
    kind: 'Thing',
    namespaced: true,
    verbs: [],
    shortNames: [],
    categories: [],
    preferred,
  });

  class KindsBed {
    readonly clock = new FakeClock();
    asked = 0;
    resources = [info('things', 'v1', false), info('things', 'v2', true), info('old', 'v1', false)];
    failure: Error | undefined;
    readonly kinds = new Kinds(
      this.clock,
      {
        discover: async (): Promise<Discovery> => {
          this.asked++;
          if (this.failure) throw this.failure;
          return { resources: this.resources, failures: [] };
        },
        list: async () => ({ version: '1', items: [] }),
      },
      { kindsTtlMs: 30_000, namespacesTtlMs: 5_000 },
    );
  }
  const named = (resource: string, version?: string) => ({
    group: 'x.io',
    resource,
    ...(version === undefined ? {} : { version }),
  });

  it('[KUBE-4] the preferred version unless one is asked for; read once for all who ask', async () => {
    const { kinds, ...bed } = new KindsBed();
    const [things, first, old] = await Promise.all([
      kinds.resolve(named('things')),
      kinds.resolve(named('things', 'v1')),
      kinds.resolve(named('old')),
    ]);
    expect([things.version, first.version, old.version]).toEqual(['v2', 'v1', 'v1']);
    expect(bed.resources).toHaveLength(3);
  });

  it('[KUBE-4] one that is not known is looked for again, and found when it has come', async () => {
    const bed = new KindsBed();
    await bed.kinds.resolve(named('things'));
    await expect(bed.kinds.resolve(named('new'))).rejects.toThrow('the cluster has no new in x.io');
    expect(bed.asked).toBe(1);
    bed.resources = [...bed.resources, info('new', 'v1', true)];
    await bed.clock.advance(2_001);
    expect(await bed.kinds.resolve(named('new'))).toMatchObject({ resource: 'new' });
    expect(bed.asked).toBe(2);
  });

  it('[KUBE-4] whoever knows of a change gets kinds that are younger, and the cluster is asked once in two seconds', async () => {
    const bed = new KindsBed();
    await bed.kinds.all();
    await bed.clock.advance(2_001);
    await bed.kinds.all();
    expect(bed.asked).toBe(1);
    await Promise.all([bed.kinds.all(0), bed.kinds.all(0)]);
    await bed.kinds.all(0);
    expect(bed.asked).toBe(2);
  });

  it('[KUBE-4] what is known stays in use while the cluster is away; a refusal is told', async () => {
    const bed = new KindsBed();
    bed.failure = new KubeError('kubeUnreachable', 'ECONNREFUSED');
    await expect(bed.kinds.all()).rejects.toThrow('ECONNREFUSED');
    bed.failure = undefined;
    await bed.kinds.all();
    bed.failure = new KubeError('kubeUnreachable', 'ECONNREFUSED');
    await bed.clock.advance(60_000);
    expect(await bed.kinds.resolve(named('things'))).toMatchObject({ version: 'v2' });
    bed.failure = new KubeError('kubeForbidden', 'no');
    await expect(bed.kinds.all()).rejects.toThrow('no');
  });
});

describe('what the ports promise', () => {
  it('[KUBE-5] readers of one question share a reflector; of another identity, none', async () => {
    const bed = await createKubeBed({ clusters: [{ mode: 'shared' }] });
    const { upstreams, clusters } = bed.kube;
    const question = { group: '', version: 'v1', resource: 'pods' };
    const listener = { onChanges: () => undefined, onState: () => undefined };
    const server = { kind: 'server' } as const;
    const leases = [1, 2, 3].map(() => upstreams.lease('c1', server, question, listener));
    await bed.clock.advance(100);
    expect(bed.world.openWatches).toBe(1);
    bed.world.tokens.set('secret', 'ada');
    bed.world.rules = [{ user: 'ada', verbs: ['list', 'watch'], resource: 'pods' }];
    clusters.get('c1').withCredential('one', { token: 'secret' });
    const own = upstreams.lease('c1', { kind: 'credential', id: 'one' }, question, listener);
    await bed.clock.advance(100);
    expect(bed.world.openWatches).toBe(2);
    expect(bed.world.count('ada list pods') + bed.world.count('ada watch pods')).toBe(1);
    for (const id of ['two', 'server'])
      expect(() => upstreams.lease('c1', { kind: 'credential', id }, question, listener)).toThrow(
        'no such cluster',
      );
    expect(() => upstreams.lease('c2', server, question, listener)).toThrow('no such cluster');
    for (const lease of [...leases, own]) lease.dispose();
    await bed.clock.advance(30_000);
    expect(bed.world.openWatches).toBe(0);
    await bed.dispose();
  });

  it('[KUBE-5] a reader is told that its credential or cluster went, once, and nothing afterwards', async () => {
    const bed = await createKubeBed({ clusters: [{ mode: 'shared' }] });
    const { upstreams, clusters } = bed.kube;
    const told: string[] = [];
    const listener = {
      onChanges: () => void told.push('changes'),
      onState: ({ kind }: { kind: string }) => void told.push(kind),
      onLost: (cause: unknown) => void told.push(String((cause as Error).message)),
    };
    const question = { group: '', version: 'v1', resource: 'pods' };
    bed.world.tokens.set('secret', 'server');
    clusters.get('c1').withCredential('one', { token: 'secret' });
    const lease = upstreams.lease('c1', { kind: 'credential', id: 'one' }, question, listener);
    await bed.clock.advance(100);
    await bed.during(clusters.get('c1').forget('one'));
    await bed.clock.advance(100);
    bed.world.put('pods', 'a', 'blue');
    await bed.clock.advance(1_000);
    expect(told).toEqual(['live', 'no credential for this cluster']);
    lease.dispose();
    expect(() => clusters.get('c1').way({ kind: 'credential', id: 'one' })).toThrow('no such cluster');
    await bed.dispose();
  });

  it('[KUBE-5] ways of credentials are bounded; the one used longest ago without readers goes', async () => {
    const bed = await createKubeBed({ clusters: [{ mode: 'own' }], tuning: { maxCredentials: 2 } });
    const cluster = bed.kube.clusters.get('c1');
    const listener = { onChanges: () => undefined, onState: () => undefined };
    const question = { group: '', version: 'v1', resource: 'pods' };
    cluster.withCredential('a', { token: 'a' });
    cluster.withCredential('b', { token: 'b' });
    const lease = bed.kube.upstreams.lease('c1', { kind: 'credential', id: 'a' }, question, listener);
    cluster.withCredential('c', { token: 'c' });
    const credentials = cluster.ways().flatMap(({ credential }) => credential ?? []);
    expect(credentials).toEqual(['a', 'c']);
    const other = bed.kube.upstreams.lease('c1', { kind: 'credential', id: 'c' }, question, listener);
    expect(() => cluster.withCredential('d', { token: 'd' })).toThrow('maxCredentials');
    lease.dispose();
    other.dispose();
    await bed.dispose();
  });

  it('[KUBE-5] more changes than maxHeldChanges while rights are in doubt mean a new beginning, not a queue', async () => {
    const bed = await createKubeBed({ tuning: { maxHeldChanges: 3 } });
    const { world, clock, kube } = bed;
    const told: string[] = [];
    const question = { group: '', version: 'v1', resource: 'pods' };
    world.rules = [{ user: 'ada', verbs: ['list', 'watch'], resource: 'pods' }];
    const ada = testPrincipal({ user: 'ada' });
    const sight = () => bed.during(kube.access.sight(ada, 'c1', question));
    await sight();
    kube.upstreams.lease('c1', { kind: 'server' }, question, {
      onChanges: (changes) => void told.push(`${changes.length} changes`),
      onState: ({ kind }) => void told.push(kind),
      onLost: (cause) => void told.push(String((cause as Error).message)),
    });
    await clock.advance(100);
    world.reviews = 'refused';
    await clock.advance(4_000);
    await sight();
    for (let n = 0; n < 5; n++) world.put('pods', `p${n}`, 'blue');
    await clock.advance(1_000);
    expect(told).toEqual(['live', 'recovering']);
    world.reviews = 'answered';
    await clock.advance(6_000);
    await sight();
    await clock.advance(3_000);
    expect(told).toEqual(['live', 'recovering', 'limit exceeded: maxHeldChanges']);
    await bed.dispose();
  });
});
