import { createSeededRandom } from '@trunkline/base';
import { FakeClock, settle } from '@trunkline/base/testing';
import { CodedError, ERROR_CODES, type ErrorName } from '@trunkline/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Untyped } from '../contract-types.js';
import { memoryStore } from './memory-store.js';
import type { OfflineQueueOptions } from './options.js';
import { createOfflineQueue, type OfflineQueue } from './queue.js';
import type { QueueStore } from './store.js';
import { ModelClient, ServerModel } from './testing/world.js';

let clock: FakeClock;
let server: ServerModel;
let model: ModelClient;
let store: QueueStore;
let errors: unknown[];
let opened: OfflineQueue<Untyped>[];

function open(options: Partial<OfflineQueueOptions> = {}, client = model): OfflineQueue<Untyped> {
  const queue = createOfflineQueue<Untyped>(client.client, {
    store,
    clock,
    random: createSeededRandom(opened.length + 1),
    onError: (error) => void errors.push(error),
    ...options,
  });
  opened.push(queue);
  return queue;
}
const done = (): unknown[] => server.effects.map(({ params }) => params);
const statuses = (queue: OfflineQueue<Untyped>): string[] =>
  queue.state.get().entries.map(({ status }) => status);
const refusing =
  (name: ErrorName): ((effect: unknown) => void) =>
  () => {
    throw new CodedError(name);
  };

beforeEach(() => {
  clock = new FakeClock();
  server = new ServerModel();
  model = new ModelClient(server, clock);
  store = memoryStore();
  errors = [];
  opened = [];
});
afterEach(async () => {
  for (const queue of opened) await queue.dispose();
});

