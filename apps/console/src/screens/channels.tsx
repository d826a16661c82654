/** The channels with readers at any node, and a field that opens any channel by name, with readers or without. */
import { Button, SegmentedControl } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ArrowRight, ChevronRight, Radio, X } from 'lucide-react';
import { useMemo, useState, type FormEvent } from 'react';
import { useAsked } from '../asked.js';
import { formatCount, plural } from '../format.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { SearchField } from '../parts/search-field.js';
import { useTopOf } from '../parts/virtual.js';
import { navigate, toHash } from '../router.js';
import { namespaceTitle } from './namespace-words.js';

const REFRESH_MS = 2_000;
const LIMIT = 5_000;
const ROW_PX = 48;

interface Row {
  readonly channel: string;
  readonly subscribers: number;
}

export function Channels({ namespace }: { readonly namespace?: string | undefined }) {
  const [search, setSearch] = useState('');
  const [order, setOrder] = useState('readers');
  const [pattern] = useDebouncedValue(toPattern(search), 250);
  const { data, error, continuity, ask } = useAsked(
    'node.channels',
    {
      limit: LIMIT,
      ...(pattern !== undefined && { pattern }),
      ...(namespace !== undefined && { namespace }),
    },
    REFRESH_MS,
    { keep: true },
  );
  const rows = useMemo(() => sorted(data?.channels ?? [], order), [data, order]);
  const open = (event: FormEvent): void => {
    event.preventDefault();
    const name = search.trim();
    if (name !== '') navigate({ screen: 'channel', channel: name });
  };
  return (
    <Page
      title="Channels"
      name="Channels"
      continuity={continuity}
      source={`node.channels, every ${REFRESH_MS / 1_000} s`}
      lead="Channels with readers, at any node. Type a full name to open any channel, also one that nobody reads."
    >
      <form onSubmit={open} className="tl-toolbar">
        <SearchField
          label="Search channels, or type a full name to open"
          placeholder="Search, or a full name such as chat:lobby"
          value={search}
          onChange={setSearch}
        />
        <Button
          type="submit"
          disabled={search.trim() === ''}
          rightSection={<ArrowRight size={16} aria-hidden="true" />}
        >
          Open
        </Button>
        <SegmentedControl
          aria-label="Order"
          value={order}
          onChange={setOrder}
          data={[
            { value: 'readers', label: 'Most readers' },
            { value: 'name', label: 'Name' },
          ]}
        />
      </form>
      {namespace !== undefined && (
        <p className="tl-filter">
          Only those of namespace <b>{namespaceTitle(namespace)}</b>
          <Button
            component="a"
            href={toHash({ screen: 'channels' })}
            variant="default"
            size="compact-sm"
            leftSection={<X size={14} aria-hidden="true" />}
          >
            All channels
          </Button>
        </p>
      )}
      <div className="tl-panel">
        {data === undefined ? (
          error ? (
            <Failure title="The channels cannot be listed" reason={error.message} retry={ask} />
          ) : (
            <Waiting label="Loading channels" rows={7} />
          )
        ) : rows.length === 0 ? (
          <Empty
            icon={Radio}
            title={pattern === undefined ? 'Nobody reads anything yet' : 'No channel with readers matches'}
          >
            {pattern === undefined
              ? 'A channel appears here with its first subscriber.'
              : 'Press Open to look at a channel of exactly this name.'}
          </Empty>
        ) : (
          <ChannelList rows={rows} />
        )}
      </div>
      {rows.length > 0 && (
        <p className="tl-foot tl-num">
          {plural(rows.length, 'channel')}
          {rows.length >= LIMIT && ', the first of more: narrow the search'}
        </p>
      )}
    </Page>
  );
}

/** Only the rows on screen exist; the page itself scrolls, so a phone has one scrollbar. */
function ChannelList({ rows }: { readonly rows: readonly Row[] }) {
  const [box, top] = useTopOf<HTMLDivElement>();
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => rows[index]?.channel ?? index,
  });
  return (
    <div ref={box}>
      <div className="tl-row tl-row-head" aria-hidden="true">
        <span className="tl-grow">Channel</span>
        <span>Readers</span>
      </div>
      <ul className="tl-list" style={{ height: virtual.getTotalSize() }} aria-label="Channels">
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <li
              key={item.key}
              style={{
                height: item.size,
                transform: `translateY(${item.start - virtual.options.scrollMargin}px)`,
              }}
            >
              <a href={toHash({ screen: 'channel', channel: row.channel })} className="tl-row tl-row-link">
                <ChannelName name={row.channel} />
                <span className="tl-num tl-count" title={plural(row.subscribers, 'reader')}>
                  {formatCount(row.subscribers)}
                  <span className="tl-hidden"> {row.subscribers === 1 ? 'reader' : 'readers'}</span>
                </span>
                <ChevronRight size={16} aria-hidden="true" className="tl-faint" />
              </a>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

/** The namespace stands back behind the rest of the name. */
export function ChannelName({ name }: { readonly name: string }) {
  const at = name.indexOf(':');
  return (
    <span className="tl-channel tl-grow" title={name}>
      {at >= 0 && <span className="tl-faint">{name.slice(0, at + 1)}</span>}
      {name.slice(at + 1)}
    </span>
  );
}

function sorted(rows: readonly Row[], order: string): readonly Row[] {
  const byName = (left: Row, right: Row): number => (left.channel < right.channel ? -1 : 1);
  return [...rows].sort(
    order === 'name' ? byName : (left, right) => right.subscribers - left.subscribers || byName(left, right),
  );
}

/** A plain word is searched for anywhere; with a `*` the text is the pattern. */
function toPattern(search: string): string | undefined {
  const text = search.trim();
  if (text === '') return undefined;
  return text.includes('*') ? text : `*${text}*`;
}
