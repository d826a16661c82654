/** The configured store without a server: for the command line. One process at a time has an embedded database (1107). */
import { DIRECTORY_MIGRATIONS } from '@trunkline/module-directory';
import { KUBE_MIGRATIONS } from '@trunkline/module-kube';
import { rename } from 'node:fs/promises';
import { createSystemClock, createSystemRandom, silentLogger, type Logger } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import {
  restoreEmbedded,
  sql,
  STORE_CODES,
  type MigrationSet,
  type SqlResult,
  type Store,
} from '@trunkline/store';
import type { ResolvedConfig } from '../config/load.js';
import { openConfiguredStore, storeDirectory } from './open.js';

/** Tables of the modules that come with the server, made when the store opens. */
export const MODULE_MIGRATIONS: readonly MigrationSet[] = [DIRECTORY_MIGRATIONS, KUBE_MIGRATIONS];

/** Code of a database that another process has open. */
export const STORE_IN_USE = STORE_CODES.storeLocked.code;

/** Opens it; the caller disposes it. Fails as `openStore` does. */
export function openStoreOffline(config: ResolvedConfig, logger: Logger = silentLogger): Promise<Store> {
  return openConfiguredStore({ clock: createSystemClock(), random: createSystemRandom(), logger }, config);
}

/**
 * Puts a backup in the place of the embedded database. One that is there already is refused (1108), or, with `replace`, kept beside; its new path is
 * the answer. Fails with 1107 where a server has it open.
 */
export async function restoreStore(
  config: ResolvedConfig,
  from: string,
  { replace }: { readonly replace: boolean },
): Promise<{ readonly keptAt?: string }> {
  const clock = createSystemClock();
  const deps = { clock, random: createSystemRandom(), logger: silentLogger };
  const directory = storeDirectory(config);
  try {
    await restoreEmbedded(deps, directory, from);
    return {};
  } catch (cause) {
    const occupied = cause instanceof CodedError && cause.code === STORE_CODES.storeUnusable.code;
    if (!replace || !occupied) throw cause;
  }
  // Refused because something is there, and by then the lock was had: no server runs on it.
  const keptAt = `${directory}.before-${new Date(clock.now()).toISOString().replace(/[:.]/g, '-')}`;
  await rename(directory, keptAt);
  try {
    await restoreEmbedded(deps, directory, from);
  } catch (cause) {
    await rename(directory, `${keptAt}-failed`).catch(() => undefined);
    await rename(keptAt, directory);
    throw cause;
  }
  return { keptAt };
}

/** Whose tables the database holds: those with migrations. */
export async function storeOwners(store: Store): Promise<readonly string[]> {
  const { rows } = await store.read<SqlResult>(
    sql`SELECT relname::text AS name FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname LIKE '%\\_migrations' ORDER BY relname LIMIT 1000`,
  );
  return rows.map(({ name }) => String(name).slice(0, -'_migrations'.length));
}
