/** WebSockets to an API server: the way to it, refusals, both directions; and what the simulated server does with them. */
import { givenCredential, type KubeCluster, type KubeSocket } from '@trunkline/kube-client';
import type { KubeSim, KubeSimOptions } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import { clock, createCertificateAuthority, until } from '@trunkline/testkit';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, serve } from './bed.js';

const POD = '/api/v1/namespaces/default/pods/web';
const CAT = `${POD}/exec?command=cat&stdin=true&stdout=true`;
const V4 = ['v4.channel.k8s.io'];
const V5 = ['v5.channel.k8s.io'];

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(options: Partial<KubeSimOptions> = {}): Promise<{ sim: KubeSim; cluster: KubeCluster }> {
  const sim = await startTestKubeSim(clock, options);
  open.push(() => sim.dispose());
  sim.cluster.put(sim.cluster.registry.require('pods'), {
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'main' }] },
  });
  const cluster = connect({ url: sim.url, ca: options.tls?.cert }, sim.issueToken());
  open.push(() => cluster.dispose());
  return { sim, cluster };
}

interface Told {
  readonly frames: { readonly bytes: Buffer; readonly binary: boolean }[];
  closed: readonly [code: number, reason: string] | undefined;
  drained: number;
}

function listen(socket: KubeSocket): Told {
  const told: Told = { frames: [], closed: undefined, drained: 0 };
  socket.start({
    onFrame: (frame, binary) => void told.frames.push({ bytes: Buffer.from(frame), binary }),
    onDrained: () => void told.drained++,
    onClosed: (...closed) => (told.closed = closed),
  });
  return told;
}

const onStream = ({ frames }: Told, channel: number): string =>
  Buffer.concat(
    frames.filter(({ bytes }) => bytes[0] === channel).map(({ bytes }) => bytes.subarray(1)),
  ).toString();

const served = (server: Server): Promise<number> => serve(server, open);

