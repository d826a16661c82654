/** The kube module with its foreign wires, on a simulated API server, behind real sockets; and clients that speak those wires by hand. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSeededRandom, silentLogger } from '@trunkline/base';
import { createMemoryBroker } from '@trunkline/broker';
import { createHub, type Hub, type Principal } from '@trunkline/hub';
import { testAuthenticator, testPrincipal } from '@trunkline/hub/testing';
import { givenCredential } from '@trunkline/kube-client';
import type { KubeSim, KubeSimOptions } from '@trunkline/kube-sim';
import { startTestKubeSim } from '@trunkline/kube-sim/testing';
import {
  createKube,
  kubeModule,
  type Audit,
  type ClusterOptions,
  type Kube,
  type KubeTuning,
} from '@trunkline/module-kube';
import type { WiresOptions } from '@trunkline/module-kube/defaults';
import { clock, until } from '@trunkline/testkit';
import { createEntrance } from '@trunkline/transport';
import { WebSocket } from 'ws';

export const PODS = '/api/v1/pods';

export interface Bed {
  readonly sim: KubeSim;
  readonly kube: Kube;
  readonly hub: Hub;
  readonly url: string;
  /** Open on the multiplexer. */
  mux(options?: SocketOptions): Promise<MuxClient>;
  /** Any path of the server. */
  socket(path: string, options?: SocketOptions): Promise<Socket>;
  /** The version of a list as a client would have read it. */
  listVersion(): string;
  stop(): Promise<void>;
}

export interface SocketOptions {
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Who it is; default: `ada` of org `acme`. */
  readonly principal?: Partial<Principal>;
}

export interface BedOptions {
  readonly sim?: Partial<KubeSimOptions>;
  /** More clusters beside `demo`. */
  readonly clusters?: readonly ClusterOptions[];
  readonly demo?: Partial<ClusterOptions>;
  readonly tuning?: Partial<KubeTuning>;
  readonly audit?: Audit;
  readonly wires?: Partial<WiresOptions>;
}

