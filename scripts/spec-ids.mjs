/**
 * Compares the rules of docs/spec with the tests that cite them. A rule is a paragraph that opens with a bold `[AREA-n] Title.`; a test cites
 * it in its title. A citation without a rule and a number given twice are errors; rules that no test cites are counted and listed.
 *
 *   node scripts/spec-ids.mjs [--list]
 */
import { isSource, isTest, listFiles, readFiles, ROOT } from './lib/files.mjs';
import { lineAt, tokenise } from './lib/tokens.mjs';

/** @typedef {{ file: string, line: number, message: string }} Finding */

/**
 * @param {ReadonlyMap<string, string>} pages of docs/spec, by path
 * @param {ReadonlyMap<string, string>} tests source by path
 */
export function compareIds(pages, tests) {
  const findings = /** @type {Finding[]} */ ([]);
  const rules = /** @type {Map<string, { file: string, line: number }>} */ (new Map());
  for (const [file, text] of pages) {
    for (const match of text.matchAll(/\*\*\[([A-Z][A-Z0-9]*-\d+)\]/g)) {
      const id = /** @type {string} */ (match[1]);
      const line = lineAt(text, match.index);
      const first = rules.get(id);
      if (first)
        findings.push({ file, line, message: `[${id}] is already a rule in ${first.file}:${first.line}` });
      else rules.set(id, { file, line });
    }
  }
  const cited = new Set();
  const unknown = new Set();
  for (const [file, text] of tests) {
    for (const token of tokenise(text)) {
      if (token.type !== 'string' && token.type !== 'template') continue;
      for (const match of token.value.matchAll(/\[([A-Z][A-Z0-9]*-\d+)\]/g)) {
        const id = /** @type {string} */ (match[1]);
        cited.add(id);
        // Once per file: what is missing is one rule, however many tests cite it.
        if (rules.has(id) || unknown.has(`${file} ${id}`)) continue;
        unknown.add(`${file} ${id}`);
        findings.push({ file, line: lineAt(text, token.start), message: `[${id}] is no rule of docs/spec` });
      }
    }
  }
  const untested = [...rules.keys()].filter((id) => !cited.has(id));
  return { findings, rules: rules.size, untested };
}

/** @param {string} [root] */
export function checkSpecIds(root = ROOT) {
  const pages = readFiles(
    root,
    listFiles(root, ['docs/spec'], (path) => path.endsWith('.md')),
  );
  const tests = readFiles(
    root,
    listFiles(
      root,
      ['packages', 'modules', 'apps', 'testkit', 'tests', 'scripts'],
      // Contract suites are tests that lie in a `testing` folder, to be run by every implementation.
      (path) => isSource(path) && (isTest(path) || path.includes('/src/testing/')),
    ),
  );
  // The scripts' tests hold made-up ids in their fixtures.
  tests.delete('scripts/spec-ids.test.ts');
  return compareIds(pages, tests);
}

if (process.argv[1] === import.meta.filename) {
  const { findings, rules, untested } = checkSpecIds();
  for (const { file, line, message } of findings) console.error(`${file}:${line}  ${message}`);
  if (process.argv.includes('--list')) for (const id of untested) console.log(`no test cites ${id}`);
  console.log(`spec-ids: ${rules} rules, ${untested.length} without a test, ${findings.length} errors`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
