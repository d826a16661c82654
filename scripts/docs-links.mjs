/**
 * Checks that every relative link and image of every Markdown file leads to a file that exists, and every anchor to a heading. Links to
 * other sites are not followed. Code blocks and code spans are not read.
 *
 *   node scripts/docs-links.mjs
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { listFiles, readFiles, ROOT } from './lib/files.mjs';
import { lineAt } from './lib/tokens.mjs';

/** @typedef {{ file: string, line: number, message: string }} Broken */

/**
 * @param {ReadonlyMap<string, string>} pages Markdown by path from the root
 * @param {(path: string) => boolean} exists whether a path from the root is a file or folder
 * @returns {Broken[]}
 */
export function findBroken(pages, exists) {
  const anchors = new Map([...pages].map(([file, text]) => [file, anchorsOf(text)]));
  const broken = /** @type {Broken[]} */ ([]);
  for (const [file, text] of pages) {
    for (const { target, at } of linksOf(text)) {
      if (/^[a-z][a-z+.-]*:|^\/\//i.test(target)) continue;
      const [path = '', anchor] = target.split('#', 2);
      const resolved =
        path === ''
          ? file
          : posix.normalize(
              path.startsWith('/') ? path.slice(1) : posix.join(posix.dirname(file), decodeURI(path)),
            );
      if (path !== '' && (resolved.startsWith('../') || !exists(resolved)))
        broken.push({ file, line: lineAt(text, at), message: `${target}: no such file` });
      else if (anchor && anchors.has(resolved) && !anchors.get(resolved)?.has(anchor))
        broken.push({ file, line: lineAt(text, at), message: `${target}: no such heading` });
    }
  }
  return broken;
}

/** @param {string} text @returns {{ target: string, at: number }[]} */
function linksOf(text) {
  const prose = blankCode(text);
  const found = [];
  for (const match of prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g))
    found.push({ target: /** @type {string} */ (match[1]), at: match.index });
  for (const match of prose.matchAll(/^\s*\[[^\]]+\]:\s+(\S+)/gm))
    found.push({ target: /** @type {string} */ (match[1]), at: match.index });
  for (const match of prose.matchAll(/<(?:a|img)\b[^>]*\b(?:href|src)="([^"]+)"/g))
    found.push({ target: /** @type {string} */ (match[1]), at: match.index });
  return found;
}

/** The ids that a heading gets where Markdown is shown: lower case, punctuation dropped, spaces to hyphens, repeats numbered. @param {string} text */
function anchorsOf(text) {
  const seen = new Map();
  const ids = new Set();
  for (const match of blankCode(text, true).matchAll(/^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$/gm)) {
    const title = /** @type {string} */ (match[1])
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[`*]/g, '');
    const id = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replace(/ /g, '-');
    const count = seen.get(id) ?? 0;
    seen.set(id, count + 1);
    ids.add(count === 0 ? id : `${id}-${count}`);
  }
  for (const match of text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) ids.add(/** @type {string} */ (match[1]));
  return ids;
}

/** @param {string} text @param {boolean} [keepSpans] */
function blankCode(text, keepSpans = false) {
  const blank = (/** @type {string} */ part) => part.replace(/[^\n]/g, ' ');
  const fenced = text.replace(
    /^( {0,3})(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^ {0,3}\2[`~]*\s*$|(?![\s\S]))/gm,
    blank,
  );
  return keepSpans ? fenced : fenced.replace(/(`+)(?!`)[^\n]*?[^`]\1(?!`)/g, blank);
}

/** @param {string} [root] */
export function checkLinks(root = ROOT) {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  const pages = readFiles(root, [
    ...top,
    ...listFiles(
      root,
      ['docs', 'packages', 'modules', 'apps', 'testkit', 'bench', 'examples', 'tests'],
      (path) => path.endsWith('.md') && !path.endsWith('-template.md'),
    ),
  ]);
  return { broken: findBroken(pages, (path) => existsSync(join(root, path))), pages: pages.size };
}

if (process.argv[1] === import.meta.filename) {
  const { broken, pages } = checkLinks();
  for (const { file, line, message } of broken) console.error(`${file}:${line}  ${message}`);
  console.log(`docs-links: ${pages} pages, ${broken.length} broken links`);
  process.exitCode = broken.length > 0 ? 1 : 0;
}
