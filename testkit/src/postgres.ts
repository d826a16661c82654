/**
 * A real PostgreSQL server on a free port with a directory of its own, for tests that kill, freeze and restart it. The server refuses to run as root,
 * so a root runner lends it the account `postgres` (or `nobody`). Where the binaries are missing a test fails and says so: a suite that quietly
 * runs on one engine of two proves nothing.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { startProgram, type Program } from './program.js';
import { until } from './waiting.js';

const run = promisify(execFile);

/** Where Debian and its kin put the binaries, one folder per version. */
const DEBIAN = '/usr/lib/postgresql';

export interface PostgresServer extends Program {
  /** Of the database `postgres`. */
  readonly url: string;
  /** Makes an empty database and resolves with its URL. */
  createDatabase(name: string): Promise<string>;
}

/** `settings` are lines of the configuration, such as `max_connections=20`. What it acknowledged it keeps across `restart`. */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
  const binary = findPostgres();
  const account = accountForRoot();
  const url = (port: number, database: string): string =>
    `postgres://trunkline@127.0.0.1:${port}/${database}`;
  const sql = (port: number, command: string): Promise<unknown> =>
    run(join(dirname(binary), 'psql'), ['-X', '-q', '-d', url(port, 'postgres'), '-c', command]);
  const program = await startProgram({
    name: 'postgres',
    binary,
    ...account,
    env: { LC_ALL: 'C.UTF-8' },
    prepare: async ({ directory }) => {
      if (account) chownSync(directory, account.uid, account.gid);
      const args = [
        '-D',
        join(directory, 'data'),
        '-U',
        'trunkline',
        '-A',
        'trust',
        '-E',
        'UTF8',
        '--locale=C.UTF-8',
        '--no-sync',
      ];
      await run(join(dirname(binary), 'initdb'), args, { ...account, cwd: directory });
      // A file, so that a restart reads what was given at first.
      const lines = [
        "listen_addresses='127.0.0.1'",
        "unix_socket_directories=''",
        'fsync=off',
        'shared_buffers=32MB',
        ...settings,
      ];
      writeFileSync(join(directory, 'data', 'postgresql.auto.conf'), `${lines.join('\n')}\n`);
    },
    args: ({ port, directory }) => ['-D', join(directory, 'data'), '-p', String(port)],
    ready: async ({ port }) => {
      await sql(port, 'SELECT 1');
      return true;
    },
  });
  const { kill9, restart, dispose } = program;
  const killAll = async (): Promise<void> => {
    const children = program.running ? childrenOf(program.pid) : [];
    await kill9();
    for (const pid of children) killQuietly(pid);
    // The next server does not start while a child of this one holds its memory.
    await until('the processes of the server are gone', () => !children.some(isRunning));
  };
  return Object.assign(program, {
    url: url(program.port, 'postgres'),
    createDatabase: async (name: string) => {
      await sql(program.port, `CREATE DATABASE "${name}"`);
      return url(program.port, name);
    },
    kill9: killAll,
    restart: async () => {
      await killAll();
      await restart();
    },
    dispose: async () => {
      await killAll();
      await dispose();
    },
  });
}

/** `POSTGRES_BIN`, or the newest that Debian's packages brought. */
function findPostgres(): string {
  const named = process.env['POSTGRES_BIN'];
  const versions = existsSync(DEBIAN)
    ? readdirSync(DEBIAN).sort((left, right) => Number(right) - Number(left))
    : [];
  const binary =
    named ?? versions.map((version) => join(DEBIAN, version, 'bin', 'postgres')).find(existsSync);
  if (binary === undefined)
    throw new Error(
      'PostgreSQL is missing: `apt-get install postgresql`, or name its binary `postgres` in POSTGRES_BIN',
    );
  return binary;
}

function accountForRoot(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such account: the next one.
    }
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run it as',
  );
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** False also for a process that ended and was not waited for. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
