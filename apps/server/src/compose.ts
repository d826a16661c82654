/**
 * Builds a whole server, top to bottom, out of a configuration: logger, clock, broker, authenticator, hub, modules, HTTP, WebSocket.
 * The only place that knows every room; what is built first is closed last. It installs no signal handlers and never ends the process:
 * that is `main.ts`.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createSystemClock,
  createSystemRandom,
  DisposeStack,
  randomId,
  sleep,
  type Clock,
  type Logger,
  type Random,
  type Tracer,
} from '@trunkline/base';
import { createMemoryBroker, type Broker, type BrokerFactory } from '@trunkline/broker';
import { createHub, nativeProfile, type Hub, type Module } from '@trunkline/hub';
import { directoryModule } from '@trunkline/module-directory';
import { kubeModule } from '@trunkline/module-kube';
import { nodeModule } from '@trunkline/module-node';
import { closeOf } from '@trunkline/protocol';
import type { Deliver, StoreDeps } from '@trunkline/store';
import { createEntrance, uniSse, type Entrance } from '@trunkline/transport';
import { createApiKeys, type ApiKeyOptions } from './auth/api-keys.js';
import { createTokenAuthenticator } from './auth/authenticator.js';
import type { ConsoleSessions, EndedSession } from './auth/console-sessions.js';
import { createIdentify } from './auth/identify.js';
import { mintToken } from './auth/mint.js';
import { toAuthenticatorOptions } from './config/auth-options.js';
import { toHubOptions } from './config/hub-options.js';
import { ConfigError, type ResolvedConfig } from './config/load.js';
import type { Config } from './config/schema.js';
import { configShow } from './config/show.js';
import { openDoor } from './directory/door.js';
import { createGuesses } from './directory/guesses.js';
import { withoutDisabled, withStoredKeys } from './directory/credentials.js';
import { openOidcDoor } from './directory/oidc-door.js';
import { isWanted, openServerDirectory } from './directory/open.js';
import { keepDevKey, removeDevState, writeDevState } from './dev-state.js';
import { createHttpApp } from './http/app.js';
import { createNodeMetrics } from './http/metrics.js';
import { createValidatorCompiler } from './http/validator.js';
import { openServerKube } from './kube/open.js';
import { addressOf, ListenError } from './listening.js';
import { createLogger } from './logging.js';
import { createProcessGauge } from './process-facts.js';
import { createCommandStore } from './store/commands.js';
import { createDurableLog } from './store/durable-log.js';
import { createStoreMetrics } from './store/metrics.js';
import { storeModule } from './store/module.js';
import { MODULE_MIGRATIONS } from './store/offline.js';
import { mayHaveStore, needsStore, openConfiguredStore } from './store/open.js';
import { ServerStore } from './store/server-store.js';
import { MODULE_CONTRACTS } from './openapi/contracts.js';
import { openTracing } from './tracing.js';

export interface ServerContext {
  /** Default: pino, as configured. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** What credential plugins of kubeconfigs see, and where a pod finds its own cluster. Default: that of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** For ids, epochs and the development key; default the platform's cryptographic source. */
  readonly random?: Random;
  /** Where the built console lies. Default: apps/console/dist of this installation. */
  readonly consoleDir?: string;
  /** Started after the built-in ones; a function is given what a module may stand on. Default none. */
  readonly modules?: readonly (Module | ((services: ModuleServices) => Module))[];
  /** For tests: stands between the store and its sessions, to fail or to die between two statements. */
  readonly interceptStore?: NonNullable<StoreDeps['intercept']>;
}

/** What modules may stand on, beside the hub's context. */
export interface ModuleServices {
  /** Where a module registers its migrations, and reads. Absent where the configuration allows no store. */
  readonly store?: Pick<ServerStore, 'register' | 'read' | 'use'>;
}

export interface StartedServer {
  /** Where a browser on this machine, or at `server.publicUrl`, reaches it. */
  readonly url: string;
  readonly port: number;
  /** Signs in once, within `console.linkTtl`; absent where the console is off. */
  readonly consoleLink?: string;
  /** Development: where the command line finds address and key. */
  readonly stateFile?: string;
}

export interface TrunklineServer {
  /** Rejects with `ListenError`, `ConfigError` or a RangeError that names an option; nothing is left running then. */
  start(): Promise<StartedServer>;
  /** Stops accepting, reports not ready, moves connections away in stages. Resolves when none is left or `drain.window` is over. */
  drain(): Promise<void>;
  /** Closes what is left, last built first. May be called twice and after half a start. */
  stop(): Promise<void>;
  readonly logger: Logger;
}

