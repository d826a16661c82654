/** Sessions in pods as their clients meet them: through real sockets, to the simulated API server. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KubeSim } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import type { Deed } from '@trunkline/module-kube';
import { clock, Kit, signToken, until, type TestServer } from '@trunkline/testkit';
import { SECRET } from '../support/bed.js';
import { callDirectory, resultOf, rootIn, startDirectoryServer } from '../support/directory-server.js';
import { grant, putPod, Socket, startBed, type Bed, type BedOptions, type MuxClient } from './bed.js';

const [STDIN, STDOUT, ERROR, RESIZE, CLOSE] = [0, 1, 3, 4, 255];

let bed: Bed | undefined;
let deeds: Deed[] = [];
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});

async function begin(options: BedOptions = {}): Promise<Bed> {
  deeds = [];
  const audit = (deed: Deed): Promise<void> => Promise.resolve(void deeds.push(deed));
  bed = await startBed({ audit, ...options, demo: { exec: true, ...options.demo } });
  putPod(bed.sim, 'web');
  return bed;
}

const path = (verb: string, query: string): string =>
  `/clusters/demo/api/v1/namespaces/default/pods/web/${verb}?${query}`;
const CAT = path('exec', 'command=cat&stdin=true&stdout=true&stderr=true');

/** What came on one stream, of binary frames. */
function stream({ frames }: Socket, channel: number): Buffer {
  return Buffer.concat(
    frames.filter(({ data, binary }) => binary && data[0] === channel).map(({ data }) => data.subarray(1)),
  );
}

function write({ ws }: Socket, channel: number, data: Uint8Array | string): void {
  ws.send(Buffer.concat([Uint8Array.of(channel), Buffer.from(data)]));
}

const execs = ({ sim }: Bed): number =>
  sim.stats().requests.filter(({ resource }) => resource === 'pods/exec').length;

describe('exec', () => {
  it('[KWIRE-55] 5 MB go in and come back byte for byte, the input ends by itself, and the end is the program’s', async () => {
    const { socket, sim } = await begin();
    const one = await socket(CAT, { protocols: ['v5.channel.k8s.io', 'v4.channel.k8s.io'] });
    expect(one.ws.protocol).toBe('v5.channel.k8s.io');
    const sent = randomBytes(5_000_000);
    for (let at = 0; at < sent.length; at += 60_000) write(one, STDIN, sent.subarray(at, at + 60_000));
    await until('all of it', () => stream(one, STDOUT).length === sent.length, 60_000);
    expect(stream(one, STDOUT).equals(sent)).toBe(true);
    one.ws.send(Uint8Array.of(CLOSE, STDIN));
    expect(await one.end()).toEqual({ code: 1000, reason: '' });
    expect(JSON.parse(stream(one, ERROR).toString())).toEqual({ metadata: {}, status: 'Success' });
    await until('the end there', () => sim.stats().openSessions === 0, 20_000);
  });

  it('[KWIRE-50] a console that exists: its sub-protocols, resizing, exit codes, and a shell that is not there', async () => {
    const { socket } = await begin();
    const protocols = [
      'base64.binary.k8s.io',
      'v4.channel.k8s.io',
      'v3.channel.k8s.io',
      'v2.channel.k8s.io',
      'channel.k8s.io',
      'base64url.headlamp.authorization.k8s.io.someone',
    ];
    const exec = (command: string): Promise<Socket> =>
      socket(path('exec', `container=main&${command}&stdin=1&stderr=1&stdout=1&tty=1`), { protocols });
    const size = await exec('command=size');
    expect(size.ws.protocol).toBe('v4.channel.k8s.io');
    await until('the first frame', () => size.frames.length > 0, 20_000);
    write(size, RESIZE, '{"Width":120,"Height":40}');
    await until('the size', () => stream(size, STDOUT).toString() === '120x40\n', 20_000);
    size.ws.close(1000, 'enough');
    const exit = await exec('command=exit&command=3');
    await exit.end();
    expect(JSON.parse(stream(exit, ERROR).toString())).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
    const shell = await exec('command=sh');
    await shell.end();
    expect(JSON.parse(stream(shell, ERROR).toString())).toMatchObject({ code: 500, reason: 'InternalError' });
    expect(deeds.map(({ verb, details }) => [verb, details])).toEqual(
      ['size', 'exit', 'sh'].map((program) => ['exec', { container: 'main', program }]),
    );
  });

  it('[KWIRE-55] text frames stay text', async () => {
    const { socket } = await begin();
    const one = await socket(CAT, { protocols: ['v4.base64.channel.k8s.io'] });
    one.ws.send(`0${Buffer.from('hello').toString('base64')}`);
    await until('the echo', () => one.texts.includes(`1${Buffer.from('hello').toString('base64')}`), 20_000);
    expect(one.frames.every(({ binary }) => !binary)).toBe(true);
  });

  it('[KWIRE-51] where a cluster does not allow it, it is refused before anything is dialled, and says what would', async () => {
    const { socket, mux } = await begin({ demo: { exec: false } });
    const one = await socket(CAT);
    expect(one.refused?.status).toBe(403);
    expect(JSON.parse(one.refused?.body ?? '')).toMatchObject({
      kind: 'Status',
      code: 403,
      message: expect.stringContaining('kube.clusters[].exec') as string,
    });
    expect((await socket(CAT, { headers: { origin: 'https://elsewhere.example' } })).refused?.status).toBe(
      403,
    );
    const other = await mux();
    other.request('/api/v1/namespaces/default/pods/web/exec', 'command=cat');
    await until('the error', () => other.errors().length === 1, 20_000);
    expect(execs(bed as Bed)).toBe(0);
    expect(deeds).toEqual([]);
  });

  it('[KWIRE-52] both verbs are needed, each refusal in the words of the API server, and a revocation ends it', async () => {
    const { socket, sim } = await begin({ demo: { mode: 'impersonate' } });
    const refusal = async (): Promise<unknown> => {
      const { refused } = await socket(CAT);
      return (JSON.parse(refused?.body ?? '{}') as { readonly message?: unknown }).message;
    };
    expect(await refusal()).toMatch(/cannot create resource "pods\/exec"/);
    const take = grant(sim, 'ada', 'default', ['pods/exec'], ['create']);
    expect(await refusal()).toMatch(/cannot get resource "pods\/exec"/);
    take();
    const revoke = grant(sim, 'ada', 'default', ['pods/exec'], ['get', 'create']);
    const one = await socket(CAT, { protocols: ['v4.channel.k8s.io'] });
    write(one, STDIN, 'hi');
    await until('the echo', () => stream(one, STDOUT).toString() === 'hi', 20_000);
    revoke();
    const { code, reason } = await one.end();
    expect([code, reason]).toEqual([3507, expect.stringContaining('permission denied') as string]);
    await until('the end there', () => sim.stats().openSessions === 0, 20_000);
  });

  it('[KWIRE-55] a cluster that goes away is an end in words, and a client that goes away is one for the cluster', async () => {
    const { socket, sim } = await begin();
    const one = await socket(CAT);
    await until('the session', () => sim.stats().openSessions === 1, 20_000);
    sim.faults.cutConnections();
    expect(await one.end()).toEqual({ code: 1011, reason: 'the connection to the API server was lost' });
    const other = await socket(CAT);
    await until('the next session', () => sim.stats().openSessions === 1, 20_000);
    other.ws.terminate();
    await until('its end there', () => sim.stats().openSessions === 0, 40_000);
  });
});

