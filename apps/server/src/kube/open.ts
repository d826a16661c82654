/**
 * Live Kubernetes lists as a server has them: the configured clusters, who sees them, and the simulated one that an operator may start where there is no other. Made before the hub,
 * because the module is made of it; disposed after the hub.
 */
import type { Clock, Disposable, Logger, Random } from '@trunkline/base';
import type { Directory, StoreAccess } from '@trunkline/module-directory';
import { createKube, type Audit, type ClusterOptions, type Demo, type Kube } from '@trunkline/module-kube';
import { CodedError } from '@trunkline/protocol';
import type { Committing, Reading } from '@trunkline/store';
import type { ResolvedConfig } from '../config/load.js';
import { connectClusters } from './clusters.js';
import { DEMO_CLUSTER, startDemo, type RunningDemo } from './demo.js';
import { toKubeLimits, type KubeLimits } from './limits.js';
import { createVisibility } from './visibility.js';

export interface ServerKubeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where orgs are kept; absent: only the org of the console, and those named in the configuration, see clusters. */
  readonly directory: Directory | undefined;
  /** Where credentials that users leave are kept, under keys made of those of the directory; absent, or without a directory: nobody can leave any. */
  readonly store: StoreAccess | undefined;
  /** What credential plugins of kubeconfigs see, and where a pod finds its own cluster. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** With what the configuration says of windows, logs, the proxy and the wires, as `kubeModule` takes it. */
export interface ServerKube extends Disposable, Omit<KubeLimits, 'tuning'> {
  readonly kube: Kube;
  /** Absent: the configuration allows none. */
  readonly demo?: Demo;
  /** Absent, without a directory: then nothing but reading is served. */
  readonly audit?: Audit;
  /** Ends every connection to every cluster. After the hub. */
  dispose(): Promise<void>;
}

/** Reads kubeconfigs, dials nothing. Throws `ConfigError` for a cluster that cannot be used. */
export async function openServerKube(deps: ServerKubeDeps, config: ResolvedConfig): Promise<ServerKube> {
  const { clock, random, logger, directory, store, environment } = deps;
  const { auth, console: door, kube: section } = config.values;
  const connected = await connectClusters({ clock, environment }, config);
  const visibility = createVisibility(
    { clock, findOrg: directory && ((org) => directory.orgs.find(org)) },
    {
      home: door.org ?? auth.defaultOrg ?? 'default',
      configured: Object.fromEntries(section.clusters.map(({ id, orgs }) => [id, orgs])),
    },
  );
  const unlisten = directory?.commits.listen(({ org, kind }) => {
    if (kind === 'org') visibility.forget(org);
  });
  const credentials = directory &&
    store && {
      store: {
        read: (statement) => store.read(statement),
        commit: (unit) => store.use('commit', (opened) => opened.commit(unit)),
      } satisfies Committing & Reading,
      keys: () => directory.secrets.derive('kube credentials'),
    };
  const { tuning, ...limits } = toKubeLimits(section);
  const kube = createKube(
    { clock, random, logger, credentials },
    {
      ...tuning,
      clusters: connected.map(({ id, name, mode, groups, writes, exec, connection }): ClusterOptions => ({
        id,
        name,
        mode,
        groups,
        writes,
        exec,
        open: () => connection,
        visibleTo: (org) => visibility.of(org, id),
      })),
    },
  );
  const demo =
    section.demo.run === 'never' || connected.length > 0
      ? undefined
      : createDemo({ clock, random, logger }, section.demo, kube, (org) =>
          visibility.of(org, DEMO_CLUSTER.id),
        );
  return {
    ...limits,
    kube,
    ...(demo ? { demo } : {}),
    ...(directory ? { audit: auditOf(directory) } : {}),
    async dispose() {
      unlisten?.();
      await kube.dispose();
      await demo?.dispose();
    },
  };
}

function auditOf(directory: Directory): Audit {
  return ({ principal, action, cluster, path, verb, requestId, address, details }) => {
    const { org, user, roles } = principal;
    return directory.note(
      { user, org, roles, requestId, address },
      { org, action, target: cluster, details: { verb, path, ...details } },
    );
  };
}

/** One simulated cluster, at most. Whoever starts it while it starts waits for the same. */
function createDemo(
  deps: Pick<ServerKubeDeps, 'clock' | 'random' | 'logger'>,
  options: { readonly pods: number; readonly eventsPerSecond: number },
  kube: Kube,
  visibleTo: ClusterOptions['visibleTo'],
): Demo & { dispose(): Promise<void> } {
  let running: Promise<RunningDemo> | undefined;
  let disposed = false;

  const start = async (): Promise<RunningDemo> => {
    const demo = await startDemo(deps, options);
    if (disposed) {
      await demo.dispose();
      throw new CodedError('notAvailable', 'the server is ending');
    }
    kube.addCluster({
      ...DEMO_CLUSTER,
      mode: 'shared',
      simulated: true,
      open: () => demo.connection,
      visibleTo,
    });
    deps.logger.info({ cluster: DEMO_CLUSTER.id, ...options }, 'the simulated cluster runs');
    return demo;
  };

  const stop = async (): Promise<void> => {
    const ending = running;
    if (!ending) return;
    running = undefined;
    // A start that failed has left nothing.
    const demo = await ending.catch(() => undefined);
    await kube.removeCluster(DEMO_CLUSTER.id);
    await demo?.dispose();
  };

  return {
    start: async () => {
      const starting = (running ??= start());
      try {
        await starting;
      } catch (cause) {
        if (running === starting) running = undefined;
        throw cause;
      }
      return DEMO_CLUSTER.id;
    },
    stop,
    dispose: async () => {
      disposed = true;
      await stop();
    },
  };
}
