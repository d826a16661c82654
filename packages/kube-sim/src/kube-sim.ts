/**
 * A Kubernetes API server that exists only in this process: real HTTP in front, memory behind, time and chance given from outside. It
 * knows the API and no controllers: nothing schedules pods or runs them, unless `startWorkload` plays that part.
 */
import { randomId, type Clock, type Disposable, type Logger, type Random } from '@trunkline/base';
import { bootstrap } from './access/bootstrap.js';
import { Rbac } from './access/rbac.js';
import { Authenticator, MASTERS, type User } from './access/user.js';
import { Cluster } from './cluster/cluster.js';
import { LogBook } from './cluster/log-book.js';
import { Writer } from './cluster/writer.js';
import { Counters, type ServerStats } from './counters.js';
import { Faults } from './faults.js';
import { Listener } from './http/listener.js';
import { Pipeline } from './http/pipeline.js';
import { readList, readText, type JsonObject } from './model/objects.js';
import { resolveKubeSimOptions, type KubeSimOptions } from './options.js';
import { RequestFaults } from './request-faults.js';
import { WatchHub } from './watching/watch-hub.js';

export interface KubeSimDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface KubeSim extends Disposable {
  /** The cluster's state, to read and to play controller with. */
  readonly cluster: Cluster;
  /** The API's rules without HTTP. */
  readonly writer: Writer;
  readonly logs: LogBook;
  readonly faults: Faults;
  readonly deps: KubeSimDeps;
  /** Listens. Rejects when the port is taken. */
  start(): Promise<void>;
  /** With scheme, port and path prefix. Throws before `start`. */
  readonly url: string;
  /** A bearer token for that user, known at once. Default: an administrator. */
  issueToken(user?: User): string;
  revokeToken(token: string): void;
  /** A kubeconfig (as an object; JSON is YAML) with one context of that name and token. */
  kubeconfig(token: string, context?: string): JsonObject;
  stats(): ServerStats;
  resetStats(): void;
}

const ADMINISTRATOR: User = { name: 'kubernetes-admin', groups: [MASTERS] };

export function createKubeSim(deps: KubeSimDeps, given?: Partial<KubeSimOptions>): KubeSim {
  const { clock, random, logger } = deps;
  const options = resolveKubeSimOptions(given);
  const cluster = new Cluster(deps, options);
  bootstrap(cluster);
  const authenticator = new Authenticator(clock, options.anonymous);
  for (const [token, user] of Object.entries(options.tokens)) authenticator.setToken(token, user);
  const rbac = new Rbac(cluster, options.authorization === 'rbac');
  const writer = new Writer(cluster);
  const logs = new LogBook(clock, options);
  const watches = new WatchHub();
  const counters = new Counters();
  const requestFaults = new RequestFaults();
  const services = { clock, random, cluster, writer, logs, authenticator, rbac, watches, counters, options };
  const listener = new Listener(options, new Pipeline(services, requestFaults, logger), counters);
  const faults = new Faults(deps, cluster, listener, watches, requestFaults);
  followEnds(cluster, logs, watches);
  const url = (): string => {
    if (listener.port === 0) throw new Error('the simulated API server has no address before start()');
    return `${options.tls === undefined ? 'http' : 'https'}://${options.host}:${listener.port}${options.pathPrefix}`;
  };
  return {
    cluster,
    writer,
    logs,
    faults,
    deps,
    start: () => listener.open(),
    get url() {
      return url();
    },
    issueToken: (user = ADMINISTRATOR) => {
      const token = `sim-${randomId(random, 40)}`;
      authenticator.setToken(token, user);
      return token;
    },
    revokeToken: (token) => authenticator.revokeToken(token),
    kubeconfig: (token, context = 'simulated') => kubeconfig(url(), token, context, options.tls?.cert),
    stats: () => counters.stats(),
    resetStats: () => counters.reset(),
    dispose: async () => {
      faults.dispose();
      await listener.close();
    },
  };
}

/** Logs end with their pod, watches with the definition of what they watch. */
function followEnds(cluster: Cluster, logs: LogBook, watches: WatchHub): void {
  cluster.collection({ group: '', resource: 'pods' }).listen(({ type, current: { object } }) => {
    if (type !== 'DELETED') return;
    const containers = readList(object, 'spec', 'containers').map((container) => readText(container, 'name'));
    logs.closePod(object.metadata.namespace ?? '', object.metadata.name, containers);
  });
  const definitions = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' };
  cluster.collection(definitions).listen(({ type, current }) => {
    if (type !== 'DELETED') return;
    // The deletions of the objects are delivered first: the streams read them in this turn's microtasks.
    queueMicrotask(() => {
      for (const watch of watches.matching({ resource: current.object.metadata.name })) watch.end();
    });
  });
}

function kubeconfig(server: string, token: string, name: string, ca: string | undefined): JsonObject {
  const authority =
    ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, ...authority } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
}
