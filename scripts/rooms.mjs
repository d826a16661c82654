/**
 * Checks the plan of the house: which package may import which, and through which door. A package stands on a floor and imports only
 * from lower floors, only packages named in its list, only through the `exports` of their manifest. No file imports its own package's
 * index, the files of a package form no cycle, and inside the hub arrows run one way. Type-only imports count. The plan below is the
 * only copy that decides; ARCHITECTURE.md draws it.
 *
 *   node scripts/rooms.mjs
 */
import { builtinModules } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { isSource, isTest, listFiles, readFiles, ROOT } from './lib/files.mjs';
import { importsOf } from './lib/tokens.mjs';

/** @typedef {{ floor: number, uses: readonly string[] }} Room */
/** @typedef {{ name: string, exports?: Record<string, unknown>, dependencies?: Record<string, string>, devDependencies?: Record<string, string>, peerDependencies?: Record<string, string> }} Manifest */
/** @typedef {{ file: string, line: number, rule: string, message: string }} Violation */

const F2 = ['base', 'protocol'];
const MODULE = ['base', 'protocol', 'contracts', 'store', 'hub'];

/**
 * Folder to floor and "may use" list (package names without the scope). A module's list is that of `modules/*`.
 * @type {Readonly<Record<string, Room>>}
 */
export const HOUSE = {
  'packages/base': { floor: 0, uses: [] },
  'packages/protocol': { floor: 1, uses: ['base'] },
  'packages/contracts': { floor: 2, uses: F2 },
  'packages/broker': { floor: 2, uses: F2 },
  'packages/store': { floor: 2, uses: F2 },
  'packages/kube-client': { floor: 2, uses: F2 },
  'packages/kube-sim': { floor: 2, uses: F2 },
  'packages/hub': { floor: 3, uses: [...F2, 'broker'] },
  'packages/client': { floor: 3, uses: [...F2, 'contracts'] },
  'packages/react': { floor: 4, uses: [...F2, 'contracts', 'client'] },
  'packages/transport': { floor: 4, uses: [...F2, 'hub'] },
  'modules/kube': { floor: 4, uses: [...MODULE, 'kube-client'] },
  'modules/*': { floor: 4, uses: MODULE },
  'apps/server': {
    floor: 5,
    uses: [...MODULE, 'broker', 'transport', 'kube-client', 'kube-sim', 'module-*'],
  },
  'apps/console': { floor: 5, uses: [...F2, 'contracts', 'client', 'react'] },
  'apps/cli': { floor: 5, uses: [...F2, 'contracts', 'client', 'server'] },
};

/** The one arrow between neighbours: the command starts the server in its own process. */
const NEIGHBOURS = new Set(['apps/cli → server']);

/** Outside the floors: they may use every package, through its doors. */
const OUTSIDE = ['testkit', 'tests', 'bench', 'examples'];

/** Inside `packages/hub/src`, left to right; a file imports its own place or one further right. Files beside `hub.ts` stand with the ports. */
export const HUB_ORDER = ['hub', 'router', 'nodes', 'clients', 'channels', 'delivery', 'connection', 'ports'];

const BUILTIN = new Set(builtinModules);

/**
 * @param {ReadonlyMap<string, string>} files source text by path from the root
 * @param {ReadonlyMap<string, Manifest>} manifests by folder; `''` is the root's
 * @returns {Violation[]}
 */
