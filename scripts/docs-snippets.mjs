/**
 * Keeps the code of the guides equal to files that tests run or compile. A block is preceded by `<!-- file: path -->` or
 * `<!-- file: path#region -->`; a region lies between lines that hold `#region name` and `#endregion name`. Blocks of languages that could
 * be tested and name no file are findings.
 *
 *   node scripts/docs-snippets.mjs           compare
 *   node scripts/docs-snippets.mjs --write   write the files' text into the guides
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles, ROOT } from './lib/files.mjs';

const FENCE = /^(?:<!-- file: (\S+?) -->\n+)?```(\w*)\n([\s\S]*?)^```$/gm;
/** Blocks that show what a shell or a wire says stand by themselves. */
const FREE = new Set(['', 'sh', 'text', 'json', 'http', 'diff']);

/**
 * @param {string} page text of a guide
 * @param {(path: string) => string | undefined} read a file's text by path from the root
 * @returns {{ page: string, findings: { line: number, message: string }[] }} the page with the files' text, and what differed
 */
export function syncSnippets(page, read) {
  const findings = /** @type {{ line: number, message: string }[]} */ ([]);
  const written = page.replace(FENCE, (block, source, language, code, at) => {
    const finding = (/** @type {string} */ message) =>
      void findings.push({ line: page.slice(0, at).split('\n').length, message });
    if (source === undefined) {
      if (!FREE.has(language)) finding(`this ${language} block names no file (<!-- file: path#region -->)`);
      return block;
    }
    const [path, region] = source.split('#', 2);
    const text = read(path);
    if (text === undefined) {
      finding(`${path}: no such file`);
      return block;
    }
    const snippet = region === undefined ? text : regionOf(text, region);
    if (snippet === undefined) {
      finding(`${path}: no region ${region}`);
      return block;
    }
    if (snippet === code) return block;
    finding(`differs from ${source}`);
    return block.slice(0, block.length - code.length - 3) + snippet + '```';
  });
  return { page: written, findings };
}

/** @param {string} text @param {string} name @returns {string | undefined} its lines without their common indentation and without markers of regions inside */
function regionOf(text, name) {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => new RegExp(`#region ${name}(?!\\S)`).test(line));
  const end = lines.findIndex((line) => new RegExp(`#endregion ${name}(?!\\S)`).test(line));
  if (start < 0 || end < start) return undefined;
  const inside = lines.slice(start + 1, end).filter((line) => !/#(end)?region \S/.test(line));
  const indents = inside
    .filter((line) => line.trim() !== '')
    .map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents, 80);
  return inside.map((line) => `${line.slice(indent)}\n`).join('');
}

if (process.argv[1] === import.meta.filename) {
  const write = process.argv.includes('--write');
  const guides = listFiles(ROOT, ['docs/guides'], (path) => path.endsWith('.md'));
  const read = (/** @type {string} */ path) =>
    existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : undefined;
  let left = 0;
  for (const guide of guides) {
    const before = /** @type {string} */ (read(guide));
    const { page, findings } = syncSnippets(before, read);
    if (write && page !== before) writeFileSync(join(ROOT, guide), page);
    const after = write ? syncSnippets(page, read).findings : findings;
    for (const { line, message } of after) console.error(`${guide}:${line}: ${message}`);
    left += after.length;
  }
  console.log(`docs-snippets: ${guides.length} guides, ${left} findings`);
  process.exitCode = left > 0 ? 1 : 0;
}
