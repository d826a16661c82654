/** Every value of a configuration with its origin, for people and scripts. Secrets are replaced here, and nowhere else printed. */
import { sourceOf } from './layer.js';
import type { ResolvedConfig } from './load.js';
import { formatDuration, formatSize } from './quantity.js';
import { configSchema } from './schema.js';
import { elementOf, formatPath, infoOf, shapeOf, type Path } from './walk.js';
import type { z } from 'zod';

export interface ShownValue {
  /** Dotted path. */
  readonly path: string;
  /** Readable form, as it could be written in the file; `(secret)` for secrets, '' where nothing is set. */
  readonly value: string;
  /** `default`, `default (development)`, `trunkline.yaml:12`, `env:NAME` or `flag`. */
  readonly source: string;
}

export const REDACTED = '(secret)';

/** In the order of the schema. Lists of objects are shown item by item. */
export function configShow(config: ResolvedConfig): readonly ShownValue[] {
  return show(configSchema, config.values, [], config.sources);
}

function show(
  schema: z.ZodType,
  value: unknown,
  path: Path,
  sources: ReadonlyMap<string, string>,
): ShownValue[] {
  const shape = shapeOf(schema);
  if (shape) {
    const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
    // Inside an item of a list only what was written; elsewhere every key, so that one sees what could be set.
    const inItem = path.some((part) => typeof part === 'number');
    return Object.entries(shape).flatMap(([key, field]) =>
      inItem && fields[key] === undefined ? [] : show(field, fields[key], [...path, key], sources),
    );
  }
  const info = infoOf(schema);
  const item = elementOf(schema);
  if (info?.kind === 'records' && item && Array.isArray(value) && value.length > 0) {
    return value.flatMap((entry, index) => show(item, entry, [...path, index], sources));
  }
  const source = sourceOf(sources, path) ?? 'default';
  if (value === undefined) return [{ path: formatPath(path), value: '', source: 'default' }];
  return [
    {
      path: formatPath(path),
      value: info?.secret && !isEmptyList(value) ? REDACTED : readable(info?.kind, value),
      source,
    },
  ];
}

function readable(kind: string | undefined, value: unknown): string {
  if (typeof value === 'number')
    return kind === 'duration'
      ? formatDuration(value)
      : kind === 'size'
        ? formatSize(value)
        : value === Infinity
          ? 'unlimited'
          : String(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
