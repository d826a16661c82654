/** Rows of a window as a table that draws only what is on screen: the rest is places of the right height, filled when they are scrolled to. */
import type { WindowColumn, WindowSort } from '@trunkline/contracts/kube';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMediaQuery } from '@mantine/hooks';
import { ArrowDown, ArrowUp, PackageOpen } from 'lucide-react';
import { memo, useEffect, useMemo, useRef, type KeyboardEvent } from 'react';
import { objectOf, partsOf, shownCell, trackOf, type Cell } from '../kube/cells.js';
import type { RowsView } from '../kube/live.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNowAs } from '../parts/now.js';

type Row = NonNullable<ReturnType<RowsView['rowAt']>>;

const ROW_HEIGHT = { wide: 42, narrow: 54 };
const OVERSCAN = 12;

export function ResourceTable({
  label,
  view,
  sort,
  isNarrowed,
  of,
  hrefOf,
  onSort,
  onRange,
}: {
  readonly label: string;
  readonly view: RowsView;
  readonly sort: (WindowSort & { readonly column: string }) | undefined;
  readonly isNarrowed: boolean;
  /** What was asked for; another question is looked at from its first row. */
  readonly of: unknown;
  /** Where a row leads, by the name of its object in addresses. The same function until they lead elsewhere: another one draws every row again. */
  readonly hrefOf: (object: string) => string;
  /** `name`, `-name`, or undefined for the order there is by itself. */
  readonly onSort: (sort: string | undefined) => void;
  readonly onRange: (range: { readonly first: number; readonly last: number }) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery('(max-width: 48em)') === true;
  const rowHeight = narrow ? ROW_HEIGHT.narrow : ROW_HEIGHT.wide;
  const total = view.total ?? 0;
  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => onRange({ first, last }), [first, last, onRange]);
  useEffect(() => virtual.measure(), [virtual, rowHeight]);
  useEffect(() => {
    // In braces: browsers answer with a promise, which is no way to end an effect.
    box.current?.scrollTo({ top: 0 });
  }, [of]);
  const all = view.columns;
  // Beside one another there is no room: the namespace stands below the name.
  const columns = useMemo(
    () => (narrow ? all?.filter(({ name }) => name !== 'namespace') : all),
    [all, narrow],
  );
  const { continuity } = view;
  // What may not be seen any more is not an empty list.
  if (total === 0 && continuity.state === 'failed')
    return (
      <div className="tl-panel">
        <Failure title={`${label} cannot be listed`} reason={continuity.reason} retry={view.retry} />
      </div>
    );
  if (columns === undefined || (total === 0 && continuity.state === 'connecting'))
    return (
      <div className="tl-panel">
        <Waiting
          label={`Loading ${label}`}
          rows={9}
          reason={continuity.state === 'connecting' ? continuity.reason : undefined}
        />
      </div>
    );
  if (total === 0)
    return (
      <div className="tl-panel">
        <Empty icon={PackageOpen} title={isNarrowed ? 'Nothing matches' : 'None'}>
          {continuity.state !== 'live'
            ? 'So it was when the list was last live.'
            : isNarrowed
              ? 'No object of this kind has these words, in this namespace.'
              : 'They appear here as they are made.'}
        </Empty>
      </div>
    );
  const tracks = { gridTemplateColumns: columns.map(trackOf).join(' ') };
  return (
    <div
      className="tl-panel tl-table-box"
      ref={box}
      onKeyDown={moveFocus}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <div
        className="tl-table"
        role="table"
        aria-label={label}
        aria-rowcount={total + 1}
        aria-colcount={columns.length}
        style={{ minWidth: `${columns.length * 92 + (narrow ? 110 : 130)}px` }}
      >
        <div role="rowgroup" className="tl-table-head">
          <div role="row" aria-rowindex={1} className="tl-table-row" style={tracks}>
            {columns.map((column) => (
              <Heading key={column.name} column={column} sort={sort} onSort={onSort} />
            ))}
          </div>
        </div>
        <div role="rowgroup" className="tl-table-body" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start, size }) => {
            const row = view.rowAt(index);
            return (
              <div
                // By what it shows: where rows move, the focus goes with its object.
                key={row?.id ?? index}
                role="row"
                aria-rowindex={index + 2}
                className="tl-table-row"
                style={{ ...tracks, height: size, transform: `translateY(${start}px)` }}
              >
                <Cells row={row} all={all ?? []} columns={columns} hrefOf={hrefOf} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Heading({
  column: { name, title, type },
  sort,
  onSort,
}: {
  readonly column: WindowColumn;
  readonly sort: (WindowSort & { readonly column: string }) | undefined;
  readonly onSort: (sort: string | undefined) => void;
}) {
  const mine = sort?.column === name ? (sort.order ?? 'asc') : undefined;
  // An age that grows is a time that falls: what one expects of "by age" is the oldest or the newest, and both are two presses away.
  const next = mine === undefined ? name : mine === 'asc' ? `-${name}` : undefined;
  return (
    <div
      role="columnheader"
      aria-sort={mine === undefined ? 'none' : mine === 'asc' ? 'ascending' : 'descending'}
      data-number={type === 'number' || undefined}
    >
      <button type="button" className="tl-sort" onClick={() => onSort(next)}>
        {title}
        {mine === 'asc' && <ArrowUp size={13} aria-hidden="true" />}
        {mine === 'desc' && <ArrowDown size={13} aria-hidden="true" />}
      </button>
    </div>
  );
}

/** Drawn again when the row is another one, not for every row beside it. */
const Cells = memo(function Cells({
  row,
  all,
  columns,
  hrefOf,
}: {
  readonly row: Row | undefined;
  /** In the order of the cells. */
  readonly all: readonly WindowColumn[];
  /** Those that are shown. */
  readonly columns: readonly WindowColumn[];
  readonly hrefOf: (object: string) => string;
}) {
  return columns.map((column) => {
    if (row === undefined)
      return (
        <div key={column.name} role="cell" aria-busy="true">
          <span className="tl-place" aria-hidden="true" />
        </div>
      );
    const cell = row.cells[all.indexOf(column)];
    if (column.type === 'time')
      return (
        <div key={column.name} role="cell">
          <Age column={column} cell={cell} />
        </div>
      );
    const { text, tone } = shownCell(column, cell, 0);
    return (
      <div key={column.name} role="cell" data-number={column.type === 'number' || undefined} title={text}>
        {column === columns[0] ? (
          <span className="tl-two">
            <a href={hrefOf(objectOf(row.id))} className="tl-table-link" data-row>
              {text === '—' ? partsOf(row.id).name : text}
            </a>
            {columns.length < all.length && <small>{partsOf(row.id).namespace}</small>}
          </span>
        ) : tone ? (
          <span className="tl-mark" data-tone={tone}>
            <span className="tl-dot tl-still" aria-hidden="true" />
            <span className="tl-cut">{text}</span>
          </span>
        ) : (
          <span className="tl-cut tl-num">{text}</span>
        )}
      </div>
    );
  });
});

/** Ticks by itself, and only when it reads otherwise. */
function Age({ column, cell }: { readonly column: WindowColumn; readonly cell: Cell | undefined }) {
  return <span className="tl-cut tl-num">{useNowAs((now) => shownCell(column, cell, now).text)}</span>;
}

/** Arrows go from row to row. */
function moveFocus(event: KeyboardEvent<HTMLDivElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  const focused = document.activeElement;
  if (step === 0 || !(focused instanceof HTMLElement) || focused.dataset['row'] === undefined) return;
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-row]')];
  const next = links[links.indexOf(focused) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
