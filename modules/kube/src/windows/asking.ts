/** From the params of `kube.window` to what the engine is asked: checked against the columns there are, in one form, so that two ways to write one question make one window. */
import type { KubeContract, WindowColumn, WindowFilter, WindowSort } from '@trunkline/contracts/kube';
import type { RpcParams } from '@trunkline/contracts';
import { CodedError } from '@trunkline/protocol';
import { createHash } from 'node:crypto';
import { canonicalPaths, formatPath, parsePath } from '../lists/paths.js';
import type { PrinterColumn, WindowQuery } from './messages.js';
import type { Scope } from './scopes.js';

export type WindowParams = RpcParams<KubeContract, 'kube.window'>;

const LIMIT_DEFAULT = 100;
/** Rows beyond this are not scrolled to; filters find them. */
const OFFSET_MAX = 10_000_000;

/** Throws `badRequest` naming the param. `own`: the columns that the kind has anyway. */
export function toQuery(
  params: WindowParams,
  own: readonly WindowColumn[],
  printed: readonly PrinterColumn[],
): WindowQuery {
  const names = new Set([...own, ...printed].map(({ name }) => name));
  for (const [index, name] of (params.columns ?? []).entries())
    requireColumn(`columns[${index}]`, name, names);
  const { filter = [], search = '', sort = [], offset = 0, limit = LIMIT_DEFAULT, fields } = params;
  if (offset > OFFSET_MAX) throw new CodedError('badRequest', `offset must be at most ${OFFSET_MAX}`);
  const words = search.toLowerCase().split(/\s+/u);
  return {
    filter: filter.map((one, index) => toFilter(one, `filter[${index}]`, names)),
    words: [...new Set(words)].filter((word) => word !== '').sort(),
    sort: sort.map((one, index) => ({
      ...toTerm(one, `sort[${index}]`, names),
      order: one.order ?? 'asc',
    })),
    offset,
    limit,
    fields: fields && named('fields', () => canonicalPaths(fields)),
    clusterColumn: params.sources.length > 1,
    printed,
  };
}

/**
 * The id of a window: the same for the same rows seen by the same rights, and another one else. It can be computed by anybody who knows all of that, and opens nothing: who reads is
 * asked for rights.
 */
export function windowId(org: string, scopes: readonly Scope[], query: WindowQuery): string {
  const text = JSON.stringify([org, scopes, query]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 32);
}

/** What the engine has to take out of objects for a question, beside the columns of the kind: paths and sets of fields. */
export function wishesOf({ filter, sort, fields, printed }: WindowQuery): readonly string[] {
  const paths = [...filter, ...sort].flatMap((term) => ('path' in term ? [term.path] : []));
  paths.push(...printed.map(({ path }) => path));
  return [...new Set(fields === undefined ? paths : [...paths, JSON.stringify(fields)])];
}

type Term = { readonly column: string } | { readonly path: string };

function toTerm(given: WindowSort | WindowFilter, where: string, names: ReadonlySet<string>): Term {
  if ('path' in given) {
    const { path } = given;
    return { path: named(`${where}.path`, () => formatPath(parsePath(path))) };
  }
  requireColumn(`${where}.column`, given.column, names);
  return { column: given.column };
}

function requireColumn(where: string, name: string, names: ReadonlySet<string>): void {
  if (!names.has(name))
    throw new CodedError('badRequest', `${where} must be one of ${[...names].join(', ')}`);
}

/** An operation goes with some kinds of values only; the schema knows them one by one. */
function toFilter(given: WindowFilter, where: string, names: ReadonlySet<string>): WindowFilter {
  const { op, value } = given;
  const wanted = VALUES[op];
  if (!wanted.accepts(value)) throw new CodedError('badRequest', `${where}.value must be ${wanted.words}`);
  const term = toTerm(given, where, names);
  if (op === 'exists') return { ...term, op, value: value !== false };
  if (!Array.isArray(value)) return { ...term, op, value: value ?? null };
  return { ...term, op, value: [...new Set(value)].sort() };
}

interface ValueRule {
  readonly words: string;
  accepts(value: WindowFilter['value']): boolean;
}

const ONE: ValueRule = {
  words: 'one value',
  accepts: (value) => value !== undefined && !Array.isArray(value),
};
const ORDERED: ValueRule = {
  words: 'a text or a number',
  accepts: (value) => typeof value === 'string' || typeof value === 'number',
};
const VALUES: Readonly<Record<WindowFilter['op'], ValueRule>> = {
  eq: ONE,
  ne: ONE,
  lt: ORDERED,
  le: ORDERED,
  gt: ORDERED,
  ge: ORDERED,
  contains: {
    words: 'a text, a number or a boolean',
    accepts: (value) => ['string', 'number', 'boolean'].includes(typeof value),
  },
  in: { words: 'a list', accepts: (value) => Array.isArray(value) },
  exists: {
    words: 'a boolean, or absent',
    accepts: (value) => value === undefined || typeof value === 'boolean',
  },
};

/** What reads a path says which one is wrong, not where it stood. */
function named<T>(where: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw new CodedError('badRequest', `${where}: no path`, { cause });
  }
}
