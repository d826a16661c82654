/**
 * Why a client did not get a message: the conclusions are those of `@trunkline/contracts/diagnosis`, shared with the command; here they get the
 * console's numbers and times, and the facts that `node.explain` gathers. Pure.
 */
import {
  diagnose as conclude,
  diagnoseAbsent,
  type Diagnosis,
  type Facts,
  type Words,
} from '@trunkline/contracts/diagnosis';
import type { ConnectionRow, SubscriptionSummary } from '@trunkline/contracts/node';
import type { Result } from '../asked.js';
import { formatBytes, formatCount, formatDateTime, plural } from '../format.js';
import { toEventFacts } from './event-words.js';

export type { Diagnosis, Facts };
export type Explained = Result<'node.explain'>;

const WORDS: Words = { count: formatCount, plural, bytes: formatBytes, dateTime: formatDateTime };

export function diagnose(facts: Facts): Diagnosis {
  return conclude(facts, WORDS);
}

export interface Answer {
  /** Undefined: nobody is connected. */
  readonly connection: Explained['connections'][number] | undefined;
  readonly diagnosis: Diagnosis;
}

/** One answer per connection; one for nobody. `who` begins a sentence. */
export function answersOf(
  who: string,
  channel: string,
  offset: number | undefined,
  explained: Explained,
): readonly Answer[] {
  const { connections, namespace, publication } = explained;
  if (connections.length === 0) {
    const events = explained.events.map(toEventFacts);
    return [{ connection: undefined, diagnosis: diagnoseAbsent(who, channel, events, WORDS) }];
  }
  return connections.map((connection) => ({
    connection,
    diagnosis: diagnose({
      connection: {
        outboxMessages: connection.outboxMessages,
        outboxBytes: connection.outboxBytes,
        subscriptions: connection.subscription ? [connection.subscription] : [],
        subscriptionCount: connection.subscriptions,
      },
      channel,
      top: connection.top ?? explained.channel?.position,
      namespace,
      offset,
      publishedAtMs: publication?.timeMs,
      events: explained.events.filter((event) => event.client === connection.client).map(toEventFacts),
    }),
  }));
}

/** One subscription as a sentence, without asking for the channel: only what the connection itself shows. */
export function subscriptionWords(one: SubscriptionSummary, { outboxMessages }: ConnectionRow): string {
  const dropped =
    one.dropped === 0
      ? ''
      : ` ${plural(one.dropped, 'publication')} dropped or replaced so far; the client was told.`;
  return `${stateWords(one, outboxMessages)}${dropped}`;
}

function stateWords({ delivery, position }: SubscriptionSummary, waiting: number): string {
  const upTo =
    position.epoch === '' ? 'what was published' : `everything up to offset ${formatCount(position.offset)}`;
  switch (delivery) {
    case 'flowing':
      return waiting === 0
        ? `Sent ${upTo}.`
        : `Handed ${upTo}; ${plural(waiting, 'message')} of this connection wait to be sent.`;
    case 'conflating':
      return 'Too slow: only the newest value of each key waits for it.';
    case 'gapping':
      return 'Too slow: publications are skipped until it reads again, then it is told which.';
    case 'cut':
      return `Too slow: cut off, to come back from offset ${formatCount(position.offset)}.`;
  }
}
