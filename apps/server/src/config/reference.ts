/** The list of all options out of the schema, as the table that docs/spec/configuration.md shows; a test compares the two. */
import type { z } from 'zod';
import type { LeafInfo } from './leaves.js';
import { formatDuration, formatSize } from './quantity.js';
import { configSchema, type Config } from './schema.js';
import { elementOf, infoOf, shapeOf } from './walk.js';

/** Markdown; items of lists are named with `[]`. */
export function configReference(): string {
  const defaults: Config = configSchema.parse({});
  const rows = rowsOf(configSchema, '', defaults);
  return ['| Option | Kind | Default | |', '|---|---|---|---|', ...rows].join('\n');
}

function rowsOf(schema: z.ZodType, path: string, value: unknown): string[] {
  const info = infoOf(schema);
  const item = elementOf(schema);
  if (info)
    return [
      row(path, info, value),
      ...(info.kind === 'records' && item ? rowsOf(item, `${path}[]`, undefined) : []),
    ];
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(shapeOf(schema) ?? {}).flatMap(([key, field]) =>
    rowsOf(field, path === '' ? key : `${path}.${key}`, fields[key]),
  );
}

function row(path: string, info: LeafInfo, value: unknown): string {
  const kind = info.choices ? info.choices.map((choice) => `\`${choice}\``).join(' ') : info.kind;
  return `| \`${path}\` | ${kind}${info.secret ? ', secret' : ''} | ${shown(info, value)} | ${info.help.replace(/\|/g, '\\|')} |`;
}

function shown({ kind }: LeafInfo, value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '';
  if (typeof value === 'number')
    return `\`${kind === 'duration' ? formatDuration(value) : kind === 'size' ? formatSize(value) : value === Infinity ? 'unlimited' : String(value)}\``;
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}
