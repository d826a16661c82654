/** A server with namespaces of several kinds, and a console page on it: what the console's browser tests share. */
import type { Page } from 'playwright-core';
import { signToken, type BrowserHandle, type ServerOptions, type StockClient } from '@trunkline/testkit';
import type { Bed } from '../support/bed.js';
import { consoleLink } from '../support/console.js';

export const CONSOLE_SECRET = 'signs tokens of the browser tests, for HMAC';

export function consoleServer(): ServerOptions {
  return {
    config: {
      development: true,
      log: { level: 'warn' },
      auth: { keys: [{ alg: 'HS256', secret: CONSOLE_SECRET }] },
      channels: {
        namespaces: [
          {
            name: 'room',
            historySize: 50,
            presence: true,
            allowSubscribe: ['user'],
            allowPublish: ['subscriber'],
            allowPresence: ['subscriber'],
          },
          { name: 'secret', historySize: 5, allowSubscribe: ['admin'] },
          { name: 'board', type: 'map', allowSubscribe: ['user'], map: { mode: 'persistent', maxKeys: 100 } },
        ],
      },
    },
  };
}

/** A signed-in stock client. */
export async function userClient(bed: Bed, user: string, name = 'web'): Promise<StockClient> {
  const token = await signToken({ sub: user, org: 'dev' }, CONSOLE_SECRET);
  const stock = bed.fileKit.stock(bed.server.wsUrl, { name, version: '1.0.0', token });
  await stock.connect();
  return stock;
}

export interface ConsolePage {
  readonly page: Page;
  readonly errors: readonly string[];
  goTo(hash: string): Promise<void>;
  /** The screen's own continuity says live. */
  isLive(): Promise<void>;
}

/** Signed in, on the overview. */
export async function openConsole(bed: Bed, browser: BrowserHandle): Promise<ConsolePage> {
  const { page, errors } = await browser.page({ viewport: { width: 1440, height: 900 } });
  await page.goto(await consoleLink(bed.server));
  await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: 20_000 });
  return {
    page,
    errors,
    goTo: (hash) =>
      page.evaluate((to) => {
        location.hash = to;
      }, hash),
    isLive: () =>
      page
        .getByRole('status')
        .filter({ hasText: /^live$/ })
        .first()
        .waitFor({ timeout: 15_000 }),
  };
}
