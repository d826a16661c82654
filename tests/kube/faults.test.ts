/**
 * What the simulated server can be made to do wrong, seen from a client: ends, cuts, silence, half events, 410, refusals, slowness, restarts. And what its own side
 * says it saw.
 */
import { createServer } from 'node:net';
import { createTestKubeSim, startTestKubeSim } from '@trunkline/kube-sim/testing';
import type { KubeSim, KubeSimOptions, RequestFault } from '@trunkline/kube-sim';
import { clock, createCertificateAuthority, until, wait } from '@trunkline/testkit';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Api, type WatchReader } from './api.js';
import { configMap, made, makeNamespace } from './drafts.js';

interface Bench {
  readonly sim: KubeSim;
  readonly api: Api;
  readonly path: string;
}

const open: { dispose(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.dispose();
});

async function start(options?: Partial<KubeSimOptions>): Promise<Bench> {
  const sim = await startTestKubeSim(clock, options);
  open.push(sim);
  const api = new Api({ url: sim.url }, { token: sim.issueToken() });
  const namespace = await makeNamespace(api);
  return { sim, api, path: `/api/v1/namespaces/${namespace}/configmaps` };
}

/** A watch that has seen the one object that is there. */
async function watching({ api, path }: Bench): Promise<WatchReader> {
  await made(api, path, configMap('first'));
  const watch = await api.watch(path);
  expect(await watch.names(1)).toEqual(['ADDED first']);
  return watch;
}

const versionOf = async ({ api, path }: Bench): Promise<string> =>
  (await api.get(path)).doc.metadata.resourceVersion;

