/** Reads option values; a wrong one is a `CliError` with exit 2 whose message names the option and shows what it takes. */
import type { FilterNode, Position } from '@trunkline/protocol';
import { CliError } from './exit.js';

/** `12@abc`: an offset of a history and the epoch that gives it meaning. */
export function parsePosition(option: string, text: string): Position {
  const at = text.indexOf('@');
  const offset = at < 0 ? NaN : parseWhole(text.slice(0, at));
  const epoch = text.slice(at + 1);
  if (Number.isNaN(offset) || epoch === '')
    throw new CliError('usage', `${option}: "${text}" is no position`, {
      advice: `Give offset@epoch, e.g. ${option} 42@Jx7d; \`trunkline tail\` prints both.`,
    });
  return { offset, epoch };
}

export function formatPosition(position: Position): string {
  return `${position.offset}@${position.epoch}`;
}

/** A whole number from `min` to `max`. */
export function parseCount(option: string, text: string, min: number, max: number): number {
  const value = parseWhole(text);
  if (Number.isNaN(value) || value < min || value > max)
    throw new CliError('usage', `${option} takes a whole number from ${min} to ${max}, not "${text}"`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `5m`, `2h`, `7d`; milliseconds out. */
export function parseDuration(option: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = UNITS[unit ?? ''];
  if (digits === undefined || factor === undefined)
    throw new CliError('usage', `${option}: "${text}" is no duration`, {
      advice: 'Give a number with a unit: 500ms, 30s, 5m, 2h or 7d.',
    });
  return Number(digits) * factor;
}

/** `a=1,b=two`; names may not repeat. */
export function parseTags(option: string, text: string): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    if (at < 1 || name === '' || Object.hasOwn(tags, name))
      throw new CliError('usage', `${option}: "${pair}" is no tag`, {
        advice: `Give name=value pairs, e.g. ${option} level=error,host=a1.`,
      });
    tags[name] = pair.slice(at + 1).trim();
  }
  return tags;
}

/** `level=error,host!=a1,kind=a|b`: all must hold; `|` separates values of which one must be (with `!=`: none may be). */
export function parseFilter(option: string, text: string): FilterNode {
  const nodes = text.split(',').map((part): FilterNode => {
    const [, key, not, values] = /^\s*([^=!]+?)\s*(!?)=(.*)$/.exec(part) ?? [];
    if (key === undefined || values === undefined)
      throw new CliError('usage', `${option}: "${part}" is no condition on a tag`, {
        advice: `Give name=value or name!=value, e.g. ${option} level=error|fatal,host!=a1.`,
      });
    const vals = values.split('|').map((value) => value.trim());
    const negated = not === '!';
    return vals.length === 1
      ? { key, cmp: negated ? 'neq' : 'eq', val: vals[0] ?? '' }
      : { key, cmp: negated ? 'nin' : 'in', vals };
  });
  const [only] = nodes;
  return nodes.length === 1 && only !== undefined ? only : { op: 'and', nodes };
}

/** JSON text as the value it means; text that is no JSON as that text. */
export function parseData(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** JSON text as the value it means; refuses anything else. */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new CliError(
      'usage',
      `${what} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { advice: 'Quote it for the shell, e.g. \'{"a": 1}\'.', cause },
    );
  }
}

function parseWhole(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}
