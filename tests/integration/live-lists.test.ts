/**
 * Live Kubernetes lists of a real server: clusters of its configuration and the demo cluster, whom they are shown to, the command's `kube` as processes, and the programs of the guide.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { createKubeSim, type KubeSim } from '@trunkline/kube-sim';
import { signToken, until } from '@trunkline/testkit';
import { describe, expect, it } from 'vitest';
import { SECRET, useBed } from '../support/bed.js';
import { runCli, startCli } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const tokenOf = (sub: string, org: string, roles: readonly string[] = []): Promise<string> =>
  signToken({ sub, org, roles }, SECRET);

interface Clusters {
  readonly clusters: readonly Readonly<Record<string, unknown>>[];
}

describe('the demo cluster', () => {
  const bed = useBed(() => ({
    config: {
      development: true,
      log: { level: 'warn' },
      auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
      // Another org would open the store, to read its record.
      store: { enabled: false },
      kube: {
        demo: { pods: 120, eventsPerSecond: 5 },
        rights: { askAgain: '12s' },
        windows: { maxLists: 3 },
      },
    },
  }));
  const call = async (token: string, method: string, params: object): Promise<unknown> => {
    const client = await bed.client({ token });
    const { data } = await client.rpc(method, params);
    client.disconnect();
    return data;
  };
  const environment = async (): Promise<Record<string, string>> => ({
    TRUNKLINE_URL: bed.server.url,
    TRUNKLINE_TOKEN: await tokenOf('ann', 'dev'),
  });
  const cli = async (...argv: string[]) => runCli(['kube', ...argv], { env: await environment() });

  it('[KCON-4] is started by an operator, is one however often, and is seen by the org of the console', async () => {
    const operator = await tokenOf('root', 'dev', ['operator']);
    const member = await tokenOf('ann', 'dev', ['admin']);
    await expect(call(member, 'kube.demo', { run: true })).rejects.toMatchObject({ code: 103 });
    expect(await call(member, 'kube.clusters', {})).toEqual({ clusters: [] });
    const started = await Promise.all([1, 2].map(() => call(operator, 'kube.demo', { run: true })));
    expect(started).toEqual([{ cluster: 'demo' }, { cluster: 'demo' }]);
    expect(await call(member, 'kube.clusters', {})).toMatchObject({
      clusters: [{ id: 'demo', simulated: true, mode: 'shared', reach: 'reachable' }],
    });
    expect(await call(await tokenOf('eve', 'other'), 'kube.clusters', {})).toEqual({ clusters: [] });
  });

  it('[KCON-10] [KCON-12] the command lists clusters and rows, and shows one object', async () => {
    expect((await cli('clusters')).out).toMatch(/\ndemo +Demo +reachable +\d+ ms +shared, simulated +v1\./);
    const listed = await cli('get', 'po', '--sort', '-restarts', '--limit', '3', '--json');
    expect(listed.err).toBe('');
    const rows = JSON.parse(listed.out) as { name: string; namespace: string; restarts: number }[];
    expect(rows).toHaveLength(3);
    expect(rows.map(({ restarts }) => restarts)).toEqual(
      rows.map(({ restarts }) => restarts).sort((left, right) => right - left),
    );
    const { name = '', namespace = '' } = rows[0] ?? {};
    const shown = await cli('get', 'pod', name, '-n', namespace, '--json');
    expect(JSON.parse(shown.out)).toMatchObject({ kind: 'Pod', metadata: { name, namespace } });
    expect((await cli('get', 'pod', 'nobody', '-n', namespace)).code).toBe(5);
    const wide = await cli('get', 'pods', '-n', namespace, '--limit', '1', '--wide');
    expect(wide.out).toMatch(/^NAME +NAMESPACE +STATUS +READY +RESTARTS +NODE +AGE +IP +NOMINATED NODE\n/);
    expect(wide.err).toContain("Only the cluster's own tables have: Readiness Gates.\n");
  });

  it('[KCON-6] limits of the configuration have their effect', async () => {
    const token = await tokenOf('ann', 'dev');
    const pods = { resource: 'pods' };
    expect(await call(token, 'kube.open', { cluster: 'demo', ...pods })).toMatchObject({
      askAgainMs: 12_000,
    });
    const window = (namespaces: readonly string[]): Promise<unknown> =>
      call(token, 'kube.window', { ...pods, sources: [{ cluster: 'demo', namespaces }] });
    await expect(window(['a', 'b', 'c'])).resolves.toHaveProperty('channel');
    await expect(window(['a', 'b', 'c', 'd'])).rejects.toMatchObject({ code: 106 });
  });

  it('[KCON-13] [KCON-15] the command follows a list and a log, and ends with Ctrl-C', async () => {
    const watching = bed.kit.use(startCli(['kube', 'watch', 'pods', '--json'], { env: await environment() }));
    const types = (): unknown[] => watching.json().map(({ type }) => type);
    await until(
      'the list is live, and something changes in it',
      () => types().includes('state') && types().includes('changed'),
    );
    const { name, namespace } = watching.json().find(({ type }) => type === 'added') as {
      name: string;
      namespace: string;
    };
    watching.interrupt();
    expect(await watching.exit).toBe(0);
    const log = bed.kit.use(
      startCli(['kube', 'logs', name, '-n', namespace, '--tail', '5', '--json'], {
        env: await environment(),
      }),
    );
    await until('lines come', () => log.json().some(({ type }) => type === 'line'));
    log.interrupt();
    expect(await log.exit).toBe(0);
  });

  it('[KCON-14] the command keeps the first rows of a sorted list up to date', async () => {
    const top = bed.kit.use(
      startCli(['kube', 'top', 'pods', '--sort', 'name', '--limit', '4', '--json'], {
        env: await environment(),
      }),
    );
    await until('a turn is printed', () => top.json().length > 0);
    const [{ state, total, rows } = {}] = top.json();
    expect(state).toBe('live');
    expect(total).toBeGreaterThan(100);
    const names = (rows as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    top.interrupt();
    expect(await top.exit).toBe(0);
  });

  it('[KCON-30] the program of the guide shows rows, a log and a whole list', async () => {
    const child = spawn(process.execPath, ['examples/live-lists/pods.mjs', '--once'], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', TRUNKLINE_URL: bed.server.url },
      timeout: 60_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => (output += text.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    expect(output).toMatch(/^clusters: demo \(reachable\)\nthe 5 of \d+ pods that restarted most:\n/);
    expect(output).toMatch(/\n\d+ pods, \d+ running, live\n/);
    expect(code).toBe(0);
  });

  it('[KCON-4] ended, it is gone for everybody', async () => {
    const operator = await tokenOf('root', 'dev', ['operator']);
    const watching = bed.kit.use(startCli(['kube', 'watch', 'pods', '--json'], { env: await environment() }));
    await until('it is live', () => watching.json().some(({ state }) => state === 'live'));
    expect(await call(operator, 'kube.demo', { run: false })).toEqual({});
    expect(await call(operator, 'kube.clusters', {})).toEqual({ clusters: [] });
    expect(await watching.exit).toBe(5);
  });
});

describe('clusters of the configuration', () => {
  let sim: KubeSim;
  const bed = useBed(async () => {
    sim = createKubeSim({ clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger });
    bed.fileKit.defer(() => sim.dispose());
    await sim.start();
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-live-lists-'));
    bed.fileKit.defer(() => rm(folder, { recursive: true, force: true }));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, JSON.stringify(sim.kubeconfig(sim.issueToken())));
    return {
      config: {
        console: { org: 'home' },
        store: { enabled: false },
        log: { level: 'warn' },
        auth: { keys: [{ alg: 'HS256', secret: SECRET }] },
        kube: { clusters: [{ id: 'prod', name: 'Production', kubeconfig, mode: 'shared', orgs: ['acme'] }] },
      },
    };
  });
  const clustersOf = async (org: string, roles: readonly string[] = []): Promise<Clusters> => {
    const client = await bed.client({ token: await tokenOf('ann', org, roles) });
    const { data } = await client.rpc('kube.clusters', {});
    client.disconnect();
    return data as Clusters;
  };

  it('[KCON-2] [KCON-3] are reached by their kubeconfig, and shown to the orgs that they are for', async () => {
    for (const org of ['home', 'acme'])
      expect(await clustersOf(org), org).toMatchObject({
        clusters: [{ id: 'prod', name: 'Production', reach: 'reachable', simulated: false }],
      });
    expect(await clustersOf('other', ['admin'])).toEqual({ clusters: [] });
  });

  it('[KCON-4] leave no room for a simulated one', async () => {
    const client = await bed.client({ token: await tokenOf('root', 'home', ['operator']) });
    await expect(client.rpc('kube.demo', { run: true })).rejects.toMatchObject({ code: 108 });
  });
});
