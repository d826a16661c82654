/** Keeps node_modules equal to package-lock.json, and says so only when there is something to do. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.mjs';
import { run, timed } from './run.mjs';

/** @typedef {{ packages?: Record<string, { version?: string, resolved?: string, link?: boolean, optional?: boolean, devOptional?: boolean, peer?: boolean }> }} Lock */

/**
 * Packages that the lock file names and the install lacks or has in another version. Packages of other platforms may be absent.
 * @param {Lock} wanted package-lock.json
 * @param {Lock} installed node_modules/.package-lock.json, written by npm at the end of an install
 * @param {(path: string) => boolean} [exists] whether the folder is there; what npm wrote down may have been deleted since
 * @returns {string[]}
 */
export function missingPackages(wanted, installed, exists = () => true) {
  const missing = [];
  for (const [path, entry] of Object.entries(wanted.packages ?? {})) {
    if (!path.includes('node_modules/')) continue;
    const found = installed.packages?.[path];
    const mayBeAbsent = entry.optional || entry.devOptional || entry.peer;
    const same =
      found !== undefined &&
      found.version === entry.version &&
      Boolean(found.link) === Boolean(entry.link) &&
      exists(path);
    if (found === undefined ? !mayBeAbsent : !same) missing.push(path);
  }
  return missing;
}

/** Installs where needed. Resolves to false when npm failed (its output was shown). @param {string} [root] */
export async function ensureInstalled(root = ROOT) {
  const reason = installReason(root);
  if (reason === undefined) return true;
  console.log(`${reason}`);
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  // Under `npm start` the very npm that started us is used again; elsewhere the one on the path.
  const code = await timed('npm ci', () =>
    npm?.endsWith('.js')
      ? run(process.execPath, [npm, ...args], { cwd: root, quiet: true })
      : run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, { cwd: root, quiet: true }),
  );
  if (code !== 0)
    console.error(
      'npm ci failed. It needs a package registry (see `npm config get registry`); nothing else is downloaded.',
    );
  return code === 0;
}

/** @param {string} root */
function installReason(root) {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return 'The dependencies are not installed yet.';
  const missing = missingPackages(readJson(join(root, 'package-lock.json')), readJson(installed), (path) =>
    existsSync(join(root, path)),
  );
  return missing.length === 0
    ? undefined
    : `The dependencies changed (${missing.length} packages, e.g. ${missing[0]?.replace(/^.*node_modules\//, '')}).`;
}

/** @param {string} path @returns {Lock} */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
