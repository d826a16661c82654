/**
 * A bench from its first connection to its last number: connect everybody, publish for the time asked for, wait for what is on its way, count.
 * It ends early, with the numbers so far, when it is interrupted or when nothing can be gained any more.
 */
import { every, randomId, sleep, type Clock, type Random } from '@trunkline/base';
import type { ApiError } from '../api.js';
import type { OpenSocket } from '../sockets.js';
import { createGate } from './gate.js';
import {
  channelsOfPublisher,
  channelsOfReader,
  sequenceOf,
  sequencesPerChannel,
  type BenchOptions,
} from './options.js';
import { Publisher, type PublishPort } from './publisher.js';
import { Reader } from './reader.js';
import { Tally, type ErrorCount } from './tally.js';

export interface BenchDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly open: OpenSocket;
  /** The way of the publisher of this index. */
  readonly publishPort: (index: number) => PublishPort;
  /** Ends the run; the result holds what was measured until then. */
  readonly signal: AbortSignal;
  /** Once a second. */
  readonly onProgress: (progress: BenchProgress) => void;
}

export interface BenchTarget {
  /** Of the WebSocket. */
  readonly url: string;
  readonly token: string | undefined;
}

export interface BenchProgress {
  readonly phase: 'connecting' | 'publishing' | 'finishing';
  readonly elapsedMs: number;
  /** Subscribed now. */
  readonly open: number;
  readonly connections: number;
  readonly publications: number;
  readonly deliveries: number;
  readonly p99Ms: number;
  readonly errors: number;
}

export interface BenchResult {
  /** Why it ended before its time; undefined where it did not. */
  readonly ended: BenchEnd | undefined;
  readonly connectionsWanted: number;
  readonly connectionsMade: number;
  /** Until everybody was connected, or was given up. */
  readonly rampMs: number;
  /** Time of publishing. */
  readonly durationMs: number;
  readonly publications: number;
  readonly publicationsPerSecond: number;
  readonly deliveries: number;
  readonly deliveriesPerSecond: number;
  readonly recovered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
  readonly repeated: number;
  readonly unrecovered: number;
  readonly foreign: number;
  readonly reconnects: number;
  /** Milliseconds by one machine's monotonic clock: from before the request to publish until the reader has parsed it. */
  readonly latencyMs: {
    readonly samples: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
  };
  readonly errors: readonly ErrorCount[];
}

export type BenchEnd =
  | { readonly kind: 'interrupted' }
  /** No reader is left: the server sent all of them away. */
  | { readonly kind: 'sentAway'; readonly error: ApiError }
  /** A publication was refused for good. */
  | { readonly kind: 'refused'; readonly error: ApiError };

/** Beyond the ramp, for the last connections to be answered. */
const RAMP_GRACE_MS = 15_000;
/** What is on its way when publishing ends: no longer without any arrival, and no longer at all. */
const QUIET_MS = 2_000;
const FINISH_MS = 15_000;
const LOOK_EVERY_MS = 50;
const PROGRESS_EVERY_MS = 1_000;

