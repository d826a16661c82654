/**
 * `npm test`: install where needed, look for the programs that tests start, build, check, then run the unit and the system tests. Everything runs even
 * after a failure. The last line is `N passed, N failed`; checks and the build count as one test each.
 *
 * Arguments go to vitest, e.g. `npm test -- packages/hub`; the checks run all the same.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runChecks } from './check.mjs';
import { ensureBuilt } from './lib/build.mjs';
import { ROOT } from './lib/files.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { nodeProblem } from './lib/node-version.mjs';
import { ensurePrograms } from './lib/programs.mjs';
import { countResults } from './lib/results.mjs';
import { runNode } from './lib/run.mjs';

const REPORT = '.cache/test-results.json';

let passed = 0;
const failures = /** @type {string[]} */ ([]);
/** @param {string} name @param {boolean} ok */
const count = (name, ok) => (ok ? void passed++ : void failures.push(name));

let failedTests = 0;
const problem = nodeProblem(process.version);
if (problem) {
  console.error(problem);
  failures.push('node version');
} else if (!(await ensureInstalled())) failures.push('install');
else {
  const programs = await ensurePrograms();
  for (const [{ name, elsewhere }, path] of programs)
    if (elsewhere === undefined) count(name, path !== undefined);
  for (const name of await ensureBuilt()) failures.push(`build: ${name}`);
  if (failures.every((name) => !name.startsWith('build'))) passed++;
  const checks = await runChecks();
  passed += checks.passed;
  failures.push(...checks.failed.map((name) => `check: ${name}`));
  failedTests = await runTests(programs);
}
if (failures.length > 0) console.log(`\nfailed besides tests: ${failures.join(', ')}`);
process.exitCode = failures.length + failedTests > 0 ? 1 : 0;
console.log(`${passed} passed, ${failures.length + failedTests} failed`);

/** @param {Awaited<ReturnType<typeof ensurePrograms>>} programs @returns {Promise<number>} failed tests */
async function runTests(programs) {
  const paths = Object.fromEntries([...programs].map(([{ variable }, path]) => [variable, path]));
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  rmSync(join(ROOT, REPORT), { force: true });
  const args = [
    'run',
    ...['unit', 'system', 'alone'].flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${REPORT}`,
    ...process.argv.slice(2),
  ];
  const code = await runNode('node_modules/vitest/vitest.mjs', args, {
    env: { NO_COLOR: '1', ...paths },
  });
  const report = existsSync(join(ROOT, REPORT))
    ? JSON.parse(readFileSync(join(ROOT, REPORT), 'utf8'))
    : undefined;
  const outcome = countResults(report, code);
  for (const note of outcome.notes) console.log(note);
  passed += outcome.passed;
  return outcome.failed;
}
