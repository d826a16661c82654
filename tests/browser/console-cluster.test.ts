/** The console on a cluster with thousands of pods that change all the time: every one of them shown, rights that come and go, an API server that is away. */
import { readFile } from 'node:fs/promises';
import type { ObjectDraft } from '@trunkline/kube-sim';
import { Kit, until } from '@trunkline/testkit';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lamps } from '../kube/drafts.js';
import { consoleLink } from '../support/console.js';
import { findingsOf } from './accessibility.js';
import { ConsolePage } from './console-page.js';
import { podName, startKubeBed, type KubeBed } from './kube-bed.js';
import { walkTable } from './table-walk.js';

const PODS = 5_000;
/** Tall, so that fewer steps lead through all rows. */
const TALL = { width: 900, height: 3_000 };
/** Of the rows on such a screen, and those drawn before and after them. */
const MOST_ROWS = 110;

const kit = new Kit();
let bed: KubeBed;
let view: ConsolePage;
let page: Page;
let table: Locator;

beforeAll(async () => {
  bed = await startKubeBed(kit, PODS);
  view = new ConsolePage(await (await kit.browser()).page({ viewport: TALL }));
  page = view.page;
  table = page.getByRole('table');
  await view.open(await consoleLink(bed.server));
});
afterAll(async () => {
  expect(view.errors).toEqual([]);
  await kit.dispose();
});

const links = (): Locator => table.locator('[data-row]');
const firstName = (): Promise<string> => links().first().innerText();
const cellOf = (name: string, column: string): Promise<string | undefined> =>
  table.evaluate(
    (found, [of, title]) => {
      const titles = [...found.querySelectorAll('[role=columnheader]')].map((head) => head.textContent);
      const rows = [...found.querySelectorAll('[role=row]')];
      const row = rows.find((one) => one.querySelector('[data-row]')?.textContent === of);
      return row?.children[titles.indexOf(title)]?.textContent ?? undefined;
    },
    [name, column] as const,
  );

describe('a table of thousands of rows that change', () => {
  it('[KCON-22] every row can be reached, and few are in the document at once', async () => {
    await view.goTo('#/resources?cluster=prod');
    await view.isLive();
    await until('all are counted', async () => (await table.getAttribute('aria-rowcount')) === `${PODS + 1}`);
    const { names, mostRows } = await page.evaluate(walkTable, 'Pods');
    expect(names).toEqual(Array.from({ length: PODS }, (_, number) => podName(number)));
    expect(mostRows).toBeLessThan(MOST_ROWS);
    await view.isLive();
    // A walk of some eighty screens: for a machine that does much else, it is given time.
  }, 240_000);

  it('[KCON-22] search and order are of all rows, and begin with the first', async () => {
    const header = table.getByRole('columnheader', { name: 'Name', exact: true });
    await header.getByRole('button').click();
    await header.getByRole('button').click();
    await until('the last comes first', async () => (await firstName()) === podName(PODS - 1));
    await page.getByLabel('Search the rows').fill(podName(4_321));
    await until('one is left', async () => (await table.getAttribute('aria-rowcount')) === '2');
    expect(await firstName()).toBe(podName(4_321));
    // Back, as by the button of the browser: the field follows.
    await view.goTo('#/resources?cluster=prod');
    await until('all are back', async () => (await firstName()) === podName(0));
    expect(await page.getByLabel('Search the rows').inputValue()).toBe('');
  });

  it('[KCON-22] ages tick and cells change while one looks', async () => {
    const of = podName(3);
    const age = await cellOf(of, 'Age');
    expect(age).toMatch(/^\d+[smhd]/);
    bed.restart(3, 1_234);
    await until('the restarts are shown', async () => (await cellOf(of, 'Restarts')) === '1234');
    await until('the age ticks', async () => (await cellOf(of, 'Age')) !== age);
  });

  it('[KCON-22] where rows move, the focus stays with its object', async () => {
    await links().nth(2).focus();
    const pods = bed.sim.cluster.registry.require('pods');
    bed.sim.cluster.remove(pods, 'default', podName(0));
    await until('the first is gone', async () => (await firstName()) === podName(1));
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(podName(2));
    await page.keyboard.press('ArrowDown');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(podName(3));
  });

  it('[KCON-24] a pod that is deleted says so and stays as it was', async () => {
    await page.getByRole('link', { name: podName(5), exact: true }).click();
    const drawer = view.dialog(podName(5));
    await drawer.getByText('Owned by').first().waitFor();
    bed.sim.cluster.remove(bed.sim.cluster.registry.require('pods'), 'default', podName(5));
    await drawer.getByText('Deleted. This is what it was last.').waitFor();
    await drawer.getByText('Owned by').first().waitFor();
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'hidden' });
  });
});

