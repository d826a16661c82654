/** The events of an org as the API gives them, read once into the words of `@trunkline/contracts/diagnosis`, and as one line each for people. */
import type { ApiResult } from '@trunkline/contracts/api';
import { closeWords, type EventFacts } from '@trunkline/contracts/diagnosis';
import { oneLine, plural } from './format.js';
import type { Paint } from './io.js';
import { dateTime } from './publications.js';

export type ApiEvent = ApiResult<'events'>['events'][number];

export interface ClientEvent extends EventFacts {
  readonly client: string;
  readonly user: string;
  readonly outcome?: string | undefined;
  readonly publications?: number | undefined;
}

/** What an event has beyond the fields that all have is named by its kind, so it is looked for, not assumed. */
export function toClientEvent(event: ApiEvent): ClientEvent {
  const text = (name: string): string | undefined =>
    typeof event[name] === 'string' ? event[name] : undefined;
  const number = (name: string): number | undefined =>
    typeof event[name] === 'number' ? event[name] : undefined;
  /** A loss between two positions begins behind the first. */
  const from = offsetOf(event['from']);
  return {
    kind: event.kind,
    timeMs: event.time,
    client: event.client ?? '',
    user: event.user ?? '',
    channel: event.channel,
    code: event.code,
    reason: text('reason') ?? text('message'),
    by: text('by'),
    outcome: text('outcome'),
    dropped: number('dropped'),
    publications: number('publications'),
    from: number('from') ?? (from === undefined ? undefined : from + 1),
    to: number('to') ?? offsetOf(event['to']),
  };
}

function offsetOf(position: unknown): number | undefined {
  if (typeof position !== 'object' || position === null) return undefined;
  const { offset } = position as { readonly offset?: unknown };
  return typeof offset === 'number' ? offset : undefined;
}

/** Time, who, what. No line feed at the end. */
export function eventLine(event: ClientEvent, paint: Paint): string {
  const who = event.user === '' ? event.client : `${event.user} (${event.client})`;
  return `${paint.dim(dateTime(event.timeMs))}  ${oneLine(who)}  ${oneLine(whatHappened(event))}`;
}

function whatHappened(event: ClientEvent): string {
  const { kind, channel = '', code = 0, reason, from = 0, to = 0, dropped = 0 } = event;
  const why = reason === undefined || reason === '' ? '' : `: ${reason}`;
  const range = from === 0 ? '' : ` offsets ${from} to ${to}`;
  switch (kind) {
    case 'subscribeRefused':
      return `refused ${channel}${why} (${code})`;
    case 'recovered':
      return `recovered ${channel}, ${plural(event.publications ?? 0, 'publication')}${range === '' ? '' : `,${range}`}`;
    case 'unrecovered':
      return `could not recover ${channel}${range === '' ? '' : `,${range} lost`}${why}`;
    case 'overflow':
      return `fell behind on ${channel} (${event.outcome ?? 'overflow'})${range === '' ? '' : `,${range}`}${dropped > 0 ? `, ${dropped} dropped` : ''}`;
    case 'cut':
      return `cut off from ${channel}${why} (${code})`;
    case 'unsubscribed':
      return code === 0 ? `unsubscribed from ${channel}` : `was unsubscribed from ${channel} (${code})`;
    case 'disconnected':
      return `disconnected${event.by === undefined ? '' : ` by the ${event.by}`}: ${closeWords(code, reason)}`;
    default:
      // A newer server knows kinds that this command does not.
      return `${kind}${channel === '' ? '' : ` ${channel}`}${why}${code === 0 ? '' : ` (${code})`}`;
  }
}
