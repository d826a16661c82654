/**
 * The durable-log port: where durable channels are numbered and kept. The store implements it; the hub only reads it and carries what
 * it is told was committed. Offsets are given inside the transaction of the effect, so a publication exists before it is delivered.
 */
import type { ChannelKey, Position, Publication } from '@trunkline/protocol';

export interface DurableLog {
  /**
   * Committed publications after `since`, ascending (with `reverse`: before it, descending), at most `limit`, and the committed top. A
   * foreign epoch returns none.
   */
  read(
    key: ChannelKey,
    since: Position | undefined,
    limit: number,
    reverse: boolean,
  ): Promise<{ readonly publications: readonly Publication[]; readonly position: Position }>;
}