describe('adding', () => {
  it('[OFFLINE-1] is kept while there is no connection, shown, and sent in order with it', async () => {
    const queue = open();
    const added = await Promise.all([1, 2, 3].map((n) => queue.add('do', n)));
    await settle();
    expect(added.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(queue.state.get()).toMatchObject({
      loaded: true,
      counts: { queued: 3, sending: 0 },
      bytes: 3,
      waitsFor: 'connection',
    });
    expect(done()).toEqual([]);
    model.up();
    await settle();
    expect(done()).toEqual([1, 2, 3]);
    expect(queue.state.get()).toMatchObject({ counts: { done: 3, queued: 0 }, bytes: 0 });
    expect(queue.state.get().waitsFor).toBeUndefined();
    await expect(added[1]?.outcome).resolves.toEqual({ status: 'done', result: { did: 2 } });
  });

  it('[OFFLINE-1] the call carries key, number and trace; repeats carry the same', async () => {
    const queue = open();
    model.auto = false;
    model.up();
    const { key, seq } = await queue.add('do', { a: 1 }, { trace: 'walk' });
    const { instance } = (await store.load()).meta;
    await settle();
    expect(model.flights[0]).toMatchObject({
      effect: { method: 'do', params: { a: 1 } },
      options: { key, seq, instance, trace: 'walk' },
    });
    model.flights[0]?.loseAnswer();
    await clock.advance(60_000);
    expect(model.flights[0]?.options).toEqual({ key, seq, instance, trace: 'walk' });
  });

  it('[OFFLINE-9] the server is told who counts, the same for all pages and lives; whoever is alone is not counted', async () => {
    const queue = open();
    model.auto = false;
    model.up();
    await queue.add('do', 1, { order: 'a' });
    await queue.add('do', 2, { order: null, key: 'alone', trace: 't' });
    await settle();
    const [first, alone] = model.flights.map(({ options }) => options);
    expect(first).toMatchObject({ order: 'a', seq: 1, instance: /^\w{22}$/ });
    expect(alone).toEqual({ key: 'alone', trace: 't' });
    for (const flight of [...model.flights]) flight.answer();
    await settle();
    await queue.dispose();
    open();
    await opened[1]?.add('do', 3, { order: 'a' });
    await settle();
    expect(model.flights[0]?.options).toMatchObject({ seq: 3, instance: first?.instance });
  });

  it('[OFFLINE-9] overtaken at the first try, the store is a copy: it counts under a new name, and the command takes effect', async () => {
    const queue = open();
    model.auto = false;
    model.up();
    const { outcome } = await queue.add('do', 1);
    await settle();
    const before = model.flights[0]?.options.instance;
    server.refuse = refusing('overtaken');
    model.flights[0]?.answer();
    server.refuse = undefined;
    await settle();
    expect(model.flights[0]?.options).toMatchObject({ seq: 1, instance: /^\w{22}$/ });
    expect(model.flights[0]?.options.instance).not.toBe(before);
    model.flights[0]?.answer();
    expect(await outcome).toMatchObject({ status: 'done' });
  });

  it('[OFFLINE-9] overtaken at a later try, it ended as a value: it did not take effect, and those behind it go on', async () => {
    const queue = open();
    model.auto = false;
    model.up();
    const { outcome } = await queue.add('do', 1);
    const next = await queue.add('do', 2);
    await settle();
    model.flights[0]?.lose();
    await clock.advance(10_000);
    server.refuse = refusing('overtaken');
    model.flights[0]?.answer();
    server.refuse = undefined;
    expect(await outcome).toMatchObject({ status: 'failed', error: { code: 1009 } });
    await settle();
    model.flights[0]?.answer();
    expect(await next.outcome).toMatchObject({ status: 'done' });
    expect(done()).toEqual([2]);
  });

  it('[OFFLINE-2] is refused with a code where the queue is full, by number and by bytes', async () => {
    const queue = open({ maxEntries: 2, maxBytes: 20, maxEntryBytes: 18 });
    await queue.add('do', 1);
    await expect(queue.add('do', 'x'.repeat(17))).rejects.toMatchObject({
      code: 106,
      message: /maxEntryBytes/,
    });
    await queue.add('do', 'x'.repeat(16));
    await expect(queue.add('do', 2)).rejects.toMatchObject({ code: 106, message: /maxEntries/ });
    expect(queue.state.get().counts.queued).toBe(2);
    model.up();
    await settle();
    await expect(queue.add('do', 3)).resolves.toMatchObject({ seq: 3 });
  });

  it('[OFFLINE-2] params that are no JSON, and bad options, are refused by name', async () => {
    const queue = open();
    await expect(queue.add('do', () => 1)).rejects.toThrow(/params must be JSON/);
    await expect(queue.add('do', 1n)).rejects.toThrow(/params must be JSON/);
    await expect(queue.add('do', 1, { expiresInMs: 0 })).rejects.toThrow(/expiresInMs/);
    expect(() => open({ maxInFlight: 0 })).toThrow(/maxInFlight/);
    expect(() => open({ maxDelayMs: 1 })).toThrow(/maxDelayMs/);
    expect(() => open({ store: undefined as never })).toThrow(/store/);
  });

  it('[OFFLINE-1] under a key that is there adds nothing, and its outcome is told to both', async () => {
    const queue = open();
    const first = await queue.add('do', 1, { key: 'k' });
    const second = await queue.add('do', 1, { key: 'k' });
    expect(second.seq).toBe(first.seq);
    model.up();
    await settle();
    expect(done()).toEqual([1]);
    await expect(second.outcome).resolves.toEqual(await first.outcome);
    await expect((await queue.add('do', 1, { key: 'k' })).outcome).resolves.toMatchObject({ status: 'done' });
  });

  it('[OFFLINE-1] a key that is another command’s is refused with a code', async () => {
    const queue = open();
    await queue.add('do', 1, { key: 'k' });
    await expect(queue.add('do', 2, { key: 'k' })).rejects.toMatchObject({ code: 1006 });
    await expect(queue.add('undo', 1, { key: 'k' })).rejects.toMatchObject({ code: 1006 });
    model.up();
    await settle();
    expect(done()).toEqual([1]);
    await expect(queue.add('undo', 1, { key: 'k' })).rejects.toMatchObject({ code: 1006 });
  });
});

describe('order', () => {
  beforeEach(() => {
    model.auto = false;
    model.up();
  });
  const flying = (): unknown[] => model.flights.map(({ effect }) => effect.params);

  it('[OFFLINE-4] one at a time within an order, orders beside each other, null waits for nobody', async () => {
    const queue = open();
    await queue.add('do', 'a1', { order: 'a' });
    await queue.add('do', 'a2', { order: 'a' });
    await queue.add('do', 'b1', { order: 'b' });
    await queue.add('do', 'free 1', { order: null });
    await queue.add('do', 'free 2', { order: null });
    await settle();
    expect(flying()).toEqual(['a1', 'b1', 'free 1', 'free 2']);
    model.flights[0]?.answer();
    await settle();
    expect(flying()).toEqual(['b1', 'free 1', 'free 2', 'a2']);
  });

  it('[OFFLINE-4] what is on its way at once is bounded', async () => {
    const queue = open({ maxInFlight: 2 });
    for (const n of [1, 2, 3]) await queue.add('do', n, { order: null });
    await settle();
    expect(flying()).toEqual([1, 2]);
    model.flights[1]?.answer();
    await settle();
    expect(flying()).toEqual([1, 3]);
  });

  it('[OFFLINE-4] a temporary error keeps its place: those behind wait with it', async () => {
    const queue = open();
    server.refuse = refusing('internal');
    await queue.add('do', 1);
    await queue.add('do', 2);
    await settle();
    model.flights[0]?.answer();
    await settle();
    expect(flying()).toEqual([]);
    expect(queue.state.get().entries[0]).toMatchObject({
      status: 'queued',
      sent: true,
      error: { code: 100 },
    });
    server.refuse = undefined;
    model.auto = true;
    await clock.advance(10_000);
    expect(done()).toEqual([1, 2]);
  });
});

describe('ends', () => {
  beforeEach(() => model.up());

  it.each(['conflict', 'permissionDenied', 'notFound', 'unrecoverablePosition'] as const)(
    '[OFFLINE-6] a refusal for good (%s) is a value, and those behind go on',
    async (name) => {
      const queue = open();
      server.refuse = ({ params }) => {
        if (params === 1) throw new CodedError(name, 'somebody was faster');
      };
      const [first, second] = [await queue.add('do', 1), await queue.add('do', 2)];
      const { code } = ERROR_CODES[name];
      await expect(first.outcome).resolves.toMatchObject({
        status: 'failed',
        error: { code, message: /somebody was faster/ },
      });
      await expect(second.outcome).resolves.toMatchObject({ status: 'done' });
      expect(queue.state.get().entries[0]).toMatchObject({ status: 'failed', error: { code }, params: '1' });
    },
  );

  it.each(['internal', 'tooManyRequests', 'callTimeout', 'shuttingDown', 'tokenExpired'] as const)(
    '[OFFLINE-6] a temporary one (%s) is tried again, later each time, with a cap',
    async (name) => {
      const queue = open({ minDelayMs: 1_000, maxDelayMs: 8_000, expiresInMs: 10 ** 9 });
      server.refuse = refusing(name);
      await queue.add('do', 1);
      await settle();
      const waits: number[] = [];
      for (let attempt = 1; attempt <= 6; attempt++) {
        const entry = queue.state.get().entries[0];
        expect(entry).toMatchObject({ status: 'queued', attempts: attempt });
        waits.push((entry?.retryAtMs ?? 0) - clock.now());
        await clock.advance(waits.at(-1) ?? 0);
      }
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000);
      expect(Math.max(...waits)).toBeLessThanOrEqual(8_000);
      expect(waits[0]).toBeLessThanOrEqual(2_000);
      server.refuse = undefined;
      await clock.advance(8_000);
      expect(done()).toEqual([1]);
    },
  );

  it('[OFFLINE-6] one that never left expires for certain, one that left may have happened', async () => {
    model.down();
    const queue = open({ expiresInMs: 1_000 });
    const untouched = await queue.add('do', 1, { order: null });
    model.auto = false;
    model.up();
    await settle();
    model.flights[0]?.loseAnswer();
    model.down();
    const late = await queue.add('do', 2, { order: null });
    await clock.advance(1_000);
    await expect(untouched.outcome).resolves.toEqual({ status: 'expired', uncertain: true });
    await expect(late.outcome).resolves.toEqual({ status: 'expired', uncertain: false });
    expect(queue.state.get().counts.expired).toBe(2);
    model.auto = true;
    model.up();
    await clock.advance(10_000);
    expect(done()).toEqual([1]);
  });

  it('[OFFLINE-6] an answer that comes after the time ran out still counts', async () => {
    model.auto = false;
    const queue = open({ expiresInMs: 1_000 });
    const { outcome } = await queue.add('do', 1);
    await settle();
    await clock.advance(5_000);
    expect(statuses(queue)).toEqual(['sending']);
    model.flights[0]?.answer();
    await expect(outcome).resolves.toMatchObject({ status: 'done' });
  });

  it('[OFFLINE-6] done ones are shown for a moment, failed ones until dismissed, and not without end', async () => {
    const queue = open({ keepDoneMs: 5_000, maxEnded: 2 });
    await queue.add('do', 1);
    await settle();
    server.refuse = refusing('conflict');
    for (const n of [2, 3, 4]) await queue.add('do', n);
    await clock.advance(4_999);
    expect(statuses(queue)).toEqual(['done', 'failed', 'failed']);
    await clock.advance(1);
    expect(statuses(queue)).toEqual(['failed', 'failed']);
    const [first] = queue.state.get().entries;
    await queue.dismiss(first?.key);
    expect(statuses(queue)).toEqual(['failed']);
    await queue.dismiss();
    expect(statuses(queue)).toEqual([]);
  });
});

