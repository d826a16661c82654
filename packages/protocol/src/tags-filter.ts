/**
 * Whether a publication's tags pass a subscriber's filter. Pure and cheap: it runs per publication and filtered subscriber. Text is
 * compared by code units; order is compared as decimal numbers of any length, and what is not a decimal number never passes an order.
 */
import type { FilterNode, Tags } from './model.js';

/**
 * A leaf without its key among the tags fails, except `neq`, `nin` and `nex`, which are the negations of `eq`, `in` and `ex`. A node that
 * is neither a leaf nor a branch passes nothing; codecs refuse such nodes before they get here.
 */
export function matchesFilter(filter: FilterNode, tags: Tags): boolean {
  if (filter.op === undefined) return matchesLeaf(filter, tags);
  switch (filter.op) {
    case 'and':
      return (filter.nodes ?? []).every((node) => matchesFilter(node, tags));
    case 'or':
      return (filter.nodes ?? []).some((node) => matchesFilter(node, tags));
    case 'not':
      return filter.nodes?.[0] !== undefined && !matchesFilter(filter.nodes[0], tags);
  }
}

function matchesLeaf(leaf: FilterNode, tags: Tags): boolean {
  const key = leaf.key ?? '';
  const tag = Object.hasOwn(tags, key) ? tags[key] : undefined;
  const { cmp, val = '', vals = [] } = leaf;
  if (cmp === undefined) return false;
  switch (cmp) {
    case 'eq':
      return tag === val;
    case 'neq':
      return tag !== val;
    case 'in':
      return tag !== undefined && vals.includes(tag);
    case 'nin':
      return tag === undefined || !vals.includes(tag);
    case 'ex':
      return tag !== undefined;
    case 'nex':
      return tag === undefined;
    case 'sw':
      return tag?.startsWith(val) ?? false;
    case 'ew':
      return tag?.endsWith(val) ?? false;
    case 'ct':
      return tag?.includes(val) ?? false;
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return tag !== undefined && matchesOrder(cmp, compareDecimals(tag, val));
  }
}

function matchesOrder(cmp: 'lt' | 'lte' | 'gt' | 'gte', order: number): boolean {
  switch (cmp) {
    case 'lt':
      return order < 0;
    case 'lte':
      return order <= 0;
    case 'gt':
      return order > 0;
    case 'gte':
      return order >= 0;
  }
}

/** Sign, whole part without leading zeros, fraction without trailing zeros. */
const DECIMAL = /^([+-]?)0*(\d+)(?:\.(\d*?)0*)?$/;

/** Below this many characters a decimal and its double have one order. */
const EXACT_LENGTH = 15;

/** Negative, zero or positive; NaN (which passes no comparison) where one of the two is not a decimal number. */
function compareDecimals(left: string, right: string): number {
  const a = DECIMAL.exec(left);
  const b = DECIMAL.exec(right);
  if (a === null || b === null || left.endsWith('.') || right.endsWith('.')) return NaN;
  if (left.length <= EXACT_LENGTH && right.length <= EXACT_LENGTH) return Number(left) - Number(right);
  const [, signA, wholeA = '', fractionA = ''] = a;
  const [, signB, wholeB = '', fractionB = ''] = b;
  const zeroA = wholeA === '0' && fractionA === '';
  const zeroB = wholeB === '0' && fractionB === '';
  const negativeA = signA === '-' && !zeroA;
  const negativeB = signB === '-' && !zeroB;
  if (negativeA !== negativeB) return negativeA ? -1 : 1;
  const magnitude =
    wholeA.length - wholeB.length || compareText(wholeA, wholeB) || compareText(fractionA, fractionB);
  return negativeA ? -magnitude : magnitude;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
