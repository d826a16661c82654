/**
 * Why a client did not get a publication: the answer as sentences, out of what a server says of the connection, of the channel, of its
 * namespace, and of what lately happened. One place for the console and the command, so that both conclude the same. Pure; it claims only
 * what the facts show, and where two causes look alike from the server it names both.
 */
import { CLOSE_CODES, ERROR_CODES, UNSUBSCRIBE_CODES, type Position } from '@trunkline/protocol';

export interface SubscriptionFacts {
  readonly channel: string;
  /** The last position handed to the connection's outbox. */
  readonly position: Position;
  readonly delivery: string;
  readonly dropped: number;
  /** Absent where the source does not say. */
  readonly subscribedAtMs?: number;
  readonly recoverable?: boolean;
}

export interface ConnectionFacts {
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly subscriptions: readonly SubscriptionFacts[];
  /** How many it has, where only some are given. Default: as many as are given. */
  readonly subscriptionCount?: number;
}

export interface NamespaceFacts {
  readonly name: string;
  readonly allowSubscribe: readonly string[];
}

/** An event of the org (`node.events`, `POST /api/events`); only what its kind has is there. */
export interface EventFacts {
  readonly kind: string;
  readonly timeMs: number;
  readonly channel?: string | undefined;
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
  readonly by?: string | undefined;
  readonly dropped?: number | undefined;
  /** Offsets of a loss, both included; 0: unnumbered. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface Facts {
  readonly connection: ConnectionFacts;
  readonly channel: string;
  /** The channel's top; undefined where it is not known (yet). */
  readonly top: Position | undefined;
  readonly namespace: NamespaceFacts | undefined;
  /** The offset in question, where it is known. */
  readonly offset?: number | undefined;
  /** When that publication was accepted, where the history still says. */
  readonly publishedAtMs?: number | undefined;
  /** What happened to this client, newest first. */
  readonly events?: readonly EventFacts[];
}

export interface Diagnosis {
  readonly tone: 'good' | 'wait' | 'bad';
  readonly verdict: string;
  readonly reasons: readonly string[];
}

/** How the asker writes numbers and times. */
export interface Words {
  count(value: number): string;
  /** `1 message`, `2 messages`. */
  plural(value: number, one: string): string;
  bytes(value: number): string;
  dateTime(timeMs: number): string;
}

const EMPTY_OUTBOX = 'Its outbox is empty: everything was written to the network.';

export function diagnose(facts: Facts, words: Words): Diagnosis {
  const subscription = facts.connection.subscriptions.find((one) => one.channel === facts.channel);
  if (!subscription) return notSubscribed(facts, words);
  const { delivery, position, dropped } = subscription;
  const { top, offset } = facts;
  const outbox = outboxOf(facts.connection, words);
  if (delivery === 'cut') {
    return bad('Cut off: this reader fell behind.', [
      `Its outbox was full (${outbox}), so it was told to subscribe again from offset ${words.count(position.offset)}.`,
      'It gets everything it missed as soon as it reads again, if the channel’s history still reaches back that far.',
    ]);
  }
  if (top && top.epoch !== '' && position.epoch !== '' && top.epoch !== position.epoch) {
    return bad('The channel began anew under this reader.', [
      `It was handed offsets of epoch ${position.epoch || '(none)'}; the channel is now in epoch ${top.epoch}.`,
      'Offsets of the two cannot be compared: the client is told to take the state again.',
    ]);
  }
  const lost = lostEvent(facts);
  if (lost !== undefined && offset !== undefined) return lostIn(lost, offset, words);
  if (offset !== undefined && position.epoch !== '' && offset <= position.offset)
    return handed(facts, subscription, offset, words);
  if (delivery === 'gapping') {
    return bad('Behind: publications are being skipped.', [
      `${words.plural(dropped, 'publication')} were dropped for this reader so far, and it is told the range once it reads again.`,
      `Its outbox holds ${outbox}.`,
    ]);
  }
  if (delivery === 'conflating') {
    return wait('Behind: only the newest values are kept for it.', [
      `${words.plural(dropped, 'older publication')} were replaced by newer ones.`,
      `Its outbox holds ${outbox}.`,
    ]);
  }
  if (top && top.epoch === position.epoch && top.offset > position.offset)
    return trailing(facts, position, top, words);
  if (offset !== undefined && top && offset > top.offset) {
    return wait(`Offset ${words.count(offset)} was not published yet.`, [
      `The channel is at ${words.count(top.offset)}, and this reader has all of it.`,
    ]);
  }
  return upToDate(facts, subscription, words);
}