export async function runBench(
  deps: BenchDeps,
  target: BenchTarget,
  options: BenchOptions,
): Promise<BenchResult> {
  const { clock, random } = deps;
  const runId = randomId(random);
  const tally = new Tally();
  const channels = Array.from({ length: options.channels }, (_, index) => {
    const name = `bench-${runId.slice(0, 8)}-${index + 1}`;
    return options.namespace === '' ? name : `${options.namespace}:${name}`;
  });
  const named = (indexes: readonly number[]): string[] => indexes.map((index) => channels[index] ?? '');
  let phase: BenchProgress['phase'] = 'connecting';
  let settled = 0;
  let end: BenchEnd | undefined;
  const began = clock.monotonic();

  const gate = createGate(clock, options.rampPerSecond);
  const readers = Array.from(
    { length: options.connections },
    (_, index) =>
      new Reader(
        { clock, random, open: deps.open, tally, gate, onSettled: () => void settled++ },
        {
          ...target,
          runId,
          channels: named(channelsOfReader(options, index)),
          sequences: sequencesPerChannel(options),
          sequenceOf: (publisher) => sequenceOf(options, publisher),
          started: () => phase !== 'connecting',
        },
      ),
  );
  const ports = Array.from({ length: options.publishers }, (_, index) => deps.publishPort(index));
  const publishers = ports.map(
    (port, index) =>
      new Publisher(
        { clock, random, tally, port, onRefused: (error) => void (end ??= { kind: 'refused', error }) },
        {
          runId,
          index,
          channels: named(channelsOfPublisher(options, index)),
          ratePerSecond: options.ratePerSecond / options.publishers,
          payloadBytes: options.payloadBytes,
        },
      ),
  );

  const progress = every(clock, PROGRESS_EVERY_MS, () =>
    deps.onProgress({
      phase,
      elapsedMs: clock.monotonic() - began,
      open: tally.open,
      connections: options.connections,
      publications: tally.publications,
      deliveries: tally.deliveries,
      p99Ms: tally.latency.quantile(0.99),
      errors: tally.errors().reduce((sum, { count }) => sum + count, 0),
    }),
  );
  const over = (): boolean => {
    if (deps.signal.aborted) end ??= { kind: 'interrupted' };
    const [first] = readers;
    if (first?.gone !== undefined && readers.every((reader) => reader.gone !== undefined))
      end ??= { kind: 'sentAway', error: { code: first.gone.code, message: first.gone.reason } };
    return end !== undefined;
  };
  const waitUntil = async (done: () => boolean, withinMs: number): Promise<void> => {
    const deadline = clock.monotonic() + withinMs;
    while (!done() && !over() && clock.monotonic() < deadline) await sleep(clock, LOOK_EVERY_MS);
  };
  /** Who numbers each sequence of a channel. */
  const numberers = new Map<string, Publisher[]>();
  for (const [at, publisher] of publishers.entries())
    for (const channel of named(channelsOfPublisher(options, at))) {
      const own = numberers.get(channel) ?? [];
      own[sequenceOf(options, at)] = publisher;
      numberers.set(channel, own);
    }
  const lost = (): number => {
    let sum = 0;
    for (const reader of readers)
      reader.eachSequence((channel, index, sequence) => {
        sum += sequence.missing(numberers.get(channel)?.[index]?.acknowledged(channel) ?? 0);
      });
    return sum;
  };

  for (const reader of readers) reader.start();
  await waitUntil(
    () => settled === readers.length,
    (options.connections / options.rampPerSecond) * 1_000 + RAMP_GRACE_MS,
  );
  const rampMs = clock.monotonic() - began;
  const published = clock.monotonic();
  let durationMs = 0;
  let total = 0;
  if (!over()) {
    phase = 'publishing';
    const loops = publishers.map((publisher) => publisher.run());
    await waitUntil(() => false, options.durationMs);
    for (const publisher of publishers) publisher.stop();
    durationMs = clock.monotonic() - published;
    phase = 'finishing';
    const settledLoops = Promise.all(loops);
    await Promise.race([settledLoops, sleep(clock, QUIET_MS)]);
    total = await finish();
  }
  progress.cancel();
  for (const reader of readers) reader.close();
  for (const port of ports) port.close();
  return {
    ended: end,
    connectionsWanted: options.connections,
    connectionsMade: tally.made,
    rampMs,
    durationMs,
    publications: tally.publications,
    publicationsPerSecond: perSecond(tally.publications, durationMs),
    deliveries: tally.deliveries,
    deliveriesPerSecond: perSecond(tally.deliveries, durationMs),
    recovered: tally.recovered,
    lost: total,
    duplicated: tally.duplicated,
    outOfOrder: tally.outOfOrder,
    repeated: tally.repeated,
    unrecovered: tally.unrecovered,
    foreign: tally.foreign,
    reconnects: tally.reconnects,
    latencyMs: {
      samples: tally.latency.count,
      p50: tally.latency.quantile(0.5),
      p90: tally.latency.quantile(0.9),
      p99: tally.latency.quantile(0.99),
      max: tally.latency.max,
    },
    errors: tally.errors(),
  };

  /** Waits while something still comes; what is missing then is lost. */
  async function finish(): Promise<number> {
    const deadline = clock.monotonic() + FINISH_MS;
    let seen = tally.deliveries + tally.reconnects;
    let quietSince = clock.monotonic();
    for (;;) {
      const missing = lost();
      const now = clock.monotonic();
      if (tally.deliveries + tally.reconnects !== seen) {
        seen = tally.deliveries + tally.reconnects;
        quietSince = now;
      }
      // A reader that is on its way back will recover what it missed.
      const away = readers.filter((reader) => reader.gone === undefined).length - tally.open;
      if (missing === 0 || now >= deadline || (away <= 0 && now - quietSince >= QUIET_MS)) return missing;
      await sleep(clock, LOOK_EVERY_MS);
    }
  }
}

function perSecond(count: number, ms: number): number {
  return ms <= 0 ? 0 : Math.round((count * 10_000) / ms) / 10;
}
