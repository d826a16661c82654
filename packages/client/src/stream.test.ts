import fc from 'fast-check';
import { createSeededRandom } from '@trunkline/base';
import { settle } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, type Client } from './client.js';
import type { Untyped } from './contract-types.js';
import type { ClientOptions } from './options.js';
import type { LoadedState, StreamOptions } from './stream-options.js';
import type { StreamSubscription } from './stream.js';
import { FakeServer } from './testing.js';

let server: FakeServer;
let client: Client<Untyped>;
let errors: { error: unknown; where: string }[];

function open(options: Partial<ClientOptions> = {}): Client<Untyped> {
  return createClient<Untyped>({
    url: 'ws://test/',
    websocket: server.websocket,
    random: createSeededRandom(1),
    onError: (error, { where }) => void errors.push({ error, where }),
    ...options,
  });
}
const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
};

/** Everything a reader was told, in order. */
function listen(
  options: StreamOptions<unknown> = {},
  channel = 'news',
  by = client,
): { log: unknown[]; sub: StreamSubscription<unknown> } {
  const log: unknown[] = [];
  const sub = by.stream(channel, {
    onPublication: ({ data }) => void log.push(data),
    onReset: (reset) =>
      void log.push({
        reset: reset.reason,
        ...(reset.missing ? { from: reset.missing.from, to: reset.missing.to } : {}),
      }),
    onGap: ({ from, to }) => void log.push({ gap: [from, to] }),
    ...options,
  });
  return { log, sub };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  server = new FakeServer();
  errors = [];
  client = open();
});
afterEach(() => {
  client.dispose();
  vi.useRealTimers();
});

