/**
 * `npm start`: from a fresh clone to a running server. Installs where the install differs from the lock file, builds where sources
 * changed, then runs `trunkline serve --dev` with the arguments given after `--`. It stays the server's parent: signals sent to it alone
 * reach the server once, and the server ends when it does.
 */
import { nodeProblem } from './lib/node-version.mjs';

const problem = nodeProblem(process.version);
if (problem) {
  console.error(problem);
  process.exit(1);
}

// Imported only now: what follows needs a Node that passed the check.
const { ensureInstalled } = await import('./lib/install.mjs');
const { ensureBuilt } = await import('./lib/build.mjs');
const { superviseServer } = await import('./lib/supervise.mjs');

if (!(await ensureInstalled())) process.exit(1);
const failed = await ensureBuilt({ quiet: true });
if (failed.length > 0) {
  console.error(`build failed: ${failed.join(', ')}`);
  process.exit(1);
}
process.exitCode = await superviseServer([
  'apps/cli/bin/trunkline.mjs',
  'serve',
  '--dev',
  ...process.argv.slice(2),
]);