describe('a program that takes no input', () => {
  it('[KWIRE-56] stops its client, who is noticed to go all the same', async () => {
    const { socket, hub } = await begin({ wires: { pingIntervalMs: 500, pongTimeoutMs: 200 } });
    const one = await socket(path('exec', 'command=idle&stdin=1'), { protocols: ['v4.channel.k8s.io'] });
    const chunk = Buffer.alloc(500_000);
    // Buffers of the network on three connections, and then no more.
    let before = -1;
    await until(
      'the client is stopped',
      () => {
        const { bufferedAmount } = one.ws;
        const stopped = bufferedAmount > 0 && bufferedAmount === before;
        before = bufferedAmount;
        for (let more = bufferedAmount; more < 3_000_000; more += chunk.length) one.ws.send(chunk);
        return stopped;
      },
      60_000,
      300,
    );
    expect([one.closed, hub.stats().connections]).toEqual([undefined, 1]);
    one.ws.terminate();
    await until('it is noticed', () => hub.stats().connections === 0, 60_000);
  });
});

describe('the other streams', () => {
  it('[KWIRE-50] attach prints what the container prints, and ports carry bytes', async () => {
    const { socket, sim } = await begin();
    const attached = await socket(path('attach', 'stdout=1'), { protocols: ['v4.channel.k8s.io'] });
    await until('the first frame', () => attached.frames.length > 0, 20_000);
    sim.logs.append('default', 'web', 'main', 'a line');
    await until('the line', () => stream(attached, STDOUT).toString() === 'a line\n', 20_000);
    const ports = await socket(path('portforward', 'ports=8080,9090'), { protocols: ['v4.channel.k8s.io'] });
    await until('four streams', () => ports.frames.length === 4, 20_000);
    expect(ports.frames.map(({ data }) => [data[0], data.readUInt16LE(1)])).toEqual([
      [0, 8080],
      [1, 8080],
      [2, 9090],
      [3, 9090],
    ]);
    write(ports, 2, 'over there');
    await until('the echo', () => ports.frames.length === 5, 20_000);
    expect(stream(ports, 2).subarray(2).toString()).toBe('over there');
  });
});

