/** Charts of samples: a title, a unit and the paths of the values. All of one screen share their points, their span and the pointer. */
import { formatBytes } from '../format.js';
import { Chart } from '../parts/chart.js';
import type { Tone } from '../parts/chart-model.js';
import { codesOf, SPANS, toColumns, type Point, type Range } from '../samples.js';
import { codeWords } from './codes.js';

export interface Line {
  readonly label: string;
  readonly path: string;
}

export interface TrendProps {
  readonly title: string;
  readonly points: readonly Point[];
  readonly range: Range;
  readonly format: (value: number) => string;
  readonly lines: readonly Line[];
  readonly tones?: readonly Tone[];
  readonly nothing?: string;
}

export function Trend({
  title,
  points,
  range,
  format,
  lines,
  tones = [1, 2, 3, 4, 5],
  nothing = 'Nothing yet',
}: TrendProps) {
  const { times, columns } = toColumns(
    points,
    lines.map((one) => one.path),
  );
  return (
    <Chart
      title={title}
      times={times}
      format={format}
      spanMs={SPANS[range]}
      binary={format === formatBytes}
      nothing={nothing}
      series={lines.map(({ label }, index) => ({
        label,
        tone: tones[index % tones.length] ?? 1,
        values: columns[index] ?? [],
      }))}
    />
  );
}

const CODES_SHOWN = 4;

/** One line per code that occurred, the most frequent ones. */
export function ErrorTrend(props: Omit<TrendProps, 'lines' | 'title' | 'tones'>) {
  const codes = codesOf(props.points, CODES_SHOWN);
  return (
    <Trend
      {...props}
      title="Errors per second, by code"
      tones={[3, 4, 2, 5]}
      nothing="No reply with an error in this time"
      lines={codes.map((code) => ({ label: codeWords(Number(code)), path: `errorRates.${code}` }))}
    />
  );
}
