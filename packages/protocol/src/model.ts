/**
 * What travels, free of any wire: commands (client to server), replies (the single answer of a command), pushes (server to client
 * without a request). Codecs turn these into bytes and back; the hub knows nothing else. Every member names its direction and the
 * state in which it is legal; `docs/spec/wire.md` repeats it with close codes.
 *
 * `subId` names one subscription of one connection. On the native wire it is the channel name (one subscription per channel there);
 * foreign wires may hold several subscriptions to one channel on one connection.
 */
import type { ErrorData } from './codes.js';

/** A `string` is valid JSON text, which may stand on several lines; a `Uint8Array` is opaque bytes. */
export type Payload = string | Uint8Array;

/** A place in a channel's history. `offset` 0 is before the first publication. A new epoch voids old offsets. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Who published, joined or left. */
export interface ClientInfo {
  readonly user: string;
  readonly client: string;
  readonly connInfo?: Payload;
  readonly chanInfo?: Payload;
}

export type Tags = Readonly<Record<string, string>>;

/** Data accepted for a channel. `offset` 0: the channel numbers nothing. `key` and `removed` belong to map channels. */
export interface Publication {
  readonly offset: number;
  readonly data: Payload;
  readonly info?: ClientInfo;
  readonly tags?: Tags;
  readonly key?: string;
  readonly removed?: boolean;
  /** Unix milliseconds at which the channel's numbering side accepted it. */
  readonly timeMs?: number;
  /**
   * Set by the hub for subscriptions with deltas (spec DELTA-1), never by a publisher: `full`, the payload itself, marked as the base of
   * the next; `delta`, `data` turns the payload handed over before into this one. Absent where the subscription has none.
   */
  readonly form?: 'full' | 'delta';
}

/** A filter over publication tags. A leaf has `cmp`; a branch has `op`. Semantics: `tags-filter.ts`. */
export interface FilterNode {
  readonly op?: 'and' | 'or' | 'not';
  readonly key?: string;
  readonly cmp?:
    'eq' | 'neq' | 'in' | 'nin' | 'ex' | 'nex' | 'sw' | 'ew' | 'ct' | 'lt' | 'lte' | 'gt' | 'gte';
  readonly val?: string;
  readonly vals?: readonly string[];
  readonly nodes?: readonly FilterNode[];
}

/** Kinds of subscription. `map_clients` and `map_users` are the presence of another channel kept as a map. */
export type SubscriptionType = 'stream' | 'map' | 'map_clients' | 'map_users';

/** Steps of a map subscription: pages of state, catching up on the stream, live. */
export type MapPhase = 'live' | 'stream' | 'state';

// ---------------------------------------------------------------- commands, client to server

export interface ConnectCommand {
  readonly kind: 'connect';
  readonly id: number;
  readonly token: string;
  readonly data?: Payload;
  readonly name: string;
  readonly version: string;
  /** Untrusted. Carries the offer of our extensions (`docs/spec/extensions.md`). */
  readonly headers: Readonly<Record<string, string>>;
  /** Positions of server-side subscriptions to recover, by channel. */
  readonly subs: ReadonlyMap<string, Position>;
}

export interface SubscribeCommand {
  readonly kind: 'subscribe';
  readonly id: number;
  readonly subId: string;
  readonly channel: string;
  readonly token: string;
  readonly type: SubscriptionType;
  /** Where to continue; absent on a fresh subscribe. */
  readonly recover?: Position;
  readonly data?: Payload;
  readonly positioned: boolean;
  readonly recoverable: boolean;
  readonly joinLeave: boolean;
  /** The kind of deltas asked for (`fossil`); '': none. */
  readonly delta: string;
  readonly filter?: FilterNode;
  /** An unrecovered position is refused with 112 instead of answered with `recovered: false`. */
  readonly rejectUnrecovered: boolean;
  readonly phase: MapPhase;
  readonly cursor: string;
  /** Page size asked for; 0 is the server's choice. */
  readonly limit: number;
  /** Position frozen by the first state page, in later pages and in the stream phase. */
  readonly since?: Position;
}

export interface UnsubscribeCommand {
  readonly kind: 'unsubscribe';
  readonly id: number;
  readonly subId: string;
}

