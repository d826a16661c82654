import type { ConnectionSummary, NamespaceSummary } from '@trunkline/contracts/node';
import { describe, expect, it } from 'vitest';
import { diagnose, namespaceFor } from './diagnosis.js';

type Subscription = ConnectionSummary['subscriptions'][number];

const subscription = (given: Partial<Subscription> = {}): Subscription => ({
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

const connection = (subscriptions: readonly Subscription[], outboxMessages = 0): ConnectionSummary => ({
  client: 'c',
  user: 'u',
  org: 'o',
  transport: 'websocket',
  codec: 'json',
  remoteAddress: '',
  name: '',
  version: '',
  connectedAtMs: 0,
  extensions: [],
  outboxMessages,
  outboxBytes: outboxMessages * 100,
  subscriptions: [...subscriptions],
});

const namespace = (name: string, allowSubscribe: string[]): NamespaceSummary => ({
  name,
  type: 'stream',
  class: 'live',
  historySize: 0,
  historyTtlMs: 0,
  presence: false,
  joinLeave: false,
  forcePositioning: false,
  forceRecovery: false,
  recoveryMode: 'stream',
  overflow: 'recover',
  allowSubscribe,
  allowPublish: [],
  allowPresence: [],
  allowHistory: [],
});

const top = { epoch: 'e', offset: 10 };
const facts = (given: Partial<Subscription>, outboxMessages = 0) => ({
  connection: connection([subscription(given)], outboxMessages),
  channel: 'chat:a',
  top,
  namespace: undefined,
});

describe('why a client did not get a message', () => {
  it('[CONSOLE-8] not subscribed: names who may', () => {
    const found = diagnose({
      connection: connection([]),
      channel: 'chat:a',
      top,
      namespace: namespace('chat', ['member']),
    });
    expect(found).toMatchObject({ tone: 'bad', verdict: 'Not subscribed.' });
    expect(found.reasons.join(' ')).toMatch(/admits member.*103/);
  });

  it('[CONSOLE-8] not subscribed where no namespace covers the name', () => {
    expect(
      diagnose({
        connection: connection([]),
        channel: 'x:a',
        top: undefined,
        namespace: undefined,
      }).reasons.join(' '),
    ).toMatch(/No namespace/);
  });

  it('[CONSOLE-8] cut off, skipping and conflating each have their own answer', () => {
    expect(diagnose(facts({ delivery: 'cut' }, 256)).verdict).toMatch(/^Cut off/);
    expect(diagnose(facts({ delivery: 'gapping', dropped: 7 }, 256))).toMatchObject({
      tone: 'bad',
      verdict: expect.stringMatching(/skipped/),
    });
    expect(diagnose(facts({ delivery: 'conflating', dropped: 7 }, 256))).toMatchObject({
      tone: 'wait',
      verdict: expect.stringMatching(/newest values/),
    });
  });

  it('[CONSOLE-8] another epoch than the channel’s is told apart from being behind', () => {
    expect(diagnose({ ...facts({}), top: { epoch: 'f', offset: 3 } }).verdict).toMatch(/began anew/);
  });

  it('[CONSOLE-8] behind is said only of a reader whose outbox holds something', () => {
    const ahead = { epoch: 'e', offset: 14 };
    expect(diagnose({ ...facts({}, 4), top: ahead })).toMatchObject({
      tone: 'wait',
      verdict: 'Behind by about 4 publications.',
    });
    expect(diagnose({ ...facts({}), top: ahead })).toMatchObject({
      tone: 'good',
      verdict: 'Subscribed and keeping up.',
    });
  });

  it('[CONSOLE-8] an offset: handed over, on its way, from before the subscription, or not published', () => {
    expect(diagnose({ ...facts({}), offset: 9, publishedAtMs: 2_000 })).toMatchObject({
      tone: 'good',
      verdict: 'Offset 9 was handed to this connection.',
    });
    expect(diagnose({ ...facts({}, 2), offset: 9, publishedAtMs: 2_000 }).verdict).toMatch(/on its way/);
    expect(diagnose({ ...facts({}), offset: 2, publishedAtMs: 500 }).verdict).toMatch(
      /before this subscription began/,
    );
    expect(diagnose({ ...facts({}), offset: 11 }).verdict).toMatch(/not published yet/);
  });

  it('[CONSOLE-8] up to date, and what that means without recovery', () => {
    expect(diagnose(facts({}))).toMatchObject({ tone: 'good', verdict: 'Subscribed and up to date.' });
    expect(diagnose(facts({ recoverable: false })).reasons.join(' ')).toMatch(/without recovery/);
    expect(diagnose(facts({ dropped: 3 })).tone).toBe('wait');
  });

  it('[CONSOLE-8] the namespace of a name is its prefix’s, or the one for any prefix', () => {
    const all = [namespace('', []), namespace('chat', []), namespace('*', [])];
    expect(namespaceFor('chat:a', all)?.name).toBe('chat');
    expect(namespaceFor('other:a', all)?.name).toBe('*');
    expect(namespaceFor('plain', all)?.name).toBe('');
    expect(namespaceFor('other:a', all.slice(0, 2))).toBeUndefined();
  });
});
