/** The hub and what stands behind it: the broker's engine, traces, clusters, and the modules, the built-in ones first. */
import { resolve } from 'node:path';
import type { Clock, DisposeStack, Logger, Random, Tracer } from '@trunkline/base';
import { createMemoryBroker, type Broker, type BrokerFactory } from '@trunkline/broker';
import { createHub, nativeProfile, type Hub, type Module, type ValidatorCompiler } from '@trunkline/hub';
import { directoryModule } from '@trunkline/module-directory';
import { kubeModule } from '@trunkline/module-kube';
import { nodeModule } from '@trunkline/module-node';
import type { Deliver } from '@trunkline/store';
import { uniSse } from '@trunkline/transport';
import { createIdentify } from '../auth/identify.js';
import { toHubOptions } from '../config/hub-options.js';
import type { ResolvedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { configShow } from '../config/show.js';
import { openServerKube, type ServerKube } from '../kube/open.js';
import { MODULE_CONTRACTS } from '../openapi/contracts.js';
import { createProcessGauge } from '../process-facts.js';
import { createCommandStore } from '../store/commands.js';
import { createDurableLog } from '../store/durable-log.js';
import { storeModule } from '../store/module.js';
import { MODULE_MIGRATIONS } from '../store/offline.js';
import type { ServerStore } from '../store/server-store.js';
import { openTracing } from '../tracing.js';
import { VERSION } from '../version.js';
import type { People } from './people.js';

export interface BuildingDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly validator: ValidatorCompiler;
  /** Takes what is to be closed, last built first. */
  readonly stack: DisposeStack;
  /** What credential plugins of kubeconfigs see, and where a pod finds its own cluster. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface BuiltHub {
  readonly hub: Hub;
  readonly clusters: ServerKube;
  readonly tracer: Tracer | undefined;
  /** Hands on what the store has committed. */
  readonly carry: Deliver;
}

/** What modules may stand on, beside the hub's context. */
export interface ModuleServices {
  /** Where a module registers its migrations, and reads. Absent where the configuration allows no store. */
  readonly store?: Pick<ServerStore, 'register' | 'read' | 'use'>;
}

export async function buildHub(
  deps: BuildingDeps,
  config: ResolvedConfig,
  people: People,
): Promise<BuiltHub> {
  const { clock, random, logger, nodeId, validator, stack, environment } = deps;
  const { values } = config;
  const { store, directory, authenticator } = people;
  // Closed after the hub, whose lists read from it.
  const clusters = stack.use(
    await openServerKube({ clock, random, logger, directory, store, environment }, config),
  );
  const openBrokerFor = await openBroker({ clock, random, logger }, values);
  const tracer = await openTracer(deps, values);
  let broker: Broker | undefined;
  const hub = createHub(
    {
      clock,
      random,
      logger,
      broker: (handler) => (broker = openBrokerFor(handler)),
      authenticator,
      validator,
      ...(tracer ? { tracer } : {}),
      ...(store ? { durableLog: createDurableLog(store), commands: createCommandStore(store) } : {}),
      ...(directory ? { quotasOf: (org) => directory.watch.quotasOf(org) } : {}),
    },
    { ...toHubOptions(values), nodeId, version: VERSION },
  );
  return {
    hub: stack.use(hub),
    clusters,
    tracer,
    carry: (key, publication, epoch) => broker?.carry(key, publication, epoch),
  };
}

export async function useBuiltIn(
  { clock, random, stack }: BuildingDeps,
  config: ResolvedConfig,
  { store, directory, authenticator, sessions }: People,
  { hub, clusters }: BuiltHub,
): Promise<void> {
  const gauge = stack.use(createProcessGauge(clock));
  await hub.use(
    nodeModule({
      process: () => gauge.read(),
      namespaces: () => hub.namespaces(),
      hub: () => hub.options,
      endpoints: () => hub.endpoints(),
      configuration: () => configShow(config),
      contracts: () => MODULE_CONTRACTS,
      version: VERSION,
      runtime: `node ${process.versions.node}`,
    }),
  );
  if (store) {
    const backupDirectory = resolve(config.cwd, config.values.dataDir, 'backups');
    await hub.use(storeModule({ clock, random, store, backupDirectory }));
  }
  if (directory) await hub.use(directoryModule({ directory }));
  await hub.use(kubeModule({ ...clusters, identify: createIdentify({ authenticator, sessions }) }));
  await hub.use(uniSse({ profile: nativeProfile(hub.options), authenticator }));
  for (const migrations of MODULE_MIGRATIONS) store?.register(migrations);
}

/** @returns whether one of them needs the store */
export async function useGiven(
  hub: Hub,
  store: ServerStore | undefined,
  modules: readonly (Module | ((services: ModuleServices) => Module))[],
): Promise<boolean> {
  let needsStore = false;
  const services: ModuleServices = store
    ? {
        store: {
          register: (migrations) => {
            needsStore = true;
            store.register(migrations);
          },
          read: (statement) => store.read(statement),
          use: (kind, work) => store.use(kind, work),
        },
      }
    : {};
  for (const module of modules) await hub.use(typeof module === 'function' ? module(services) : module);
  return needsStore;
}

/** The engine is loaded only where it is configured. */
async function openBroker(
  deps: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
  { redis, client }: Config,
): Promise<BrokerFactory> {
  const { idempotencyTtl: idempotencyTtlMs } = client;
  if (redis.url === undefined) return createMemoryBroker(deps, { idempotencyTtlMs });
  const { createRedisBroker } = await import('@trunkline/broker/redis');
  return createRedisBroker(deps, { url: redis.url, prefix: redis.prefix, idempotencyTtlMs });
}

async function openTracer(
  { logger, nodeId, stack }: BuildingDeps,
  { tracing }: Config,
): Promise<Tracer | undefined> {
  const { endpoint, authorization, samplePercent, serviceName } = tracing;
  if (endpoint === undefined) return undefined;
  const opened = await openTracing(logger, {
    endpoint,
    headers: authorization === undefined ? {} : { authorization },
    sampleRatio: samplePercent / 100,
    serviceName,
    version: VERSION,
    nodeId,
  });
  stack.defer(() => opened.dispose());
  return opened.tracer;
}