describe('cancelling', () => {
  it('[OFFLINE-7] what never left is taken back', async () => {
    const queue = open();
    const { key, outcome } = await queue.add('do', 1);
    await expect(queue.cancel(key)).resolves.toBe(true);
    await expect(queue.cancel(key)).resolves.toBe(false);
    await expect(outcome).resolves.toEqual({ status: 'cancelled', uncertain: false });
    model.up();
    await settle();
    expect(done()).toEqual([]);
  });

  it('[OFFLINE-7] what left is not, unless it is given up, which is said to be uncertain', async () => {
    const queue = open();
    model.auto = false;
    model.up();
    const { key, outcome } = await queue.add('do', 1);
    await settle();
    await expect(queue.cancel(key)).resolves.toBe(false);
    await expect(queue.cancel(key, { evenIfSent: true })).resolves.toBe(true);
    await expect(outcome).resolves.toEqual({ status: 'cancelled', uncertain: true });
    model.flights[0]?.answer();
    await settle();
    expect(statuses(queue)).toEqual(['cancelled']);
    await expect(queue.cancel('never there')).resolves.toBe(false);
  });
});

describe('the connection', () => {
  it('[OFFLINE-4] what it cut off goes again as soon as it is back, and happens once', async () => {
    const queue = open();
    model.auto = false;
    model.up();
    const { outcome } = await queue.add('do', 1);
    await settle();
    model.state.set({ kind: 'connecting', sinceMs: 0, attempt: 1, reason: '' });
    model.flights[0]?.loseAnswer();
    await settle();
    expect(queue.state.get()).toMatchObject({ waitsFor: 'connection', counts: { queued: 1 } });
    model.auto = true;
    model.up();
    await settle();
    await expect(outcome).resolves.toEqual({ status: 'done', result: { did: 1 } });
    expect([server.arrivals.length, done()]).toEqual([2, [1]]);
  });

  it('[OFFLINE-4] a command that takes the connection down each time waits between its tries', async () => {
    const queue = open();
    let calls = 0;
    model.command = () => {
      calls++;
      return Promise.reject(new CodedError({ code: 11, message: 'closed', retry: 'afterBackoff' }));
    };
    model.up();
    await queue.add('do', 1);
    await clock.advance(20_000);
    expect(calls).toBeGreaterThan(1);
    expect(calls).toBeLessThan(8);
  });

  it('[OFFLINE-4] nothing is sent to a server that reads no keys, and the state says so', async () => {
    const queue = open();
    model.extensions = new Set();
    model.up();
    await queue.add('do', 1);
    await settle();
    expect([queue.state.get().waitsFor, done()]).toEqual(['keys', []]);
    model.down();
    model.extensions = new Set(['rpc']);
    model.up();
    await settle();
    expect(done()).toEqual([1]);
  });
});

