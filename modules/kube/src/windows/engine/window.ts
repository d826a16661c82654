/** One window: a stretch of an ordering as its viewers have it, and the publications that keep them up to date. It decides nothing about when. */
import type { WindowSource } from '@trunkline/contracts/kube';
import type { Published, WindowQuery } from '../messages.js';
import type { Layout } from './layout.js';
import { Reading, type ReadRow } from './matching.js';
import { diffCells, diffPlaces } from './ops.js';
import type { Ordering } from './ordering.js';
import { patchText } from './projection.js';
import type { Row, Table } from './table.js';
import { toScalar, type Scalar } from './values.js';

/** A row as it was told. */
interface ToldRow {
  readonly id: string;
  readonly row: Row;
}

const WORST_FIRST = ['failed', 'gone', 'denied', 'recovering', 'loading', 'live'] as const;

export class Window {
  readonly id: number;
  readonly ordering: Ordering;
  readonly #query: WindowQuery;
  readonly #reading: Reading;
  readonly #cells: readonly ReadRow[];
  readonly #projection: ReadRow | undefined;
  #told: readonly ToldRow[] = [];
  #total = 0;
  #sources = '';
  #seen: number | undefined;

  constructor(id: number, layout: Layout, ordering: Ordering, query: WindowQuery) {
    this.id = id;
    this.ordering = ordering;
    this.#query = query;
    this.#reading = new Reading(layout, query);
    this.#cells = this.#reading.cells();
    this.#projection = this.#reading.projection();
  }

  /** Tables that have to be read again before this window can be shown. */
  missing(): Table[] {
    const missing = new Set(this.ordering.missing());
    for (const table of this.ordering.tables)
      for (const slot of this.#reading.needed) if (!table.loaded.has(slot)) missing.add(table);
    return [...missing];
  }

  /** Whether it has been published: there is a state to go on from. */
  get shown(): boolean {
    return this.#seen !== undefined;
  }

  /** What viewers must be told now; undefined where that is nothing. The first one brings no rows: who comes then takes the state. */
  publication(): Published | undefined {
    if (!this.shown && (this.missing().length > 0 || !this.ordering.ready())) return undefined;
    const [ops, total] = [this.#seen === this.ordering.version ? [] : this.#advance(), this.ordering.size];
    const sources = this.#sourcesNow();
    const text = JSON.stringify(sources);
    const changed = text !== this.#sources;
    if (this.#seen !== undefined && ops.length === 0 && total === this.#total && !changed) {
      this.#seen = this.ordering.version;
      return undefined;
    }
    const told = this.shown ? ops : [];
    this.#seen = this.ordering.version;
    this.#total = total;
    this.#sources = text;
    return {
      window: this.id,
      text: `{"ops":[${told.join(',')}],"total":${total}${changed ? `,"sources":${text}` : ''}}`,
      ...(changed && { sources }),
    };
  }

  /** All rows as they were told last, JSON. */
  state(): string {
    const rows = this.#told.map(({ id, row }) => this.#rowText(id, row));
    return `{"rows":[${rows.join(',')}],"total":${this.#total},"sources":${this.#sources}}`;
  }

  release(): void {
    this.#reading.release();
  }

  /** The operations to what the ordering says now, JSON texts. */
  #advance(): string[] {
    const { offset, limit } = this.#query;
    const before = this.#told;
    const known = new Map(before.map((told) => [told.row, told]));
    const after = this.ordering
      .slice(offset, limit)
      .map((row): ToldRow => known.get(row) ?? { id: idOf(row), row });
    this.#told = after;
    if (after.length === before.length && after.every((told, at) => told === before[at])) return [];
    const { leave, move, enter, stay } = diffPlaces(before, after);
    return [
      ...leave.map((at) => `{"op":"leave","at":${at}}`),
      ...move.map(({ from, to }) => `{"op":"move","from":${from},"to":${to}}`),
      ...enter.map(({ at, row: { id, row } }) => `{"op":"enter","at":${at},"row":${this.#rowText(id, row)}}`),
      ...stay.flatMap(({ at, before: old, after: now }) => this.#patch(at, old.row, now.row)),
    ];
  }

  #patch(at: number, before: Row, after: Row): string[] {
    const members: string[] = [];
    if (before.uid !== after.uid) members.push(`"uid":${JSON.stringify(after.uid)}`);
    const cells = diffCells(this.#cellsOf(before), this.#cellsOf(after));
    if (cells.length > 0) members.push(`"cells":${JSON.stringify(cells)}`);
    const [old, now] = [this.#object(before), this.#object(after)];
    if (now !== undefined && now !== old)
      members.push(old === undefined ? `"object":${now}` : patchText(old, now));
    return members.length === 0 ? [] : [`{"op":"patch","at":${at},${members.join(',')}}`];
  }

  #rowText(id: string, row: Row): string {
    const object = this.#object(row);
    const head = JSON.stringify({ id, uid: row.uid, cells: this.#cellsOf(row) });
    return object === undefined ? head : `${head.slice(0, -1)},"object":${object}}`;
  }

  #cellsOf(row: Row): Scalar[] {
    return this.#cells.map((read) => toScalar(read(row)));
  }

  #object(row: Row): string | undefined {
    const text = this.#projection?.(row);
    return typeof text === 'string' ? text : undefined;
  }

  /** Per cluster the worst of what stands behind its tables, since the earliest time. */
  #sourcesNow(): WindowSource[] {
    const byCluster = new Map<string, WindowSource['state']>();
    for (const { cluster, source } of this.ordering.tables) {
      const other = byCluster.get(cluster);
      byCluster.set(cluster, other === undefined ? source : worse(other, source));
    }
    return [...byCluster].map(([cluster, state]) => ({ cluster, state }));
  }
}

function worse(left: WindowSource['state'], right: WindowSource['state']): WindowSource['state'] {
  const worst = WORST_FIRST.indexOf(left.state) <= WORST_FIRST.indexOf(right.state) ? left : right;
  const since = [left.sinceMs, right.sinceMs].filter((time) => time !== undefined);
  return since.length === 0 || worst.state === 'live' ? worst : { ...worst, sinceMs: Math.min(...since) };
}

/** `<cluster>/<namespace>/<name>`, or `<cluster>//<name>`. */
function idOf({ table, key }: Row): string {
  return `${table.cluster}/${key.includes('/') ? key : `/${key}`}`;
}
