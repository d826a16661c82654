/**
 * Where a queue keeps its commands, as a port. Steps are decided by `entry.ts`; a store makes each of them atomic and durable, says who may send
 * where several pages share it, and carries word between them. `memory-store.ts`, `indexed-db-store.ts` and `file-store.ts` implement it.
 */
import type { Change, QueueEntry, QueueMeta } from './entry.js';
import type { Outcome } from './outcome.js';

/** Word to the other pages: something changed; and how a command ended, where it did. */
export interface QueueNews {
  /** The queue that tells; it does not listen to itself. */
  readonly from: string;
  readonly ended?: { readonly key: string; readonly outcome: Outcome };
}

/** Every method rejects once the store is closed, and where the platform fails. */
export interface QueueStore {
  /** Everything, by `seq`. */
  load(): Promise<{ readonly meta: QueueMeta; readonly entries: readonly QueueEntry[] }>;
  /**
   * One step on the entry of `key`, atomic, and durable when it resolves. Steps happen in the order they were asked for. Where `decide` throws,
   * nothing changes and the promise rejects with what it threw.
   */
  change<R>(key: string, decide: (meta: QueueMeta, entry: QueueEntry | undefined) => Change<R>): Promise<R>;
  /** Takes entries that have ended out. */
  remove(keys: readonly string[]): Promise<void>;
  /**
   * Runs `work` while nobody else who shares the store does; waits for its turn until `signal` is aborted, then resolves without having run it.
   * `lost` is aborted where the turn ended early.
   */
  exclusively(work: (lost: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
  tell(news: QueueNews): void;
  /** Called with what others told, possibly also with one's own word. Returns what ends it. */
  watch(listener: (news: QueueNews) => void): () => void;
  /** May be called twice. */
  close(): Promise<void>;
}
