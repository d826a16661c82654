/**
 * The rows of one window: taken whole, then changed operation by operation, each applied to what the one before left. What does not fit throws, and the window is taken
 * whole again. Rows that did not change keep their identity, also over a new state and into the next window. Pure.
 */
import type { WindowOp, WindowRow } from '@trunkline/contracts/kube';
import { CodedError } from '@trunkline/protocol';
import { equalJson } from '../equal.js';
import { mergePatch } from './merge-patch.js';

interface Slot<T> {
  readonly row: WindowRow;
  /** Made when first shown. */
  shown: { readonly value: T } | undefined;
}

type Op<K extends WindowOp['op']> = Extract<WindowOp, { op: K }>;

export class WindowRows<T> {
  readonly #toRow: (row: WindowRow) => T;
  readonly #onError: (error: unknown, row: WindowRow) => void;
  #slots: Slot<T>[] = [];
  #snapshot: readonly T[] | undefined;

  constructor(toRow: (row: WindowRow) => T, onError: (error: unknown, row: WindowRow) => void) {
    this.#toRow = toRow;
    this.#onError = onError;
  }

  get size(): number {
    return this.#slots.length;
  }

  /** The same array until something changed. A row of which `toRow` made nothing is left out. */
  snapshot(): readonly T[] {
    return (this.#snapshot ??= this.#slots.flatMap((slot) => this.#show(slot)));
  }

  /** Rows that the window before showed alike keep their identity. */
  inherit(before: WindowRows<T>): void {
    this.replace(
      this.#slots.map(({ row }) => row),
      before,
    );
  }

  /** The whole window. `before`: where rows that did not change are taken from. */
  replace(rows: readonly WindowRow[], before: WindowRows<T> = this): void {
    const known = new Map(before.#slots.map((slot) => [slot.row.id, slot]));
    const next = rows.map((row) => {
      const held = known.get(row.id);
      return held !== undefined && equalJson(held.row, row) ? held : { row, shown: undefined };
    });
    const same = next.length === this.#slots.length && next.every((slot, at) => slot === this.#slots[at]);
    if (same) return;
    this.#slots = next;
    this.#snapshot = undefined;
  }

  /** Throws a `CodedError` for a place that is not there; what came before it is applied then. */
  apply(ops: readonly WindowOp[]): void {
    if (ops.length > 0) this.#snapshot = undefined;
    for (const op of ops) this.#apply(op);
  }

  #apply(op: WindowOp): void {
    switch (op.op) {
      case 'enter':
        this.#slots.splice(this.#place(op.at, 1), 0, { row: op.row, shown: undefined });
        return;
      case 'leave':
        this.#slots.splice(this.#place(op.at), 1);
        return;
      case 'move': {
        const [slot] = this.#slots.splice(this.#place(op.from), 1) as [Slot<T>];
        this.#slots.splice(this.#place(op.to, 1), 0, slot);
        return;
      }
      case 'patch': {
        const at = this.#place(op.at);
        const { row } = this.#slots[at] as Slot<T>;
        this.#slots[at] = { row: patched(row, op), shown: undefined };
      }
    }
  }

  /** `beyond`: 1 where the place behind the last row is one too. */
  #place(at: number, beyond = 0): number {
    if (Number.isInteger(at) && at >= 0 && at < this.#slots.length + beyond) return at;
    throw new CodedError('internal', `a change of row ${at} in a window of ${this.#slots.length}`);
  }

  #show(slot: Slot<T>): T[] {
    if (slot.shown === undefined) {
      try {
        slot.shown = { value: this.#toRow(slot.row) };
      } catch (error) {
        this.#onError(error, slot.row);
        return [];
      }
    }
    return [slot.shown.value];
  }
}

function patched(row: WindowRow, { uid, cells, merge, object }: Op<'patch'>): WindowRow {
  const next = [...row.cells];
  for (const [index, value] of cells ?? []) {
    if (index < 0 || index >= next.length)
      throw new CodedError('internal', `a change of cell ${index} in a row of ${next.length}`);
    next[index] = value;
  }
  const whole = object ?? (merge === undefined ? row.object : mergePatch(row.object, merge));
  return {
    id: row.id,
    uid: uid ?? row.uid,
    cells: cells === undefined ? row.cells : next,
    ...(whole === undefined ? {} : { object: whole }),
  };
}
