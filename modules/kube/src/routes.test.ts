import { kubeContract } from '@trunkline/contracts/kube';
import type { Principal } from '@trunkline/hub';
import { afterEach, describe, expect, it } from 'vitest';
import { createKubeBed, type KubeBed, type KubeBedOptions, type MapViewer } from './testing.js';

let bed: KubeBed;
afterEach(() => bed.dispose());

const READ = ['list', 'watch'];
const start = async (given: KubeBedOptions = {}): Promise<KubeBed> => {
  bed = await createKubeBed(given);
  for (const name of ['blue', 'green', 'red']) bed.world.addNamespace(name);
  for (const name of ['a', 'b']) bed.world.put('pods', name, 'blue');
  return bed;
};
const as = (principal: Partial<Principal> = {}): Promise<MapViewer> =>
  bed.viewer({ user: 'ada', ...principal });
const allow = (...namespaces: (string | undefined)[]): void => {
  bed.world.rules = namespaces.map((namespace) => ({
    user: 'ada',
    verbs: READ,
    resource: 'pods',
    ...(namespace === undefined ? {} : { namespace }),
  }));
};

/** What is answered, checked against the contract; or the error. */
async function call(viewer: MapViewer, method: keyof typeof kubeContract.rpc, params: object = {}) {
  const answer = await bed.during(viewer.rpc(method, params));
  return 'error' in answer ? answer : (kubeContract.rpc[method].result.parse(answer) as object);
}
const refused = (code: number, words = '') => ({
  error: expect.objectContaining({ code, message: expect.stringContaining(words) as string }) as object,
});
const POD_LIST = { cluster: 'c1', resource: 'pods' };

describe('kube.open', () => {
  it('[KUBE-30] one channel where all may be seen, one for each namespace where not, and when to ask again', async () => {
    await start();
    const viewer = await as();
    allow(undefined);
    expect(await call(viewer, 'kube.open', POD_LIST)).toEqual({
      lists: [{ channel: 'kube:c1/-/v1/pods' }],
      denied: [],
      askAgainMs: 30_000,
    });
    allow('red', 'blue');
    await bed.clock.advance(4_000);
    expect(await call(viewer, 'kube.open', POD_LIST)).toEqual({
      lists: [
        { channel: 'kube:c1/-/v1/pods?ns=blue', namespace: 'blue' },
        { channel: 'kube:c1/-/v1/pods?ns=red', namespace: 'red' },
      ],
      denied: [],
      askAgainMs: 30_000,
    });
  });

  it('[KUBE-30] equal wishes get equal channels, however they are written', async () => {
    await start();
    allow(undefined);
    const viewer = await as();
    const channels = await Promise.all(
      [
        { labelSelector: 'app = a, tier in (y, x)', fields: ['status', 'spec.node'] },
        {
          labelSelector: 'tier in (x,y),app==a',
          fields: ['spec.node', 'status.phase', 'status'],
          version: 'v1',
        },
      ].map(async (more) => {
        const { lists } = (await call(viewer, 'kube.open', { ...POD_LIST, ...more })) as { lists: object[] };
        return lists;
      }),
    );
    expect(channels[0]).toEqual(channels[1]);
  });

  it('[KUBE-31] of several namespaces, what is refused is said beside what is not', async () => {
    await start();
    allow('blue');
    const viewer = await as();
    const namespaces = ['red', 'blue', 'red'];
    expect(await call(viewer, 'kube.open', { ...POD_LIST, namespaces })).toEqual({
      lists: [{ channel: 'kube:c1/-/v1/pods?ns=blue', namespace: 'blue' }],
      denied: [
        { namespace: 'red', code: 1308, reason: expect.stringContaining('in the namespace "red"') as string },
      ],
      askAgainMs: 30_000,
    });
    expect(await call(viewer, 'kube.open', { ...POD_LIST, namespaces: ['red'] })).toMatchObject(
      refused(1308, '"red"'),
    );
    allow();
    await bed.clock.advance(4_000);
    expect(await call(viewer, 'kube.open', POD_LIST)).toMatchObject(refused(1308, 'at the cluster scope'));
  });

  it('[KUBE-31] more lists than maxOpened are cut, and the answer says so', async () => {
    await start({ tuning: { maxOpened: 1 } });
    allow('blue', 'red');
    expect(await call(await as(), 'kube.open', POD_LIST)).toMatchObject({
      lists: [{ namespace: 'blue' }],
      denied: [{ code: 106, reason: 'only 1 of 2 namespaces' }],
    });
  });

  it.each([
    ['a kind that is not there', { resource: 'gadgets' }, 1309, 'gadgets'],
    ['a version that is not there', { resource: 'pods', version: 'v9' }, 1309, 'v9'],
    ['a namespace of a kind without', { resource: 'nodes', namespaces: ['blue'] }, 107, 'namespaces'],
    ['a name without its namespace', { resource: 'pods', name: 'a' }, 107, 'namespaces'],
    [
      'a name in two namespaces',
      { resource: 'pods', name: 'a', namespaces: ['blue', 'red'] },
      107,
      'namespaces',
    ],
    ['a path that is none', { resource: 'pods', fields: ['a..b'] }, 107, 'fields'],
    ['a question that is too long', { resource: 'pods', labelSelector: `a=${'x'.repeat(300)}` }, 1333, '255'],
    ['another cluster', { resource: 'pods', cluster: 'c2' }, 1330, 'no such cluster'],
  ])('[KUBE-32] %s is refused by its name', async (_what, wish, code, words) => {
    await start({ clusters: [{ mode: 'shared' }] });
    expect(await call(await as(), 'kube.open', { cluster: 'c1', ...wish })).toMatchObject(
      refused(code, words),
    );
  });

  it('[KUBE-32] a name with signs that selectors know is asked for as it is', async () => {
    await start({ clusters: [{ mode: 'shared' }] });
    const wish = { ...POD_LIST, namespaces: ['blue'], name: 'a=b,c' };
    expect(await call(await as(), 'kube.open', wish)).toMatchObject({
      lists: [{ channel: 'kube:c1/-/v1/pods?ns=blue&f=metadata.name=a%5C=b%5C,c' }],
    });
  });
});