export function findViolations(files, manifests) {
  const violations = /** @type {Violation[]} */ ([]);
  const folderOf = new Map([...manifests].map(([folder, manifest]) => [manifest.name, folder]));
  /** @type {Map<string, Map<string, { to: string, line: number }[]>>} */
  const graphs = new Map();
  for (const [file, text] of files) {
    const folder = packageFolder(file);
    /** @param {number} line @param {string} rule @param {string} message */
    const report = (line, rule, message) => void violations.push({ file, line, rule, message });
    for (const { specifier, line } of importsOf(text)) {
      if (specifier.startsWith('.')) {
        const target = resolveRelative(files, file, specifier);
        if (packageFolder(target) !== folder)
          report(line, 'door', `"${specifier}" leaves the package; import the other package by name`);
        else if (isIndex(target, folder) && !isTest(file))
          report(
            line,
            'own index',
            `"${specifier}" is this package's own index; import the file that owns the name`,
          );
        else {
          checkHubOrder(file, target, (message) => report(line, 'hub order', message));
          const graph = graphs.get(folder) ?? new Map();
          graphs.set(folder, graph);
          graph.set(file, [...(graph.get(file) ?? []), { to: target, line }]);
        }
      } else if (specifier.startsWith('@trunkline/')) {
        const name = specifier.split('/').slice(0, 2).join('/');
        const target = folderOf.get(name);
        if (target === undefined) report(line, 'door', `there is no package ${name}`);
        else if (target === folder) report(line, 'own index', `"${specifier}" is this package itself`);
        else {
          checkArrow(file, folder, name.slice('@trunkline/'.length), target, specifier, (rule, message) =>
            report(line, rule, message),
          );
          const door = specifier === name ? '.' : `.${specifier.slice(name.length)}`;
          if (!(door in (manifests.get(target)?.exports ?? {})))
            report(line, 'door', `${name} has no export "${door}"`);
          if (!isDeclared(file, folder, name, manifests))
            report(line, 'manifest', `${name} is not among the dependencies of ${folder}/package.json`);
        }
      } else if (!isBuiltin(specifier)) {
        const name = specifier.startsWith('@')
          ? specifier.split('/').slice(0, 2).join('/')
          : /** @type {string} */ (specifier.split('/')[0]);
        if (!isDeclared(file, folder, name, manifests))
          report(line, 'manifest', `${name} is not among the dependencies of ${folder}/package.json`);
      }
    }
  }
  for (const graph of graphs.values()) violations.push(...findCycles(graph));
  return violations;
}

/** @param {string} file @returns {string} e.g. `packages/hub`, `testkit` */
function packageFolder(file) {
  const parts = file.split('/');
  return ['packages', 'modules', 'apps'].includes(/** @type {string} */ (parts[0]))
    ? `${parts[0]}/${parts[1]}`
    : /** @type {string} */ (parts[0]);
}

/** @param {string} file @param {string} folder */
function isIndex(file, folder) {
  return file === `${folder}/src/index.ts` || file === `${folder}/src/index.tsx`;
}

/** @param {string} specifier */
function isBuiltin(specifier) {
  return specifier.startsWith('node:') || BUILTIN.has(specifier);
}

/** Path of the source a relative import means; unchanged where no such file is known. @param {ReadonlyMap<string, string>} files @param {string} from @param {string} specifier */
function resolveRelative(files, from, specifier) {
  const path = posix.normalize(posix.join(posix.dirname(from), specifier));
  const bare = path.replace(/\.(js|jsx|mjs)$/, '');
  for (const candidate of [
    path,
    `${bare}.ts`,
    `${bare}.tsx`,
    `${bare}.mts`,
    `${path}.ts`,
    `${path}.tsx`,
    `${path}/index.ts`,
  ]) {
    if (files.has(candidate)) return candidate;
  }
  return path;
}

/**
 * @param {string} file @param {string} folder @param {string} used name without scope @param {string} target folder @param {string} specifier
 * @param {(rule: string, message: string) => void} report
 */
function checkArrow(file, folder, used, target, specifier, report) {
  if (target === 'testkit') {
    if (!isTest(file) && !OUTSIDE.includes(folder)) report('testkit', 'the test kit is for *.test.ts files');
    return;
  }
  if (OUTSIDE.includes(folder)) return;
  const room = roomOf(folder);
  const other = roomOf(target);
  if (room === undefined)
    return report(
      'plan',
      `${folder} has no place in the house; add it to scripts/rooms.mjs and ARCHITECTURE.md`,
    );
  if (other === undefined)
    return report(
      'plan',
      `${target} has no place in the house; add it to scripts/rooms.mjs and ARCHITECTURE.md`,
    );
  if (other.floor >= room.floor && !NEIGHBOURS.has(`${folder} → ${used}`))
    report('floor', `${folder} (floor ${room.floor}) may not import ${target} (floor ${other.floor})`);
  else if (
    !room.uses.some((name) => name === used || (name.endsWith('*') && used.startsWith(name.slice(0, -1))))
  )
    report('may use', `${target} is not on the list of ${folder}`);
  if (folder.startsWith('modules/') && used === 'contracts') {
    const own = `@trunkline/contracts/${folder.slice('modules/'.length)}`;
    if (specifier !== own && specifier !== '@trunkline/contracts')
      report('own contract', `a module imports only its own contract, ${own}`);
  }
}