export interface PublishCommand {
  readonly kind: 'publish';
  readonly id: number;
  readonly channel: string;
  readonly data: Payload;
  /** Present for map channels. */
  readonly map?: { readonly key: string; readonly removed: boolean };
}

export interface PresenceCommand {
  readonly kind: 'presence';
  readonly id: number;
  readonly channel: string;
}

export interface PresenceStatsCommand {
  readonly kind: 'presenceStats';
  readonly id: number;
  readonly channel: string;
}

export interface HistoryCommand {
  readonly kind: 'history';
  readonly id: number;
  readonly channel: string;
  /** 0: position only. Negative: as many as the server allows. */
  readonly limit: number;
  readonly since?: Position;
  readonly reverse: boolean;
}

export interface RpcCommand {
  readonly kind: 'rpc';
  readonly id: number;
  readonly method: string;
  readonly data?: Payload;
}

/** No reply. */
export interface SendCommand {
  readonly kind: 'send';
  readonly id: number;
  readonly data: Payload;
}

export interface PingCommand {
  readonly kind: 'ping';
  readonly id: number;
}

/** The client's answer to a server ping. No reply; legal at any time. */
export interface PongCommand {
  readonly kind: 'pong';
  readonly id: number;
}

export interface RefreshCommand {
  readonly kind: 'refresh';
  readonly id: number;
  readonly token: string;
}

export interface SubRefreshCommand {
  readonly kind: 'subRefresh';
  readonly id: number;
  readonly subId: string;
  readonly token: string;
}

/** The client's answer to a server call. No reply beyond an empty one where the wire needs it. */
export interface AnswerCommand {
  readonly kind: 'answer';
  readonly id: number;
  readonly callId: string;
  readonly outcome: { readonly result: Payload } | { readonly error: ErrorData };
}

/** `connect` is legal once and first; `pong` always; all others after `connect` was answered. */
export type Command =
  | ConnectCommand
  | SubscribeCommand
  | UnsubscribeCommand
  | PublishCommand
  | PresenceCommand
  | PresenceStatsCommand
  | HistoryCommand
  | RpcCommand
  | SendCommand
  | PingCommand
  | PongCommand
  | RefreshCommand
  | SubRefreshCommand
  | AnswerCommand;

export type CommandKind = Command['kind'];

// ---------------------------------------------------------------- replies, server to client

export interface Expiry {
  /** Whole seconds until the credential expires; the client refreshes before. Absent: it does not. */
  readonly ttlSeconds?: number;
}

/** The state of the source behind a channel, as announced to readers that can be told. */
export type SourceState =
  | { readonly state: 'live' }
  | { readonly state: 'recovering'; readonly sinceMs: number; readonly reason: string }
  | { readonly state: 'failed'; readonly sinceMs: number; readonly reason: string };

/** What happens to a reader that cannot keep up, fixed per channel and announced at subscribe (spec DELIV-1). */
export type OverflowOutcome = 'recover' | 'latest' | 'gap';

/** Who numbers a channel's publications (spec CLASS-1). */
export type ChannelClass = 'live' | 'durable' | 'local';

export interface ConnectResult extends Expiry {
  readonly kind: 'connect';
  readonly client: string;
  readonly version: string;
  readonly data?: Payload;
  readonly subs: ReadonlyMap<string, SubscribeResult>;
  /** Seconds between server pings; 0: none. */
  readonly pingSeconds: number;
  readonly pong: boolean;
  readonly session: string;
  readonly node: string;
  readonly timeMs?: number;
  /** The extensions granted; empty for a peer that offered none. */
  readonly extensions: readonly string[];
  /** Told to peers with extensions only (spec EXT-2). */
  readonly limits?: { readonly maxPublicationBytes: number; readonly maxSubscriptions: number };
}

export interface SubscribeResult extends Expiry {
  readonly kind: 'subscribe';
  readonly type: SubscriptionType;
  readonly recoverable: boolean;
  readonly positioned: boolean;
  /** The position the subscription starts from; publications that follow continue it. */
  readonly position: Position;
  readonly publications: readonly Publication[];
  readonly wasRecovering: boolean;
  readonly recovered: boolean;
  readonly data?: Payload;
  readonly phase: MapPhase;
  /** Next page; '' on the last. */
  readonly cursor: string;
  readonly state: readonly Publication[];
  readonly publishDebounceMs: number;
  /** Whether publications of this subscription carry a `form`. */
  readonly delta: boolean;
  /** For readers with the extensions: class, outcome and source state, carried in the reply's data. */
  readonly announced?: {
    readonly class: ChannelClass;
    readonly outcome: OverflowOutcome;
    readonly source: SourceState;
  };
}

