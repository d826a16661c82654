/**
 * Durable channels as modules see them: statements that append publications inside any unit, and reading. Structurally the hub's durable
 * log (`read`), which this package does not know.
 */
import type { ChannelKey, ClientInfo, Payload, Position, Publication, Tags } from '@trunkline/protocol';
import type { Statement } from '../statement.js';

export interface AppendOptions {
  readonly tags?: Tags;
  readonly info?: ClientInfo;
  /** Publications that the channel keeps. The last append's number counts. Default: the store's `historySize`. */
  readonly historySize?: number;
  /** Milliseconds for which it keeps them, 0 for as long as the size allows. The last append's number counts. Default: the store's `historyTtlMs`. */
  readonly historyTtlMs?: number;
}

export interface DurablePublication extends AppendOptions {
  readonly key: ChannelKey;
  readonly data: Payload;
}

export interface HistoryPage {
  /** Ascending by offset; descending with `reverse`. */
  readonly publications: readonly Publication[];
  /** The committed top. */
  readonly position: Position;
}

export interface DurableChannels {
  /** Appends one publication: the channel's top goes up by one in the unit's transaction. Answers its position. */
  append(key: ChannelKey, data: Payload, options?: AppendOptions): Statement<Position>;
  /** Appends many, to one channel or to several, in one statement; positions in the order given. */
  appendAll(publications: readonly DurablePublication[]): Statement<readonly Position[]>;
  /**
   * Committed publications after `since`, ascending (with `reverse`: before it, descending), at most `limit` (0: the position alone), and the
   * committed top. A foreign epoch gets none. Asking for a channel that does not exist yet gives it its epoch.
   */
  read(key: ChannelKey, since: Position | undefined, limit: number, reverse: boolean): Promise<HistoryPage>;
  /** Forgets the history; offset and epoch go on. What was not dispatched yet still is. */
  clear(key: ChannelKey): Statement<undefined>;
  /**
   * Forgets the channel: history, what waits for dispatch, offset and epoch. Under the same name another one begins. Two statements, to be put
   * into the unit one after the other.
   */
  drop(key: ChannelKey): readonly [Statement<undefined>, Statement<undefined>];
  /** Gives every channel a new epoch, so that readers start anew: after the database was put back to an older state. */
  renewEpochs(): Promise<number>;
}
