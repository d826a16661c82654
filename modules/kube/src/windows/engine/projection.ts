/**
 * What of an object goes with its row: the wanted fields and what identifies it, as JSON text in the order of the object, so that equal texts are equal projections. And the way from
 * one such text to the next: a merge patch (RFC 7396) where that is shorter and can say it, else the whole.
 */
import { createCut } from '../../lists/paths.js';

type Fields = Record<string, unknown>;

export function compileProjection(paths: readonly string[]): (object: unknown) => string {
  const cut = createCut(paths);
  return (object) => JSON.stringify(cut(object));
}

/** The change from one projection to another as members of an operation, JSON text: `"merge":…` or `"object":…`. */
export function patchText(before: string, after: string): string {
  const whole = `"object":${after}`;
  const next: unknown = JSON.parse(after);
  // In a merge patch null means "gone".
  if (after.includes('null') && hasNull(next)) return whole;
  const merge = `"merge":${JSON.stringify(mergePatch(JSON.parse(before), next))}`;
  return merge.length < whole.length ? merge : whole;
}

function mergePatch(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  // Without a prototype, so that no name means anything but itself.
  const patch = Object.create(null) as Fields;
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) patch[name] = null;
  for (const [name, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, name) ? before[name] : undefined;
    if (old !== undefined && isEqual(old, value)) continue;
    patch[name] = isObject(old) && isObject(value) ? mergePatch(old, value) : value;
  }
  return patch;
}

function isEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((one, index) => isEqual(one, right[index]));
  if (!isObject(left) || !isObject(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && isEqual(left[name], right[name]))
  );
}

function hasNull(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === 'object' && Object.values(value).some(hasNull);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
