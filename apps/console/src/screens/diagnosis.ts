/**
 * Why a client did not get a message: the answer as sentences, out of what the server says of the connection, of the channel and of its
 * namespace. Pure. It claims only what those facts show; where two causes look alike from the server it names both.
 */
import type { ConnectionSummary, NamespaceSummary } from '@trunkline/contracts/node';
import { formatBytes, formatCount, formatDateTime, plural } from '../format.js';

export interface Facts {
  readonly connection: ConnectionSummary;
  readonly channel: string;
  /** The channel's top; undefined while it is being asked for. */
  readonly top: { readonly epoch: string; readonly offset: number } | undefined;
  readonly namespace: NamespaceSummary | undefined;
  /** The offset in question, where it is known. */
  readonly offset?: number | undefined;
  /** When that publication was accepted, where the history still says. */
  readonly publishedAtMs?: number | undefined;
}

export interface Diagnosis {
  readonly tone: 'good' | 'wait' | 'bad';
  readonly verdict: string;
  readonly reasons: readonly string[];
}

const EMPTY_OUTBOX = 'Its outbox is empty: everything was written to the network.';

export function diagnose(facts: Facts): Diagnosis {
  const subscription = facts.connection.subscriptions.find((one) => one.channel === facts.channel);
  if (!subscription) return notSubscribed(facts);
  const { delivery, position, dropped } = subscription;
  const { top, offset } = facts;
  if (delivery === 'cut') {
    return bad('Cut off: this reader fell behind.', [
      `Its outbox was full (${outbox(facts.connection)}), so it was told to subscribe again from offset ${formatCount(position.offset)}.`,
      'It gets everything it missed as soon as it reads again, if the channel’s history still reaches back that far.',
    ]);
  }
  if (top && top.epoch !== '' && position.epoch !== '' && top.epoch !== position.epoch) {
    return bad('The channel began anew under this reader.', [
      `It was handed offsets of epoch ${position.epoch || '(none)'}; the channel is now in epoch ${top.epoch}.`,
      'Offsets of the two cannot be compared: the client is told to take the state again.',
    ]);
  }
  if (offset !== undefined && position.epoch !== '' && offset <= position.offset)
    return handed(facts, subscription, offset);
  if (delivery === 'gapping') {
    return bad('Behind: publications are being skipped.', [
      `${plural(dropped, 'publication')} were dropped for this reader so far, and it is told the range once it reads again.`,
      `Its outbox holds ${outbox(facts.connection)}.`,
    ]);
  }
  if (delivery === 'conflating') {
    return {
      tone: 'wait',
      verdict: 'Behind: only the newest values are kept for it.',
      reasons: [
        `${plural(dropped, 'older publication')} were replaced by newer ones.`,
        `Its outbox holds ${outbox(facts.connection)}.`,
      ],
    };
  }
  if (top && top.epoch === position.epoch && top.offset > position.offset)
    return trailing(facts, position, top);
  if (offset !== undefined && top && offset > top.offset) {
    return {
      tone: 'wait',
      verdict: `Offset ${formatCount(offset)} was not published yet.`,
      reasons: [`The channel is at ${formatCount(top.offset)}, and this reader has all of it.`],
    };
  }
  return upToDate(facts, subscription);
}

/** The namespace that rules a channel: that of its prefix, or `*`, which covers every prefix without one of its own. */
export function namespaceFor(
  channel: string,
  namespaces: readonly NamespaceSummary[],
): NamespaceSummary | undefined {
  const prefix = channel.includes(':') ? channel.slice(0, channel.indexOf(':')) : '';
  const own = namespaces.find((one) => one.name === prefix);
  return own ?? (prefix === '' ? undefined : namespaces.find((one) => one.name === '*'));
}

function notSubscribed({ connection, channel, namespace }: Facts): Diagnosis {
  const reasons = [
    `The connection has ${plural(connection.subscriptions.length, 'subscription')}, and none to ${channel}.`,
  ];
  if (!namespace)
    reasons.push(
      'No namespace covers this name, so a subscribe is denied (103) to everybody without a capability.',
    );
  else if (namespace.allowSubscribe.length === 0)
    reasons.push(
      `Namespace “${shown(namespace)}” lets nobody subscribe: if the client asked, it was denied (103) unless its token grants the channel.`,
    );
  else
    reasons.push(
      `Namespace “${shown(namespace)}” admits ${namespace.allowSubscribe.join(', ')}: a client that is none of these and has no capability was denied (103).`,
    );
  reasons.push('Otherwise it has not asked yet, or has unsubscribed.');
  return bad('Not subscribed.', reasons);
}

