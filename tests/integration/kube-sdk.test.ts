/**
 * The SDK's live lists, objects, windows and logs against the real thing behind a socket: a hub, the kube module and a simulated API server over HTTP. What a list shows is compared with a
 * fresh list of the API server, over both strategies.
 */
import { createSystemRandom, DisposeStack, silentLogger } from '@trunkline/base';
import { createClient, type Client, type Untyped } from '@trunkline/client';
import {
  liveList,
  liveLog,
  liveObject,
  liveWindow,
  type LiveList,
  type LiveOptions,
} from '@trunkline/client/kube';
import { createKubeCluster, givenCredential, type KubeCluster } from '@trunkline/kube-client';
import type { KubeSim } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { createKube, kubeModule } from '@trunkline/module-kube';
import { clock, until } from '@trunkline/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startHubServer, type HubServer } from '../support/hub-server.js';

const CONFIG_MAPS = { resource: 'configmaps' };
const RBAC = 'rbac.authorization.k8s.io';
const QUICK = { retryMinMs: 20, retryMaxMs: 500, refusedMinMs: 100, refusedMaxMs: 500, healthyAfterMs: 100 };
const PATIENCE_MS = 20_000;

let stack: DisposeStack;
afterEach(() => stack.dispose());

interface Bed {
  readonly sim: KubeSim;
  readonly server: HubServer;
  readonly admin: KubeCluster;
  readonly client: Client<Untyped>;
  readonly newClient: () => Client<Untyped>;
  put(name: string, namespace?: string): void;
  remove(name: string, namespace?: string): void;
  putPod(name: string): void;
  /** Lets everybody view a namespace, or everything. Returns what takes it away. */
  allow(namespace?: string): () => void;
}

let changes = 0;

/** `c1` is the simulated cluster in the viewer's name; `away` is one that nothing answers for. */
async function start(): Promise<Bed> {
  stack = new DisposeStack();
  const random = createSystemRandom();
  const sim = stack.use(await startTestKubeSim(clock));
  const connection = { server: sim.url, credentials: givenCredential({ token: sim.issueToken() }) };
  const admin = stack.use(createKubeCluster({ clock }, connection));
  const nowhere = { server: 'http://127.0.0.1:9', credentials: givenCredential({ token: 'none' }) };
  const visibleTo = (): object => ({});
  const kube = stack.use(
    createKube(
      { clock, random, logger: silentLogger },
      {
        clusters: [
          { id: 'c1', mode: 'impersonate', open: () => connection, visibleTo },
          { id: 'away', mode: 'shared', open: () => nowhere, visibleTo },
        ],
        reflectors: { reflector: QUICK },
        askAgainMs: 1_000,
        deniedTtlMs: 500,
        rightsTtlMs: 500,
        namespacesTtlMs: 500,
      },
    ),
  );
  const principal = { user: 'ada', org: 'acme', roles: [], groups: ['viewers'], caps: [], channels: [] };
  const server = stack.use(
    await startHubServer([kubeModule({ kube })], {}, { authenticate: () => Promise.resolve({ principal }) }),
  );
  const newClient = (): Client<Untyped> =>
    createClient<Untyped>({
      url: server.wsUrl,
      websocket: WebSocket,
      minDelayMs: 20,
      maxDelayMs: 200,
      onError: () => undefined,
    });
  const client = newClient();
  stack.defer(() => client.dispose());
  const type = (resource: string, group = '') => sim.cluster.registry.require(resource, group);
  return {
    sim,
    server,
    admin,
    client,
    newClient,
    put: (name, namespace = 'default') =>
      void sim.cluster.put(type('configmaps'), {
        metadata: { namespace, name },
        data: { change: String(++changes) },
      }),
    remove: (name, namespace = 'default') => void sim.cluster.remove(type('configmaps'), namespace, name),
    putPod: (name) =>
      void sim.cluster.put(type('pods'), {
        metadata: { namespace: 'default', name },
        spec: { containers: [{ name: 'main', image: 'web' }] },
        status: { phase: 'Running' },
      }),
    allow: (namespace) => {
      const kind = namespace === undefined ? 'clusterrolebindings' : 'rolebindings';
      const name = 'allow-viewers';
      sim.cluster.put(type(kind, RBAC), {
        metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
        roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'Group', apiGroup: RBAC, name: 'acme:viewers' }],
      });
      return () => void sim.cluster.remove(type(kind, RBAC), namespace ?? '', name);
    },
  };
}

const inOrder = (rows: readonly { readonly metadata: { readonly uid: string } }[]): string =>
  JSON.stringify(rows.toSorted((left, right) => (left.metadata.uid < right.metadata.uid ? -1 : 1)));

