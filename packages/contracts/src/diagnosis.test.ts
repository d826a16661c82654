import { describe, expect, test } from 'vitest';
import {
  closeWords,
  diagnose,
  diagnoseAbsent,
  staysAway,
  type EventFacts,
  type Facts,
  type Words,
} from './diagnosis.js';

const WORDS: Words = {
  count: String,
  plural: (value, one) => `${value} ${one}${value === 1 ? '' : 's'}`,
  bytes: (value) => `${value} B`,
  dateTime: (timeMs) => `t${timeMs}`,
};

const away: Facts = {
  connection: { outboxMessages: 0, outboxBytes: 0, subscriptions: [] },
  channel: 'news:a',
  top: { epoch: 'e', offset: 10 },
  namespace: { name: 'news', allowSubscribe: ['member'] },
};
const there: Facts = {
  ...away,
  connection: {
    ...away.connection,
    subscriptions: [
      { channel: 'news:a', position: { epoch: 'e', offset: 10 }, delivery: 'flowing', dropped: 0 },
    ],
  },
};
const event = (kind: string, more: Partial<EventFacts> = {}): EventFacts => ({
  kind,
  timeMs: 5,
  channel: 'news:a',
  ...more,
});

describe('why a client did not get a publication, by what happened', () => {
  test.each<[Facts, EventFacts[], string, RegExp]>([
    [
      away,
      [event('subscribeRefused', { code: 103, reason: 'permission denied' })],
      'Denied: it may not subscribe.',
      /refused at t5: permission denied \(103\).*admits member/,
    ],
    [
      away,
      [event('subscribeRefused', { code: 106 })],
      'Its subscribe was refused.',
      /limit exceeded \(106\)/,
    ],
    [
      away,
      [event('unsubscribed', { code: 0 })],
      'Not subscribed any more.',
      /client ended the subscription itself at t5/,
    ],
    [
      away,
      [event('unsubscribed', { code: 2000 })],
      'Not subscribed any more.',
      /unsubscribed by server \(2000\)/,
    ],
    [
      away,
      [event('cut', { reason: 'overflow' })],
      'Cut off, and not back yet.',
      /subscribe again \(overflow\)/,
    ],
    // The newest counts, and other channels are other matters.
    [away, [event('unsubscribed', { code: 0 }), event('cut')], 'Not subscribed any more.', /itself/],
    [away, [event('cut', { channel: 'news:b' })], 'Not subscribed.', /has not asked yet/],
    [
      { ...there, offset: 6 },
      [event('overflow', { from: 5, to: 7, dropped: 3 })],
      'Offset 6 was dropped with a gap.',
      /offsets 5 to 7/,
    ],
    [
      { ...there, offset: 6 },
      [event('unrecovered', { from: 3, to: 9, reason: 'trimmed' })],
      'Offset 6 was missed and could not be recovered.',
      /\(trimmed\): offsets 3 to 9/,
    ],
    [
      { ...there, offset: 8 },
      [event('overflow', { from: 5, to: 7, dropped: 3 })],
      'Offset 8 was handed to this connection.',
      /./,
    ],
  ])('[CLI-21] %#', (facts, events, verdict, reasons) => {
    const found = diagnose({ ...facts, events }, WORDS);
    expect(found.verdict).toBe(verdict);
    expect(found.reasons.join(' ')).toMatch(reasons);
  });

  test('[CLI-21] a source that does not say when a subscription began makes no claim about it', () => {
    expect(diagnose(there, WORDS).reasons.join(' ')).not.toMatch(/Subscribed since/);
    expect(diagnose({ ...there, offset: 9, publishedAtMs: 1 }, WORDS).reasons.join(' ')).toMatch(
      /is not known here/,
    );
  });

  test.each([
    [3008, 'slow', /slow \(3008\).*read more slowly.*comes back by itself/],
    [3500, '', /invalid token \(3500\).*token was refused.*stay away/],
    [1006, '', /the transport closed \(1006\).*comes back/],
    [4600, 'bye', /bye \(4600\).*stay away/],
  ])('[CLI-21] not connected, closed with %i', (code, reason, text) => {
    const found = diagnoseAbsent(
      'User ann',
      'news:a',
      [{ kind: 'disconnected', timeMs: 5, code, reason, by: 'server' }],
      WORDS,
    );
    expect(found).toMatchObject({ tone: 'bad', verdict: 'Not connected.' });
    expect(found.reasons.join(' ')).toMatch(text);
  });

  test('[CLI-21] not connected: an earlier denial is told too; without events nothing is claimed', () => {
    expect(
      diagnoseAbsent('Client c', 'news:a', [event('subscribeRefused', { code: 103 })], WORDS).reasons.join(
        ' ',
      ),
    ).toMatch(/remembers no end.*refused at t5: permission denied \(103\)/);
    expect(diagnoseAbsent('Client c', 'news:a', [], WORDS).reasons[0]).toMatch(
      /^Client c has no connection here/,
    );
  });

  test('[CLI-21] codes that keep a client away', () => {
    expect([3000, 3499, 4000, 4499, 1006].map(staysAway)).toEqual([false, false, false, false, false]);
    expect([3500, 3999, 4500, 4999].map(staysAway)).toEqual([true, true, true, true]);
    expect(closeWords(3012)).toBe('no pong (3012)');
  });
});
