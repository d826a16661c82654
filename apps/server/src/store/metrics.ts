/** Numbers of the store for Prometheus: does it answer, how much waits, how long a commit and the way from a commit to the broker take. */
import type { Clock } from '@trunkline/base';
import type { Publication } from '@trunkline/protocol';
import type { Deliver } from '@trunkline/store';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ServerStore } from './server-store.js';

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export interface StoreMetrics {
  /** A commit was asked for; the returned function is called at its end. */
  onCommit(): () => void;
  /** `deliver`, observed. */
  observing(deliver: Deliver): Deliver;
}

export function createStoreMetrics(
  registry: Registry,
  clock: Clock,
  store: Pick<ServerStore, 'health'>,
): StoreMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    const metric: Gauge = new Gauge({
      name: `trunkline_store_${name}`,
      help,
      registers,
      collect: () => metric.set(read()),
    });
  };
  const counter = (name: string, help: string, read: () => number): void => {
    const metric: Counter = new Counter({
      name: `trunkline_store_${name}_total`,
      help,
      registers,
      collect: () => {
        metric.reset();
        metric.inc(read());
      },
    });
  };
  gauge('up', 'Whether the store answers; 0 also before it was opened', () =>
    store.health.state === 'up' ? 1 : 0,
  );
  gauge('queued_units', 'Units of work that wait to be committed', () => store.health.status?.queued ?? 0);
  gauge(
    'outbox_publications',
    'Committed publications that wait to be dispatched',
    () => store.health.outboxDepth,
  );
  counter('committed_units', 'Units of work committed', () => store.health.status?.committed ?? 0);
  counter('failed_units', 'Units of work that failed', () => store.health.status?.failed ?? 0);
  counter('transactions', 'Transactions', () => store.health.status?.transactions ?? 0);
  const commits = new Histogram({
    name: 'trunkline_store_commit_seconds',
    help: 'From asking for a commit to its answer; of calls with a key their own work too',
    buckets: SECONDS,
    registers,
  });
  const dispatches = new Histogram({
    name: 'trunkline_store_outbox_lag_seconds',
    help: 'From the time of a durable publication to its handing over to the broker',
    buckets: SECONDS,
    registers,
  });
  const lagOf = ({ timeMs }: Publication): number =>
    Math.max(0, clock.now() - (timeMs ?? clock.now())) / 1_000;
  return {
    onCommit: () => {
      const started = clock.monotonic();
      return () => commits.observe((clock.monotonic() - started) / 1_000);
    },
    observing: (deliver) => (key, publication, epoch) => {
      dispatches.observe(lagOf(publication));
      return deliver(key, publication, epoch);
    },
  };
}
