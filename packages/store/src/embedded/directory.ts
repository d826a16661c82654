/**
 * What lies in a data directory: `lock`, `pg/` (the database), and `renew-epochs` while a rewind is to be dealt with. A new database is made
 * beside and renamed, so that a half-made one is never opened. Making one takes seconds; a template, a finished empty database kept in a folder
 * of its own, is copied in a fraction of one.
 */
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomId, type Clock, type Logger, type Random } from '@trunkline/base';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '../codes.js';
import { DatabaseThread } from './thread.js';

export interface DirectoryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Names the version of the database and what was done to the template; a test compares it with the installed package. */
export const TEMPLATE_NAME = 'pglite-0.5.16';

/** PostgreSQL's version of the files. */
const MAJOR_VERSION = '18';

/** The folder of the database in a data directory that exists, made if it is not there yet. */
export async function prepareDatabase(
  deps: DirectoryDeps,
  directory: string,
  templateDirectory?: string,
): Promise<string> {
  const database = join(directory, 'pg');
  const version = await readFile(join(database, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version !== undefined) {
    if (version.trim() === MAJOR_VERSION) return database;
    throw new CodedError(
      STORE_CODES.storeUnusable,
      `data directory: made by PostgreSQL ${version.trim()}, this version reads ${MAJOR_VERSION}; export the rows with the version that made it`,
    );
  }
  const template =
    templateDirectory === undefined ? undefined : await ensureTemplate(deps, templateDirectory);
  await replaceFolder(database, `${database}.new`, (folder) =>
    template === undefined ? makeDatabase(deps, folder) : cp(template, folder, { recursive: true }),
  );
  return database;
}

/** Puts the backup `from` into a data directory without a database. Whoever opens it next gives channels new epochs. */
export async function restoreDatabase(deps: DirectoryDeps, directory: string, from: string): Promise<void> {
  const database = join(directory, 'pg');
  if (await exists(database))
    throw new CodedError(STORE_CODES.storeUnusable, 'data directory: a backup is restored into an empty one');
  if (!(await exists(from))) throw new CodedError('notFound', `backup file ${from}`);
  await markRewound(directory);
  await replaceFolder(database, `${database}.new`, (folder) => makeDatabase(deps, folder, from));
}

/** The template in `folder`, made if it is not there yet. Processes may race: one of them keeps its own. */
async function ensureTemplate(deps: DirectoryDeps, folder: string): Promise<string> {
  const template = join(folder, TEMPLATE_NAME);
  if (await exists(join(template, 'PG_VERSION'))) return template;
  await mkdir(folder, { recursive: true });
  await replaceFolder(template, `${template}.${randomId(deps.random, 8)}`, (made) =>
    makeDatabase(deps, made),
  );
  return template;
}

async function makeDatabase(deps: DirectoryDeps, folder: string, from?: string): Promise<void> {
  try {
    const thread = await DatabaseThread.open(deps, folder, from);
    await thread.close();
  } catch (cause) {
    throw new CodedError(
      STORE_CODES.storeUnusable,
      from === undefined ? 'the database could not be made' : 'the backup could not be read',
      { cause },
    );
  }
}

async function replaceFolder(
  target: string,
  beside: string,
  make: (folder: string) => Promise<void>,
): Promise<void> {
  await rm(beside, { recursive: true, force: true });
  try {
    await make(beside);
    await rename(beside, target);
  } catch (cause) {
    // Somebody else was quicker: theirs is as good.
    if (!(await exists(join(target, 'PG_VERSION')))) throw cause;
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

const REWOUND = 'renew-epochs';

/** Notes that the database may be older than what was acknowledged. */
export async function markRewound(directory: string): Promise<void> {
  await writeFile(join(directory, REWOUND), '');
}

export function isRewound(directory: string): Promise<boolean> {
  return exists(join(directory, REWOUND));
}

export async function clearRewound(directory: string): Promise<void> {
  await rm(join(directory, REWOUND), { force: true });
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