export interface UnsubscribeResult {
  readonly kind: 'unsubscribe';
}
export interface PublishResult {
  readonly kind: 'publish';
}
export interface PresenceResult {
  readonly kind: 'presence';
  readonly clients: ReadonlyMap<string, ClientInfo>;
}
export interface PresenceStatsResult {
  readonly kind: 'presenceStats';
  readonly numClients: number;
  readonly numUsers: number;
}
export interface HistoryResult {
  readonly kind: 'history';
  readonly publications: readonly Publication[];
  readonly position: Position;
}
export interface PingResult {
  readonly kind: 'ping';
}
export interface RpcResult {
  readonly kind: 'rpc';
  readonly data?: Payload;
}
export interface RefreshResult extends Expiry {
  readonly kind: 'refresh';
  readonly client: string;
  readonly version: string;
}
export interface SubRefreshResult extends Expiry {
  readonly kind: 'subRefresh';
}

export type ReplyResult =
  | ConnectResult
  | SubscribeResult
  | UnsubscribeResult
  | PublishResult
  | PresenceResult
  | PresenceStatsResult
  | HistoryResult
  | PingResult
  | RpcResult
  | RefreshResult
  | SubRefreshResult;

/**
 * The single answer of a command. With `after`, the reply is held until the named subscription of the same connection was handed
 * that position (or will never be), so that "done" never overtakes the publication that shows it (spec ORD-3).
 */
export interface Reply {
  readonly id: number;
  readonly outcome: { readonly result: ReplyResult } | { readonly error: ErrorData };
  readonly after?: { readonly subId: string; readonly position: Position };
}

// ---------------------------------------------------------------- pushes, server to client

export interface PublicationPush {
  readonly kind: 'publication';
  readonly subId: string;
  readonly channel: string;
  readonly publication: Publication;
}
export interface JoinPush {
  readonly kind: 'join';
  readonly subId: string;
  readonly channel: string;
  readonly info: ClientInfo;
}
export interface LeavePush {
  readonly kind: 'leave';
  readonly subId: string;
  readonly channel: string;
  readonly info: ClientInfo;
}
/** The server ended a subscription. */
export interface UnsubscribePush {
  readonly kind: 'unsubscribed';
  readonly subId: string;
  readonly channel: string;
  readonly code: number;
  readonly reason: string;
}
/** A server-side subscription began. */
export interface SubscribePush {
  readonly kind: 'subscribed';
  readonly channel: string;
  readonly recoverable: boolean;
  readonly positioned: boolean;
  readonly position: Position;
  readonly data?: Payload;
}
export interface MessagePush {
  readonly kind: 'message';
  readonly data: Payload;
}
export interface RefreshPush extends Expiry {
  readonly kind: 'refresh';
}
export interface DisconnectPush {
  readonly kind: 'disconnect';
  readonly code: number;
  readonly reason: string;
}
/** Extension: offsets `from`..`to` (inclusive) of a channel will not come, and why. Ordered with publications. */
export interface GapPush {
  readonly kind: 'gap';
  readonly subId: string;
  readonly channel: string;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: 'overflow' | 'conflated' | 'filtered';
}
/** Extension: the state of the source behind a channel changed. Ordered with publications. */
export interface SourcePush {
  readonly kind: 'source';
  readonly subId: string;
  readonly channel: string;
  readonly source: SourceState;
}
/** Extension: this node is going away; move within the given time. */
export interface DrainPush {
  readonly kind: 'drain';
  readonly withinMs: number;
}
/** Extension: the server calls the client and awaits an `answer`. */
export interface CallPush {
  readonly kind: 'call';
  readonly callId: string;
  readonly method: string;
  readonly data: Payload;
}

export type Push =
  | PublicationPush
  | JoinPush
  | LeavePush
  | UnsubscribePush
  | SubscribePush
  | MessagePush
  | RefreshPush
  | DisconnectPush
  | GapPush
  | SourcePush
  | DrainPush
  | CallPush;