/** Connection and channel were asked one after the other: on a busy channel the second answer is always a little ahead. */
function trailing({ connection }: Facts, position: Position, top: Position): Diagnosis {
  const reasons = [
    `It was handed everything up to offset ${formatCount(position.offset)}; the channel was at ${formatCount(top.offset)} when asked a moment later.`,
  ];
  if (connection.outboxMessages === 0)
    return { tone: 'good', verdict: 'Subscribed and keeping up.', reasons: [...reasons, EMPTY_OUTBOX] };
  return {
    tone: 'wait',
    verdict: `Behind by about ${plural(top.offset - position.offset, 'publication')}.`,
    reasons: [...reasons, `Its outbox holds ${outbox(connection)}.`],
  };
}

type Position = Subscription['position'];
type Subscription = ConnectionSummary['subscriptions'][number];

function handed(
  { connection, publishedAtMs }: Facts,
  { subscribedAtMs, dropped, recoverable }: Subscription,
  offset: number,
): Diagnosis {
  const name = `Offset ${formatCount(offset)}`;
  if (publishedAtMs !== undefined && publishedAtMs < subscribedAtMs) {
    return {
      tone: 'wait',
      verdict: `${name} was published before this subscription began.`,
      reasons: [
        `Published ${formatDateTime(publishedAtMs)}, subscribed ${formatDateTime(subscribedAtMs)}.`,
        recoverable
          ? 'A client that came back with an earlier position has recovered it; one that subscribed afresh never gets it.'
          : 'The subscription does not recover, so what came before it was not sent.',
      ],
    };
  }
  const reasons: string[] = [];
  if (dropped > 0)
    reasons.push(
      `But ${plural(dropped, 'publication')} were dropped or replaced for this reader, and this may be one of them; the client was told.`,
    );
  if (publishedAtMs === undefined)
    reasons.push(
      `The history no longer says when it was published; what came before ${formatDateTime(subscribedAtMs)} was handed over only to a client that recovers.`,
    );
  if (connection.outboxMessages > 0) {
    return {
      tone: 'wait',
      verdict: `${name} is on its way or delivered.`,
      reasons: [`${outbox(connection)} wait in the outbox.`, ...reasons],
    };
  }
  return {
    tone: dropped > 0 ? 'wait' : 'good',
    verdict: `${name} was handed to this connection.`,
    reasons: [EMPTY_OUTBOX, ...reasons],
  };
}

function upToDate(
  { connection }: Facts,
  { position, dropped, subscribedAtMs, recoverable }: Subscription,
): Diagnosis {
  const reasons = [
    position.epoch === ''
      ? 'The channel numbers nothing: what was published while the client was away is gone.'
      : `It was handed everything up to offset ${formatCount(position.offset)}, which is all there is.`,
    connection.outboxMessages > 0 ? `${outbox(connection)} wait in its outbox.` : EMPTY_OUTBOX,
    `Subscribed since ${formatDateTime(subscribedAtMs)}${recoverable ? '; a reconnect continues where it stopped' : '; without recovery, so what came before, or during a reconnect, was not sent'}.`,
  ];
  if (dropped > 0)
    reasons.push(
      `${plural(dropped, 'publication')} were dropped or replaced earlier, and the client was told.`,
    );
  return { tone: dropped > 0 ? 'wait' : 'good', verdict: 'Subscribed and up to date.', reasons };
}

function bad(verdict: string, reasons: readonly string[]): Diagnosis {
  return { tone: 'bad', verdict, reasons };
}

function outbox({ outboxMessages, outboxBytes }: ConnectionSummary): string {
  return `${plural(outboxMessages, 'message')} (${formatBytes(outboxBytes)})`;
}

function shown(namespace: NamespaceSummary): string {
  return namespace.name === '' ? 'default' : namespace.name;
}
