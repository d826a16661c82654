/**
 * The label selector grammar, whole: `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a>1`, `a<1`, joined by commas.
 * `in` and `notin` are words only where an operator stands. Keys and values are checked as the real server checks them.
 */
import { badRequest } from '../model/status.js';

export type Labels = Readonly<Record<string, string>> | undefined;
export type LabelPredicate = (labels: Labels) => boolean;

interface Token {
  readonly kind: 'word' | 'symbol' | 'end';
  readonly text: string;
}

const TOKEN = /\s*(?:(==|!=|[=!<>,()])|([^\s=!<>,()]+))/y;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** Undefined where the selector is empty, that is, selects everything. Throws a 400 that says what was found and expected. */
export function parseLabelSelector(text: string): LabelPredicate | undefined {
  if (text.trim() === '') return undefined;
  const tokens = tokenise(text);
  const requirements: LabelPredicate[] = [];
  do requirements.push(requirement(tokens));
  while (tokens.take(','));
  const last = tokens.next();
  if (last.kind !== 'end') throw refuse(last.text, "',' or end of string");
  return (labels) => requirements.every((matches) => matches(labels));
}

class Tokens {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  next(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  take(symbol: string): boolean {
    const token = this.peek();
    if (token.kind !== 'symbol' || token.text !== symbol) return false;
    this.#at++;
    return true;
  }
}

function tokenise(text: string): Tokens {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    if (match[1] !== undefined) tokens.push({ kind: 'symbol', text: match[1] });
    else tokens.push({ kind: 'word', text: match[2] ?? '' });
  }
  return new Tokens(tokens);
}

function requirement(tokens: Tokens): LabelPredicate {
  if (tokens.take('!')) {
    const absent = key(tokens);
    return (labels) => labels?.[absent] === undefined;
  }
  const name = key(tokens);
  const operator = tokens.peek();
  if (operator.kind === 'end' || operator.text === ',') return (labels) => labels?.[name] !== undefined;
  tokens.next();
  switch (operator.text) {
    case '=':
    case '==': {
      const wanted = value(tokens);
      return (labels) => labels?.[name] === wanted;
    }
    case '!=': {
      const unwanted = value(tokens);
      return (labels) => labels?.[name] !== unwanted;
    }
    case 'in': {
      const wanted = values(tokens);
      return (labels) => labels?.[name] !== undefined && wanted.has(labels[name]);
    }
    case 'notin': {
      const unwanted = values(tokens);
      return (labels) => labels?.[name] === undefined || !unwanted.has(labels[name]);
    }
    case '>':
    case '<': {
      const bound = number(value(tokens));
      const greater = operator.text === '>';
      return (labels) => {
        const found = labels?.[name];
        if (found === undefined || !/^-?\d+$/.test(found)) return false;
        return greater ? Number(found) > bound : Number(found) < bound;
      };
    }
    default:
      throw refuse(operator.text, 'in, notin, =, ==, !=, gt, lt');
  }
}

function key(tokens: Tokens): string {
  const token = tokens.next();
  if (token.kind !== 'word') throw refuse(token.text, "!, identifier, or 'end of string'");
  const slash = token.text.indexOf('/');
  const prefix = slash < 0 ? undefined : token.text.slice(0, slash);
  const name = token.text.slice(slash + 1);
  if (!NAME.test(name) || (prefix !== undefined && !(PREFIX.test(prefix) && prefix.length <= 253)))
    throw badRequest(`unable to parse requirement: invalid label key "${token.text}"`);
  return token.text;
}

/** A single value; nothing at all stands for the empty one. */
function value(tokens: Tokens): string {
  if (tokens.peek().kind !== 'word') {
    const token = tokens.peek();
    if (token.kind === 'end' || token.text === ',' || token.text === ')') return '';
    throw refuse(token.text, 'identifier');
  }
  return checkValue(tokens.next().text);
}

function values(tokens: Tokens): ReadonlySet<string> {
  if (!tokens.take('(')) throw refuse(tokens.peek().text, "'('");
  const found = new Set<string>();
  do found.add(value(tokens));
  while (tokens.take(','));
  if (!tokens.take(')')) throw refuse(tokens.peek().text, "',' or ')'");
  return found;
}

function checkValue(text: string): string {
  if (text !== '' && !NAME.test(text))
    throw badRequest(`unable to parse requirement: invalid label value: "${text}"`);
  return text;
}

function number(text: string): number {
  if (!/^-?\d+$/.test(text))
    throw badRequest(`unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer`);
  return Number(text);
}

function refuse(found: string, expected: string): Error {
  return badRequest(`unable to parse requirement: found '${found}', expected: ${expected}`);
}
