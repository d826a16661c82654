/** Kubernetes in the console: in Chromium, on a server with the demo cluster. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until, type BrowserHandle } from '@trunkline/testkit';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBed } from '../support/bed.js';
import { findingsOf, overflowOf, showIn } from './accessibility.js';
import { ConsolePage, openConsole } from './console-bed.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PODS = 3_000;
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };

const bed = useBed(() => ({
  config: { development: true, log: { level: 'warn' }, kube: { demo: { pods: PODS, eventsPerSecond: 30 } } },
}));
let browser: BrowserHandle;
beforeAll(async () => {
  browser = await bed.fileKit.browser();
});

/** A console page for all tests. */
function useConsole() {
  let view: ConsolePage;
  beforeAll(async () => {
    view = await openConsole(bed, browser);
  });
  afterAll(() => {
    expect(view.errors).toEqual([]);
  });
  return {
    get view(): ConsolePage {
      return view;
    },
    get page(): Page {
      return view.page;
    },
    /** Of whatever kind. */
    get table(): Locator {
      return view.page.getByRole('table');
    },
  };
}

const rowsOf = (table: Locator): Locator =>
  table.getByRole('row').filter({ has: table.page().getByRole('link') });

describe('the demo cluster', () => {
  const on = useConsole();

  it('[KCON-21] without a cluster the page tells how to add one, and starts the demo cluster', async () => {
    await on.view.goTo('#/resources');
    await on.page.getByText('No cluster yet').waitFor();
    await on.page.getByRole('link', { name: 'Connect one, or start a simulated one' }).click();
    await on.page.getByRole('heading', { name: 'With a kubeconfig' }).waitFor();
    await on.view.button('Start demo cluster').click();
    const panel = on.page.getByRole('region', { name: 'Demo' });
    await panel.getByText('reachable', { exact: true }).waitFor();
    await panel.getByText('simulated', { exact: true }).waitFor();
    await panel.getByText('Nothing is watched: nobody looks at a list of it.').waitFor();
  });

  it('[KCON-22] thousands of pods are a table that draws the rows on screen only', async () => {
    await on.page.getByRole('link', { name: 'Resources of Demo' }).click();
    await on.view.isLive();
    await rowsOf(on.table).first().waitFor();
    const total = Number(await on.table.getAttribute('aria-rowcount'));
    expect(total).toBeGreaterThan(PODS * 0.9);
    expect(await on.table.getByRole('row').count()).toBeLessThan(80);
    // Far down: places first, then rows.
    const region = on.page.getByRole('region', { name: 'Pods' });
    await region.evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await until('the last rows are there', async () => {
      const last = rowsOf(on.table).last();
      return Number(await last.getAttribute('aria-rowindex').catch(() => 0)) > PODS * 0.8;
    });
    await region.evaluate((box) => box.scrollTo(0, 0));
    await until(
      'the first rows are there',
      async () => (await rowsOf(on.table).first().getAttribute('aria-rowindex')) === '2',
    );
  });

  it('[KCON-22] is ordered by a column, narrowed by words and a namespace, and is in the address', async () => {
    const header = on.page.getByRole('columnheader', { name: 'Restarts' });
    await header.getByRole('button').click();
    await header.getByRole('button').click();
    await until('it is sorted', async () => (await header.getAttribute('aria-sort')) === 'descending');
    const restarts = async (): Promise<number[]> => {
      const at = (await on.page.getByRole('columnheader').allInnerTexts()).indexOf('Restarts');
      const rows = await rowsOf(on.table).all();
      return Promise.all(
        rows.slice(0, 10).map(async (row) => Number(await row.getByRole('cell').nth(at).innerText())),
      );
    };
    await until('most restarts come first', async () => {
      const shown = await restarts();
      return shown.length === 10 && shown.every((count, at) => at === 0 || count <= (shown[at - 1] ?? 0));
    });
    const names = on.page.getByLabel('Namespace', { exact: true });
    const namespace = await until('namespaces are known', async () =>
      (await names.getByRole('option').allInnerTexts()).at(-1),
    );
    await names.selectOption(namespace);
    await until('only that one', async () => {
      const cells = await on.table.getByRole('cell', { name: namespace, exact: true }).count();
      return cells > 0 && cells === (await rowsOf(on.table).count());
    });
    await on.page.getByLabel('Search the rows').fill('no pod is called this');
    await on.page.getByText('Nothing matches').waitFor();
    expect(await on.page.evaluate(() => location.hash)).toContain('search=no+pod');
    await on.page.getByLabel('Search the rows').fill('');
    await rowsOf(on.table).first().waitFor();
  });

  it('[KCON-22] columns of lower priority are chosen, and those that only the cluster can fill are named', async () => {
    const header = on.page.getByRole('columnheader', { name: 'IP', exact: true });
    expect(await header.count()).toBe(0);
    await on.view.button('Columns').click();
    const choices = on.page.getByRole('dialog', { name: 'Columns' });
    await choices.getByText('Only the cluster\u2019s own tables have Readiness Gates.').waitFor();
    expect(await findingsOf(on.page, 'choosing columns')).toEqual([]);
    await choices.getByLabel('IP', { exact: true }).check();
    await header.waitFor();
    expect(await on.page.evaluate(() => location.hash)).toContain('columns=ip');
    await choices.getByLabel('IP', { exact: true }).uncheck();
    await header.waitFor({ state: 'detached' });
    await on.page.keyboard.press('Escape');
    await choices.waitFor({ state: 'detached' });
  });

  it('[KCON-24] [KCON-25] a pod opens with its facts, YAML, events and log', async () => {
    const link = rowsOf(on.table).first().getByRole('link');
    const name = await link.innerText();
    await link.click();
    const drawer = on.view.dialog(name);
    await drawer.getByText('Changes since you opened it').waitFor();
    await drawer.getByText('Owned by').first().waitFor();
    await drawer.getByText('YAML', { exact: true }).click();
    await drawer.getByLabel('YAML of the object').getByText(`name: ${name}`).waitFor();
    await drawer.getByText('Events', { exact: true }).first().click();
    await drawer.getByRole('heading', { name: 'Events' }).waitFor();
    await drawer.getByText('Log', { exact: true }).first().click();
    await drawer.getByRole('log').locator('.tl-log-line').first().waitFor();
    await drawer.getByLabel('Search the log').fill('no line says this');
    await drawer.getByText('No line has these words').waitFor();
    await on.page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'hidden' });
  });

  it('[KCON-20] the watch that everybody shares is told with its readers', async () => {
    await on.view.goTo('#/clusters');
    const watches = on.page.getByRole('list', { name: 'Watches of Demo' });
    await watches
      .getByRole('listitem')
      .filter({ hasText: 'pods' })
      .filter({ hasText: 'live' })
      .first()
      .waitFor();
  });

  it('[KCON-27] has no accessibility finding, dark or light, wide or narrow', async () => {
    const findings: string[] = [];
    await on.view.goTo('#/resources');
    const name = await rowsOf(on.table).first().getByRole('link').innerText();
    // One row looks like thousands, and is looked at sooner.
    const one = `#/resources?search=${name}`;
    // Every rule in one form; what another scheme and width can change besides, contrast and overflow, in the other.
    for (const [colorScheme, viewport, rules] of [
      ['light', NARROW, ['color-contrast']],
      ['dark', WIDE, undefined],
    ] as const) {
      await showIn(on.page, colorScheme, viewport);
      for (const hash of ['#/clusters', one]) {
        await on.view.goTo(hash);
        await on.view.isSettled();
        const where = `${hash} ${colorScheme} ${viewport.width}`;
        findings.push(...(await findingsOf(on.page, where, rules)), ...(await overflowOf(on.page, where)));
      }
      await on.page.getByRole('link', { name, exact: true }).click();
      const drawer = on.view.dialog(name);
      await drawer.getByText('Changes since you opened it').waitFor();
      for (const tab of ['Overview', 'YAML', 'Log']) {
        await drawer.getByText(tab, { exact: true }).first().click();
        findings.push(...(await findingsOf(on.page, `${tab} ${colorScheme}`, rules)));
      }
      await on.page.keyboard.press('Escape');
      await drawer.waitFor({ state: 'hidden' });
    }
    expect(findings).toEqual([]);
  });

  it('[KCON-30] the page of the guide shows rows, their state and another search', async () => {
    const child = spawn(
      process.execPath,
      ['examples/browser-chat/server.mjs', '--port', '0', '--page', 'examples/live-lists/index.html'],
      { cwd: ROOT, env: { PATH: process.env['PATH'] ?? '', TRUNKLINE_URL: bed.server.url } },
    );
    bed.kit.defer(() => void child.kill());
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    const address = await until('it listens', () => /http:\S+/.exec(output)?.[0]);
    const { page, errors } = await browser.page();
    await page.goto(address);
    await page.locator('#state[data-state=live]').waitFor();
    await page.getByText(/^1 to 20 of \d{4}$/).waitFor();
    await page.getByText(/^\d+ of \d{4} \(live\)$/).waitFor();
    await page.getByRole('button', { name: 'On' }).click();
    await page.getByText(/^21 to 40 of \d{4}$/).waitFor();
    const name = await page.locator('#rows td').first().innerText();
    await page.getByLabel('Search').fill(name);
    await page.getByText('1 to 1 of 1').waitFor();
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('[KCON-21] [KCON-23] the demo cluster is ended, after a question; whoever looks at its lists is told', async () => {
    // The same session in another tab.
    const other = new ConsolePage({ page: await on.page.context().newPage(), errors: [] });
    await other.open(`${bed.server.url}/#/resources`);
    await other.badgeSays('live');
    await on.view.goTo('#/clusters');
    await on.view.button('End demo cluster').click();
    await on.view.answer('End the demo cluster?', 'End demo cluster');
    await on.page.getByRole('heading', { name: 'With a kubeconfig' }).waitFor();
    // Its list fails at once; that there is no cluster at all is known with the next look at them.
    await other.page.getByText('No cluster yet').waitFor();
    expect(await rowsOf(other.page.getByRole('table')).count()).toBe(0);
  });
});
