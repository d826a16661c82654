/**
 * The drawing of a chart, on uPlot. It is made once per set of series, fed with data afterwards, and follows the width of its box and the
 * colour scheme. Charts on one screen share the pointer.
 */
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { CHART_HEIGHT, type ChartProps } from './chart-model.js';

type PlotProps = Omit<ChartProps, 'title'> & { readonly onPoint: (index: number | undefined) => void };

export default function Plot({ times, series, format, spanMs, binary = false, onPoint }: PlotProps) {
  const scheme = useComputedColorScheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const labels = series.map((one) => `${one.label}:${one.tone}`).join('|');
  const data: uPlot.AlignedData = [
    times.map((time) => time / 1_000),
    ...series.map((one) => [...one.values]),
  ];
  const newest = useRef({ data, spanMs, format, binary, onPoint, series });
  newest.current = { data, spanMs, format, binary, onPoint, series };

  useEffect(() => {
    const host = box.current;
    if (!host) return undefined;
    const made = new uPlot(optionsOf(host, newest), newest.current.data, host);
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: host.clientWidth, height: CHART_HEIGHT }),
    );
    observer.observe(host);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [labels]);

  // Colours are looked up as they are drawn; a frame later the page has those of the new scheme.
  useEffect(() => {
    const frame = requestAnimationFrame(() => plot.current?.redraw(true, false));
    return () => cancelAnimationFrame(frame);
  }, [scheme]);

  useEffect(() => plot.current?.setData(newest.current.data), [times]);

  return <div ref={box} aria-hidden="true" />;
}

/** Steps of the time axis, seconds. */
const STEPS = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600];
/** Steps of an axis of bytes. */
const POWERS = Array.from({ length: 44 }, (_, power) => 2 ** power);

type Newest = { readonly current: Pick<PlotProps, 'spanMs' | 'format' | 'binary' | 'onPoint' | 'series'> };

function optionsOf(host: HTMLElement, newest: Newest): uPlot.Options {
  const style = getComputedStyle(host);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const grid = { stroke: () => colour('--tl-chart-grid'), width: 1 };
  const axis = {
    stroke: () => colour('--mantine-color-dimmed'),
    font: `11px ${style.fontFamily}`,
    ticks: { show: false },
  };
  return {
    width: host.clientWidth,
    height: CHART_HEIGHT,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'tl' }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      // The window moves with the newest sample, so a chart that is not fed visibly stops.
      x: { range: (self) => lastSeconds(self.data[0], newest.current.spanMs / 1_000) },
      y: { range: (_self, _min, max) => [0, max > 0 ? max * 1.12 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 58,
        size: 24,
        incrs: STEPS,
        values: (_self, seconds) => seconds.map(toClock),
      },
      {
        ...axis,
        grid,
        ...(newest.current.binary && { incrs: POWERS }),
        size: 54,
        gap: 6,
        space: 30,
        values: (_self, values) => values.map((value) => toTick(newest.current.format(value))),
      },
    ],
    series: [
      {},
      ...newest.current.series.map((one, index): uPlot.Series => {
        const stroke = (): string => colour(`--tl-chart-${one.tone}`);
        return {
          label: one.label,
          stroke,
          width: 1.75,
          spanGaps: false,
          points: { show: false },
          ...(index === 0 && { fill: () => `${stroke()}1f` }),
        };
      }),
    ],
    hooks: { setCursor: [(self) => newest.current.onPoint(self.cursor.idx ?? undefined)] },
  };
}

function lastSeconds(times: ArrayLike<number> | undefined, span: number): [number, number] {
  const end = times?.[times.length - 1] ?? 0;
  return [end - span, end];
}

/** `2.00 ms` is `2 ms` on an axis. */
function toTick(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
}

function toClock(seconds: number): string {
  const at = new Date(seconds * 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.getSeconds() === 0 ? minutes : `${minutes}:${two(at.getSeconds())}`;
}
