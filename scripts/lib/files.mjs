/** Walks the checkout without the folders that tools fill. Paths are relative to the root, with forward slashes, sorted. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout this script lies in. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.cache', '.trunkline', 'coverage', 'test-results']);

/**
 * @param {string} root
 * @param {readonly string[]} folders relative to `root`; missing ones are ignored
 * @param {(path: string) => boolean} wanted
 * @returns {string[]}
 */
export function listFiles(root, folders, wanted) {
  const found = /** @type {string[]} */ ([]);
  /** @param {string} folder */
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(path);
      else if (entry.isFile()) {
        const name = relative(root, path).split(sep).join('/');
        if (wanted(name)) found.push(name);
      }
    }
  };
  for (const folder of folders) {
    const path = join(root, folder);
    if (existsSync(path) && statSync(path).isDirectory()) walk(path);
  }
  return found.sort();
}

/**
 * @param {string} root
 * @param {readonly string[]} paths
 * @returns {Map<string, string>} text by path
 */
export function readFiles(root, paths) {
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

/** @param {string} path */
export function isSource(path) {
  return /\.(ts|tsx|mts)$/.test(path) && !path.endsWith('.d.ts');
}

/** Tests, and what only tests use. @param {string} path */
export function isTest(path) {
  return /\.test\.(ts|tsx)$/.test(path) || path.startsWith('tests/');
}
