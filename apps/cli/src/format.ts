/** Values as people read them. Pure; widths count code points, which is close enough for names and numbers. */

export interface Column<Row> {
  readonly title: string;
  value(row: Row): string;
  readonly align?: 'right';
}

/** Longest cell of a table; longer ones end in `…`. The last column is never cut. */
const MAX_CELL = 48;

/** Aligned columns with a title line; no line where there are no rows. Lines end in a line feed. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  if (rows.length === 0) return '';
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) =>
      columns.map((column, at) =>
        cut(oneLine(column.value(row)), at === columns.length - 1 ? Infinity : MAX_CELL),
      ),
    ),
  ];
  const widths = columns.map((_column, at) => Math.max(...cells.map((line) => width(line[at] ?? ''))));
  const toLine = (line: readonly string[]): string =>
    line
      .map((cell, at) =>
        pad(
          cell,
          at === columns.length - 1 && columns[at]?.align !== 'right' ? 0 : (widths[at] ?? 0),
          columns[at]?.align,
        ),
      )
      .join('  ');
  return cells.map((line) => `${toLine(line).trimEnd()}\n`).join('');
}

function pad(text: string, to: number, align: 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? space + text : text + space;
}

function width(text: string): number {
  return [...text].length;
}

function cut(text: string, to: number): string {
  const points = [...text];
  return points.length > to ? `${points.slice(0, to - 1).join('')}…` : text;
}

/** Control characters would move the cursor of the reader's terminal; they are shown as `\u00xx`. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) =>
    char === '\n' ? '\\n' : char === '\t' ? ' ' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `hh:mm:ss.mmm` in local time. */
export function timeOfDay(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** `2026-11-21 08:30` in local time; `-` for null. */
export function dateTime(timeMs: number | null): string {
  if (timeMs === null) return '-';
  const date = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `450 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`: two units at most. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[first] ?? ['s', 1];
  const next = units[first + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[1]);
  return rest === 0 || next === undefined
    ? `${Math.floor(seconds / size)} ${name}`
    : `${Math.floor(seconds / size)} ${name} ${rest} ${next[0]}`;
}

/** `512 B`, `1.5 KiB`, `20 MiB`. */
export function bytes(count: number): string {
  let value = count;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1_024 || unit === 'GiB')
      return `${value < 10 && unit !== 'B' ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1_024;
  }
  return `${count} B`;
}

/** `1,234,567`, whatever the locale. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1 line`, `2 lines`. */
export function plural(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? '' : 's'}`;
}
