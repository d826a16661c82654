/**
 * One origin of values: the file, the environment, the flags or the defaults of development. A layer is a tree as it was written and,
 * for every place in it, where that was. Layers are laid over one another key by key; a list replaces the list below it.
 */
import { formatPath, type Path } from './walk.js';

export type Tree = { [key: string]: unknown };

/** One thing wrong, with the place in the configuration and, where known, in the file or environment. */
export interface ConfigProblem {
  /** Dotted path; '' for the whole. */
  readonly path: string;
  readonly message: string;
  /** `trunkline.yaml:12`, `env:TRUNKLINE_SERVER_PORT`, `flag`; absent where nothing was written. */
  readonly source?: string;
}

export class Layer {
  readonly tree: Tree = emptyTree();
  /** Source by dotted path. */
  readonly sources = new Map<string, string>();
  readonly problems: ConfigProblem[] = [];

  set(path: readonly string[], value: unknown, source: string): void {
    let at = this.tree;
    for (const part of path.slice(0, -1)) {
      const next = at[part];
      at = isTree(next) ? next : (at[part] = emptyTree());
    }
    at[path.at(-1) ?? ''] = value;
    this.sources.set(formatPath(path), source);
  }
}

/** Lays `layers` over one another, the last one on top. */
export function mergeLayers(layers: readonly Layer[]): Layer {
  const merged = new Layer();
  for (const layer of layers) {
    overlay(merged, merged.tree, layer, layer.tree, []);
    merged.problems.push(...layer.problems);
  }
  return merged;
}

/** The source of the value at `path`: its own, or that of what it lies in. */
export function sourceOf(sources: ReadonlyMap<string, string>, path: Path): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const source = sources.get(formatPath(path.slice(0, length)));
    if (source !== undefined) return source;
  }
  return undefined;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without a prototype, so that a key named `__proto__` is an ordinary (and unknown) key. */
export function emptyTree(): Tree {
  return Object.create(null) as Tree;
}

function overlay(target: Layer, onto: Tree, layer: Layer, from: Tree, path: Path): void {
  for (const [key, value] of Object.entries(from)) {
    const at = [...path, key];
    const below = onto[key];
    if (isTree(value)) {
      overlay(target, isTree(below) ? below : (onto[key] = emptyTree()), layer, value, at);
    } else {
      onto[key] = value;
      replaceSources(target.sources, layer.sources, formatPath(at));
    }
  }
  const own = layer.sources.get(formatPath(path));
  if (own !== undefined) target.sources.set(formatPath(path), own);
}

/** The whole list (or value) at `path` comes from `from` now: what was known of the places inside it goes. */
function replaceSources(sources: Map<string, string>, from: ReadonlyMap<string, string>, path: string): void {
  for (const key of [...sources.keys()]) if (isWithin(key, path)) sources.delete(key);
  for (const [key, source] of from) if (isWithin(key, path)) sources.set(key, source);
}

function isWithin(key: string, path: string): boolean {
  return key === path || key.startsWith(`${path}[`) || key.startsWith(`${path}.`);
}
