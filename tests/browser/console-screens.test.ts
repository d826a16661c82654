/** The console's screens in Chromium on a real server: what they show is what the server says, and what they do happens. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nextEvent, signToken, until, type BrowserHandle, type StockClient } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { CONSOLE_SECRET, ConsolePage, consoleServer, openConsole, userClient } from './console-bed.js';

/** What a test keeps in the page. */
interface PageGlobals {
  moved: { sum: number; atMs: number };
}

const bed = useBed(consoleServer);
let browser: BrowserHandle;
let view: ConsolePage;
let page: Page;
let ada: StockClient;
let linus: StockClient;

beforeAll(async () => {
  ada = await userClient(bed, 'ada');
  linus = await userClient(bed, 'linus', 'mobile');
  for (const stock of [ada, linus]) {
    const subscription = stock.client.newSubscription('room:one');
    subscription.subscribe();
    await subscription.ready(20_000);
  }
  browser = await bed.fileKit.browser();
  view = await openConsole(bed, browser);
  ({ page } = view);
}, 120_000);

/** Each test finds the console as it was first opened. */
beforeEach(() => view.reset());

/** The key a development server leaves for its own command line. */
async function api(method: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const file = /Key and address\s+(\S+)/.exec(bed.server.logs())?.[1] ?? '';
  const { apiKey } = JSON.parse(await readFile(file, 'utf8')) as { apiKey: string };
  const answer = await bed.server.api(method, body, { 'x-api-key': apiKey });
  return answer.body.result ?? {};
}

const main = (): Promise<string> => page.locator('main').innerText();
const shows = (text: RegExp | string): Promise<void> =>
  page.locator('main').getByText(text).first().waitFor();

/** Somebody is refused a channel; ends when the test has looked. */
async function refuse(): Promise<{ end(): void }> {
  const denied = linus.client.newSubscription('secret:plans');
  const refused = nextEvent(denied, 'unsubscribed');
  denied.on('error', () => undefined);
  denied.subscribe();
  await refused;
  return {
    end: () => {
      denied.unsubscribe();
      linus.client.removeSubscription(denied);
    },
  };
}

describe('namespaces', () => {
  it('[CONSOLE-10] shows every namespace’s rules in words, and leads to its channels', async () => {
    await view.goTo('#/namespaces');
    await view.isLive();
    const room = page.getByRole('region', { name: 'room:' });
    await room.getByText('The last 50 publications, for 5 min.').waitFor();
    await room.getByText('1 channel with 2 readers now.').waitFor();
    await room.getByRole('button', { name: 'Options as configured' }).click();
    await room.getByRole('row', { name: /historySize\s+50$/ }).waitFor();
    await room.getByRole('row', { name: /overflow\s+"recover"\s+default/ }).waitFor();
    await room.getByRole('link', { name: /Channels/ }).click();
    await page.getByRole('heading', { name: 'Channels' }).waitFor();
    const rows = page.getByRole('list', { name: 'Channels' }).getByRole('listitem');
    await until('only its channels are listed', async () => (await rows.count()) === 1);
    await rows.filter({ hasText: 'one' }).waitFor();
  });
});

describe('connections', () => {
  it('[CONSOLE-11] finds by user, by channel and by state', async () => {
    await view.goTo('#/connections');
    const rows = page.getByRole('list', { name: /^Connections/ }).getByRole('listitem');
    const users = async (): Promise<string> => (await rows.allInnerTexts()).join(' ');
    await until('all are listed', async () => /ada/.test(await users()) && /console/.test(await users()));
    await page.getByLabel('Search user, client id, address, SDK').fill('MOBILE');
    await until('only one is left', async () => (await rows.count()) === 1 && /linus/.test(await users()));
    await page.getByLabel('Search user, client id, address, SDK').fill('');
    await page.getByLabel('Only readers of a channel').fill('room:*');
    await until('two read it', async () => (await rows.count()) === 2 && !/console/.test(await users()));
    await page.getByText('Behind', { exact: true }).click();
    await page.getByText('No connection matches').waitFor();
  });

  it('[CONSOLE-11] the drawer tells how each subscription goes, and why', async () => {
    await view.goTo('#/connections?channel=room%3Aone');
    await page.getByRole('listitem').filter({ hasText: 'ada' }).first().click();
    const drawer = view.dialog(/^Connection /);
    await drawer.getByText(/^Sent everything up to offset \d+\./).waitFor();
    await drawer.getByText('Nothing waits: all was handed to the network.').waitFor();
    await drawer.getByText('Subscribed and up to date.').waitFor();
    await drawer.getByLabel('Channel').fill('room:other');
    await drawer.getByText('Not subscribed.').waitFor();
    await drawer.getByRole('button', { name: 'Explain room:one' }).click();
    await drawer.getByText('Subscribed and up to date.').waitFor();
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'hidden' });
  });
});

