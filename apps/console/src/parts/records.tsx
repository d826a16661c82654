/** A short list of records in columns; on narrow screens each record is a block, and what a heading said stands before its value. */
import type { ReactNode } from 'react';

export interface RecordColumn<T> {
  /** Of the heading; '' for none (actions). */
  readonly title: string;
  /** A track of the grid, e.g. `minmax(0, 2fr)`. */
  readonly width: string;
  readonly cell: (record: T) => ReactNode;
}

export function Records<T>({
  label,
  records,
  keyOf,
  columns,
  muted,
}: {
  /** What the list is, for those who hear it. */
  readonly label: string;
  readonly records: readonly T[];
  readonly keyOf: (record: T) => string | number;
  readonly columns: readonly RecordColumn<T>[];
  /** Of no effect any more, but still told. */
  readonly muted?: (record: T) => boolean;
}) {
  const grid = { gridTemplateColumns: columns.map(({ width }) => width).join(' ') };
  return (
    <>
      <div className="tl-record tl-record-head" style={grid} aria-hidden="true">
        {columns.map(({ title }) => (
          <span key={title}>{title}</span>
        ))}
      </div>
      <ul className="tl-records" aria-label={label}>
        {records.map((record) => (
          <li
            key={keyOf(record)}
            className="tl-record"
            style={grid}
            data-muted={muted?.(record) === true || undefined}
          >
            {columns.map(({ title, cell }, index) => (
              <div
                key={title}
                className={title === '' ? 'tl-record-actions' : 'tl-record-cell'}
                data-label={index > 0 && title !== '' ? title : undefined}
              >
                {cell(record)}
              </div>
            ))}
          </li>
        ))}
      </ul>
    </>
  );
}
