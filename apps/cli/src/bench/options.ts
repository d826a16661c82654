/** What a bench is told to do, checked once. */
import { mergeOptions } from '@trunkline/base';
import { CliError } from '../exit.js';

export interface BenchOptions {
  /** Reading connections. Default 100. */
  readonly connections: number;
  /** Channels that are published into. Default 1. */
  readonly channels: number;
  /** Channels each connection subscribes to. Default 1. */
  readonly subscriptions: number;
  /** Publishing loops, each with one request at a time. Default 1. */
  readonly publishers: number;
  /** Publications per second of all publishers together. Default 10. */
  readonly ratePerSecond: number;
  /** Bytes of one publication's data. Default 200; never below what numbering needs. */
  readonly payloadBytes: number;
  /** Time of publishing, after everybody is connected. Default 10,000. */
  readonly durationMs: number;
  /** Connection attempts per second, reconnects included. Default 40: below the 50 per address that servers admit. */
  readonly rampPerSecond: number;
  /** Namespace of the channels; '' is the default one. */
  readonly namespace: string;
}

export const BENCH_DEFAULTS: BenchOptions = {
  connections: 100,
  channels: 1,
  subscriptions: 1,
  publishers: 1,
  ratePerSecond: 10,
  payloadBytes: 200,
  durationMs: 10_000,
  rampPerSecond: 40,
  namespace: '',
};

/** Sequences watched at once: connections × subscriptions × publishers of a channel. About 100 bytes each. */
const MAX_SEQUENCES = 2_000_000;

/** Throws a `CliError` (usage) that names the option. */
export function resolveBenchOptions(given: Partial<BenchOptions>): BenchOptions {
  const options = mergeOptions(BENCH_DEFAULTS, given);
  if (options.subscriptions > options.channels)
    throw new CliError('usage', `--subscriptions cannot be more than --channels (${options.channels})`);
  const sequences = options.connections * options.subscriptions * sequencesPerChannel(options);
  if (sequences > MAX_SEQUENCES)
    throw new CliError(
      'usage',
      `that is ${sequences} sequences to watch, and ${MAX_SEQUENCES} are the most: connections × subscriptions × publishers of a channel`,
      { advice: 'Run several with fewer --connections, on several machines.' },
    );
  return options;
}

/** Publishers that number their publications in one channel. */
export function sequencesPerChannel({
  channels,
  publishers,
}: Pick<BenchOptions, 'channels' | 'publishers'>): number {
  return Math.ceil(publishers / channels);
}

/** Channels (by index) of a publisher: with more channels than publishers each has its own share, otherwise publishers share channels. */
export function channelsOfPublisher(
  { channels, publishers }: Pick<BenchOptions, 'channels' | 'publishers'>,
  publisher: number,
): readonly number[] {
  if (publishers >= channels) return [publisher % channels];
  return Array.from({ length: channels }, (_, channel) => channel).filter(
    (channel) => channel % publishers === publisher,
  );
}

/** Which of a channel's sequences a publisher numbers. */
export function sequenceOf({ channels }: Pick<BenchOptions, 'channels'>, publisher: number): number {
  return Math.floor(publisher / channels);
}

/** Channels (by index) of a reader. */
export function channelsOfReader(
  { channels, subscriptions }: Pick<BenchOptions, 'channels' | 'subscriptions'>,
  reader: number,
): readonly number[] {
  return Array.from({ length: subscriptions }, (_, at) => (reader * subscriptions + at) % channels);
}
