/** Where clients come in: metrics, the entrance of connections, and the HTTP application that carries both. Listening is the caller's. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEntrance, type Entrance } from '@trunkline/transport';
import { ConfigError, type ResolvedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { createHttpApp } from '../http/app.js';
import { createNodeMetrics, type NodeMetrics } from '../http/metrics.js';
import { createStoreMetrics } from '../store/metrics.js';
import type { ServerStore } from '../store/server-store.js';
import { VERSION } from '../version.js';
import type { BuildingDeps, BuiltHub } from './hub.js';
import type { People } from './people.js';

export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface FrontOptions {
  readonly tls: Tls | undefined;
  readonly consoleDir: string | undefined;
  /** A fresh link into the console; absent where that is off. */
  readonly newLink: (() => { readonly link: string; readonly expiresMs: number }) | undefined;
  /** The store as far as readiness is concerned. */
  readonly readiness: Pick<ServerStore, 'health'> | undefined;
}

const CONSOLE_DIR = fileURLToPath(new URL('../../../console/dist', import.meta.url));

/** Beside it, what the store commits goes to the broker from here on. */
export function openMetrics(
  { clock, stack }: BuildingDeps,
  { metrics: section }: Config,
  store: ServerStore | undefined,
  { hub, carry }: BuiltHub,
): NodeMetrics | undefined {
  const metrics = section.enabled
    ? createNodeMetrics(hub, { perOrg: section.perOrg, process: true })
    : undefined;
  if (metrics) stack.defer(() => metrics.registry.clear());
  if (store && metrics) {
    const { onCommit, observing } = createStoreMetrics(metrics.registry, clock, store);
    store.observe(onCommit);
    store.dispatchTo(observing(carry));
  } else store?.dispatchTo(carry);
  return metrics;
}

export async function buildFront(
  { clock, random, logger, nodeId, validator, stack }: BuildingDeps,
  { values }: ResolvedConfig,
  { directory, guesses, sessions, oidc, apiKeys, authenticator }: People,
  { hub, tracer }: BuiltHub,
  metrics: NodeMetrics | undefined,
  { tls, consoleDir = CONSOLE_DIR, newLink, readiness }: FrontOptions,
): Promise<{ readonly entrance: Entrance; readonly app: Awaited<ReturnType<typeof createHttpApp>> }> {
  const entrance = createEntrance({ clock, random, logger, hub }, toEntranceOptions(values));
  const app = await createHttpApp(
    {
      entrance,
      clock,
      random,
      logger,
      hub,
      validator,
      apiKeys,
      authenticator,
      ...(sessions && newLink ? { sessions, newLink } : {}),
      ...(oidc ? { oidc } : {}),
      ...(directory
        ? {
            isInvited: async (token, address) =>
              (await guesses.of(address, () => directory.invitations.findOpen(token))) !== undefined,
            onKeyUse: (use) => directory.noteUse(use),
          }
        : {}),
      ...(readiness ? { store: readiness } : {}),
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
      consoleDir,
      ...(values.metrics.token === undefined ? {} : { metricsToken: values.metrics.token }),
      ...(tls === undefined ? {} : { tls }),
    },
  );
  stack.defer(() => app.close());
  // Closed before the server it hangs on.
  stack.use(entrance).attach(app.server);
  return { entrance, app };
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
export function readTls({ values, cwd }: ResolvedConfig): Tls | undefined {
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

/** Whether browsers reach the console over TLS, at this server or at a proxy in front of it. */
export function isSecure({ server: { publicUrl } }: Config, tls: Tls | undefined): boolean {
  return publicUrl === undefined ? tls !== undefined : publicUrl.startsWith('https:');
}
