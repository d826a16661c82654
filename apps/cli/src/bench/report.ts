/** The numbers of a bench in words, and the line that moves while it runs. */
import { count, duration } from '../format.js';
import type { Paint } from '../io.js';
import { adviceOn } from './advice.js';
import type { BenchProgress, BenchResult } from './run.js';

export function progressLine({
  phase,
  elapsedMs,
  open,
  connections,
  publications,
  deliveries,
  p99Ms,
  errors,
}: BenchProgress): string {
  const parts = [
    `${phase} ${Math.round(elapsedMs / 1_000)} s`,
    `${count(open)}/${count(connections)} connected`,
    `${count(publications)} published`,
    `${count(deliveries)} delivered`,
    `p99 ${milliseconds(p99Ms)}`,
    ...(errors > 0 ? [`${count(errors)} errors`] : []),
  ];
  return parts.join(', ');
}

export function resultText(result: BenchResult, paint: Paint): string {
  const { latencyMs } = result;
  const good = (value: number): string => (value === 0 ? paint.green('0') : paint.red(count(value)));
  const rows: (readonly [string, string])[] = [
    [
      'connections',
      `${count(result.connectionsMade)} of ${count(result.connectionsWanted)} made in ${duration(result.rampMs)}`,
    ],
    [
      'publications',
      `${count(result.publications)} acknowledged in ${duration(result.durationMs)} (${result.publicationsPerSecond}/s)`,
    ],
    [
      'deliveries',
      `${count(result.deliveries)} (${result.deliveriesPerSecond}/s)${result.recovered > 0 ? `, ${count(result.recovered)} of them by recovery` : ''}`,
    ],
    ['lost', good(result.lost)],
    ['duplicated', good(result.duplicated)],
    ['out of order', good(result.outOfOrder)],
    [
      'latency',
      latencyMs.samples === 0
        ? 'nothing was delivered live'
        : `p50 ${milliseconds(latencyMs.p50)}, p90 ${milliseconds(latencyMs.p90)}, p99 ${milliseconds(latencyMs.p99)}, max ${milliseconds(latencyMs.max)}`,
    ],
    [
      '',
      "measured on one machine's clock: from before the request to publish until the reader had parsed it",
    ],
    [
      'reconnects',
      `${count(result.reconnects)}${result.unrecovered > 0 ? `, ${count(result.unrecovered)} subscriptions were told that they could not continue` : ''}`,
    ],
  ];
  if (result.repeated > 0)
    rows.push(['repeated', `${count(result.repeated)}, sent again by the bench for want of an answer`]);
  if (result.foreign > 0) rows.push(['foreign', `${count(result.foreign)} publications of others`]);
  if (result.errors.length === 0) rows.push(['errors', paint.green('none')]);
  for (const { code, message, count: times } of result.errors)
    rows.push([
      'error',
      `${paint.red(`${count(times)} ×`)} ${message}${code === 0 ? '' : ` (${code})`}${adviceOn(code)}`,
    ]);
  return rows.map(([name, text]) => `${paint.dim(name.padEnd(12))}  ${text}\n`).join('');
}

function milliseconds(ms: number): string {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}
