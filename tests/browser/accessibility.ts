/**
 * What axe finds on a page. It runs in the page itself, in one call: the console has no frames, and the library's usual way opens a second page for every
 * analysis to put frames together.
 */
import { AxeBuilder } from '@axe-core/playwright';
import { until } from '@trunkline/testkit';
import type { Page } from 'playwright-core';

export type ColorScheme = 'dark' | 'light';

/** Violations in words, `where` before each; `rules` absent: every rule. */
export async function findingsOf(page: Page, where: string, rules?: readonly string[]): Promise<string[]> {
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] });
  const { violations } = await (rules === undefined ? axe : axe.withRules([...rules])).analyze();
  return violations.map(({ id, nodes }) => `${where}: ${id} ${nodes[0]?.html ?? ''}`);
}

/** By how many pixels the page is wider than its window, as a finding. */
export async function overflowOf(page: Page, where: string): Promise<string[]> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return overflow > 0 ? [`${where}: ${overflow} px wider than the window`] : [];
}

/** Resolves when the console shows the colours that the system asks for from now on. */
export async function showIn(
  page: Page,
  colorScheme: ColorScheme,
  viewport: { readonly width: number; readonly height: number },
): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(viewport);
  await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor({ state: 'attached' });
  await until('the window has its size', () =>
    page.evaluate((width) => innerWidth === width, viewport.width),
  );
}
