/**
 * The kept hour: a bounded ring of samples, and its form on the wire. Columns instead of samples, because a name repeated 360 times is most
 * of a reply. What a chart may draw is a list of paths here; a path that only some samples have (a code that occurred) is 0 elsewhere.
 */
import type { StatsSample, Trend } from '@trunkline/contracts/node';

/** What charts draw, dotted paths into a sample. */
const PATHS: Readonly<Record<StatsSample['scope'], readonly string[]>> = {
  node: [
    'connections',
    'subscriptions',
    'channels',
    'publicationsPerSecond',
    'deliveriesPerSecond',
    'commandsPerSecond',
    'errorsPerSecond',
    'bytesOutPerSecond',
    'outboxBytes',
    'deliveryLatencyMs.p50',
    'deliveryLatencyMs.p99',
    'memory.rssBytes',
    'memory.heapUsedBytes',
    'cpuPercent',
    'eventLoopDelayMs',
  ],
  org: [
    'connections',
    'subscriptions',
    'channels',
    'messagesInPerSecond',
    'messagesOutPerSecond',
    'bytesInPerSecond',
    'bytesOutPerSecond',
    'outboxBytes',
    'behind',
  ],
};

/** The newest `max` samples, oldest first. */
export class TrendRing {
  readonly #max: number;
  #kept: StatsSample[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  add(sample: StatsSample): void {
    this.#kept.push(sample);
    if (this.#kept.length > this.#max) this.#kept = this.#kept.slice(-this.#max);
  }

  read(scope: StatsSample['scope'], nodeId: string, intervalMs: number): Trend {
    const kept = this.#kept;
    const columns: Trend['columns'] = {};
    for (const path of PATHS[scope]) columns[path] = kept.map((sample) => measured(sample, path));
    for (const code of codesOf(kept))
      columns[`errorRates.${code}`] = kept.map((sample) =>
        sample.scope === 'node' && sample.intervalMs > 0 ? (sample.errorRates[code] ?? 0) : null,
      );
    return { scope, nodeId, intervalMs, times: kept.map((sample) => sample.timeMs), columns };
  }
}

/** A rate is unknown in a sample that measured none. */
function measured(sample: StatsSample, path: string): number | null {
  if (sample.intervalMs === 0 && path.endsWith('PerSecond')) return null;
  let value: unknown = sample;
  for (const part of path.split('.'))
    value =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  return typeof value === 'number' ? value : null;
}

function codesOf(samples: readonly StatsSample[]): Set<string> {
  return new Set(
    samples.flatMap((sample) => (sample.scope === 'node' ? Object.keys(sample.errorRates) : [])),
  );
}
