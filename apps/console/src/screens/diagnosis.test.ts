import type { ConnectionRow, NodeEvent, SubscriptionSummary } from '@trunkline/contracts/node';
import { describe, expect, it } from 'vitest';
import { adviceFor } from './advice.js';
import { answersOf, subscriptionWords, type Explained } from './diagnosis.js';
import { addEvents, EMPTY_EVENTS, EVENTS_MAX, missedBefore, pauseEvents } from './event-log.js';
import { eventWords, toEventFacts } from './event-words.js';

const subscription = (given: Partial<SubscriptionSummary> = {}): SubscriptionSummary => ({
  channel: 'chat:a',
  subscribedAtMs: 1_000,
  type: 'stream',
  position: { epoch: 'e', offset: 10 },
  recoverable: true,
  serverSide: false,
  delivery: 'flowing',
  dropped: 0,
  ...given,
});

const row = (given: Partial<ConnectionRow> = {}): ConnectionRow => ({
  client: 'c1',
  user: 'ada',
  org: 'o',
  transport: 'websocket',
  codec: 'json',
  remoteAddress: '',
  name: '',
  version: '',
  connectedAtMs: 0,
  extensions: [],
  outboxMessages: 0,
  outboxBytes: 0,
  subscriptions: 3,
  behind: 0,
  dropped: 0,
  delivery: 'flowing',
  ...given,
});

const happened = (seq: number, detail: object): NodeEvent =>
  ({ seq, timeMs: seq, client: 'c1', user: 'ada', channel: 'chat:a', ...detail }) as NodeEvent;
const denied = (seq = 1) =>
  happened(seq, { kind: 'subscribeRefused', code: 103, message: 'permission denied' });

const explained = (given: Partial<Explained>): Explained => ({
  insecure: false,
  connections: [],
  total: 0,
  events: [],
  ...given,
});
const channel = {
  channel: 'chat:a',
  subscribers: 1,
  namespace: 'chat',
  class: 'live',
  type: 'stream',
  overflow: 'recover',
  historySize: 10,
  historyTtlMs: 0,
  presence: false,
  position: { epoch: 'e', offset: 10 },
};
const verdicts = (given: Partial<Explained>, offset?: number): readonly string[] =>
  answersOf('User ada', 'chat:a', offset, explained({ channel, ...given })).map(
    (one) => one.diagnosis.verdict,
  );

describe('why somebody did not get a message', () => {
  it('[CONSOLE-8] nobody is connected: how the last connection ended', () => {
    const [answer] = answersOf(
      'User ada',
      'chat:a',
      undefined,
      explained({
        events: [happened(1, { kind: 'disconnected', code: 3503, reason: 'force disconnect', by: 'server' })],
      }),
    );
    expect(answer?.connection).toBeUndefined();
    expect(answer?.diagnosis.verdict).toBe('Not connected.');
    expect(answer?.diagnosis.reasons.join(' ')).toMatch(/by the server: force disconnect \(3503\)/);
  });

  it('[CONSOLE-8] each connection has its own answer, from its own events', () => {
    expect(
      verdicts({
        connections: [row(), row({ client: 'c2', ...{ subscription: subscription() } })],
        total: 2,
        events: [denied()],
      }),
    ).toEqual(['Denied: it may not subscribe.', 'Subscribed and up to date.']);
  });

  it('[CONSOLE-8] a connection without the channel is told how many it has', () => {
    const [answer] = answersOf('User ada', 'chat:a', undefined, explained({ channel, connections: [row()] }));
    expect(answer?.diagnosis.reasons[0]).toBe('The connection has 3 subscriptions, and none to chat:a.');
  });

  it('[CONSOLE-8] dropped with a gap, cut off, behind, handed over, not published yet', () => {
    const at = (given: Partial<SubscriptionSummary>, more: object = {}) => ({
      connections: [{ ...row(more), subscription: subscription(given) }],
    });
    const overflow = happened(1, { kind: 'overflow', outcome: 'gap', from: 4, to: 6, dropped: 3 });
    expect(verdicts({ ...at({}), events: [overflow] }, 5)).toEqual(['Offset 5 was dropped with a gap.']);
    const cut = happened(1, {
      kind: 'cut',
      code: 2500,
      reason: 'overflow',
      position: { epoch: 'e', offset: 3 },
    });
    expect(verdicts({ connections: [row()], events: [cut] })).toEqual(['Cut off, and not back yet.']);
    expect(
      verdicts(at({ position: { epoch: 'e', offset: 7 } }, { outboxMessages: 3, outboxBytes: 90 })),
    ).toEqual(['Behind by about 3 publications.']);
    expect(verdicts(at({}), 9)).toEqual(['Offset 9 was handed to this connection.']);
    expect(verdicts(at({}), 12)).toEqual(['Offset 12 was not published yet.']);
  });

  it('[CONSOLE-8] what could not be recovered, within one epoch', () => {
    const unrecovered = happened(1, {
      kind: 'unrecovered',
      from: { epoch: 'e', offset: 2 },
      to: { epoch: 'e', offset: 8 },
      reason: 'trimmed',
    });
    expect(toEventFacts(unrecovered)).toMatchObject({ from: 3, to: 8 });
    expect(
      toEventFacts({ ...unrecovered, to: { epoch: 'other', offset: 8 } } as NodeEvent),
    ).not.toHaveProperty('from');
  });

  it('[CONSOLE-8] what to do is said for the newest event that calls for it', () => {
    expect(adviceFor([denied()])).toMatch(/permissions/);
    expect(
      adviceFor([happened(2, { kind: 'disconnected', code: 1000, reason: '', by: 'client' }), denied(1)]),
    ).toMatch(/permissions/);
    expect(adviceFor([])).toBeUndefined();
  });

  it('[CONSOLE-11] one subscription in a sentence claims only what the connection shows', () => {
    expect(subscriptionWords(subscription(), row())).toBe('Sent everything up to offset 10.');
    expect(subscriptionWords(subscription(), row({ outboxMessages: 2 }))).toMatch(/2 messages .* wait/);
    expect(subscriptionWords(subscription({ delivery: 'gapping', dropped: 4 }), row())).toMatch(
      /skipped .* 4 publications dropped/,
    );
    expect(subscriptionWords(subscription({ position: { epoch: '', offset: 0 } }), row())).toBe(
      'Sent what was published.',
    );
  });
});