describe('a WebSocket to an API server', () => {
  it('[KCL-42] carries frames both ways, offers sub-protocols with a slash, and ends with the code of whoever closes', async () => {
    const { sim, cluster } = await start({ pathPrefix: '/k8s/clusters/x' });
    const socket = await cluster.dial({ path: CAT, protocols: ['SPDY/3.1+portforward.k8s.io', ...V5] });
    expect(socket.protocol).toBe('v5.channel.k8s.io');
    const told = listen(socket);
    socket.send(Uint8Array.of(0, 104, 105));
    await until('the echo', () => onStream(told, 1) === 'hi', 20_000);
    socket.send(Uint8Array.of(255, 0));
    await until('the end', () => told.closed, 20_000);
    expect([told.closed, told.frames.every(({ binary }) => binary)]).toEqual([[1000, ''], true]);
    const other = await cluster.dial({ path: CAT, protocols: V4 });
    const heard = listen(other);
    other.close(4001, `enough${'ü'.repeat(100)}`);
    await until('the answer', () => heard.closed, 20_000);
    expect(heard.closed?.[0]).toBe(4001);
    const third = listen(await cluster.dial({ path: CAT, protocols: V4 }));
    sim.faults.cutConnections();
    await until('the cut', () => third.closed, 20_000);
    expect(third.closed?.[0]).toBe(1006);
  });

  it('[KCL-42] refusals are those of any request, in the words of the server', async () => {
    const { cluster, sim } = await start();
    const dial = (path: string, protocols = V4): Promise<KubeSocket> => cluster.dial({ path, protocols });
    await expect(dial(CAT.replace('web', 'none'))).rejects.toMatchObject({
      kind: 'kubeNotFound',
      status: 404,
      message: expect.stringContaining('pods "none" not found') as string,
    });
    await expect(dial('/api/v1/../secrets')).rejects.toMatchObject({ kind: 'kubeRefused' });
    await expect(dial(CAT, ['v9.channel.k8s.io'])).rejects.toMatchObject({ kind: 'kubeForbidden' });
    const token = sim.issueToken({ name: 'bob', groups: [] });
    const bob = connect({ url: sim.url }, token);
    await expect(bob.dial({ path: CAT, protocols: V4 })).rejects.toThrow(/cannot get resource "pods\/exec"/);
    await expect(cluster.as({ user: 'eve' }).dial({ path: CAT, protocols: V4 })).rejects.toThrow(/"eve"/);
    await sim.dispose();
    await expect(dial(CAT)).rejects.toMatchObject({ kind: 'kubeUnreachable' });
  });

  it('[KCL-42] a credential that was refused is asked for once more; a handshake has a deadline, and can be given up', async () => {
    const { sim } = await start();
    const tokens = ['stale', sim.issueToken()];
    let asked = 0;
    const credentials = {
      current: () => Promise.resolve({ token: tokens[asked++] ?? '' }),
      refused: () => true,
    };
    const fresh = connect({ url: sim.url }, '', {}, { credentials });
    (await fresh.dial({ path: CAT, protocols: V4 })).destroy();
    expect(asked).toBe(2);
    const silent = createServer();
    silent.on('upgrade', () => undefined);
    const url = `http://127.0.0.1:${await served(silent)}`;
    const slow = connect({ url }, 'x', { headersTimeoutMs: 50 });
    await expect(slow.dial({ path: CAT, protocols: V4 })).rejects.toMatchObject({ kind: 'kubeTimeout' });
    const gone = new AbortController();
    const dialling = connect({ url }, 'x').dial({ path: CAT, protocols: V4, signal: gone.signal });
    gone.abort(new Error('never mind'));
    await expect(dialling).rejects.toThrow('never mind');
  });

  it('[KCL-42] says who asks as every request does, with an origin and no credential among the sub-protocols', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer();
    server.on('upgrade', ({ headers }, socket) => {
      seen.push(headers);
      socket.end('HTTP/1.1 418 No\r\nContent-Length: 2\r\n\r\nno');
    });
    const url = `http://127.0.0.1:${await served(server)}`;
    const cluster = connect({ url }, 'secret').as({ user: 'ada', groups: ['a', 'b'] });
    await expect(cluster.dial({ path: CAT, protocols: V4 })).rejects.toMatchObject({
      kind: 'kubeRefused',
      status: 418,
    });
    expect(seen[0]).toMatchObject({
      authorization: 'Bearer secret',
      'impersonate-user': 'ada',
      'impersonate-group': 'a, b',
      origin: url,
      'sec-websocket-protocol': 'v4.channel.k8s.io',
    });
  });

  it('[KCL-42] goes through TLS and an HTTP proxy, and is cut when the cluster is closed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kube-sockets-'));
    open.push(() => rm(folder, { recursive: true }));
    const authority = await createCertificateAuthority(folder);
    const paths = await authority.sign('server', '/CN=kube', 'DNS:kube.example');
    const client = await authority.sign('client', '/O=system:masters/CN=root');
    const [key, cert] = [await readFile(paths.key, 'utf8'), await readFile(paths.cert, 'utf8')];
    const { sim } = await start({ tls: { key, cert, clientCa: authority.ca } });
    const proxy = createServer();
    const asked: string[] = [];
    proxy.on('connect', ({ url = '', headers }, socket: Socket) => {
      asked.push(`${url} ${headers['authorization'] ?? 'no token'}`);
      const onward = connectSocket(Number(new URL(sim.url).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    const proxyUrl = `http://127.0.0.1:${await served(proxy)}`;
    const credentials = givenCredential({ certificate: { file: client.cert }, key: { file: client.key } });
    const place = { url: 'https://kube.example:6443', ca: authority.ca };
    const cluster = connect(place, '', {}, { proxyUrl, credentials });
    const told = listen(await cluster.dial({ path: CAT, protocols: V4 }));
    expect(asked).toEqual(['kube.example:6443 no token']);
    await cluster.dispose();
    await until('the cut', () => told.closed, 20_000);
    expect(told.closed?.[0]).toBe(1006);
    const socks = connect(place, '', {}, { proxyUrl: 'socks5://127.0.0.1:9', credentials });
    await expect(socks.dial({ path: CAT, protocols: V4 })).rejects.toThrow(/proxies only/);
  });

  it('[KCL-43] nothing is read while it is paused, a server that is behind is said, and long frames end it', async () => {
    const { cluster } = await start();
    const socket = await cluster.dial({ path: CAT, protocols: V4 });
    const told = listen(socket);
    const chunk = Buffer.alloc(200_000, 1);
    chunk[0] = 0;
    socket.pause();
    // What comes back is not read, so that the server stops reading as well.
    let sent = 0;
    await until('the server is behind', () => (sent++, !socket.send(chunk)), 60_000, 1);
    expect(told.frames.length).toBeLessThan(sent);
    socket.resume();
    const size = (): number => told.frames.reduce((sum, { bytes }) => sum + Math.max(0, bytes.length - 1), 0);
    await until('all of it', () => size() === sent * (chunk.length - 1), 60_000);
    expect(told.drained).toBeGreaterThan(0);
    const short = await cluster.dial({ path: CAT, protocols: V4, maxFrameBytes: 1_000 });
    const cut = listen(short);
    short.send(chunk);
    await until('the end', () => cut.closed, 20_000);
    expect(cut.closed?.[0]).toBe(1009);
  });
});

