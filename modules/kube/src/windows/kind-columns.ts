/**
 * The columns of a kind as windows and `kube.columns` have them: those that the engine works out by itself, those of the cluster's tables that are fields of the objects, and the rest, which only the
 * API server can fill and no window shows. Read over the connection that carries the list, for those who may list the kind.
 */
import type { Clock } from '@trunkline/base';
import type { KindColumn, KubeContract, WindowColumn } from '@trunkline/contracts/kube';
import type { RpcParams, RpcResultOf } from '@trunkline/contracts';
import type { Principal } from '@trunkline/hub';
import type { ResourceInfo } from '@trunkline/kube-client';
import { CodedError } from '@trunkline/protocol';
import { CREATED, type ToldColumn } from '../clusters/columns.js';
import type { Access, Identity, Upstreams } from '../ports.js';
import { CLUSTER_COLUMN, columnsOf, hasOwnColumns, type RowKind } from './engine/columns.js';
import { compilePrinterPath } from './engine/printer-path.js';
import type { PrinterColumn } from './messages.js';
import type { Scope } from './scopes.js';

/** Longest wait of a window for its columns, in milliseconds: it is shown without them then. */
const WAIT_MS = 1_500;
/** Columns of tables that windows show by themselves. */
const MAX_SHOWN = 20;

const TYPES: Readonly<Record<string, WindowColumn['type']>> = {
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  date: 'time',
};

export interface ColumnsDeps {
  readonly access: Pick<Access, 'enter' | 'sight'>;
  readonly upstreams: Pick<Upstreams, 'resolve' | 'columns'>;
}

/** `kube.columns`. Throws what `Access` throws for whoever may not list the kind, and `badRequest` for one that cannot be listed. */
export async function askColumns(
  { access, upstreams }: ColumnsDeps,
  principal: Principal,
  { cluster, namespace, group, version, resource }: RpcParams<KubeContract, 'kube.columns'>,
): Promise<RpcResultOf<KubeContract, 'kube.columns'>> {
  const { upstream } = await access.enter(principal, cluster);
  const info = await upstreams.resolve(cluster, upstream, {
    resource,
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
  });
  if (!info.verbs.includes('list') || !info.verbs.includes('watch'))
    throw new CodedError('badRequest', `resource: ${info.resource} cannot be listed and watched`);
  if (namespace !== undefined && !info.namespaced)
    throw new CodedError('badRequest', `namespace: ${info.resource} have none`);
  const question = { group: info.group, version: info.version, resource: info.resource };
  const sight = await access.sight(principal, cluster, {
    ...question,
    ...(namespace === undefined ? {} : { namespace }),
  });
  const open = namespace ?? (sight.kind === 'namespaces' ? sight.namespaces[0] : undefined);
  return readKindColumns(upstreams, cluster, upstream, info, open);
}

export interface KindColumns {
  readonly columns: KindColumn[];
  readonly table: boolean;
}

type Kind = Pick<ResourceInfo, 'group' | 'version' | 'resource' | 'namespaced'>;

async function readKindColumns(
  upstreams: Pick<Upstreams, 'columns'>,
  cluster: string,
  upstream: Identity,
  { group, version, resource, namespaced }: Kind,
  namespace: string | undefined,
): Promise<KindColumns> {
  const told = await upstreams.columns(cluster, upstream, { group, version, resource }, namespace);
  return { columns: merge(told.columns, { group, resource, namespaced }), table: told.table };
}

/** In the order of the table; what windows have beside it stands behind the name. Every name is there once. */
function merge(told: readonly ToldColumn[], rows: RowKind): KindColumn[] {
  const own = new Map(columnsOf(rows).map(({ column }) => [column.name, column]));
  // The cluster of a row is a column of windows over several.
  const taken = new Set([...own.keys(), CLUSTER_COLUMN.name]);
  const fromTable = told.map((one): KindColumn => {
    const { title, type, format, description, priority } = one;
    const name = one.path === CREATED ? 'age' : toName(title);
    const path = one.path === undefined ? {} : { path: one.path };
    const known = own.get(name);
    // What windows have under that name, unless a definition means something else by it.
    if (known !== undefined && (one.path === undefined || one.path === SAME[name])) {
      own.delete(name);
      return { ...known, format, description, priority: 0, ...path, inWindows: true };
    }
    return {
      name: distinct(name, taken),
      title,
      type: one.path === CREATED ? 'time' : (TYPES[type] ?? 'text'),
      format,
      description,
      priority,
      ...path,
      inWindows: one.path !== undefined && compilePrinterPath(one.path) !== undefined,
    };
  });
  const rest = [...own.values()].map((column): KindColumn => ({
    ...column,
    format: '',
    description: '',
    priority: 0,
    inWindows: true,
  }));
  const at = fromTable.findIndex(({ name }) => name === 'name') + 1;
  return [...fromTable.slice(0, at), ...rest, ...fromTable.slice(at)];
}

