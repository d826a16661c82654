/**
 * The servers that the conformance suite runs on: the simulated one, and a real one where its binaries are. Both know the same users and tokens. What a server
 * cannot do is said as data, and the suite asserts what it does instead.
 */
import { createSystemClock, createSystemRandom, silentLogger, type Disposable } from '@trunkline/base';
import { createKubeSim } from '@trunkline/kube-sim';
import { findKubeBinaries, startKubeApiServer, type KubeUser } from '@trunkline/testkit';
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
  /** Dies and comes back: watches break, and old versions are too old to watch from. */
  restart(): Promise<void>;
  /** Old versions are gone, of lists and continue tokens as well. */
  compact(): Promise<void>;
}

export async function startSimulated(): Promise<KubeTarget> {
  const sim = createKubeSim(
    { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
    { tokens: TOKENS },
  );
  await sim.start();
  const api = new Api({ url: sim.url }, { token: tokenOf('admin') });
  await addNode(api, 0);
  return {
    api,
    place: { url: sim.url },
    can: { watchList: true, aggregatedDiscovery: true },
    node: NODE,
    user: (name) => api.as({ token: tokenOf(name) }),
    print: (namespace, pod, container, ...lines) => sim.logs.append(namespace, pod, container, ...lines),
    endLog: (namespace, pod, container) => sim.logs.closePod(namespace, pod, [container]),
    restart: async () => {
      await sim.faults.die(60_000);
      await sim.faults.revive();
    },
    compact: () => Promise.resolve(sim.faults.compact()),
    dispose: () => sim.dispose(),
  };
}

/** Undefined where the binaries are not there. */
export async function startReal(): Promise<KubeTarget | undefined> {
  const binaries = findKubeBinaries();
  if (binaries === undefined) return undefined;
  const server = await startKubeApiServer(binaries, { tokens: TOKENS });
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
    restart: () => server.restart(),
    compact: () => compactEtcd(server.etcd.port),
    dispose: () => server.dispose(),
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
