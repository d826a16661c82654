/**
 * A chart with its own legend: the newest values, or those under the pointer. The drawing itself is loaded when the first chart is shown, so
 * that other screens do not carry it. A chart is a picture to a screen reader; its label says the newest values.
 */
import { Skeleton } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { formatTime } from '../format.js';
import { CHART_HEIGHT, type ChartProps } from './chart-model.js';
import { Panel } from './panel.js';

const Plot = lazy(() => import('./plot.js'));

export function Chart({
  title,
  times,
  series,
  format,
  spanMs,
  binary = false,
  nothing = 'Nothing yet',
}: ChartProps) {
  const [pointed, setPointed] = useState<number>();
  const index = pointed !== undefined && pointed < times.length ? pointed : times.length - 1;
  const at = times[index];
  const show = (values: readonly (number | null)[], where: number): string => {
    const value = values[where];
    return value === null || value === undefined ? '–' : format(value);
  };
  const spoken = series.map((one) => `${one.label} ${show(one.values, times.length - 1)}`).join(', ');
  return (
    <Panel
      title={title}
      className="tl-chart"
      aside={
        <span className="tl-num tl-chart-at">
          {pointed !== undefined && at !== undefined ? formatTime(at).slice(0, 8) : ''}
        </span>
      }
    >
      <div className="tl-legend">
        {series.length === 0 && <span>{nothing}</span>}
        {series.map((one) => (
          <span key={one.label}>
            <i style={{ background: `var(--tl-chart-${one.tone})` }} aria-hidden="true" />
            {one.label} <b className="tl-num">{show(one.values, index)}</b>
          </span>
        ))}
      </div>
      <div
        role="img"
        aria-label={`${title}, the last ${Math.round(spanMs / 60_000)} minutes. ${spoken === '' ? nothing : `Now: ${spoken}`}`}
        style={{ height: CHART_HEIGHT }}
      >
        <Suspense fallback={<Skeleton height={CHART_HEIGHT} radius="sm" />}>
          <Plot
            times={times}
            series={series}
            format={format}
            spanMs={spanMs}
            binary={binary}
            onPoint={setPointed}
          />
        </Suspense>
      </div>
    </Panel>
  );
}
