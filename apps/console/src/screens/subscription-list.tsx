/** A page of one connection's subscriptions: where each stands, how it goes in one sentence, and the way to its full answer. */
import type { ConnectionRow, SubscriptionSummary } from '@trunkline/contracts/node';
import { ActionIcon, Anchor, Button, Group } from '@mantine/core';
import { ChevronLeft, ChevronRight, Unplug } from 'lucide-react';
import { formatCount } from '../format.js';
import { Empty } from '../parts/notices.js';
import { Panel } from '../parts/panel.js';
import { SearchField } from '../parts/search-field.js';
import { toHash } from '../router.js';
import { DeliveryMark } from './delivery.js';
import { subscriptionWords } from './diagnosis.js';

export interface SubscriptionListProps {
  readonly connection: ConnectionRow;
  readonly subscriptions: readonly SubscriptionSummary[];
  /** That match. */
  readonly total: number;
  readonly search: string;
  readonly onSearch: (search: string) => void;
  readonly offset: number;
  readonly page: number;
  readonly onMove: (offset: number) => void;
  readonly onExplain: (channel: string) => void;
  readonly onUnsubscribe: (channel: string) => void;
}

/** Fewer need no search. */
const SEARCHED_FROM = 8;

export function SubscriptionList(props: SubscriptionListProps) {
  const { connection, subscriptions, total, search, onSearch, offset, page, onMove } = props;
  return (
    <Panel
      title={`Subscriptions (${formatCount(connection.subscriptions)})`}
      flush
      aside={
        connection.subscriptions >= SEARCHED_FROM && (
          <SearchField small label="Search subscriptions" value={search} onChange={onSearch} />
        )
      }
    >
      {subscriptions.length === 0 ? (
        <Empty
          icon={Unplug}
          title={connection.subscriptions === 0 ? 'Reads nothing' : 'No channel matches'}
        />
      ) : (
        <ul className="tl-subs">
          {subscriptions.map((one) => (
            <Row key={one.channel} one={one} {...props} />
          ))}
        </ul>
      )}
      {total > page && (
        <Group justify="space-between" p="xs" pl="md" className="tl-panel-foot">
          <span className="tl-foot tl-num">
            {formatCount(offset + 1)}–{formatCount(Math.min(offset + page, total))} of {formatCount(total)}
          </span>
          <Group gap="xs">
            <ActionIcon
              variant="default"
              aria-label="Subscriptions before"
              disabled={offset === 0}
              onClick={() => onMove(Math.max(0, offset - page))}
            >
              <ChevronLeft size={16} aria-hidden="true" />
            </ActionIcon>
            <ActionIcon
              variant="default"
              aria-label="Subscriptions after"
              disabled={offset + page >= total}
              onClick={() => onMove(offset + page)}
            >
              <ChevronRight size={16} aria-hidden="true" />
            </ActionIcon>
          </Group>
        </Group>
      )}
    </Panel>
  );
}

function Row({
  one,
  connection,
  onExplain,
  onUnsubscribe,
}: SubscriptionListProps & { readonly one: SubscriptionSummary }) {
  return (
    <li>
      <div className="tl-sub-head">
        <Anchor
          href={toHash({ screen: 'channel', channel: one.channel })}
          size="sm"
          className="tl-break tl-grow"
          fw={600}
        >
          {one.channel}
        </Anchor>
        <DeliveryMark delivery={one.delivery} />
      </div>
      <p>{subscriptionWords(one, connection)}</p>
      <div className="tl-sub-foot">
        <span className="tl-chips">
          <span className="tl-chip tl-num">
            {one.position.epoch === '' ? 'not numbered' : `offset ${formatCount(one.position.offset)}`}
          </span>
          {one.position.epoch !== '' && <span className="tl-chip tl-mono">epoch {one.position.epoch}</span>}
          {one.type !== 'stream' && <span className="tl-chip">{one.type}</span>}
          <span className="tl-chip">{one.recoverable ? 'recovers' : 'does not recover'}</span>
          {one.serverSide && <span className="tl-chip">by the server</span>}
          {one.dropped > 0 && <span className="tl-chip tl-num">{formatCount(one.dropped)} dropped</span>}
        </span>
        <span className="tl-sub-actions">
          <Button
            variant="default"
            size="compact-xs"
            onClick={() => onExplain(one.channel)}
            aria-label={`Explain ${one.channel}`}
          >
            Explain
          </Button>
          <Button
            variant="default"
            size="compact-xs"
            onClick={() => onUnsubscribe(one.channel)}
            aria-label={`Unsubscribe from ${one.channel}`}
          >
            End
          </Button>
        </span>
      </div>
    </li>
  );
}
