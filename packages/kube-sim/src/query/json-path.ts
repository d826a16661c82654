/**
 * The part of JSONPath that printer columns of custom resources use: `.a.b`, `['a']`, `[0]`, `[*]` and `[?(@.type=="Ready")]`.
 * Anything else is refused when the definition is read, so that a bad column is an error of its author, not an empty cell.
 */
import { isObject, read } from '../model/objects.js';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'where'; readonly path: readonly string[]; readonly value: string };

const STEP =
  /\.([A-Za-z_][\w-]*(?:\\\.[\w-]+)*)|\['([^']+)'\]|\[(-?\d+)\]|\[(\*)\]|\[\?\(@((?:\.[\w-]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)')\)\]/y;

/** Reads all values at the path; throws a RangeError that names the path when it cannot be understood. */
export function compileJsonPath(path: string): (value: unknown) => readonly unknown[] {
  const bare = path.replace(/^\{(.*)\}$/s, '$1').replace(/^\$/, '');
  const steps: Step[] = [];
  let at = 0;
  while (at < bare.length) {
    STEP.lastIndex = at;
    const match = STEP.exec(bare);
    if (match === null) throw new RangeError(`jsonPath "${path}" is not understood from position ${at}`);
    steps.push(toStep(match));
    at = STEP.lastIndex;
  }
  return (value) =>
    steps.reduce<readonly unknown[]>((found, step) => found.flatMap((one) => take(one, step)), [value]);
}

function toStep(match: RegExpExecArray): Step {
  const [, dotted, quoted, index, all, path, double, single] = match;
  if (dotted !== undefined) return { kind: 'field', name: dotted.replaceAll('\\.', '.') };
  if (quoted !== undefined) return { kind: 'field', name: quoted };
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (all !== undefined) return { kind: 'all' };
  return { kind: 'where', path: (path ?? '').slice(1).split('.'), value: double ?? single ?? '' };
}

function take(value: unknown, step: Step): readonly unknown[] {
  switch (step.kind) {
    case 'field': {
      const found = read(value, step.name);
      return found === undefined ? [] : [found];
    }
    case 'index': {
      const found = Array.isArray(value) ? (value as unknown[]).at(step.index) : undefined;
      return found === undefined ? [] : [found];
    }
    case 'all':
      return Array.isArray(value) ? (value as unknown[]) : isObject(value) ? Object.values(value) : [];
    case 'where':
      return Array.isArray(value)
        ? (value as unknown[]).filter((one) => String(read(one, ...step.path)) === step.value)
        : [];
  }
}
