/**
 * The server side of channels: what the HTTP API, the console and modules may do, always inside one org. Every method takes plain
 * channel names; the org is fixed when the object is made (`Hub.forOrg`). Refusals are `CodedError`.
 */
import type { ClientInfo, Payload, Position, Publication, Tags } from '@trunkline/protocol';
import type { OrgEvent, OrgEventFilter, OrgStats } from './diagnosis.js';
import type { AskOptions, Kind, Survey } from './questions.js';
import type { Principal } from './principal.js';

export interface ApiPublishOptions {
  readonly tags?: Tags;
  readonly info?: ClientInfo;
  /** A repeat within the hub's `idempotencyTtlMs` publishes nothing and returns the first position. */
  readonly idempotencyKey?: string;
  /** Skips history for this publication. */
  readonly skipHistory?: boolean;
}

export interface ApiPublished {
  /** Offset 0 and epoch '' where the channel keeps no history. */
  readonly position: Position;
  readonly deduplicated: boolean;
}

export interface ApiMapPublishOptions extends ApiPublishOptions {
  readonly expect?: 'absent' | number;
}

export interface ApiMapPublished extends ApiPublished {
  readonly applied: boolean;
  readonly current?: Publication;
}

export interface ChannelSummary {
  readonly channel: string;
  readonly subscribers: number;
}

/** Why a subscription is where it is; what the console and the CLI show an operator. */
export interface SubscriptionSummary {
  readonly channel: string;
  readonly subscribedAtMs: number;
  readonly type: string;
  /** The last position handed to the connection's outbox. */
  readonly position: Position;
  readonly recoverable: boolean;
  readonly serverSide: boolean;
  /** `flowing`, `cut` (told to resubscribe), `conflating` or `gapping` (outbox full). */
  readonly delivery: 'flowing' | 'cut' | 'conflating' | 'gapping';
  /** Publications dropped or conflated for this reader so far. */
  readonly dropped: number;
}

export interface ConnectionSummary {
  readonly client: string;
  readonly user: string;
  readonly org: string;
  readonly transport: string;
  readonly codec: string;
  readonly remoteAddress: string;
  readonly name: string;
  readonly version: string;
  readonly connectedAtMs: number;
  readonly extensions: readonly string[];
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly subscriptions: readonly SubscriptionSummary[];
}

export interface ChannelDetails extends ChannelSummary {
  readonly namespace: string;
  readonly class: string;
  readonly type: string;
  readonly overflow: string;
  readonly historySize: number;
  readonly historyTtlMs: number;
  readonly presence: boolean;
  /** Where the channel keeps none: offset 0, epoch ''. */
  readonly position: Position;
}

export interface ClientTarget {
  readonly user?: string;
  /** Of a user's clients, those of these login sessions; counts beside `user` alone. */
  readonly sessions?: readonly string[];
  readonly client?: string;
}

/** What a subscription that the server makes carries; JSON texts. */
export interface ServerSubscribeOptions {
  /** Shown to others with the client: presence, joins. */
  readonly info?: string;
  /** Handed to the client as the subscription begins. */
  readonly data?: string;
  /** Unix milliseconds; the subscription ends then (2501), after the grace for expiry. Absent: never. */
  readonly expiresAtMs?: number;
}

