/** The store's door. */
export { openStore, type StoreDeps } from './store.js';
export { restoreEmbedded, type EmbeddedOptions } from './embedded/engine.js';
export type { DatabaseOptions, HousekeepingOptions, StoreOptions } from './options.js';
export type { CommitterOptions } from './commit/options.js';
export type { ChannelsOptions } from './channels/channels.js';
export type { IdempotencyOptions } from './idempotency/idempotency.js';
export type { DispatcherOptions } from './outbox/dispatcher.js';
export type { PostgresOptions } from './postgres/engine.js';
export { lintMigrations, type MigrationFinding } from './migrations/lint.js';
export { STORE_CODES, type StoreCodeName } from './codes.js';
export {
  decoding,
  expecting,
  json,
  raw,
  sql,
  type Expectation,
  type RawSql,
  type ResultsOf,
  type Row,
  type SqlResult,
  type Statement,
} from './statement.js';
export type { SqlScalar, SqlValue } from './values.js';
export type { Committing, Reading, Unit } from './unit.js';
export type { AppendOptions, DurableChannels, DurablePublication, HistoryPage } from './channels/types.js';
export type { Deliver, Outbox } from './outbox/types.js';
export type {
  Effect,
  Idempotency,
  IdempotentCall,
  IdempotentOutcome,
  JsonValue,
  Turn,
} from './idempotency/types.js';
export type { Migration, Migrations, MigrationSet, MigrationStatus, Phase } from './migrations/types.js';
export type { EngineKind, Store, StoreStatus } from './types.js';
