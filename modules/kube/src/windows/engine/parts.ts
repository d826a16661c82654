/**
 * Parts of objects. They are read from any object, however strange: what is not there is undefined, and nothing that an object inherits is ever found. What a path is, the lists of
 * this module say; windows are asked in the same words.
 */
import type { Step } from '../../lists/paths.js';

/** What stands at the path; undefined where nothing does. */
export function readPath(value: unknown, path: readonly Step[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    if (typeof step === 'number') {
      if (!Array.isArray(found)) return undefined;
      found = (found as readonly unknown[])[step];
    } else {
      if (Array.isArray(found) || !Object.hasOwn(found, step)) return undefined;
      found = (found as Readonly<Record<string, unknown>>)[step];
    }
  }
  return found;
}

/** The same for names alone. */
export function read(value: unknown, ...names: readonly string[]): unknown {
  return readPath(value, names);
}

export function readText(value: unknown, ...names: readonly string[]): string {
  const found = readPath(value, names);
  return typeof found === 'string' ? found : '';
}

/** Undefined where there is no number. */
export function readNumber(value: unknown, ...names: readonly string[]): number | undefined {
  const found = readPath(value, names);
  return typeof found === 'number' ? found : undefined;
}

export function readList(value: unknown, ...names: readonly string[]): readonly unknown[] {
  const found = readPath(value, names);
  return Array.isArray(found) ? (found as readonly unknown[]) : [];
}