describe('streams of pods in the simulation', () => {
  async function run(cluster: KubeCluster, query: string, protocols = V4): Promise<Told> {
    const told = listen(await cluster.dial({ path: `${POD}/exec?${query}`, protocols }));
    await until('the end', () => told.closed, 20_000);
    return told;
  }

  it('[KSIM-86] programs print, fail and end, in each sub-protocol', async () => {
    const { cluster } = await start();
    const echo = await run(cluster, 'command=echo&command=a&command=b&stdout=1&stderr=1');
    expect([onStream(echo, 1), JSON.parse(onStream(echo, 3))]).toEqual([
      'a b\n',
      { metadata: {}, status: 'Success' },
    ]);
    expect(onStream(await run(cluster, 'command=warn&command=x&stdout=1&stderr=1'), 2)).toBe('x\n');
    const exit = await run(cluster, 'command=exit&command=9&stdout=1', V5);
    expect(JSON.parse(onStream(exit, 3))).toMatchObject({ reason: 'NonZeroExitCode' });
    const old = await run(cluster, 'command=exit&command=9&stdout=1', ['channel.k8s.io']);
    expect(onStream(old, 3)).toMatch(/exit status 9/);
    const base64 = await run(cluster, 'command=echo&command=a&stdout=1', ['base64.channel.k8s.io']);
    expect(base64.frames.map(({ bytes, binary }) => [bytes.toString(), binary])).toEqual([
      ['1', false],
      ['1YQo=', false],
    ]);
    expect(JSON.parse(onStream(await run(cluster, 'command=sh&stdout=1'), 3))).toMatchObject({ code: 500 });
  });

  it('[KSIM-86] refusals: no stream, no command, no such container, and one that lacks the verb create', async () => {
    const { cluster, sim } = await start();
    const refusal = (query: string, verb = 'exec', as = cluster): Promise<unknown> =>
      as.dial({ path: `${POD}/${verb}?${query}`, protocols: V4 }).catch((error: unknown) => error);
    expect(await refusal('command=cat')).toMatchObject({ status: 400 });
    expect(await refusal('stdout=1')).toMatchObject({ status: 400 });
    expect(await refusal('command=cat&stdout=1&container=x')).toMatchObject({ status: 400 });
    expect(await refusal('ports=0', 'portforward')).toMatchObject({ status: 400 });
    expect(await refusal('', 'portforward')).toMatchObject({ status: 400 });
    const answer = await cluster.request({ path: CAT });
    expect(answer.status).toBe(400);
    answer.discard();
    const group = 'rbac.authorization.k8s.io';
    sim.cluster.put(sim.cluster.registry.require('clusterroles', group), {
      metadata: { name: 'looks' },
      rules: [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['get'] }],
    });
    sim.cluster.put(sim.cluster.registry.require('clusterrolebindings', group), {
      metadata: { name: 'looks' },
      subjects: [{ kind: 'User', name: 'bob', apiGroup: group }],
      roleRef: { kind: 'ClusterRole', name: 'looks', apiGroup: group },
    });
    const bob = connect({ url: sim.url }, sim.issueToken({ name: 'bob', groups: [] }));
    const words = (await refusal('command=cat&stdout=1', 'exec', bob)) as Error;
    expect(words.message).toMatch(/cannot create resource "pods\/exec"/);
  });

  it('[KSIM-87] attach follows the log to its end, a port echoes on its own stream', async () => {
    const { cluster, sim } = await start();
    const attached = listen(await cluster.dial({ path: `${POD}/attach?stdout=1`, protocols: V4 }));
    await until('the first frame', () => attached.frames.length === 1, 20_000);
    sim.logs.append('default', 'web', 'main', 'one', 'two');
    await until('the lines', () => onStream(attached, 1) === 'one\ntwo\n', 20_000);
    sim.logs.closePod('default', 'web', ['main']);
    await until('the end', () => attached.closed?.[0] === 1000, 20_000);
    const forward = await cluster.dial({ path: `${POD}/portforward?ports=80&ports=81`, protocols: V4 });
    const ports = listen(forward);
    await until('the ports', () => ports.frames.length === 4, 20_000);
    forward.send(Uint8Array.of(2, 7, 8));
    forward.send(Uint8Array.of(9, 1));
    await until('the echo', () => ports.frames.length === 5, 20_000);
    expect([...(ports.frames[4]?.bytes ?? [])]).toEqual([2, 7, 8]);
    expect(sim.stats().openSessions).toBe(1);
  });
});
