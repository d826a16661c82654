/**
 * The broker port: what carries live publications between nodes, numbers them, keeps their history, and holds presence and map
 * state. An engine implements all of it; the memory one is the reference and `testing.ts` is the suite every engine passes.
 * A broker knows channel keys and bytes; no orgs, no clients' rights, no subscriptions. It is lossy as far as callers are concerned:
 * what must survive is committed elsewhere first and merely carried here.
 *
 * Delivery. The broker is given its handler at construction and never looks up. For one key it calls `onPublication` in the order of
 * offsets, on every subscribed node, at most once per publication and without duplicates where it can; the hub checks offsets anyway
 * and treats a jump as a gap. A publication is delivered before `publish` resolves on the node that called it, if that node is
 * subscribed (spec BROKER-3). Handlers must not throw.
 */
import type { Disposable } from '@trunkline/base';
import type { ChannelKey, ClientInfo, Payload, Position, Publication, Tags } from '@trunkline/protocol';

export interface BrokerHandler {
  /** `position.epoch` is the history's epoch, `''` for unnumbered publications. */
  onPublication(key: ChannelKey, publication: Publication, epoch: string): void;
  onJoin(key: ChannelKey, info: ClientInfo): void;
  onLeave(key: ChannelKey, info: ClientInfo): void;
  /** A control message of another node (never of this one). */
  onControl(message: string): void;
  /**
   * The broker lost and regained its connection: anything may have been missed on the keys this node is subscribed to. The hub then
   * compares positions. Memory never calls it.
   */
  onResumed(): void;
}

export interface PublishOptions {
  /** Publications kept; 0 keeps none, and the publication is then unnumbered (offset 0). */
  readonly historySize: number;
  /** Age in milliseconds after which history goes; ignored with `historySize` 0. */
  readonly historyTtlMs: number;
  /** Age in milliseconds after which an idle channel's offset and epoch go. At least `historyTtlMs`. */
  readonly metaTtlMs: number;
  readonly tags?: Tags;
  readonly info?: ClientInfo;
  /** With a key, a repeat within `idempotencyTtlMs` publishes nothing and returns the first call's position. */
  readonly idempotencyKey?: string;
  readonly idempotencyTtlMs?: number;
}

export interface PublishOutcome {
  readonly position: Position;
  /** True when an idempotency key matched and nothing was published. */
  readonly deduplicated: boolean;
}

export interface HistoryFilter {
  /** Most publications to return; 0 returns the position only, `Infinity` all. */
  readonly limit: number;
  /** Publications after (with `reverse`: before) this position. Its epoch may be `''` for "whatever the current one is". */
  readonly since?: Position;
  readonly reverse: boolean;
}

export interface HistoryOutcome {
  /** Ascending by offset; descending with `reverse`. */
  readonly publications: readonly Publication[];
  /** The current top and its epoch. Asking creates an epoch where there was none, so that a subscriber starts from a fixed point. */
  readonly position: Position;
}

/** Numbered streams. */
export interface StreamBroker {
  publish(key: ChannelKey, data: Payload, options: PublishOptions): Promise<PublishOutcome>;
  /**
   * Carries a publication that somebody else numbered (the store, for durable channels) to all subscribed nodes, unchanged and
   * without keeping it.
   */
  carry(key: ChannelKey, publication: Publication, epoch: string): Promise<void>;
  /** `metaTtlMs` keeps the epoch alive as `publish` does. A `since` of another epoch returns no publications. */
  history(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number): Promise<HistoryOutcome>;
  /** Removes the publications; offset and epoch go on. */
  removeHistory(key: ChannelKey): Promise<void>;
  publishJoin(key: ChannelKey, info: ClientInfo): Promise<void>;
  publishLeave(key: ChannelKey, info: ClientInfo): Promise<void>;
}

export interface PresenceStats {
  readonly numClients: number;
  readonly numUsers: number;
}

