/**
 * JSON values as YAML, the way kubectl prints objects: block style, two spaces, lists at the indentation of their key. Texts are quoted exactly where a YAML 1.1 or 1.2 reader
 * would take them for something else. Writes only; nothing here reads YAML.
 */

/** Ends in a line feed. Undefined members are left out, as in JSON. */
export function toYaml(value: unknown): string {
  return `${block(value, '').replace(/^\n/, '')}\n`;
}

/** What follows `key:` or `-`: either ` text`, or a line feed and a block. `indent` is that of the block. */
function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return value.map((item: unknown) => `\n${indent}-${inList(item, `${indent}  `)}`).join('');
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    if (entries.length === 0) return ' {}';
    return entries
      .map(([key, member]) => `\n${indent}${scalar(key, '')}:${block(member, deeper(member, indent))}`)
      .join('');
  }
  return ` ${scalar(value, indent)}`;
}

/** The first member of an object stands behind its dash. */
function inList(item: unknown, indent: string): string {
  const text = block(item, indent);
  return text.startsWith(`\n${indent}`) ? ` ${text.slice(1 + indent.length)}` : text;
}

/** Lists stand at the indentation of their key. */
function deeper(member: unknown, indent: string): string {
  return Array.isArray(member) ? indent : `${indent}  `;
}

function scalar(value: unknown, indent: string): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'null';
  if (indent !== '' && isBlockText(value)) return literal(value, indent);
  return isPlain(value) ? value : JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, escape);
}

function escape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Several lines that read better as they are: nothing in them needs an escape, and no line begins or ends in a way that a reader would change. */
function isBlockText(text: string): boolean {
  return (
    /[^\n]\n./.test(text) &&
    !/[^\n\t\u0020-\u007e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe]/.test(text) &&
    !/^[ \n\t]|[ \t]\n|[ \t]$|^\t|\n\t/.test(text)
  );
}

/** `|` keeps one line feed at the end, `|-` none, `|+` all. */
function literal(text: string, indent: string): string {
  const body = text.replace(/\n+$/, '');
  const feeds = text.length - body.length;
  const lines = body.split('\n').map((line) => (line === '' ? '' : `${indent}${line}`));
  const mark = feeds === 0 ? '|-' : feeds === 1 ? '|' : '|+';
  return `${mark}\n${lines.join('\n')}${'\n'.repeat(Math.max(0, feeds - 1))}`;
}

const RESERVED = /^(?:null|true|false|yes|no|on|off|y|n|~|)$/i;
const NUMBER_LIKE = /^[-+.]?[0-9]/;
/** Ids of objects: no reader takes them for a number. */
const UID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Letters and digits, and what cannot be taken for a mark at this place. */
const PLAIN = /^[A-Za-z0-9_/$][A-Za-z0-9_/.$@+=,()^;*%~<>|&!?'"\\ :#\-[\]{}]*$/;

function isPlain(text: string): boolean {
  if (UID.test(text)) return true;
  return (
    PLAIN.test(text) &&
    !RESERVED.test(text) &&
    !NUMBER_LIKE.test(text) &&
    !/: |:$| #| $/.test(text) &&
    text !== '---' &&
    text !== '...'
  );
}
