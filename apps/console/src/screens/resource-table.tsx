/** Rows of a window as a table that draws only what is on screen: the rest is places of the right height, filled when they are scrolled to. */
import type { WindowColumn, WindowSort } from '@trunkline/contracts/kube';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMediaQuery } from '@mantine/hooks';
import { ArrowDown, ArrowUp, PackageOpen } from 'lucide-react';
import { useEffect, useRef, type KeyboardEvent } from 'react';
import { objectOf, partsOf, shownCell, trackOf } from '../kube/cells.js';
import type { RowsView } from '../kube/live.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';

type Row = NonNullable<ReturnType<RowsView['rowAt']>>;

const ROW_HEIGHT = { wide: 42, narrow: 54 };
const OVERSCAN = 12;

export function ResourceTable({
  label,
  view,
  sort,
  isNarrowed,
  hrefOf,
  onSort,
  onRange,
}: {
  readonly label: string;
  readonly view: RowsView;
  readonly sort: (WindowSort & { readonly column: string }) | undefined;
  readonly isNarrowed: boolean;
  /** Where a row leads, by the name of its object in addresses. */
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
  // Beside one another there is no room: the namespace stands below the name.
  const columns = narrow ? view.columns?.filter(({ name }) => name !== 'namespace') : view.columns;
  if (columns === undefined || (total === 0 && view.continuity.state === 'connecting'))
    return (
      <div className="tl-panel">
        {view.continuity.state === 'failed' ? (
          <Failure title={`${label} cannot be listed`} reason={view.continuity.reason} />
        ) : (
          <Waiting label={`Loading ${label}`} rows={9} />
        )}
      </div>
    );
  if (total === 0)
    return (
      <div className="tl-panel">
        <Empty icon={PackageOpen} title={isNarrowed ? 'Nothing matches' : 'None'}>
          {isNarrowed
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
          {items.map(({ index, key, start, size }) => (
            <div
              key={key}
              role="row"
              aria-rowindex={index + 2}
              className="tl-table-row"
              style={{ ...tracks, height: size, transform: `translateY(${start}px)` }}
            >
              <Cells row={view.rowAt(index)} all={view.columns ?? []} columns={columns} hrefOf={hrefOf} />
            </div>
          ))}
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

function Cells({
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
  const now = useNow();
  return columns.map((column) => {
    if (row === undefined)
      return (
        <div key={column.name} role="cell" aria-busy="true">
          <span className="tl-place" aria-hidden="true" />
        </div>
      );
    const { text, tone } = shownCell(column, row.cells[all.indexOf(column)], now);
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
