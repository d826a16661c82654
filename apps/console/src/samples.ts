/**
 * The numbers behind the charts. Two sources become one line: the samples of `node:stats` or, for an administrator, `node:org-stats`, one a
 * second while the page is open, and the hour that the node keeps, which was there before. A value is named by its path in a sample.
 */
import type { NodeStatsSample, OrgStatsSample, StatsSample, Trend } from '@trunkline/contracts/node';
import { useEffect, useState } from 'react';
import { useAsked } from './asked.js';
import { useCall, useStream, type Continuity } from './live.js';

export type Range = '5min' | '1h';
export const SPANS: Readonly<Record<Range, number>> = { '5min': 5 * 60_000, '1h': 60 * 60_000 };
/** Samples are kept for as long as the shorter range. */
export const KEPT_MS = SPANS['5min'];
const HISTORY_LIMIT = 300;
const TREND_MS = 10_000;

export interface Samples<T extends StatsSample> {
  readonly kept: readonly T[];
  readonly latest: T | undefined;
  readonly trend: Trend | undefined;
  /** Of the samples. */
  readonly continuity: Continuity;
  /** Of the kept hour. */
  readonly trendContinuity: Continuity;
}

export function useNodeSamples(): Samples<NodeStatsSample> {
  return useSamples<NodeStatsSample>('node:stats');
}

export function useOrgSamples(): Samples<OrgStatsSample> {
  return useSamples<OrgStatsSample>('node:org-stats');
}

function useSamples<T extends StatsSample>(channel: string): Samples<T> {
  const call = useCall();
  const trend = useAsked('node.trend', {}, TREND_MS);
  const [kept, setKept] = useState<readonly T[]>([]);
  const { continuity } = useStream(channel, (publication) =>
    setKept((before) => merge(before, [publication.data as T])),
  );
  const live = continuity.state === 'live';

  useEffect(() => {
    if (!live) return undefined;
    let over = false;
    call('node.history', { channel, limit: HISTORY_LIMIT, reverse: true }).then(
      ({ publications }) =>
        !over &&
        setKept((before) =>
          merge(
            before,
            publications.map((one) => one.data as T),
          ),
        ),
      // Without history the charts fill from now on.
      () => undefined,
    );
    return () => {
      over = true;
    };
  }, [call, channel, live]);

  return {
    kept,
    latest: kept.at(-1),
    trend: trend.data,
    continuity,
    trendContinuity: trend.continuity,
  };
}

/** Ascending in time, one sample per moment, of one node, none older than is kept. */
export function merge<T extends StatsSample>(kept: readonly T[], added: readonly T[]): readonly T[] {
  const byTime = new Map([...kept, ...added].map((sample) => [sample.timeMs, sample]));
  const ordered = [...byTime.values()].sort((left, right) => left.timeMs - right.timeMs);
  const newest = ordered.at(-1);
  if (!newest) return [];
  return ordered.filter(
    (sample) => sample.timeMs > newest.timeMs - KEPT_MS && sample.nodeId === newest.nodeId,
  );
}

/** One moment of a chart. */
export interface Point {
  readonly timeMs: number;
  /** The rhythm it was taken in; a longer silence is a hole. */
  readonly everyMs: number;
  readonly value: (path: string) => number | null;
  /** Codes of errors that occurred. */
  readonly codes: readonly string[];
}

/** What a range shows: samples where there are any, the kept hour before them. */
export function pointsOf(
  range: Range,
  samples: readonly StatsSample[],
  trend: Trend | undefined,
): readonly Point[] {
  const newest = samples.at(-1);
  const hour = trend === undefined || (newest && newest.nodeId !== trend.nodeId) ? [] : fromTrend(trend);
  // The hour is drawn in its own rhythm, and reaches until now.
  const fine = (range === '1h' ? samples.slice(-1) : samples).map(fromSample);
  const first = fine[0]?.timeMs ?? Infinity;
  const points = [...hour.filter((point) => point.timeMs < first), ...fine];
  const end = points.at(-1)?.timeMs ?? 0;
  return points.filter((point) => point.timeMs > end - SPANS[range]);
}

/** Columns for a chart, with a null wherever nothing was heard for a while. */
export function toColumns(
  points: readonly Point[],
  paths: readonly string[],
): { readonly times: readonly number[]; readonly columns: readonly (readonly (number | null)[])[] } {
  const times: number[] = [];
  const columns: (number | null)[][] = paths.map(() => []);
  let before: Point | undefined;
  for (const point of points) {
    if (before && point.timeMs - before.timeMs > 2.5 * Math.max(before.everyMs, point.everyMs) + 1_000) {
      times.push(before.timeMs + 1);
      for (const column of columns) column.push(null);
    }
    times.push(point.timeMs);
    for (const [index, column] of columns.entries()) column.push(point.value(paths[index] ?? ''));
    before = point;
  }
  return { times, columns };
}

/** The codes of errors among the points, the most frequent first. */
export function codesOf(points: readonly Point[], most: number): readonly string[] {
  const totals = new Map<string, number>();
  for (const point of points)
    for (const code of point.codes)
      totals.set(code, (totals.get(code) ?? 0) + (point.value(`errorRates.${code}`) ?? 0) * point.everyMs);
  return [...totals]
    .filter(([, total]) => total > 0)
    .sort(([, left], [, right]) => right - left)
    .slice(0, most)
    .map(([code]) => code);
}

function fromSample(sample: StatsSample): Point {
  return {
    timeMs: sample.timeMs,
    everyMs: 1_000,
    value: (path) => valueAt(sample, path),
    codes: sample.scope === 'node' ? Object.keys(sample.errorRates) : [],
  };
}

function fromTrend({ times, columns, intervalMs }: Trend): readonly Point[] {
  const codes = Object.keys(columns)
    .filter((path) => path.startsWith('errorRates.'))
    .map((path) => path.slice('errorRates.'.length));
  return times.map((timeMs, index) => ({
    timeMs,
    everyMs: intervalMs,
    value: (path) => columns[path]?.[index] ?? (path.startsWith('errorRates.') ? 0 : null),
    codes,
  }));
}

/** A rate is unknown in a sample that measured none; a code that did not occur is 0. */
function valueAt(sample: StatsSample, path: string): number | null {
  const rate = path.endsWith('PerSecond') || path.startsWith('errorRates.');
  if (rate && sample.intervalMs === 0) return null;
  let value: unknown = sample;
  for (const part of path.split('.'))
    value =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  return typeof value === 'number' ? value : path.startsWith('errorRates.') ? 0 : null;
}
