/** Builds what runs: TypeScript into each package's dist, then the console's bundle. A stamp by content tells when nothing is to do. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isTest, listFiles, ROOT } from './files.mjs';
import { runNode, timed } from './run.mjs';

const STAMP = '.cache/build.json';
/** What the build must have left behind for a stamp to count. */
const PRODUCTS = ['apps/cli/dist/index.js', 'apps/server/dist/index.js', 'apps/console/dist/index.html'];

/** One hash over every file that the build reads. @param {string} [root] */
export function sourceHash(root = ROOT) {
  const files = listFiles(
    root,
    ['packages', 'modules', 'apps', 'testkit'],
    (path) => !isTest(path) && !path.endsWith('.md'),
  );
  const hash = createHash('sha256').update(process.version);
  for (const path of ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json', ...files]) {
    const full = join(root, path);
    if (existsSync(full)) hash.update(`\0${path}\0`).update(readFileSync(full));
  }
  return hash.digest('hex');
}

/** Whether the last build was of these very sources and its products are still there. @param {string} hash @param {string} [root] */
export function isBuilt(hash, root = ROOT) {
  const stamp = join(root, STAMP);
  if (!existsSync(stamp) || PRODUCTS.some((path) => !existsSync(join(root, path)))) return false;
  try {
    return JSON.parse(readFileSync(stamp, 'utf8')).hash === hash;
  } catch {
    return false;
  }
}

/**
 * Builds where needed.
 * @param {{ force?: boolean, quiet?: boolean }} [options]
 * @returns {Promise<string[]>} what failed (its output was shown); empty on success
 */
export async function ensureBuilt(options = {}) {
  const hash = sourceHash();
  if (!options.force && isBuilt(hash)) return [];
  const failed = [];
  if (
    (await timed('build: packages (tsc)', () =>
      runNode('node_modules/typescript/bin/tsc', ['-b'], { quiet: options.quiet }),
    )) !== 0
  )
    failed.push('tsc -b');
  const vite = ['build', '--logLevel', 'warn'];
  if (
    (await timed('build: console (vite)', () =>
      runNode('node_modules/vite/bin/vite.js', vite, {
        cwd: join(ROOT, 'apps/console'),
        quiet: options.quiet,
      }),
    )) !== 0
  )
    failed.push('vite build');
  if (failed.length === 0) {
    mkdirSync(dirname(join(ROOT, STAMP)), { recursive: true });
    writeFileSync(join(ROOT, STAMP), JSON.stringify({ hash }));
  }
  return failed;
}
