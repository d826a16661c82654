/**
 * The servers that the conformance suite runs on: the simulated one, and a real one where its binaries are. Both know the same users and tokens. What a server
 * cannot do is said as data, and the suite asserts what it does instead.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createSystemClock,
  createSystemRandom,
  DisposeStack,
  silentLogger,
  type Disposable,
} from '@trunkline/base';
import { createKubeSim } from '@trunkline/kube-sim';
import {
  createCertificateAuthority,
  findKubeBinaries,
  startKubeApiServer,
  until,
  type KubeUser,
} from '@trunkline/testkit';
import { Api, at } from './api.js';

export const USERS = {
  admin: { name: 'admin', groups: ['system:masters'] },
  alice: { name: 'alice', groups: ['team-a'] },
  bob: { name: 'bob', groups: ['team-b'] },
  gateway: { name: 'gateway', groups: [] },
} as const satisfies Readonly<Record<string, KubeUser>>;

const TOKENS = Object.fromEntries(Object.entries(USERS).map(([name, user]) => [tokenOf(name), user]));

export function tokenOf(user: string): string {
  return `token-of-${user}`;
}

/** What a server itself counts of one resource, without a look at namespaces. A real one begins anew with a restart. */
export interface ServerCounts {
  /** Watches of all namespaces that are open now. */
  readonly open: number;
  /** Lists of all namespaces that were answered. */
  readonly lists: number;
  /** Bytes of watch events that were written. */
  readonly watchBytes: number;
}

export interface CertificatePair {
  readonly key: string;
  readonly cert: string;
}

export interface SimulatedOptions {
  /** Listens with TLS, and takes client certificates. Default false. */
  readonly tls?: boolean;
  /** When it comes back it refuses everybody until somebody was refused: what may happen on a real one, happens. Default false. */
  readonly refusesAtStart?: boolean;
}

export interface RealOptions {
  /** More arguments for kube-apiserver. */
  readonly args?: readonly string[];
}

export interface KubeTarget extends Disposable {
  /** The administrator's view. */
  readonly api: Api;
  /** Host and port. */
  readonly place: { readonly url: string; readonly ca?: string | undefined };
  readonly can: {
    /** `sendInitialEvents` on watches. Without: 422. */
    readonly watchList: boolean;
    /** Discovery in one answer. Without: the plain documents. */
    readonly aggregatedDiscovery: boolean;
  };
  /** Name of a node that has logs. */
  readonly node: string;
  user(name: keyof typeof USERS): Api;
  /** Containers on the node print lines, or come to their end. */
  print(namespace: string, pod: string, container: string, ...lines: readonly string[]): void;
  endLog(namespace: string, pod: string, container: string): void;
  /** Of a resource of the core group, by its names. */
  counts(resource: string, kind: string): Promise<ServerCounts>;
  /** Of a user, signed by the authority that the server trusts. Only with TLS. */
  clientCertificate(user: KubeUser): Promise<CertificatePair>;
  /** Dies at once, without a word to anybody. */
  die(): Promise<void>;
  /** Back on the same port: old versions are too old to watch from. Resolves when it is ready. */
  revive(): Promise<void>;
  /** Both: watches break. */
  restart(): Promise<void>;
  /** Old versions are gone, of lists and continue tokens as well. */
  compact(): Promise<void>;
}

