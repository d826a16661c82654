/** Numbers that stand for names in the fields of the native wire, the same in JSON and in Protobuf. */
import type { MapPhase, SubscriptionType } from './model.js';

/** `type` of a subscription, by index. */
export const TYPES: readonly SubscriptionType[] = ['stream', 'map', 'map_clients', 'map_users'];
export const SHARED_POLL_TYPE = 4;

export const TYPE_NUMBERS: Readonly<Record<SubscriptionType, number>> = {
  stream: 0,
  map: 1,
  map_clients: 2,
  map_users: 3,
};

/** `phase` of a map subscription, by index. */
export const PHASES: readonly MapPhase[] = ['live', 'stream', 'state'];

export const PHASE_NUMBERS: Readonly<Record<MapPhase, number>> = { live: 0, stream: 1, state: 2 };

/** Bit of `subscribe.flag`. Bit 1 asks for numeric channel ids, which this product never sends. */
export const REJECT_UNRECOVERED = 2;

/** `type` of a publish that writes a key of a map. */
export const MAP_PUBLISH = 1;
