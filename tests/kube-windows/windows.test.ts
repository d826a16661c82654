/**
 * Live windows from end to end: a simulated API server that changes and fails, reflectors over HTTP, the engine in its thread, and viewers that apply what they are told. Afterwards their
 * rows are compared with a fresh list that was filtered, sorted and cut here.
 */
import { createSeededRandom, silentLogger, type Disposable } from '@trunkline/base';
import type { WindowOp, WindowRow } from '@trunkline/contracts/kube';
import { createKubeCluster, givenCredential, ReflectorSet, type KubeQuestion } from '@trunkline/kube-client';
import { startWorkload } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { createWindows } from '@trunkline/module-kube/windows';
import { clock, until } from '@trunkline/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const QUICK = { retryMinMs: 20, retryMaxMs: 300, healthyAfterMs: 100, graceMs: 0 };
const PODS: KubeQuestion = { group: '', version: 'v1', resource: 'pods' };
const CALL = {
  principal: { user: 'ada', org: 'acme', roles: [], groups: [], caps: [], channels: [] },
  client: '',
  requestId: '',
  signal: new AbortController().signal,
};

type Row = Pick<WindowRow, 'id' | 'uid' | 'cells'>;

const open: Disposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.dispose();
});

async function start() {
  const sim = await startTestKubeSim(clock);
  const workload = startWorkload(sim, { pods: 300, eventsPerSecond: 100 });
  await workload.ready;
  const credentials = givenCredential({ token: sim.issueToken() });
  const cluster = createKubeCluster({ clock }, { server: sim.url, credentials });
  const random = createSeededRandom(1);
  const set = new ReflectorSet({ clock, random, logger: silentLogger, cluster }, { reflector: QUICK });
  const windows = createWindows(
    {
      context: { clock, random, logger: silentLogger },
      upstreams: {
        lease: (_cluster, _identity, question, listener) => set.lease(question, listener),
        resolve: () =>
          Promise.resolve({
            ...PODS,
            kind: 'Pod',
            namespaced: true,
            verbs: ['list', 'watch'],
            shortNames: [],
            categories: [],
            preferred: true,
          }),
        columns: () => Promise.resolve({ columns: [], table: false }),
      },
      access: {
        enter: (_principal, id) =>
          Promise.resolve({
            id,
            upstream: { kind: 'server' },
            own: cluster,
            confinedTo: undefined,
            allows: { writes: false, exec: false },
          }),
        sight: () => Promise.resolve({ kind: 'all', recheckMs: 4_000 }),
        may: () => Promise.resolve({ recheckMs: 4_000 }),
      },
    },
    { turnMs: 20, partMaxBytes: 20_000 },
  );
  open.push(sim, cluster, set, windows, workload);
  return { sim, workload, cluster, windows };
}

/** Opens a window; its rows and total are kept by operations alone after the first state. */
async function view(windows: Awaited<ReturnType<typeof start>>['windows'], params: object) {
  const ask = { sources: [{ cluster: 'one' }], resource: 'pods', ...params };
  const answer = await windows.rpc['kube.window'].handle(ask, CALL);
  const { channel } = (answer as { result: { channel: string } }).result;
  const viewer = { rows: [] as Row[], total: 0, publications: 0, state: 'recovering' };
  const publications: { ops: WindowOp[]; total: number }[] = [];
  let from = Infinity;
  const take = ({ ops, total }: (typeof publications)[number]): void => {
    viewer.rows = applyOps(viewer.rows, ops);
    viewer.total = total;
  };
  windows.namespaces[0]?.source?.({
    org: 'acme',
    channel,
    emit: {
      publish: (data) => {
        const publication = JSON.parse(String(data)) as (typeof publications)[number];
        viewer.publications = publications.push(publication);
        if (publications.length > from) take(publication);
        return { epoch: '1', offset: publications.length };
      },
      state: ({ state }) => void (viewer.state = state),
      reset: (reason) => {
        throw new Error(reason);
      },
    },
  });
  const answered = await windows.rpc['kube.windowState'].handle({ channel }, CALL);
  const { position, rows, total } = (
    answered as { result: { position: { offset: number }; rows: Row[]; total: number } }
  ).result;
  Object.assign(viewer, { rows, total });
  for (const later of publications.slice(position.offset)) take(later);
  from = position.offset;
  return viewer;
}