describe('stream: continuity', () => {
  it('[CLIENT-6] recovering until subscribed, then live; publications carry their position', async () => {
    const seen: unknown[] = [];
    server.channel('news').top = 4;
    const sub = client.stream('news', {
      onPublication: ({ data, position }) => void seen.push([data, position]),
    });
    expect(sub.state.get().kind).toBe('recovering');
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'live' });
    server.publish('news', 'a');
    await settle();
    expect(seen).toEqual([['a', { epoch: 'e1', offset: 5 }]]);
    expect(sub.position).toEqual({ epoch: 'e1', offset: 5 });
  });

  it('[CLIENT-6] recovering on a lost transport, stale after staleAfterMs, live again', async () => {
    const { sub } = listen();
    const kinds: string[] = [];
    await settle();
    sub.state.subscribe(() => kinds.push(sub.state.get().kind));
    server.down = true;
    const since = Date.now();
    server.cut();
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'recovering', sinceMs: since });
    await pass(5_000);
    expect(sub.state.get()).toEqual({ kind: 'stale', sinceMs: since, reason: 'transport closed' });
    server.down = false;
    await pass(30_000);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(kinds).toEqual(['recovering', 'stale', 'live']);
  });

  it('[CLIENT-1] what was missed is recovered, in order, without a reset', async () => {
    const { log, sub } = listen();
    await settle();
    server.publish('news', 1);
    await settle();
    server.cut();
    server.publish('news', 2);
    server.publish('news', 3);
    await pass(2_000);
    server.publish('news', 4);
    await settle();
    expect(log).toEqual([1, 2, 3, 4]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-2] what cannot be recovered is told before anything that follows it', async () => {
    const { log } = listen();
    await settle();
    server.publish('news', 1);
    await settle();
    server.cut();
    server.publish('news', 2);
    server.channel('news').history = [];
    await pass(2_000);
    server.publish('news', 3);
    await settle();
    expect(log).toEqual([1, { reset: 'unrecoverable', from: 2, to: 2 }, 3]);
  });

  it('[CLIENT-2] without anybody to answer it, the reset stays until it is acknowledged', async () => {
    const log: unknown[] = [];
    const sub = client.stream('news', { onPublication: ({ data }) => void log.push(data) });
    sub.state.subscribe(() => log.push(sub.state.get().kind));
    await settle();
    server.channel('news').epoch = 'e2';
    server.unsubscribe('news', 2500);
    await settle();
    server.publish('news', 'after');
    await settle();
    expect(log).toEqual(['live', 'recovering', 'reset', 'after']);
    expect(sub.state.get()).toEqual({ kind: 'reset', reason: 'epoch' });
    sub.acknowledge();
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-2] publications wait for an onReset that takes its time', async () => {
    let done = (): void => undefined;
    const { log, sub } = listen({
      onReset: () => {
        log.push('reset');
        return new Promise<void>((resolve) => (done = resolve));
      },
    });
    await settle();
    server.channel('news').epoch = 'e2';
    server.unsubscribe('news', 2500);
    await settle();
    server.publish('news', 'a');
    server.publish('news', 'b');
    await settle();
    expect(log).toEqual(['reset']);
    expect(sub.state.get().kind).toBe('reset');
    done();
    await settle();
    expect(log).toEqual(['reset', 'a', 'b']);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-13] more than may wait for an onReset is a reset of its own', async () => {
    client.dispose();
    client = open({ bufferMaxPublications: 3 });
    const answers: (() => void)[] = [];
    const { log } = listen({
      onReset: ({ reason }) => {
        log.push(reason);
        return new Promise<void>((resolve) => answers.push(resolve));
      },
    });
    await settle();
    server.channel('news').epoch = 'e2';
    server.unsubscribe('news', 2500);
    await settle();
    for (let index = 0; index < 5; index++) server.publish('news', index);
    await settle();
    answers[0]?.();
    await settle();
    expect(log).toEqual(['epoch', 'buffer']);
    answers[1]?.();
    server.publish('news', 'later');
    await settle();
    expect(log).toEqual(['epoch', 'buffer', 'later']);
  });

  it('[CLIENT-4] a publication lost on a live connection is fetched again from the last good position', async () => {
    const { log, sub } = listen();
    await settle();
    server.publish('news', 1);
    server.publishLost('news', 2);
    server.publish('news', 3);
    server.publish('news', 4);
    await settle();
    expect(log).toEqual([1, 2, 3, 4]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(server.received('subscribe').at(-1)).toMatchObject({ recover: true, offset: 1, epoch: 'e1' });
  });

  it('[CLIENT-4] where it cannot be fetched the loss is told first', async () => {
    const { log } = listen();
    await settle();
    server.publish('news', 1);
    server.publishLost('news', 2);
    server.channel('news').historySize = 1;
    server.publish('news', 3);
    await settle();
    server.publish('news', 4);
    await settle();
    expect(log).toEqual([1, { reset: 'unrecoverable', from: 2, to: 3 }, 4]);
  });

  it('[CLIENT-4] gap reports: overflow resets, conflation is told, filtering is not', async () => {
    server.channel('news').announced = { class: 'live', outcome: 'latest', source: { state: 'live' } };
    const { log, sub } = listen();
    await settle();
    server.publishLost('news', 1);
    server.gap('news', 1, 1, 'conflated');
    server.publish('news', 2);
    server.publishLost('news', 3);
    server.gap('news', 3, 3, 'filtered');
    server.publish('news', 4);
    server.publishLost('news', 5);
    server.gap('news', 5, 5, 'overflow');
    server.publish('news', 6);
    await settle();
    expect(log).toEqual([{ gap: [1, 1] }, 2, 4, { reset: 'overflow', from: 5, to: 5 }, 6]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[CLIENT-3] after a gap report the way back begins behind the gap', async () => {
    const { log, sub } = listen();
    await settle();
    server.publish('news', 1);
    for (const data of [2, 3, 4]) server.publishLost('news', data);
    server.gap('news', 2, 4, 'overflow');
    await settle();
    server.cut();
    server.publish('news', 5);
    server.channel('news').history = server.channel('news').history.slice(-1);
    await pass(2_000);
    expect(log).toEqual([1, { reset: 'overflow', from: 2, to: 4 }, 5]);
    expect(server.received('subscribe').map(({ offset }) => offset)).toEqual([undefined, 4]);
    // The same where the server sends the reader back itself.
    server.publishLost('news', 6);
    server.gap('news', 6, 6, 'overflow');
    server.unsubscribe('news', 2501);
    await pass(2_000);
    expect(server.received('subscribe').map(({ offset }) => offset)).toEqual([undefined, 4, 6]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    server.publish('news', 7);
    await settle();
    expect(log.slice(3)).toEqual([{ reset: 'overflow', from: 6, to: 6 }, 7]);
  });

  it('[CLIENT-4] cache recovery tells what it skipped and stays live', async () => {
    server.channel('news').cache = true;
    const { log, sub } = listen({ recovery: 'cache' });
    await settle();
    server.publish('news', 1);
    await settle();
    server.cut();
    server.publish('news', 2);
    server.publish('news', 3);
    await pass(2_000);
    expect(log).toEqual([1, { gap: [2, 2] }, 3]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-6] live is said only while the source behind the channel flows', async () => {
    server.channel('news').announced = {
      class: 'local',
      outcome: 'recover',
      source: { state: 'recovering', sinceMs: 7, reason: 'watch lost' },
    };
    const { sub } = listen();
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'stale', sinceMs: 7, reason: 'watch lost' });
    server.notice({ source: { channel: 'news', state: 'live' } });
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'live' });
    server.notice({ source: { channel: 'news', state: 'failed', sinceMs: 9, reason: 'gone' } });
    server.notice({ source: { channel: 'other', state: 'live' } });
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'stale', sinceMs: 9, reason: 'gone' });
  });

  it('[CLIENT-6] a refused subscription failed, with its code, and a new reader tries again', async () => {
    server.channel('news').refuse = { code: 103, message: 'permission denied' };
    const { sub } = listen();
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'failed', code: 103, reason: 'permission denied' });
    expect(errors).toContainEqual({
      error: expect.objectContaining({ code: 103 }) as unknown,
      where: 'subscription',
    });
    server.channel('news').refuse = undefined;
    const second = listen().sub;
    await settle();
    expect([sub.state.get(), second.state.get()]).toEqual([{ kind: 'live' }, { kind: 'live' }]);
  });

  it('[CLIENT-6] a temporary refusal is tried again', async () => {
    server.channel('news').refuse = { code: 1000, message: 'source unavailable', temporary: true };
    const { sub } = listen();
    await settle();
    expect(sub.state.get().kind).toBe('recovering');
    server.channel('news').refuse = undefined;
    await pass(2_000);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-6] a client that disconnected shows stale, and continues where it was', async () => {
    const { log, sub } = listen();
    await settle();
    client.disconnect();
    await settle();
    expect(sub.state.get()).toMatchObject({ kind: 'stale', reason: 'disconnected' });
    server.publish('news', 1);
    client.connect();
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(log).toEqual([1]);
  });

  it('[CLIENT-4] an unsubscribe that is still being worked on does not end the subscription that follows it', async () => {
    let busy = 1;
    server.handlers.onCommand = (command) =>
      'subscribe' in command && server.received('subscribe').length === 2 && busy-- > 0
        ? { error: { code: 105, message: 'already subscribed' } }
        : undefined;
    const { log, sub } = listen();
    await settle();
    server.publishLost('news', 1);
    server.publish('news', 2);
    await settle();
    expect(sub.state.get().kind).toBe('recovering');
    await pass(2_000);
    expect(log).toEqual([1, 2]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });
});