export async function startBed(options: BedOptions = {}): Promise<Bed> {
  const sim = await startTestKubeSim(clock, options.sim);
  const random = createSeededRandom(1);
  const token = sim.issueToken();
  const demo: ClusterOptions = {
    id: 'demo',
    mode: 'shared',
    open: () => ({ server: sim.url, credentials: givenCredential({ token }) }),
    visibleTo: (org) => (org === 'acme' ? {} : undefined),
    ...options.demo,
  };
  const deps = { clock, random, logger: silentLogger };
  const kube = createKube(deps, {
    ...options.tuning,
    clusters: [demo, ...(options.clusters ?? [])],
    reflectors: {
      ...options.tuning?.reflectors,
      reflector: { settleMs: 20, retryMaxMs: 500, ...options.tuning?.reflectors?.reflector },
    },
  });
  const hub = createHub({ ...deps, broker: createMemoryBroker(deps), authenticator: testAuthenticator });
  await hub.use(
    kubeModule({
      kube,
      ...(options.audit === undefined ? {} : { audit: options.audit }),
      ...(options.wires === undefined ? {} : { wires: options.wires }),
      // Tokens are principals in JSON; without one, everybody is Ada.
      identify: async (request, presented) =>
        presented === ''
          ? testPrincipal()
          : (await testAuthenticator.authenticate({ token: presented, name: '', version: '', request }))
              .principal,
    }),
  );
  const entrance = createEntrance({ ...deps, hub });
  const server = createServer((_request, response) => response.writeHead(404).end());
  entrance.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}`;
  const sockets: Socket[] = [];
  const open = async (path: string, given: SocketOptions = {}): Promise<Socket> => {
    const socket = new Socket(url + path, given);
    sockets.push(socket);
    await socket.opened;
    return socket;
  };
  return {
    sim,
    kube,
    hub,
    url,
    socket: open,
    mux: async (given) => new MuxClient(await open('/wsMultiplexer', given)),
    listVersion: () => String(sim.cluster.version),
    async stop() {
      for (const socket of sockets) socket.ws.terminate();
      entrance.dispose();
      server.closeAllConnections();
      server.close();
      await hub.dispose();
      await kube.dispose();
      await sim.dispose();
    },
  };
}

/** A socket with what it has received. */
export class Socket {
  readonly ws: WebSocket;
  readonly texts: string[] = [];
  /** All frames, as they came. */
  readonly frames: { readonly data: Buffer; readonly binary: boolean }[] = [];
  readonly opened: Promise<void>;
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** The status of a handshake that was refused, and its body. */
  refused: { readonly status: number; readonly body: string } | undefined;

  constructor(url: string, { protocols = [], headers = {}, principal }: SocketOptions) {
    const token =
      principal === undefined ? {} : { authorization: `Bearer ${JSON.stringify(testPrincipal(principal))}` };
    this.ws = new WebSocket(url, [...protocols], {
      headers: { ...token, ...headers },
      perMessageDeflate: false,
    });
    this.opened = new Promise((resolve) => {
      this.ws.on('open', resolve);
      this.ws.on('unexpected-response', (_request, response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => {
          this.refused = { status: response.statusCode ?? 0, body };
          resolve();
        });
      });
      this.ws.on('error', () => resolve());
    });
    this.ws.on('message', (data: Buffer, binary) => {
      this.frames.push({ data, binary });
      if (!binary) this.texts.push(data.toString());
    });
    this.ws.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
  }

  send(value: unknown): void {
    this.ws.send(typeof value === 'string' ? value : JSON.stringify(value));
  }

  async end(): Promise<{ readonly code: number; readonly reason: string }> {
    return until('the socket to close', () => this.closed, 20_000);
  }
}

export interface Envelope {
  readonly clusterId: string;
  readonly path: string;
  readonly query: string;
  readonly userId: string;
  readonly data: string;
  readonly type: string;
}

interface EventObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

export interface WatchedEvent {
  readonly type: string;
  readonly object: EventObject;
}

/** A client of the multiplexer that keeps lists as the foreign one does: by uid, and nothing that is not newer than the list. */
export class MuxClient {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  request(path: string, query: string, cluster = 'demo'): void {
    this.socket.send({ clusterId: cluster, path, query, userId: 'u', type: 'REQUEST' });
  }

  close(path: string, query: string, cluster = 'demo'): void {
    this.socket.send({ clusterId: cluster, path, query, userId: 'u', type: 'CLOSE' });
  }

  envelopes(): Envelope[] {
    return this.socket.texts.map((text) => JSON.parse(text) as Envelope);
  }

  events(query: string, path = PODS): WatchedEvent[] {
    return this.envelopes()
      .filter((one) => one.type === 'DATA' && one.query === query && one.path === path)
      .map(({ data }) => JSON.parse(data) as WatchedEvent);
  }

  names(query: string, path = PODS): string[] {
    return this.events(query, path).map(({ type, object }) => `${type} ${object.metadata.name}`);
  }

  errors(): { readonly query: string; readonly error: string }[] {
    return this.envelopes()
      .filter(({ type }) => type === 'ERROR')
      .map(({ query, data }) => ({ query, error: (JSON.parse(data) as { error: string }).error }));
  }

  /** Resolves when the events of a query satisfy `met`. */
  async until(what: string, met: () => boolean, timeoutMs = 20_000): Promise<void> {
    await until(what, met, timeoutMs, 10);
  }
}

/** What a client that began with `uids` at a version has after the events: names by uid, and the version that it would come back with. */
export function applied(
  events: readonly WatchedEvent[],
  from: string,
  begin: ReadonlyMap<string, string> = new Map(),
): { readonly items: ReadonlyMap<string, string>; readonly version: string } {
  const items = new Map(begin);
  let version = from;
  for (const { type, object } of events) {
    const { uid, name, resourceVersion } = object.metadata;
    if (Number(resourceVersion) <= Number(version)) continue;
    version = resourceVersion;
    if (type === 'DELETED') items.delete(uid);
    else items.set(uid, name);
  }
  return { items, version };
}

/** Whether versions rise from one event to the next. */
export function ascends(events: readonly WatchedEvent[]): boolean {
  return events.every(
    ({ object }, index) =>
      index === 0 ||
      Number(object.metadata.resourceVersion) > Number(events[index - 1]?.object.metadata.resourceVersion),
  );
}

export function putPod(
  sim: KubeSim,
  name: string,
  value = '',
  namespace = 'default',
  labels: Record<string, string> = {},
): void {
  const type = podType(sim);
  sim.cluster.put(type, {
    metadata: { name, namespace, labels, annotations: { value } },
    spec: { containers: [{ name: 'main' }] },
  });
}

export function removePod(sim: KubeSim, name: string, namespace = 'default'): void {
  sim.cluster.remove(podType(sim), namespace, name);
}

export function podType(sim: KubeSim) {
  const found = sim.cluster.registry.types().find(({ resource }) => resource === 'pods');
  if (found === undefined) throw new Error('no pods');
  return found;
}

/** Uids of pods by name, as a list would show them. */
export function podsOf(sim: KubeSim): Map<string, string> {
  return new Map(
    [...sim.cluster.collection(podType(sim)).values()].map(({ object }) => [
      String(object.metadata.uid),
      object.metadata.name,
    ]),
  );
}

/** Lets a user read pods of a namespace; the function that takes it back. */
export function grant(
  sim: KubeSim,
  user: string,
  namespace: string,
  resources: readonly string[] = ['pods'],
  verbs: readonly string[] = ['get', 'list', 'watch'],
): () => void {
  const group = 'rbac.authorization.k8s.io';
  const roles = sim.cluster.registry.require('roles', group);
  const bindings = sim.cluster.registry.require('rolebindings', group);
  const name = `${user}-reads`;
  sim.cluster.put(roles, {
    metadata: { name, namespace },
    rules: [{ apiGroups: [''], resources: [...resources], verbs: [...verbs] }],
  });
  sim.cluster.put(bindings, {
    metadata: { name, namespace },
    subjects: [{ kind: 'User', name: user, apiGroup: group }],
    roleRef: { kind: 'Role', name, apiGroup: group },
  });
  return () => void sim.cluster.remove(bindings, namespace, name);
}
