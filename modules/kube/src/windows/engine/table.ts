/**
 * The rows of one question: what was taken out of its objects, by key. Changes come in cuts and are held back until a cut is complete, so that the table always is what the
 * question's store was at one moment. A row never changes: a new version is a new row, and an object that changed in nothing that is kept keeps its row.
 */
import type { CutPart, SourceFacts } from '../messages.js';
import { NAME_SLOT, NAMESPACE_SLOT, type Layout } from './layout.js';
import { readText } from './parts.js';
import { isSame, type Value } from './values.js';

export interface Row {
  readonly table: Table;
  /** `namespace/name`, or `name`. */
  readonly key: string;
  readonly uid: string;
  /** By the places of the layout. */
  readonly values: readonly Value[];
}

/** What one cut did to one object; not both undefined. */
export interface RowChange {
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

/** Texts that many rows share are kept once; so many of them, and no longer ones. */
const SHARED_MAX = 10_000;
const SHARED_LENGTH_MAX = 64;

interface Staged {
  readonly full: boolean;
  /** What is taken out of every object of this cut. */
  readonly slots: Set<number>;
  /** Undefined: gone. */
  readonly rows: Map<string, Row | undefined>;
}

export class Table {
  readonly id: number;
  readonly cluster: string;
  readonly layout: Layout;
  readonly rows = new Map<string, Row>();
  /** Places that every row holds what it should. */
  readonly loaded = new Set<number>();
  source: SourceFacts = { state: 'loading' };
  readonly #shared = new Map<string, string>();
  #staged: Staged | undefined;

  constructor(id: number, cluster: string, layout: Layout) {
    this.id = id;
    this.cluster = cluster;
    this.layout = layout;
  }

  /** The place will hold something else. */
  forget(slot: number): void {
    this.loaded.delete(slot);
    this.#staged?.slots.delete(slot);
  }

  /** The changes of a cut with its last part; undefined before. */
  take(part: CutPart): RowChange[] | undefined {
    if (part.first || this.#staged === undefined)
      this.#staged = { full: part.full, slots: new Set(this.layout.slots), rows: new Map() };
    const { rows } = this.#staged;
    for (const key of part.gone) rows.set(key, undefined);
    const bytes = Buffer.from(part.bytes.buffer, part.bytes.byteOffset, part.bytes.length);
    let start = 0;
    for (const length of part.lengths) {
      const row = this.#toRow(JSON.parse(bytes.toString('utf8', start, start + length)));
      rows.set(row.key, row);
      start += length;
    }
    if (part.last === undefined) return undefined;
    this.source = part.last;
    return this.#commit(this.#staged);
  }

  #commit({ full, slots, rows }: Staged): RowChange[] {
    this.#staged = undefined;
    const changes: RowChange[] = [];
    if (full) {
      this.loaded.clear();
      for (const slot of slots) this.loaded.add(slot);
      for (const key of this.rows.keys()) if (!rows.has(key)) rows.set(key, undefined);
    }
    for (const [key, after] of rows) {
      const before = this.rows.get(key);
      if (before === after || (before !== undefined && after !== undefined && isEqual(before, after)))
        continue;
      if (after === undefined) this.rows.delete(key);
      else this.rows.set(key, after);
      changes.push({ before, after });
    }
    return changes;
  }

  #toRow(object: unknown): Row {
    const values = this.layout.extract(object);
    for (const [slot, value] of values.entries())
      if (slot !== NAME_SLOT && typeof value === 'string') values[slot] = this.#share(value);
    const [namespace, name] = [String(values[NAMESPACE_SLOT]), String(values[NAME_SLOT])];
    const key = namespace === '' ? name : `${namespace}/${name}`;
    // The key of the row before is kept, so that there is one text for each object.
    const known = this.rows.get(key)?.key ?? key;
    return { table: this, key: known, uid: readText(object, 'metadata', 'uid'), values };
  }

  #share(text: string): string {
    if (text.length > SHARED_LENGTH_MAX) return text;
    const known = this.#shared.get(text);
    if (known !== undefined) return known;
    // Texts that differ in every row (times, names) would fill it: then it begins anew.
    if (this.#shared.size >= SHARED_MAX) this.#shared.clear();
    this.#shared.set(text, text);
    return text;
  }
}

function isEqual(before: Row, after: Row): boolean {
  return (
    before.uid === after.uid &&
    before.values.length === after.values.length &&
    before.values.every((value, index) => isSame(value, after.values[index]))
  );
}
