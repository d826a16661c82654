/** Builds a store: an engine, the committer and the reader on it, and what stands on those. Sees all the rooms of this package. */
import { DisposeStack, randomId, type Clock, type Logger, type Random } from '@trunkline/base';
import { StoreChannels } from './channels/channels.js';
import { Committer } from './commit/committer.js';
import { openEmbedded } from './embedded/engine.js';
import type { Engine, Session } from './engine.js';
import { StoreIdempotency } from './idempotency/idempotency.js';
import { MigrationRunner } from './migrations/runner.js';
import { STORE_MIGRATIONS } from './migrations/tables.js';
import {
  resolvePostgresOptions,
  resolveStoreOptions,
  type DatabaseOptions,
  type ResolvedStoreOptions,
  type StoreOptions,
} from './options.js';
import { Dispatcher } from './outbox/dispatcher.js';
import { openPostgres } from './postgres/engine.js';
import { Reader } from './reader.js';
import type { SqlResult } from './statement.js';
import { Sweeper } from './sweeper.js';
import { exportRows, importRows } from './transfer.js';
import type { Store } from './types.js';
import type { Committing, Reading } from './unit.js';

export interface StoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For tests: stands between the store and its sessions, to fail or to die between two statements. */
  readonly intercept?: (session: Session) => Session;
}

/**
 * Opens the database, brings the store's own tables up to date, and begins housekeeping. The outbox is dispatched from `outbox.start` on. The
 * caller disposes it.
 *
 * Fails with 1107 where another process has the data directory, 1100 where the server cannot be reached, 1108 where the directory cannot be
 * used, 1109 where the tables are a newer version's.
 */
export async function openStore(deps: StoreDeps, options: StoreOptions): Promise<Store> {
  const resolved = resolveStoreOptions(options);
  const engine = await openEngine(deps, options.database);
  try {
    await new MigrationRunner({ ...deps, engine }).run([STORE_MIGRATIONS]);
  } catch (cause) {
    await engine.dispose();
    throw cause;
  }
  return assembleStore(deps, engine, resolved);
}

/** What stands on an engine whose tables are there. The store disposes the engine, also where this fails. */
export async function assembleStore(
  deps: StoreDeps,
  engine: Engine,
  resolved: ResolvedStoreOptions,
): Promise<Store> {
  const stack = new DisposeStack();
  try {
    stack.use(engine);
    const migrations = new MigrationRunner({ ...deps, engine });
    const reader = new Reader(engine, resolved.reader);
    const committer: Committer = stack.use(
      new Committer({ ...deps, engine, onWake: () => dispatcher.wake() }, resolved.committer),
    );
    const access: Committing & Reading = {
      commit: (unit) => committer.commit(unit),
      read: (statement) => reader.read(statement),
    };
    const channels = new StoreChannels({ ...deps, store: access }, resolved.channels);
    const idempotency = new StoreIdempotency({ ...deps, store: access }, resolved.idempotency);
    const dispatcher: Dispatcher = stack.use(
      new Dispatcher({ ...deps, engine, store: access }, resolved.dispatcher),
    );
    const sweeper = stack.use(new Sweeper(deps));

    if (await engine.isRewound()) {
      const renewed = await channels.renewEpochs();
      await engine.clearRewound();
      deps.logger.warn(
        { channels: renewed },
        'the data may be older than what was acknowledged: durable channels have new epochs',
      );
    }
    const { publicationsMs, idempotencyMs, maintenanceMs } = resolved.housekeeping;
    sweeper.start([
      { name: 'publications', intervalMs: publicationsMs, run: () => channels.sweep() },
      { name: 'idempotency', intervalMs: idempotencyMs, run: () => idempotency.sweep() },
      { name: 'maintenance', intervalMs: maintenanceMs, run: () => engine.maintain() },
    ]);

    return {
      ...access,
      engine: engine.kind,
      channels,
      outbox: dispatcher,
      idempotency,
      migrations,
      status: async () => {
        const { rows } = await reader.read<SqlResult>({ sql: 'SELECT version() AS version' });
        return { engine: engine.kind, version: String(rows[0]?.['version']), ...committer.counts };
      },
      backup: (path) => engine.backup(path),
      exportRows: (owners) => exportRows(engine, owners),
      importRows: (lines) =>
        importRows(engine, lines, [
          { sql: 'UPDATE store_channels SET epoch = $1', parameters: [randomId(deps.random, 8)] },
        ]),
      dispose: () => stack.dispose(),
    };
  } catch (cause) {
    await stack.dispose();
    throw cause;
  }
}

function openEngine(deps: StoreDeps, database: DatabaseOptions): Promise<Engine> {
  if (database.kind === 'embedded') return openEmbedded(deps, database);
  return Promise.resolve(openPostgres(deps, resolvePostgresOptions(database)));
}
