/** Chromium for tests: Debian's binary driven by playwright-core, headless, with a fresh profile and no chatter of its own. */
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import type { Disposable } from '@trunkline/base';

const CHROMIUM_FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface BrowserHandle extends Disposable {
  readonly browser: Browser;
  /** A page in its own context (own cookies and storage). Uncaught errors of the page are kept in `errors`. */
  page(options?: BrowserContextOptions): Promise<{ readonly page: Page; readonly errors: readonly string[] }>;
}

/** Starts `/usr/bin/chromium`, or the binary that `CHROMIUM_BIN` names. */
export async function launchBrowser(): Promise<BrowserHandle> {
  const executablePath = process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  return {
    browser,
    page: async (options) => {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      return { page, errors };
    },
    dispose: () => browser.close(),
  };
}