/** Who is on a channel now, by client id. Entries expire after `ttlMs` unless added again. */
export interface PresenceBroker {
  addPresence(key: ChannelKey, clientId: string, info: ClientInfo, ttlMs: number): Promise<void>;
  removePresence(key: ChannelKey, clientId: string): Promise<void>;
  presence(key: ChannelKey): Promise<ReadonlyMap<string, ClientInfo>>;
  presenceStats(key: ChannelKey): Promise<PresenceStats>;
}

export interface MapPublishOptions {
  /** Changes kept for recovery; 0 keeps none (a streamless map: subscribers always take the state path). */
  readonly streamSize: number;
  readonly streamTtlMs: number;
  /** See `PublishOptions.metaTtlMs`. */
  readonly metaTtlMs: number;
  /** Milliseconds until the key removes itself (published as a removal); 0: never. */
  readonly keyTtlMs: number;
  readonly tags?: Tags;
  readonly info?: ClientInfo;
  /** Compare-and-set. `absent`: only if there is no entry. An offset: only if the entry was last written by that offset. */
  readonly expect?: 'absent' | number;
  /** Where the entry stands with this very data, only its time to live starts again: nothing is published, the position is the current one. */
  readonly renew?: boolean;
  /** Entries a map may hold; a new key beyond it is refused with `limitExceeded`. */
  readonly maxKeys: number;
  readonly idempotencyKey?: string;
  readonly idempotencyTtlMs?: number;
}

export interface MapPublishOutcome {
  readonly position: Position;
  readonly deduplicated: boolean;
  /** False when `expect` did not hold; nothing was published then, and `current` is the entry that stood there. */
  readonly applied: boolean;
  readonly current?: Publication;
}

export interface MapStatePage {
  /** Entries in ascending key order (code-unit order), each as its last publication (offset included). */
  readonly entries: readonly Publication[];
  /** Key to continue after; `''` on the last page. */
  readonly cursor: string;
  readonly position: Position;
}

/** Keyed state: a map of last publications with a bounded stream of changes. Delivered through `onPublication` with `key` set. */
export interface MapBroker {
  mapPublish(
    key: ChannelKey,
    entryKey: string,
    data: Payload,
    options: MapPublishOptions,
  ): Promise<MapPublishOutcome>;
  /** Removing an absent key publishes nothing and returns the current position. */
  mapRemove(key: ChannelKey, entryKey: string, options: MapPublishOptions): Promise<MapPublishOutcome>;
  /**
   * A page of entries after `cursor` (`''`: from the start), at most `limit` entries and about `maxBytes` of data (one entry always
   * fits). Pages are not a snapshot: what changes between two pages is delivered through the stream.
   */
  mapState(
    key: ChannelKey,
    page: { readonly cursor: string; readonly limit: number; readonly maxBytes: number },
    metaTtlMs: number,
  ): Promise<MapStatePage>;
  /** Changes after `since`, as `history`. */
  mapStream(key: ChannelKey, filter: HistoryFilter, metaTtlMs: number): Promise<HistoryOutcome>;
  /** Removes all entries, publishing a removal for each. */
  mapClear(key: ChannelKey, options: MapPublishOptions): Promise<void>;
}

export interface Broker extends StreamBroker, PresenceBroker, MapBroker, Disposable {
  readonly name: string;
  /** What other nodes call this one by in `sendControl`; `''` where the engine knows no single nodes. */
  readonly address: string;
  /** Interest of this node in a key. Publications accepted after the promise resolves are delivered. Repeats are harmless. */
  subscribe(key: ChannelKey): Promise<void>;
  unsubscribe(key: ChannelKey): Promise<void>;
  /**
   * Sends a control message to all other nodes, or to the one with the address `to` (an engine without addresses sends it to all: a receiver
   * must not rely on being meant). At most once, unordered with publications; what one node sends to another arrives in the order of the calls.
   */
  sendControl(message: string, to?: string): Promise<void>;
}

/** How engines are built: the handler goes in at construction, nothing is looked up later. */
export type BrokerFactory = (handler: BrokerHandler) => Broker;
