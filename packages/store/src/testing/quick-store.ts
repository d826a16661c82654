/** A real store for other rooms' tests: the embedded engine in a directory of its own, made from a kept template, emptied between tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import type { MigrationSet } from '../migrations/types.js';
import type { StoreOptions } from '../options.js';
import type { SqlResult, Statement } from '../statement.js';
import { openStore, type StoreDeps } from '../store.js';
import { TABLES } from '../transfer.js';
import type { Store } from '../types.js';

/** Where the template is kept: the first use on a machine makes it, which takes seconds. */
export const TEMPLATE_DIRECTORY = fileURLToPath(new URL('../../../../.cache/pglite', import.meta.url));

export interface TestStore {
  readonly store: Store;
  /** Deletes all rows of the owners' tables and of the store's own, lists of migrations excepted. */
  reset(): Promise<void>;
  /** Closes the store and removes its directory. */
  dispose(): Promise<void>;
}

/** Opens an empty store and applies `migrations` (contract ones included). */
export async function createTestStore(
  migrations: readonly MigrationSet[] = [],
  given: Partial<StoreDeps> & { readonly options?: Omit<StoreOptions, 'database'> } = {},
): Promise<TestStore> {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-store-'));
  const { options, ...deps } = given;
  const store = await openStore(
    { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger, ...deps },
    { ...options, database: { kind: 'embedded', directory, templateDirectory: TEMPLATE_DIRECTORY } },
  );
  await store.migrations.run(migrations, { contract: true });
  return {
    store,
    reset: () => emptyStore(store, migrations),
    dispose: async () => {
      await store.dispose();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Deletes rows, those that refer to others first. */
export async function emptyStore(store: Store, migrations: readonly MigrationSet[]): Promise<void> {
  const owners = ['store', ...migrations.map(({ owner }) => owner)];
  const { rows } = await store.read<SqlResult>({ sql: TABLES, parameters: [owners] });
  const statements = rows.map(({ name }): Statement => ({ sql: `DELETE FROM ${String(name)}` })).reverse();
  await store.commit({ statements });
}
