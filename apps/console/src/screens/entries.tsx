/** The entries of a map channel as a table by key, as they are now; one opens to its full value, and can be edited, removed and copied. */
import { ActionIcon, Button, Tooltip, UnstyledButton } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronRight, KeyRound, Pencil, Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { formatCount, formatGlimpse, plural } from '../format.js';
import type { MapEntry } from '../live.js';
import { Copy } from '../parts/copy.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { SearchField } from '../parts/search-field.js';
import { useTopOf } from '../parts/virtual.js';
import type { Schema } from '../schema.js';
import { EntryEditor, type Edit } from './entry-editor.js';

export interface EntriesProps {
  readonly channel: string;
  readonly entries: readonly MapEntry[];
  readonly loading: boolean;
  readonly schema?: Schema | undefined;
  /** False: only its module writes into it. */
  readonly writable: boolean;
}

export function Entries({ channel, entries, loading, schema, writable }: EntriesProps) {
  const [search, setSearch] = useState('');
  const [edit, setEdit] = useState<Edit>();
  const shown = useMemo(() => {
    const text = search.trim().toLowerCase();
    return entries
      .filter(
        ({ key, value }) =>
          text === '' ||
          key.toLowerCase().includes(text) ||
          formatGlimpse(value).toLowerCase().includes(text),
      )
      .sort((left, right) => (left.key < right.key ? -1 : 1));
  }, [entries, search]);
  return (
    <Panel
      title={loading ? 'Entries' : `Entries (${formatCount(entries.length)})`}
      flush
      aside={
        <div className="tl-tools">
          <SearchField
            small
            label="Search keys and values"
            placeholder="Search keys and values"
            value={search}
            onChange={setSearch}
          />
          {writable && (
            <Button
              size="xs"
              leftSection={<Plus size={14} aria-hidden="true" />}
              onClick={() => setEdit({ kind: 'add' })}
            >
              Add
            </Button>
          )}
        </div>
      }
    >
      {shown.length === 0 ? (
        <Empty icon={KeyRound} title={entries.length === 0 ? 'The map is empty' : 'No entry matches'}>
          {entries.length === 0
            ? 'Entries appear here as they are set.'
            : `The map holds ${plural(entries.length, 'key')}.`}
        </Empty>
      ) : (
        <List entries={shown} writable={writable} onEdit={setEdit} />
      )}
      <EntryEditor channel={channel} edit={edit} schema={schema} onClose={() => setEdit(undefined)} />
    </Panel>
  );
}

function List({
  entries,
  writable,
  onEdit,
}: {
  readonly entries: readonly MapEntry[];
  readonly writable: boolean;
  readonly onEdit: (edit: Edit) => void;
}) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [box, top] = useTopOf<HTMLUListElement>();
  const virtual = useWindowVirtualizer({
    count: entries.length,
    estimateSize: () => 44,
    overscan: 10,
    scrollMargin: top,
    getItemKey: (index) => entries[index]?.key ?? index,
  });
  const toggle = (key: string): void => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  return (
    <>
      <div className="tl-row tl-row-head tl-entry-head" aria-hidden="true">
        <span className="tl-key">Key</span>
        <span>Value</span>
      </div>
      <ul
        ref={box}
        className="tl-list"
        style={{ height: virtual.getTotalSize() }}
        aria-label="Entries by key"
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
              <Row
                entry={entry}
                open={open.has(entry.key)}
                writable={writable}
                onToggle={() => toggle(entry.key)}
                onEdit={onEdit}
              />
            </li>
          );
        })}
      </ul>
    </>
  );
}

function Row({
  entry: { key, value },
  open,
  writable,
  onToggle,
  onEdit,
}: {
  readonly entry: MapEntry;
  readonly open: boolean;
  readonly writable: boolean;
  readonly onToggle: () => void;
  readonly onEdit: (edit: Edit) => void;
}) {
  return (
    <div className="tl-entry" data-open={open || undefined}>
      <div className="tl-entry-top">
        <UnstyledButton className="tl-entry-line" onClick={onToggle} aria-expanded={open}>
          {open ? (
            <ChevronDown size={14} aria-hidden="true" className="tl-faint" />
          ) : (
            <ChevronRight size={14} aria-hidden="true" className="tl-faint" />
          )}
          <span className="tl-key">{key}</span>
          <code className="tl-glimpse">{formatGlimpse(value)}</code>
        </UnstyledButton>
        <Copy what={`the value of ${key}`} text={() => JSON.stringify(value, null, 2)} />
        {writable && (
          <>
            <Tooltip label="Edit" withArrow>
              <ActionIcon
                variant="subtle"
                size="md"
                aria-label={`Edit ${key}`}
                onClick={() => onEdit({ kind: 'edit', key })}
              >
                <Pencil size={15} aria-hidden="true" />
              </ActionIcon>
            </Tooltip>
            <Tooltip label="Remove" withArrow>
              <ActionIcon
                variant="subtle"
                size="md"
                aria-label={`Remove ${key}`}
                onClick={() => onEdit({ kind: 'remove', key })}
              >
                <Trash2 size={15} aria-hidden="true" />
              </ActionIcon>
            </Tooltip>
          </>
        )}
      </div>
      {open && (
        <div className="tl-entry-body">
          <pre className="tl-pre" tabIndex={0} aria-label={`Value of ${key}`}>
            {JSON.stringify(value, null, 2)}
          </pre>
        </div>
      )}
    </div>
  );
}
