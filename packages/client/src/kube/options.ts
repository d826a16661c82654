/** What every live thing of this folder can be told besides what to show, resolved once at its making. */
import {
  createSystemClock,
  createSystemRandom,
  mergeOptions,
  requireNumber,
  type Clock,
  type Random,
} from '@trunkline/base';
import type { LiveClient, Origin } from './types.js';

export interface LiveOptions {
  /** `multiplexed`: everything over the given client. `perList`: every list, window and log over a client of its own, made by `newClient`. Default `multiplexed`. */
  readonly strategy: 'multiplexed' | 'perList';
  /** Makes a client for one list; it is disposed with the list. Required with `perList`. */
  readonly newClient: (() => LiveClient) | undefined;
  /** Changes travel as differences where the server allows it. Default true. */
  readonly delta: boolean;
  /** First step of the delay between tries, drawn with jitter. Default 500. */
  readonly minDelayMs: number;
  /** Its cap, and the time after which a refused question is asked again. Default 30,000. */
  readonly maxDelayMs: number;
  /** Errors of `map` (its row is then left out). Default: `reportError` where the platform has it. */
  readonly onError: (error: unknown, origin?: Origin) => void;
  readonly clock: Clock;
  readonly random: Random;
}

const DEFAULTS: Omit<LiveOptions, 'clock' | 'random'> = {
  strategy: 'multiplexed',
  newClient: undefined,
  delta: true,
  minDelayMs: 500,
  maxDelayMs: 30_000,
  onError: (error) => (globalThis as { reportError?: (error: unknown) => void }).reportError?.(error),
};

const NAMES = [...Object.keys(DEFAULTS), 'clock', 'random'] as (keyof LiveOptions)[];

/** Takes what it knows out of `given`. Throws a TypeError or RangeError that names the field. `onError` of the result never throws. */
export function resolveLiveOptions(given: Partial<LiveOptions>): LiveOptions {
  const own = Object.fromEntries(NAMES.filter((name) => name in given).map((name) => [name, given[name]]));
  const defaults: LiveOptions = { ...DEFAULTS, clock: createSystemClock(), random: createSystemRandom() };
  const options = mergeOptions(defaults, own as Partial<LiveOptions>);
  requireNumber('minDelayMs', options.minDelayMs, 1);
  requireNumber('maxDelayMs', options.maxDelayMs, options.minDelayMs);
  if (options.strategy !== 'multiplexed' && options.strategy !== 'perList')
    throw new TypeError(`strategy must be "multiplexed" or "perList", got "${String(options.strategy)}"`);
  if (options.strategy === 'perList' && options.newClient === undefined)
    throw new TypeError('newClient is required with strategy "perList"');
  const { onError } = options;
  return {
    ...options,
    onError: (error, origin) => {
      try {
        onError(error, origin);
      } catch {
        // An error handler that fails has nobody left to tell.
      }
    },
  };
}

/** A client for one list, and how to give it back. */
export interface ClientLease {
  readonly client: LiveClient;
  readonly release: () => void;
}

/** The given client for everything, or a new one for each list. */
export function leaseClient(client: LiveClient, { strategy, newClient }: LiveOptions): ClientLease {
  if (strategy === 'multiplexed' || newClient === undefined) return { client, release: () => undefined };
  const own = newClient();
  return { client: own, release: () => own.dispose() };
}
