/**
 * What a node can tell about one org: counters of its connections, and the recent events that explain why a client did not get a
 * publication. Read through `OrgApi.stats` and `OrgApi.events`; both stay inside the org (spec WALL-4) and on this node.
 */
import type { OverflowOutcome, Position } from '@trunkline/protocol';

/** Counters of the org's connections on this node. Totals grow from `sinceMs` on and begin anew after the org had no connection. */
export interface OrgStats {
  /** Unix milliseconds at which counting began; 0 while the org has no connection. A rate over two readings needs the same value in both. */
  readonly sinceMs: number;
  readonly connections: number;
  /** Users with at least one connection; anonymous clients are not counted. */
  readonly users: number;
  readonly subscriptions: number;
  /** Commands and answers read from clients, refused ones included. */
  readonly messagesIn: number;
  /** Replies and pushes handed to the network. */
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes waiting in outboxes now. */
  readonly outboxBytes: number;
}

/** Why a position could not be continued: another history, trimmed away, more than one reply may hold, or beyond the newest. */
export type UnrecoveredReason = 'epoch' | 'trimmed' | 'limit' | 'ahead';

/** What happened, by `kind`. `channel` is a name inside the org; offsets are of that channel. */
export type OrgEventDetail =
  /** A subscribe was answered with an error; `code` is that of the reply (103: not allowed). */
  | {
      readonly kind: 'subscribeRefused';
      readonly channel: string;
      readonly code: number;
      readonly message: string;
    }
  /** A subscribe continued `from` a position and was given `publications` up to `to`; what a filter held back is not counted. */
  | {
      readonly kind: 'recovered';
      readonly channel: string;
      readonly from: Position;
      readonly to: Position;
      readonly publications: number;
    }
  /** A subscribe could not continue `from` its position: what lies between it and `to` was not delivered. */
  | {
      readonly kind: 'unrecovered';
      readonly channel: string;
      readonly from: Position;
      readonly to: Position;
      readonly reason: UnrecoveredReason;
    }
  /**
   * The outbox was full. Offsets `from` to `to` (0: unnumbered) did not go out as they came: with `latest` and `gap`, `dropped` of them were replaced or
   * dropped; with `recover` and `close` the reader was cut or closed at that point. Written when the range is known.
   */
  | {
      readonly kind: 'overflow';
      readonly channel: string;
      readonly outcome: OverflowOutcome | 'close';
      readonly from: number;
      readonly to: number;
      readonly dropped: number;
    }
  /** The reader was told to subscribe again from `position`, for a reason in words (`overflow`, `epoch`, `trimmed` …). */
  | {
      readonly kind: 'cut';
      readonly channel: string;
      readonly code: number;
      readonly reason: string;
      readonly position: Position;
    }
  /** A subscription ended while its connection lives on: `code` 0 by the client itself, otherwise what it was told. */
  | { readonly kind: 'unsubscribed'; readonly channel: string; readonly code: number }
  /**
   * The connection ended, and all its subscriptions with it. `by` the server: with this code; by the client or the network: the transport's own code
   * (1006: it broke), or 3000.
   */
  | {
      readonly kind: 'disconnected';
      readonly code: number;
      readonly reason: string;
      readonly by: 'server' | 'client';
    };

export type OrgEventKind = OrgEventDetail['kind'];

/** An event with who it happened to and when. */
export type OrgEvent = OrgEventDetail & {
  /** Grows by one per event of the org; a jump between two readings means that older ones were overwritten meanwhile. */
  readonly seq: number;
  /** Unix milliseconds. */
  readonly timeMs: number;
  readonly client: string;
  readonly user: string;
};

/** Absent fields match everything. */
export interface OrgEventFilter {
  readonly client?: string;
  readonly user?: string;
  /** Events about one channel; `disconnected` has none and matches too, since it explains every channel. */
  readonly channel?: string;
  readonly kinds?: readonly OrgEventKind[];
  /** Only events with a greater `seq`. */
  readonly after?: number;
  /** At most so many, the newest. Default: all that are kept. */
  readonly limit?: number;
}
