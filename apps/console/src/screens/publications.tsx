/** The publications of a stream channel, newest first; one opens to its full data. Only rows on screen exist. */
import { Button, Group, UnstyledButton } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import {
  ChevronDown,
  ChevronRight,
  History,
  Inbox,
  Pause,
  Play,
  SearchX,
  Trash2,
  Unplug,
} from 'lucide-react';
import { useMemo, useState } from 'react';
import { formatCount, formatDateTime, formatGlimpse, formatTime, plural } from '../format.js';
import { Copy } from '../parts/copy.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { SearchField } from '../parts/search-field.js';
import { useTopOf } from '../parts/virtual.js';
import { LOG_MAX, narrow, type Log, type Logged } from './log.js';

export interface PublicationsProps {
  readonly log: Log;
  readonly onPause: (paused: boolean) => void;
  readonly onClear: () => void;
  /** Undefined: the channel keeps no history, or all of it is shown. */
  readonly onOlder?: (() => void) | undefined;
  readonly loadingOlder: boolean;
  /** False: the subscription was refused, and nothing new will come. */
  readonly listening: boolean;
}

export function Publications({ log, onPause, onClear, onOlder, loadingOlder, listening }: PublicationsProps) {
  const [search, setSearch] = useState('');
  const shown = useMemo(() => narrow(log.entries, search), [log.entries, search]);
  const older = (
    <Button
      variant="default"
      size="xs"
      leftSection={<History size={14} aria-hidden="true" />}
      onClick={onOlder}
      loading={loadingOlder}
    >
      Older
    </Button>
  );
  return (
    <Panel
      title="Publications"
      aside={<Tools log={log} onPause={onPause} onClear={onClear} search={search} onSearch={setSearch} />}
      flush
    >
      {log.paused && <Held log={log} />}
      {log.entries.length === 0 ? (
        <Empty icon={Inbox} title="Nothing published yet">
          {listening
            ? 'What is published from now on appears here.'
            : 'Without a subscription only the history can be shown.'}
          {onOlder && <div className="tl-empty-action">{older}</div>}
        </Empty>
      ) : shown.length === 0 ? (
        <Empty icon={SearchX} title="No publication matches">
          {`${plural(log.entries.length, 'entry', 'entries')} are kept. Words are looked for in the data, in tags as name=value, and in #offsets.`}
        </Empty>
      ) : (
        <Entries entries={shown} />
      )}
      {log.entries.length > 0 && (
        <Group justify="space-between" p="sm" pl="md" className="tl-panel-foot">
          <span className="tl-foot tl-num">
            {shown.length === log.entries.length
              ? plural(log.entries.length, 'entry', 'entries')
              : `${formatCount(shown.length)} of ${plural(log.entries.length, 'entry', 'entries')}`}
            {log.entries.length >= LOG_MAX && ', the newest'}
          </span>
          {onOlder && older}
        </Group>
      )}
    </Panel>
  );
}

function Tools({
  log,
  onPause,
  onClear,
  search,
  onSearch,
}: Pick<PublicationsProps, 'log' | 'onPause' | 'onClear'> & {
  readonly search: string;
  readonly onSearch: (search: string) => void;
}) {
  return (
    <div className="tl-tools">
      <SearchField
        small
        label="Filter by text or tag"
        placeholder="Filter: words, tag=value, #offset"
        value={search}
        onChange={onSearch}
      />
      <Button
        variant={log.paused ? 'filled' : 'default'}
        size="xs"
        aria-pressed={log.paused}
        leftSection={
          log.paused ? <Play size={14} aria-hidden="true" /> : <Pause size={14} aria-hidden="true" />
        }
        onClick={() => onPause(!log.paused)}
      >
        {log.paused ? 'Resume' : 'Pause'}
      </Button>
      <Button
        variant="default"
        size="xs"
        leftSection={<Trash2 size={14} aria-hidden="true" />}
        onClick={onClear}
        disabled={log.entries.length === 0}
      >
        Clear
      </Button>
    </div>
  );
}

/** What came meanwhile; it stands above the list, where the list grows. */
function Held({ log: { held, lost } }: { readonly log: Log }) {
  return (
    <div className="tl-held" role="status">
      <Pause size={14} aria-hidden="true" />
      <span className="tl-num">
        {held.length === 0
          ? 'Paused. Nothing came since.'
          : `Paused. ${plural(held.length, 'publication')} came since${lost > 0 ? ` and are held back; ${formatCount(lost)} more could not be` : ''}.`}
      </span>
    </div>
  );
}