async function equalsFresh({ admin }: Bed, list: LiveList<Row>, namespace?: string): Promise<void> {
  const question = { group: '', version: 'v1', ...CONFIG_MAPS, ...(namespace ? { namespace } : {}) };
  let fresh = '';
  await until(
    'the list is live and has what a fresh list has',
    async () => {
      // Right after a restart the API server may break this connection too.
      const { items } = await admin.list(question).catch(() => ({ items: [] }));
      fresh = inOrder(items.map(({ value }) => value as unknown as Row));
      return list.get().state === 'live' && inOrder(list.get().rows) === fresh;
    },
    PATIENCE_MS,
    50,
  );
  expect(inOrder(list.get().rows)).toBe(fresh);
}

interface Row {
  readonly metadata: { readonly uid: string; readonly name: string; readonly namespace?: string };
}

describe.each(['multiplexed', 'perList'] as const)('the SDK, %s', (strategy) => {
  const over = ({ newClient }: Bed): Partial<LiveOptions> => ({
    strategy,
    ...(strategy === 'perList' ? { newClient } : {}),
  });

  it('[KSDK-14] a list equals a fresh list whatever the API server and the connection do', async () => {
    const bed = await start();
    const { sim, client, put, remove } = bed;
    bed.allow();
    for (let n = 0; n < 30; n++) put(`c${n}`);
    const list = liveList<Row>(client, { cluster: 'c1', ...CONFIG_MAPS, ...over(bed) });
    stack.defer(() => list.close());
    await equalsFresh(bed, list);
    const [untouched] = list.get().rows.filter(({ metadata }) => metadata.name === 'c20');
    const harms = [
      () => sim.faults.cutWatches(),
      () => sim.faults.expireWatches(),
      () => sim.faults.restart(),
      () => {
        client.disconnect();
        client.connect();
      },
    ];
    for (const [index, harm] of harms.entries()) {
      harm();
      put(`c${index}`);
      remove(`c${index + 10}`);
      put(`new-${index}`);
      await equalsFresh(bed, list);
    }
    expect(list.get().rows.find(({ metadata }) => metadata.name === 'c20')).toBe(untouched);
    expect(sim.stats().openWatchesByResource['configmaps']).toBe(1);
  });

  it('[KSDK-5] rows follow rights: narrower, none, and back', async () => {
    const bed = await start();
    const revoke = bed.allow();
    bed.put('a');
    bed.put('b', 'kube-system');
    const list = liveList<Row>(bed.client, { cluster: 'c1', ...CONFIG_MAPS, ...over(bed) });
    stack.defer(() => list.close());
    await equalsFresh(bed, list);
    const all = list.get().rows;
    const a = all.find(({ metadata }) => metadata.name === 'a');
    bed.allow('default');
    revoke();
    await until(
      'only one namespace is shown',
      () =>
        list.get().state === 'live' &&
        list.get().rows.every(({ metadata }) => metadata.namespace === 'default'),
      PATIENCE_MS,
    );
    await equalsFresh(bed, list, 'default');
    expect(list.get().rows.find(({ metadata }) => metadata.name === 'a')).toBe(a);
    bed.allow();
    await equalsFresh(bed, list);
    expect(list.get().rows.find(({ metadata }) => metadata.name === 'a')).toBe(a);
  });

  it('[KSDK-3] a cluster that nobody answers for hides no other; a denied one is told with its reason', async () => {
    const bed = await start();
    const revoke = bed.allow('default');
    bed.put('a');
    const lists = [
      { cluster: 'c1', namespaces: ['default', 'kube-system'] },
      { cluster: 'away' },
      { cluster: 'nowhere' },
    ];
    const list = liveList<Row>(bed.client, { lists, ...CONFIG_MAPS, ...over(bed) });
    stack.defer(() => list.close());
    const of = (cluster: string, namespace?: string) =>
      list.get().lists.find((each) => each.cluster === cluster && each.namespace === namespace);
    await until('the first one is live', () => of('c1', 'default')?.state === 'live', PATIENCE_MS);
    await until('the other says why it takes', () => of('away')?.reason, PATIENCE_MS);
    expect(of('away')?.state).toBe('loading');
    expect(list.get().rows.map(({ metadata }) => metadata.name)).toContain('a');
    expect(of('c1', 'kube-system')).toMatchObject({ state: 'failed', error: { code: 1308 } });
    expect(of('c1', 'kube-system')?.reason).toContain('configmaps');
    expect(of('nowhere')).toMatchObject({ state: 'failed', error: { code: 1330 } });
    expect(list.get().state).toBe('loading');
    revoke();
    await until('nothing is left', () => list.get().total === 0, PATIENCE_MS);
  });

  it('[KSDK-8] an object: its change, its end, its successor', async () => {
    const bed = await start();
    bed.allow();
    bed.put('a');
    const object = liveObject<Row>(bed.client, {
      cluster: 'c1',
      ...CONFIG_MAPS,
      namespace: 'default',
      name: 'a',
      ...over(bed),
    });
    stack.defer(() => object.close());
    await until('it is there', () => object.get().state === 'live' && object.get().object, PATIENCE_MS);
    const { uid, object: first } = object.get();
    bed.put('a');
    await until('it changed', () => object.get().object !== first, PATIENCE_MS);
    expect(object.get().uid).toBe(uid);
    bed.remove('a');
    await until('it is gone', () => object.get().deleted, PATIENCE_MS);
    expect(object.get().last?.metadata.uid).toBe(uid);
    bed.put('a');
    await until('it is there again', () => object.get().object, PATIENCE_MS);
    expect(object.get()).toMatchObject({ deleted: false, last: undefined });
    expect(object.get().uid).not.toBe(uid);
  });

  it('[KSDK-10] a window: rows in order, changes, another page, another search', async () => {
    const bed = await start();
    bed.allow();
    const name = (n: number): string => `c${String(n).padStart(3, '0')}`;
    for (let n = 0; n < 200; n++) bed.put(name(n));
    const window = liveWindow(bed.client, {
      cluster: 'c1',
      namespaces: ['default'],
      ...CONFIG_MAPS,
      sort: [{ column: 'name' }],
      limit: 10,
      search: 'c',
      ...over(bed),
    });
    stack.defer(() => window.close());
    const names = (): string[] => window.get().rows.map(({ id }) => id.split('/').at(-1) ?? '');
    const page = (from: number): string => Array.from({ length: 10 }, (_, n) => name(from + n)).join();
    await until(
      'the first page',
      () => window.get().state === 'live' && names().join() === page(0),
      PATIENCE_MS,
    );
    expect(window.get().total).toBe(200);
    const kept = window.get().rows[3];
    bed.remove(name(1));
    await until('a row left', () => names().at(-1) === name(10), PATIENCE_MS);
    expect(window.get().rows[2]).toBe(kept);
    bed.put(name(1));
    await until('it came back', () => names().join() === page(0), PATIENCE_MS);
    window.scroll(5);
    await until('the next page', () => names().join() === page(5) && !window.get().moving, PATIENCE_MS);
    window.change({ search: name(17), offset: 0 });
    await until('a search', () => names().join() === name(17), PATIENCE_MS);
    expect(window.get()).toMatchObject({ total: 1, state: 'live' });
  });

  it('[KSDK-10] [KWIN-22] a window shows by itself what is granted while it is open, and no row is lost on the way', async () => {
    const bed = await start();
    bed.allow('default');
    for (const name of ['a', 'c']) bed.put(name);
    bed.put('b', 'kube-system');
    const window = liveWindow(bed.client, {
      cluster: 'c1',
      ...CONFIG_MAPS,
      sort: [{ column: 'name' }],
      ...over(bed),
    });
    stack.defer(() => window.close());
    const names = (): string =>
      window
        .get()
        .rows.map(({ cells }) => cells[0])
        .join();
    await until('what is open', () => window.get().state === 'live' && names() === 'a,c', PATIENCE_MS);
    const [a, c] = window.get().rows;
    const shown: (readonly unknown[])[] = [];
    window.subscribe(() => shown.push(window.get().rows));
    bed.allow('kube-system');
    await until('what was granted', () => window.get().state === 'live' && names() === 'a,b,c', PATIENCE_MS);
    for (const rows of [...shown, window.get().rows]) {
      expect(rows).toContain(a);
      expect(rows).toContain(c);
    }
  });

  it('[KSDK-11] a log: its tail, its lines, its end', async () => {
    const bed = await start();
    bed.allow();
    bed.putPod('web');
    bed.sim.logs.append('default', 'web', 'main', 'one', 'two');
    const log = liveLog(bed.client, { cluster: 'c1', namespace: 'default', pod: 'web', ...over(bed) });
    stack.defer(() => log.close());
    const texts = (): string =>
      log
        .get()
        .entries.map((entry) => (entry.kind === 'line' ? entry.text : '-'))
        .join();
    await until('the tail', () => texts() === 'one,two', PATIENCE_MS);
    bed.sim.logs.append('default', 'web', 'main', 'three');
    await until('a line', () => texts() === 'one,two,three', PATIENCE_MS);
    expect(log.get().state).toBe('live');
    bed.client.disconnect();
    bed.sim.logs.append('default', 'web', 'main', 'four');
    bed.client.connect();
    await until('a line missed meanwhile', () => texts() === 'one,two,three,four', PATIENCE_MS);
  });
});