describe('over the multiplexer', () => {
  it('[KWIRE-27] frames come as DATA with `binary`, input goes as data of REQUESTs, and the end is an ERROR', async () => {
    const { mux, sim } = await begin();
    const client: MuxClient = await mux();
    const key = { clusterId: 'demo', path: '/api/v1/namespaces/default/pods/web/exec', userId: 'u' };
    const query = 'command=cat&stdin=true&stdout=true';
    client.socket.send({ ...key, query, type: 'REQUEST' });
    const seen = (): string =>
      client
        .envelopes()
        .filter((one) => one.type === 'DATA' && one.query === query)
        .map(({ data }) => Buffer.from(data, 'base64').subarray(1).toString())
        .join('');
    client.socket.send({ ...key, query, type: 'REQUEST', data: '\u0000hello' });
    await until('the echo', () => seen() === 'hello', 20_000);
    expect(client.envelopes()[0]).toMatchObject({ ...key, query, binary: true });
    client.socket.send({ ...key, query: 'command=exit&command=7&stdout=true', type: 'REQUEST' });
    await until('the end', () => client.errors().length === 1, 20_000);
    expect(client.errors()[0]?.error).toBe('the session ended (1000)');
    client.socket.send({ ...key, query, type: 'CLOSE' });
    await until('nothing is open', () => sim.stats().openSessions === 0, 20_000);
    expect(client.socket.closed).toBeUndefined();
  });
});

describe('a server whose cluster allows it', () => {
  const kit = new Kit();
  let sim: KubeSim;
  let server: TestServer;
  beforeAll(async () => {
    sim = await startTestKubeSim(clock);
    kit.defer(() => sim.dispose());
    putPod(sim, 'web');
    grant(sim, 'jane', 'default', ['pods/exec'], ['get', 'create']);
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-kube-exec-'));
    kit.defer(() => rm(folder, { recursive: true, force: true }));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, JSON.stringify(sim.kubeconfig(sim.issueToken())));
    const cluster = { kubeconfig, mode: 'impersonate', orgs: ['acme'] };
    const clusters = [
      { ...cluster, id: 'demo', exec: true },
      { ...cluster, id: 'closed', writes: true },
    ];
    server = await startDirectoryServer(kit, {
      config: { log: { level: 'warn' }, kube: { clusters, wires: { maxSessionsPerUser: 1 } } },
    });
    await callDirectory(server, rootIn('home'), 'createOrg', { id: 'acme', name: 'Acme' });
  });
  afterAll(() => kit.dispose());

  async function open(user: string, url: string, protocol = 'v4.channel.k8s.io'): Promise<Socket> {
    const token = Buffer.from(await signToken({ sub: user, org: 'acme' }, SECRET)).toString('base64url');
    const protocols = [protocol, `base64url.bearer.authorization.k8s.io.${token}`];
    const one = new Socket(server.url.replace(/^http/, 'ws') + url, { protocols });
    kit.defer(() => one.ws.terminate());
    await one.opened;
    return one;
  }

  it('[KWIRE-53] a session is in the audit log of the org, with its limits and rights', async () => {
    const one = await open('jane', CAT);
    expect([one.refused, one.ws.protocol]).toEqual([undefined, 'v4.channel.k8s.io']);
    write(one, STDIN, 'typed words');
    await until('the echo', () => stream(one, STDOUT).toString() === 'typed words', 20_000);
    expect((await open('jane', CAT)).refused?.status).toBe(429);
    expect((await open('joe', CAT)).refused?.status).toBe(403);
    expect((await open('joe', CAT.replace('demo', 'closed'))).refused).toMatchObject({
      status: 403,
      body: expect.stringContaining('kube.clusters[].exec') as string,
    });
    const audit = await callDirectory(server, rootIn('acme'), 'audit', { action: 'kube.entered' });
    const { records } = resultOf<{ readonly records: readonly Readonly<Record<string, unknown>>[] }>(audit);
    expect(records).toMatchObject([
      {
        target: 'demo',
        details: { verb: 'exec', path: '/api/v1/namespaces/default/pods/web/exec', program: 'cat' },
      },
    ]);
    expect(JSON.stringify(records)).toContain('jane');
    expect(JSON.stringify(records)).not.toContain('typed');
    one.ws.close(1000);
    await until('the end there', () => sim.stats().openSessions === 0, 20_000);
  });

  it('[KWIRE-66] a log needs neither the option nor a record', async () => {
    grant(sim, 'kim', 'default', ['pods/log'], ['get']);
    sim.logs.append('default', 'web', 'main', 'a line');
    const url = path('log', 'follow=false').replace('demo', 'closed');
    const one = await open('kim', url, 'binary.k8s.io');
    expect([one.refused, (await one.end()).code]).toEqual([undefined, 1000]);
    expect(Buffer.concat(one.frames.map(({ data }) => data)).toString()).toBe('a line\n');
    expect((await open('joe', url, 'binary.k8s.io')).refused?.status).toBe(403);
    const audit = await callDirectory(server, rootIn('acme'), 'audit', { action: 'kube.entered' });
    expect(JSON.stringify(resultOf(audit))).not.toContain('kim');
  });
});