/** Of a client or user without a connection. `who` begins a sentence, e.g. `User ann`; `events` are theirs, newest first. */
export function diagnoseAbsent(
  who: string,
  channel: string,
  events: readonly EventFacts[],
  words: Words,
): Diagnosis {
  const ended = events.find(({ kind }) => kind === 'disconnected');
  const reasons: string[] = [];
  if (ended === undefined) {
    reasons.push(
      `${who} has no connection here, and this node remembers no end of one: it never connected, it is on another node or in another org, or it left long ago.`,
    );
  } else {
    const code = ended.code ?? 0;
    const closer = ended.by === undefined ? '' : ended.by === 'server' ? ' by the server' : ' by the client';
    reasons.push(
      `The last connection ended at ${words.dateTime(ended.timeMs)}${closer}: ${closeWords(code, ended.reason)}.`,
      ...closeAdvice(code),
    );
  }
  const refused = events.find((one) => one.kind === 'subscribeRefused' && one.channel === channel);
  if (refused !== undefined) reasons.push(refusedWords(refused, channel, words));
  reasons.push(
    'Whoever is not connected gets nothing; after a reconnect, recovery brings what was missed where the channel keeps history.',
  );
  return bad('Not connected.', reasons);
}

/** The namespace that rules a channel: that of its prefix, or `*`, which covers every prefix without one of its own. */
export function namespaceFor<N extends { readonly name: string }>(
  channel: string,
  namespaces: readonly N[],
): N | undefined {
  const prefix = channel.includes(':') ? channel.slice(0, channel.indexOf(':')) : '';
  const own = namespaces.find((one) => one.name === prefix);
  return own ?? (prefix === '' ? undefined : namespaces.find((one) => one.name === '*'));
}

/** `slow (3008)`, with what was said where that is more. */
export function closeWords(code: number, reason = ''): string {
  const known = Object.values(CLOSE_CODES).find((entry) => entry.code === code)?.message;
  const text =
    reason !== '' ? reason : (known ?? (code < 3_000 ? 'the transport closed' : 'no reason given'));
  return `${text} (${code})`;
}

/** Close codes of 3500-3999 and 4500-4999 tell a client to stay away. */
export function staysAway(code: number): boolean {
  return (code >= 3_500 && code < 4_000) || (code >= 4_500 && code < 5_000);
}

function closeAdvice(code: number): string[] {
  const advice = CLOSE_ADVICE.get(code);
  return [
    ...(advice === undefined ? [] : [advice]),
    staysAway(code)
      ? 'This code tells a client to stay away: it does not come back by itself.'
      : 'A client comes back by itself after this; if it has not, its process, its network or its token keeps it away.',
  ];
}

const CLOSE_ADVICE: ReadonlyMap<number, string> = new Map([
  [CLOSE_CODES.connectionExpired.code, 'Its token expired and no new one came in time.'],
  [CLOSE_CODES.slow.code, 'It read more slowly than the channel publishes, until its outbox was full.'],
  [
    CLOSE_CODES.noPong.code,
    'It did not answer a ping: the process was stopped, or the network swallowed it.',
  ],
  [
    CLOSE_CODES.invalidToken.code,
    'Its token was refused: wrong key, issuer or audience, expired, or without an org.',
  ],
  [CLOSE_CODES.stale.code, 'It opened the socket and sent no connect command in time.'],
  [CLOSE_CODES.forceDisconnect.code, 'Somebody closed it through the API, the command or the console.'],
  [CLOSE_CODES.connectionLimit.code, 'Its user or org had as many connections as are allowed.'],
  [CLOSE_CODES.channelLimit.code, 'It had as many subscriptions as are allowed.'],
]);