describe('lives and pages', () => {
  it('[OFFLINE-3] the next life sends what the one before left, also what was on its way', async () => {
    const first = open();
    model.auto = false;
    model.up();
    const added = await Promise.all([1, 2, 3].map((n) => first.add('do', n)));
    await settle();
    model.flights[0]?.loseAnswer();
    const { key } = added[0] ?? { key: '' };
    await first.dispose();
    await expect(added[2]?.outcome).resolves.toEqual({ status: 'unknown' });
    await expect(first.add('do', 4)).rejects.toMatchObject({ code: 108 });
    const next = new ModelClient(server, clock);
    const second = open({}, next);
    await settle();
    expect(statuses(second)).toEqual(['queued', 'queued', 'queued']);
    const outcome = second.outcome(key);
    next.up();
    await clock.advance(5_000);
    expect(done()).toEqual([1, 2, 3]);
    await expect(outcome).resolves.toEqual({ status: 'done', result: { did: 1 } });
    await expect(second.outcome('never there')).resolves.toEqual({ status: 'unknown' });
    expect(server.arrivals.filter((arrived) => arrived === key)).toHaveLength(2);
  });

  it('[OFFLINE-3] what a life that was killed left as on its way waits like the others, and is shown so', async () => {
    const first = open();
    const { key } = await first.add('do', 1, { order: null });
    await first.add('do', 2, { order: null });
    await first.dispose();
    // Nothing is written when a page is killed.
    await store.change(key, (_, present) => ({
      ...(present
        ? { entry: { ...present, status: 'sending' as const, retryAtMs: clock.now() + 2_000 } }
        : {}),
      result: undefined,
    }));
    const next = new ModelClient(server, clock);
    const second = open({}, next);
    next.up();
    await settle();
    expect(statuses(second)).toEqual(['queued', 'done']);
    expect(done()).toEqual([2]);
    await clock.advance(2_000);
    expect(done()).toEqual([2, 1]);
  });

  it('[OFFLINE-5] two pages: one sends, both show, and the one that added is told the result', async () => {
    const other = new ModelClient(server, clock);
    const [one, two] = [open(), open({}, other)];
    const { outcome, key } = await one.add('do', 1);
    await clock.advance(100);
    expect(two.state.get().counts.queued).toBe(1);
    other.auto = false;
    other.up();
    model.up();
    await settle();
    expect([other.flights.length, model.flights.length]).toEqual([1, 0]);
    await clock.advance(100);
    expect(statuses(one)).toEqual(['sending']);
    await expect(one.cancel(key)).resolves.toBe(false);
    other.flights[0]?.answer();
    await expect(outcome).resolves.toEqual({ status: 'done', result: { did: 1 } });
    await clock.advance(100);
    expect(statuses(one)).toEqual(['done']);
    expect(server.arrivals).toHaveLength(1);
  });

  it('[OFFLINE-5] a page that goes away leaves its turn to the others', async () => {
    const other = new ModelClient(server, clock);
    const one = open();
    open({}, other);
    model.auto = false;
    model.up();
    other.up();
    await one.add('do', 1);
    await settle();
    expect(model.flights).toHaveLength(1);
    await one.dispose();
    await clock.advance(1_000);
    expect(done()).toEqual([1]);
  });

  it('[OFFLINE-7] cancelled on one page, it is not sent by another that has not heard of it', async () => {
    const other = new ModelClient(server, clock);
    const [one, two] = [open(), open({}, other)];
    const { key } = await one.add('do', 1);
    await clock.advance(100);
    await one.cancel(key);
    other.up();
    await settle();
    expect(done()).toEqual([]);
    await clock.advance(100);
    expect(statuses(two)).toEqual(['cancelled']);
  });
});

