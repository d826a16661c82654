// `trunkline kube` on doubles: what it asks, what it prints, how it ends.
import { describe, expect, test } from 'vitest';
import { CliError } from '../exit.js';
import type { KubeHealth, KubeObject } from '../kube/ports.js';
import { runCli } from '../program.js';
import { createFakeIo, createFakeLive, createFakeSockets } from '../testing.js';

const LIVE: KubeHealth = { state: 'live' };
const pods = {
  group: '',
  version: 'v1',
  resource: 'pods',
  kind: 'Pod',
  namespaced: true,
  verbs: ['list', 'watch'],
  shortNames: ['po'],
};
const deployments = {
  ...pods,
  group: 'apps',
  resource: 'deployments',
  kind: 'Deployment',
  shortNames: ['deploy'],
};
const cluster = (id: string) => ({
  id,
  name: id.toUpperCase(),
  mode: 'shared',
  simulated: false,
  reach: 'reachable',
});
const COLUMNS = [
  { name: 'name', title: 'Name', type: 'text' as const },
  { name: 'restarts', title: 'Restarts', type: 'number' as const },
  { name: 'age', title: 'Age', type: 'time' as const },
];
const row = (name: string, restarts: number, madeAtMs: number) => ({
  id: `prod/shop/${name}`,
  uid: `u-${name}`,
  cells: [name, restarts, new Date(madeAtMs).toISOString()],
});
const pod = (name: string, phase: string, uid = `u-${name}`): KubeObject => ({
  metadata: { name, namespace: 'shop', uid },
  status: { phase },
});

function setUp(more: Readonly<Record<string, (params: unknown) => unknown>> = {}, clusters = ['prod']) {
  const io = createFakeIo();
  const answers: Readonly<Record<string, (params: unknown) => unknown>> = {
    'kube.clusters': () => ({ clusters: clusters.map(cluster) }),
    'kube.resources': () => ({ resources: [pods, deployments], incomplete: [] }),
    ...more,
  };
  const live = createFakeLive({
    rpc: (method, params) => {
      const answer = answers[method];
      if (answer === undefined) throw new CliError('failure', `${method} is not expected`);
      return answer(params);
    },
  });
  const run = (...argv: string[]): Promise<number> =>
    runCli(['kube', ...argv], {
      io,
      connect: live.connect,
      loadServer: () => Promise.reject(new Error('the server is not loaded for this command')),
      loadSockets: async () => createFakeSockets(() => undefined).open,
      version: '1',
      onClientCommand: () => undefined,
      onServe: () => undefined,
    });
  return { io, live, run };
}

