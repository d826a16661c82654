/** Table output: the columns that `kubectl get` shows, made by the server, for custom resources too. */
import { KubeError } from '../errors.js';
import { selectorsOf, toPath, toQuery, type KubeQuestion } from '../question.js';
import type { Exchange } from './exchange.js';

export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  /** 0 is always shown; higher ones where there is room. */
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object: unknown;
}

export interface KubeTable {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly TableRow[];
  readonly version: string;
  readonly continue: string;
}

export interface TableOptions {
  /** What comes with each row: its metadata (default), the whole object, or nothing. */
  readonly include?: 'Metadata' | 'Object' | 'None';
  readonly limit?: number;
  readonly continue?: string;
  readonly signal?: AbortSignal;
}

const ACCEPT = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

interface RawTable {
  readonly kind?: unknown;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly columnDefinitions?: readonly Partial<TableColumn>[];
  readonly rows?: readonly { readonly cells?: readonly unknown[]; readonly object?: unknown }[] | null;
}

/** Undefined where the server has no table for the resource and answers with the list itself. */
export async function readTable(
  exchange: Exchange,
  question: KubeQuestion,
  options: TableOptions,
): Promise<KubeTable | undefined> {
  const { include = 'Metadata', limit = exchange.options.pageSize, signal } = options;
  const query = toQuery({
    ...selectorsOf(question),
    includeObject: include,
    limit: limit > 0 ? limit : undefined,
    continue: options.continue || undefined,
  });
  const answer = await exchange.readJson({
    path: toPath(question) + query,
    headers: { accept: ACCEPT },
    ...(signal ? { signal } : {}),
  });
  const table = (answer ?? {}) as RawTable;
  if (table.kind !== 'Table') return undefined;
  if (!Array.isArray(table.columnDefinitions))
    throw new KubeError('kubeBadAnswer', 'columnDefinitions: missing in a table');
  return {
    columns: table.columnDefinitions.map(
      ({ name = '', type = '', format = '', description = '', priority = 0 }) => ({
        name,
        type,
        format,
        description,
        priority,
      }),
    ),
    rows: (table.rows ?? []).map(({ cells = [], object = null }) => ({ cells, object })),
    version: table.metadata?.resourceVersion ?? '',
    continue: table.metadata?.continue ?? '',
  };
}
