/** What a wire and its readers agree on: how a channel is subscribed, what arrives, and in which calls. */
import type { MapUpdateContext, PublicationContext } from 'centrifuge';
import type { ClientInfo as WireClientInfo, FilterNode, Position, Tags } from '@trunkline/protocol';
import type { Missing, Reset } from './continuity.js';

/** What shapes a subscription on the wire; readers of one channel must agree on all of it but `joinLeave`. */
export interface WireOptions {
  /** Sent with the subscribe command. */
  readonly data?: unknown;
  /** A channel token, where the namespace demands one; `getToken` fetches it and its successors. */
  readonly token?: string;
  readonly getToken?: (channel: string) => Promise<string>;
  /** Only publications whose tags match. */
  readonly filter?: FilterNode;
  /** Changes travel as differences where the channel allows it; handlers get whole values all the same. Not together with `filter`. */
  readonly delta?: 'fossil';
  /** `cache`: the channel's recovery returns the newest publication only, and that is enough. Default `stream`. */
  readonly recovery?: 'stream' | 'cache';
  /** Map channels: entries per page; 0 or absent: the server's choice. */
  readonly pageSize?: number;
}

export interface WireSetup extends WireOptions {
  readonly type: 'stream' | 'map';
  readonly joinLeave: boolean;
  readonly since?: Position;
}

/** Who published or joined. */
export type ClientInfo = Pick<WireClientInfo, 'user' | 'client'> & {
  readonly connInfo?: unknown;
  readonly chanInfo?: unknown;
};

export interface RawPublication {
  readonly data: unknown;
  /** 0: the channel numbers nothing. */
  readonly offset: number;
  readonly tags?: Tags;
  readonly info?: ClientInfo;
  /** Map channels. */
  readonly key?: string;
  readonly removed?: boolean;
}

/** Calls arrive in the order of the wire. None may throw. */
export interface WireReader {
  /** The subscription (re)started; a reset, where there is one, was reported before. */
  subscribed(): void;
  publication(publication: RawPublication): void;
  gap(missing: Missing): void;
  reset(reset: Reset): void;
  /** A map's complete state; replaces all before. */
  sync?(entries: readonly RawPublication[]): void;
  join?(info: ClientInfo): void;
  leave?(info: ClientInfo): void;
  /** Something `continuity` depends on changed. */
  changed(): void;
}

/** A publication as the transport package surfaces it; `map` carries the key of a map's change. */
export function rawPublication(
  context: PublicationContext,
  map: MapUpdateContext | undefined,
): RawPublication {
  const { data, offset, tags, info } = context;
  return {
    data: data as unknown,
    offset: offset ?? 0,
    ...(tags === undefined ? {} : { tags }),
    ...(info === undefined ? {} : { info }),
    ...(map === undefined ? {} : { key: map.key, removed: map.removed === true }),
  };
}
