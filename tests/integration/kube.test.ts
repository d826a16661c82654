/**
 * Live lists from end to end within one process: a simulated API server over HTTP, the module, a hub, and viewers of the native wire. What is shared is counted on the API server's side; what
 * viewers have is compared with a fresh list.
 */
import { createSystemRandom, DisposeStack, silentLogger } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub, type Hub } from '@trunkline/hub';
import { testAuthenticator, testPrincipal } from '@trunkline/hub/testing';
import { createKubeCluster, givenCredential, type KubeCluster } from '@trunkline/kube-client';
import type { KubeSim } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { createKube, kubeModule, type Kube, type KubeTuning } from '@trunkline/module-kube';
import { MapViewer, type Watched } from '@trunkline/module-kube/testing';
import { clock, until, wait } from '@trunkline/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const VIEWERS = 120;
const CONFIG_MAPS = { group: '', version: 'v1', resource: 'configmaps' };
const RBAC = 'rbac.authorization.k8s.io';
/** Short waits, so that what takes a minute in life takes a second here. */
const QUICK = { retryMinMs: 20, retryMaxMs: 500, refusedMinMs: 100, refusedMaxMs: 500, healthyAfterMs: 100 };

let stack: DisposeStack;
afterEach(() => stack.dispose());

interface Bed {
  readonly sim: KubeSim;
  readonly hub: Hub;
  readonly kube: Kube;
  readonly admin: KubeCluster;
  put(name: string, namespace?: string): void;
  remove(name: string, namespace?: string): void;
  /** Lets a group view a namespace, or everything. Returns what takes it away. */
  allow(group: string, namespace?: string): () => void;
  viewer(user: string, groups?: readonly string[]): Promise<MapViewer>;
}

let changes = 0;

async function start(tuning: Partial<KubeTuning> = {}): Promise<Bed> {
  stack = new DisposeStack();
  const random = createSystemRandom();
  const sim = stack.use(await startTestKubeSim(clock));
  const connection = { server: sim.url, credentials: givenCredential({ token: sim.issueToken() }) };
  const admin = stack.use(createKubeCluster({ clock }, connection));
  const kube = stack.use(
    createKube(
      { clock, random, logger: silentLogger },
      {
        clusters: [
          {
            id: 'c1',
            mode: 'impersonate',
            open: () => connection,
            visibleTo: (org) => (org === 'acme' ? {} : undefined),
          },
        ],
        reflectors: { reflector: QUICK },
        ...tuning,
      },
    ),
  );
  const hub = stack.use(
    createHub({
      clock,
      random,
      logger: silentLogger,
      broker: createMemoryBroker({ clock, random }),
      authenticator: testAuthenticator,
    }),
  );
  await hub.use(kubeModule({ kube }));
  const type = (resource: string, group = '') => sim.cluster.registry.require(resource, group);
  return {
    sim,
    hub,
    kube,
    admin,
    put: (name, namespace = 'default') =>
      void sim.cluster.put(type('configmaps'), {
        metadata: { namespace, name },
        data: { change: String(++changes) },
      }),
    remove: (name, namespace = 'default') => void sim.cluster.remove(type('configmaps'), namespace, name),
    allow: (group, namespace) => {
      const kind = namespace === undefined ? 'clusterrolebindings' : 'rolebindings';
      const name = `allow-${group}`;
      sim.cluster.put(type(kind, RBAC), {
        metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
        roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'Group', apiGroup: RBAC, name: `acme:${group}` }],
      });
      return () => void sim.cluster.remove(type(kind, RBAC), namespace ?? '', name);
    },
    viewer: async (user, groups = ['viewers']) => {
      const viewer = new MapViewer(hub);
      await viewer.connect(testPrincipal({ user, groups }));
      return viewer;
    },
  };
}

/** What a fresh list has, as viewers hold it. */
async function truth({ admin }: Bed, namespace?: string): Promise<string> {
  const { items } = await admin.list({ ...CONFIG_MAPS, ...(namespace === undefined ? {} : { namespace }) });
  return textOf(new Map(items.map((item) => [item.key, item.value])));
}

function textOf(entries: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...entries].sort(([left], [right]) => (left < right ? -1 : 1)));
}

async function settled(bed: Bed, watched: readonly Watched[], namespace?: string): Promise<void> {
  let fresh = '';
  await until(
    'every viewer has what a fresh list has',
    async () => {
      fresh = await truth(bed, namespace);
      return watched.every(({ entries, state }) => state === 'live' && textOf(entries) === fresh);
    },
    20_000,
    50,
  );
  for (const { entries } of watched) expect(textOf(entries)).toBe(fresh);
}

