/** The foreign wires on the real server: its sign-in in front, its simulated cluster behind. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Kit, signToken, until, type TestServer } from '@trunkline/testkit';
import { Socket } from './bed.js';

const SECRET = 'a secret of the tests, long enough for HMAC';
const KEY = { 'x-api-key': 'key-of-acme-in-tests' };

const kit = new Kit();
let server: TestServer;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await kit.server({
    config: {
      log: { level: 'warn' },
      auth: { keys: [{ alg: 'HS256', secret: SECRET }], defaultOrg: 'acme' },
      api: { keys: [{ name: 'acme', org: 'acme', key: KEY['x-api-key'] }] },
      console: { org: 'acme' },
      kube: { demo: { run: 'start', pods: 60, eventsPerSecond: 40 } },
    },
  });
});
afterEach(() => {
  for (const { ws } of sockets.splice(0)) ws.terminate();
});
afterAll(() => kit.dispose());

const token = (): Promise<string> => signToken({ sub: 'ada', org: 'acme' }, SECRET);

async function open(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Socket> {
  const socket = new Socket(server.url.replace(/^http/, 'ws') + path, { headers });
  sockets.push(socket);
  await socket.opened;
  return socket;
}

interface PodList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}

async function get(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(server.url + path, { headers, redirect: 'manual' });
}

async function firstCluster(): Promise<string | undefined> {
  const answer = await fetch(`${server.url}/api/rpc`, {
    method: 'POST',
    headers: { ...KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'kube.clusters', params: {} }),
  });
  const { result } = (await answer.json()) as {
    readonly result?: { readonly data: { readonly clusters: readonly { readonly id: string }[] } };
  };
  return result?.data.clusters[0]?.id;
}

describe('a server with its simulated cluster', () => {
  it('[KWIRE-40] a list through the proxy, and a watch from its version over either wire', async () => {
    const authorization = `Bearer ${await token()}`;
    const cluster = await until('the simulated cluster', firstCluster, 20_000);
    const path = '/api/v1/pods';
    const answer = await get(`/clusters/${cluster}${path}`, { authorization });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    const list = (await answer.json()) as PodList;
    expect(list.items.length).toBeGreaterThan(30);
    const query = `watch=1&resourceVersion=${list.metadata.resourceVersion}`;
    const own = await open(`/clusters/${cluster}${path}?${query}`, { authorization });
    const mux = await open('/wsMultiplexer', { authorization });
    mux.send({ clusterId: cluster, path, query, userId: '', type: 'REQUEST' });
    await until('raw events', () => own.texts.length > 5, 20_000);
    await until('envelopes', () => mux.texts.length > 5, 20_000);
    const versions = own.texts.map(
      (text) =>
        (JSON.parse(text) as { object: { metadata: { resourceVersion: string } } }).object.metadata
          .resourceVersion,
    );
    expect(versions.map(Number)).toEqual([...versions].map(Number).sort((left, right) => left - right));
    expect(Number(versions[0])).toBeGreaterThan(Number(list.metadata.resourceVersion));
    const [first] = mux.texts.map(
      (text) => JSON.parse(text) as { readonly type: string; readonly data: string },
    );
    expect(first?.type).toBe('DATA');
    expect(JSON.parse(first?.data ?? '')).toEqual(JSON.parse(own.texts[0] ?? ''));
  });

  it('[KWIRE-2] nobody comes in without a credential', async () => {
    const path = '/clusters/demo/api/v1/pods';
    expect((await get(path, {})).status).toBe(401);
    expect((await get(path, { authorization: 'Bearer nonsense' })).status).toBe(401);
    expect((await get(path, KEY)).status).toBe(200);
    expect((await open(`${path}?watch=1`)).refused?.status).toBe(401);
    expect((await open(`${path}?watch=1&token=${await token()}`)).refused).toBeUndefined();
    expect((await open('/wsMultiplexer', { cookie: 'x=1' })).refused?.status).toBe(401);
  });

  it('[KWIRE-47] other methods than GET are refused where nobody allowed them', async () => {
    const statuses = await Promise.all(
      ['POST', 'PUT', 'PATCH', 'DELETE'].map(
        async (method) =>
          (
            await fetch(`${server.url}/clusters/demo/api/v1/namespaces/default/pods/x`, {
              method,
              headers: KEY,
            })
          ).status,
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([405]));
  });
});
