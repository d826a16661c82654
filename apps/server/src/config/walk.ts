/**
 * Reading the schema as a tree: which keys stand at a path, which leaves exist, what a leaf is. The only file that looks inside zod's
 * schemas, through its documented introspection (`_zod.def`).
 */
import type { z } from 'zod';
import { leafInfo, type LeafInfo } from './leaves.js';

/** A place in the configuration: keys and list indices. */
export type Path = readonly (string | number)[];

/** `channels.namespaces[2].historySize`. */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

interface Def {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
}

function defOf(schema: z.ZodType): Def {
  return schema._zod.def as unknown as Def;
}

/** Looks through `optional`, `default`, `prefault` and `readonly`. */
function unwrap(schema: z.ZodType): z.ZodType {
  for (let at = schema; ;) {
    const inner = leafInfo.has(at) ? undefined : defOf(at).innerType;
    if (inner === undefined) return at;
    at = inner;
  }
}

/** What is known of the leaf behind `schema`; undefined for objects and free-form values. */
export function infoOf(schema: z.ZodType): LeafInfo | undefined {
  return leafInfo.get(unwrap(schema));
}

/** Keys and schemas of an object; undefined for anything else. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  return defOf(unwrap(schema)).shape;
}

/** The schema of a list's items. */
export function elementOf(schema: z.ZodType): z.ZodType | undefined {
  for (let at: z.ZodType | undefined = schema; at; at = defOf(at).innerType) {
    const { element } = defOf(at);
    if (element) return element;
  }
  return undefined;
}

/** The schema at `path`, or undefined where there is none. */
export function schemaAt(root: z.ZodType, path: Path): z.ZodType | undefined {
  let at: z.ZodType | undefined = root;
  for (const part of path) {
    if (!at) return undefined;
    at = typeof part === 'number' ? elementOf(at) : ownKey(shapeOf(at), part);
  }
  return at;
}

export interface Leaf {
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly info: LeafInfo;
}

/** Every leaf that can be named without a list index, in the order of the schema. */
export function leavesOf(root: z.ZodType, path: readonly string[] = []): Leaf[] {
  const info = infoOf(root);
  if (info) return [{ path, schema: root, info }];
  return Object.entries(shapeOf(root) ?? {}).flatMap(([key, schema]) => leavesOf(schema, [...path, key]));
}

/** `server.trustedProxies` is `TRUNKLINE_SERVER_TRUSTED_PROXIES`. */
export function environmentName(path: readonly string[]): string {
  return ['TRUNKLINE', ...path.map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase())].join(
    '_',
  );
}

function ownKey<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}
