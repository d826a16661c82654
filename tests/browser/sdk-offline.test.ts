/** The offline queue in Chromium: a real IndexedDB, real reloads, two tabs, and a server that is away. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BrowserContext, Page } from 'playwright-core';
import { Kit, until, type BrowserHandle } from '@trunkline/testkit';
import type { OfflineQueue, QueueState } from '@trunkline/client/offline';
import type { Untyped } from '@trunkline/client';
import { bundle } from '../support/bundle.js';
import { startKeyedServer, type KeyedServer } from '../support/keyed-server.js';
import { serveSite, type StaticSite } from '../support/static-site.js';

/** What the page keeps. */
interface PageGlobals {
  openQueue(url: string, locks: boolean): void;
  queue: OfflineQueue<Untyped>;
  /** Every state the UI was shown, as counts. */
  shown: string[];
  outcomes: Record<string, string>;
}

const CODE = `
  import { createClient } from '@trunkline/client';
  import { createOfflineQueue, indexedDbStore } from '@trunkline/client/offline';
  globalThis.openQueue = (url, locks) => {
    const client = createClient({ url, minDelayMs: 20, maxDelayMs: 100, onError: () => undefined });
    const store = indexedDbStore('ada@acme', locks ? {} : { locks: null });
    const queue = createOfflineQueue(client, { store, minDelayMs: 20, maxDelayMs: 100, keepDoneMs: 60000 });
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
let site: StaticSite;
let browser: BrowserHandle;
let server: KeyedServer;
let context: BrowserContext;

beforeAll(async () => {
  site = fileKit.use(await serveSite({ '/page.js': fileKit.use(await bundle(CODE)).file }));
  browser = await fileKit.browser();
});
afterAll(() => fileKit.dispose());
beforeEach(async () => {
  server = await startKeyedServer();
  context = await browser.browser.newContext();
});
afterEach(async () => {
  await context.close();
  await server.dispose();
});

const start = (page: Page, locks: boolean): Promise<void> =>
  page.evaluate(
    ([url, withLocks]) => (window as unknown as PageGlobals).openQueue(url as string, withLocks as boolean),
    [server.url, locks] as const,
  );
async function open(locks = true): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.origin);
  await start(page, locks);
  return page;
}
/** Resolves when they are kept. */
const add = (page: Page, values: readonly (number | string)[], order?: string): Promise<void> =>
  page.evaluate(
    async ([items, lane]) => {
      const { queue, outcomes } = window as unknown as PageGlobals;
      for (const item of items as (number | string)[]) {
        const options = lane === undefined ? {} : { order: lane as string };
        const { outcome } = await queue.add('write', item, options);
        void outcome.then((end) => (outcomes[String(item)] = JSON.stringify(end)));
      }
    },
    [values, order] as const,
  );
const state = (page: Page): Promise<QueueState> =>
  page.evaluate(() => (window as unknown as PageGlobals).queue.state.get());
const statuses = async (page: Page): Promise<string[]> =>
  (await state(page)).entries.map(({ params, status }) => `${params} ${status}`);

describe('the offline queue in a browser', () => {
  it('[OFFLINE-3] commands added offline survive a reload, happen once and in order, and the UI knows throughout', async () => {
    server.down();
    const page = await open();
    await add(page, [1, 2, 3, 4, 5]);
    await until('it waits for a connection', async () => (await state(page)).waitsFor === 'connection');
    expect((await state(page)).counts.queued).toBe(5);
    await page.reload();
    await start(page, true);
    await until('the queue is read', async () => (await state(page)).loaded);
    expect(await statuses(page)).toEqual(['1 queued', '2 queued', '3 queued', '4 queued', '5 queued']);
    await add(page, [6]);
    server.up();
    await until('all are done', async () => (await state(page)).counts.done === 6);
    expect(server.effects).toEqual([1, 2, 3, 4, 5, 6]);
    expect(server.arrivals).toHaveLength(6);
    const { shown, outcomes } = await page.evaluate(() => {
      const globals = window as unknown as PageGlobals;
      return { shown: globals.shown, outcomes: globals.outcomes };
    });
    expect(shown).toContain('6 0 0');
    expect(shown.at(-1)).toBe('0 0 6');
    expect(outcomes['6']).toContain('"status":"done"');
  });

  it('[OFFLINE-3] whose answers are lost, with the page gone in the middle, happen once and in order', async () => {
    server.setDelay(30);
    server.loseAnswers(3);
    const page = await open();
    await add(page, [1, 2, 3, 4, 5, 6, 7, 8]);
    await until('some arrived', () => server.effects.length >= 2);
    await page.close();
    const next = await open();
    await until('all are done', async () => (await state(next)).counts.done === 8);
    expect(server.effects).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(server.arrivals.length).toBeGreaterThan(8);
  });

  it.each([true, false])(
    '[OFFLINE-5] two tabs share it, and no command leaves twice at one time (Web Locks: %s)',
    async (locks) => {
      server.setDelay(5);
      server.down();
      const [one, two] = [await open(locks), await open(locks)];
      await add(one, [1, 2, 3]);
      await add(two, [4, 5, 6]);
      await until('both show all', async () => (await state(one)).counts.queued === 6);
      await until('both show all', async () => (await state(two)).counts.queued === 6);
      server.up();
      await until('all are done', async () => (await state(one)).counts.done === 6);
      await until('the other shows it', async () => (await state(two)).counts.done === 6);
      expect(server.effects).toEqual([1, 2, 3, 4, 5, 6]);
      expect([server.arrivals.length, server.atOnce]).toEqual([6, 1]);
      const told = await two.evaluate(() => (window as unknown as PageGlobals).outcomes);
      expect(Object.keys(told).sort()).toEqual(['4', '5', '6']);
      for (const outcome of Object.values(told)) expect(outcome).toContain('"method":"write"');
    },
  );

  it('[OFFLINE-5] when the tab that sends is closed, the other one goes on', async () => {
    server.setDelay(50);
    const [one, two] = [await open(), await open()];
    await add(one, [1, 2, 3, 4]);
    await until('some arrived', () => server.effects.length >= 1);
    await one.close();
    await until('all are done', async () => (await state(two)).counts.done === 4);
    expect(server.effects).toEqual([1, 2, 3, 4]);
  });
});