function notSubscribed({ connection, channel, namespace, events = [] }: Facts, words: Words): Diagnosis {
  const reasons = [
    `The connection has ${words.plural(connection.subscriptionCount ?? connection.subscriptions.length, 'subscription')}, and none to ${channel}.`,
  ];
  const last = events.find(
    (one) => one.channel === channel && ['subscribeRefused', 'unsubscribed', 'cut'].includes(one.kind),
  );
  if (last?.kind === 'subscribeRefused') {
    reasons.push(refusedWords(last, channel, words), ...admits(namespace));
    return bad(
      last.code === ERROR_CODES.permissionDenied.code
        ? 'Denied: it may not subscribe.'
        : 'Its subscribe was refused.',
      reasons,
    );
  }
  if (last?.kind === 'unsubscribed') {
    reasons.push(
      (last.code ?? 0) === 0
        ? `The client ended the subscription itself at ${words.dateTime(last.timeMs)}.`
        : `The server ended the subscription at ${words.dateTime(last.timeMs)}: ${unsubscribeWords(last.code ?? 0)}.`,
    );
    return bad('Not subscribed any more.', reasons);
  }
  if (last?.kind === 'cut') {
    reasons.push(
      `It was told at ${words.dateTime(last.timeMs)} to subscribe again${last.reason === undefined ? '' : ` (${last.reason})`} and has not yet done so.`,
    );
    return bad('Cut off, and not back yet.', reasons);
  }
  reasons.push(...admits(namespace), 'Otherwise it has not asked yet, or has unsubscribed.');
  return bad('Not subscribed.', reasons);
}

function admits(namespace: NamespaceFacts | undefined): string[] {
  if (!namespace)
    return [
      'No namespace covers this name, so a subscribe is denied (103) to everybody without a capability.',
    ];
  if (namespace.allowSubscribe.length === 0)
    return [
      `Namespace “${shown(namespace)}” lets nobody subscribe: if the client asked, it was denied (103) unless its token grants the channel.`,
    ];
  return [
    `Namespace “${shown(namespace)}” admits ${namespace.allowSubscribe.join(', ')}: a client that is none of these and has no capability was denied (103).`,
  ];
}

function refusedWords({ timeMs, code = 0, reason }: EventFacts, channel: string, words: Words): string {
  const known = Object.values(ERROR_CODES).find((entry) => entry.code === code)?.message;
  return `Its subscribe to ${channel} was refused at ${words.dateTime(timeMs)}: ${reason ?? known ?? 'no reason given'} (${code}).`;
}

function unsubscribeWords(code: number): string {
  const known = Object.values(UNSUBSCRIBE_CODES).find((entry) => entry.code === code)?.message;
  return `${known ?? 'no reason given'} (${code})`;
}

/** The newest event that says the offset in question was lost. */
function lostEvent({ events = [], channel, offset }: Facts): EventFacts | undefined {
  if (offset === undefined) return undefined;
  return events.find(
    ({ kind, channel: of, from = 0, to = 0, dropped = 1 }) =>
      of === channel &&
      ((kind === 'overflow' && dropped > 0) || kind === 'unrecovered') &&
      from > 0 &&
      from <= offset &&
      offset <= to,
  );
}

function lostIn(
  { kind, timeMs, from = 0, to = 0, reason }: EventFacts,
  offset: number,
  words: Words,
): Diagnosis {
  const name = `Offset ${words.count(offset)}`;
  const range = `offsets ${words.count(from)} to ${words.count(to)}`;
  return kind === 'overflow'
    ? bad(`${name} was dropped with a gap.`, [
        `At ${words.dateTime(timeMs)} the reader's outbox was full, and ${range} were dropped or replaced for it. The client was told the range.`,
      ])
    : bad(`${name} was missed and could not be recovered.`, [
        `At ${words.dateTime(timeMs)} the client came back and could not continue${reason === undefined ? '' : ` (${reason})`}: ${range} were not delivered. The client was told to take the state again.`,
      ]);
}

