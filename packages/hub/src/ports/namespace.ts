/**
 * What an operator or a module decides about the channels of one namespace (the part of a name before the first `:`; `''` is the
 * default namespace; `*` stands for all that are not defined by themselves). Complete and readonly; `resolveNamespace` merges the defaults and names a bad field.
 */
import type { ChannelClass, OverflowOutcome, SubscriptionType } from '@trunkline/protocol';
import type { Role } from './principal.js';

/** `user`: any signed-in user of the org. `subscriber`: who is subscribed to the channel now. `anonymous`: a client without a user. */
export type Audience = 'user' | 'anonymous' | 'subscriber' | Role;

/** `fossil`: the public Fossil delta format, between one payload and the next. */
export type DeltaKind = 'fossil';

export interface MapOptions {
  /** `ephemeral`: no change stream, a reconnect takes the state again. `persistent`: changes are kept and recovery continues by offset. */
  readonly mode: 'ephemeral' | 'persistent';
  /** Milliseconds until a key that is not written again removes itself; 0: never. Default 60,000 for ephemeral, 0 for persistent. */
  readonly keyTtlMs: number;
  /** Changes kept (persistent). Default 1,000. */
  readonly streamSize: number;
  /** Default 300,000. */
  readonly streamTtlMs: number;
  /** Forces the key of client publications. Default `none`. */
  readonly clientKey: 'none' | 'client' | 'user';
  /** Keys a map may hold. Default 100,000. */
  readonly maxKeys: number;
}

export interface NamespaceOptions {
  readonly name: string;
  /** Kind of subscription. Default `stream`. */
  readonly type: SubscriptionType;
  /** Who numbers publications. Default `live`; `durable` needs a store, `local` belongs to modules. */
  readonly class: ChannelClass;
  /** Publications kept; 0: none. Default 0; of durable channels 1,000. */
  readonly historySize: number;
  /** Default 300,000; of durable channels 0: as long as the size allows. */
  readonly historyTtlMs: number;
  /** Default 2,592,000,000 (30 days). */
  readonly metaTtlMs: number;
  /** Whether presence is kept. Default false. */
  readonly presence: boolean;
  /** Whether joins and leaves are published to subscribers who ask. Default false. */
  readonly joinLeave: boolean;
  /** Sends them to every subscriber, asked or not. Default false. */
  readonly forceJoinLeave: boolean;
  /** Every subscription checks its position. Needs history. Default false. */
  readonly forcePositioning: boolean;
  /** Every subscription may recover. Needs history. Default false. A client may ask for either wherever there is history. */
  readonly forceRecovery: boolean;
  /** `stream`: all missed publications or none. `cache`: the latest one. Default `stream`. */
  readonly recoveryMode: 'stream' | 'cache';
  readonly allowSubscribe: readonly Audience[];
  readonly allowPublish: readonly Audience[];
  readonly allowPresence: readonly Audience[];
  readonly allowHistory: readonly Audience[];
  /** Whether subscribers may filter by tags. Default false. */
  readonly allowTagsFilter: boolean;
  /** Kinds of deltas that subscribers may ask for (spec DELTA-1). Default none. */
  readonly allowDelta: readonly DeltaKind[];
  /** A regular expression (anchored) for the part after the namespace; absent: any. */
  readonly channelPattern?: string;
  /** What happens to a reader that cannot keep up. Default `recover`. */
  readonly overflow: OverflowOutcome;
  /** Subscribers of one channel on this node; `Infinity`: no limit. */
  readonly maxSubscribers: number;
  /** Milliseconds in which a client folds its own publications (told at subscribe); 0: none. */
  readonly publishDebounceMs: number;
  readonly map: MapOptions;
  /** Maps kept of who is subscribed, under this prefix and the full channel name; '' : none. */
  readonly mapClientsPrefix: string;
  readonly mapUsersPrefix: string;
}
