/**
 * Parts of an object that a viewer wants, as paths: names with dots between them, `[n]` for places, quotes around names with dots. Paths are brought into one form, so that equal wishes
 * share a channel, and turned into a cut: a function from an object to the wanted parts of it.
 */
import { CodedError } from '@trunkline/protocol';

export type Step = string | number;

/** Longest path, in steps. */
const MAX_STEPS = 32;

/** What every cut holds: what an object is, and which one. Not its resourceVersion: it is another one with every write, wherever that was. */
const ALWAYS: readonly (readonly Step[])[] = [
  ['apiVersion'],
  ['kind'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'uid'],
];

/** Throws `badRequest` naming the path. */
export function parsePath(text: string): readonly Step[] {
  const steps: Step[] = [];
  const pattern = /\.?(?:([^.[\]"\\\s]+)|\["((?:[^"\\]|\\["\\])*)"\]|\[(\d{1,6})\])/gy;
  while (pattern.lastIndex < text.length) {
    const start = pattern.lastIndex;
    const found = pattern.exec(text);
    const [whole = '', name, quoted, place] = found ?? [];
    // A dot goes before a name that is not the first, and nowhere else.
    const needsDot = name !== undefined && start > 0;
    if (found === null || steps.length === MAX_STEPS || whole.startsWith('.') !== needsDot) throw wrong(text);
    steps.push(name ?? (place === undefined ? (quoted ?? '').replace(/\\(.)/g, '$1') : Number(place)));
  }
  if (steps.length === 0) throw wrong(text);
  return steps;
}

export function formatPath(steps: readonly Step[]): string {
  return steps
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (/^[^.[\]"\\\s]+$/.test(step)) return index === 0 ? step : `.${step}`;
      return `["${step.replace(/["\\]/g, '\\$&')}"]`;
    })
    .join('');
}

/** In order, once each, without those that are part of another or are there anyway. Throws `badRequest`. */
export function canonicalPaths(texts: readonly string[]): readonly string[] {
  const all = texts.map(parsePath);
  const needed = all.filter(
    (path) =>
      !ALWAYS.some((always) => isWithin(path, always)) &&
      !all.some((other) => other.length < path.length && isWithin(path, other)),
  );
  return [...new Set(needed.map(formatPath))].sort();
}

export type Cut = (value: unknown) => unknown;

/** Objects keep the order of their names; places that are left out of a list are null before the last wanted one. */
export function createCut(texts: readonly string[]): Cut {
  const root: Node = { whole: false, below: new Map() };
  for (const path of [...ALWAYS, ...texts.map(parsePath)]) {
    let node = root;
    for (const step of path) {
      const next = node.below.get(step) ?? { whole: false, below: new Map<Step, Node>() };
      node.below.set(step, next);
      node = next;
    }
    node.whole = true;
  }
  return (value) => cut(value, root) ?? {};
}

interface Node {
  whole: boolean;
  readonly below: Map<Step, Node>;
}

/** Undefined where nothing of it is wanted, or nothing wanted is there. */
function cut(value: unknown, { whole, below }: Node): unknown {
  if (whole) return value;
  if (Array.isArray(value)) {
    const kept: unknown[] = [];
    for (const [step, node] of below) {
      const part = typeof step === 'number' ? cut((value as unknown[])[step], node) : undefined;
      if (part !== undefined) kept[step as number] = part;
    }
    return kept.length === 0 ? undefined : Array.from(kept, (part) => part ?? null);
  }
  if (typeof value !== 'object' || value === null) return undefined;
  let parts: Record<string, unknown> | undefined;
  for (const name of Object.keys(value)) {
    const node = below.get(name);
    const part = node === undefined ? undefined : cut((value as Record<string, unknown>)[name], node);
    if (part === undefined) continue;
    parts ??= {};
    // By assignment this one would become the prototype.
    if (name === '__proto__') Object.defineProperty(parts, name, { value: part, enumerable: true });
    else parts[name] = part;
  }
  return parts;
}

function isWithin(path: readonly Step[], other: readonly Step[]): boolean {
  return other.length <= path.length && other.every((step, index) => step === path[index]);
}

function wrong(text: string): CodedError {
  return new CodedError('badRequest', `fields: ${JSON.stringify(text.slice(0, 100))} is no path`);
}
