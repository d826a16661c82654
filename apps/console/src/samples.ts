/**
 * The numbers of the overview: the samples of `node:stats` or, for an administrator, `node:org-stats`, kept for as long as the charts
 * span. Samples of before the page was opened are fetched from the channel's history, so that a reload does not begin with empty charts.
 */
import type { NodeStatsSample, OrgStatsSample, StatsSample } from '@trunkline/contracts/node';
import { useEffect, useState } from 'react';
import { useCall, useStream, type Continuity } from './live.js';

export const SPAN_MS = 5 * 60_000;
const HISTORY_LIMIT = 300;
/** A hole in time longer than this is drawn as one. */
const HOLE_MS = 3_500;

export interface Samples<T extends StatsSample> {
  readonly kept: readonly T[];
  readonly latest: T | undefined;
  readonly continuity: Continuity;
}

export function useNodeSamples(): Samples<NodeStatsSample> {
  return useSamples<NodeStatsSample>('node:stats');
}

export function useOrgSamples(): Samples<OrgStatsSample> {
  return useSamples<OrgStatsSample>('node:org-stats');
}

function useSamples<T extends StatsSample>(channel: string): Samples<T> {
  const call = useCall();
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

  return { kept, latest: kept.at(-1), continuity };
}

/** Ascending in time, one sample per moment, of one node, none older than the span. */
export function merge<T extends StatsSample>(kept: readonly T[], added: readonly T[]): readonly T[] {
  const byTime = new Map([...kept, ...added].map((sample) => [sample.timeMs, sample]));
  const ordered = [...byTime.values()].sort((left, right) => left.timeMs - right.timeMs);
  const newest = ordered.at(-1);
  if (!newest) return [];
  return ordered.filter(
    (sample) => sample.timeMs > newest.timeMs - SPAN_MS && sample.nodeId === newest.nodeId,
  );
}

/** Columns for charts, with a null wherever nothing was heard for a while. */
export function toColumns<T extends StatsSample>(
  samples: readonly T[],
  pick: readonly ((sample: T) => number | null)[],
): { readonly times: readonly number[]; readonly columns: readonly (readonly (number | null)[])[] } {
  const times: number[] = [];
  const columns: (number | null)[][] = pick.map(() => []);
  for (const sample of samples) {
    const before = times.at(-1);
    if (before !== undefined && sample.timeMs - before > HOLE_MS) {
      times.push(before + 1);
      for (const column of columns) column.push(null);
    }
    times.push(sample.timeMs);
    for (const [index, column] of columns.entries()) column.push(pick[index]?.(sample) ?? null);
  }
  return { times, columns };
}