export async function startSimulated(options: SimulatedOptions = {}): Promise<KubeTarget> {
  const stack = new DisposeStack();
  const certificates = options.tls === true ? await makeCertificates(stack) : undefined;
  const sim = createKubeSim(
    { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
    { tokens: TOKENS, ...(certificates === undefined ? {} : { tls: certificates.tls }) },
  );
  stack.use(sim);
  await sim.start();
  const place = { url: sim.url, ca: certificates?.tls.clientCa };
  const api = new Api(place, { token: tokenOf('admin') });
  await addNode(api, 0);
  const die = (): Promise<void> => sim.faults.die(600_000);
  const refusals = (): number => {
    const refused = sim.stats().requests.filter(({ verb, code }) => verb === 'create' && code === 403);
    return refused.reduce((sum, { count }) => sum + count, 0);
  };
  const revive = async (): Promise<void> => {
    if (options.refusesAtStart !== true) return sim.faults.revive();
    const before = refusals();
    const ready = sim.faults.refuseUntilReady();
    await sim.faults.revive();
    await until('somebody was refused', () => refusals() > before);
    ready();
  };
  return {
    api,
    place,
    can: { watchList: true, aggregatedDiscovery: true },
    node: NODE,
    user: (name) => api.as({ token: tokenOf(name) }),
    print: (namespace, pod, container, ...lines) => sim.logs.append(namespace, pod, container, ...lines),
    endLog: (namespace, pod, container) => sim.logs.closePod(namespace, pod, [container]),
    counts: (resource) => {
      const { openWatchesByResource, bytesByRequest, requests } = sim.stats();
      const lists = requests.filter((one) => one.verb === 'list' && one.resource === resource);
      return Promise.resolve({
        open: openWatchesByResource[resource] ?? 0,
        lists: lists.reduce((sum, { count }) => sum + count, 0),
        watchBytes: bytesByRequest[`watch ${resource}`] ?? 0,
      });
    },
    clientCertificate: (user) => {
      if (certificates === undefined) throw new Error('there is no TLS here');
      return certificates.client(user);
    },
    die,
    revive,
    restart: async () => {
      await die();
      await revive();
    },
    compact: () => Promise.resolve(sim.faults.compact()),
    dispose: () => stack.dispose(),
  };
}

/** Undefined where the binaries are not there. */
export async function startReal({ args = [] }: RealOptions = {}): Promise<KubeTarget | undefined> {
  const binaries = findKubeBinaries();
  if (binaries === undefined) return undefined;
  const server = await startKubeApiServer(binaries, { tokens: TOKENS, args });
  const api = new Api(server, { token: tokenOf('admin') });
  await addNode(api, server.kubelet.port);
  return {
    api,
    place: server,
    can: { watchList: false, aggregatedDiscovery: false },
    node: NODE,
    user: (name) => api.as({ token: tokenOf(name) }),
    print: (namespace, pod, container, ...lines) => server.kubelet.print(namespace, pod, container, ...lines),
    endLog: (namespace, pod, container) => server.kubelet.close(namespace, pod, container),
    counts: async (resource, kind) => {
      const { text } = await api.get('/metrics');
      const about = { group: '', scope: 'cluster', resource };
      return {
        open: metric(text, 'apiserver_longrunning_gauge', { ...about, verb: 'WATCH' }),
        lists: metric(text, 'apiserver_request_total', { ...about, verb: 'LIST' }),
        watchBytes: metric(text, 'apiserver_watch_events_sizes_sum', { group: '', kind }),
      };
    },
    clientCertificate: (user) => server.clientCertificate(user),
    die: () => server.program.kill9(),
    revive: () => server.restart(),
    restart: () => server.restart(),
    compact: () => compactEtcd(server.etcd.port),
    dispose: () => server.dispose(),
  };
}

/** The sum of the samples that have these labels, whatever else they have. */
function metric(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

interface Certificates {
  readonly tls: CertificatePair & { readonly clientCa: string };
  client(user: KubeUser): Promise<CertificatePair>;
}

async function makeCertificates(stack: DisposeStack): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-kube-tls-'));
  stack.use({ dispose: () => rm(directory, { recursive: true, force: true }) });
  const authority = await createCertificateAuthority(directory);
  const sign = async (...about: Parameters<typeof authority.sign>): Promise<CertificatePair> => {
    const { key, cert } = await authority.sign(...about);
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  };
  const served = await sign('server', '/CN=simulated', 'IP:127.0.0.1,DNS:localhost');
  return {
    tls: { ...served, clientCa: authority.ca },
    client: ({ name, groups }) =>
      sign(`client-${name}`, `/CN=${name}${groups.map((group) => `/O=${group}`).join('')}`),
  };
}

const NODE = 'node-1';

async function addNode(api: Api, kubeletPort: number): Promise<void> {
  const node = { kind: 'Node', apiVersion: 'v1', metadata: { name: NODE } };
  await api.post('/api/v1/nodes', node);
  await api.patch(`/api/v1/nodes/${NODE}/status`, 'merge-patch', {
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    },
  });
}

/** Through the JSON gateway of etcd. */
async function compactEtcd(port: number): Promise<void> {
  const call = async (path: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}/v3/kv/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return answer.json();
  };
  const head = await call('range', { key: Buffer.from('/').toString('base64') });
  await call('compaction', { revision: at(head, 'header', 'revision'), physical: true });
}