describe('stream: readers', () => {
  it('[CLIENT-7] readers of a channel share one subscription on the wire', async () => {
    const first = listen();
    const second = listen();
    await settle();
    const late = listen();
    expect(late.sub.state.get()).toEqual({ kind: 'live' });
    server.publish('news', 1);
    await settle();
    expect([first.log, second.log, late.log]).toEqual([[1], [1], [1]]);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[CLIENT-7] the channel is left a little after its last reader, and kept for one that comes back', async () => {
    const first = listen();
    const second = listen();
    await settle();
    first.sub.close();
    first.sub.close();
    await pass(10_000);
    expect(server.received('unsubscribe')).toHaveLength(0);
    second.sub.close();
    await pass(499);
    const third = listen();
    await pass(10_000);
    expect(server.received('unsubscribe')).toHaveLength(0);
    third.sub.close();
    await pass(500);
    expect(server.received('unsubscribe')).toHaveLength(1);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[CLIENT-7] a closed reader hears nothing more, even within one delivery', async () => {
    const log: string[] = [];
    const second: { sub?: StreamSubscription<unknown> } = {};
    client.stream('news', { onPublication: () => void (log.push('first'), second.sub?.close()) });
    second.sub = client.stream('news', { onPublication: () => void log.push('second') });
    await settle();
    server.publish('news', 1);
    await settle();
    expect(log).toEqual(['first']);
  });

  it('[CLIENT-7] null and enabled: false open nothing', async () => {
    const nothing = client.stream(null, {});
    const disabled = client.stream('news', { enabled: false });
    await pass(1_000);
    expect(server.received('subscribe')).toHaveLength(0);
    expect(nothing.state.get()).toMatchObject({ kind: 'stale', reason: 'disabled' });
    nothing.close();
    disabled.close();
  });

  it('[CLIENT-7] options equal by value share, others conflict while somebody reads', async () => {
    const first = client.stream('news', { data: { a: [1] } });
    const second = client.stream('news', { data: { a: [1] } });
    expect(() => client.stream('news', { data: { a: [2] } })).toThrow(/another "data"/);
    expect(() => client.map('news')).toThrow(/another "type"/);
    first.close();
    second.close();
    client.stream('news', { data: { a: [2] } });
    await settle();
    expect(server.received('subscribe').at(-1)).toMatchObject({ data: { a: [2] } });
  });

  it('[CLIENT-7] subscriptions opened in one turn leave in one frame', async () => {
    await settle();
    const { connection } = server;
    const before = connection.commands.length;
    for (let index = 0; index < 50; index++) client.stream(`many:${index}`);
    await settle();
    expect(connection.commands.length - before).toBe(50);
    expect(connection.frames).toBe(2);
  });

  it('[CLIENT-12] a throwing handler is reported; other readers and later messages continue', async () => {
    const bad = client.stream('news', {
      onPublication: () => {
        throw new Error('mine');
      },
    });
    const { log } = listen();
    await settle();
    server.publish('news', 1);
    server.publish('news', 2);
    await settle();
    expect(log).toEqual([1, 2]);
    expect(errors).toEqual([
      { error: new Error('mine'), where: 'handler' },
      { error: new Error('mine'), where: 'handler' },
    ]);
    expect(bad.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-12] a message that cannot be decoded is reported and is a loss for its reader', async () => {
    const decode = (data: unknown): unknown => {
      if (data === 'bad') throw new TypeError('not a number');
      return data;
    };
    const picky = listen({ decode });
    const other = listen();
    await settle();
    for (const data of [1, 'bad', 3]) server.publish('news', data);
    await settle();
    expect(picky.log).toEqual([1, { reset: 'undecodable', from: 2, to: 2 }, 3]);
    expect(other.log).toEqual([1, 'bad', 3]);
    expect(errors).toEqual([{ error: new TypeError('not a number'), where: 'decode' }]);
  });

  it('[CLIENT-12] after an undecodable frame the connection comes back and nothing was missed', async () => {
    const { log } = listen();
    await settle();
    server.publish('news', 1);
    await settle();
    server.publishLost('news', 2);
    server.connection.sendText('not json');
    await pass(2_000);
    server.publish('news', 3);
    await settle();
    expect(log).toEqual([1, 2, 3]);
  });

  it('[CLIENT-3] since: what was published after it comes first', async () => {
    for (const data of [1, 2, 3]) server.publishLost('news', data);
    const { log, sub } = listen({ since: { epoch: 'e1', offset: 1 } });
    await settle();
    server.publish('news', 4);
    await settle();
    expect(log).toEqual([2, 3, 4]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-3] since on a channel others opened is served from history, or is a reset', async () => {
    for (const data of [1, 2, 3]) server.publishLost('news', data);
    listen();
    await settle();
    const late = listen({ since: { epoch: 'e1', offset: 1 } });
    expect(late.sub.state.get().kind).toBe('recovering');
    server.publish('news', 4);
    await settle();
    expect(late.log).toEqual([2, 3, 4]);
    expect(late.sub.state.get()).toEqual({ kind: 'live' });

    server.channel('news').history = server.channel('news').history.slice(-1);
    const tooLate = listen({ since: { epoch: 'e1', offset: 1 } });
    await settle();
    expect(tooLate.log[0]).toEqual({ reset: 'unrecoverable' });
    const stranger = listen({ since: { epoch: 'e0', offset: 1 } });
    await settle();
    expect(stranger.log[0]).toEqual({ reset: 'unrecoverable' });
    expect(server.received('subscribe')).toHaveLength(1);
  });
});

