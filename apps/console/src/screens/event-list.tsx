/** Events as rows: when, what, who, where, one sentence. A short list of its own; the feed draws the same rows in a window. */
import type { NodeEvent } from '@trunkline/contracts/node';
import { Anchor } from '@mantine/core';
import { formatTime } from '../format.js';
import { toHash } from '../router.js';
import { channelOf, eventWords } from './event-words.js';

export function EventList({
  events,
  whose = true,
}: {
  readonly events: readonly NodeEvent[];
  /** Whether rows name client and channel; false where all are of one. */
  readonly whose?: boolean;
}) {
  return (
    <ul className="tl-events" tabIndex={0} aria-label="Events, newest first">
      {events.map((event) => (
        <li key={event.seq}>
          <EventRow event={event} whose={whose} />
        </li>
      ))}
    </ul>
  );
}

export function EventRow({ event, whose }: { readonly event: NodeEvent; readonly whose: boolean }) {
  const { tone, name, sentence } = eventWords(event);
  const channel = channelOf(event);
  return (
    <div className="tl-event" data-whose={whose || undefined}>
      <span className="tl-num tl-faint tl-event-time">{formatTime(event.timeMs)}</span>
      <span className="tl-mark" data-tone={tone}>
        <span className="tl-dot" aria-hidden="true" />
        {name}
      </span>
      <span className="tl-event-text">
        {whose && (
          <span className="tl-event-who">
            <Anchor
              href={toHash({ screen: 'connections', client: event.client })}
              size="sm"
              title={event.client}
            >
              {event.user === '' ? `anonymous ${event.client.slice(0, 8)}` : event.user}
            </Anchor>
            {channel !== undefined && (
              <Anchor
                href={toHash({
                  screen: 'why',
                  channel,
                  ...(event.user === '' ? { client: event.client } : { user: event.user }),
                })}
                size="sm"
                className="tl-mono tl-break"
              >
                {channel}
              </Anchor>
            )}
          </span>
        )}
        <span>{sentence}</span>
      </span>
    </div>
  );
}
