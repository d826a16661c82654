/**
 * What a window should show, worked out the slow way from parsed objects: every row made, filtered, sorted and cut, each time. It shares nothing with the engine but the columns'
 * cells, so that a fault of one is not a fault of both.
 */
import type { WindowFilter, WindowRow, WindowSort } from '@trunkline/contracts/kube';

export interface OracleObject {
  readonly cluster: string;
  readonly value: Record<string, unknown>;
}

export interface OracleQuestion {
  readonly filter?: readonly WindowFilter[];
  readonly search?: string;
  readonly sort?: readonly WindowSort[];
  readonly offset?: number;
  readonly limit?: number;
  /** Names of metadata that are wanted: `labels`. */
  readonly labels?: boolean;
  readonly clusterColumn?: boolean;
}

type Cell = string | number | boolean | null;

interface OracleRow {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly cells: Readonly<Record<string, Cell>>;
  readonly value: Record<string, unknown>;
}

const COLUMNS = ['name', 'namespace', 'status', 'ready', 'restarts', 'node', 'age'];

export function expected(
  objects: readonly OracleObject[],
  question: OracleQuestion,
): { readonly rows: readonly WindowRow[]; readonly total: number } {
  const { filter = [], search = '', sort = [], offset = 0, limit = 100 } = question;
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const found = objects
    .map(toRow)
    .filter(
      (row) => filter.every((one) => passes(row, one)) && words.every((word) => has(row, word, question)),
    )
    .sort((left, right) => compare(left, right, sort));
  const rows = found.slice(offset, offset + limit).map((row) => show(row, question));
  return { rows, total: found.length };
}

function toRow({ cluster, value }: OracleObject): OracleRow {
  const text = (path: string): string => String(at(value, path) ?? '');
  const [namespace, name] = [text('metadata.namespace'), text('metadata.name')];
  const statuses = (at(value, 'status.containerStatuses') ?? []) as {
    ready: boolean;
    restartCount: number;
  }[];
  const cells = {
    name,
    namespace,
    status: text('status.phase'),
    ready: `${statuses.filter(({ ready }) => ready).length}/1`,
    restarts: statuses.reduce((sum, one) => sum + one.restartCount, 0),
    node: text('spec.nodeName'),
    age: text('metadata.creationTimestamp'),
  };
  return { cluster, namespace, name, uid: text('metadata.uid'), cells, value };
}

function show(row: OracleRow, { labels, clusterColumn }: OracleQuestion): WindowRow {
  const { apiVersion, kind, metadata } = row.value as Record<string, Record<string, unknown>>;
  const { namespace, name, uid } = metadata ?? {};
  const wanted = metadata?.['labels'];
  const cells = COLUMNS.map((column) => row.cells[column] ?? null);
  return {
    id: `${row.cluster}/${row.namespace}/${row.name}`,
    uid: row.uid,
    cells: clusterColumn === true ? [row.cluster, ...cells] : cells,
    ...(labels === true && {
      object: { apiVersion, kind, metadata: { namespace, name, uid, labels: wanted } },
    }),
  };
}

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split('.')) found = (found as Record<string, unknown> | undefined)?.[name];
  return found;
}

function valueOf(row: OracleRow, term: { column: string } | { path: string }): unknown {
  if ('path' in term) return at(row.value, term.path) ?? null;
  return term.column === 'cluster' ? row.cluster : row.cells[term.column];
}

function shown(value: unknown): Cell {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as Cell);
}

function passes(row: OracleRow, filter: WindowFilter): boolean {
  const value = valueOf(row, filter);
  const cell = shown(value);
  const { op, value: wanted } = filter;
  if (op === 'exists') return (cell !== null) === (wanted !== false);
  if (op === 'eq') return cell === wanted;
  if (op === 'ne') return cell !== wanted;
  if (op === 'in') return (wanted as Cell[]).includes(cell);
  if (op === 'contains') {
    if (Array.isArray(value)) return value.includes(wanted);
    return typeof cell === 'string' && typeof wanted === 'string' && cell.includes(wanted);
  }
  if (cell === null || wanted === null || wanted === undefined || typeof cell !== typeof wanted) return false;
  if (op === 'lt') return cell < (wanted as Cell & {});
  if (op === 'le') return cell <= (wanted as Cell & {});
  return op === 'gt' ? cell > (wanted as Cell & {}) : cell >= (wanted as Cell & {});
}

function has(row: OracleRow, word: string, { clusterColumn }: OracleQuestion): boolean {
  const cells = Object.entries(row.cells).filter(([column]) => column !== 'age');
  const texts = cells.map(([, cell]) => String(cell).toLowerCase());
  if (clusterColumn === true) texts.push(row.cluster);
  return texts.some((text) => text.includes(word));
}

function compare(left: OracleRow, right: OracleRow, sort: readonly WindowSort[]): number {
  for (const term of sort) {
    const [one, other] = [shown(valueOf(left, term)), shown(valueOf(right, term))];
    if (one === other) continue;
    if (one === null) return 1;
    if (other === null) return -1;
    const types = ['number', 'string', 'boolean'];
    const [oneType, otherType] = [types.indexOf(typeof one), types.indexOf(typeof other)];
    const order = oneType === otherType ? (one < other ? -1 : 1) : oneType - otherType;
    return term.order === 'desc' ? -order : order;
  }
  const key = (row: OracleRow): string[] => [row.namespace, row.name, row.cluster];
  for (const [index, text] of key(left).entries()) {
    const other = key(right)[index] as string;
    if (text !== other) return text < other ? -1 : 1;
  }
  return 0;
}