const SAME: Readonly<Record<string, string>> = {
  name: '.metadata.name',
  namespace: '.metadata.namespace',
  age: CREATED,
};

/** `Port(s)` is `port-s`. */
function toName(title: string): string {
  const name = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '-')
    .replace(/^-|-$/gu, '');
  return name === '' ? 'column' : name;
}

function distinct(name: string, taken: Set<string>): string {
  let unique = name;
  for (let nth = 2; taken.has(unique); nth++) unique = `${name}-${nth}`;
  taken.add(unique);
  return unique;
}

// ------------------------------------------------------------ for one window

export interface WindowColumnsDeps {
  readonly clock: Clock;
  readonly upstreams: Pick<Upstreams, 'columns'>;
}

/** What of a window names columns. */
export interface NamedColumns {
  readonly columns?: readonly string[] | undefined;
  readonly sort?: readonly object[] | undefined;
  readonly filter?: readonly object[] | undefined;
}

/**
 * The columns of a window behind those that its kind has anyway: shown ones, and hidden ones that it is sorted or filtered by. A cluster that does not tell its columns soon leaves a window without
 * them. Throws `badRequest` for a column that only the API server can fill, and `sourceUnavailable` where one is named that could not be looked up.
 */
export async function readWindowColumns(
  deps: WindowColumnsDeps,
  { cluster, upstream, question, namespaces, rows }: Scope,
  named: NamedColumns,
  own: readonly WindowColumn[],
): Promise<readonly PrinterColumn[]> {
  const known = new Set(own.map(({ name }) => name));
  const wanted = namesIn(named).filter(({ name }) => !known.has(name));
  if (wanted.length === 0 && hasOwnColumns(rows)) return [];
  const kind = { ...question, namespaced: rows.namespaced };
  const namespace = question.namespace ?? namespaces?.[0];
  const reading = readKindColumns(deps.upstreams, cluster, upstream, kind, namespace);
  const read = await within(deps.clock, WAIT_MS, reading);
  const all = read.kind === 'read' ? read.of.columns : [];
  for (const { name, where } of wanted) {
    const column = all.find((one) => one.name === name);
    if (column?.inWindows === false)
      throw new CodedError(
        'badRequest',
        `${where}: the cells of ${name} are worked out by the API server alone`,
      );
    if (column === undefined && read.kind === 'late')
      throw new CodedError('sourceUnavailable', `${where}: the columns of the kind could not be read yet`);
  }
  const shown = all.filter(
    ({ name, priority, inWindows }) => priority === 0 && inWindows && !known.has(name),
  );
  const names = new Set(shown.slice(0, MAX_SHOWN).map(({ name }) => name));
  for (const name of named.columns ?? []) names.add(name);
  const used = new Set(wanted.map(({ name }) => name));
  return all.flatMap(({ name, title, type, path }): PrinterColumn[] => {
    if (known.has(name) || path === undefined || !(names.has(name) || used.has(name))) return [];
    return [{ name, title, type, path, ...(names.has(name) ? {} : { hidden: true }) }];
  });
}

/** Every column that is named, and where. */
function namesIn({ columns = [], sort = [], filter = [] }: NamedColumns): { name: string; where: string }[] {
  const terms = (list: readonly object[], what: string): { name: string; where: string }[] =>
    list.flatMap((term, index) =>
      'column' in term && typeof term.column === 'string'
        ? [{ name: term.column, where: `${what}[${index}].column` }]
        : [],
    );
  const asked = columns.map((name, index) => ({ name, where: `columns[${index}]` }));
  return [...asked, ...terms(sort, 'sort'), ...terms(filter, 'filter')];
}

type Read = { readonly kind: 'read'; readonly of: KindColumns } | { readonly kind: 'refused' | 'late' };

function within(clock: Clock, waitMs: number, reading: Promise<KindColumns>): Promise<Read> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve({ kind: 'late' }), waitMs);
    const done = (read: Read): void => {
      timer.cancel();
      resolve(read);
    };
    reading.then(
      (of) => done({ kind: 'read', of }),
      (cause: unknown) =>
        done({ kind: cause instanceof CodedError && !cause.temporary ? 'refused' : 'late' }),
    );
  });
}
