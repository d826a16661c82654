/** The publications of a stream channel, newest first; one opens to its full data. Only rows on screen exist. */
import { Button, Group, Text, UnstyledButton } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronRight, History, Inbox, Pause, Play, Trash2, Unplug } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { formatGlimpse, formatTime, plural } from '../format.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import type { Log, Logged } from './log.js';

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
  const waiting = log.held.length;
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
  const aside = (
    <Group gap={6} wrap="nowrap">
      <Button
        variant={log.paused ? 'filled' : 'default'}
        size="compact-sm"
        aria-pressed={log.paused}
        leftSection={
          log.paused ? <Play size={14} aria-hidden="true" /> : <Pause size={14} aria-hidden="true" />
        }
        onClick={() => onPause(!log.paused)}
      >
        {log.paused ? (waiting > 0 ? `Resume (${waiting} new)` : 'Resume') : 'Pause'}
      </Button>
      <Button
        variant="default"
        size="compact-sm"
        leftSection={<Trash2 size={14} aria-hidden="true" />}
        onClick={onClear}
        disabled={log.entries.length === 0}
      >
        Clear
      </Button>
    </Group>
  );
  return (
    <Panel title="Publications" aside={aside} flush>
      {log.entries.length === 0 ? (
        <Empty icon={Inbox} title="Nothing published yet">
          {listening
            ? 'What is published from now on appears here.'
            : 'Without a subscription only the history can be shown.'}
          {onOlder && <div style={{ marginTop: 12 }}>{older}</div>}
        </Empty>
      ) : (
        <>
          <Entries entries={log.entries} />
          <Group justify="space-between" p="sm" className="tl-panel-foot">
            <Text size="xs" c="dimmed" className="tl-num">
              {plural(log.entries.length, 'entry', 'entries')}
            </Text>
            {onOlder && older}
          </Group>
        </>
      )}
    </Panel>
  );
}

function Entries({ entries }: { readonly entries: readonly Logged[] }) {
  const box = useRef<HTMLUListElement>(null);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [margin, setMargin] = useState(0);
  useEffect(() => setMargin(box.current?.offsetTop ?? 0), []);
  const virtual = useWindowVirtualizer({
    count: entries.length,
    estimateSize: () => 42,
    overscan: 10,
    scrollMargin: margin,
    getItemKey: (index) => entries[index]?.id ?? index,
  });
  const toggle = (id: number): void => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
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
      <UnstyledButton className="tl-entry-line" onClick={onToggle} aria-expanded={open}>
        {open ? (
          <ChevronDown size={14} aria-hidden="true" className="tl-faint" />
        ) : (
          <ChevronRight size={14} aria-hidden="true" className="tl-faint" />
        )}
        <span className="tl-num tl-offset">{entry.offset > 0 ? `#${entry.offset}` : '–'}</span>
        <span className="tl-num tl-faint tl-entry-time">
          {entry.timeMs === undefined ? '' : formatTime(entry.timeMs)}
        </span>
        <code className="tl-glimpse">{formatGlimpse(entry.data)}</code>
      </UnstyledButton>
      {open && (
        <div className="tl-entry-body">
          <div className="tl-chips">
            {entry.timeMs !== undefined && <span className="tl-chip tl-num">{formatTime(entry.timeMs)}</span>}
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
          <pre tabIndex={0} aria-label={`Data of publication ${entry.offset}`}>
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
