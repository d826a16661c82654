/**
 * The rows of some tables that pass one filter, in one order: what windows that differ in nothing but their place share. It follows the tables change by change; where
 * a cut changes a large part it is made anew, which is cheaper.
 */
import type { WindowQuery } from '../messages.js';
import type { Layout } from './layout.js';
import { compileOrder, compileTest, Reading, type RowTest } from './matching.js';
import { Ordered, type Compare } from './ordered.js';
import type { Row, RowChange, Table } from './table.js';

/** A cut with more changes than this, and than a quarter of the rows, makes the order anew. */
const REBUILD_FROM = 1_000;

export class Ordering {
  readonly tables: ReadonlySet<Table>;
  /** Windows that look at it. */
  users = 0;
  /** Changes whenever what is in it may have. */
  version = 0;
  readonly #reading: Reading;
  readonly #test: RowTest | undefined;
  readonly #compare: Compare<Row>;
  readonly #rows: Ordered<Row>;
  #ready = false;

  /** Throws a RangeError for a question that the layout does not understand. */
  constructor(tables: readonly Table[], layout: Layout, query: WindowQuery) {
    this.tables = new Set(tables);
    this.#reading = new Reading(layout, query);
    try {
      this.#test = compileTest(this.#reading, query);
      this.#compare = compileOrder(this.#reading, query.sort);
    } catch (cause) {
      this.#reading.release();
      throw cause;
    }
    this.#rows = new Ordered(this.#compare);
  }

  /** What all windows with this ordering have in common. */
  static key(tables: readonly number[], query: WindowQuery): string {
    const { filter, words, sort, clusterColumn, printed } = query;
    const ordered = [...tables].sort((left, right) => left - right);
    return JSON.stringify([ordered, filter, words, sort, clusterColumn, printed]);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Tables whose rows lack something that is filtered or sorted by. */
  missing(): Table[] {
    const needed = [...this.#reading.needed];
    return [...this.tables].filter(({ loaded }) => needed.some((slot) => !loaded.has(slot)));
  }

  /** Whether the order exists; it is made as soon as no table misses anything. */
  ready(): boolean {
    if (!this.#ready && this.missing().length === 0) {
      this.#ready = true;
      this.#rebuild();
    }
    return this.#ready;
  }

  slice(offset: number, limit: number): Row[] {
    return this.#rows.slice(offset, limit);
  }

  /** Takes over what a cut did to one of the tables. */
  apply(changes: readonly RowChange[]): void {
    if (!this.#ready || changes.length === 0) return;
    if (changes.length > REBUILD_FROM && changes.length > this.#rows.size / 4) return this.#rebuild();
    for (const change of changes) this.#change(change);
    this.version++;
  }

  release(): void {
    this.#reading.release();
  }

  #change({ before, after }: RowChange): void {
    const next = after !== undefined && (this.#test?.(after) ?? true) ? after : undefined;
    if (before !== undefined && next !== undefined && this.#compare(before, next) === 0) {
      // One that did not pass before is not there.
      if (!this.#rows.replace(before, next)) this.#rows.add(next);
      return;
    }
    if (before !== undefined) this.#rows.remove(before);
    if (next !== undefined) this.#rows.add(next);
  }

  #rebuild(): void {
    const rows: Row[] = [];
    for (const table of this.tables)
      for (const row of table.rows.values()) if (this.#test?.(row) ?? true) rows.push(row);
    this.#rows.fill(rows);
    this.version++;
  }
}