describe('faults of watches', () => {
  it('[KSIM-70] ended: in order, after a complete event', async () => {
    const bench = await start();
    const watch = await watching(bench);
    expect(bench.sim.faults.endWatches({ resource: 'pods' })).toBe(0);
    expect(bench.sim.faults.endWatches({ resource: 'configmaps', user: 'kubernetes-admin' })).toBe(1);
    expect(await watch.lines.ended()).toBe('end');
    expect(bench.sim.stats().openWatches).toBe(0);
  });

  it('[KSIM-71] cut: the connection breaks', async () => {
    const bench = await start();
    const watch = await watching(bench);
    expect(bench.sim.faults.cutWatches()).toBe(1);
    expect(await watch.lines.ended()).toBe('cut');
  });

  it('[KSIM-72] silent: open, and nothing comes; a new watch has it all', async () => {
    const bench = await start();
    const watch = await watching(bench);
    const from = await versionOf(bench);
    expect(bench.sim.faults.silenceWatches()).toBe(1);
    await made(bench.api, bench.path, configMap('unheard'));
    const next = await bench.api.watch(`${bench.path}?resourceVersion=${from}`);
    expect(await next.names(1)).toEqual(['ADDED unheard']);
    await expect(watch.next(200)).rejects.toThrow('no line within');
    expect(bench.sim.stats().openWatches).toBe(2);
    watch.close();
    next.close();
    await until('both are gone', () => bench.sim.stats().openWatches === 0);
  });

  it('[KSIM-73] cut in the middle of an event', async () => {
    const bench = await start();
    for (const how of ['end', 'cut'] as const) {
      const watch = await bench.api.watch(`${bench.path}?resourceVersion=${await versionOf(bench)}`);
      expect(bench.sim.faults.truncateWatches(undefined, how)).toBe(1);
      await made(bench.api, bench.path, configMap(`half-${how}`));
      expect(await watch.lines.ended()).toBe(how);
      expect(watch.lines.rest).toMatch(/^\{"type":"ADDED"/);
      expect(() => JSON.parse(watch.lines.rest) as unknown).toThrow(SyntaxError);
    }
  });

  it('[KSIM-74] an event that comes twice', async () => {
    const bench = await start();
    const watch = await watching(bench);
    expect(bench.sim.faults.repeatLastEvent()).toBe(1);
    expect(await watch.names(1)).toEqual(['ADDED first']);
    watch.close();
  });

  it('[KSIM-75] 410 in the stream; after compaction also for whoever comes with an old version', async () => {
    const bench = await start();
    const old = await versionOf(bench);
    const watch = await watching(bench);
    expect(bench.sim.faults.expireWatches()).toBe(1);
    expect(await watch.all()).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
    // Nothing was forgotten: the old version would still do.
    const again = await bench.api.watch(`${bench.path}?resourceVersion=${old}`);
    expect(await again.names(1)).toEqual(['ADDED first']);
    bench.sim.faults.compact(bench.sim.cluster.registry.require('configmaps'));
    await made(bench.api, bench.path, configMap('open watches go on'.replaceAll(' ', '-')));
    expect(await again.names(1)).toEqual(['ADDED open-watches-go-on']);
    again.close();
    const late = await bench.api.watch(`${bench.path}?resourceVersion=${old}`);
    expect(await late.all()).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
  });

  it('[KSIM-79] many changes at once, and one very large object', async () => {
    const bench = await start();
    const watch = await watching(bench);
    const { sim, path } = bench;
    const maps = sim.cluster.registry.require('configmaps');
    expect(sim.faults.burst(sim.cluster.registry.require('secrets'), 5)).toBe(0);
    expect(sim.faults.burst(maps, 5_000)).toBe(5_000);
    expect(new Set(await watch.names(5_000))).toEqual(new Set(['MODIFIED first']));
    const [, , , , namespace = ''] = path.split('/');
    sim.faults.inflate(maps, namespace, 'first', 1_000_000);
    expect(JSON.stringify(await watch.next()).length).toBeGreaterThan(1_000_000);
    expect(() => sim.faults.inflate(maps, namespace, 'none')).toThrow('is not there');
    watch.close();
  });
});

describe('faults of requests', () => {
  it.each([
    [429, 'TooManyRequests', '1'],
    [503, 'ServiceUnavailable', '1'],
    [500, 'InternalError', undefined],
    [504, 'Timeout', undefined],
    [410, 'Expired', undefined],
    [401, 'Unauthorized', undefined],
  ])(
    '[KSIM-76] answered %d %s as often as asked for, with Retry-After where it belongs',
    async (code, reason, retryAfter) => {
      const { sim, api, path } = await start();
      sim.faults.onRequest({
        match: { verb: 'list', resource: 'configmaps' },
        times: 2,
        effect: { kind: 'status', code },
      });
      for (let round = 0; round < 2; round++) {
        const reply = await api.get(path);
        expect([reply.code, reply.doc['reason'], reply.headers['retry-after']]).toEqual([
          code,
          reason,
          retryAfter,
        ]);
      }
      expect((await api.get(path)).code).toBe(200);
    },
  );

  it('[KSIM-76] the answer may have words and a time of its own', async () => {
    const { sim, api, path } = await start();
    const effect = { kind: 'status', code: 429, message: 'later', retryAfterSeconds: 7 } as const;
    const stop = sim.faults.onRequest({ effect });
    const reply = await api.get(path);
    expect([reply.doc['message'], reply.headers['retry-after']]).toEqual(['later', '7']);
    stop();
    expect((await api.get(path)).code).toBe(200);
  });

  it.each<[string, RequestFault['match'], number[]]>([
    ['a verb', { verb: 'watch' }, [200, 500, 200]],
    ['a resource', { resource: 'configmaps' }, [500, 500, 200]],
    ['a namespace', { namespace: 'default' }, [200, 200, 500]],
    ['a user', { user: 'somebody else' }, [200, 200, 200]],
    ['everything', undefined, [500, 500, 500]],
  ])('[KSIM-76] a rule for %s strikes that and nothing else', async (_what, match, expected) => {
    const { sim, api, path } = await start();
    sim.faults.onRequest({
      ...(match === undefined ? {} : { match }),
      effect: { kind: 'status', code: 500 },
    });
    const paths = [path, `${path}?watch=true&timeoutSeconds=1`, '/api/v1/namespaces/default/pods'];
    const codes: number[] = [];
    for (const one of paths) codes.push((await api.get(one)).code);
    sim.faults.clearRequestFaults();
    expect([codes, (await api.get(path)).code]).toEqual([expected, 200]);
  });

  it('[KSIM-77] late, broken off, cut after some bytes, or never', async () => {
    const { sim, api, path } = await start();
    await made(api, path, configMap('a', {}, { text: 'x'.repeat(10_000) }));
    const strike = (effect: RequestFault['effect']): unknown => sim.faults.onRequest({ times: 1, effect });
    strike({ kind: 'delay', delayMs: 150 });
    const before = clock.monotonic();
    expect((await api.get(path)).code).toBe(200);
    expect(clock.monotonic() - before).toBeGreaterThan(100);
    strike({ kind: 'cut' });
    await expect(api.get(path)).rejects.toThrow(/hang up|ECONNRESET/);
    strike({ kind: 'truncate', afterBytes: 500 });
    const half = await api.stream(path);
    expect([half.code, await half.ended(), half.rest.length]).toEqual([200, 'cut', 500]);
    strike({ kind: 'hang' });
    const hung = api.get(path);
    expect(await Promise.race([hung.catch(() => 'broken'), wait(200).then(() => 'waiting')])).toBe('waiting');
    expect((await api.get(path)).code).toBe(200);
    sim.faults.cutConnections();
    await expect(hung).rejects.toThrow(/hang up|ECONNRESET/);
  });

  it('[KSIM-77] a compressed answer is cut by the bytes that leave', async () => {
    const { sim, api, path } = await start();
    await made(api, path, configMap('a', {}, { text: 'lorem ipsum '.repeat(30_000) }));
    sim.faults.onRequest({ times: 1, effect: { kind: 'truncate', afterBytes: 300 } });
    const before = sim.stats().bytesOut;
    await expect(api.get(path, { 'accept-encoding': 'gzip' })).rejects.toThrow();
    expect(sim.stats().bytesOut - before).toBe(300);
  });
});

describe('restarts', () => {
  it('[KSIM-78] restart: connections break and old versions are gone, the objects are not', async () => {
    const bench = await start();
    const old = await versionOf(bench);
    const watch = await watching(bench);
    bench.sim.faults.restart();
    expect(await watch.lines.ended()).toBe('cut');
    const late = await bench.api.watch(`${bench.path}?resourceVersion=${old}`);
    expect(await late.all()).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
    expect((await bench.api.get(bench.path)).doc.items.length).toBe(1);
  });

  it('[KSIM-78] die: nobody answers, then it is back on the same port, by itself or when told', async () => {
    const bench = await start();
    const { sim, api, path } = bench;
    const { url } = sim;
    const watch = await watching(bench);
    await sim.faults.die(1_000);
    await expect(api.get(path)).rejects.toThrow('ECONNREFUSED');
    expect(await watch.lines.ended()).toBe('cut');
    await until('it is back', async () => (await api.get(path).catch(() => undefined))?.code === 200);
    expect(sim.url).toBe(url);
    await sim.faults.die(60_000);
    await sim.faults.revive();
    expect((await api.get(path)).doc.items.length).toBe(1);
    await sim.faults.revive();
  });

  it('[KSIM-78] where its port was taken meanwhile it tries again until it is free', async () => {
    const { sim, api, path } = await start();
    const port = Number(new URL(sim.url).port);
    await sim.faults.die(60_000);
    const thief = createServer();
    await new Promise<void>((resolve) => thief.listen(port, '127.0.0.1', resolve));
    await sim.faults.die(10);
    await wait(200);
    await new Promise((resolve) => thief.close(resolve));
    await until('it is back', async () => (await api.get(path).catch(() => undefined))?.code === 200);
  });

  it('[KSIM-85] one that has not read its roles refuses everybody but the masters', async () => {
    const { sim, api, path } = await start();
    const someone = api.as({ token: sim.issueToken({ name: 'erin', groups: [] }) });
    expect((await someone.get('/readyz')).code).toBe(200);
    const ready = sim.faults.refuseUntilReady();
    for (const one of ['/readyz', path]) expect([one, (await someone.get(one)).code]).toEqual([one, 403]);
    expect((await api.get(path)).code).toBe(200);
    ready();
    expect((await someone.get('/readyz')).code).toBe(200);
  });

  it('[KSIM-78] one that was disposed stays away', async () => {
    const { sim, api, path } = await start();
    await sim.faults.die(50);
    await sim.dispose();
    await wait(150);
    await expect(api.get(path)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('what its own side saw', () => {
  it('[KSIM-65] requests by verb, resource, user and code; watches, logs and bytes', async () => {
    const bench = await start();
    const { sim, api, path } = bench;
    sim.resetStats();
    await api.get(path);
    await api.get(`${path}/none`);
    const [one, two] = [await api.watch(path), await api.watch(path)];
    await until('both are counted', () => sim.stats().openWatches === 2);
    const stats = sim.stats();
    expect([stats.lists, stats.watchesOpened, stats.openWatchesByResource]).toEqual([
      1,
      2,
      { configmaps: 2 },
    ]);
    const user = 'kubernetes-admin';
    expect(stats.requests).toEqual([
      { verb: 'list', resource: 'configmaps', user, code: 200, count: 1 },
      { verb: 'get', resource: 'configmaps', user, code: 404, count: 1 },
      { verb: 'watch', resource: 'configmaps', user, code: 200, count: 2 },
    ]);
    const list = Buffer.byteLength((await api.get(path)).text);
    expect(sim.stats().bytesByRequest['list configmaps']).toBeGreaterThanOrEqual(list * 2 - 8);
    expect(sim.stats().bytesByRequest['watch configmaps']).toBeUndefined();
    await made(api, path, configMap('a'));
    await one.names(1);
    expect(sim.stats().bytesByRequest['watch configmaps']).toBeGreaterThan(100);
    one.close();
    two.close();
    await until('both are gone', () => sim.stats().openWatches === 0);
    sim.resetStats();
    expect(sim.stats()).toMatchObject({ lists: 0, bytesOut: 0, requests: [] });
  });
});

describe('where it listens', () => {
  it('[KSIM-62] behind a path prefix, and nowhere else', async () => {
    const { sim, api } = await start({ pathPrefix: '/k8s/clusters/c-1' });
    expect(sim.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/k8s\/clusters\/c-1$/);
    expect((await api.get('/version')).code).toBe(200);
    const outside = new Api({ url: new URL(sim.url).origin }, { token: api.token });
    expect((await outside.get('/version')).code).toBe(404);
  });

  it('[KSIM-41] over TLS a certificate of its authority is a user, one of another is a 401', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'trunkline-kube-tls-'));
    open.push({ dispose: () => rm(directory, { recursive: true, force: true }) });
    const authority = await createCertificateAuthority(directory);
    const pair = async (
      name: string,
      subject: string,
      names?: string,
    ): Promise<{ key: string; cert: string }> => {
      const { key, cert } = await authority.sign(name, subject, names);
      return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
    };
    const served = await pair('server', '/CN=sim', 'IP:127.0.0.1');
    const { sim, api } = await startWithTls({ ...served, clientCa: authority.ca }, authority.ca);
    expect(sim.url).toMatch(/^https:/);
    const asked = api.as({ certificate: await pair('client', '/CN=carol/O=team-a/O=team-b') });
    const who = await made(asked, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    expect(who['status']).toEqual({
      userInfo: { username: 'carol', groups: ['team-a', 'team-b', 'system:authenticated'] },
    });
    const elsewhere = join(directory, 'other');
    const { mkdir } = await import('node:fs/promises');
    await mkdir(elsewhere);
    const stranger = await (await createCertificateAuthority(elsewhere)).sign('client', '/CN=carol');
    const certificate = {
      key: await readFile(stranger.key, 'utf8'),
      cert: await readFile(stranger.cert, 'utf8'),
    };
    expect((await api.as({ certificate }).get('/api/v1/pods')).code).toBe(401);
    expect((await api.as({}).get('/version')).code).toBe(200);
  });

  it('[KSIM-63] tokens come and go; a kubeconfig carries one', async () => {
    const { sim, api } = await start({ tokens: { known: { name: 'dave', groups: [] } }, anonymous: false });
    expect((await api.as({}).get('/version')).code).toBe(401);
    expect((await api.as({ token: 'known' }).get('/version')).code).toBe(200);
    const token = sim.issueToken({ name: 'erin', groups: ['system:masters'] });
    expect((await api.as({ token }).get('/api/v1/pods')).code).toBe(200);
    sim.revokeToken(token);
    expect((await api.as({ token }).get('/api/v1/pods')).code).toBe(401);
    expect(sim.kubeconfig('known', 'demo')).toMatchObject({
      kind: 'Config',
      'current-context': 'demo',
      clusters: [{ name: 'demo', cluster: { server: sim.url } }],
      users: [{ name: 'demo', user: { token: 'known' } }],
    });
    expect(() => createTestKubeSim().sim.url).toThrow('before start()');
  });

  async function startWithTls(
    tls: NonNullable<KubeSimOptions['tls']>,
    ca: string,
  ): Promise<{ readonly sim: KubeSim; readonly api: Api }> {
    const sim = await startTestKubeSim(clock, { tls });
    open.push(sim);
    return { sim, api: new Api({ url: sim.url, ca }, { token: sim.issueToken() }) };
  }
});
