/**
 * What happens to the org's clients at any node, as it happens: refusals, losses, cuts, ends. A channel like any other carries it; what was
 * before the page was opened is asked for once per connection.
 */
import type { NodeEvent } from '@trunkline/contracts/node';
import { Button, SegmentedControl } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ListTree, Pause, Play, Unplug } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { formatCount, plural } from '../format.js';
import { useCall, useStream } from '../live.js';
import { Empty, Failure, Waiting } from '../parts/notices.js';
import { Page } from '../parts/page.js';
import { SearchField } from '../parts/search-field.js';
import { useTopOf } from '../parts/virtual.js';
import {
  addEvents,
  EMPTY_EVENTS,
  eventKey,
  EVENTS_MAX,
  missedBefore,
  pauseEvents,
  type EventLog,
} from './event-log.js';
import { EventRow } from './event-list.js';
import { channelOf, EVENT_GROUPS, eventWords } from './event-words.js';

const FIRST = 500;

export function Events() {
  const call = useCall();
  const [log, setLog] = useState<EventLog>(EMPTY_EVENTS);
  const [asked, setAsked] = useState(false);
  const [group, setGroup] = useState('all');
  const [search, setSearch] = useState('');
  const { continuity } = useStream(
    'node:events',
    (publication) => setLog((before) => addEvents(before, [publication.data as NodeEvent])),
    // Another node, or another run of it, counts its own events.
    (_text, _offset, anew) => anew && setLog(({ paused }) => ({ ...EMPTY_EVENTS, paused })),
  );
  const live = continuity.state === 'live';
  useEffect(() => {
    if (!live) return undefined;
    let over = false;
    call('node.events', { limit: FIRST }).then(
      ({ events }) => {
        if (over) return;
        setLog((before) => addEvents(before, events));
        setAsked(true);
      },
      () => !over && setAsked(true),
    );
    return () => {
      over = true;
    };
  }, [call, live]);
  const shown = useMemo(
    () => narrow(log.events, group, search.trim().toLowerCase()),
    [log.events, group, search],
  );
  const waiting = log.held.length;
  return (
    <Page
      title="Events"
      name="Events"
      continuity={continuity}
      source="node:events"
      lead="What happens to this org’s clients, at every node. Each node keeps the newest; after its restart it begins anew."
      actions={
        <Button
          variant={log.paused ? 'filled' : 'default'}
          aria-pressed={log.paused}
          leftSection={
            log.paused ? <Play size={15} aria-hidden="true" /> : <Pause size={15} aria-hidden="true" />
          }
          onClick={() => setLog((before) => pauseEvents(before, !before.paused))}
        >
          {log.paused ? 'Resume' : 'Pause'}
        </Button>
      }
    >
      <div className="tl-toolbar">
        <SearchField
          label="Search user, client, channel, code"
          placeholder="User, client, channel, code"
          value={search}
          onChange={setSearch}
        />
        <SegmentedControl
          aria-label="Kind"
          value={group}
          onChange={setGroup}
          data={EVENT_GROUPS.map(({ value, label }) => ({ value, label }))}
        />
      </div>
      <div className="tl-panel">
        {log.paused && (
          <div className="tl-held" role="status">
            <Pause size={14} aria-hidden="true" />
            <span className="tl-num">
              {waiting === 0 ? 'Paused. Nothing happened since.' : `Paused. ${heldWords(waiting)}`}
            </span>
          </div>
        )}
        {continuity.state === 'failed' ? (
          <Failure
            title="The events cannot be read"
            reason={`The server answered: ${continuity.reason}. They are for administrators of the org.`}
          />
        ) : shown.length > 0 ? (
          <Feed events={shown} complete={group === 'all' && search.trim() === ''} />
        ) : !asked ? (
          <Waiting label="Loading events" rows={7} />
        ) : log.events.length === 0 ? (
          <Empty icon={ListTree} title="Nothing happened yet">
            Refused subscribes, losses, cuts and disconnects appear here as they happen.
          </Empty>
        ) : (
          <Empty icon={ListTree} title="No event matches">
            {plural(log.events.length, 'event')} of other kinds, users or channels.
          </Empty>
        )}
      </div>
      {shown.length > 0 && (
        <p className="tl-foot tl-num">
          {plural(shown.length, 'event')}
          {log.events.length >= EVENTS_MAX && ', the newest'}
        </p>
      )}
    </Page>
  );
}

/** Only the rows on screen exist. `complete`: neighbours are neighbours, so a jump between them is a loss. */
function Feed({ events, complete }: { readonly events: readonly NodeEvent[]; readonly complete: boolean }) {
  const [box, top] = useTopOf<HTMLUListElement>();
  const virtual = useWindowVirtualizer({
    count: events.length,
    estimateSize: () => 62,
    overscan: 10,
    scrollMargin: top,
    getItemKey: (index) => {
      const event = events[index];
      return event ? eventKey(event) : index;
    },
  });
  return (
    <ul
      ref={box}
      className="tl-list"
      style={{ height: virtual.getTotalSize() }}
      aria-label="Events, newest first"
    >
      {virtual.getVirtualItems().map((item) => {
        const event = events[item.index];
        if (!event) return null;
        const missed = complete ? missedBefore(events, item.index) : 0;
        return (
          <li
            key={item.key}
            ref={virtual.measureElement}
            data-index={item.index}
            style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
          >
            <EventRow event={event} whose />
            {missed > 0 && (
              <div className="tl-hole">
                <Unplug size={14} aria-hidden="true" />
                <span>{plural(missed, 'older event')} came faster than they could be kept.</span>
              </div>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function heldWords(waiting: number): string {
  return waiting >= EVENTS_MAX
    ? `More than ${formatCount(EVENTS_MAX)} events came since; the newest of them are held back.`
    : `${plural(waiting, 'event')} came since.`;
}

function narrow(events: readonly NodeEvent[], group: string, text: string): readonly NodeEvent[] {
  const kinds = EVENT_GROUPS.find((one) => one.value === group)?.kinds ?? [];
  return events.filter((event) => {
    if (kinds.length > 0 && !kinds.includes(event.kind)) return false;
    if (text === '') return true;
    const { name, sentence } = eventWords(event);
    return `${event.user} ${event.client} ${channelOf(event) ?? ''} ${name} ${sentence}`
      .toLowerCase()
      .includes(text);
  });
}
