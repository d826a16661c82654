/** Which database a configuration means, and whether there is one at all. */
import { access, constants, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore, type DatabaseOptions, type Store, type StoreDeps } from '@trunkline/store';
import type { ResolvedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';

/** An empty database is made once for an installation and copied from here: seconds become a fraction of one. */
const TEMPLATE_DIRECTORY = fileURLToPath(new URL('../../dist/store-template', import.meta.url));

/** Nodes that share channels over Redis, and no database, have no store: each would keep its own truth. */
export function mayHaveStore({ store, redis }: Config): boolean {
  return store.enabled && (store.url !== undefined || redis.url === undefined);
}

/** Whether the configuration itself needs the store. */
export function needsStore({ channels, store }: Config): boolean {
  return (
    store.url !== undefined ||
    channels.default?.class === 'durable' ||
    channels.namespaces.some((namespace) => namespace.class === 'durable')
  );
}

/** Where the embedded database lies. */
export function storeDirectory({ values, cwd }: ResolvedConfig): string {
  return resolve(cwd, values.dataDir, 'store');
}

/** Opens the configured database; fails as `openStore` does. */
export async function openConfiguredStore(deps: StoreDeps, config: ResolvedConfig): Promise<Store> {
  const { store } = config.values;
  return openStore(deps, {
    database:
      store.url === undefined
        ? await embedded(config)
        : { kind: 'postgres', url: store.url, maxConnections: store.maxConnections },
    idempotency: { retentionMs: store.keyTtl },
  });
}

async function embedded(config: ResolvedConfig): Promise<DatabaseOptions> {
  const directory = storeDirectory(config);
  const templateDirectory = await writableTemplateDirectory();
  return { kind: 'embedded', directory, ...(templateDirectory === undefined ? {} : { templateDirectory }) };
}

/** An installation that may not be written to does without, unless a template was put there before. */
async function writableTemplateDirectory(): Promise<string | undefined> {
  try {
    await mkdir(TEMPLATE_DIRECTORY, { recursive: true });
    await access(TEMPLATE_DIRECTORY, constants.W_OK);
    return TEMPLATE_DIRECTORY;
  } catch {
    return undefined;
  }
}
