/**
 * The engine of live windows: tables, orderings and windows behind one port of messages. It has no thread, clock or socket of its own: messages come in by `receive`, answers go
 * out by `send`, and `soon` runs what was put off once the messages that wait have been taken. A publication leaves only when the one before was taken, so that a slow
 * hub gets fewer and larger ones.
 */
import type { CutPart, FromEngine, Published, ToEngine } from '../messages.js';
import type { RowKind } from './columns.js';
import { Layout } from './layout.js';
import { Ordering } from './ordering.js';
import { Table } from './table.js';
import { Window } from './window.js';

export interface EngineDeps {
  readonly send: (message: FromEngine) => void;
  readonly soon: (run: () => void) => void;
}

export class Engine {
  readonly #deps: EngineDeps;
  readonly #layouts = new Map<string, Layout>();
  readonly #tables = new Map<number, Table>();
  readonly #orderings = new Map<string, Ordering>();
  readonly #windows = new Map<number, { readonly window: Window; readonly key: string }>();
  /** Requests for rows of windows that are not shown yet. */
  readonly #waiting = new Map<number, number[]>();
  /** Tables that were asked for again, until the cut begins. */
  readonly #wanted = new Set<Table>();
  #published = false;
  #scheduled = false;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
  }

  /** Throws for a message that makes no sense: who holds the engine ends it then. */
  receive(message: ToEngine): void {
    switch (message.kind) {
      case 'table': {
        const { table, cluster, rows } = message;
        this.#tables.set(table, new Table(table, cluster, this.#layout(rows)));
        return;
      }
      case 'drop':
        this.#drop(message.table);
        return;
      case 'part':
        this.#takePart(message);
        return;
      case 'open':
        this.#open(message);
        return;
      case 'close':
        this.#close(message.window);
        return;
      case 'rows':
        this.#giveRows(message.window, message.request);
        return;
      case 'taken':
        this.#published = false;
        this.#schedule();
        return;
    }
  }

  #takePart(part: CutPart): void {
    const table = this.#tables.get(part.table);
    if (table !== undefined) {
      if (part.first && part.full) this.#wanted.delete(table);
      const changes = table.take(part);
      if (changes !== undefined) {
        for (const ordering of this.#orderings.values())
          if (ordering.tables.has(table)) ordering.apply(changes);
        this.#schedule();
      }
    }
    this.#deps.send({ kind: 'done' });
  }

  #open({ window: id, tables: ids, query }: ToEngine & { kind: 'open' }): void {
    const tables = ids.map((table) => this.#tables.get(table)).filter((table) => table !== undefined);
    const layout = tables[0]?.layout;
    if (layout === undefined || tables.length !== ids.length)
      throw new RangeError('a window without its tables');
    const key = `${keyOf(layout.kind)} ${Ordering.key(ids, query)}`;
    const ordering = this.#orderings.get(key) ?? new Ordering(tables, layout, query);
    this.#orderings.set(key, ordering);
    ordering.users++;
    const window = new Window(id, layout, ordering, query);
    this.#windows.set(id, { window, key });
    for (const table of window.missing()) this.#want(table);
    this.#schedule();
  }

  /** Once, until a full cut begins: what is wanted from then on is not in it. */
  #want(table: Table): void {
    if (this.#wanted.has(table)) return;
    this.#wanted.add(table);
    this.#deps.send({ kind: 'want', table: table.id });
  }

  #close(id: number): void {
    const found = this.#windows.get(id);
    if (found === undefined) return;
    this.#windows.delete(id);
    for (const request of this.#waiting.get(id) ?? [])
      this.#deps.send({ kind: 'rows', request, state: undefined });
    this.#waiting.delete(id);
    const { window, key } = found;
    window.release();
    if (--window.ordering.users > 0) return;
    window.ordering.release();
    this.#orderings.delete(key);
  }

  #drop(id: number): void {
    const table = this.#tables.get(id);
    if (table === undefined) return;
    this.#tables.delete(id);
    this.#wanted.delete(table);
    const { layout } = table;
    if ([...this.#tables.values()].every((other) => other.layout !== layout))
      this.#layouts.delete(keyOf(layout.kind));
  }

  #giveRows(id: number, request: number): void {
    const found = this.#windows.get(id);
    if (found !== undefined && !found.window.shown) {
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), request]);
      return;
    }
    // As of the last publication, which stands before this answer in the order of messages.
    this.#deps.send({ kind: 'rows', request, state: found?.window.state() });
  }

  /** At the next opportunity, once for all that happens until then. */
  #schedule(): void {
    if (this.#scheduled || this.#published) return;
    this.#scheduled = true;
    this.#deps.soon(() => {
      this.#scheduled = false;
      this.#publish();
    });
  }

  #publish(): void {
    const items: Published[] = [];
    for (const { window } of this.#windows.values()) {
      const item = window.publication();
      if (item !== undefined) items.push(item);
      else if (!window.shown) for (const table of window.missing()) this.#want(table);
    }
    if (items.length === 0) return;
    this.#published = true;
    this.#deps.send({ kind: 'published', items });
    for (const { window } of items) {
      for (const request of this.#waiting.get(window) ?? []) this.#giveRows(window, request);
      this.#waiting.delete(window);
    }
  }

  #layout(kind: RowKind): Layout {
    const key = keyOf(kind);
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const layout = new Layout(kind, (slot) => {
      for (const table of this.#tables.values()) if (table.layout === layout) table.forget(slot);
    });
    this.#layouts.set(key, layout);
    return layout;
  }
}

function keyOf({ group, resource, namespaced }: RowKind): string {
  return `${group}/${resource}/${namespaced}`;
}