function Entries({ entries }: { readonly entries: readonly Logged[] }) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [box, top] = useTopOf<HTMLUListElement>();
  const virtual = useWindowVirtualizer({
    count: entries.length,
    estimateSize: () => 42,
    overscan: 10,
    scrollMargin: top,
    getItemKey: (index) => entries[index]?.id ?? index,
  });
  const toggle = (id: number): void => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
    <>
      <div className="tl-row tl-row-head tl-entry-head" aria-hidden="true">
        <span className="tl-offset">Offset</span>
        <span className="tl-epoch">Epoch</span>
        <span className="tl-entry-time">Time</span>
        <span>Data</span>
      </div>
      <ul
        ref={box}
        className="tl-list"
        style={{ height: virtual.getTotalSize() }}
        aria-label="Publications, newest first"
      >
        {virtual.getVirtualItems().map((item) => {
          const entry = entries[item.index];
          if (!entry) return null;
          return (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
            >
              {entry.kind === 'hole' ? (
                <Hole text={entry.text} timeMs={entry.timeMs} />
              ) : (
                <Entry entry={entry} open={open.has(entry.id)} onToggle={() => toggle(entry.id)} />
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}

function Entry({
  entry,
  open,
  onToggle,
}: {
  readonly entry: Extract<Logged, { kind: 'publication' }>;
  readonly open: boolean;
  readonly onToggle: () => void;
}) {
  const tags = Object.entries(entry.tags ?? {});
  return (
    <div className="tl-entry" data-open={open || undefined}>
      <div className="tl-entry-top">
        <UnstyledButton className="tl-entry-line" onClick={onToggle} aria-expanded={open}>
          {open ? (
            <ChevronDown size={14} aria-hidden="true" className="tl-faint" />
          ) : (
            <ChevronRight size={14} aria-hidden="true" className="tl-faint" />
          )}
          <span className="tl-num tl-offset">{entry.offset > 0 ? `#${entry.offset}` : '–'}</span>
          <code className="tl-faint tl-epoch">{entry.epoch === '' ? '–' : entry.epoch}</code>
          <span className="tl-num tl-faint tl-entry-time">
            {entry.timeMs === undefined ? '–' : formatTime(entry.timeMs)}
          </span>
          {tags.length > 0 && (
            <span className="tl-chip tl-row-tag">
              {tags[0]?.join('=')}
              {tags.length > 1 && ` +${tags.length - 1}`}
            </span>
          )}
          <code className="tl-glimpse">{formatGlimpse(entry.data)}</code>
        </UnstyledButton>
        <Copy
          what={entry.offset > 0 ? `the data of #${entry.offset}` : 'the data'}
          text={() => JSON.stringify(entry.data, null, 2)}
        />
      </div>
      {open && (
        <div className="tl-entry-body">
          <div className="tl-chips">
            {entry.timeMs !== undefined && (
              <span className="tl-chip tl-num">{formatDateTime(entry.timeMs)}</span>
            )}
            {entry.epoch !== '' && <span className="tl-chip tl-mono">epoch {entry.epoch}</span>}
            {entry.publisher !== undefined && (
              <span className="tl-chip">by {entry.publisher === '' ? 'anonymous' : entry.publisher}</span>
            )}
            {entry.binary === true && <span className="tl-chip">binary, as base64</span>}
            {!entry.live && <span className="tl-chip">from history</span>}
            {tags.map(([name, value]) => (
              <span key={name} className="tl-chip">
                {name}={value}
              </span>
            ))}
          </div>
          <pre className="tl-pre" tabIndex={0} aria-label={`Data of publication ${entry.offset}`}>
            {JSON.stringify(entry.data, null, 2)}
          </pre>
        </div>
      )}
    </div>
  );
}

function Hole({ text, timeMs }: { readonly text: string; readonly timeMs: number }) {
  return (
    <div className="tl-hole">
      <Unplug size={14} aria-hidden="true" />
      <span className="tl-num">{formatTime(timeMs)}</span>
      <span>{text}</span>
    </div>
  );
}
