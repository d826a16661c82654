/**
 * Programs that the system tests start themselves, beside Node: where they are looked for, what they are for, and which package brings
 * them. What is missing is installed in one go where that is possible (root, apt-get); otherwise what to install is printed.
 */
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { kubeFolder } from './kube-build.mjs';
import { run, timed } from './run.mjs';

/**
 * @typedef {object} Program
 * @property {string} name as it is called in messages
 * @property {string} variable of the environment that may name the binary; set for the tests
 * @property {readonly string[]} binaries names of the file, best first
 * @property {readonly string[]} folders looked through before the path; a last part `*` stands for its newest folder
 * @property {string} use what needs it
 * @property {string} debianPackage `''` where no package carries it
 * @property {string} [elsewhere] how it is had where no package carries it. It may be missing: its tests run on something else then
 */

const SYSTEM = ['/usr/bin', '/usr/sbin', '/usr/local/bin'];

/** @type {readonly Program[]} */
export const PROGRAMS = [
  {
    name: 'chromium',
    variable: 'CHROMIUM_BIN',
    binaries: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    folders: SYSTEM,
    use: 'the browser tests',
    debianPackage: 'chromium',
  },
  {
    name: 'redis-server',
    variable: 'REDIS_SERVER_BIN',
    binaries: ['redis-server', 'valkey-server'],
    folders: SYSTEM,
    use: 'the tests of the broker on Redis',
    debianPackage: 'redis-server',
  },
  {
    name: 'postgres',
    variable: 'POSTGRES_BIN',
    binaries: ['postgres'],
    folders: ['/usr/lib/postgresql/*/bin', ...SYSTEM],
    use: 'the tests of the store on PostgreSQL',
    debianPackage: 'postgresql',
  },
  ...['nginx', 'caddy', 'haproxy'].map((name) => ({
    name,
    variable: `${name.toUpperCase()}_BIN`,
    binaries: [name],
    folders: SYSTEM,
    use: 'the tests behind proxies',
    debianPackage: name === 'nginx' ? 'nginx-light' : name,
  })),
  ...['kube-apiserver', 'etcd'].map((name) => ({
    name,
    variable: `${name.toUpperCase().replace('-', '_')}_BIN`,
    binaries: [name],
    folders: [kubeFolder(), kubeFolder('own'), ...SYSTEM],
    use: 'the conformance tests on a real Kubernetes API server; without it they run on the simulated one alone',
    debianPackage: '',
    elsewhere: '`npm run setup:kube` builds it once, in 5 to 15 minutes',
  })),
];

/**
 * @param {Program} program
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} path; undefined also where the variable names what cannot be run
 */
export function findProgram({ variable, binaries, folders }, env = process.env) {
  const named = env[variable];
  if (named !== undefined) return isExecutable(named) ? named : undefined;
  for (const folder of [...folders.flatMap(newest), ...(env['PATH'] ?? '').split(delimiter)]) {
    for (const name of binaries) if (isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/** @param {string} folder @returns {string[]} */
function newest(folder) {
  const [before, after] = folder.split('/*');
  if (before === undefined || after === undefined) return [folder];
  try {
    const versions = readdirSync(before).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => `${before}/${version}${after}`);
  } catch {
    return [];
  }
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns {Promise<ReadonlyMap<Program, string | undefined>>} paths; for what is still missing, what to do has been printed */
export async function ensurePrograms() {
  const missing = PROGRAMS.filter((program) => findProgram(program) === undefined);
  const installable = missing.filter(
    ({ variable, elsewhere }) => elsewhere === undefined && process.env[variable] === undefined,
  );
  if (installable.length > 0 && process.getuid?.() === 0 && isExecutable('/usr/bin/apt-get')) {
    for (const { name, use } of installable) console.log(`${name} is not installed; it is needed by ${use}.`);
    const packages = installable.map(({ debianPackage }) => debianPackage);
    await timed(`apt-get install ${packages.join(' ')}`, () => install(packages));
  }
  const found = new Map(PROGRAMS.map((program) => [program, findProgram(program)]));
  for (const [{ name, variable, use, debianPackage, elsewhere }, path] of found) {
    const how = elsewhere ?? `Install it (Debian, Ubuntu: \`apt-get install ${debianPackage}\`)`;
    if (path === undefined)
      console.error(`${name} is missing; it is needed by ${use}. ${how}, or name the binary in ${variable}.`);
  }
  return found;
}

/** @param {readonly string[]} packages */
async function install(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { quiet: true, env });
  return run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
    quiet: true,
    env,
  });
}
