/**
 * Things behind channels that do not answer, beside healthy ones on the same connection. Every subscribe is answered in time, because a
 * client whose subscribe stays unanswered drops its whole connection; the neighbours notice nothing.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '@trunkline/client';
import { defineModule, type LocalSource } from '@trunkline/hub';
import { clock, Kit, StreamChecker, until, wait, watchStream } from '@trunkline/testkit';
import { WebSocket } from 'ws';
import { startHubServer, type HubServer } from '../support/hub-server.js';

/** Three seconds are the server's, the rest the machine's. Before a stock client gives up, after five. */
const ANSWER_WITHIN_MS = 4_500;
const EVERYBODY = ['user'] as const;
const never = (): Promise<never> => new Promise(() => undefined);

/** Counts up every 10 ms. */
const ticking: LocalSource = ({ emit }) => {
  let seq = 0;
  emit.state({ state: 'live' });
  const timer = setInterval(() => emit.publish(JSON.stringify({ seq: ++seq })), 10);
  return { dispose: () => clearInterval(timer) };
};

const probe = defineModule({
  id: 'probe',
  start: () => {
    const local = (name: string, source: LocalSource) => ({
      options: { name, class: 'local' as const, allowSubscribe: EVERYBODY },
      source,
    });
    return {
      namespaces: [
        local('healthy', ticking),
        local('silent', never),
        local('failing', () => Promise.reject(new Error('no such cluster'))),
        { options: { name: 'undecided', allowSubscribe: EVERYBODY }, authorise: never },
      ],
    };
  },
});

describe('a source that does not answer', () => {
  let kit: Kit;
  let server: HubServer;

  beforeEach(async () => {
    kit = new Kit();
    server = kit.use(await startHubServer([probe(undefined)], {}, { verifyChannelToken: never }));
  });
  afterEach(() => kit.dispose());

  it('[CONT-4] is answered within three seconds, whatever it is that hangs; the neighbours flow', async () => {
    const stock = kit.stock(server.wsUrl);
    let reconnects = -1;
    stock.client.on('connecting', () => reconnects++);
    await stock.connect();
    const healthy = stock.client.newSubscription('healthy:a');
    const checker = new StreamChecker('healthy neighbour');
    healthy.once('publication', ({ data }) => {
      const { seq } = data as { seq: number };
      if (seq > 1) checker.told('began late');
    });
    watchStream(healthy, checker);
    healthy.subscribe();
    await healthy.ready();

    const hanging = [
      stock.client.newSubscription('silent:a'),
      stock.client.newSubscription('failing:a'),
      stock.client.newSubscription('undecided:a'),
      stock.client.newSubscription('healthy:b', { token: 'one that cannot be verified' }),
    ];
    const started = clock.monotonic();
    const answered = hanging.map(
      (subscription) =>
        new Promise<number>((resolve) => {
          const note = (): void => resolve(clock.monotonic() - started);
          for (const event of ['subscribed', 'unsubscribed', 'error'] as const)
            subscription.once(event, note);
          subscription.subscribe();
        }),
    );
    const slow = Promise.all(answered.map((one) => Promise.race([one, wait(6_000).then(() => 6_000)])));
    expect(
      (await slow).map(
        (ms, index) => `${hanging[index]?.channel ?? ''} ${ms < ANSWER_WITHIN_MS ? 'in time' : 'too late'}`,
      ),
    ).toEqual(hanging.map(({ channel }) => `${channel} in time`));
    // Longer than a stock client waits for any reply.
    await wait(3_000);
    expect(reconnects).toBe(0);
    const { last } = checker;
    await until('the neighbour flows', () => checker.last > last);
    checker.verify(checker.last, true);
  });

  it('[CONT-5] our client does not call the silent one live, says why, and calls the healthy one live', async () => {
    const client = kit.use(createClient({ url: server.wsUrl, websocket: WebSocket, staleAfterMs: 60_000 }));
    const healthy = client.stream('healthy:a');
    const silent = client.stream('silent:a');
    const failing = client.stream('failing:a');
    await until('the healthy one is live', () => healthy.state.get().kind === 'live');
    await until('the silent one is being opened', () => {
      const state = silent.state.get();
      return state.kind === 'stale' && state.reason === 'opening';
    });
    expect(failing.state.get().kind).not.toBe('live');
  });

  it('[CONT-4] a source that comes late brings its channel to life without a new subscribe', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const late = defineModule({
      id: 'late',
      start: () => ({
        namespaces: [
          {
            options: { name: 'late', class: 'local' as const, allowSubscribe: EVERYBODY },
            source: async (request) => (await gate, ticking(request)),
          },
        ],
      }),
    });
    const own = kit.use(await startHubServer([late(undefined)]));
    const client = kit.use(createClient({ url: own.wsUrl, websocket: WebSocket, staleAfterMs: 60_000 }));
    const received: number[] = [];
    let subscribes = 0;
    const subscription = client.stream('late:a', {
      onPublication: ({ data }) => received.push((data as { seq: number }).seq),
      onSubscribed: () => subscribes++,
    });
    await until('it is answered', () => subscribes === 1);
    expect(subscription.state.get().kind).toBe('stale');
    open();
    await until('it flows', () => received.length > 5);
    expect(subscription.state.get().kind).toBe('live');
    expect(received.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(subscribes).toBe(1);
  });
});
