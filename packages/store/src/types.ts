/** The store as the rest of the house sees it. */
import type { Disposable } from '@trunkline/base';
import type { DurableChannels } from './channels/types.js';
import type { Idempotency } from './idempotency/types.js';
import type { Migrations } from './migrations/types.js';
import type { Outbox } from './outbox/types.js';
import type { Committing, Reading } from './unit.js';

export type EngineKind = 'embedded' | 'postgres';

export interface StoreStatus {
  readonly engine: EngineKind;
  /** `SELECT version()`. */
  readonly version: string;
  /** Units that wait. */
  readonly queued: number;
  /** Units committed, units failed, transactions, since the store was opened. */
  readonly committed: number;
  readonly failed: number;
  readonly transactions: number;
}

export interface Store extends Committing, Reading, Disposable {
  readonly engine: EngineKind;
  readonly channels: DurableChannels;
  readonly outbox: Outbox;
  readonly idempotency: Idempotency;
  readonly migrations: Migrations;
  /** Asks the database; fails with 1100 while it cannot be reached. */
  status(): Promise<StoreStatus>;
  /** Writes a copy of the whole embedded database into a new file, consistent as of now. On PostgreSQL: 108, that is `pg_dump`'s work. */
  backup(path: string): Promise<void>;
  /** Every row of the owners' tables as lines of JSON, of one moment; `importRows` of a store with the same migrations takes them. */
  exportRows(owners: readonly string[]): AsyncIterable<string>;
  /** Fills empty tables from `exportRows`, and gives channels new epochs. Answers the number of rows. */
  importRows(lines: AsyncIterable<string> | Iterable<string>): Promise<number>;
  /** Ends open work, then closes. What waits in the queue is committed first. */
  dispose(): Promise<void>;
}
