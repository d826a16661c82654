/**
 * `npm run check`: everything that can be known without running the product. Each check runs even when an earlier one failed, so that one
 * run shows all there is to mend.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib/files.mjs';
import { runNode, timed } from './lib/run.mjs';

const TSC = 'node_modules/typescript/bin/tsc';

/** @type {readonly { name: string, run: () => Promise<number> }[]} */
const CHECKS = [
  { name: 'types of the packages', run: () => runNode(TSC, ['-b']) },
  { name: 'types of the tests', run: () => runNode(TSC, ['-p', 'tsconfig.test.json']) },
  // The console is a bundle, not a package that others build on; it has a project of its own.
  {
    name: 'types of the console',
    run: () =>
      existsSync(join(ROOT, 'apps/console/tsconfig.json'))
        ? runNode(TSC, ['--noEmit', '-p', 'apps/console'])
        : Promise.resolve(1),
  },
  { name: 'rooms', run: () => runNode('scripts/rooms.mjs', []) },
  { name: 'lint', run: () => runNode('scripts/lint.mjs', []) },
  { name: 'links', run: () => runNode('scripts/docs-links.mjs', []) },
  { name: 'snippets', run: () => runNode('scripts/docs-snippets.mjs', []) },
  { name: 'references', run: () => runNode('scripts/reference.mjs', ['--check']) },
  { name: 'rule numbers', run: () => runNode('scripts/spec-ids.mjs', []) },
];

/** @returns {Promise<{ passed: number, failed: string[] }>} names of the checks that failed */
export async function runChecks() {
  const failed = [];
  for (const { name, run } of CHECKS) {
    if ((await timed(`check: ${name}`, run)) !== 0) failed.push(name);
  }
  return { passed: CHECKS.length - failed.length, failed };
}

if (process.argv[1] === import.meta.filename) {
  const { passed, failed } = await runChecks();
  console.log(failed.length === 0 ? `all ${passed} checks passed` : `failed: ${failed.join(', ')}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
