/** The console in Chromium: in through the one-time link, live over the product's own channels, usable by keyboard, free of axe findings. */
import type { Page } from 'playwright-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until, type BrowserHandle } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { consoleLink, developmentServer, populate } from '../support/console.js';
import { findingsOf, overflowOf, showIn } from './accessibility.js';
import { ConsolePage } from './console-page.js';

const SCREENS = [
  '#/overview',
  '#/channels',
  '#/channels?namespace=*',
  '#/channels/chat%3Alobby',
  '#/channels/node%3Astats',
  '#/connections',
  '#/connections?channel=chat%3A*',
  '#/namespaces',
  '#/events',
  '#/why',
  '#/why?channel=chat%3Alobby&user=nobody',
  '#/node',
];

/** The drawer of a connection, and Ctrl K. */
const DRAWER = /^Connection /;
const PALETTE = 'Go to, or name a channel';
const SIGN_IN = 'Sign in to the console';
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };

const bed = useBed(developmentServer);
let browser: BrowserHandle;
let view: ConsolePage;
let page: Page;

beforeAll(async () => {
  await populate(bed.fileKit, bed.server);
  browser = await bed.fileKit.browser();
  view = new ConsolePage(await browser.page({ viewport: WIDE }));
  ({ page } = view);
  await view.open(await consoleLink(bed.server));
}, 120_000);

/** Each test finds the console as it was first opened. */
beforeEach(async () => {
  await showIn(page, 'light', WIDE);
  await view.reset();
});

