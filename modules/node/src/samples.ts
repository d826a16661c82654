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

/** What one node counts of an org. */
export interface OrgReading extends OrgStats {
  readonly channels: number;
  readonly behind: number;
  readonly complete: boolean;
}

/** Counts one org through its own API, within the bounds of `tuning`. */
export function readOrg(org: OrgApi, tuning: NodeTuning): OrgReading {
  const channels = org.channels(undefined, tuning.orgSampleChannels);
  const { connections, total } = org.connections({ limit: tuning.orgSampleConnections });
  return {
    ...org.stats(),
    channels: channels.length,
    behind: connections.reduce(
      (count, connection) =>
        count + connection.subscriptions.filter((one) => one.delivery !== 'flowing').length,
      0,
    ),
    complete: total <= connections.length && channels.length < tuning.orgSampleChannels,
  };
}

/** The sum over nodes. `before` and `now`: what each counted, by node; the interval is that of the node in `place`. */
export function orgSample(
  before: ReadonlyMap<string, Reading<OrgReading>>,
  now: ReadonlyMap<string, Reading<OrgReading>>,
  place: Place,
  org: string,
  incomplete: readonly string[],
): OrgStatsSample {
  const total = (field: keyof Omit<OrgReading, 'complete'>): number => {
    let found = 0;
    for (const { stats } of now.values()) found += stats[field];
    return found;
  };
  const perSecond = (field: 'messagesIn' | 'messagesOut' | 'bytesIn' | 'bytesOut'): number => {
    let found = 0;
    for (const [node, current] of now) {
      const previous = comparable(before.get(node), current);
      found += ratesOf(previous, current).rate(current.stats[field], previous?.stats[field]);
    }
    return Math.round(found * 10) / 10;
  };
  const own = now.get(place.nodeId);
  return {
    ...place,
    scope: 'org',
    org,
    intervalMs: own === undefined ? 0 : ratesOf(comparable(before.get(place.nodeId), own), own).intervalMs,
    connections: total('connections'),
    users: total('users'),
    subscriptions: total('subscriptions'),
    channels: total('channels'),
    messagesInPerSecond: perSecond('messagesIn'),
    messagesOutPerSecond: perSecond('messagesOut'),
    bytesInPerSecond: perSecond('bytesIn'),
    bytesOutPerSecond: perSecond('bytesOut'),
    outboxBytes: total('outboxBytes'),
    behind: total('behind'),
    complete: [...now.values()].every(({ stats }) => stats.complete),
    nodes: now.size,
    incomplete: [...incomplete],
  };
}

/** Counting began anew after the org had no connection there: then the two cannot be compared. */
function comparable(
  previous: Reading<OrgReading> | undefined,
  current: Reading<OrgReading>,
): Reading<OrgReading> | undefined {
  return previous?.stats.sinceMs === current.stats.sinceMs ? previous : undefined;
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