export interface OrgApi {
  readonly org: string;
  publish(channel: string, data: Payload, options?: ApiPublishOptions): Promise<ApiPublished>;
  /** One result or error per channel, in order. */
  broadcast(
    channels: readonly string[],
    data: Payload,
    options?: ApiPublishOptions,
  ): Promise<readonly (ApiPublished | { readonly error: Error })[]>;
  history(
    channel: string,
    filter: { readonly limit: number; readonly since?: Position; readonly reverse?: boolean },
  ): Promise<{ readonly publications: readonly Publication[]; readonly position: Position }>;
  historyRemove(channel: string): Promise<void>;
  presence(channel: string): Promise<ReadonlyMap<string, ClientInfo>>;
  presenceStats(channel: string): Promise<{ readonly numClients: number; readonly numUsers: number }>;
  mapPublish(
    channel: string,
    key: string,
    data: Payload,
    options?: ApiMapPublishOptions,
  ): Promise<ApiMapPublished>;
  mapRemove(channel: string, key: string, options?: ApiMapPublishOptions): Promise<ApiMapPublished>;
  mapState(
    channel: string,
    page: { readonly cursor?: string; readonly limit?: number },
  ): Promise<{
    readonly entries: readonly Publication[];
    readonly cursor: string;
    readonly position: Position;
  }>;
  /** Channels with subscribers on this node whose name matches the glob (`*` any run); absent: all. At most `limit`. */
  channels(pattern?: string, limit?: number): readonly ChannelSummary[];
  channel(channel: string): Promise<ChannelDetails>;
  /** Connections of this node, newest first, at most `limit` after skipping `offset`. */
  connections(filter: ClientTarget & { readonly limit?: number; readonly offset?: number }): {
    readonly connections: readonly ConnectionSummary[];
    readonly total: number;
  };
  /**
   * Subscribes a user's (or client's) connections from the server; needs no permission of theirs. This and the following three reach every node and
   * return how many connections were met; a node that does not say within a second is not counted.
   */
  subscribe(channel: string, target: ClientTarget, options?: ServerSubscribeOptions): Promise<number>;
  unsubscribe(channel: string, target: ClientTarget): Promise<number>;
  /** `except`: client ids that stay. */
  disconnect(
    target: ClientTarget,
    close?: { readonly code: number; readonly reason: string },
    except?: readonly string[],
  ): Promise<number>;
  /** Sets a new expiry (absent: none); expired ones are closed with 3005. */
  refresh(target: ClientTarget, expiresAtMs?: number): Promise<number>;
  /** Calls a method on a client that negotiated calls, and awaits its answer (`callTimeout` 1001, `clientGone` 1002). */
  call(client: string, method: string, data: Payload, timeoutMs?: number): Promise<Payload>;
  /**
   * Calls an RPC method of a module for a caller without a connection, whose principal must be of this org. Throws `notAvailable` for a
   * method nobody registered, `badRequest` naming the field, `callTimeout`, and what the method throws.
   */
  rpc(method: string, params: unknown, call: CallContext): Promise<RpcOutcome>;
  /** Sends an asynchronous message to a client, or to all of a user's. */
  send(target: ClientTarget, data: Payload): number;
  /** Counters of the org's connections on this node (spec ORG-1). */
  stats(): OrgStats;
  /** What happened to the org's clients on this node lately, newest first (spec DIAG-1); at most `orgEventsMax` are kept. */
  events(filter?: OrgEventFilter): readonly OrgEvent[];
  /** Asks the live nodes, this one included, something about this org (spec ASK-1). See `Nodes.ask`. */
  ask<Q, A>(kind: Kind<Q, A>, question: Q, options?: AskOptions): Promise<Survey<A>>;
}

/** Numbers of one node since its start; snapshots, never reset. */
export interface NodeStats {
  readonly nodeId: string;
  readonly startedAtMs: number;
  readonly connections: number;
  readonly users: number;
  readonly orgs: number;
  readonly subscriptions: number;
  readonly channels: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly publications: number;
  readonly deliveries: number;
  readonly commands: Readonly<Record<string, number>>;
  /** Replies with an error, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Closes by code. */
  readonly closes: Readonly<Record<string, number>>;
  readonly overflows: Readonly<Record<'recover' | 'latest' | 'gap' | 'close', number>>;
  readonly recoveries: { readonly recovered: number; readonly unrecovered: number };
  readonly denials: number;
  readonly outboxBytes: number;
  /** Publish to first write, milliseconds, over the last window: quantiles of a sample. */
  readonly deliveryLatencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** What an RPC method answers. `after`: the publication that shows the effect. */
export interface RpcOutcome {
  /** Serialised by the router. */
  readonly result?: unknown;
  readonly after?: { readonly channel: string; readonly position: Position };
}

/** Who called: given to RPC handlers. */
export interface CallContext {
  readonly principal: Principal;
  /** '' for a caller without a connection. */
  readonly client: string;
  /** For logs and error messages. */
  readonly requestId: string;
  /** Of a caller without a connection, where it is known. */
  readonly remoteAddress?: string;
  /** The key of the call, for a method that keeps keys itself. */
  readonly idempotencyKey?: string;
  /** Aborted when the connection closes or the call's deadline passes. */
  readonly signal: AbortSignal;
}
