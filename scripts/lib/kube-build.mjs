/**
 * Builds kube-apiserver, the controller manager and the scheduler from Debian's source package, and unpacks etcd beside them. Everything that apt keeps (lists,
 * archives) lies in a folder of its own, so that the machine's own state is not touched. The folder of the result appears by one rename at the end: a build that
 * was interrupted leaves nothing that looks finished.
 */
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run, timed } from './run.mjs';

export const KUBE_BINARIES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

/** Of the source package; names the folder of the result. A build of another version is left alone. */
const DEBIAN_VERSION = '1.20.5+really1.20.2-1.1+deb12u1';

/** Unpacked, never installed. The Go compiler too, so that nothing of the machine changes. */
const PACKAGES = [
  'etcd-server',
  'golang-1.19-go',
  'golang-1.19-src',
  'golang-github-modern-go-reflect2-dev',
  // The build copies with rsync, which needs the two libraries.
  'rsync',
  'libpopt0',
  'libxxhash0',
];

/** What must be on the machine: everything else is unpacked. */
const TOOLS = ['apt-get', 'dpkg', 'dpkg-source', 'make'];

const COMMANDS = ['cmd/kube-apiserver', 'cmd/kube-controller-manager', 'cmd/kube-scheduler'];

/** @param {string} [version] @param {NodeJS.ProcessEnv} [env] @returns {string} e.g. `~/.cache/trunkline/kube/<version>` */
export function kubeFolder(version = DEBIAN_VERSION, env = process.env) {
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'trunkline', 'kube', version);
}

/** The folder that holds all binaries; undefined where there is none. @param {NodeJS.ProcessEnv} [env] */
export function findKube(env = process.env) {
  return [kubeFolder(DEBIAN_VERSION, env), kubeFolder('own', env)].find((folder) =>
    ['etcd', 'kube-apiserver'].every((name) => isExecutable(join(folder, name))),
  );
}

/**
 * @param {{ keepBuild?: boolean }} options
 * @returns {Promise<{ folder: string, problem?: string }>} the problem names the step that failed; what it printed was printed
 */
export async function buildKube({ keepBuild = false }) {
  const folder = kubeFolder();
  const missing = TOOLS.filter((tool) => !onPath(tool));
  if (missing.length > 0)
    return { folder, problem: `${missing.join(', ')} missing (apt-get install dpkg-dev make)` };
  const work = `${folder}.build`;
  const build = {
    work,
    root: join(work, 'root'),
    source: join(work, 'source'),
    debs: join(work, 'debs'),
    done: join(work, 'done'),
  };
  rmSync(work, { recursive: true, force: true });
  for (const place of [build.root, build.debs, build.done]) mkdirSync(place, { recursive: true });
  const steps = /** @type {[string, () => Promise<number>][]} */ ([
    ['read the package lists', () => readLists(build)],
    ['fetch the packages', () => fetchPackages(build)],
    ['unpack the packages', () => unpack(build)],
    ['compile', () => compile(build)],
    ['collect the binaries', () => collect(build)],
  ]);
  for (const [title, step] of steps) {
    const code = await timed(title, step);
    if (code !== 0) return { folder, problem: `"${title}" failed with ${code}` };
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(build.done, folder);
  if (!keepBuild) {
    // Go keeps its module files read-only.
    await run('chmod', ['-R', 'u+w', work], { quiet: true });
    rmSync(work, { recursive: true, force: true });
  }
  return { folder };
}

/** @typedef {{ work: string, root: string, source: string, debs: string, done: string }} Build */

/** The machine's own mirrors, once more with their sources, into lists of our own. @param {Build} build */
function readLists({ work }) {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)';
  const targets = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const lines = targets
    .split('\n')
    .filter((line) => line.endsWith(' main Debian'))
    .flatMap((line) => {
      const place = line.replace(/ Debian$/, '');
      return [`deb ${place}`, `deb-src ${place}`];
    });
  for (const place of ['lists/partial', 'archives/partial', 'empty'])
    mkdirSync(join(work, 'apt', place), { recursive: true });
  writeFileSync(join(work, 'apt', 'sources.list'), `${[...new Set(lines)].join('\n')}\n`);
  return apt(work, ['update', '-q']);
}

/** @param {Build} build */
async function fetchPackages({ work, debs }) {
  const code = await apt(work, ['download', '-q', ...PACKAGES], debs);
  if (code !== 0) return code;
  return apt(work, ['source', '-q', '--download-only', `kubernetes=${DEBIAN_VERSION}`], debs);
}

/** @param {Build} build */
async function unpack({ root, source, debs }) {
  for (const deb of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
    const code = await run('dpkg', ['-x', join(debs, deb), root], { quiet: true });
    if (code !== 0) return code;
  }
  const description = readdirSync(debs).find((name) => name.endsWith('.dsc')) ?? 'kubernetes.dsc';
  return run('dpkg-source', ['--no-check', '-x', join(debs, description), source], { quiet: true });
}

/** @param {Build} build */
async function compile({ root, source, work }) {
  // The version that the source carries of this library crashes with the Go of this Debian on the first custom resource.
  const reflect = 'github.com/modern-go/reflect2';
  const vendored = join(source, 'vendor', reflect);
  rmSync(vendored, { recursive: true, force: true });
  const copied = await run('cp', ['-r', join(root, 'usr/share/gocode/src', reflect), vendored], {
    quiet: true,
  });
  if (copied !== 0) return copied;
  mkdirSync(join(source, '.go/src/k8s.io'), { recursive: true });
  if (!existsSync(join(source, '.go/src/k8s.io/kubernetes')))
    symlinkSync(source, join(source, '.go/src/k8s.io/kubernetes'));
  const env = {
    CGO_ENABLED: '0',
    GOPATH: join(source, '.go'),
    GOROOT: join(root, 'usr/lib/go-1.19'),
    GOCACHE: join(work, 'go-cache'),
    GOFLAGS: '-p=2',
    LD_LIBRARY_PATH: join(root, 'usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`),
    PATH: [join(root, 'usr/lib/go-1.19/bin'), join(root, 'usr/bin'), process.env['PATH']].join(':'),
  };
  return run('make', [`WHAT=${COMMANDS.join(' ')}`], { cwd: source, env, quiet: true });
}

/** @param {Build} build */
async function collect({ root, source, done }) {
  const made = join(source, '_output/local/bin/linux', process.arch === 'arm64' ? 'arm64' : 'amd64');
  for (const name of KUBE_BINARIES) {
    const from = name === 'etcd' ? join(root, 'usr/bin/etcd') : join(made, name);
    if (!existsSync(from)) {
      console.error(`${from} was not made`);
      return 1;
    }
    copyFileSync(from, join(done, name));
  }
  return 0;
}

/** apt-get on lists and archives of our own. @param {string} work @param {readonly string[]} args @param {string} [cwd] */
function apt(work, args, cwd) {
  const own = join(work, 'apt');
  const options = {
    'Dir::Etc::sourcelist': join(own, 'sources.list'),
    'Dir::Etc::sourceparts': join(own, 'empty'),
    'Dir::State::lists': join(own, 'lists'),
    'Dir::Cache': own,
    'Dir::Cache::archives': join(own, 'archives'),
    // Without root there is no account to drop to, and as root it could not write into our folder.
    'APT::Sandbox::User': 'root',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return run('apt-get', [...flags, ...args], {
    quiet: true,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    ...(cwd ? { cwd } : {}),
  });
}

/** @param {string} tool */
function onPath(tool) {
  return (process.env['PATH'] ?? '').split(':').some((folder) => isExecutable(join(folder, tool)));
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
