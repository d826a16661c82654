/**
 * `trunkline store …`: the database of the server that is configured here, with or without a running server: how it is, a copy of it, the copy put back,
 * its rows as text and in again, and its migrations. What cannot be done while a server has the database open is done by that server, or says so.
 */
import type { Command } from 'commander';
import { withExample } from '../connection-options.js';
import { plural, table } from '../format.js';
import type { Io } from '../io.js';
import type { LoadServer } from '../server-port.js';
import { backupThroughServer, statusThroughServer } from './store-running.js';
import {
  configOf,
  existingFile,
  newFile,
  openStore,
  openStoreOrAsk,
  toStoreFailure,
  withConfig,
  type StoreOptions,
} from './store-place.js';
import { readLines, writeLines } from './store-lines.js';

interface RestoreOptions extends StoreOptions {
  readonly replace?: boolean;
}

interface MigrateOptions extends StoreOptions {
  readonly contract?: boolean;
}

export function addStore(program: Command, io: Io, loadServer: LoadServer): void {
  const store = program
    .command('store')
    .summary('the database of the server configured here')
    .description(
      'Works on the database of the server that is configured here: the embedded one in its data directory, or PostgreSQL.',
    );
  withExample(
    withConfig(store.command('status'))
      .summary('which database, does it answer, are its tables up to date')
      .description('Shows which database it is, whether it answers, and which migrations it has.')
      .action((options: StoreOptions) => status(io, loadServer, options)),
    'trunkline store status',
  );
  withExample(
    withConfig(store.command('backup').argument('<file>', 'a new file, .tar.gz or .tar'))
      .summary('a copy of the embedded database in one file')
      .description(
        'Writes a copy of the whole embedded database into FILE, consistent as of now. A running server is asked to do it. PostgreSQL is backed up with its own tools.',
      )
      .action((file: string, options: StoreOptions) => backup(io, loadServer, file, options)),
    'trunkline store backup trunkline.tar.gz',
  );
  withExample(
    withConfig(store.command('restore').argument('<file>', 'what `store backup` or `store export` wrote'))
      .summary('put a backup, or exported rows, in place')
      .description(
        'Puts a backup in the place of the embedded database, or fills empty tables from exported rows (a file that ends in .jsonl). The server must not run. Channels get new epochs, so that readers start anew.',
      )
      .option('--replace', 'a backup: keep the database that is there beside the restored one')
      .action((file: string, options: RestoreOptions) => restore(io, loadServer, file, options)),
    'trunkline store restore trunkline.tar.gz --replace',
    'trunkline store restore rows.jsonl --config on-postgres.yaml',
  );
  withExample(
    withConfig(store.command('export').argument('<file>', 'a new file, .jsonl'))
      .summary('all rows as lines of JSON')
      .description(
        'Writes every row of every table into FILE as lines of JSON, for another database of either kind. The server on an embedded database must not run.',
      )
      .action((file: string, options: StoreOptions) => exportRows(io, loadServer, file, options)),
    'trunkline store export rows.jsonl',
  );
  withExample(
    withConfig(store.command('migrate'))
      .summary('bring the tables up to date')
      .description(
        'Applies the migrations that are missing, as a starting server does; with --contract also those that take away what older versions use.',
      )
      .option('--contract', 'also what no running server of an older version survives')
      .action((options: MigrateOptions) => migrate(io, loadServer, options)),
    'trunkline store migrate --contract',
  );
}

