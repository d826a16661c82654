/** Who reads a feed: what a reader is told, where it says that it stands, which part of the list it may see, and what a feed keeps of it. */
import type { Timer } from '@trunkline/base';
import type { CodedError } from '@trunkline/protocol';
import type { EarlierList } from './earlier.js';
import type { WatchEvent } from './event.js';

/** Undefined: all. */
export type Namespaces = ReadonlySet<string> | undefined;

export interface FeedReader {
  /** In order, versions ascending. `live`: they happened just now; else they are what the reader has missed, and there may be many. */
  onEvents(events: readonly WatchEvent[], live: boolean): void;
  /** Everything up to now has been told. */
  onCurrent(): void;
  /** Nothing can be told at present, or what was told may be old. The reader stays. */
  onFault(error: CodedError): void;
  /** Nothing follows. */
  onEnd(error: CodedError): void;
}

export interface Wish {
  /** Where the reader stands; empty or `0`: it has nothing. */
  readonly version: string;
  /**
   * Whether it has been shown that number: `here`, on the connection that it still has, so that it is none of a list that it has read; `elsewhere`, on another connection of the same
   * viewer, so that it hardly is; or `never`, as far as is known.
   */
  readonly wasShown: 'here' | 'elsewhere' | 'never';
  /** It may see what lies in these namespaces alone; absent: everything. */
  readonly namespaces?: Namespaces;
  /** What the list was at an earlier version, as far as the reader may see it. */
  earlier(version: string): Promise<EarlierList>;
}

export interface Seat {
  leave(): void;
  /**
   * The reader may see these namespaces from now on; undefined: all. What lies in those that are new is told as added. `lost`: something that it may have been shown would have to be
   * taken from it, and nothing was changed; `later`: this is no moment for it, and nothing was changed.
   */
  see(namespaces: Namespaces): 'shown' | 'lost' | 'later';
  /** The bookmark for now; undefined where there is none, since the reader is not there yet. */
  bookmark(initial: boolean): Promise<WatchEvent | undefined>;
}

/** A seat as the feed keeps it. */
export interface Taken {
  readonly reader: FeedReader;
  readonly wish: Wish;
  /** Undefined: all. */
  namespaces: Namespaces;
  phase: 'waiting' | 'comparing' | 'following';
  /** Lists that were read for it while it could not be told yet, by version. */
  earlier: Map<string, EarlierList>;
  /** The version that the reader has, where that is yet to come here; empty: it has not. */
  ahead: string;
  /** Changes up to that version are no news to it. */
  skips: boolean;
  again: Timer | undefined;
  attempts: number;
}

export function sees(
  { namespaces }: { readonly namespaces: Namespaces },
  { namespace }: { readonly namespace: string },
): boolean {
  return namespaces?.has(namespace) ?? true;
}

export function isWithin(inner: Namespaces, outer: Namespaces): boolean {
  return outer === undefined || (inner !== undefined && [...inner].every((one) => outer.has(one)));
}
