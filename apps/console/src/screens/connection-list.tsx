/** Connections as rows: who, over what, how much waits and how far behind. Only the rows on screen exist. */
import type { ConnectionRow } from '@trunkline/contracts/node';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { formatBytes, formatCount, formatDuration } from '../format.js';
import { Meter } from '../parts/meter.js';
import { useNow } from '../parts/now.js';
import { useTopOf } from '../parts/virtual.js';
import { toHash } from '../router.js';
import { DeliveryMark } from './delivery.js';

export function ConnectionList({
  rows,
  channel,
  outboxMaxBytes,
}: {
  readonly rows: readonly ConnectionRow[];
  readonly channel: string | undefined;
  readonly outboxMaxBytes: number | null | undefined;
}) {
  const now = useNow();
  // One node's name on every row would say nothing.
  const spread = new Set(rows.map(({ node }) => node)).size > 1;
  const [box, top] = useTopOf<HTMLDivElement>();
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => 60,
    overscan: 10,
    scrollMargin: top,
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
                href={toHash({
                  screen: 'connections',
                  client: row.client,
                  ...(channel !== undefined && { channel }),
                })}
                className="tl-row tl-row-link tl-connection"
              >
                <Row row={row} now={now} outboxMaxBytes={outboxMaxBytes} spread={spread} />
              </a>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Row({
  row,
  now,
  outboxMaxBytes,
  spread,
}: {
  readonly row: ConnectionRow;
  readonly now: number;
  /** Whether the list holds connections of several nodes. */
  readonly spread: boolean;
  readonly outboxMaxBytes: number | null | undefined;
}) {
  return (
    <>
      <span className="tl-two">
        <b>{row.user === '' ? 'anonymous' : row.user}</b>
        <small className="tl-mono">
          {row.client.slice(0, 8)}
          {spread && row.node !== undefined && ` at ${row.node}`}
        </small>
      </span>
      <span className="tl-two">
        {row.transport}
        <small>
          {row.codec}
          {row.name !== '' && `, ${row.name} ${row.version}`}
        </small>
      </span>
      <span className="tl-two" data-label="subscriptions">
        <span className="tl-num">{formatCount(row.subscriptions)}</span>
        {row.dropped > 0 && <small className="tl-num">{formatCount(row.dropped)} dropped</small>}
      </span>
      <span data-label="in outbox">
        <Meter value={row.outboxBytes} max={outboxMaxBytes}>
          {row.outboxBytes === 0 && row.outboxMessages === 0
            ? 'empty'
            : `${formatCount(row.outboxMessages)}, ${formatBytes(row.outboxBytes)}`}
        </Meter>
      </span>
      <span className="tl-two">
        <DeliveryMark delivery={row.delivery} />
        {row.behind > 0 && <small className="tl-num">{formatCount(row.behind)} behind</small>}
      </span>
      <span className="tl-num" data-label="connected">
        {formatDuration(now - row.connectedAtMs)}
      </span>
    </>
  );
}