/** @param {string} folder @returns {Room | undefined} */
function roomOf(folder) {
  return HOUSE[folder] ?? (folder.startsWith('modules/') ? HOUSE['modules/*'] : undefined);
}

/**
 * Product code declares what it imports. Tests, doubles and what lies outside the floors may use whatever the workspace installs.
 * @param {string} file @param {string} folder @param {string} name @param {ReadonlyMap<string, Manifest>} manifests
 */
function isDeclared(file, folder, name, manifests) {
  /** @param {Manifest | undefined} manifest */
  const declares = (manifest) =>
    [manifest?.dependencies, manifest?.devDependencies, manifest?.peerDependencies].some(
      (names) => names?.[name] !== undefined,
    );
  if (declares(manifests.get(folder))) return true;
  const free = isTest(file) || isDouble(file) || OUTSIDE.includes(folder);
  return free && (name.startsWith('@trunkline/') || [...manifests.values()].some(declares));
}

/** Doubles that a package offers to tests: `testing.ts` or a folder of that name. @param {string} file */
function isDouble(file) {
  return /(^|\/)testing(\/|\.tsx?$)/.test(file);
}

/** @param {string} file @param {string} target @param {(message: string) => void} report */
function checkHubOrder(file, target, report) {
  if (
    !file.startsWith('packages/hub/src/') ||
    isTest(file) ||
    isDouble(file) ||
    file === 'packages/hub/src/index.ts'
  )
    return;
  const from = hubPlace(file);
  const to = hubPlace(target);
  if (to < from) report(`${HUB_ORDER[from]} may not look left to ${HUB_ORDER[to]}`);
}

/** @param {string} file */
function hubPlace(file) {
  const rest = file.slice('packages/hub/src/'.length);
  const place = HUB_ORDER.indexOf(/** @type {string} */ (rest.split('/')[0]).replace(/\.ts$/, ''));
  return place < 0 ? HUB_ORDER.length - 1 : place;
}

/**
 * Strongly connected files (Tarjan 1972), each reported once at its first import into the cycle.
 * @param {Map<string, { to: string, line: number }[]>} graph
 * @returns {Violation[]}
 */
function findCycles(graph) {
  const found = /** @type {Violation[]} */ ([]);
  const index = new Map();
  const low = new Map();
  const stack = /** @type {string[]} */ ([]);
  /** @param {string} file */
  const visit = (file) => {
    index.set(file, index.size);
    low.set(file, index.get(file));
    stack.push(file);
    for (const { to } of graph.get(file) ?? []) {
      if (!index.has(to)) {
        visit(to);
        low.set(file, Math.min(low.get(file), low.get(to)));
      } else if (stack.includes(to)) low.set(file, Math.min(low.get(file), index.get(to)));
    }
    if (low.get(file) !== index.get(file)) return;
    const members = stack.splice(stack.indexOf(file));
    const first = (graph.get(file) ?? []).find(({ to }) => members.includes(to));
    if (first !== undefined)
      found.push({
        file,
        line: first.line,
        rule: 'cycle',
        message: `files import each other: ${[...members].sort().join(', ')}`,
      });
  };
  for (const file of graph.keys()) if (!index.has(file)) visit(file);
  return found;
}

/** Reads the checkout and checks it. @param {string} [root] */
export function checkRooms(root = ROOT) {
  const manifests = new Map([['', readManifest(join(root, 'package.json'))]]);
  for (const path of listFiles(root, ['packages', 'modules', 'apps', 'testkit', 'bench'], (name) =>
    /^([a-z]+\/[^/]+|testkit|bench)\/package\.json$/.test(name),
  )) {
    manifests.set(posix.dirname(path), readManifest(join(root, path)));
  }
  const files = readFiles(root, listFiles(root, ['packages', 'modules', 'apps', ...OUTSIDE], isSource));
  return { violations: findViolations(files, manifests), files: files.size };
}

/** @param {string} path @returns {Manifest} */
function readManifest(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { name: '' };
}

if (process.argv[1] === import.meta.filename) {
  const { violations, files } = checkRooms();
  for (const { file, line, rule, message } of violations)
    console.error(`${file}:${line}  ${rule}: ${message}`);
  console.log(`rooms: ${files} files, ${violations.length} violations`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}
