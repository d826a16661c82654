/** The outbox as the server sees it: where committed publications of durable channels go. */
import type { ChannelKey, Publication } from '@trunkline/protocol';

/**
 * Carries one committed publication. Called in channel order, one at a time per channel; again for the same one after a failure or a crash.
 * A rejection holds the channel back and is tried again with growing delays.
 */
export type Deliver = (key: ChannelKey, publication: Publication, epoch: string) => void | Promise<void>;

export interface Outbox {
  /** Begins to dispatch, what an earlier process left behind included. Once per store. */
  start(deliver: Deliver): void;
  /** Publications that wait to be dispatched (counted up to 10,000). */
  depth(): Promise<number>;
}