describe('the badge of a list', () => {
  it('[KCON-23] is stale while the API server is away, says since when and why, keeps the rows, and is live again after', async () => {
    await view.goTo('#/resources?cluster=prod');
    await view.isLive();
    await links().first().waitFor();
    await bed.sim.faults.die(600_000);
    await view.badgeSays(/^stale for \d/);
    await page.getByText(/^These rows may be old since .+: .*ECONNREFUSED/).waitFor();
    expect(await links().count()).toBeGreaterThan(10);
    await bed.sim.faults.revive();
    await view.badgeSays('live');
    await page.getByText(/^These rows may be old/).waitFor({ state: 'detached' });
  });

  it('[KCON-26] a credential is refused at its field, counts at once, and is not shown again', async () => {
    await view.goTo('#/clusters');
    const panel = page.getByRole('region', { name: 'mine' });
    await panel.getByText('none yet').waitFor();
    await panel.getByRole('button', { name: 'Leave a credential' }).click();
    const dialog = view.dialog('Your credential for mine');
    const leave = dialog.getByRole('button', { name: 'Leave', exact: true });
    const field = (name: string): Locator => dialog.getByRole('textbox', { name, exact: true });
    const isRefused = async (name: string, reason: RegExp): Promise<void> => {
      await leave.click();
      await dialog.locator('[id$=-error]').filter({ hasText: reason }).waitFor();
      expect(await field(name).getAttribute('aria-invalid')).toBe('true');
      expect(await dialog.locator('[aria-invalid=true]').count()).toBe(1);
    };
    await field('Token').fill('wrong wrong');
    await isRefused('Token', /^Printable ASCII/);
    await dialog.getByText('Kubeconfig', { exact: true }).click();
    const config = { name: 'config', mimeType: 'text/plain' };
    const runs = Buffer.from(bed.kubeconfig({ exec: { command: 'aws' } }));
    await dialog.getByLabel('File: Kubeconfig').setInputFiles({ ...config, buffer: runs });
    await isRefused('Kubeconfig', /exec/);
    await dialog.getByText('Certificate', { exact: true }).click();
    expect(await findingsOf(page, 'the form')).toEqual([]);
    const key = await readFile(bed.certificate.key, 'utf8');
    await dialog.getByLabel('File: Client certificate').setInputFiles(bed.certificate.cert);
    await field('Private key').fill(bed.foreignKey);
    await isRefused('Private key', /^Is not that of the certificate$/);
    await field('Private key').fill(key);
    await view.answer('Your credential for mine', 'Leave');
    await panel.getByText('left', { exact: true }).waitFor();
    expect(await page.content()).not.toContain(key.split('\n')[1]);
    await panel.getByRole('link', { name: 'Resources of mine' }).click();
    await links().first().waitFor();
    await view.badgeSays('live');
  });

  it('[KCON-23] is stale while the API server is silent, and live again after', async () => {
    bed.path.stall();
    await view.badgeSays(/^stale for \d/);
    // Rights that cannot be asked about, or the watch that brings nothing: whichever is noticed first.
    await page.getByText(/^These rows may be old since .+: \S/).waitFor();
    expect(await links().count()).toBeGreaterThan(10);
    bed.path.restore();
    await view.badgeSays('live');
  });

  it('[KCON-23] is failed where rights end, with the reason and without the rows, and live when they are back', async () => {
    bed.letIn(false);
    await view.badgeSays('failed');
    await page.getByText(/cannot list .*pods/).waitFor();
    expect(await links().count()).toBe(0);
    bed.letIn(true);
    await view.button('Try again').click();
    await view.badgeSays('live');
    await links().first().waitFor();
  });

  it('[KCON-26] [KCON-23] a credential that is forgotten ends its lists', async () => {
    await view.goTo('#/clusters');
    await view.button('Forget the credential for mine').click();
    await view.answer('Forget your credential for mine?', 'Forget');
    await page.getByRole('region', { name: 'mine' }).getByText('none yet').waitFor();
    await view.goTo('#/resources?cluster=mine');
    await view.badgeSays('failed');
    await page.getByText('No credential of yours').waitFor();
    await page.getByRole('link', { name: 'Leave yours' }).waitFor();
  });
});

describe('the kinds of a cluster', () => {
  it('[KCON-22] one that is defined while somebody looks can be chosen', async () => {
    await view.goTo('#/resources?cluster=prod');
    await view.isLive();
    const kinds = page.getByLabel('Kind', { exact: true });
    await kinds.getByRole('option', { name: 'Pods', exact: true }).waitFor({ state: 'attached' });
    const definitions = bed.sim.cluster.registry.require('customresourcedefinitions', 'apiextensions.k8s.io');
    const { draft } = lamps();
    bed.sim.writer.create(definitions, '', draft as ObjectDraft, { manager: 'test', dryRun: false });
    await kinds.getByRole('option', { name: 'Lamps', exact: true }).waitFor({ state: 'attached' });
    await kinds.selectOption({ label: 'Lamps' });
    await page.getByText('They appear here as they are made.').waitFor();
    await view.badgeSays('live');
  });
});