async function crowd(bed: Bed, channel: string): Promise<Watched[]> {
  const all: Watched[] = [];
  for (let n = 0; n < VIEWERS; n++) all.push((await bed.viewer(`user-${n}`)).watch(channel));
  return all;
}

const LIST = 'kube:c1/-/v1/configmaps';

describe('one list, many viewers', () => {
  it(`[KUBE-21] ${VIEWERS} viewers hold one upstream watch, and each equals a fresh list whatever the API server does`, async () => {
    const bed = await start();
    const { sim, put, remove } = bed;
    bed.allow('viewers');
    for (let n = 0; n < 20; n++) put(`c${n}`);
    const all = await crowd(bed, LIST);
    await settled(bed, all);
    const upstream = () => sim.stats().openWatchesByResource['configmaps'];
    expect(upstream()).toBe(1);
    expect(sim.stats().watchesOpened).toBe(1);
    const harms: readonly (readonly [string, () => unknown])[] = [
      ['the end of the watch', () => sim.faults.endWatches()],
      ['a cut', () => sim.faults.cutWatches()],
      ['410 in the watch', () => sim.faults.expireWatches()],
      [
        'a forgotten past',
        () => {
          sim.faults.compact();
          sim.faults.cutWatches();
        },
      ],
      ['half an event', () => sim.faults.truncateWatches({}, 'cut')],
      ['a restart', () => sim.faults.restart()],
    ];
    for (const [what, harm] of harms) {
      // Longer than `healthyAfterMs`, so that an ordinary end is one.
      await wait(150);
      await harm();
      for (let n = 0; n < 5; n++) put(`c${n}`);
      remove('c7');
      put(`after ${what}`.replaceAll(' ', '-'));
      await settled(bed, all);
      put('c7');
      await settled(bed, all);
      expect([what, upstream()]).toEqual([what, 1]);
    }
    expect(all.every(({ ends }) => ends.length === 0)).toBe(true);
    // Nobody had to take the state again.
    expect(new Set(all.map(({ begun }) => begun))).toEqual(new Set([1]));
  }, 60_000);

  it('[KUBE-17] an API server that is away for longer than rights are known ends no list', async () => {
    const bed = await start({ rightsTtlMs: 300 });
    bed.allow('viewers');
    bed.put('a');
    const watched = (await bed.viewer('ada')).watch(LIST);
    await settled(bed, [watched]);
    await bed.sim.faults.die(60_000);
    await until('it is said', () => watched.state === 'recovering', 10_000);
    const { doubt } = bed.kube.clusters.get('c1').server();
    await until('rights cannot be asked about', () => doubt.fault !== undefined, 10_000);
    // Several times as long as rights were known.
    await wait(1_500);
    expect(watched).toMatchObject({ subscribed: true, ends: [], state: 'recovering' });
    bed.put('b');
    await bed.sim.faults.revive();
    await settled(bed, [watched]);
    expect(watched.begun).toBe(1);
  }, 60_000);
});

describe('rights of a real request', () => {
  it('[KUBE-16] a binding that is taken away ends the list within seconds, for those whom it concerns alone', async () => {
    const bed = await start();
    bed.allow('viewers');
    const revoke = bed.allow('guests', 'default');
    bed.put('a');
    bed.put('b', 'kube-system');
    const guest = await bed.viewer('gus', ['guests']);
    const opened = await guest.rpc('kube.open', { cluster: 'c1', resource: 'configmaps' });
    expect(opened).toMatchObject({ lists: [{ channel: `${LIST}?ns=default`, namespace: 'default' }] });
    const theirs = guest.watch(`${LIST}?ns=default`);
    const others = (await bed.viewer('ada')).watch(`${LIST}?ns=default`);
    await settled(bed, [theirs, others], 'default');
    revoke();
    await until('the subscription ended', () => theirs.ends.length > 0, 6_000);
    expect(theirs.ends).toEqual([2101]);
    bed.put('secret');
    await settled(bed, [others], 'default');
    expect([...theirs.entries.keys()].some((key) => key.includes('secret'))).toBe(false);
    const refused = await guest.rpc('kube.open', { cluster: 'c1', resource: 'configmaps' });
    expect(refused).toMatchObject({
      error: { code: 1308, message: expect.stringContaining('User "gus"') as string },
    });
    const closed = guest.watch(LIST);
    await until('it is refused', () => closed.error !== undefined, 5_000);
    expect(closed.error?.code).toBe(1308);
  }, 60_000);
});
