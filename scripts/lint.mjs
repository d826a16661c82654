/**
 * The repository's own lint: the handful of rules that matter here and that a type checker does not know. Time, chance, the environment
 * and the console are ports below `apps/`; nothing is typed `any`; no test is switched off; no file names a machine; the lock file
 * names no registry; no marker stands for unwritten work. Comments and strings are read only where a rule is about them.
 *
 *   node scripts/lint.mjs
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSource, isTest, listFiles, readFiles, ROOT } from './lib/files.mjs';
import { codeOnly, lineAt, tokenise } from './lib/tokens.mjs';

/** @typedef {{ file: string, line: number, rule: string, message: string }} Finding */
/**
 * @typedef {object} Rule
 * @property {string} name
 * @property {RegExp} pattern global; matched against `reads`
 * @property {'code' | 'comments' | 'text'} reads code: without comments and string contents
 * @property {(file: string) => boolean} applies
 * @property {string} advice
 */

/** Product code below `apps/`: `base` implements the ports, doubles stand in for them. @param {string} file */
function takesPorts(file) {
  return (
    /^(packages|modules)\//.test(file) &&
    !file.startsWith('packages/base/') &&
    isSource(file) &&
    !isTest(file) &&
    !/(^|\/)testing(\/|\.tsx?$)/.test(file)
  );
}

const anyCode = (/** @type {string} */ file) => isSource(file);
const anyText = () => true;
/** A word that is called or read as a global, not as a member of something given. */
const GLOBAL = '(?<![.\\w$]|function )(?:globalThis\\.|window\\.|self\\.)?';

/** Places where only a type can stand; a value that is called `any` is nobody's business. */
const ANY_TYPE = new RegExp(
  [
    '(?::|<|=>|(?<!\\|)\\||(?<!&)&)\\s*any\\b(?!\\s*[:(.])',
    ',\\s*any\\s*>',
    '\\btype\\s+\\w+[^=;]*=\\s*any\\b',
    '=\\s*any\\s*[>,]',
    '\\b(?:as|extends|keyof|is|satisfies)\\s+any\\b',
    '\\bany\\s*\\[\\s*\\]',
  ].join('|'),
  'g',
);

