/**
 * The console in a browser, as its tests use it: screens by address, dialogs by name, rows by what they speak of. Nothing is looked at before the page is
 * where it was sent, and a step that opens or closes something ends when that is open or closed: what a test does next meets one state of the page.
 */
import type { BrowserPage } from '@trunkline/testkit';
import { until } from '@trunkline/testkit';
import type { Locator, Page } from 'playwright-core';

/** Larger than the steps' own: a first answer of a server that has just been started, on a machine that does something else. */
const START_TIMEOUT_MS = 60_000;

export class ConsolePage {
  readonly page: Page;
  readonly errors: readonly string[];

  constructor({ page, errors }: BrowserPage) {
    this.page = page;
    this.errors = errors;
  }

  /** Opens `address` and waits for a screen, the overview where the address names none. */
  async open(address: string): Promise<void> {
    await this.page.goto(address);
    await this.page.locator('main h1').waitFor({ timeout: START_TIMEOUT_MS });
  }

  /** Resolves when the screen before is gone and the heading of this one is there; its content may still be asked for. */
  async goTo(hash: string): Promise<void> {
    await this.page.evaluate(
      (to) =>
        new Promise<void>((resolve) => {
          if (location.hash === to) return resolve();
          // After the console's own listener, which was there before.
          addEventListener('hashchange', () => resolve(), { once: true });
          location.hash = to;
        }),
      hash,
    );
    await this.page.locator('main h1').waitFor();
  }

  /** The page as a test may expect it, whatever the test before left: nothing open, nothing typed, the screen that every session has. */
  async reset(): Promise<void> {
    const left = this.page.getByRole('dialog').or(this.page.getByRole('menu'));
    if ((await left.count()) > 0) await this.page.reload();
    await this.goTo('#/overview');
  }

  /** The screen's own continuity says live. */
  async isLive(timeout = START_TIMEOUT_MS): Promise<void> {
    await this.#live().first().waitFor({ timeout });
  }

  /** Nothing on the screen says live. */
  async isNotLive(): Promise<void> {
    await until('nothing is called live', async () => (await this.#live().count()) === 0, START_TIMEOUT_MS);
  }

  /** The badge beside the heading reads so, in full. */
  async badgeSays(words: string | RegExp): Promise<void> {
    const badge = this.page.locator('main .tl-page-title .tl-badge');
    let said = '';
    await until(
      `the badge says ${String(words)}`,
      async () => {
        said = (await badge.innerText().catch(() => '')).replace(/\s+/g, ' ').trim();
        return typeof words === 'string' ? said === words : words.test(said);
      },
      START_TIMEOUT_MS,
    ).catch((cause: unknown) => {
      throw new Error(`${String(cause)}; it says "${said}"`);
    });
  }

  #live(): Locator {
    return this.page.getByRole('status').filter({ hasText: /^live$/ });
  }

  /** Whatever the screen asks for has been answered, with a list or a refusal: nothing stands there for something else. */
  async isSettled(): Promise<void> {
    const pending = (): Promise<boolean> =>
      this.page.evaluate(() => {
        const main = document.querySelector('main');
        const words = [...(main?.querySelectorAll('[role=status]') ?? [])].map(
          ({ textContent }) => textContent,
        );
        return (
          !main?.querySelector('h1') ||
          words.includes('connecting') ||
          main.querySelector('.mantine-Skeleton-root') !== null
        );
      });
    await until('the screen is settled', async () => !(await pending()), START_TIMEOUT_MS);
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** The dialog or drawer of this name. */
  dialog(name: string | RegExp): Locator {
    return this.page.getByRole('dialog', { name, exact: true });
  }

  /** Presses the button of the dialog of this name; the page often has one of the same name. Resolves when the dialog is gone. */
  async answer(name: string | RegExp, action: string): Promise<void> {
    const dialog = this.dialog(name);
    await dialog.getByRole('button', { name: action, exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
  }

  /** Entries of the list of this name in which something begins with `text`. */
  row(list: string | RegExp, text: string): Locator {
    const words = new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}(?!\\w)`);
    return this.page
      .getByRole('list', { name: list })
      .getByRole('listitem')
      .filter({ has: this.page.getByText(words) });
  }

  /** What is shown once under this name, put away: its text, and whether it was still on the page after that. */
  async takeShown(
    name: string | RegExp,
  ): Promise<{ readonly text: string; readonly note: string; readonly stays: boolean }> {
    const dialog = this.dialog(name);
    const text = await dialog.locator('code').innerText();
    const note = await dialog.getByRole('note').innerText();
    await dialog.getByRole('button', { name: 'Done', exact: true }).click();
    const stays = (await this.page.content()).includes(text);
    await dialog.waitFor({ state: 'hidden' });
    return { text, note, stays };
  }

  /** Goes to a place by keyboard alone. `place` is how the palette calls it. */
  async goByKeyboard(text: string, place: string | RegExp): Promise<void> {
    const field = this.page.getByRole('textbox', { name: 'Go to, or name a channel' });
    await this.page.keyboard.press('Control+k');
    await field.fill(text);
    // Enter takes what is selected.
    await this.page.locator('[data-action][data-selected]').filter({ hasText: place }).waitFor();
    await this.page.keyboard.press('Enter');
    await field.waitFor({ state: 'hidden' });
  }
}
