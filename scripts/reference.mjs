/**
 * Writes the pages that are made from tables in the code: codes and options in docs/reference, and the options in docs/spec/configuration.md.
 * It reads the built server, so build first.
 *
 *   node scripts/reference.mjs            writes them
 *   node scripts/reference.mjs --check    says which are not as the code has them, and fails
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './lib/files.mjs';

const SPECIFICATION = 'docs/spec/configuration.md';

/** The text with the table between the two marks replaced. @param {string} text @param {string} table */
export function withOptions(text, table) {
  const between = /(<!-- options -->\n\n).*?(\n\n<!-- end of options -->)/s;
  if (!between.test(text)) throw new Error(`${SPECIFICATION} has no place for the options`);
  return text.replace(between, (_, before, after) => `${before}${table}${after}`);
}

/** @param {string} root @returns {Promise<Map<string, string>>} Markdown by path from the root */
export async function references(root = ROOT) {
  const server = join(root, 'apps/server/dist/openapi');
  const { configurationReference, errorReference } = await import(join(server, 'references.js'));
  const { MODULE_CONTRACTS } = await import(join(server, 'contracts.js'));
  const { configReference } = await import(join(root, 'apps/server/dist/config/reference.js'));
  const specification = readFileSync(join(root, SPECIFICATION), 'utf8');
  return new Map([
    [SPECIFICATION, withOptions(specification, configReference())],
    ['docs/reference/errors.md', errorReference(MODULE_CONTRACTS)],
    ['docs/reference/configuration.md', configurationReference()],
  ]);
}

/** @param {ReadonlyMap<string, string>} pages @param {string} root @returns {string[]} paths of pages that differ or are not there */
export function outdated(pages, root = ROOT) {
  return [...pages].flatMap(([path, text]) => {
    const file = join(root, path);
    return existsSync(file) && readFileSync(file, 'utf8') === text ? [] : [path];
  });
}

/** @param {ReadonlyMap<string, string>} pages @param {string} root @returns {string[]} paths written */
export function writePages(pages, root = ROOT) {
  const stale = outdated(pages, root);
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), pages.get(path) ?? '');
  }
  return stale;
}

if (process.argv[1] === import.meta.filename) {
  const check = process.argv.includes('--check');
  const pages = await references();
  const stale = check ? outdated(pages) : writePages(pages);
  for (const path of stale)
    console.log(check ? `${path} is not up to date: node scripts/reference.mjs` : `wrote ${path}`);
  console.log(`reference: ${pages.size} pages, ${stale.length} ${check ? 'outdated' : 'written'}`);
  process.exitCode = check && stale.length > 0 ? 1 : 0;
}
