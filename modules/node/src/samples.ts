/**
 * Samples out of readings: pure functions. The hub counts since its start and never resets, so a rate is the difference of two
 * readings over the time between them. An org's sample is made of what the org's own API lists and of nothing else, which is
 * what keeps another org's numbers out of it.
 */
import type { NodeStatsSample, OrgStatsSample } from '@trunkline/contracts/node';
import type { ModuleContext, NodeStats, OrgApi } from '@trunkline/hub';
import type { NodeTuning, ProcessFacts } from './options.js';

/** The hub's counters at one moment of the monotonic clock. */
export interface Reading {
  readonly stats: NodeStats;
  readonly atMs: number;
}

/** Shorter intervals turn one publication into hundreds per second; such a pair of readings gives no rates. */
const SHORTEST_INTERVAL_MS = 50;

/** `previous` absent or just taken: rates are 0 and `intervalMs` is 0. */
export function nodeSample(
  previous: Reading | undefined,
  current: Reading,
  timeMs: number,
  facts: ProcessFacts,
): NodeStatsSample {
  const { stats } = current;
  const elapsed = previous === undefined ? 0 : current.atMs - previous.atMs;
  const intervalMs = elapsed < SHORTEST_INTERVAL_MS ? 0 : Math.round(elapsed);
  const before = previous?.stats;
  const rate = (now: number, then: number): number =>
    intervalMs === 0 ? 0 : Math.round((Math.max(0, now - then) * 10_000) / elapsed) / 10;
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
    publicationsPerSecond: rate(stats.publications, before?.publications ?? 0),
    deliveriesPerSecond: rate(stats.deliveries, before?.deliveries ?? 0),
    commandsPerSecond: rate(sum(stats.commands), sum(before?.commands)),
    errorsPerSecond: rate(sum(stats.errors), sum(before?.errors)),
    bytesOutPerSecond: rate(stats.bytesOut, before?.bytesOut ?? 0),
    publications: stats.publications,
    deliveries: stats.deliveries,
    overflows: { ...stats.overflows },
    recoveries: { ...stats.recoveries },
    denials: stats.denials,
    outboxBytes: stats.outboxBytes,
    deliveryLatencyMs: { ...stats.deliveryLatencyMs },
    memory: { rssBytes: facts.rssBytes, heapUsedBytes: facts.heapUsedBytes },
    cpuPercent: facts.cpuPercent,
    eventLoopDelayMs: facts.eventLoopDelayMs,
  };
}

/** Counts one org through its own API, within the bounds of `tuning`. */
export function orgSample(
  context: Pick<ModuleContext, 'clock' | 'nodeId'>,
  startedAtMs: number,
  org: OrgApi,
  tuning: NodeTuning,
): OrgStatsSample {
  const channels = org.channels(undefined, tuning.orgSampleChannels);
  const { connections, total } = org.connections({ limit: tuning.orgSampleConnections });
  const users = new Set(connections.map((connection) => connection.user).filter((user) => user !== ''));
  return {
    nodeId: context.nodeId,
    timeMs: context.clock.now(),
    startedAtMs,
    scope: 'org',
    org: org.org,
    connections: total,
    channels: channels.length,
    subscriptions: channels.reduce((count, channel) => count + channel.subscribers, 0),
    users: users.size,
    outboxBytes: connections.reduce((bytes, connection) => bytes + connection.outboxBytes, 0),
    behind: connections.reduce(
      (count, connection) =>
        count + connection.subscriptions.filter((one) => one.delivery !== 'flowing').length,
      0,
    ),
    complete: total <= connections.length && channels.length < tuning.orgSampleChannels,
  };
}

function sum(counts: Readonly<Record<string, number>> | undefined): number {
  let total = 0;
  for (const key in counts) total += counts[key] ?? 0;
  return total;
}
