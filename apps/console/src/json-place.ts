/**
 * Where a text stops being JSON (RFC 8259). Browsers differ in what they tell: a position, line and column, or nothing; so the place is
 * found here. Only called for texts that a browser refused. Pure.
 */
export interface Place {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

/** The first character that cannot stand where it stands; the end of the text where something is missing. */
export function placeOfFault(text: string): Place {
  const before = text.slice(0, scan(text)).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** What may come next; a stack of open braces instead of recursion, so that depth is no limit. */
type Expected = 'value' | 'valueOrEnd' | 'nameOrEnd' | 'name' | 'colon' | 'commaOrEnd' | 'nothing';

function scan(text: string): number {
  const open: ('{' | '[')[] = [];
  let at = 0;
  let expected: Expected = 'value';
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : 'commaOrEnd');
  for (;;) {
    take(SPACE);
    const char = text[at];
    if (char === undefined) return at;
    const closes = char === (open.at(-1) === '{' ? '}' : ']') && open.length > 0;
    if (closes && (expected === 'commaOrEnd' || expected === 'valueOrEnd' || expected === 'nameOrEnd')) {
      at++;
      open.pop();
      expected = afterValue();
      continue;
    }
    switch (expected) {
      case 'value':
      case 'valueOrEnd':
        if (char === '{' || char === '[') {
          at++;
          open.push(char);
          expected = char === '{' ? 'nameOrEnd' : 'valueOrEnd';
        } else if (take(STRING) || take(NUMBER) || take(WORD)) expected = afterValue();
        else return at;
        break;
      case 'name':
      case 'nameOrEnd':
        if (!take(STRING)) return at;
        expected = 'colon';
        break;
      case 'colon':
        if (char !== ':') return at;
        at++;
        expected = 'value';
        break;
      case 'commaOrEnd':
        if (char !== ',') return at;
        at++;
        expected = open.at(-1) === '{' ? 'name' : 'value';
        break;
      case 'nothing':
        return at;
    }
  }
}