/** @type {readonly Rule[]} */
export const RULES = [
  {
    name: 'clock',
    pattern: new RegExp(`${GLOBAL}(?:Date\\.now\\b|performance\\.now\\b|new Date\\(\\s*\\))`, 'g'),
    reads: 'code',
    applies: takesPorts,
    advice: 'take a Clock',
  },
  {
    name: 'timers',
    pattern: new RegExp(`${GLOBAL}set(?:Timeout|Interval|Immediate)\\s*\\(`, 'g'),
    reads: 'code',
    applies: takesPorts,
    advice: 'take a Clock',
  },
  {
    name: 'random',
    pattern: /\bMath\.random\b/g,
    reads: 'code',
    applies: takesPorts,
    advice: 'take a Random',
  },
  {
    name: 'environment',
    pattern: /\bprocess\s*\.\s*env\b/g,
    reads: 'code',
    applies: takesPorts,
    advice: 'only apps/ reads the environment',
  },
  {
    name: 'console',
    pattern: new RegExp(`${GLOBAL}console\\s*\\.`, 'g'),
    reads: 'code',
    applies: takesPorts,
    advice: 'take a Logger',
  },
  {
    name: 'signals',
    pattern: /\bAbortSignal\s*\.\s*any\b/g,
    reads: 'code',
    applies: takesPorts,
    advice: 'Node 20 keeps its results as long as the longest-lived source; link by hand and release',
  },
  { name: 'any', pattern: ANY_TYPE, reads: 'code', applies: anyCode, advice: 'say what it is, or unknown' },
  {
    name: 'switched off',
    pattern:
      /\b(?:it|test|describe|suite|bench)(?:\.\w+)*\.(?:only|skip|todo|skipIf|runIf)\b|(?<![.\w])(?:xit|xtest|xdescribe|fit|fdescribe)\s*\(/g,
    reads: 'code',
    applies: (file) => isTest(file),
    advice: 'a test runs or is deleted',
  },
  {
    name: 'marker',
    pattern: /\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/g,
    reads: 'comments',
    applies: (file) => !file.endsWith('package-lock.json'),
    advice: 'do it, or write it into docs/plan.md',
  },
  {
    name: 'machine path',
    pattern: /(?<![\w.~/-])(?:\/(?:work|root|Users|home\/\w)[\w-]*\/|[A-Z]:\\Users\\)/g,
    reads: 'text',
    applies: anyText,
    advice: 'paths of one machine mean nothing on another',
  },
];

const FOLDERS = [
  'packages',
  'modules',
  'apps',
  'testkit',
  'tests',
  'bench',
  'examples',
  'scripts',
  'docs',
  '.ci',
];
const TEXT = /\.(ts|tsx|mts|mjs|js|json|md|yaml|yml|html|css|sh)$|(^|\/)run$/;

/** @param {string} file @param {string} text @returns {Finding[]} */
export function lintText(file, text) {
  const findings = /** @type {Finding[]} */ ([]);
  const readings = {
    text: () => text,
    code: once(() => codeOnly(text)),
    comments: once(() => commentsOnly(file, text)),
  };
  for (const rule of RULES) {
    if (!rule.applies(file)) continue;
    const reading = readings[rule.reads]();
    for (const match of reading.matchAll(rule.pattern)) {
      const start = match.index + (match[0].length - match[0].trimStart().length);
      findings.push({
        file,
        line: lineAt(text, start),
        rule: rule.name,
        message: `${match[0].trim()}: ${rule.advice}`,
      });
    }
  }
  return findings;
}

/** Comments of source files with everything else blanked; other files whole. @param {string} file @param {string} text */
function commentsOnly(file, text) {
  if (!/\.(ts|tsx|mts|mjs|js)$/.test(file)) return text;
  const parts = [];
  let at = 0;
  for (const token of tokenise(text)) {
    if (token.type !== 'comment') continue;
    parts.push(text.slice(at, token.start).replace(/[^\n]/g, ' '), text.slice(token.start, token.end));
    at = token.end;
  }
  return parts.join('');
}

/** @param {() => string} make */
function once(make) {
  /** @type {string | undefined} */
  let made;
  return () => (made ??= make());
}

/** The lock file installs from whatever registry npm is configured with, so it names none. @param {string} text @returns {Finding[]} */
export function lintLock(text) {
  const findings = /** @type {Finding[]} */ ([]);
  for (const match of text.matchAll(/"resolved": "(?:https?|git\+\w+):|\/\/[\w.-]*registry[\w.-]*\//g)) {
    findings.push({
      file: 'package-lock.json',
      line: lineAt(text, match.index),
      rule: 'registry',
      message: `${match[0]} in the lock file; install with omit-lockfile-registry-resolved`,
    });
  }
  return findings;
}

/** @param {string} [root] */
export function checkLint(root = ROOT) {
  const rootFiles = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'package.json',
    'vitest.config.ts',
    'tsconfig.json',
    'tsconfig.base.json',
    'tsconfig.test.json',
  ].filter((path) => existsSync(join(root, path)));
  const files = readFiles(root, [...listFiles(root, FOLDERS, (path) => TEXT.test(path)), ...rootFiles]);
  const findings = [...files].flatMap(([file, text]) => lintText(file, text));
  findings.push(...lintLock(readFileSync(join(root, 'package-lock.json'), 'utf8')));
  return { findings, files: files.size };
}

if (process.argv[1] === import.meta.filename) {
  const { findings, files } = checkLint();
  for (const { file, line, rule, message } of findings) console.error(`${file}:${line}  ${rule}: ${message}`);
  console.log(`lint: ${files} files, ${findings.length} findings`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
