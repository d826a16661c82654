/**
 * Builds a whole server, top to bottom, out of a configuration: people (`building/people.ts`), the hub and its modules (`building/hub.ts`), and where clients come
 * in (`building/front.ts`). What is built first is closed last. It installs no signal handlers and never ends the process: that is `main.ts`.
 */
import type { AddressInfo } from 'node:net';
import {
  createSystemClock,
  createSystemRandom,
  DisposeStack,
  randomId,
  sleep,
  type Clock,
  type Logger,
  type Random,
} from '@trunkline/base';
import type { Hub, Module } from '@trunkline/hub';
import { closeOf } from '@trunkline/protocol';
import type { StoreDeps } from '@trunkline/store';
import type { Entrance } from '@trunkline/transport';
import type { ConsoleSessions, EndedSession } from './auth/console-sessions.js';
import { leaveDevState } from './building/development.js';
import { buildFront, isSecure, openMetrics, readTls } from './building/front.js';
import { buildHub, useBuiltIn, useGiven, type ModuleServices } from './building/hub.js';
import { openPeople } from './building/people.js';
import type { ResolvedConfig } from './config/load.js';
import { isWanted } from './directory/open.js';
import { createValidatorCompiler } from './http/validator.js';
import { addressOf, ListenError } from './listening.js';
import { createLogger } from './logging.js';
import { needsStore } from './store/open.js';
import type { ServerStore } from './store/server-store.js';
import { VERSION } from './version.js';

export type { ModuleServices };

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
  const { environment = process.env, modules = [], interceptStore, consoleDir } = context;
  let hub: Hub | undefined;
  let entrance: Entrance | undefined;

  const start = async (): Promise<StartedServer> => {
    const tls = readTls(config);
    /** Where browsers reach the server; what was bound is known once it listens. */
    let publicUrl = values.server.publicUrl?.replace(/\/+$/, '') ?? '';
    const people = await openPeople(
      {
        clock,
        random,
        logger,
        stack,
        interceptStore,
        onSessionEnd: endConnections,
        publicUrl: () => publicUrl,
        secure: isSecure(values, tls),
      },
      config,
    );
    const { store, directory, sessions, devKey } = people;
    const linkInto = (door: ConsoleSessions) => ({
      link: `${publicUrl}/console/login?code=${door.createLinkCode()}`,
      expiresMs: clock.now() + values.console.linkTtl,
    });
    const validator = createValidatorCompiler();
    const deps = { clock, random, logger, nodeId, validator, stack, environment };
    const built = await buildHub(deps, config, people);
    hub = built.hub;
    await useBuiltIn(deps, config, people, built);
    const modulesNeedStore = await useGiven(built.hub, store, modules);
    const metrics = openMetrics(deps, values, store, built);

    // Beside the rest of the start: a database takes longer than everything else together.
    const wanted = directory !== undefined && isWanted(config);
    const needed = modulesNeedStore || wanted || needsStore(values);
    const atStart = values.store.open === 'start' || values.store.url !== undefined;
    const opening = needed && atStart ? store?.open() : undefined;
    let isChecking = wanted && opening !== undefined;
    const front = await buildFront(deps, config, people, built, metrics, {
      tls,
      consoleDir,
      newLink: sessions && (() => linkInto(sessions)),
      readiness: store && readinessOf(store, () => isChecking),
    });
    entrance = front.entrance;

    const { host, port } = values.server;
    await front.app.listen({ host, port }).catch((cause: unknown) => {
      throw new ListenError(host, port, cause as NodeJS.ErrnoException);
    });
    const bound = (front.app.server.address() as AddressInfo).port;
    const local = addressOf(host, bound, tls !== undefined);
    if (publicUrl === '') publicUrl = local;
    await opening;
    // What is wrong with it is said now, not at the first use; where the store is opened on use it does not keep the start waiting.
    const reading = wanted ? directory?.start() : undefined;
    if (opening) await reading;
    else reading?.catch((err: unknown) => logger.error({ err }, 'the directory cannot be read'));
    isChecking = false;
    if (values.kube.demo.run === 'start') await built.clusters.demo?.start();
    const { development } = values;
    logger.info({ url: publicUrl, host, port: bound, version: VERSION, development }, 'listening');
    return {
      url: publicUrl,
      port: bound,
      ...(sessions ? { consoleLink: linkInto(sessions).link } : {}),
      ...(devKey === undefined
        ? {}
        : { stateFile: await leaveDevState({ clock, stack }, config, local, devKey) }),
    };
  };

  /** Of a session in memory; those in the store are the directory module's matter. */
  const endConnections = ({ user, org, id }: EndedSession): void => {
    hub
      ?.forOrg(org)
      .disconnect({ user, sessions: [id] }, closeOf('stateInvalidated', 'the session is over'))
      .catch((err: unknown) => logger.warn({ err, org }, 'connections could not be ended'));
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

/** Not ready while it may turn out that the key of secrets is a wrong one: this process would end. */
function readinessOf(store: ServerStore, isChecking: () => boolean): Pick<ServerStore, 'health'> {
  return {
    get health() {
      const { health } = store;
      return isChecking() && health.state === 'up' ? { ...health, state: 'opening' as const } : health;
    },
  };
}
