/** What a chart is given; shared by the frame of a chart and the drawing that is loaded later. */

export type Tone = 1 | 2 | 3 | 4 | 5;

export interface Series {
  readonly label: string;
  readonly tone: Tone;
  /** One value per time; null is a hole: nothing is known of that moment. */
  readonly values: readonly (number | null)[];
}

export interface ChartProps {
  readonly title: string;
  /** Unix ms, ascending. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** The length of time drawn. */
  readonly spanMs: number;
  /** Values are bytes: the axis is divided in powers of two. */
  readonly binary?: boolean;
  /** What to say where there is no series at all. */
  readonly nothing?: string;
}

export const CHART_HEIGHT = 150;