/** Until what the command asked for is there. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe('clusters', () => {
  test('[KCON-10] are listed with reach, latency, mode, version and error', async () => {
    const records = [
      { ...cluster('prod'), latencyMs: 12.4, serverVersion: 'v1.33.1' },
      { ...cluster('demo'), simulated: true, reach: 'unreachable', error: 'ECONNREFUSED' },
    ];
    const { io, run } = setUp({ 'kube.clusters': () => ({ clusters: records }) });
    expect(await run('clusters')).toBe(0);
    expect(io.written.out).toMatch(/^ID +NAME +REACH/);
    expect(io.written.out).toMatch(/\nprod +PROD +reachable +12 ms +shared +v1\.33\.1\n/);
    expect(io.written.out).toMatch(/\ndemo +DEMO +unreachable +- +shared, simulated +- +ECONNREFUSED\n$/);
    io.written.out = '';
    await run('clusters', '--json');
    expect(JSON.parse(io.written.out)).toEqual(records);
  });
});

describe('get', () => {
  const view = {
    health: LIVE,
    columns: COLUMNS,
    rows: [row('web-1', 3, 1_700_000_000_000 - 90_000), row('web-2', 0, 1_700_000_000_000 - 3 * 86_400_000)],
    total: 9,
    denied: [{ namespace: 'web', reason: 'ann cannot list pods' }],
  };

  test('[KCON-12] prints the rows of a window with ages, how many there are, and what may not be seen', async () => {
    const { io, live, run } = setUp();
    const ended = run('get', 'po', '-n', 'shop', '-n', 'web', '--sort', '-restarts', '--limit', '2');
    await turns();
    const [question, onChange] = live.shown.window[0] ?? [];
    expect(question).toEqual({
      cluster: 'prod',
      namespaces: ['shop', 'web'],
      group: '',
      version: 'v1',
      resource: 'pods',
      sort: [{ column: 'restarts', order: 'desc' }],
      limit: 2,
    });
    onChange?.({ ...view, rows: [], health: { state: 'loading' } });
    onChange?.(view);
    expect(await ended).toBe(0);
    expect(io.written.out).toBe('NAME   RESTARTS  AGE\nweb-1         3  90s\nweb-2         0  3d\n');
    expect(io.written.err).toContain('denied in web: ann cannot list pods\n2 of 9');
    expect(live.closed).toBe(true);
  });

  test('[KCON-12] --wide shows the columns of lower priority, and names those that only the cluster can fill', async () => {
    const column = (name: string, priority: number, inWindows: boolean) => ({
      ...{ name, title: name.toUpperCase(), type: 'text', format: '', description: '' },
      ...{ priority, inWindows },
    });
    const asked: unknown[] = [];
    const { io, live, run } = setUp({
      'kube.columns': (params) => {
        asked.push(params);
        return {
          columns: [column('name', 0, true), column('ip', 1, true), column('gates', 1, false)],
          table: true,
        };
      },
    });
    const ended = run('get', 'pods', '-n', 'shop', '--wide');
    await turns();
    expect(asked).toEqual([
      { cluster: 'prod', group: '', version: 'v1', resource: 'pods', namespace: 'shop' },
    ]);
    expect(live.shown.window[0]?.[0]).toMatchObject({ columns: ['ip'] });
    live.shown.window[0]?.[1](view);
    expect(await ended).toBe(0);
    expect(io.written.err).toContain("Only the cluster's own tables have: GATES.\n");
  });

  test('[KCON-12] --json: cells under the names of their columns', async () => {
    const { io, live, run } = setUp();
    const ended = run('get', 'pods', '--json');
    await turns();
    live.shown.window[0]?.[1](view);
    await ended;
    expect(JSON.parse(io.written.out)).toMatchObject([
      { id: 'prod/shop/web-1', uid: 'u-web-1', name: 'web-1', restarts: 3 },
      { name: 'web-2' },
    ]);
  });

  test('[KCON-12] a list that does not become live is a failure that says why; a refusal is one at once', async () => {
    const { io, live, run } = setUp();
    const away = run('get', 'pods');
    await turns();
    live.shown.window[0]?.[1]({ ...view, health: { state: 'stale', reason: 'ECONNREFUSED' } });
    await io.clock.advance(15_000);
    expect(await away).toBe(1);
    expect(io.written.err).toContain('the list is stale: ECONNREFUSED');
    const denied = run('get', 'pods');
    await turns();
    live.shown.window[1]?.[1]({ ...view, health: { state: 'failed', reason: 'cannot list', code: 1308 } });
    expect(await denied).toBe(4);
  });

  test('[KCON-12] with a name, the object as JSON; one that is not there is exit 5', async () => {
    const { io, live, run } = setUp({
      'kube.open': () => ({ lists: [{ channel: 'kube:a' }], denied: [], askAgainMs: 1 }),
    });
    const first = run('get', 'Deployment', 'web', '-n', 'shop', '--json');
    await turns();
    live.followed[0]?.handlers.snapshot([{ key: 'shop/web', data: { kind: 'Deployment' }, offset: 0 }]);
    expect(await first).toBe(0);
    expect(io.written.out).toBe('{"kind":"Deployment"}\n');
    const second = run('get', 'deployments.apps', 'gone');
    await turns();
    live.followed[1]?.handlers.snapshot([]);
    expect(await second).toBe(5);
    expect(io.written.err).toContain('deployments "gone" is not there\nName its namespace with -n.');
  });

  test('[KCON-11] what may not be seen is exit 4, in the words of the cluster', async () => {
    const { io, run } = setUp({
      'kube.open': () => ({
        lists: [],
        denied: [{ code: 1308, reason: 'ann cannot list pods' }],
        askAgainMs: 1,
      }),
    });
    expect(await run('get', 'pods', 'web')).toBe(4);
    expect(io.written.err).toContain('the cluster refused: ann cannot list pods');
  });

  test('[KCON-11] an unknown kind, no cluster and a choice that is missing', async () => {
    const unknown = setUp();
    expect(await unknown.run('get', 'frobs')).toBe(5);
    expect(unknown.io.written.err).toContain(
      'cluster prod has no kind "frobs"\nIt has, for instance: pods, deployments.',
    );
    const none = setUp({}, []);
    expect(await none.run('get', 'pods')).toBe(5);
    expect(none.io.written.err).toContain('the org sees no cluster');
    const several = setUp({}, ['prod', 'test']);
    expect(await several.run('get', 'pods')).toBe(2);
    expect(several.io.written.err).toContain('--cluster: one of prod, test');
  });
});

describe('watch', () => {
  test('[KCON-13] tells what is there, then each change with its fields, and the state', async () => {
    const { io, live, run } = setUp();
    const ended = run('watch', 'pods', '-l', 'app=web');
    await turns();
    const [question, onChange] = live.shown.list[0] ?? [];
    expect(question).toMatchObject({ cluster: 'prod', resource: 'pods', labelSelector: 'app=web' });
    const same = pod('same', 'Running');
    const anew = pod('b', 'Running', 'anew');
    onChange?.({ health: { state: 'loading' }, objects: [] });
    onChange?.({ health: LIVE, objects: [same, pod('a', 'Pending'), pod('b', 'Running')] });
    const since: KubeHealth = { state: 'stale', sinceMs: 1_700_000_000_000 - 12_000, reason: 'ECONNREFUSED' };
    onChange?.({ health: since, objects: [same, pod('a', 'Running'), anew] });
    onChange?.({ health: since, objects: [same, anew] });
    expect(io.written.out.replace(/^\S+ {2}/gm, '').split('\n')).toEqual([
      'added    shop/same',
      'added    shop/a',
      'added    shop/b',
      'deleted  shop/b',
      'changed  shop/a  status.phase Pending → Running',
      'added    shop/b',
      'deleted  shop/a',
      '',
    ]);
    expect(io.written.err.replace(/^\S+ {2}/gm, '')).toBe(
      'pods in prod: ● loading\npods in prod: ● live\npods in prod: ● stale since 12 s: ECONNREFUSED\n',
    );
    io.interrupt();
    expect(await ended).toBe(0);
    expect(live.closed).toBe(true);
  });

  test('[KCON-13] --json: states and changes as objects', async () => {
    const { io, live, run } = setUp();
    const ended = run('watch', 'pods', '--json');
    await turns();
    live.shown.list[0]?.[1]({ health: LIVE, objects: [pod('a', 'Running')] });
    io.interrupt();
    expect(await ended).toBe(0);
    const lines = io.written.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([
      { type: 'added', name: 'a', namespace: 'shop', object: { status: { phase: 'Running' } } },
      { type: 'state', state: 'live' },
    ]);
  });

  test('[KCON-11] a refused list ends it with the outcome of its code', async () => {
    const { io, live, run } = setUp();
    const ended = run('watch', 'pods');
    await turns();
    live.shown.list[0]?.[1]({
      health: { state: 'failed', reason: 'no such cluster', code: 1330 },
      objects: [],
    });
    expect(await ended).toBe(5);
    expect(io.written.err).toContain('pods in prod: no such cluster (1330)');
  });
});

describe('top', () => {
  const view = (rows: ReturnType<typeof row>[]) => ({
    health: LIVE,
    columns: COLUMNS,
    rows,
    total: 2_000,
    denied: [],
  });

  test('[KCON-14] draws the first rows below the state, once for what comes together', async () => {
    const { io, live, run } = setUp();
    const ended = run('top', 'pods', '--sort', '-restarts', '--limit', '1');
    await turns();
    const [question, onChange] = live.shown.window[0] ?? [];
    expect(question).toMatchObject({ sort: [{ column: 'restarts', order: 'desc' }], limit: 1 });
    onChange?.({ ...view([]), total: 0, health: { state: 'loading' } });
    await io.clock.advance(250);
    expect(io.written.out).toBe('');
    onChange?.(view([row('web-1', 3, 1_699_999_990_000)]));
    onChange?.(view([row('web-2', 4, 1_699_999_990_000)]));
    await io.clock.advance(250);
    expect(io.written.out).toBe(
      '● live  pods in prod, by restarts descending: 1 of 2,000\n\nNAME   RESTARTS  AGE\nweb-2         4  10s\n\n',
    );
    io.interrupt();
    expect(await ended).toBe(0);
  });

  test('[KCON-14] a list that does not load says why', async () => {
    const { io, live, run } = setUp();
    const ended = run('top', 'pods');
    await turns();
    const health: KubeHealth = { state: 'loading', reason: 'cluster unreachable' };
    live.shown.window[0]?.[1]({ ...view([]), total: 0, health });
    await io.clock.advance(250);
    expect(io.written.out).toMatch(/^● loading: cluster unreachable {2}pods in prod/);
    io.interrupt();
    expect(await ended).toBe(0);
  });
});

describe('logs', () => {
  test('[KCON-15] prints lines, says where some may be missing, and ends with the log', async () => {
    const { io, live, run } = setUp();
    const ended = run('logs', 'web-1', '-n', 'shop', '--tail', '5', '--since', '2m', '--timestamps');
    await turns();
    const [question, handlers] = live.shown.log[0] ?? [];
    expect(question).toEqual({
      cluster: 'prod',
      namespace: 'shop',
      pod: 'web-1',
      tail: 5,
      sinceSeconds: 120,
    });
    handlers?.health(LIVE);
    handlers?.lines([{ time: '2026-01-01T00:00:00Z', text: 'one' }, { text: 'bell\u0007' }]);
    handlers?.gap('the connection was cut');
    handlers?.lines([{ text: 'three' }]);
    handlers?.end('the container ended');
    expect(await ended).toBe(0);
    expect(io.written.out).toBe('2026-01-01T00:00:00Z one\nbell\\u0007\nthree\n');
    expect(io.written.err).toMatch(
      /shop\/web-1: ● live\nGAP: the connection was cut\nend: the container ended\n$/,
    );
  });

  test('[KCON-15] needs the namespace of the pod', async () => {
    const { run } = setUp();
    expect(await run('logs', 'web-1')).toBe(2);
  });
});
