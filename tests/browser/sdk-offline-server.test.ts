/**
 * Commands queued offline in Chromium and what became of them in the database of a real server: two tabs, a reload, a network that is away, an answer that
 * never came, and a server that is killed while it works them off.
 */
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import type { OfflineQueue, QueueState } from '@trunkline/client/offline';
import type { Untyped } from '@trunkline/client';
import { Kit, until, type BrowserHandle, type FaultProxy } from '@trunkline/testkit';
import { bundle } from '../support/bundle.js';
import {
  readEvents,
  startDurableServer,
  verifyCounter,
  type DurableServer,
} from '../support/durable-server.js';
import { ServerOrders } from '../support/server-orders.js';
import { serveSite, type StaticSite } from '../support/static-site.js';

/** What the page keeps. */
interface PageGlobals {
  openQueue(url: string): void;
  queue: OfflineQueue<Untyped>;
  /** Every state the UI was shown, as counts. */
  shown: string[];
  outcomes: Record<string, string>;
}

const CODE = `
  import { createClient } from '@trunkline/client';
  import { createOfflineQueue, indexedDbStore } from '@trunkline/client/offline';
  globalThis.openQueue = (url) => {
    const client = createClient({ url, minDelayMs: 20, maxDelayMs: 100, onError: () => undefined });
    const store = indexedDbStore('ada@acme');
    const queue = createOfflineQueue(client, { store, minDelayMs: 20, maxDelayMs: 100, keepDoneMs: 600000 });
    globalThis.queue = queue;
    globalThis.shown = [];
    globalThis.outcomes = {};
    queue.state.subscribe(() => {
      const { queued, sending, done } = queue.state.get().counts;
      globalThis.shown.push([queued, sending, done].join(' '));
    });
  };
`;

const fileKit = new Kit();
let kit: Kit;
let site: StaticSite;
let browser: BrowserHandle;
let durable: DurableServer;
let path: FaultProxy;
let context: BrowserContext;

beforeAll(async () => {
  site = fileKit.use(await serveSite({ '/page.js': fileKit.use(await bundle(CODE)).file }));
  browser = await fileKit.browser();
  durable = await startDurableServer(fileKit, 'PGlite', {
    config: { server: { origins: [site.origin] } },
  });
}, 120_000);
afterAll(() => fileKit.dispose());
beforeEach(async () => {
  kit = new Kit();
  path = await kit.proxy(durable.server);
  context = await browser.browser.newContext();
});
afterEach(async () => {
  await context.close();
  await kit.dispose();
});

const start = (page: Page): Promise<void> =>
  page.evaluate((url) => (window as unknown as PageGlobals).openQueue(url), path.wsUrl);
async function open(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.origin);
  await start(page);
  return page;
}
/** Resolves when they are kept. */
const add = (page: Page, id: string, notes: readonly string[]): Promise<void> =>
  page.evaluate(
    async ([counter, items]) => {
      const { queue, outcomes } = window as unknown as PageGlobals;
      for (const note of items) {
        const { outcome } = await queue.add('counter.add', { id: counter, by: 1, note });
        void outcome.then((end) => (outcomes[note] = JSON.stringify(end)));
      }
    },
    [id, notes] as const,
  );
const state = (page: Page): Promise<QueueState> =>
  page.evaluate(() => (window as unknown as PageGlobals).queue.state.get());
/** The page shows so many commands as done; where it does not, what it shows instead is the failure. */
async function knows(page: Page, done: number): Promise<void> {
  await until('all are done', async () => (await state(page)).counts.done === done, 90_000).catch(
    () => undefined,
  );
  const { counts, waitsFor } = await state(page);
  expect(counts.done, `of ${JSON.stringify({ counts, waitsFor })}`).toBe(done);
}
const notesOf = async (id: string): Promise<string[]> =>
  (await readEvents(durable.server, id)).map(({ note }) => note);
const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('the offline queue in a browser, and the server behind it', { timeout: 300_000 }, () => {
  it('[OFFLINE-3] [CMD-1] [CMD-7] two tabs, a reload, a killed server: each took effect once, in order, and the UI knew', async () => {
    path.cut();
    const [one, two] = [await open(), await open()];
    await add(one, 'tabs', named('a', 10));
    await add(two, 'tabs', named('b', 10));
    await until('both show all', async () => (await state(one)).counts.queued === 20);
    await until('it waits for a connection', async () => (await state(one)).waitsFor === 'connection');
    expect((await state(one)).counts).toMatchObject({ queued: 20, done: 0 });
    await one.reload();
    await start(one);
    await until('the queue is read', async () => (await state(one)).loaded);
    expect((await state(one)).counts.queued).toBe(20);
    await add(one, 'tabs', named('c', 10));
    path.restore();
    await until('some are done', async () => (await notesOf('tabs')).length >= 5);
    await durable.server.kill9();
    await durable.server.restart();
    for (const page of [one, two]) await knows(page, 30);
    const wanted = [...named('a', 10), ...named('b', 10), ...named('c', 10)];
    expect(await notesOf('tabs')).toEqual(wanted);
    await verifyCounter(
      durable.server,
      'tabs',
      wanted.map((note) => ({ by: 1, note })),
    );
    const { shown, outcomes } = await one.evaluate(() => {
      const globals = window as unknown as PageGlobals;
      return { shown: globals.shown, outcomes: globals.outcomes };
    });
    expect(shown.at(-1)).toBe('0 0 30');
    // Those of the page before the reload are the state's; those of this one were promised.
    expect(Object.keys(outcomes).sort()).toEqual(named('c', 10));
    for (const outcome of Object.values(outcomes)) expect(outcome).toContain('"status":"done"');
  });

  it('[OFFLINE-3] [CMD-1] an answer that was lost, and the page reloaded before it could ask again: once', async () => {
    const orders = new ServerOrders(durable.server);
    const page = await open();
    await add(page, 'lost', ['first']);
    await until('it is done', async () => (await state(page)).counts.done >= 1);
    // The event is committed when it is handed on; the answer waits behind a connection that takes nothing.
    await orders.give({ sql: 'DELETE FROM store_outbox', at: 0, then: 'wait' });
    path.stall('toClient');
    await add(page, 'lost', ['second', 'third']);
    await orders.met();
    path.cut();
    await page.reload();
    await orders.takeBack();
    expect(await notesOf('lost')).toEqual(['first', 'second']);
    path.restore();
    await start(page);
    await knows(page, 3);
    expect(await notesOf('lost')).toEqual(['first', 'second', 'third']);
    const { entries } = await state(page);
    expect(entries.map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    expect(entries[1]?.attempts).toBeGreaterThan(1);
    await verifyCounter(
      durable.server,
      'lost',
      ['first', 'second', 'third'].map((note) => ({ by: 1, note })),
    );
  });
});
