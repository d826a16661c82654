/**
 * The values that rows are filtered and sorted by, and their one order. Objects of one kind may hold different types at one path; the order is total all the same:
 * numbers, then texts, then booleans. What is missing comes last in either direction.
 */

export type Scalar = string | number | boolean | null;
/** Null is what is missing: an API server leaves out what is null. */
export type Value = Scalar | readonly Scalar[];

/** Longer texts are kept, compared and shown by their beginning. UTF-16 code units. */
export const TEXT_MAX = 1_024;

/** A part of an object as a value: lists of plain values stay lists, anything deeper is its JSON text. */
export function toValue(part: unknown): Value {
  if (part === undefined || part === null) return null;
  if (typeof part === 'string') return cut(part);
  // JSON can say numbers that are none here (1e999): they have no place in an order.
  if (typeof part === 'number') return Number.isFinite(part) ? part : null;
  if (typeof part === 'boolean') return part;
  if (Array.isArray(part) && part.length <= TEXT_MAX && part.every(isScalar))
    return part.map((one) => (typeof one === 'string' ? cut(one) : one));
  return cut(JSON.stringify(part));
}

/** What is shown of a value, and sorted by. */
export function toScalar(value: Value): Scalar {
  return typeof value === 'object' && value !== null ? cut(JSON.stringify(value)) : value;
}

export function isSame(left: Value | undefined, right: Value | undefined): boolean {
  if (left === right) return true;
  if (!Array.isArray(left) || !Array.isArray(right)) return false;
  return left.length === right.length && left.every((one, index) => one === right[index]);
}

/** Ascending. Both must not be missing. */
function compareFound(left: Exclude<Scalar, null>, right: Exclude<Scalar, null>): number {
  if (left === right) return 0;
  const ranks = rankOf(left) - rankOf(right);
  return ranks === 0 ? (left < right ? -1 : 1) : ranks;
}

/** @param direction 1 ascending, -1 descending */
export function compareValues(left: Value, right: Value, direction: 1 | -1): number {
  if (left === right) return 0;
  const [one, other] = [toScalar(left), toScalar(right)];
  if (one === null || other === null) return one === other ? 0 : one === null ? 1 : -1;
  return direction * compareFound(one, other);
}

/** By code units, as API servers order names. */
export function compareTexts(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

function rankOf(value: Exclude<Scalar, null>): number {
  return typeof value === 'number' ? 0 : typeof value === 'string' ? 1 : 2;
}

function isScalar(value: unknown): value is Scalar {
  return value === null || typeof value !== 'object';
}

function cut(text: string): string {
  return text.length <= TEXT_MAX ? text : text.slice(0, TEXT_MAX);
}