/** Connection and channel were asked one after the other: on a busy channel the second answer is always a little ahead. */
function trailing({ connection }: Facts, position: Position, top: Position, words: Words): Diagnosis {
  const reasons = [
    `It was handed everything up to offset ${words.count(position.offset)}; the channel was at ${words.count(top.offset)} when asked a moment later.`,
  ];
  if (connection.outboxMessages === 0)
    return { tone: 'good', verdict: 'Subscribed and keeping up.', reasons: [...reasons, EMPTY_OUTBOX] };
  return wait(`Behind by about ${words.plural(top.offset - position.offset, 'publication')}.`, [
    ...reasons,
    `Its outbox holds ${outboxOf(connection, words)}.`,
  ]);
}

function handed(
  { connection, publishedAtMs }: Facts,
  { subscribedAtMs, dropped, recoverable }: SubscriptionFacts,
  offset: number,
  words: Words,
): Diagnosis {
  const name = `Offset ${words.count(offset)}`;
  if (publishedAtMs !== undefined && subscribedAtMs !== undefined && publishedAtMs < subscribedAtMs) {
    return wait(`${name} was published before this subscription began.`, [
      `Published ${words.dateTime(publishedAtMs)}, subscribed ${words.dateTime(subscribedAtMs)}.`,
      recoverable === false
        ? 'The subscription does not recover, so what came before it was not sent.'
        : 'A client that came back with an earlier position has recovered it; one that subscribed afresh never gets it.',
    ]);
  }
  const reasons: string[] = [];
  if (dropped > 0)
    reasons.push(
      `But ${words.plural(dropped, 'publication')} were dropped or replaced for this reader, and this may be one of them; the client was told.`,
    );
  if (subscribedAtMs === undefined)
    reasons.push(
      'When the subscription began is not known here; what came before it was handed over only to a client that recovers.',
    );
  else if (publishedAtMs === undefined)
    reasons.push(
      `The history no longer says when it was published; what came before ${words.dateTime(subscribedAtMs)} was handed over only to a client that recovers.`,
    );
  if (connection.outboxMessages > 0) {
    return wait(`${name} is on its way or delivered.`, [
      `${outboxOf(connection, words)} wait in the outbox.`,
      ...reasons,
    ]);
  }
  return {
    tone: dropped > 0 ? 'wait' : 'good',
    verdict: `${name} was handed to this connection.`,
    reasons: [EMPTY_OUTBOX, ...reasons],
  };
}

function upToDate(
  { connection }: Facts,
  { position, dropped, subscribedAtMs, recoverable }: SubscriptionFacts,
  words: Words,
): Diagnosis {
  const reasons = [
    position.epoch === ''
      ? 'The channel numbers nothing: what was published while the client was away is gone.'
      : `It was handed everything up to offset ${words.count(position.offset)}, which is all there is.`,
    connection.outboxMessages > 0 ? `${outboxOf(connection, words)} wait in its outbox.` : EMPTY_OUTBOX,
  ];
  if (subscribedAtMs !== undefined)
    reasons.push(
      `Subscribed since ${words.dateTime(subscribedAtMs)}${recoverable === true ? '; a reconnect continues where it stopped' : '; without recovery, so what came before, or during a reconnect, was not sent'}.`,
    );
  if (dropped > 0)
    reasons.push(
      `${words.plural(dropped, 'publication')} were dropped or replaced earlier, and the client was told.`,
    );
  return { tone: dropped > 0 ? 'wait' : 'good', verdict: 'Subscribed and up to date.', reasons };
}

function bad(verdict: string, reasons: readonly string[]): Diagnosis {
  return { tone: 'bad', verdict, reasons };
}

function wait(verdict: string, reasons: readonly string[]): Diagnosis {
  return { tone: 'wait', verdict, reasons };
}

function outboxOf({ outboxMessages, outboxBytes }: ConnectionFacts, words: Words): string {
  return `${words.plural(outboxMessages, 'message')} (${words.bytes(outboxBytes)})`;
}

function shown(namespace: NamespaceFacts): string {
  return namespace.name === '' ? 'default' : namespace.name;
}
