/** A reflector on a real connection, with everything that it says written down, and what the server has for comparison. */
import type { AddressInfo, Server, Socket } from 'node:net';
import { createSeededRandom, silentLogger, type Disposable } from '@trunkline/base';
import {
  createKubeCluster,
  givenCredential,
  Reflector,
  type Change,
  type KubeCluster,
  type KubeClusterOptions,
  type KubeConnection,
  type KubeQuestion,
  type ReflectorOptions,
  type ReflectorState,
} from '@trunkline/kube-client';
import { clock, until } from '@trunkline/testkit';

export const CONFIG_MAPS: KubeQuestion = { group: '', version: 'v1', resource: 'configmaps' };
export const PODS: KubeQuestion = { group: '', version: 'v1', resource: 'pods' };

export interface Followed extends Disposable {
  readonly reflector: Reflector;
  readonly changes: Change[];
  readonly states: ReflectorState[];
  /** What a reader has that applied every change to an empty map: versions by key. */
  readonly copy: Map<string, string>;
  /** Resolves when it is live and reader and store have what a fresh list has. */
  settled(timeoutMs?: number): Promise<void>;
}

export function connect(
  place: { readonly url: string; readonly ca?: string | undefined },
  token: string,
  options: Partial<KubeClusterOptions> = {},
  more: Partial<KubeConnection> = {},
): KubeCluster {
  const credentials = givenCredential({ token });
  const ca = place.ca === undefined ? {} : { ca: place.ca };
  return createKubeCluster({ clock }, { server: place.url, ...ca, credentials, ...more }, options);
}

/** Short waits, so that what takes a minute in life takes a second here. */
const QUICK = { retryMinMs: 20, retryMaxMs: 500, refusedMinMs: 100, refusedMaxMs: 500, healthyAfterMs: 100 };

export function follow(
  cluster: KubeCluster,
  question: KubeQuestion,
  given: Partial<ReflectorOptions> = {},
  onBatch: () => void | Promise<void> = () => undefined,
): Followed {
  const [changes, states, copy]: [Change[], ReflectorState[], Map<string, string>] = [[], [], new Map()];
  const sink = {
    onChanges: (batch: readonly Change[]) => {
      for (const change of batch) {
        changes.push(change);
        if (change.kind === 'deleted') copy.delete(change.key);
        else copy.set(change.key, change.object.version);
      }
      return onBatch();
    },
    onState: (state: ReflectorState) => void states.push(state),
  };
  const deps = { clock, random: createSeededRandom(1), logger: silentLogger, cluster, sink };
  const reflector = new Reflector(deps, question, { ...QUICK, ...given });
  reflector.start();
  const isSettled = async (): Promise<boolean> => {
    if (reflector.state.kind !== 'live') return false;
    const { items } = await cluster.list(question);
    const fresh = items.map(({ key, version }) => `${key} ${version}`).sort();
    const store = [...reflector.values()].map(({ key, version }) => `${key} ${version}`).sort();
    const read = [...copy].map(([key, version]) => `${key} ${version}`).sort();
    return store.join() === fresh.join() && read.join() === fresh.join();
  };
  return {
    reflector,
    changes,
    states,
    copy,
    settled: async (timeoutMs = 20_000) => void (await until('settled', isSettled, timeoutMs, 50)),
    dispose: () => reflector.dispose(),
  };
}

/** The port of a server on this machine; `closers` is given what cuts its connections and closes it. */
export async function serve(server: Server, closers: (() => unknown)[]): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