describe('events and reasons', () => {
  it('[CONSOLE-12] a refusal appears in the feed as it happens, and leads to the answer', async () => {
    await view.goTo('#/events');
    await view.isLive();
    const refusal = await refuse();
    const row = page.getByRole('listitem').filter({ hasText: 'secret:plans' }).first();
    await row.getByText('May not subscribe: 103 permission denied.').waitFor();
    await row.getByRole('link', { name: 'secret:plans' }).click();
    await page.getByRole('heading', { name: 'Why did they not get it?' }).waitFor();
    await shows('Denied: it may not subscribe.');
    await until('it says what to do', async () => /What to do:.*permissions/.test(await main()));
    refusal.end();
  });

  it('[CONSOLE-8] answers for whoever is subscribed, disconnected or was never there', async () => {
    await view.goTo('#/why?channel=room%3Aone&user=ada');
    await shows('Subscribed and up to date.');
    await page.getByLabel('User', { exact: true }).last().fill('nobody');
    await shows('Not connected.');
    await until('the address says whom', () =>
      page.evaluate(() => location.hash === '#/why?channel=room%3Aone&user=nobody'),
    );
    const grace = await userClient(bed, 'grace');
    await api('disconnect', { user: 'grace' });
    await until('it was closed', () => grace.client.state === 'disconnected');
    await view.goTo('#/why?channel=room%3Aone&user=grace');
    await shows(/The last connection ended .* by the server: force disconnect \(3503\)/);
  });
});

