/**
 * The durable-log port: where durable channels are numbered and kept. The store implements it; the hub reads it and carries what
 * it is told was committed. Offsets are given inside the transaction of the effect, so a publication exists before it is delivered.
 */
import type { ChannelKey, ClientInfo, Payload, Position, Publication, Tags } from '@trunkline/protocol';

/** A publication on its way into a durable channel. */
export interface DurablePublication {
  readonly data: Payload;
  readonly tags?: Tags;
  readonly info?: ClientInfo;
  /** Publications that the channel keeps, and for how many milliseconds (0: as long as the size allows). */
  readonly historySize: number;
  readonly historyTtlMs: number;
}

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
  /**
   * Commits a publication and resolves with its position; whoever listens gets it after that, by way of the broker. With an idempotency key, a
   * repeat (same channel, same key) commits nothing and answers the first position. Fails with a temporary code where nobody can say that it
   * was committed. Absent: only modules publish, with the effects that they commit.
   */
  append?(
    key: ChannelKey,
    publication: DurablePublication,
    idempotencyKey?: string,
  ): Promise<{ readonly position: Position; readonly deduplicated: boolean }>;
  /** Forgets what was published; offset and epoch go on. Absent: history cannot be removed. */
  clear?(key: ChannelKey): Promise<void>;
}
