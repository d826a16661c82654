/** A tags filter from the wire, checked whole when it is subscribed, so that matching never meets a malformed node. */
import type { FilterNode } from '../model.js';
import { badField, isBody, text } from './fields.js';

/** Bounds of one filter; it is evaluated for every publication. */
export const FILTER_MAX_DEPTH = 8;
export const FILTER_MAX_NODES = 64;
export const FILTER_MAX_VALUES = 1_000;

const COMPARISONS = new Set<string>([
  'eq',
  'neq',
  'in',
  'nin',
  'ex',
  'nex',
  'sw',
  'ew',
  'ct',
  'lt',
  'lte',
  'gt',
  'gte',
]);

interface Budget {
  nodes: number;
  values: number;
}

/** Throws `badRequest` naming the node at fault, e.g. `subscribe.tf.nodes[1].cmp`. */
export function filterNode(value: unknown, path: string): FilterNode {
  return node(value, path, 1, { nodes: FILTER_MAX_NODES, values: FILTER_MAX_VALUES });
}

function node(value: unknown, path: string, depth: number, budget: Budget): FilterNode {
  if (!isBody(value)) throw badField(path, 'must be an object');
  if (depth > FILTER_MAX_DEPTH) throw badField(path, `is nested deeper than ${FILTER_MAX_DEPTH}`);
  if (--budget.nodes < 0) throw badField(path, `is beyond ${FILTER_MAX_NODES} nodes`);
  const op = text(value, path, 'op');
  if (op === '') return leaf(value, path, budget);
  if (op !== 'and' && op !== 'or' && op !== 'not')
    throw badField(`${path}.op`, 'must be and, or, not or empty');
  const given = value['nodes'];
  if (!Array.isArray(given) || given.length === 0) throw badField(`${path}.nodes`, 'must be a list of nodes');
  if (op === 'not' && given.length !== 1) throw badField(`${path}.nodes`, 'must hold one node');
  return {
    op,
    nodes: given.map((child: unknown, index) => node(child, `${path}.nodes[${index}]`, depth + 1, budget)),
  };
}

function leaf(value: Readonly<Record<string, unknown>>, path: string, budget: Budget): FilterNode {
  const key = text(value, path, 'key');
  if (key === '') throw badField(`${path}.key`, 'must not be empty');
  const cmp = text(value, path, 'cmp');
  if (!isComparison(cmp)) throw badField(`${path}.cmp`, 'must be a known comparison');
  if (cmp === 'ex' || cmp === 'nex') return { key, cmp };
  if (cmp !== 'in' && cmp !== 'nin') return { key, cmp, val: text(value, path, 'val') };
  const vals = value['vals'] ?? [];
  if (!Array.isArray(vals) || !vals.every((val): val is string => typeof val === 'string'))
    throw badField(`${path}.vals`, 'must be a list of strings');
  budget.values -= vals.length;
  if (budget.values < 0) throw badField(`${path}.vals`, `is beyond ${FILTER_MAX_VALUES} values in all`);
  return { key, cmp, vals };
}

function isComparison(cmp: string): cmp is NonNullable<FilterNode['cmp']> {
  return COMPARISONS.has(cmp);
}