describe('the console', () => {
  it('[DOOR-1] lets in through the link once', async () => {
    const { page: late } = await browser.page();
    const answer = await late.goto(await consoleLink(bed.server));
    expect(answer?.status()).toBe(403);
    await late.goto(bed.server.url);
    await late.getByRole('heading', { name: SIGN_IN }).waitFor();
    await late.getByRole('textbox').first().waitFor();
    await late.context().close();
  });

  it('[CONSOLE-4] shows numbers that move by themselves', async () => {
    await view.isLive();
    const numbers = (): Promise<string> => page.locator('main').innerText();
    const first = await until('numbers are shown', async () => /in all/.exec(await numbers()) && numbers());
    await until('they moved', async () => (await numbers()) !== first, 30_000, 200);
  });

  it('[CONSOLE-7] inspects a channel: publications arrive, one can be published', async () => {
    await view.goTo('#/channels/inspected');
    await view.isLive();
    await bed.server.api('publish', { channel: 'inspected', data: { from: 'nobody' } }, await devKey());
    const text = `from the console ${Date.now()}`;
    await page.getByLabel('Data (JSON)').fill(JSON.stringify({ text }));
    await page.getByRole('button', { name: /^Publish/ }).click();
    await page.getByText(text).first().waitFor();
    const { body } = await bed.server.api('history', { channel: 'inspected', limit: 10 }, await devKey());
    expect(JSON.stringify(body)).toContain(text);
  });

  it('[NODE-10] lists connections and disconnects one', async () => {
    const stock = bed.kit.stock(bed.server.wsUrl, { name: 'to-be-closed' });
    await stock.connect();
    let disconnected: number | undefined;
    stock.client.on('disconnected', ({ code }) => (disconnected = code));
    await view.goTo('#/connections');
    const row = page.getByRole('listitem').filter({ hasText: 'to-be-closed' });
    await row.click();
    await view.dialog(DRAWER).getByRole('button', { name: 'Disconnect' }).click();
    await view.answer('Disconnect this client?', 'Disconnect');
    await until('it was closed', () => disconnected === 3503);
    await view.dialog(DRAWER).waitFor({ state: 'hidden' });
    await row.waitFor({ state: 'hidden' });
  });

  it('[CONSOLE-9] goes anywhere by keyboard', async () => {
    await view.goByKeyboard('node', 'Node');
    await page.getByRole('heading', { level: 1, name: 'Node', exact: true }).waitFor();
  });

  it('[CONSOLE-9] has no accessibility finding on any screen, dark or light, wide or narrow', async () => {
    const findings: string[] = [];
    // Every rule on two of the four forms; what a scheme and a width can change besides, contrast and overflow, on all.
    for (const [colorScheme, viewport, rules] of [
      ['dark', WIDE, undefined],
      ['light', WIDE, ['color-contrast']],
      ['dark', NARROW, ['color-contrast']],
      ['light', NARROW, undefined],
    ] as const) {
      await showIn(page, colorScheme, viewport);
      for (const hash of rules === undefined ? SCREENS : SCREENS.filter((one) => !one.includes('?'))) {
        await view.goTo(hash);
        await view.isSettled();
        const where = `${hash} ${colorScheme} ${viewport.width}`;
        findings.push(...(await findingsOf(page, where, rules)), ...(await overflowOf(page, where)));
      }
    }
    expect(findings).toEqual([]);
  }, 240_000);

  it('[CONSOLE-9] has no accessibility finding in drawers, dialogs and menus', async () => {
    const findings: string[] = [];
    await view.goTo('#/connections?channel=chat%3Alobby');
    await page
      .getByRole('list', { name: /^Connections/ })
      .getByRole('listitem')
      .first()
      .click();
    await view.dialog(DRAWER).getByText('Subscribed').first().waitFor();
    findings.push(...(await findingsOf(page, 'drawer')));
    await view.dialog(DRAWER).getByRole('button', { name: 'Disconnect' }).click();
    await view.dialog('Disconnect this client?').waitFor();
    findings.push(...(await findingsOf(page, 'confirm')));
    await view.answer('Disconnect this client?', 'Cancel');
    await page.keyboard.press('Escape');
    await view.dialog(DRAWER).waitFor({ state: 'hidden' });
    await page.keyboard.press('Control+k');
    await view.dialog(PALETTE).getByRole('textbox').waitFor();
    findings.push(...(await findingsOf(page, 'palette')));
    await page.keyboard.press('Escape');
    await view.dialog(PALETTE).waitFor({ state: 'hidden' });
    await page.setViewportSize(NARROW);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Namespaces' }).waitFor();
    findings.push(...(await findingsOf(page, 'more')));
    await page.getByRole('menuitem', { name: 'Namespaces' }).click();
    await page.getByRole('heading', { level: 1, name: 'Namespaces' }).waitFor();
    expect(findings).toEqual([]);
  }, 120_000);

  it('[CONSOLE-2] says so when the server is gone, and goes on with the next one', async () => {
    await view.isLive();
    await bed.server.kill9();
    await view.isNotLive();
    await bed.server.restart();
    // The session is a row of the store: the page, not reloaded, is live again without a word to anybody.
    await view.isLive();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(await page.getByRole('heading', { name: SIGN_IN }).count()).toBe(0);
  });

  it('[CONSOLE-1] asks to sign in when the session has ended, wherever it was ended, without a reload', async () => {
    await view.isLive();
    // As another tab of the same browser would.
    const status = await page.evaluate(
      async () => (await fetch('/console/logout', { method: 'POST' })).status,
    );
    expect(status).toBe(204);
    await page.getByRole('heading', { name: SIGN_IN }).waitFor({ timeout: 60_000 });
    await page.goto(await consoleLink(bed.server));
    await view.isLive();
    expect(view.errors).toEqual([]);
  });
});

/** The key a development server leaves for its own command line. */
async function devKey(): Promise<Readonly<Record<string, string>>> {
  const file = /Key and address\s+(\S+)/.exec(bed.server.logs())?.[1] ?? '';
  const { readFile } = await import('node:fs/promises');
  const { apiKey } = JSON.parse(await readFile(file, 'utf8')) as { apiKey: string };
  return { 'x-api-key': apiKey };
}
