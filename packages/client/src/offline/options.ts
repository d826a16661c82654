/** Numbers of an offline queue, resolved once at its making. */
import {
  createSystemClock,
  createSystemRandom,
  mergeOptions,
  requireNumber,
  type Clock,
  type Random,
} from '@trunkline/base';
import type { ReportError } from '../store.js';
import type { QueueStore } from './store.js';

export interface OfflineQueueOptions {
  /** Where commands are kept: `indexedDbStore(name)`, `memoryStore()`, or `fileStore(path)` of `@trunkline/client/offline/file`. Closed with the queue. */
  readonly store: QueueStore;
  /** How long after it was added a command may still be sent. Default a day. Keep it below the time for which the server remembers keys (7 days), or a late repeat could happen twice. */
  readonly expiresInMs: number;
  /** Commands that wait. Default 1,000. */
  readonly maxEntries: number;
  /** Bytes of params of all commands that wait. Default 4 MiB. */
  readonly maxBytes: number;
  /** Bytes of params of one command. Default 65,536: well below what a server takes in one frame. */
  readonly maxEntryBytes: number;
  /** Commands on their way at once, one for each order. Default 8. */
  readonly maxInFlight: number;
  /** First step of the delay after a temporary error, drawn with jitter. Default 1,000. */
  readonly minDelayMs: number;
  /** Its cap. Default 300,000. */
  readonly maxDelayMs: number;
  /** How long a done or cancelled command is still shown. Default 10,000. */
  readonly keepDoneMs: number;
  /** Failed and expired commands that are kept until dismissed; of more, the oldest go. Default 100. */
  readonly maxEnded: number;
  /** Errors without a caller: of the store, while sending. Default: `reportError` where the platform has it. */
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ResolvedQueueOptions extends OfflineQueueOptions {
  /** `onError`, guarded: it never throws. */
  readonly report: ReportError;
}

const DEFAULTS: Omit<OfflineQueueOptions, 'store' | 'clock' | 'random'> = {
  expiresInMs: 86_400_000,
  maxEntries: 1_000,
  maxBytes: 4_194_304,
  maxEntryBytes: 65_536,
  maxInFlight: 8,
  minDelayMs: 1_000,
  maxDelayMs: 300_000,
  keepDoneMs: 10_000,
  maxEnded: 100,
  onError: (error) => (globalThis as { reportError?: (error: unknown) => void }).reportError?.(error),
};

/** Throws a TypeError or RangeError that names the field. */
export function resolveQueueOptions(
  given: Partial<OfflineQueueOptions> & Pick<OfflineQueueOptions, 'store'>,
): ResolvedQueueOptions {
  if (typeof given.store !== 'object') throw new TypeError('store is required');
  const defaults: OfflineQueueOptions = {
    ...DEFAULTS,
    store: given.store,
    clock: createSystemClock(),
    random: createSystemRandom(),
  };
  const options = mergeOptions(defaults, given);
  for (const [field, value] of Object.entries(options))
    if (typeof value === 'number') requireNumber(field, value, 0);
  requireNumber('expiresInMs', options.expiresInMs, 1);
  requireNumber('maxInFlight', options.maxInFlight, 1);
  if (options.maxDelayMs < options.minDelayMs)
    throw new RangeError('maxDelayMs must not be below minDelayMs');
  const { onError } = options;
  const report: ReportError = (error) => {
    try {
      onError(error);
    } catch {
      // An error handler that fails has nobody left to tell.
    }
  };
  return { ...options, report };
}
