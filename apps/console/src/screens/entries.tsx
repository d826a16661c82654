/** The entries of a map channel, by key, as they are now; one opens to its full data. */
import { TextInput, UnstyledButton } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronRight, KeyRound, Search } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { formatGlimpse, plural } from '../format.js';
import type { MapEntry } from '../live.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';

export function Entries({
  entries,
  loading,
}: {
  readonly entries: readonly MapEntry[];
  readonly loading: boolean;
}) {
  const [search, setSearch] = useState('');
  const shown = useMemo(
    () =>
      entries
        .filter((entry) => entry.key.includes(search))
        .sort((left, right) => (left.key < right.key ? -1 : 1)),
    [entries, search],
  );
  return (
    <Panel
      title={`Entries${loading ? '' : ` (${entries.length})`}`}
      flush
      aside={
        <TextInput
          size="xs"
          aria-label="Search keys"
          placeholder="Search keys"
          leftSection={<Search size={14} aria-hidden="true" />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      {shown.length === 0 ? (
        <Empty icon={KeyRound} title={entries.length === 0 ? 'The map is empty' : 'No key matches'}>
          {entries.length === 0
            ? 'Entries appear here as they are set.'
            : `The map holds ${plural(entries.length, 'key')}.`}
        </Empty>
      ) : (
        <List entries={shown} />
      )}
    </Panel>
  );
}

function List({ entries }: { readonly entries: readonly MapEntry[] }) {
  const box = useRef<HTMLUListElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [margin, setMargin] = useState(0);
  useEffect(() => setMargin(box.current?.offsetTop ?? 0), []);
  const virtual = useWindowVirtualizer({
    count: entries.length,
    estimateSize: () => 42,
    overscan: 10,
    scrollMargin: margin,
    getItemKey: (index) => entries[index]?.key ?? index,
  });
  const toggle = (key: string): void => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  return (
    <ul ref={box} className="tl-list" style={{ height: virtual.getTotalSize() }} aria-label="Entries by key">
      {virtual.getVirtualItems().map((item) => {
        const entry = entries[item.index];
        if (!entry) return null;
        const isOpen = open.has(entry.key);
        return (
          <li
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
          >
            <div className="tl-entry" data-open={isOpen || undefined}>
              <UnstyledButton
                className="tl-entry-line"
                onClick={() => toggle(entry.key)}
                aria-expanded={isOpen}
              >
                {isOpen ? (
                  <ChevronDown size={14} aria-hidden="true" className="tl-faint" />
                ) : (
                  <ChevronRight size={14} aria-hidden="true" className="tl-faint" />
                )}
                <span className="tl-key">{entry.key}</span>
                <code className="tl-glimpse">{formatGlimpse(entry.value)}</code>
              </UnstyledButton>
              {isOpen && (
                <div className="tl-entry-body">
                  <pre tabIndex={0} aria-label={`Value of ${entry.key}`}>
                    {JSON.stringify(entry.value, null, 2)}
                  </pre>
                </div>
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
