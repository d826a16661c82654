/** Lines of a log with the times that the API server writes in front of them, which tell how the beginning of one stream fits to the end of another. */
import type { LogLine } from '@trunkline/contracts/kube';

const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))(?: |$)/;

/** One without a time is a piece of the line before it, which was too long. */
export function parseLine(bytes: Uint8Array): LogLine {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  const time = STAMPED.exec(text)?.[1];
  return time === undefined ? { text } : { time, text: text.slice(time.length + 1) };
}

/** Negative when `left` is earlier, to the nanosecond. */
export function compareTimes(left: string, right: string): number {
  const [leftMs, leftNanos] = partsOf(left);
  const [rightMs, rightNanos] = partsOf(right);
  return leftMs - rightMs || leftNanos - rightNanos;
}

/** Whole seconds in Unix milliseconds, and nanoseconds of the second. */
function partsOf(time: string): readonly [number, number] {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return [Date.parse(time.replace(/\.\d+/, '')), Number(fraction.padEnd(9, '0'))];
}

/** The end of what has been read: its time, and how many lines have it. */
export interface Mark {
  readonly time: string;
  readonly lines: number;
}

/** The mark after more lines; undefined while none of them had a time. */
export function advance(mark: Mark | undefined, lines: readonly LogLine[]): Mark | undefined {
  let at = mark;
  for (const { time } of lines) {
    if (time === undefined) continue;
    if (at === undefined || compareTimes(time, at.time) > 0) at = { time, lines: 1 };
    else if (compareTimes(time, at.time) === 0) at = { time: at.time, lines: at.lines + 1 };
  }
  return at;
}

/** Lets through what lies behind a mark, of a stream that begins before it. Pieces go with their line. */
export class Beyond {
  readonly #mark: Mark | undefined;
  #equal = 0;
  #passing: boolean;

  constructor(mark: Mark | undefined) {
    this.#mark = mark;
    this.#passing = mark === undefined;
  }

  filter(lines: readonly LogLine[]): readonly LogLine[] {
    const mark = this.#mark;
    if (mark === undefined) return lines;
    return lines.filter(({ time }) => {
      if (time === undefined) return this.#passing;
      const order = compareTimes(time, mark.time);
      // A clock that steps back is no reason to hold lines back once the mark was passed.
      this.#passing =
        order > 0 || (order === 0 && ++this.#equal > mark.lines) || (this.#passing && order < 0);
      return this.#passing;
    });
  }
}