describe('events', () => {
  it('[CONSOLE-12] each is shown once, newest first, a bounded number', () => {
    const log = addEvents(addEvents(EMPTY_EVENTS, [denied(3), denied(2)]), [denied(2), denied(5)]);
    expect(log.events.map((event) => event.seq)).toEqual([5, 3, 2]);
    const many = Array.from({ length: EVENTS_MAX + 9 }, (_, index) => denied(index + 1));
    expect(addEvents(EMPTY_EVENTS, many).events).toHaveLength(EVENTS_MAX);
  });

  it('[CONSOLE-12] a jump in their numbers is said', () => {
    const { events } = addEvents(EMPTY_EVENTS, [denied(9), denied(3), denied(2)]);
    expect(events.map((_, index) => missedBefore(events, index))).toEqual([5, 0, 0]);
    // Each node counts by itself.
    const at = (node: string, seq: number) => ({ ...denied(seq), node });
    const both = addEvents(EMPTY_EVENTS, [at('a', 3), at('b', 9), at('a', 2), at('b', 7), at('a', 3)]).events;
    expect(both).toHaveLength(4);
    expect(both.map((_, index) => missedBefore(both, index)).reduce((sum, missed) => sum + missed)).toBe(1);
  });

  it('[CONSOLE-12] pausing holds back what comes, and resuming shows it', () => {
    const paused = addEvents(pauseEvents(addEvents(EMPTY_EVENTS, [denied(1)]), true), [denied(1), denied(2)]);
    expect(paused.events.map((event) => event.seq)).toEqual([1]);
    expect(paused.held.map((event) => event.seq)).toEqual([2]);
    expect(pauseEvents(paused, false)).toMatchObject({ events: [{ seq: 2 }, { seq: 1 }], held: [] });
  });

  it('[CONSOLE-12] every kind has a name and a sentence', () => {
    const position = { epoch: 'e', offset: 3 };
    const kinds: NodeEvent[] = [
      denied(),
      happened(1, { kind: 'recovered', from: position, to: { epoch: 'e', offset: 5 }, publications: 2 }),
      happened(1, { kind: 'unrecovered', from: position, to: position, reason: 'trimmed' }),
      happened(1, { kind: 'overflow', outcome: 'gap', from: 4, to: 6, dropped: 3 }),
      happened(1, { kind: 'cut', code: 2500, reason: 'overflow', position }),
      happened(1, { kind: 'unsubscribed', code: 0 }),
      happened(1, { kind: 'disconnected', code: 3012, reason: 'no pong', by: 'server' }),
    ];
    expect(kinds.map((event) => `${eventWords(event).name}: ${eventWords(event).sentence}`)).toEqual([
      'denied: May not subscribe: 103 permission denied.',
      'recovered: Continued from offset 3 to 5 with 2 publications.',
      'not recovered: Could not continue from offset 3: the history no longer reaches back that far. It takes the state anew.',
      'too slow: Its outbox was full from offset 4 to 6: publications were skipped, and it was told the range (3 dropped).',
      'cut off: Told to subscribe again from offset 3: overflow (2500).',
      'unsubscribed: Ended the subscription itself.',
      'disconnected: Closed by the server: 3012 no pong.',
    ]);
  });
});