function applyOps(rows: readonly Row[], ops: readonly WindowOp[]): Row[] {
  const next = [...rows];
  for (const op of ops) {
    if (op.op === 'enter') next.splice(op.at, 0, op.row);
    else if (op.op === 'leave') next.splice(op.at, 1);
    else if (op.op === 'move') next.splice(op.to, 0, ...next.splice(op.from, 1));
    else {
      const { id, uid, cells } = next[op.at] as Row;
      const changed = [...cells];
      for (const [index, cell] of op.cells ?? []) changed[index] = cell;
      next[op.at] = { id, uid: op.uid ?? uid, cells: changed };
    }
  }
  return next;
}

interface Pod {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly status?: { readonly containerStatuses?: readonly { readonly restartCount: number }[] };
}

const restarts = ({ status }: Pod): number =>
  (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
const byName = ({ metadata: left }: Pod, { metadata: right }: Pod): number => {
  const [one, other] = [`${left.namespace}\0${left.name}`, `${right.namespace}\0${right.name}`];
  return one < other ? -1 : one > other ? 1 : 0;
};

/** What three windows over the list must show, as uids. */
function wanted(pods: readonly Pod[]): readonly (readonly string[])[] {
  const uids = (some: readonly Pod[]): string[] => some.map(({ metadata }) => metadata.uid);
  const sorted = [...pods].sort(byName);
  return [
    uids(sorted.slice(0, 50)),
    uids([...sorted].sort((left, right) => restarts(right) - restarts(left)).slice(10, 40)),
    uids(sorted.filter(({ metadata }) => metadata.name.includes('a')).slice(0, 1_000)),
  ];
}

const PARAMS = [
  { limit: 50 },
  { sort: [{ column: 'restarts', order: 'desc' }], offset: 10, limit: 30 },
  { filter: [{ column: 'name', op: 'contains', value: 'a' }], limit: 1_000 },
] as const;

describe('windows over a cluster', () => {
  it('[KWIN-1] show what a fresh list shows, after changes, cut and ended watches, and lists read anew', async () => {
    const { sim, workload, cluster, windows } = await start();
    const viewers = await Promise.all(PARAMS.map((params) => view(windows, params)));
    const told = (): number => viewers.reduce((sum, { publications }) => sum + publications, 0);
    const goesOn = async (): Promise<void> => {
      const before = told();
      await until('publications', () => told() > before + 3);
    };
    await goesOn();
    sim.faults.endWatches();
    await goesOn();
    sim.faults.cutConnections();
    await goesOn();
    sim.faults.compact();
    sim.faults.expireWatches();
    await goesOn();
    await workload.dispose();
    const { items } = await cluster.list(PODS);
    const truth = wanted(items.map(({ value }) => value as unknown as Pod));
    expect(truth.every((uids) => uids.length > 20)).toBe(true);
    await until('the windows', () =>
      viewers.every(({ rows }, index) => rows.map(({ uid }) => uid).join() === truth[index]?.join()),
    );
    await until('live', () => viewers.every(({ state }) => state === 'live'));
    expect(viewers.map(({ total }) => total).slice(0, 2)).toEqual([items.length, items.length]);
    const fresh = await Promise.all(PARAMS.map((params) => view(windows, params)));
    expect(fresh.map(({ rows }) => rows)).toEqual(viewers.map(({ rows }) => rows));
    expect(windows.stats()).toEqual({ windows: 3, open: 6, questions: 1 });
  });
});
