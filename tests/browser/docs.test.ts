/** `/docs` in Chromium: drawn from this server's own document, under its own policy, light or dark, and a call can be tried out. */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { until, type BrowserHandle } from '@trunkline/testkit';
import { useBed } from '../support/bed.js';
import { findingsOf } from './accessibility.js';

const API_KEY = 'key-of-the-docs-test';
const bed = useBed(() => ({
  config: {
    development: true,
    log: { level: 'warn' },
    api: { keys: [{ name: 'docs', org: 'dev', key: API_KEY }] },
  },
}));
let browser: BrowserHandle;

interface Watched {
  readonly page: Page;
  /** Uncaught errors, refused loads and whatever the page complained about. */
  readonly complaints: readonly string[];
  readonly hosts: ReadonlySet<string>;
}

async function openDocs(path: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Watched> {
  const { page } = await browser.page({ colorScheme, viewport: { width: 1200, height: 900 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith('http')) hosts.add(host);
  });
  await page.goto(`${bed.server.url}${path}`);
  return { page, complaints, hosts };
}

const brightness = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const [red = 0, green = 0, blue = 0] = (
      getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? []
    ).map(Number);
    return (red + green + blue) / 3;
  });

beforeAll(async () => {
  browser = await bed.fileKit.browser();
});

describe('the page of the API', () => {
  it('[ADOC-7] shows every method from this server alone, and its policy has nothing to refuse', async () => {
    const { page, complaints, hosts } = await openDocs('/docs');
    await page.locator('#operations-Publishing-publish').waitFor();
    for (const name of ['Publishing-batch', 'Maps-map_publish', 'Server-namespaces', 'Operation-healthReady'])
      await page.locator(`#operations-${name}`).waitFor();
    expect(complaints).toEqual([]);
    expect([...hosts]).toEqual([new URL(bed.server.url).host]);
    await page.context().close();
  });

  it('[ADOC-7] follows light and dark', async () => {
    const light = await openDocs('/docs', 'light');
    const dark = await openDocs('/docs', 'dark');
    await until('one is light', async () => (await brightness(light.page)) > 200);
    await until('the other is dark', async () => (await brightness(dark.page)) < 60);
    await light.page.emulateMedia({ colorScheme: 'dark' });
    await light.page.locator('html.dark-mode').waitFor({ state: 'attached' });
    await light.page.context().close();
    await dark.page.context().close();
  });

  it('[ADOC-7] a call can be tried out with a key', async () => {
    const { page, complaints } = await openDocs('/docs');
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const form = page.locator('.auth-container form').first();
    await form.locator('input').fill(API_KEY);
    await form.getByRole('button', { name: 'Apply credentials' }).click();
    await form.getByRole('button', { name: 'Close' }).click();
    const publish = page.locator('#operations-Publishing-publish');
    await publish.locator('.opblock-summary').click();
    await publish.getByRole('button', { name: 'Execute' }).click();
    const answer = publish.locator('.live-responses-table .response').first();
    await until('it is answered', async () => /200[\s\S]*"offset": 1/.test(await answer.innerText()));
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('[ADOC-8] the page of codes is readable in light and dark, by axe', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const { page, complaints } = await openDocs('/docs/errors#103', scheme);
      expect(await page.locator('tr:target').innerText()).toContain('permissionDenied');
      expect(await findingsOf(page, scheme)).toEqual([]);
      expect(complaints).toEqual([]);
      await page.context().close();
    }
  });
});
