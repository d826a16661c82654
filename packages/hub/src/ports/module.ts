/**
 * The module port. A module owns channels (reserved namespaces), RPC methods, route descriptors and endpoints; it sees the hub only
 * through `ModuleContext`. Modules are strangers to one another; `apps/server` hands one's service to another as a port.
 */
import type { Clock, Disposable, Logger, Random } from '@trunkline/base';
import type { Payload, Position, SourceState, Tags } from '@trunkline/protocol';
import type { CallContext, NodeStats, OrgApi, RpcOutcome } from './api.js';
import type { Endpoint } from './endpoint.js';
import type { Effect } from './idempotency.js';
import type { NamespaceOptions } from './namespace.js';
import type { Answer, Nodes } from './nodes.js';
import type { Principal } from './principal.js';

/** What a local source says. The hub numbers what it publishes (own epoch per opening). */
export interface LocalEmitter {
  publish(data: Payload, options?: { readonly tags?: Tags }): Position;
  /** The state of what stands behind the channel; travels to readers in order with publications. */
  state(source: SourceState): void;
  /** Continuity is lost: a new epoch; positioned readers are told to resynchronise. */
  reset(reason: string): void;
}

/** A payload, or UTF-8 JSON in memory of its owner, which becomes text only while it is sent. Both are kept by reference and never change. */
export type EntryData = Payload | { readonly json: Uint8Array };

/** What the source of a local map says. The hub keeps the entries, numbers changes and hands pages out. */
export interface LocalMapEmitter {
  /** Entries now. */
  readonly size: number;
  /** Adds or replaces. */
  set(key: string, data: EntryData, options?: { readonly tags?: Tags }): Position;
  /** Nothing happens where there is no such entry. */
  remove(key: string): Position;
  /** Replaces everything, under a new epoch: readers take the state again. For a first list, and for changes larger than a stream of them. */
  load(entries: Iterable<readonly [key: string, data: EntryData]>): void;
  state(source: SourceState): void;
  /** Continuity is lost: a new epoch over the same entries. */
  reset(reason: string): void;
}

export interface LocalSourceRequest {
  readonly org: string;
  readonly channel: string;
  readonly emit: LocalEmitter;
}

/** Opened with a channel's first reader, disposed `lingerMs` after its last. */
export type LocalSource = (request: LocalSourceRequest) => Disposable | Promise<Disposable>;

export interface LocalMapRequest {
  readonly org: string;
  readonly channel: string;
  readonly emit: LocalMapEmitter;
}

/**
 * Likewise for a map. A first reader waits for it, for half of `subscribeDeadlineMs` at most: it should resolve once the entries are loaded, or as soon as it
 * is known that this will take longer (after `emit.state` has said why).
 */
export type LocalMapSource = (request: LocalMapRequest) => Disposable | Promise<Disposable>;

/** `recheckMs`: the answer is good for this long, in milliseconds; the hub asks again for as long as the subscription lives (spec WALL-5). */
export type Permission = boolean | { readonly allowed: true; readonly recheckMs: number };

export type ChannelAction = 'subscribe' | 'publish' | 'presence' | 'history';

export interface ModuleNamespace {
  readonly options: Partial<NamespaceOptions> & { readonly name: string };
  /**
   * The module's own rule, asked after namespace and token. False: denied (103); a `CodedError` that it throws is what the client is told. Absent: denied to
   * nobody. A refusal of a recheck ends the subscription with 2101. `stays`: whether it is one, about somebody who is subscribed already.
   */
  authorise?(
    principal: Principal,
    channel: string,
    action: ChannelAction,
    stays?: boolean,
  ): Permission | Promise<Permission>;
  /** For streams of class `local`. */
  readonly source?: LocalSource;
  /** For maps of class `local`. */
  readonly mapSource?: LocalMapSource;
  /** Default 0: a source closes with its last reader. */
  readonly lingerMs?: number;
  /**
   * What its channels show is for those whom `authorise` lets in, by rights of their own: `OrgApi` reads none of it for administrators and keys (spec WALL-6).
   * Default false.
   */
  readonly confidential?: boolean;
}

