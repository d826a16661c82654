/**
 * Prometheus metrics. The hub's numbers are read at scrape time out of one snapshot; nothing is counted twice. Label sets are
 * bounded: codes, command kinds, API methods; orgs only where asked for, and then the largest hundred.
 */
import type { ApiMethod } from '@trunkline/contracts/api';
import type { Hub, NodeStats } from '@trunkline/hub';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

export interface NodeMetrics {
  readonly registry: Registry;
  onApiCall(method: ApiMethod | 'batch', code: number): void;
}

export interface MetricsOptions {
  /** Adds connections per org. */
  readonly perOrg: boolean;
  /** Adds what the runtime says of the process. */
  readonly process: boolean;
}

/** Orgs shown with `perOrg`: enough to find the loud ones, few enough for any store. */
const MAX_ORGS = 100;

export function createNodeMetrics(
  hub: Pick<Hub, 'stats' | 'orgs' | 'forOrg' | 'draining' | 'nodes'>,
  options: MetricsOptions,
): NodeMetrics {
  const registry = new Registry();
  if (options.process) collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const gauge = (name: string, help: string, read: (stats: NodeStats) => number): void => {
    const metric: Gauge = new Gauge({
      name: `trunkline_${name}`,
      help,
      registers,
      collect: () => metric.set(read(hub.stats())),
    });
  };
  const counter = (name: string, help: string, read: (stats: NodeStats) => number): void => {
    const metric: Counter = new Counter({
      name: `trunkline_${name}_total`,
      help,
      registers,
      collect: () => recount(metric, [[{}, read(hub.stats())]]),
    });
  };
  const family = (
    name: string,
    help: string,
    label: string,
    read: (stats: NodeStats) => Readonly<Record<string, number>>,
  ): void => {
    const metric: Counter = new Counter({
      name: `trunkline_${name}_total`,
      help,
      labelNames: [label],
      registers,
      collect: () =>
        recount(
          metric,
          Object.entries(read(hub.stats())).map(([value, count]) => [{ [label]: value }, count]),
        ),
    });
  };

  gauge('connections', 'Open connections', (stats) => stats.connections);
  gauge('users', 'Users with a connection', (stats) => stats.users);
  gauge('orgs', 'Orgs with a connection', (stats) => stats.orgs);
  gauge('subscriptions', 'Subscriptions', (stats) => stats.subscriptions);
  gauge('channels', 'Channels with subscribers', (stats) => stats.channels);
  gauge('outbox_bytes', 'Bytes waiting for readers', (stats) => stats.outboxBytes);
  gauge('draining', 'Whether the node is draining', () => (hub.draining ? 1 : 0));
  gauge('start_time_seconds', 'Start of the node, Unix seconds', (stats) => stats.startedAtMs / 1_000);
  gauge('nodes', 'Live nodes of the deployment, as this one knows them', () => hub.nodes.others().length + 1);
  counter('frames_received', 'Frames received', (stats) => stats.framesIn);
  counter('frames_sent', 'Frames sent', (stats) => stats.framesOut);
  counter('received_bytes', 'Bytes received', (stats) => stats.bytesIn);
  counter('sent_bytes', 'Bytes sent', (stats) => stats.bytesOut);
  counter('publications', 'Publications accepted', (stats) => stats.publications);
  counter('deliveries', 'Publications handed to readers', (stats) => stats.deliveries);
  counter('denials', 'Commands denied', (stats) => stats.denials);
  family('commands', 'Commands by kind', 'command', (stats) => stats.commands);
  family('errors', 'Replies with an error, by code', 'code', (stats) => stats.errors);
  family('closes', 'Closed connections by code', 'code', (stats) => stats.closes);
  family('overflows', 'Readers that could not keep up, by outcome', 'outcome', (stats) => stats.overflows);
  family('recoveries', 'Recoveries by result', 'result', (stats) => ({ ...stats.recoveries }));
  family('node_messages', 'Messages between nodes: sent, received, and of these dropped', 'kind', () => ({
    ...hub.nodes.traffic(),
  }));
  latency(hub, registers);
  if (options.perOrg) perOrg(hub, registers);

  const calls = new Counter({
    name: 'trunkline_api_calls_total',
    help: 'HTTP API calls by method and code (0: fine)',
    labelNames: ['method', 'code'],
    registers,
  });
  return { registry, onApiCall: (method, code) => calls.inc({ method, code: String(code) }) };
}

function latency(hub: Pick<Hub, 'stats'>, registers: Registry[]): void {
  const metric: Gauge<'quantile'> = new Gauge({
    name: 'trunkline_delivery_latency_seconds',
    help: 'Publish to first write over the last window',
    labelNames: ['quantile'],
    registers,
    collect: () => {
      const { p50, p99, max } = hub.stats().deliveryLatencyMs;
      for (const [quantile, ms] of [
        ['0.5', p50],
        ['0.99', p99],
        ['1', max],
      ] as const)
        metric.set({ quantile }, ms / 1_000);
    },
  });
}

function perOrg(hub: Pick<Hub, 'orgs' | 'forOrg'>, registers: Registry[]): void {
  const metric: Gauge<'org'> = new Gauge({
    name: 'trunkline_org_connections',
    help: `Open connections of the ${MAX_ORGS} largest orgs`,
    labelNames: ['org'],
    registers,
    collect: () => {
      metric.reset();
      const counts = hub.orgs().map((org) => [org, hub.forOrg(org).connections({ limit: 1 }).total] as const);
      for (const [org, total] of counts.sort((a, b) => b[1] - a[1]).slice(0, MAX_ORGS))
        metric.set({ org }, total);
    },
  });
}

/** Counters here show a snapshot that only grows; the library's own counting is put aside. */
function recount(
  metric: Counter,
  values: readonly (readonly [Readonly<Record<string, string>>, number])[],
): void {
  metric.reset();
  for (const [labels, value] of values) metric.inc({ ...labels }, value);
}