describe('a store that fails', () => {
  it('[OFFLINE-8] is reported and shown, and the queue goes on when it works again', async () => {
    const inner = store;
    let broken = true;
    const fail = (): void => {
      if (broken) throw new Error('disk');
    };
    store = {
      ...inner,
      load: async () => (fail(), inner.load()),
      change: async (key, decide) => (fail(), inner.change(key, decide)),
    };
    const queue = open();
    model.up();
    await settle();
    expect(queue.state.get()).toMatchObject({ waitsFor: 'store', loaded: false });
    expect(String(errors[0])).toContain('disk');
    await expect(queue.add('do', 1)).rejects.toThrow('disk');
    broken = false;
    await queue.add('do', 2);
    broken = true;
    await clock.advance(2_000);
    broken = false;
    await clock.advance(60_000);
    expect(done()).toEqual([2]);
    expect(queue.state.get().waitsFor).toBeUndefined();
    expect(errors.length).toBeLessThan(20);
  });

  it('[OFFLINE-8] an answer that could not be written is fetched again, and the command happens once', async () => {
    const inner = store;
    let failures = 0;
    store = {
      ...inner,
      change: (key, decide) =>
        inner.change(key, (meta, entry) => {
          const change = decide(meta, entry);
          if (change.entry?.status === 'done' && failures++ < 2) throw new Error('disk');
          return change;
        }),
    };
    const queue = open();
    model.up();
    const { outcome } = await queue.add('do', 1);
    await clock.advance(60_000);
    await expect(outcome).resolves.toMatchObject({ status: 'done', result: { did: 1 } });
    expect([server.arrivals.length, done()]).toEqual([3, [1]]);
  });
});
