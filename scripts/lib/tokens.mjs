/**
 * A small reader of TypeScript source for the repository's own checks: it splits text into words, strings, punctuation and comments,
 * and knows nothing of grammar beyond import and export clauses. It exists because the compiler in use has no JavaScript interface.
 * JSX text is read as code; a lone apostrophe or slash there ends at its line, so that nothing after it is lost.
 */

/**
 * @typedef {{ type: 'word' | 'string' | 'template' | 'regex' | 'number' | 'punct' | 'comment', value: string, start: number, end: number }} Token
 * `value` of a string is its raw content without quotes; of everything else the text as written. A template is cut into its literal
 * parts; the code inside `${}` arrives as ordinary tokens between them.
 */

const WORD_START = /[\p{ID_Start}$_#@]/u;
const WORD_PART = /[\p{ID_Continue}$\u200c\u200d]/u;
/** Words after which a slash begins a regular expression. */
const BEFORE_REGEX = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'delete',
  'void',
  'throw',
  'new',
  'else',
  'do',
  'await',
  'yield',
  'instanceof',
]);

/** @param {string} text @returns {Token[]} every token in order, comments included */
export function tokenise(text) {
  const tokens = /** @type {Token[]} */ ([]);
  /** Brace depths at which a template's `${` was opened. */
  const templates = /** @type {number[]} */ ([]);
  let depth = 0;
  let at = 0;
  /** @param {Token['type']} type @param {number} end @param {string} [value] */
  const push = (type, end, value) => {
    tokens.push({ type, value: value ?? text.slice(at, end), start: at, end });
    at = end;
  };
  if (text.startsWith('#!')) push('comment', endOfLine(text, 0));
  while (at < text.length) {
    const char = /** @type {string} */ (text[at]);
    const next = text[at + 1];
    if (/\s/.test(char)) at++;
    else if (char === '/' && next === '/') push('comment', endOfLine(text, at));
    else if (char === '/' && next === '*') {
      const close = text.indexOf('*/', at + 2);
      push('comment', close < 0 ? text.length : close + 2);
    } else if (char === "'" || char === '"') {
      const close = endOfQuoted(text, at, char);
      if (close < 0) push('punct', at + 1);
      else push('string', close + 1, text.slice(at + 1, close));
    } else if (char === '`') templatePart();
    else if (char === '}' && templates.length > 0 && templates[templates.length - 1] === depth) {
      templates.pop();
      templatePart();
    } else if (char === '/' && regexMayStart(tokens)) {
      const close = endOfRegex(text, at);
      push(close < 0 ? 'punct' : 'regex', close < 0 ? at + 1 : close);
    } else if (WORD_START.test(char)) {
      let end = at + 1;
      while (end < text.length && WORD_PART.test(/** @type {string} */ (text[end]))) end++;
      push('word', end);
    } else if (/[0-9]/.test(char)) {
      let end = at + 1;
      while (end < text.length && /[0-9a-zA-Z_.]/.test(/** @type {string} */ (text[end]))) end++;
      push('number', end);
    } else {
      if (char === '{') depth++;
      if (char === '}') depth--;
      push('punct', at + 1);
    }
  }
  return tokens;

  /** Reads from a back-tick or a closing brace to the next `${` or the end of the template. */
  function templatePart() {
    let end = at + 1;
    while (end < text.length && text[end] !== '`' && !(text[end] === '$' && text[end + 1] === '{'))
      end += text[end] === '\\' ? 2 : 1;
    const opens = text[end] === '$';
    if (opens) templates.push(depth);
    push('template', Math.min(text.length, end + (opens ? 2 : 1)));
  }
}

/** @param {string} text @param {number} from */
function endOfLine(text, from) {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** The closing quote on the same line (escaped line ends continue it), or -1. @param {string} text @param {number} open @param {string} quote */
function endOfQuoted(text, open, quote) {
  for (let index = open + 1; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === quote) return index;
    else if (text[index] === '\n') return -1;
  }
  return -1;
}

/** The end after flags, or -1 where the line ends first. @param {string} text @param {number} open */
function endOfRegex(text, open) {
  let inClass = false;
  for (let index = open + 1; index < text.length && text[index] !== '\n'; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === '[') inClass = true;
    else if (text[index] === ']') inClass = false;
    else if (text[index] === '/' && !inClass) {
      let end = index + 1;
      while (end < text.length && /[a-z]/.test(/** @type {string} */ (text[end]))) end++;
      return end;
    }
  }
  return -1;
}

/** @param {Token[]} tokens */
function regexMayStart(tokens) {
  const last = tokens.findLast((token) => token.type !== 'comment');
  if (last === undefined) return true;
  if (last.type === 'word') return BEFORE_REGEX.has(last.value);
  // After `<` it is a closing JSX tag.
  return last.type === 'punct' && ![')', ']', '}', '<'].includes(last.value);
}

/**
 * What a file imports: static, type-only, re-exported and dynamic imports with a literal name.
 * @param {string} text
 * @returns {{ specifier: string, line: number }[]}
 */
export function importsOf(text) {
  const tokens = tokenise(text).filter((token) => token.type !== 'comment');
  const found = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index];
    if (token?.type !== 'word' || (token.value !== 'import' && token.value !== 'export')) continue;
    if (tokens[index - 1]?.value === '.') continue;
    const named = specifierAt(tokens, index);
    if (named) found.push({ specifier: named.value, line: lineAt(text, named.start) });
  }
  return found;
}

/** @param {Token[]} tokens @param {number} index where `import` or `export` stands @returns {Token | undefined} */
function specifierAt(tokens, index) {
  const next = tokens[index + 1];
  if (tokens[index]?.value === 'import') {
    if (next?.type === 'string') return next;
    if (next?.value === '(') return tokens[index + 2]?.type === 'string' ? tokens[index + 2] : undefined;
    if (next?.value === '.') return undefined;
  } else if (
    next?.value !== '{' &&
    next?.value !== '*' &&
    !(next?.value === 'type' && ['{', '*'].includes(tokens[index + 2]?.value ?? ''))
  ) {
    return undefined;
  }
  let braces = 0;
  for (let at = index + 1; at < tokens.length; at++) {
    const token = tokens[at];
    if (token?.value === '{' && token.type === 'punct') braces++;
    else if (token?.value === '}' && token.type === 'punct') braces--;
    else if (token?.value === 'from' && braces === 0 && tokens[at + 1]?.type === 'string')
      return tokens[at + 1];
    if (braces === 0 && at > index + 1 && token !== undefined && !clausePart(token)) return undefined;
  }
  return undefined;
}

/** @param {Token} token */
function clausePart(token) {
  return token.type === 'word' || (token.type === 'punct' && ['{', '}', ',', '*'].includes(token.value));
}

/** @param {string} text @param {number} offset @returns {number} from 1 */
export function lineAt(text, offset) {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/**
 * The text with comments and the contents of strings, templates and regular expressions blanked, every offset and line kept.
 * @param {string} text
 */
export function codeOnly(text) {
  const parts = [];
  let at = 0;
  for (const token of tokenise(text)) {
    if (token.type === 'word' || token.type === 'punct' || token.type === 'number') continue;
    parts.push(text.slice(at, token.start), text.slice(token.start, token.end).replace(/[^\n]/g, ' '));
    at = token.end;
  }
  parts.push(text.slice(at));
  return parts.join('');
}
