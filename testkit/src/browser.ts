/**
 * Chromium for tests: Debian's binary driven by playwright-core, headless, with a fresh profile and no chatter of its own. Pages ask for reduced motion: what
 * opens is there at once and what closes is gone at once, so that no test meets a page between two states because a machine is slow.
 */
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

/** Of every step and every wait for an element; generous, since only failures wait that long. */
const STEP_TIMEOUT_MS = 30_000;

export interface BrowserPage {
  readonly page: Page;
  /** Uncaught errors of the page. */
  readonly errors: readonly string[];
}

export interface BrowserHandle extends Disposable {
  readonly browser: Browser;
  /** A page in its own context (own cookies and storage), with reduced motion unless `options` say otherwise. Close its context to be rid of both. */
  page(options?: BrowserContextOptions): Promise<BrowserPage>;
}

/** Starts `/usr/bin/chromium`, or the binary that `CHROMIUM_BIN` names. */
export async function launchBrowser(): Promise<BrowserHandle> {
  const executablePath = process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  return {
    browser,
    page: async (options) => {
      const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
      context.setDefaultTimeout(STEP_TIMEOUT_MS);
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(error.message));
      return { page, errors };
    },
    dispose: () => browser.close(),
  };
}
