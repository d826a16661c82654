/** From a window's question to functions on rows: what is read of them, which of them pass, and how they are ordered. */
import type { WindowFilter, WindowSort } from '@trunkline/contracts/kube';
import type { PrinterColumn, WindowQuery } from '../messages.js';
import { CLUSTER_COLUMN } from './columns.js';
import { NAME_SLOT, NAMESPACE_SLOT, type Layout } from './layout.js';
import type { Compare } from './ordered.js';
import type { Row } from './table.js';
import { compareTexts, compareValues, toScalar, type Scalar, type Value } from './values.js';

export type ReadRow = (row: Row) => Value;
export type RowTest = (row: Row) => boolean;
type Term = { readonly column: string } | { readonly path: string };

/** How rows are read for one purpose. Places that were acquired for it are released with it. */
export class Reading {
  /** Places that rows must hold before this can be used. */
  readonly needed = new Set<number>();
  readonly #acquired: number[] = [];
  readonly #layout: Layout;
  readonly #query: WindowQuery;

  constructor(layout: Layout, query: WindowQuery) {
    this.#layout = layout;
    this.#query = query;
    for (const slot of [NAMESPACE_SLOT, NAME_SLOT, ...layout.cellSlots]) this.needed.add(slot);
  }

  release(): void {
    for (const slot of this.#acquired.splice(0)) this.#layout.release(slot);
  }

  /** @param what of a column: its cell, or what it is sorted by */
  term(term: Term, what: 'cell' | 'order'): ReadRow {
    if ('path' in term) return this.#acquire(this.#layout.acquirePath(term.path));
    if (term.column === CLUSTER_COLUMN.name) return readCluster;
    const column = this.#layout.column(term.column);
    if (column !== undefined) return readSlot(column[what]);
    const printed = this.#query.printed.find(({ name }) => name === term.column);
    if (printed === undefined) throw new RangeError(`no such column: ${term.column}`);
    return this.#acquire(this.#layout.acquirePrinted(printed.path));
  }

  /** All cells, in the order of the columns. */
  cells(): readonly ReadRow[] {
    const own = this.#layout.cellSlots.map(readSlot);
    return [...(this.#query.clusterColumn ? [readCluster] : []), ...own, ...this.#shown(() => true)];
  }

  /** The cells that are searched: all but times, which viewers see as ages. */
  searched(): readonly ReadRow[] {
    const own = this.#layout.searchSlots.map(readSlot);
    const printed = this.#shown(({ type }) => type !== 'time');
    return [...(this.#query.clusterColumn ? [readCluster] : []), ...own, ...printed];
  }

  /** Undefined where no fields are wanted. */
  projection(): ReadRow | undefined {
    const { fields } = this.#query;
    return fields && this.#acquire(this.#layout.acquireProjection(fields));
  }

  #shown(wanted: (column: PrinterColumn) => boolean): readonly ReadRow[] {
    return this.#query.printed
      .filter((column) => column.hidden !== true && wanted(column))
      .map(({ path }) => this.#acquire(this.#layout.acquirePrinted(path)));
  }

  #acquire(slot: number): ReadRow {
    this.#acquired.push(slot);
    this.needed.add(slot);
    return readSlot(slot);
  }
}

const readCluster: ReadRow = (row) => row.table.cluster;

function readSlot(slot: number): ReadRow {
  return (row) => row.values[slot] ?? null;
}

/** Undefined where all rows pass. */
export function compileTest(reading: Reading, query: WindowQuery): RowTest | undefined {
  const tests = query.filter.map((filter) => filterTest(reading.term(filter, 'cell'), filter));
  if (query.words.length > 0) tests.push(searchTest(reading.searched(), query.words));
  return tests.length === 0 ? undefined : (row) => tests.every((test) => test(row));
}

/** The order of the question; then namespace, name and cluster. */
export function compileOrder(reading: Reading, sort: readonly WindowSort[]): Compare<Row> {
  const keys = sort.map((term) => ({
    read: reading.term(term, 'order'),
    direction: term.order === 'desc' ? (-1 as const) : (1 as const),
  }));
  return (left, right) => {
    for (const { read, direction } of keys) {
      const order = compareValues(read(left), read(right), direction);
      if (order !== 0) return order;
    }
    return compareIdentity(left, right);
  };
}

function compareIdentity(left: Row, right: Row): number {
  const text = (row: Row, slot: number): string => row.values[slot] as string;
  return (
    compareTexts(text(left, NAMESPACE_SLOT), text(right, NAMESPACE_SLOT)) ||
    compareTexts(text(left, NAME_SLOT), text(right, NAME_SLOT)) ||
    compareTexts(left.table.cluster, right.table.cluster)
  );
}

/** Every word is in some cell. */
function searchTest(cells: readonly ReadRow[], words: readonly string[]): RowTest {
  return (row) => {
    let text = '';
    for (const read of cells) text += `\n${String(toScalar(read(row)) ?? '')}`;
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  };
}

function filterTest(read: ReadRow, { op, value }: WindowFilter): RowTest {
  const given = (Array.isArray(value) ? null : (value ?? null)) as Scalar;
  switch (op) {
    case 'eq':
      return (row) => toScalar(read(row)) === given;
    case 'ne':
      return (row) => toScalar(read(row)) !== given;
    case 'exists':
      return (row) => (read(row) !== null) === (value !== false);
    case 'in': {
      const wanted = new Set<unknown>(Array.isArray(value) ? value : []);
      return (row) => wanted.has(toScalar(read(row)));
    }
    case 'contains':
      return (row) => contains(read(row), given);
    case 'lt':
      return comparing(read, given, (order) => order < 0);
    case 'le':
      return comparing(read, given, (order) => order <= 0);
    case 'gt':
      return comparing(read, given, (order) => order > 0);
    case 'ge':
      return comparing(read, given, (order) => order >= 0);
  }
}

/** Of a list: among its elements. Of a text: somewhere in it. */
function contains(value: Value, wanted: Scalar): boolean {
  if (typeof value === 'object' && value !== null) return value.includes(wanted);
  return typeof value === 'string' && typeof wanted === 'string' && value.includes(wanted);
}

/** Only what is of the same type is before or after. */
function comparing(read: ReadRow, given: Scalar, holds: (order: number) => boolean): RowTest {
  return (row) => {
    const value = toScalar(read(row));
    return value !== null && typeof value === typeof given && holds(compareValues(value, given, 1));
  };
}
