/**
 * What the hub's thread and the engine's say to one another. Objects go over as bytes, in cuts: all changes of a question up to one moment, in as many parts as it takes; publications
 * come back as the text that viewers get. Neither side sends without bounds: parts are acknowledged one by one, and so are publications.
 */
import type { WindowColumn, WindowFilter, WindowSort, WindowSource } from '@trunkline/contracts/kube';
import type { RowKind } from './engine/columns.js';

/** What stands behind a table: the state of its reflector. */
export type SourceFacts = WindowSource['state'];

/** A column that is read by a path of a definition (`engine/printer-path.ts`). */
export interface PrinterColumn extends WindowColumn {
  readonly path: string;
  /** Not shown: the window is sorted or filtered by it. Default false. */
  readonly hidden?: boolean;
}

/** The rows that a window wants; checked before it comes here. */
export interface WindowQuery {
  readonly filter: readonly WindowFilter[];
  /** Words in lower case. */
  readonly words: readonly string[];
  readonly sort: readonly WindowSort[];
  readonly offset: number;
  readonly limit: number;
  /** Undefined: cells alone. */
  readonly fields: readonly string[] | undefined;
  /** Whether rows begin with a cell for their cluster. */
  readonly clusterColumn: boolean;
  /** Columns behind those of the kind. */
  readonly printed: readonly PrinterColumn[];
}

export type ToEngine =
  | { readonly kind: 'table'; readonly table: number; readonly cluster: string; readonly rows: RowKind }
  | { readonly kind: 'drop'; readonly table: number }
  | CutPart
  | {
      readonly kind: 'open';
      readonly window: number;
      readonly tables: readonly number[];
      readonly query: WindowQuery;
    }
  | { readonly kind: 'close'; readonly window: number }
  /** Asks for the rows as of the last publication. */
  | { readonly kind: 'rows'; readonly window: number; readonly request: number }
  /** The publications sent last were taken. */
  | { readonly kind: 'taken' };

/** One part of a cut. The cut counts when its last part is there. */
export interface CutPart {
  readonly kind: 'part';
  readonly table: number;
  /** All objects there are, instead of those that changed: what is not among them is gone. */
  readonly full: boolean;
  readonly first: boolean;
  /** With the last part, the state that belongs to it. */
  readonly last: SourceFacts | undefined;
  /** JSON of objects, one after the other, and the length of each. */
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
  /** Keys of objects that are gone. */
  readonly gone: readonly string[];
}

/** One window's publication. */
export interface Published {
  readonly window: number;
  /** JSON as the contract of the channel says. */
  readonly text: string;
  /** Where the state of a source changed, all of them. */
  readonly sources?: readonly WindowSource[];
}

export type FromEngine =
  /** A part was worked off; in the order of the parts. */
  | { readonly kind: 'done' }
  /** Something is wanted of a table's objects that was not taken out of them: a full cut is needed. */
  | { readonly kind: 'want'; readonly table: number }
  | { readonly kind: 'published'; readonly items: readonly Published[] }
  /** `state` is JSON: rows, total and sources; undefined for a window that is not there. */
  | { readonly kind: 'rows'; readonly request: number; readonly state: string | undefined };
