/** Options of a store: what may be set, its defaults, and their check. Every default says why where it is defined. */
import { mergeOptions, requireNumber } from '@trunkline/base';
import { CHANNELS_DEFAULTS, type ChannelsOptions } from './channels/channels.js';
import { resolveCommitterOptions, type CommitterOptions } from './commit/options.js';
import type { EmbeddedOptions } from './embedded/engine.js';
import { IDEMPOTENCY_DEFAULTS, type IdempotencyOptions } from './idempotency/idempotency.js';
import { DISPATCHER_DEFAULTS, type DispatcherOptions } from './outbox/dispatcher.js';
import { POSTGRES_DEFAULTS, type PostgresOptions } from './postgres/engine.js';

/** Which database: a directory of our own, or a PostgreSQL server. */
export type DatabaseOptions =
  | ({ readonly kind: 'embedded' } & EmbeddedOptions)
  | ({ readonly kind: 'postgres'; readonly url: string } & Partial<Omit<PostgresOptions, 'url'>>);

export interface HousekeepingOptions {
  /** Milliseconds between two pages of old publications. Default 10,000. */
  readonly publicationsMs: number;
  /** Milliseconds between two batches of results that ran out. Default 60,000. */
  readonly idempotencyMs: number;
  /** Milliseconds between two vacuums of the embedded database. Default 600,000: tens of milliseconds of work, in which nothing else is done. */
  readonly maintenanceMs: number;
}

export interface StoreOptions {
  readonly database: DatabaseOptions;
  readonly committer?: Partial<CommitterOptions>;
  readonly channels?: Partial<ChannelsOptions>;
  readonly idempotency?: Partial<IdempotencyOptions>;
  readonly dispatcher?: Partial<DispatcherOptions>;
  readonly housekeeping?: Partial<HousekeepingOptions>;
  /** Rows that one read may give; more is an error, since a query without a limit is one. Default 10,000. */
  readonly maxRows?: number;
  /** Reads that may be under way or wait for a connection; more are refused with 1101. Default 1,000. */
  readonly maxReads?: number;
  /** For one read and its answer. Default 15,000: more than a statement may take. */
  readonly readTimeoutMs?: number;
}

export interface ResolvedStoreOptions {
  readonly committer: CommitterOptions;
  readonly channels: ChannelsOptions;
  readonly idempotency: IdempotencyOptions;
  readonly dispatcher: DispatcherOptions;
  readonly housekeeping: HousekeepingOptions;
  readonly reader: { readonly maxRows: number; readonly maxReads: number; readonly timeoutMs: number };
}

const HOUSEKEEPING_DEFAULTS: HousekeepingOptions = {
  publicationsMs: 10_000,
  idempotencyMs: 60_000,
  maintenanceMs: 600_000,
};

/** Throws a RangeError that names the bad field. */
export function resolveStoreOptions(given: StoreOptions): ResolvedStoreOptions {
  return {
    committer: resolveCommitterOptions(given.committer),
    channels: resolve('channels', CHANNELS_DEFAULTS, given.channels, 0),
    idempotency: resolve('idempotency', IDEMPOTENCY_DEFAULTS, given.idempotency, 1),
    dispatcher: resolve('dispatcher', DISPATCHER_DEFAULTS, given.dispatcher, 0),
    housekeeping: resolve('housekeeping', HOUSEKEEPING_DEFAULTS, given.housekeeping, 1),
    reader: resolve(
      'reader',
      { maxRows: 10_000, maxReads: 1_000, timeoutMs: 15_000 },
      { maxRows: given.maxRows, maxReads: given.maxReads, timeoutMs: given.readTimeoutMs } as Partial<
        ResolvedStoreOptions['reader']
      >,
      1,
    ),
  };
}

export function resolvePostgresOptions({
  url,
  ...given
}: { readonly url: string } & Partial<Omit<PostgresOptions, 'url'>>): PostgresOptions {
  if (!/^postgres(ql)?:\/\//.test(url)) throw new RangeError('database.url must begin with postgres://');
  const numbers = mergeOptions(POSTGRES_DEFAULTS, given);
  for (const field of Object.keys(POSTGRES_DEFAULTS) as (keyof typeof POSTGRES_DEFAULTS)[])
    requireNumber(`database.${field}`, numbers[field], field === 'maxConnections' ? 2 : 1);
  return { ...numbers, url };
}

function resolve<T extends object>(
  name: string,
  defaults: T,
  given: Partial<T> | undefined,
  least: number,
): T {
  const options = mergeOptions(defaults, given);
  for (const [field, value] of Object.entries(options) as [string, number][])
    requireNumber(`${name}.${field}`, value, least);
  return options;
}
