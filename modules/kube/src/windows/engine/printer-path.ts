/**
 * The paths of printer columns, as definitions of custom resources write them: the part of JSONPath that is used there (`.a.b`, `['a']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`). What a path
 * finds is one value, or several joined.
 */
import { readPath } from './parts.js';
import { toScalar, toValue, type Value } from './values.js';

type Step =
  | { readonly kind: 'at'; readonly at: string | number }
  | { readonly kind: 'all' }
  | { readonly kind: 'where'; readonly path: readonly string[]; readonly value: string };

const STEP =
  /\.([\w$-]+(?:\\\.[\w-]+)*)|\['([^'\\]+)'\]|\["([^"\\]+)"\]|\[(\d{1,6})\]|\[(\*)\]|\[\?\(@((?:\.[\w-]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)')\)\]/y;
const MAX_STEPS = 32;

/** Undefined for a path that is not understood. */
export function compilePrinterPath(text: string): ((object: unknown) => Value) | undefined {
  const steps = parse(text.replace(/^\{(.*)\}$/su, '$1').replace(/^\$/u, ''));
  if (steps === undefined) return undefined;
  return (object) => {
    let found: readonly unknown[] = [object];
    for (const step of steps) found = found.flatMap((one) => take(one, step));
    if (found.length < 2) return toValue(found[0]);
    return toValue(found.map((one) => String(toScalar(toValue(one)) ?? '')).join(','));
  };
}

function parse(text: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  for (let at = 0; at < text.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const match = STEP.exec(text);
    if (match === null || steps.length === MAX_STEPS) return undefined;
    const [, dotted, single, double, place, all, path, value, other] = match;
    if (path !== undefined)
      steps.push({ kind: 'where', path: path.slice(1).split('.'), value: value ?? other ?? '' });
    else if (all !== undefined) steps.push({ kind: 'all' });
    else if (place !== undefined) steps.push({ kind: 'at', at: Number(place) });
    else steps.push({ kind: 'at', at: dotted?.replaceAll('\\.', '.') ?? single ?? double ?? '' });
  }
  return steps.length === 0 ? undefined : steps;
}

function take(value: unknown, step: Step): readonly unknown[] {
  if (step.kind === 'at') {
    const found = readPath(value, [step.at]);
    return found === undefined ? [] : [found];
  }
  if (!Array.isArray(value)) return [];
  const items = value as readonly unknown[];
  return step.kind === 'all' ? items : items.filter((one) => readPath(one, step.path) === step.value);
}