async function status(io: Io, loadServer: LoadServer, options: StoreOptions): Promise<void> {
  const server = await loadServer();
  const config = configOf(io, server, options);
  const place = config.values.store.url === undefined ? server.storeDirectory(config) : 'PostgreSQL';
  const opened = await openStoreOrAsk(server, config, () => statusThroughServer(io, options));
  if (opened.kind === 'asked')
    return void (await io.out(
      options.json === true
        ? `${JSON.stringify({ place, running: true, ...opened.answer })}\n`
        : `${place}\nopen in a running server, ${opened.answer.state}\n`,
    ));
  const { store } = opened;
  try {
    const facts = await store.status();
    const migrations = await store.migrations.status(server.MODULE_MIGRATIONS);
    const owners = await server.storeOwners(store);
    const depth = await store.outbox.depth();
    if (options.json === true)
      return void (await io.out(
        `${JSON.stringify({ place, running: false, ...facts, outboxDepth: depth, owners, migrations })}\n`,
      ));
    await io.out(
      `${place}\n${facts.version}\n${plural(depth, 'publication')} to be dispatched\ntables of ${owners.join(', ')}\n`,
    );
    await io.out(
      table(migrations, [
        { title: 'MIGRATION', value: (row) => `${row.owner}/${row.name}` },
        { title: 'KIND', value: (row) => row.phase },
        { title: 'STATE', value: (row) => row.state },
      ]),
    );
  } catch (cause) {
    throw toStoreFailure(cause);
  } finally {
    await store.dispose();
  }
}

async function backup(io: Io, loadServer: LoadServer, file: string, options: StoreOptions): Promise<void> {
  const server = await loadServer();
  const config = configOf(io, server, options);
  const path = newFile(io, file);
  const opened = await openStoreOrAsk(server, config, () => backupThroughServer(io, options, path));
  if (opened.kind === 'opened') {
    try {
      await opened.store.backup(path);
    } catch (cause) {
      throw toStoreFailure(cause);
    } finally {
      await opened.store.dispose();
    }
  }
  await say(io, options, { file: path }, `the database is in ${path}\n`);
}

async function restore(io: Io, loadServer: LoadServer, file: string, options: RestoreOptions): Promise<void> {
  const server = await loadServer();
  const config = configOf(io, server, options);
  const path = existingFile(io, file);
  if (file.endsWith('.jsonl')) {
    const store = await openStore(server, config);
    try {
      await store.migrations.run(server.MODULE_MIGRATIONS);
      const rows = await store.importRows(readLines(path));
      await say(io, options, { rows }, `${plural(rows, 'row')} taken in\n`);
    } catch (cause) {
      throw toStoreFailure(cause);
    } finally {
      await store.dispose();
    }
    return;
  }
  try {
    const { keptAt } = await server.restoreStore(config, path, { replace: options.replace === true });
    const kept = keptAt === undefined ? '' : `what was there is kept in ${keptAt}\n`;
    await say(
      io,
      options,
      { keptAt },
      `${path} is in place; channels begin new epochs with the next start\n${kept}`,
    );
  } catch (cause) {
    throw toStoreFailure(cause);
  }
}

async function exportRows(
  io: Io,
  loadServer: LoadServer,
  file: string,
  options: StoreOptions,
): Promise<void> {
  const server = await loadServer();
  const config = configOf(io, server, options);
  const path = newFile(io, file);
  const store = await openStore(server, config);
  try {
    const lines = await writeLines(path, store.exportRows(await server.storeOwners(store)));
    await say(io, options, { file: path, lines }, `${plural(lines, 'line')} in ${path}\n`);
  } catch (cause) {
    throw toStoreFailure(cause);
  } finally {
    await store.dispose();
  }
}

async function migrate(io: Io, loadServer: LoadServer, options: MigrateOptions): Promise<void> {
  const server = await loadServer();
  const store = await openStore(server, configOf(io, server, options));
  try {
    const contract = options.contract === true;
    const applied = await store.migrations.run(server.MODULE_MIGRATIONS, { contract });
    await say(
      io,
      options,
      { applied },
      applied.length === 0
        ? 'the tables are up to date\n'
        : applied.map((name) => `applied ${name}\n`).join(''),
    );
  } catch (cause) {
    throw toStoreFailure(cause);
  } finally {
    await store.dispose();
  }
}

async function say(io: Io, { json }: StoreOptions, facts: object, text: string): Promise<void> {
  await io.out(json === true ? `${JSON.stringify(facts)}\n` : text);
}
