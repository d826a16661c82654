/** Events of an org in words: a short name, one sentence, and how bad it is. Pure; shared by the feed and the answer to "why not". */
import type { NodeEvent, NodeEventKind } from '@trunkline/contracts/node';
import type { EventFacts } from '@trunkline/contracts/diagnosis';
import { formatCount, plural } from '../format.js';
import { closeCodeWords, codeWords, unsubscribeWords } from './codes.js';

export interface EventWords {
  readonly tone: 'good' | 'wait' | 'bad' | 'off';
  readonly name: string;
  readonly sentence: string;
}

/** What the feed can be narrowed to, in the order of the menu. */
export const EVENT_GROUPS: readonly {
  readonly value: string;
  readonly label: string;
  readonly kinds: readonly NodeEventKind[];
}[] = [
  { value: 'all', label: 'All', kinds: [] },
  { value: 'refused', label: 'Refused', kinds: ['subscribeRefused'] },
  { value: 'lost', label: 'Lost', kinds: ['unrecovered', 'overflow', 'cut'] },
  { value: 'ended', label: 'Ended', kinds: ['unsubscribed', 'disconnected'] },
  { value: 'recovered', label: 'Recovered', kinds: ['recovered'] },
];

const UNRECOVERED: Readonly<Record<string, string>> = {
  epoch: 'the channel had begun anew',
  trimmed: 'the history no longer reaches back that far',
  limit: 'more was missed than one reply may hold',
  ahead: 'its position was beyond the newest',
};

const OUTCOMES: Readonly<Record<string, string>> = {
  recover: 'it was cut off, to come back by position',
  latest: 'older values were replaced by newer ones',
  gap: 'publications were skipped, and it was told the range',
  close: 'its connection was closed',
};

export function eventWords(event: NodeEvent): EventWords {
  switch (event.kind) {
    case 'subscribeRefused':
      return {
        tone: 'bad',
        name: event.code === 103 ? 'denied' : 'refused',
        sentence: `May not subscribe: ${codeWords(event.code)}${detailOf(event)}.`,
      };
    case 'recovered':
      return {
        tone: 'good',
        name: 'recovered',
        sentence: `Continued from offset ${formatCount(event.from.offset)} to ${formatCount(event.to.offset)} with ${plural(event.publications, 'publication')}.`,
      };
    case 'unrecovered':
      return {
        tone: 'bad',
        name: 'not recovered',
        sentence: `Could not continue from offset ${formatCount(event.from.offset)}: ${UNRECOVERED[event.reason] ?? event.reason}. It takes the state anew.`,
      };
    case 'overflow':
      return {
        tone: event.outcome === 'latest' ? 'wait' : 'bad',
        name: 'too slow',
        sentence: `Its outbox was full${rangeOf(event)}: ${OUTCOMES[event.outcome] ?? event.outcome}${event.dropped > 0 ? ` (${formatCount(event.dropped)} dropped)` : ''}.`,
      };
    case 'cut':
      return {
        tone: 'bad',
        name: 'cut off',
        sentence: `Told to subscribe again from offset ${formatCount(event.position.offset)}: ${event.reason} (${event.code}).`,
      };
    case 'unsubscribed':
      return {
        tone: 'off',
        name: 'unsubscribed',
        sentence:
          event.code === 0
            ? 'Ended the subscription itself.'
            : `Ended by the server: ${unsubscribeWords(event.code)}.`,
      };
    case 'disconnected':
      return {
        tone: event.by === 'server' ? 'wait' : 'off',
        name: 'disconnected',
        sentence: `Closed by the ${event.by}: ${closeCodeWords(event.code)}.`,
      };
  }
}

/** The channel it concerns; a disconnect concerns all. */
export function channelOf(event: NodeEvent): string | undefined {
  return 'channel' in event ? event.channel : undefined;
}

/** In the words of the shared conclusions. A loss between two positions begins behind the first. */
export function toEventFacts(event: NodeEvent): EventFacts {
  const { kind, timeMs } = event;
  const channel = channelOf(event);
  switch (event.kind) {
    case 'subscribeRefused':
      return { kind, timeMs, channel, code: event.code, reason: event.message };
    case 'recovered':
      return { kind, timeMs, channel, from: event.from.offset + 1, to: event.to.offset };
    case 'unrecovered':
      return {
        kind,
        timeMs,
        channel,
        reason: UNRECOVERED[event.reason] ?? event.reason,
        // Offsets of two epochs cannot be compared.
        ...(event.from.epoch === event.to.epoch && { from: event.from.offset + 1, to: event.to.offset }),
      };
    case 'overflow':
      return { kind, timeMs, channel, from: event.from, to: event.to, dropped: event.dropped };
    case 'cut':
      return { kind, timeMs, channel, code: event.code, reason: event.reason };
    case 'unsubscribed':
      return { kind, timeMs, channel, code: event.code };
    case 'disconnected':
      return { kind, timeMs, code: event.code, reason: event.reason, by: event.by };
  }
}

/** What the message says beyond the code's own words. */
function detailOf({ code, message }: { readonly code: number; readonly message: string }): string {
  return message === '' || codeWords(code).endsWith(message) ? '' : `, ${message}`;
}

function rangeOf({ from, to }: { readonly from: number; readonly to: number }): string {
  if (from === 0) return '';
  return from === to
    ? ` at offset ${formatCount(from)}`
    : ` from offset ${formatCount(from)} to ${formatCount(to)}`;
}
