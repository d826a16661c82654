/**
 * Samples out of readings: pure functions. The hub counts since its start and never resets, so a rate is the difference of two
 * readings over the time between them. An org's sample is made of what the org's own API says and of nothing else, which is
 * what keeps another org's numbers out of it.
 */
import type { NodeStatsSample, OrgStatsSample } from '@trunkline/contracts/node';
import type { NodeStats, OrgApi, OrgStats } from '@trunkline/hub';
import type { NodeTuning, ProcessFacts } from './options.js';

/** Counters at one moment of the monotonic clock. */
export interface Reading<S> {
  readonly stats: S;
  readonly atMs: number;
}

/** Where and when a sample was taken. */
export interface Place {
  readonly nodeId: string;
  readonly startedAtMs: number;
  readonly timeMs: number;
}

/** Shorter intervals turn one publication into hundreds per second; such a pair of readings gives no rates. */
const SHORTEST_INTERVAL_MS = 50;

/** `previous` absent or just taken: rates are 0 and `intervalMs` is 0. */
export function nodeSample(
  previous: Reading<NodeStats> | undefined,
  current: Reading<NodeStats>,
  timeMs: number,
  facts: ProcessFacts,
): NodeStatsSample {
  const { stats } = current;
  const { intervalMs, rate } = ratesOf(previous, current);
  const before = previous?.stats;
  return {
    nodeId: stats.nodeId,
    timeMs,
    startedAtMs: stats.startedAtMs,
    scope: 'node',
    intervalMs,
    connections: stats.connections,
    users: stats.users,
    orgs: stats.orgs,
    subscriptions: stats.subscriptions,
    channels: stats.channels,
    publicationsPerSecond: rate(stats.publications, before?.publications),
    deliveriesPerSecond: rate(stats.deliveries, before?.deliveries),
    commandsPerSecond: rate(sum(stats.commands), sum(before?.commands)),
    errorsPerSecond: rate(sum(stats.errors), sum(before?.errors)),
    bytesOutPerSecond: rate(stats.bytesOut, before?.bytesOut),
    errorRates: Object.fromEntries(
      Object.entries(stats.errors)
        .map(([code, count]) => [code, rate(count, before?.errors[code])] as const)
        .filter(([, perSecond]) => perSecond > 0),
    ),
    publications: stats.publications,
    deliveries: stats.deliveries,
    overflows: { ...stats.overflows },
    recoveries: { ...stats.recoveries },
    denials: stats.denials,
    errors: { ...stats.errors },
    closes: { ...stats.closes },
    outboxBytes: stats.outboxBytes,
    deliveryLatencyMs: { ...stats.deliveryLatencyMs },
    memory: { rssBytes: facts.rssBytes, heapUsedBytes: facts.heapUsedBytes },
    cpuPercent: facts.cpuPercent,
    eventLoopDelayMs: facts.eventLoopDelayMs,
  };
}

/** Counts one org through its own API, within the bounds of `tuning`. */
export function orgSample(
  previous: Reading<OrgStats> | undefined,
  current: Reading<OrgStats>,
  place: Place,
  org: OrgApi,
  tuning: NodeTuning,
): OrgStatsSample {
  const { stats } = current;
  const channels = org.channels(undefined, tuning.orgSampleChannels);
  const { connections, total } = org.connections({ limit: tuning.orgSampleConnections });
  // Counting began anew after the org had no connection: then the two cannot be compared.
  const comparable = previous?.stats.sinceMs === stats.sinceMs ? previous : undefined;
  const { intervalMs, rate } = ratesOf(comparable, current);
  const before = comparable?.stats;
  return {
    ...place,
    scope: 'org',
    org: org.org,
    intervalMs,
    connections: stats.connections,
    users: stats.users,
    subscriptions: stats.subscriptions,
    channels: channels.length,
    messagesInPerSecond: rate(stats.messagesIn, before?.messagesIn),
    messagesOutPerSecond: rate(stats.messagesOut, before?.messagesOut),
    bytesInPerSecond: rate(stats.bytesIn, before?.bytesIn),
    bytesOutPerSecond: rate(stats.bytesOut, before?.bytesOut),
    outboxBytes: stats.outboxBytes,
    behind: connections.reduce(
      (count, connection) =>
        count + connection.subscriptions.filter((one) => one.delivery !== 'flowing').length,
      0,
    ),
    complete: total <= connections.length && channels.length < tuning.orgSampleChannels,
  };
}

interface Rates {
  /** 0: nothing was measured, and every rate is 0. */
  readonly intervalMs: number;
  /** Per second, to one decimal. */
  readonly rate: (now: number, then?: number) => number;
}

function ratesOf(previous: { readonly atMs: number } | undefined, current: { readonly atMs: number }): Rates {
  const elapsed = previous === undefined ? 0 : current.atMs - previous.atMs;
  const intervalMs = elapsed < SHORTEST_INTERVAL_MS ? 0 : Math.round(elapsed);
  return {
    intervalMs,
    rate: (now, then = 0) =>
      intervalMs === 0 ? 0 : Math.round((Math.max(0, now - then) * 10_000) / elapsed) / 10,
  };
}

function sum(counts: Readonly<Record<string, number>> | undefined): number {
  let total = 0;
  for (const key in counts) total += counts[key] ?? 0;
  return total;
}