describe('what there is', () => {
  it('[KUBE-33] the clusters of the org, by id, with what is known of them', async () => {
    await start({
      clusters: [
        { id: 'b', mode: 'shared', name: 'Bee', simulated: true, writes: true },
        { id: 'a', mode: 'shared', visibleTo: () => ({ namespaces: ['red'] }) },
        { id: 'x', visibleTo: () => undefined },
        { id: 'own', mode: 'own' },
      ],
    });
    expect(await call(await as(), 'kube.clusters')).toEqual({
      clusters: [
        {
          id: 'a',
          name: 'a',
          mode: 'shared',
          simulated: false,
          reach: 'reachable',
          latencyMs: 0,
          serverVersion: 'v1.36.0',
          namespaces: ['red'],
        },
        {
          id: 'b',
          name: 'Bee',
          mode: 'shared',
          simulated: true,
          reach: 'reachable',
          latencyMs: 0,
          serverVersion: 'v1.36.0',
        },
      ],
    });
    expect(await call(await as({ org: 'globex' }), 'kube.clusters')).toMatchObject({
      clusters: [{ id: 'a' }],
    });
  });

  it('[KUBE-33] what is let through besides reading, where it can be written down', async () => {
    const clusters = [{ writes: true, exec: true }];
    await start({ clusters, setup: { audit: () => Promise.resolve() } });
    expect(await call(await as(), 'kube.clusters')).toMatchObject({
      clusters: [{ allows: ['writes', 'exec'] }],
    });
    await bed.dispose();
    await start({ clusters });
    expect(await call(await as(), 'kube.clusters')).toMatchObject({
      clusters: [expect.not.objectContaining({ allows: expect.anything() as unknown })],
    });
  });

  it('[KUBE-34] kinds, and namespaces that one may look into', async () => {
    await start();
    const viewer = await as();
    expect(await call(viewer, 'kube.resources', { cluster: 'c1' })).toMatchObject({
      resources: [{ resource: 'namespaces' }, { resource: 'nodes' }, { resource: 'pods', namespaced: true }],
      incomplete: [],
    });
    const namespacesOf = () => call(viewer, 'kube.namespaces', { cluster: 'c1' });
    expect(await namespacesOf()).toEqual({ namespaces: [], all: false });
    await bed.clock.advance(20_000);
    allow('red');
    expect(await namespacesOf()).toEqual({ namespaces: ['red'], all: false });
    bed.world.rules.push({ user: 'ada', verbs: READ, resource: 'namespaces' });
    expect(await namespacesOf()).toEqual({ namespaces: ['blue', 'green', 'red'], all: true });
  });

  it('[KUBE-34] a confined org is told of no other namespace', async () => {
    await start({ clusters: [{ mode: 'shared', visibleTo: () => ({ namespaces: ['red'] }) }] });
    expect(await call(await as(), 'kube.namespaces', { cluster: 'c1' })).toEqual({
      namespaces: ['red'],
      all: false,
    });
  });
});