describe('a stream channel', () => {
  it('[CONSOLE-5] pauses with a count of what came, filters by tag, and goes on', async () => {
    await view.goTo('#/channels/room%3Aone');
    await view.isLive();
    const list = page.getByRole('list', { name: 'Publications, newest first' });
    await api('publish', { channel: 'room:one', data: { say: 'first' }, tags: { level: 'info' } });
    await list.getByText('first').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    for (const say of ['second', 'third']) await api('publish', { channel: 'room:one', data: { say } });
    await page.getByText('Paused. 2 publications came since.').waitFor();
    expect(await list.getByText('second').count()).toBe(0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await list.getByText('third').waitFor();
    await page.getByLabel('Filter by text or tag').fill('level=info');
    await until('one is left', async () => (await list.getByRole('listitem').count()) === 1);
    await list.getByRole('button', { expanded: false }).first().click();
    await list
      .getByLabel(/^Data of publication/)
      .getByText('"first"')
      .waitFor();
  });

  it('[CONSOLE-7] publishes with tags, and with one key once only', async () => {
    await view.goTo('#/channels/room%3Aone');
    await page.getByLabel('Data (JSON)').fill('{"say": "keyed"}');
    await page.getByLabel('Tags').fill('kind=test');
    await page.getByLabel('Idempotency key', { exact: true }).fill('only-once');
    const publish = page.getByRole('button', { name: 'Publish', exact: true });
    await publish.click();
    await page.getByText(/^Published as offset \d+\.$/).waitFor();
    await publish.click();
    await page.getByText(/^Nothing was published: this key was used before/).waitFor();
    const { publications } = await api('history', { channel: 'room:one', limit: 100 });
    const keyed = (publications as { data: { say?: string }; tags?: object }[]).filter(
      ({ data }) => data.say === 'keyed',
    );
    expect(keyed).toMatchObject([{ tags: { kind: 'test' } }]);
    await page.getByLabel('Data (JSON)').fill('{"say": }');
    await page.getByText(/^Not JSON: /).waitFor();
    expect(await publish.isDisabled()).toBe(true);
  });

  it('[CONSOLE-7] shows the schema where a contract promises one', async () => {
    await view.goTo('#/channels/node%3Astats');
    await page.getByRole('heading', { name: 'Schema of the data' }).waitFor();
    await page.getByLabel('JSON Schema').getByText('"publicationsPerSecond"').waitFor();
  });
});

describe('a map channel', () => {
  it('[CONSOLE-14] adds, changes and removes entries by version', async () => {
    await view.goTo('#/channels/board%3Amain');
    await page.getByText('The map is empty').waitFor();
    await page.getByRole('button', { name: 'Add' }).first().click();
    await view.dialog('Add an entry').getByLabel('Key').fill('card');
    await view.dialog('Add an entry').getByLabel('Value (JSON)').fill('{"title": "one"}');
    await view.answer('Add an entry', 'Add');
    await page.getByRole('list', { name: 'Entries by key' }).getByText('card').waitFor();

    await page.getByRole('button', { name: 'Edit card' }).click();
    const dialog = view.dialog('Edit card');
    await dialog.getByText('version 1', { exact: true }).waitFor();
    await api('map_publish', { channel: 'board:main', key: 'card', data: { title: 'theirs' } });
    await dialog.getByLabel('Value (JSON)').fill('{"title": "mine"}');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Somebody changed it meanwhile. Nothing was written.').waitFor();
    await dialog.getByLabel('What stands there').getByText('theirs').waitFor();
    await view.answer('Edit card', 'Save');
    await page.getByRole('list', { name: 'Entries by key' }).getByText('mine').waitFor();

    await page.getByRole('button', { name: 'Remove card' }).click();
    await view.answer('Remove card', 'Remove');
    await page.getByText('The map is empty').waitFor();
    expect((await api('map_state', { channel: 'board:main' }))['entries']).toEqual([]);
  });
});

describe('numbers and the node', () => {
  it('[CONSOLE-4] charts share the pointer, and show the hour that the node keeps', async () => {
    await view.goTo('#/overview');
    await view.isLive();
    await page.locator('.uplot').nth(8).waitFor();
    await until('there is something to point at', async () => (await page.locator('.u-over').count()) >= 9);
    const times = page.locator('.tl-chart-at');
    let step = 0;
    await until('all charts show the same moment', async () => {
      // Looked up each time, and never to where the pointer is: charts move until they have their numbers.
      const chart = await page.locator('.u-over').first().boundingBox();
      if (chart) await page.mouse.move(chart.x + chart.width - 3 - (step++ % 2), chart.y + 40);
      const shown = await times.allInnerTexts();
      return shown[0] !== '' && new Set(shown).size === 1;
    });
    await page.getByText('1 hour').click();
    await view.isLive();
    await page
      .getByRole('img', { name: /^Publications per second, the last 60 minutes\. Now: published \d/ })
      .waitFor();
  });

  it('[CONSOLE-13] the node shows ways in, limits, and its configuration without secrets', async () => {
    await view.goTo('#/node');
    await shows('/connection/websocket');
    await shows('Messages that may wait');
    await page.getByLabel('Search the configuration').fill('secret');
    await shows('auth.keys[0].secret');
    expect(await main()).toContain('(secret)');
    expect(await main()).not.toContain(CONSOLE_SECRET);
  });

  it('[CONSOLE-9] nothing moves aside when numbers move', async () => {
    await view.isLive();
    await page.locator('.uplot').nth(8).waitFor();
    await page.evaluate(() => {
      const globals = globalThis as unknown as PageGlobals;
      globals.moved = { sum: 0, atMs: performance.now() };
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          globals.moved.sum += (entry as unknown as { value: number }).value;
          globals.moved.atMs = performance.now();
        }
      }).observe({ type: 'layout-shift', buffered: false });
    });
    // What is asked for once comes when it comes; from then on, only numbers move.
    await until('all has come', () =>
      page.evaluate(() => performance.now() - (globalThis as unknown as PageGlobals).moved.atMs > 2_000),
    );
    await page.evaluate(() => void ((globalThis as unknown as PageGlobals).moved.sum = 0));
    const seen = new Set<string>();
    await until('the numbers moved five times', async () => seen.add(await main()).size > 5, 60_000, 200);
    const moved = await page.evaluate(() => (globalThis as unknown as PageGlobals).moved.sum);
    expect(moved).toBeLessThan(0.001);
  });

  it('[CONSOLE-9] the palette knows every place', async () => {
    for (const [name, heading] of [
      ['Namespaces', 'Namespaces'],
      ['Events', 'Events'],
      ['Why not', 'Why did they not get it?'],
      ['Connections', 'Connections'],
      ['Channels', 'Channels'],
      ['Node', 'Node'],
      ['Overview', 'Overview'],
    ] as const) {
      await view.goByKeyboard(name, name);
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    }
    expect(view.errors).toEqual([]);
  });
});

describe('an administrator who is no operator', () => {
  it('[CONSOLE-4] sees the org’s numbers, and is told what is not for them', async () => {
    const token = await signToken({ sub: 'boss', org: 'dev', roles: ['admin'] }, CONSOLE_SECRET);
    const refusal = await refuse();
    const { page: theirs, errors } = await browser.page({ viewport: { width: 1440, height: 900 } });
    await theirs.route('**/console/session', (route) =>
      route.fulfill({ json: { user: 'boss', org: 'dev', roles: ['admin'] } }),
    );
    await theirs.route('**/console/token?*', (route) =>
      route.fulfill({ json: { token, expiresAtMs: Date.now() + 60_000 } }),
    );
    const its = new ConsolePage({ page: theirs, errors });
    await its.open(bed.server.url);
    await theirs.getByText('What org dev does on all nodes.').waitFor();
    await theirs.getByRole('img', { name: /^Messages per second/ }).waitFor();
    await its.goTo('#/node');
    await theirs.getByText('The configuration is for operators').waitFor();
    await its.goTo('#/events');
    await theirs.getByRole('listitem').filter({ hasText: 'secret:plans' }).first().waitFor();
    await its.goTo('#/channels/node%3Astats');
    await theirs.getByText('Not subscribed').waitFor();
    expect(errors).toEqual([]);
    await theirs.context().close();
    refusal.end();
  });
});