describe('stream: getState', () => {
  interface Doc {
    readonly items: readonly unknown[];
  }
  /** An application's own store behind an API: reads position, then state. */
  const read = (): LoadedState<Doc> => {
    const channel = server.channel('news');
    return {
      position: { epoch: channel.epoch, offset: channel.top },
      state: { items: channel.history.map((publication) => publication.data) },
    };
  };
  function follow(getState: () => Promise<LoadedState<Doc>>): {
    log: unknown[];
    sub: StreamSubscription<unknown, Doc>;
    items: () => readonly unknown[];
  } {
    const log: unknown[] = [];
    let items: readonly unknown[] = [];
    const sub = client.stream('news', {
      getState,
      onState: (state: Doc) => {
        items = state.items;
        log.push({ state: state.items.length });
      },
      onPublication: ({ data }) => {
        items = [...items, data];
        log.push(data);
      },
    });
    return { log, sub, items: () => items };
  }

  it('[CLIENT-5] state as of its position, then exactly what follows', async () => {
    server.publishLost('news', 1);
    const answers: ((loaded: LoadedState<Doc>) => void)[] = [];
    const { log, sub } = follow(() => new Promise((resolve) => answers.push(resolve)));
    expect(answers).toHaveLength(0);
    await settle();
    expect(answers).toHaveLength(1);
    expect(sub.state.get().kind).toBe('recovering');
    server.publish('news', 2);
    await settle();
    expect(log).toEqual([]);
    const loaded = read();
    server.publish('news', 3);
    await settle();
    answers[0]?.(loaded);
    await settle();
    server.publish('news', 4);
    await settle();
    expect(log).toEqual([{ state: 2 }, 3, 4]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(answers).toHaveLength(1);
  });

  it('[CLIENT-5] state newer than the subscription: publications it contains are skipped', async () => {
    const answers: ((loaded: LoadedState<Doc>) => void)[] = [];
    const { log } = follow(() => new Promise((resolve) => answers.push(resolve)));
    await settle();
    answers[0]?.({ position: { epoch: 'e1', offset: 2 }, state: { items: [1, 2] } });
    await settle();
    for (const data of [1, 2, 3]) server.publish('news', data);
    await settle();
    expect(log).toEqual([{ state: 2 }, 3]);
  });

  it('[CLIENT-5] state older than the subscription is completed from history', async () => {
    for (const data of [1, 2, 3]) server.publishLost('news', data);
    const { log, sub } = follow(() =>
      Promise.resolve({ position: { epoch: 'e1', offset: 1 }, state: { items: [1] } }),
    );
    await settle();
    expect(log).toEqual([{ state: 1 }, 2, 3]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-5] a failing, wrong or too old state is loaded again, and never live before', async () => {
    for (const data of [1, 2, 3]) server.publishLost('news', data);
    server.channel('news').history = [];
    const answers: (() => Promise<LoadedState<Doc>>)[] = [
      () => Promise.reject(new Error('502')),
      () => Promise.resolve({ position: { epoch: 'other', offset: 3 }, state: { items: [] } }),
      () => Promise.resolve({ position: { epoch: 'e1', offset: 1 }, state: { items: [1] } }),
      () => Promise.resolve({ position: { epoch: 'e1', offset: 3 }, state: { items: [1, 2, 3] } }),
    ];
    const { log, sub } = follow(() =>
      (answers.shift() ?? (() => Promise.reject(new Error('asked too often'))))(),
    );
    await settle();
    expect(sub.state.get().kind).toBe('recovering');
    await pass(30_000);
    expect(log).toEqual([{ state: 3 }]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
    expect(errors.map(({ where }) => where)).toEqual(['state', 'state', 'state']);
  });

  it('[CLIENT-5] a reset loads again, and is over when the new state is applied', async () => {
    const answers: ((loaded: LoadedState<Doc>) => void)[] = [];
    const { log, sub } = follow(() => new Promise((resolve) => answers.push(resolve)));
    await settle();
    answers[0]?.(read());
    await settle();
    server.channel('news').epoch = 'e2';
    server.unsubscribe('news', 2500);
    await settle();
    expect(sub.state.get()).toEqual({ kind: 'reset', reason: 'epoch' });
    server.publish('news', 1);
    await settle();
    expect(log).toEqual([{ state: 0 }]);
    answers[1]?.(read());
    await settle();
    server.publish('news', 2);
    await settle();
    expect(log).toEqual([{ state: 0 }, { state: 1 }, 2]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-5] an answer that was asked for before a reset is void', async () => {
    const answers: ((loaded: LoadedState<Doc>) => void)[] = [];
    const { log } = follow(() => new Promise((resolve) => answers.push(resolve)));
    await settle();
    server.channel('news').epoch = 'e2';
    server.unsubscribe('news', 2500);
    await settle();
    answers[0]?.({ position: { epoch: 'e1', offset: 0 }, state: { items: ['old'] } });
    await settle();
    expect(log).toEqual([]);
    answers[1]?.(read());
    await settle();
    expect(log).toEqual([{ state: 0 }]);
  });

  it('[CLIENT-5] a late reader loads its own state without disturbing others', async () => {
    const first = listen();
    await settle();
    server.publish('news', 1);
    await settle();
    const late = follow(() => Promise.resolve(read()));
    await settle();
    server.publish('news', 2);
    await settle();
    expect(first.log).toEqual([1, 2]);
    expect(late.log).toEqual([{ state: 1 }, 2]);
    expect(server.received('subscribe')).toHaveLength(1);
  });

  it('[CLIENT-13] more than may be buffered while loading: only a state that contains it will do', async () => {
    client.dispose();
    client = open({ bufferMaxPublications: 2 });
    const answers: ((loaded: LoadedState<Doc>) => void)[] = [];
    const { log, sub } = follow(() => new Promise((resolve) => answers.push(resolve)));
    await settle();
    const early = read();
    for (let index = 1; index <= 5; index++) server.publish('news', index);
    await settle();
    answers[0]?.(early);
    await settle();
    expect(log).toEqual([]);
    await pass(2_000);
    answers[1]?.(read());
    await settle();
    expect(log).toEqual([{ state: 5 }]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });

  it('[CLIENT-12] a publication that cannot be applied to loaded state makes it load again', async () => {
    let loads = 0;
    const log: unknown[] = [];
    const sub = client.stream('news', {
      getState: () => {
        loads++;
        return Promise.resolve(read());
      },
      onState: (state) => void log.push({ state: state.items.length }),
      onPublication: ({ data }) => {
        if (data === 'bad') throw new Error('cannot apply');
        log.push(data);
      },
    });
    await settle();
    server.publish('news', 'bad');
    await settle();
    expect(sub.state.get()).toMatchObject({ kind: 'reset', reason: 'undecodable' });
    await pass(2_000);
    expect(loads).toBe(2);
    expect(log).toEqual([{ state: 0 }, { state: 1 }]);
    expect(sub.state.get()).toEqual({ kind: 'live' });
  });
});

describe('stream: through random faults', () => {
  type Fault = 'publish' | 'lose' | 'cut' | 'trim' | 'epoch' | 'unsubscribe' | 'wait' | 'second';

  it('[CLIENT-1] every reader sees every offset once and in order, or is told before it goes on', async () => {
    const faults = fc.array(
      fc.constantFrom<Fault>(
        'publish',
        'publish',
        'publish',
        'lose',
        'cut',
        'trim',
        'epoch',
        'unsubscribe',
        'wait',
        'second',
      ),
      { minLength: 5, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(faults, async (script) => {
        server = new FakeServer();
        const own = open();
        const channel = server.channel('p');
        const readers: { last: string | undefined; told: boolean }[] = [];
        const add = (): void => {
          const reader: { last: string | undefined; told: boolean } = { last: undefined, told: true };
          readers.push(reader);
          own.stream('p', {
            onReset: () => void (reader.told = true),
            onPublication: ({ data, position }) => {
              const place = `${String(data)}/${position?.offset ?? 0}`;
              const [epoch, offset] = [String(data), position?.offset ?? 0];
              if (!reader.told) expect(`${epoch}/${offset - 1}`).toBe(reader.last);
              reader.last = place;
              reader.told = false;
            },
          });
        };
        add();
        await settle();
        for (const fault of script) {
          if (fault === 'publish') server.publish('p', channel.epoch);
          if (fault === 'lose') server.publishLost('p', channel.epoch);
          if (fault === 'cut' && server.connections.some((connection) => connection.open)) server.cut();
          if (fault === 'trim') channel.history = channel.history.slice(-1);
          if (
            fault === 'unsubscribe' &&
            server.connections.some((connection) => connection.open && connection.subscribed.has('p'))
          )
            server.unsubscribe('p', 2500);
          if (fault === 'epoch') {
            channel.epoch = `e${Number(channel.epoch.slice(1)) + 1}`;
            channel.top = 0;
            channel.history = [];
            if (server.connections.some((connection) => connection.open && connection.subscribed.has('p')))
              server.unsubscribe('p', 2500);
          }
          if (fault === 'second' && readers.length < 3) add();
          await (fault === 'wait' ? pass(1_500) : settle());
        }
        await pass(40_000);
        // Healed: the next publication reaches everybody, as the neighbour of the last one or after word of a loss.
        server.publish('p', channel.epoch);
        await pass(5_000);
        const top = `${channel.epoch}/${channel.top}`;
        for (const reader of readers) expect(reader.told || reader.last === top).toBe(true);
        for (const reader of readers) expect(reader.last).toBe(top);
        own.dispose();
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});