/** What a method wants committed before it is answered. Needs a store (108 without one). */
export interface RpcCommit {
  readonly commit: Effect;
  /** What the call answers, JSON; stored with the effect where the call has a key. */
  readonly result?: unknown;
  /** Makes the answer of the results of the statements, in their order, instead of `result`. Synchronous and pure. */
  readonly toResult?: (results: readonly unknown[]) => unknown;
}

export interface RpcMethod {
  /** JSON Schema of the params; checked before `handle` (107 with the field). Absent: anything. */
  readonly params?: object;
  /**
   * As the contract says: a repeat under the same key has no further effect and gets the first one's answer. Strictly true of what `commit` commits; other
   * effects are remembered when `handle` is done, and take place again where the process died before that. Default false: keys are remembered in
   * memory, by one node, for a while. `own`: the method is given the key (`CallContext.idempotencyKey`) and keeps it with its effect itself, since its
   * answer holds what must not be stored.
   */
  readonly idempotent?: boolean | 'own';
  /** The outcome, or what to commit first. May be called again for a call that failed. */
  handle(params: unknown, call: CallContext): Promise<RpcOutcome | RpcCommit> | RpcOutcome | RpcCommit;
}

/** An HTTP route, bound by `apps/server`. */
export interface RouteDescriptor {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `:name` parts; a `*name` at its end stands for the rest of the path, and its value is as it came, not decoded. */
  readonly path: string;
  readonly summary: string;
  readonly params?: object;
  readonly query?: object;
  readonly body?: object;
  /** The body is handed on in bytes, as it came, instead of JSON that is checked; `body` has no meaning then. */
  readonly rawBody?: RawBody;
  readonly response?: object;
  /** What the scopes of an API key must name. Default: the first part of the path. */
  readonly scope?: string;
  /** A caller without a credential is asked for none where the server knows anonymous users, and is one of them. Default false: 401. */
  readonly anonymous?: boolean;
  handle(request: RouteRequest): Promise<RouteResponse> | RouteResponse;
}

export interface RawBody {
  /** Media types that are taken; others are 415. */
  readonly types: readonly string[];
  /** A longer one is 413. */
  readonly maxBytes: number;
}

export interface RouteRequest {
  readonly principal: Principal;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Path and query as they came. */
  readonly target: string;
  /** Names in lower case, repeated ones joined; without what says who asks. */
  readonly headers: Readonly<Record<string, string>>;
  /** With `rawBody` a `Uint8Array`; undefined where there is none. */
  readonly body: unknown;
  readonly requestId: string;
  /** Of the browser or program, behind configured proxies too; absent where it is not known. */
  readonly remoteAddress?: string;
  readonly signal: AbortSignal;
}

export interface RouteResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Serialised as JSON unless a stream of bytes. */
  readonly body?: unknown;
  readonly stream?: AsyncIterable<Uint8Array>;
}

export interface ModuleContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly nodeId: string;
  /** Everything a module does to channels goes through an org. */
  forOrg(org: string): OrgApi;
  stats(): NodeStats;
  /** Orgs with connections on this node. */
  orgs(): readonly string[];
  /** The nodes of the deployment. Questions about an org go through `forOrg`. */
  readonly nodes: Pick<Nodes, 'id' | 'alone' | 'list' | 'others' | 'isLive' | 'ask' | 'tell'>;
}

export interface ModuleParts {
  readonly namespaces?: readonly ModuleNamespace[];
  readonly rpc?: Readonly<Record<string, RpcMethod>>;
  readonly routes?: readonly RouteDescriptor[];
  readonly endpoints?: readonly Endpoint[];
  /** What other nodes may ask this module. */
  readonly answers?: readonly Answer[];
  dispose?(): void | Promise<void>;
}

/** A module, not started yet. */
export interface Module {
  readonly id: string;
  start(context: ModuleContext): Promise<ModuleParts> | ModuleParts;
}

/**
 * Makes a module of its definition and options. `start` runs once per hub; what it returns is registered whole or not at all.
 */
export function defineModule<O>(definition: {
  readonly id: string;
  start(context: ModuleContext, options: O): Promise<ModuleParts> | ModuleParts;
}): (options: O) => Module {
  return (options) => ({ id: definition.id, start: (context) => definition.start(context, options) });
}
