/** Who is connected to this node, a page at a time, newest first. A row opens to the details of its connection. */
import type { ConnectionSummary } from '@trunkline/contracts/node';
import { Button, Group, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ChevronLeft, ChevronRight, PlugZap, Search } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useAsked } from '../asked.js';
import { formatBytes, formatCount, formatDuration } from '../format.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { useNow } from '../parts/now.js';
import { Page } from '../parts/page.js';
import { navigate, toHash } from '../router.js';
import { ConnectionDrawer } from './connection-drawer.js';
import { DeliveryMark, worstDelivery } from './delivery.js';

const REFRESH_MS = 2_500;
const PAGE = 200;

export function Connections({ client }: { readonly client?: string | undefined }) {
  const [search, setSearch] = useState('');
  const [offset, setOffset] = useState(0);
  const [wanted] = useDebouncedValue(search.trim(), 250);
  const page = useAsked('node.connections', { limit: PAGE, offset }, REFRESH_MS);
  // The page is searched here; a full user or client id is also looked for among all connections.
  const byUser = useAsked(
    'node.connections',
    wanted === '' ? null : { user: wanted, limit: PAGE },
    REFRESH_MS,
  );
  const byClient = useAsked('node.connections', wanted === '' ? null : { client: wanted }, REFRESH_MS);
  const rows = useMemo(
    () =>
      find(wanted, page.data?.connections ?? [], [
        ...(byUser.data?.connections ?? []),
        ...(byClient.data?.connections ?? []),
      ]),
    [wanted, page.data, byUser.data, byClient.data],
  );
  const total = page.data?.total ?? 0;
  return (
    <Page
      title="Connections"
      name="Connections"
      continuity={page.continuity}
      source={`node.connections, every ${REFRESH_MS / 1_000} s`}
      lead="Open connections of this node, newest first. Open one to see its subscriptions, and why a message did not arrive."
    >
      <div className="tl-toolbar">
        <TextInput
          className="tl-grow"
          aria-label="Search connections"
          placeholder="User, client id, address or SDK"
          leftSection={<Search size={16} aria-hidden="true" />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          spellCheck={false}
          autoCapitalize="none"
        />
        <Pager offset={offset} total={total} onMove={setOffset} />
      </div>
      <div className="tl-panel">
        {page.data === undefined ? (
          page.error ? (
            <Failure title="The connections cannot be listed" reason={page.error.message} retry={page.ask} />
          ) : (
            <Waiting label="Loading connections" rows={7} />
          )
        ) : rows.length === 0 ? (
          <Empty icon={PlugZap} title={wanted === '' ? 'No connections' : 'No connection matches'}>
            {wanted === ''
              ? 'Connections appear here as they open.'
              : 'The rows of this page are searched for any part, all others for the exact user or client id.'}
          </Empty>
        ) : (
          <ConnectionList rows={rows} />
        )}
      </div>
      <ConnectionDrawer
        client={client}
        onClose={() => navigate({ screen: 'connections' })}
        onChanged={page.ask}
      />
    </Page>
  );
}

function Pager({
  offset,
  total,
  onMove,
}: {
  readonly offset: number;
  readonly total: number;
  readonly onMove: (offset: number) => void;
}) {
  return (
    <Group gap="xs" wrap="nowrap">
      <span className="tl-foot tl-num">
        {total === 0
          ? 'none'
          : `${formatCount(offset + 1)}–${formatCount(Math.min(offset + PAGE, total))} of ${formatCount(total)}`}
      </span>
      {total > PAGE && (
        <>
          <Button
            variant="default"
            size="xs"
            px={8}
            aria-label="Newer connections"
            disabled={offset === 0}
            onClick={() => onMove(Math.max(0, offset - PAGE))}
          >
            <ChevronLeft size={16} aria-hidden="true" />
          </Button>
          <Button
            variant="default"
            size="xs"
            px={8}
            aria-label="Older connections"
            disabled={offset + PAGE >= total}
            onClick={() => onMove(offset + PAGE)}
          >
            <ChevronRight size={16} aria-hidden="true" />
          </Button>
        </>
      )}
    </Group>
  );
}

function ConnectionList({ rows }: { readonly rows: readonly ConnectionSummary[] }) {
  const now = useNow();
  const box = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  useEffect(() => setMargin(box.current?.offsetTop ?? 0), []);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => 60,
    overscan: 10,
    scrollMargin: margin,
    getItemKey: (index) => rows[index]?.client ?? index,
  });
  return (
    <div ref={box}>
      <div className="tl-row tl-row-head tl-connection" aria-hidden="true">
        <span>User</span>
        <span>Transport</span>
        <span>Subscriptions</span>
        <span>Outbox</span>
        <span>Delivery</span>
        <span>Connected</span>
      </div>
      <ul
        className="tl-list"
        style={{ height: virtual.getTotalSize() }}
        aria-label="Connections, newest first"
      >
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
              <a
                href={toHash({ screen: 'connections', client: row.client })}
                className="tl-row tl-row-link tl-connection"
              >
                <span className="tl-two">
                  <b>{row.user === '' ? 'anonymous' : row.user}</b>
                  <small className="tl-mono">{row.client.slice(0, 8)}</small>
                </span>
                <span className="tl-two">
                  {row.transport}
                  <small>
                    {row.codec}
                    {row.name !== '' && `, ${row.name} ${row.version}`}
                  </small>
                </span>
                <span className="tl-num" data-label="subscriptions">
                  {formatCount(row.subscriptions.length)}
                </span>
                <span className="tl-num" data-label="in outbox">
                  {row.outboxMessages === 0
                    ? 'empty'
                    : `${formatCount(row.outboxMessages)}, ${formatBytes(row.outboxBytes)}`}
                </span>
                <span>
                  <DeliveryMark delivery={worstDelivery(row)} />
                </span>
                <span className="tl-num" data-label="connected">
                  {formatDuration(now - row.connectedAtMs)}
                </span>
              </a>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function find(
  wanted: string,
  page: readonly ConnectionSummary[],
  exact: readonly ConnectionSummary[],
): readonly ConnectionSummary[] {
  if (wanted === '') return page;
  const text = wanted.toLowerCase();
  const here = page.filter((one) =>
    [one.user, one.client, one.remoteAddress, one.name, one.transport].some((field) =>
      field.toLowerCase().includes(text),
    ),
  );
  return [...new Map([...exact, ...here].map((one) => [one.client, one])).values()].sort(
    (left, right) => right.connectedAtMs - left.connectedAtMs,
  );
}
