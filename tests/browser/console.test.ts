/** The console in Chromium: in through the one-time link, live over the product's own channels, usable by keyboard, free of axe findings. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { until, type BrowserHandle } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { consoleLink, developmentServer, populate } from '../support/console.js';

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

const SIGN_IN = 'Sign in to the console';

const bed = useBed(developmentServer);
let browser: BrowserHandle;
let page: Page;
let errors: readonly string[];

const goTo = async (hash: string): Promise<void> => {
  await page.evaluate((to) => {
    location.hash = to;
  }, hash);
};

/** The screen's own continuity says live. */
const isLive = (): Promise<void> =>
  page
    .getByRole('status')
    .filter({ hasText: /^live$/ })
    .first()
    .waitFor({ timeout: 15_000 });

beforeAll(async () => {
  await populate(bed.fileKit, bed.server);
  browser = await bed.fileKit.browser();
  ({ page, errors } = await browser.page({ viewport: { width: 1440, height: 900 } }));
  await page.goto(await consoleLink(bed.server));
  await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: 20_000 });
});

describe('the console', () => {
  it('[DOOR-1] lets in through the link once', async () => {
    const { page: late } = await browser.page();
    const answer = await late.goto(await consoleLink(bed.server));
    expect(answer?.status()).toBe(403);
    await late.goto(bed.server.url);
    await late.getByRole('textbox').first().waitFor();
    expect(await late.getByRole('heading', { name: 'Overview' }).count()).toBe(0);
  });

  it('[CONSOLE-4] shows numbers that move by themselves', async () => {
    await goTo('#/overview');
    await isLive();
    const numbers = (): Promise<string> => page.locator('main').innerText();
    const first = await until('numbers are shown', async () => /in all/.exec(await numbers()) && numbers());
    await until('they moved', async () => (await numbers()) !== first, 10_000, 200);
  });

  it('[CONSOLE-7] inspects a channel: publications arrive, one can be published', async () => {
    await goTo('#/channels/inspected');
    await isLive();
    await bed.server.api('publish', { channel: 'inspected', data: { from: 'nobody' } }, await devKey());
    const text = `from the console ${Date.now()}`;
    const side = page.getByText('Publish and details');
    if (await side.isVisible()) await side.click();
    await page.getByLabel('Data (JSON)').fill(JSON.stringify({ text }));
    await page.getByRole('button', { name: /^Publish/ }).click();
    await page.getByText(text).first().waitFor({ timeout: 10_000 });
    const { body } = await bed.server.api('history', { channel: 'inspected', limit: 10 }, await devKey());
    expect(JSON.stringify(body)).toContain(text);
  });

  it('[NODE-10] lists connections and disconnects one', async () => {
    const stock = bed.kit.stock(bed.server.wsUrl, { name: 'to-be-closed' });
    await stock.connect();
    let disconnected: number | undefined;
    stock.client.on('disconnected', ({ code }) => (disconnected = code));
    await goTo('#/connections');
    const row = page.getByRole('listitem').filter({ hasText: 'to-be-closed' }).first();
    await row.waitFor({ timeout: 10_000 });
    await row.click();
    await page
      .getByRole('button', { name: /^Disconnect/ })
      .first()
      .click();
    const confirm = page.getByRole('dialog').getByRole('button', { name: /^Disconnect/ });
    await confirm.last().click();
    await until('it was closed', () => disconnected === 3503, 10_000);
    await page.keyboard.press('Escape');
  });

  it('[CONSOLE-9] goes anywhere by keyboard', async () => {
    await goTo('#/overview');
    await page.keyboard.press('Control+K');
    await page.getByPlaceholder('Go to, or name a channel').fill('node');
    await page.getByRole('button', { name: /^Node/ }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Node', exact: true }).waitFor();
  });

  it('[CONSOLE-9] has no accessibility finding on any screen, dark or light, wide or narrow', async () => {
    const findings: string[] = [];
    // Every rule on two of the four forms; what a scheme and a width can change besides, contrast and overflow, on all.
    for (const [colorScheme, viewport, every] of [
      ['dark', { width: 1440, height: 900 }, true],
      ['light', { width: 1440, height: 900 }, false],
      ['dark', { width: 390, height: 844 }, false],
      ['light', { width: 390, height: 844 }, true],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      for (const hash of every ? SCREENS : SCREENS.filter((one) => !one.includes('?'))) {
        await goTo(hash);
        await page.getByRole('heading', { level: 1 }).first().waitFor();
        await page.waitForTimeout(400);
        const axe = new AxeBuilder({ page });
        const { violations } = await (every ? axe : axe.withRules(['color-contrast'])).analyze();
        findings.push(
          ...violations.map(
            ({ id, nodes }) => `${hash} ${colorScheme} ${viewport.width}: ${id} ${nodes[0]?.html ?? ''}`,
          ),
        );
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) findings.push(`${hash} ${viewport.width}: ${overflow} px wider than the window`);
      }
    }
    expect(findings).toEqual([]);
  }, 240_000);

  it('[CONSOLE-9] has no accessibility finding in drawers, dialogs and menus', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    const findings: string[] = [];
    const analyse = async (where: string): Promise<void> => {
      await page.waitForTimeout(500);
      const { violations } = await new AxeBuilder({ page }).analyze();
      findings.push(...violations.map(({ id, nodes }) => `${where}: ${id} ${nodes[0]?.html ?? ''}`));
    };
    await goTo('#/connections?channel=chat%3Alobby');
    await page
      .getByRole('list', { name: /^Connections/ })
      .getByRole('listitem')
      .first()
      .click();
    await page.getByRole('dialog').getByText('Subscribed', { exact: false }).first().waitFor();
    await analyse('drawer');
    await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
    await analyse('confirm');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+K');
    await page.getByPlaceholder('Go to, or name a channel').waitFor();
    await analyse('palette');
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Namespaces' }).waitFor();
    await analyse('more');
    await page.getByRole('menuitem', { name: 'Namespaces' }).click();
    await page.getByRole('heading', { level: 1, name: 'Namespaces' }).waitFor();
    expect(findings).toEqual([]);
  }, 60_000);

  it('[CONSOLE-2] says so when the server is gone, and goes on with the next one', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await goTo('#/overview');
    await isLive();
    await bed.server.kill9();
    await until(
      'nothing is called live',
      async () =>
        (await page
          .getByRole('status')
          .filter({ hasText: /^live$/ })
          .count()) === 0,
      15_000,
      200,
    );
    await bed.server.restart();
    // The session is a row of the store: the page, not reloaded, is live again without a word to anybody.
    await page
      .getByRole('status')
      .filter({ hasText: /^live$/ })
      .first()
      .waitFor({ timeout: 30_000 });
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(await page.getByRole('heading', { name: SIGN_IN }).count()).toBe(0);
  });

  it('[CONSOLE-1] asks to sign in when the session has ended, wherever it was ended, without a reload', async () => {
    await goTo('#/overview');
    await isLive();
    // As another tab of the same browser would.
    const status = await page.evaluate(
      async () => (await fetch('/console/logout', { method: 'POST' })).status,
    );
    expect(status).toBe(204);
    await page.getByRole('heading', { name: SIGN_IN }).waitFor({ timeout: 30_000 });
    await page.goto(await consoleLink(bed.server));
    await isLive();
    expect(errors).toEqual([]);
  });
});

/** The key a development server leaves for its own command line. */
async function devKey(): Promise<Readonly<Record<string, string>>> {
  const file = /Key and address\s+(\S+)/.exec(bed.server.logs())?.[1] ?? '';
  const { readFile } = await import('node:fs/promises');
  const { apiKey } = JSON.parse(await readFile(file, 'utf8')) as { apiKey: string };
  return { 'x-api-key': apiKey };
}
