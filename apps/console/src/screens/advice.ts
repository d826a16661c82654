/** What to do about the newest event that has a code: the table of codes says it, once for references, consoles and command lines. */
import type { NodeEvent } from '@trunkline/contracts/node';
import {
  CLOSE_CODES,
  ERROR_CODES,
  UNSUBSCRIBE_CODES,
  type CloseName,
  type CodeEntry,
  type ErrorName,
  type UnsubscribeName,
} from '@trunkline/protocol';
import { CLOSE_HELP, ERROR_HELP, UNSUBSCRIBE_HELP, type CodeHelp } from '@trunkline/protocol/codes-help';

/** `events` newest first; undefined where none of them calls for anything. */
export function adviceFor(events: readonly NodeEvent[]): string | undefined {
  for (const event of events) {
    const help = helpFor(event);
    if (help) return help.help;
  }
  return undefined;
}

function helpFor(event: NodeEvent): CodeHelp | undefined {
  switch (event.kind) {
    case 'subscribeRefused':
      return ERROR_HELP[nameOf(ERROR_CODES, event.code) as ErrorName];
    case 'cut':
    case 'unsubscribed':
      return UNSUBSCRIBE_HELP[nameOf(UNSUBSCRIBE_CODES, event.code) as UnsubscribeName];
    case 'disconnected':
      return event.by === 'server' ? CLOSE_HELP[nameOf(CLOSE_CODES, event.code) as CloseName] : undefined;
    default:
      return undefined;
  }
}

function nameOf(table: Readonly<Record<string, CodeEntry>>, code: number): string {
  return Object.entries(table).find(([, entry]) => entry.code === code)?.[0] ?? '';
}