export const VERSION = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  }
).version;

const CONSOLE_DIR = fileURLToPath(new URL('../../console/dist', import.meta.url));
/** Characters of the key that a development server makes once; it signs the token it leaves for the command line too. */
const DEV_KEY_LENGTH = 43;
const DEV_ISSUER = 'trunkline-development';
const DEV_TOKEN_SECONDS = 30 * 24 * 3_600;

/** Time for peers to take the last close frames of a drain before their sockets are dropped. */
const FAREWELL_MS = 1_000;
const FAREWELL_STEP_MS = 20;

export function createServer(config: ResolvedConfig, context: ServerContext = {}): TrunklineServer {
  const { values } = config;
  const random = context.random ?? createSystemRandom();
  const nodeId = values.node.id ?? randomId(random, 12);
  const logger = context.logger ?? createLogger({ ...values.log, node: nodeId });
  const stack = new DisposeStack();
  const clock = context.clock ?? createSystemClock();
  let hub: Hub | undefined;
  let entrance: Entrance | undefined;

  const start = async (): Promise<StartedServer> => {
    const tls = readTls(config);
    const { interceptStore } = context;
    const storeDeps = { clock, random, logger, ...(interceptStore ? { intercept: interceptStore } : {}) };
    // Closed after the hub, whose last commits it takes.
    const store = mayHaveStore(values)
      ? stack.use(
          new ServerStore(
            { clock, random, logger, open: () => openConfiguredStore(storeDeps, config) },
            { deadlineMs: values.store.deadline },
          ),
        )
      : undefined;
    const directory = store && openServerDirectory({ clock, random, logger, store }, config);
    if (directory) stack.use(directory);
    const secure = isSecure(values, tls !== undefined);
    const guesses = createGuesses({ clock });
    const sessions = values.console.enabled
      ? openDoor(
          {
            clock,
            logger,
            directory,
            guesses,
            isOpening: () => store?.health.state === 'opening',
            onEnd: (session) => endConnections(session),
          },
          values,
          secure,
        )
      : undefined;
    /** Where browsers reach the server; what was bound is known once it listens. */
    let publicUrl = values.server.publicUrl?.replace(/\/+$/, '') ?? '';
    const linkInto = (door: ConsoleSessions) => ({
      link: `${publicUrl}/console/login?code=${door.createLinkCode()}`,
      expiresMs: clock.now() + values.console.linkTtl,
    });
    const oidc =
      directory &&
      (await openOidcDoor({ clock, logger, directory, publicUrl: () => publicUrl }, values, secure));
    const devKey = values.development
      ? keepDevKey(resolve(config.cwd, values.dataDir), () => randomId(random, DEV_KEY_LENGTH))
      : undefined;
    const configuredKeys = createApiKeys([...values.api.keys.map(withoutAbsent), ...devKeys(values, devKey)]);
    const devIssuer =
      devKey === undefined ? [] : [{ issuer: DEV_ISSUER, secret: new TextEncoder().encode(devKey) }];
    const apiKeys = directory ? withStoredKeys(configuredKeys, directory, guesses) : configuredKeys;
    const tokens = createTokenAuthenticator(
      { clock, logger, internalIssuers: [...(sessions ? [sessions.issuer] : []), ...devIssuer] },
      toAuthenticatorOptions(values),
    );
    const authenticator = directory ? withoutDisabled(tokens, directory) : tokens;
    const validator = createValidatorCompiler();
    // Closed after the hub, whose lists read from it.
    const { environment = process.env } = context;
    const clusters = stack.use(
      await openServerKube({ clock, random, logger, directory, store, environment }, config),
    );
    const openBrokerFor = await openBroker({ clock, random, logger }, values);
    const tracer = await openTracer(values);
    let broker: Broker | undefined;
    const built = createHub(
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
    hub = stack.use(built);

    const gauge = stack.use(createProcessGauge(clock));
    await built.use(
      nodeModule({
        process: () => gauge.read(),
        namespaces: () => built.namespaces(),
        hub: () => built.options,
        endpoints: () => built.endpoints(),
        configuration: () => configShow(config),
        contracts: () => MODULE_CONTRACTS,
        version: VERSION,
        runtime: `node ${process.versions.node}`,
      }),
    );

    if (store) {
      const backupDirectory = resolve(config.cwd, values.dataDir, 'backups');
      await built.use(storeModule({ clock, random, store, backupDirectory }));
    }

    if (directory) await built.use(directoryModule({ directory }));

    await built.use(kubeModule({ ...clusters, identify: createIdentify({ authenticator, sessions }) }));

    await built.use(uniSse({ profile: nativeProfile(built.options), authenticator }));

    for (const migrations of MODULE_MIGRATIONS) store?.register(migrations);
    let modulesNeedStore = false;
    const services: ModuleServices = store
      ? {
          store: {
            register: (migrations) => {
              modulesNeedStore = true;
              store.register(migrations);
            },
            read: (statement) => store.read(statement),
            use: (kind, work) => store.use(kind, work),
          },
        }
      : {};
    for (const module of context.modules ?? [])
      await built.use(typeof module === 'function' ? module(services) : module);

    const metrics = values.metrics.enabled
      ? createNodeMetrics(built, { perOrg: values.metrics.perOrg, process: true })
      : undefined;
    if (metrics) stack.defer(() => metrics.registry.clear());
    const carry: Deliver = (key, publication, epoch) => broker?.carry(key, publication, epoch);
    if (store && metrics) {
      const { onCommit, observing } = createStoreMetrics(metrics.registry, clock, store);
      store.observe(onCommit);
      store.dispatchTo(observing(carry));
    } else store?.dispatchTo(carry);
    // Beside the rest of the start: a database takes longer than everything else together.
    const wanted = directory !== undefined && isWanted(config);
    const needed = modulesNeedStore || wanted || needsStore(values);
    const opening =
      needed && (values.store.open === 'start' || values.store.url !== undefined) ? store?.open() : undefined;
    let isChecking = wanted && opening !== undefined;
    /** Not ready while it may turn out that the key of secrets is a wrong one: this process would end. */
    const readiness = (kept: ServerStore): Pick<ServerStore, 'health'> => ({
      get health() {
        const { health } = kept;
        return isChecking && health.state === 'up' ? { ...health, state: 'opening' as const } : health;
      },
    });
    const opened = createEntrance({ clock, random, logger, hub: built }, toEntranceOptions(values));
    entrance = opened;
    const app = await createHttpApp(
      {
        entrance: opened,
        clock,
        random,
        logger,
        hub: built,
        validator,
        apiKeys,
        authenticator,
        ...(sessions ? { sessions, newLink: () => linkInto(sessions) } : {}),
        ...(oidc ? { oidc } : {}),
        ...(directory
          ? {
              isInvited: async (token, address) =>
                (await guesses.of(address, () => directory.invitations.findOpen(token))) !== undefined,
              onKeyUse: (use) => directory.noteUse(use),
            }
          : {}),
        ...(store ? { store: readiness(store) } : {}),
        ...(metrics ? { metrics: metrics.registry, onApiCall: metrics.onApiCall } : {}),
        ...(tracer ? { tracer } : {}),
      },
      {
        version: VERSION,
        nodeName: values.node.name ?? nodeId,
        bodyMaxBytes: values.api.bodyMaxBytes,
        batchMaxCommands: values.api.batchMaxCommands,
        maxDepth: values.client.maxDepth,
        trustedProxies: values.server.trustedProxies,
        loopbackOriginOnly: values.development && !values.developmentOnAnyHost,
        consoleDir: context.consoleDir ?? CONSOLE_DIR,
        ...(values.metrics.token === undefined ? {} : { metricsToken: values.metrics.token }),
        ...(tls === undefined ? {} : { tls }),
      },
    );
    stack.defer(() => app.close());
    // Closed before the server it hangs on.
    stack.use(opened).attach(app.server);

    const { host, port } = values.server;
    await app.listen({ host, port }).catch((cause: unknown) => {
      throw new ListenError(host, port, cause as NodeJS.ErrnoException);
    });
    const bound = (app.server.address() as AddressInfo).port;
    const url = publicUrl === '' ? addressOf(host, bound, tls !== undefined) : publicUrl;
    publicUrl = url;
    await opening;
    // What is wrong with it is said now, not at the first use; where the store is opened on use it does not keep the start waiting.
    const reading = wanted ? directory?.start() : undefined;
    if (opening) await reading;
    else reading?.catch((err: unknown) => logger.error({ err }, 'the directory cannot be read'));
    isChecking = false;
    if (values.kube.demo.run === 'start') await clusters.demo?.start();
    logger.info({ url, host, port: bound, version: VERSION, development: values.development }, 'listening');
    return {
      url,
      port: bound,
      ...(sessions ? { consoleLink: linkInto(sessions).link } : {}),
      ...(devKey === undefined
        ? {}
        : { stateFile: await leaveState(addressOf(host, bound, tls !== undefined), devKey) }),
    };
  };

  /** Of a session in memory; those in the store are the directory module's matter. */
  const endConnections = ({ user, org, id }: EndedSession): void => {
    hub
      ?.forOrg(org)
      .disconnect({ user, sessions: [id] }, closeOf('stateInvalidated', 'the session is over'))
      .catch((err: unknown) => logger.warn({ err, org }, 'connections could not be ended'));
  };

  const openTracer = async ({ tracing }: Config): Promise<Tracer | undefined> => {
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
  };

  const leaveState = async (url: string, apiKey: string): Promise<string> => {
    const org = devOrg(values);
    const signing = { clock, key: { algorithm: 'HS256' as const, secret: apiKey }, issuer: DEV_ISSUER };
    const claims = { sub: 'developer', org, roles: ['operator', 'admin'] };
    const token = await mintToken(signing, claims, DEV_TOKEN_SECONDS);
    const path = writeDevState(resolve(config.cwd, values.dataDir), {
      url,
      apiKey,
      token,
      org,
      pid: process.pid,
    });
    stack.defer(() => removeDevState(path, process.pid));
    return path;
  };

  return {
    logger,
    start: async () => {
      try {
        return await start();
      } catch (cause) {
        await stack
          .dispose()
          .catch((err: unknown) => logger.error({ err }, 'closing after a failed start failed too'));
        throw cause;
      }
    },
    drain: async () => {
      await hub?.drain({ windowMs: values.drain.window, ratePerSecond: values.drain.ratePerSecond });
      for (
        let waitedMs = 0;
        waitedMs < FAREWELL_MS && (entrance?.connections ?? 0) > 0;
        waitedMs += FAREWELL_STEP_MS
      )
        await sleep(clock, FAREWELL_STEP_MS);
    },
    stop: () => stack.dispose(),
  };
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

/** Whether browsers reach the console over TLS, at this server or at a proxy in front of it. */
function isSecure({ server: { publicUrl } }: Config, tls: boolean): boolean {
  return publicUrl === undefined ? tls : publicUrl.startsWith('https:');
}

function devKeys(values: Config, key: string | undefined): readonly ApiKeyOptions[] {
  return key === undefined ? [] : [{ key, org: devOrg(values), name: 'development' }];
}

function devOrg({ auth }: Config): string {
  return auth.defaultOrg ?? 'dev';
}

function toEntranceOptions({ server, client, development, developmentOnAnyHost }: Config) {
  return {
    // A frame inside JSON: each of its characters may be escaped; and what is around it.
    upstreamBodyMaxBytes: 2 * client.maxFrameBytes + 1_024,
    trustedProxies: server.trustedProxies,
    allowedOrigins: server.origins,
    transports: server.transports,
    loopbackOriginOnly: development && !developmentOnAnyHost,
    maxConnections: server.maxConnections,
    attemptsPerSecond: server.connectionAttemptsPerSecond,
    attemptsBurst: server.connectionAttemptsBurst,
  };
}

/** Throws `ConfigError` where a file cannot be read. */
function readTls({
  values,
  cwd,
}: ResolvedConfig): { readonly cert: string; readonly key: string } | undefined {
  const { cert, key } = values.server.tls;
  if (cert === undefined || key === undefined) return undefined;
  const read = (field: string, path: string): string => {
    try {
      return readFileSync(resolve(cwd, path), 'utf8');
    } catch (cause) {
      throw new ConfigError([
        { path: `server.tls.${field}`, message: `cannot be read: ${(cause as Error).message}` },
      ]);
    }
  };
  return { cert: read('cert', cert), key: read('key', key) };
}

function withoutAbsent({ key, sha256, ...rest }: Config['api']['keys'][number]): ApiKeyOptions {
  return { ...rest, ...(key === undefined ? {} : { key }), ...(sha256 === undefined ? {} : { sha256 }) };
}
