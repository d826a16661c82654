/**
 * What is taken out of the objects of one kind, and at which place of a row it stands. The columns of the kind are always taken; paths and projections are taken while a window
 * wants them, and windows that want the same share the place. Places are given anew when nobody wants them any more.
 */
import { columnsOf, type RowKind } from './columns.js';
import { canonicalPaths, formatPath, parsePath } from '../../lists/paths.js';
import { readPath, readText } from './parts.js';
import { compilePrinterPath } from './printer-path.js';
import { compileProjection } from './projection.js';
import { toValue, type Value } from './values.js';

type Take = (object: unknown) => Value;

interface Slot {
  readonly key: string;
  readonly take: Take;
  users: number;
}

/** Namespace and name stand first in every row: they decide at last in every order. */
export const NAMESPACE_SLOT = 0;
export const NAME_SLOT = 1;

export class Layout {
  readonly kind: RowKind;
  /** Places of cells, and of what columns are sorted by, by the column's name. */
  readonly #cells = new Map<string, { readonly cell: number; readonly order: number }>();
  readonly #slots: (Slot | undefined)[] = [];
  readonly #onFreed: (slot: number) => void;

  /** @param onFreed told of places that will be given anew */
  constructor(kind: RowKind, onFreed: (slot: number) => void) {
    this.kind = kind;
    this.#onFreed = onFreed;
    this.#add((object) => readText(object, 'metadata', 'namespace'));
    this.#add((object) => readText(object, 'metadata', 'name'));
    for (const { column, cell, order } of columnsOf(kind)) {
      const at =
        column.name === 'namespace' ? NAMESPACE_SLOT : column.name === 'name' ? NAME_SLOT : this.#add(cell);
      this.#cells.set(column.name, { cell: at, order: order === undefined ? at : this.#add(order) });
    }
  }

  /** Places of the cells, in the order of the columns. */
  get cellSlots(): readonly number[] {
    return [...this.#cells.values()].map(({ cell }) => cell);
  }

  /** Places of the cells that are searched: all but times. */
  get searchSlots(): readonly number[] {
    return columnsOf(this.kind)
      .filter(({ column }) => column.type !== 'time')
      .map(({ column }) => this.#cells.get(column.name)?.cell ?? NAME_SLOT);
  }

  /** Places that hold something, for a row that is made now. */
  get slots(): readonly number[] {
    return this.#slots.flatMap((slot, index) => (slot === undefined ? [] : [index]));
  }

  column(name: string): { readonly cell: number; readonly order: number } | undefined {
    return this.#cells.get(name);
  }

  /** The place of what stands at a path; to be released. Throws `badRequest` for a text that is no path. */
  acquirePath(text: string): number {
    const path = parsePath(text);
    return this.#acquire(`path ${formatPath(path)}`, () => (object) => toValue(readPath(object, path)));
  }

  /** The place of a printer column's cell; to be released. */
  acquirePrinted(path: string): number {
    return this.#acquire(`printed ${path}`, () => compilePrinterPath(path) ?? (() => null));
  }

  /** The place of a projection's text; to be released. */
  acquireProjection(fields: readonly string[]): number {
    const wanted = canonicalPaths(fields);
    return this.#acquire(`fields ${JSON.stringify(wanted)}`, () => compileProjection(wanted));
  }

  release(at: number): void {
    const slot = this.#slots[at];
    if (slot === undefined || --slot.users > 0) return;
    this.#slots[at] = undefined;
    this.#onFreed(at);
  }

  /** A row's values. */
  extract(object: unknown): Value[] {
    return this.#slots.map((slot) => (slot === undefined ? null : slot.take(object)));
  }

  #acquire(key: string, make: () => Take): number {
    const known = this.#slots.findIndex((slot) => slot?.key === key);
    if (known >= 0) {
      (this.#slots[known] as Slot).users++;
      return known;
    }
    const free = this.#slots.indexOf(undefined);
    const at = free < 0 ? this.#slots.length : free;
    this.#slots[at] = { key, take: make(), users: 1 };
    return at;
  }

  #add(take: Take): number {
    return this.#slots.push(always(take)) - 1;
  }
}

function always(take: Take): Slot {
  return { key: '', take, users: Infinity };
}