describe('kube.status', () => {
  it('[KUBE-35] operators see all that is open, administrators what the lists of their org keep open, others nothing', async () => {
    await start({ clusters: [{ mode: 'shared', visibleTo: () => ({}) }] });
    const globex = await as({ org: 'globex', user: 'gil' });
    const acme = await as();
    globex.watch('kube:c1/-/v1/pods?ns=red');
    globex.watch('kube:c1/-/v1/pods?ns=blue');
    acme.watch('kube:c1/-/v1/pods?ns=blue');
    acme.watch('kube:c1/-/v1/pods?ns=blue&p=spec');
    await bed.clock.advance(100);
    const shown = async (viewer: MapViewer, params = {}) => {
      const { clusters } = (await call(viewer, 'kube.status', params)) as {
        clusters: { reflectors: { namespace: string; readers: number; objects: number }[] }[];
      };
      return clusters.map(({ reflectors }) =>
        reflectors.map(({ namespace, readers, objects }) => `${namespace} ${readers} ${objects}`).sort(),
      );
    };
    expect(await shown(await as({ roles: ['operator'] }))).toEqual([['blue 3 2', 'red 1 0']]);
    expect(await shown(await as({ roles: ['admin'] }))).toEqual([['blue 2 2']]);
    expect(await shown(await as({ roles: ['admin'] }), { cluster: 'c9' })).toEqual([]);
    expect(await call(acme, 'kube.status')).toMatchObject(refused(103));
  });
});

describe('kube.demo', () => {
  it('[KUBE-36] is for operators, where there is one', async () => {
    const calls: string[] = [];
    const demo = {
      start: async () => {
        calls.push('start');
        return 'demo';
      },
      stop: async () => void calls.push('stop'),
    };
    await start({ setup: { demo } });
    const operator = await as({ roles: ['operator'] });
    expect(await call(operator, 'kube.demo', { run: true })).toEqual({ cluster: 'demo' });
    expect(await call(operator, 'kube.demo', { run: false })).toEqual({});
    expect(await call(await as({ roles: ['admin'] }), 'kube.demo', { run: true })).toMatchObject(
      refused(103),
    );
    expect(calls).toEqual(['start', 'stop']);
    await bed.dispose();
    await start();
    expect(await call(await as({ roles: ['operator'] }), 'kube.demo', { run: true })).toMatchObject(
      refused(108),
    );
  });
});

describe('kube.credentials', () => {
  it('[KUBE-40] are not available where they are not kept', async () => {
    await start();
    const viewer = await as();
    const params = { cluster: 'c1', token: 't' };
    expect(await call(viewer, 'kube.credentials.put', params)).toMatchObject(refused(108));
    expect(await call(viewer, 'kube.credentials.list')).toMatchObject(refused(108));
    expect(await call(viewer, 'kube.credentials.delete', { cluster: 'c1' })).toMatchObject(refused(108));
  });
});

describe('clusters that come and go', () => {
  it('[KUBE-2] ids that are none or taken are refused, and nothing is dialled before somebody asks', async () => {
    await start();
    const cluster = {
      id: 'c2',
      mode: 'shared' as const,
      open: () => ({ server: 'http://x' }),
      visibleTo: () => ({}),
    };
    const dialled: string[] = [];
    bed.kube.addCluster({
      ...cluster,
      open: () => {
        dialled.push('c2');
        return { server: 'http://x' };
      },
    });
    expect(() => bed.kube.addCluster(cluster)).toThrow(RangeError);
    for (const id of ['', 'a/b', 'x'.repeat(65)])
      expect(() => bed.kube.addCluster({ ...cluster, id })).toThrow(RangeError);
    expect(() => bed.kube.addCluster({ ...cluster, id: 'c3', mode: 'any' as 'own' })).toThrow(RangeError);
    await bed.clock.advance(60_000);
    expect(dialled).toEqual([]);
    await call(await as(), 'kube.clusters');
    expect(dialled).toEqual(['c2']);
  });
});
