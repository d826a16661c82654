/** The console's screens of orgs, people, keys, secrets and the audit log, in Chromium on a real server beside a real identity provider. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kit, until, type BrowserHandle, type TestServer } from '@trunkline/testkit';
import { callDirectory, resultOf, ROOT_KEY, rootIn, startSignOn } from '../support/directory-server.js';

const person = (name: string): object => ({
  name,
  email: `${name.toLowerCase()}@example.com`,
  email_verified: true,
});
const PEOPLE = { eve: person('Eve'), ivy: person('Ivy'), mal: person('Mal') };
const WIDE = { width: 1280, height: 900 };

const kit = new Kit();
let server: TestServer;
let browser: BrowserHandle;
let page: Page;
let errors: readonly string[];

beforeAll(async () => {
  ({ server } = await startSignOn(kit, PEOPLE, { oidc: { name: 'Example Identity' } }));
  browser = await kit.browser();
  ({ page, errors } = await browser.page({ viewport: WIDE }));
  page.setDefaultTimeout(15_000);
  const asked = await fetch(`${server.url}/console/link`, {
    method: 'POST',
    headers: { 'x-api-key': ROOT_KEY },
  });
  await page.goto(((await asked.json()) as { readonly link: string }).link);
  await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: 20_000 });
}, 120_000);
afterAll(() => kit.dispose());

const goTo = async (hash: string, on = page): Promise<void> => {
  await on.evaluate((to) => {
    location.hash = to;
  }, hash);
  await on.getByRole('heading', { level: 1 }).first().waitFor();
};
const button = (name: string | RegExp, on = page) => on.getByRole('button', { name, exact: true });
const row = (list: string | RegExp, text: string) =>
  page.getByRole('list', { name: list }).getByRole('listitem').filter({ hasText: text });
const dialog = () => page.getByRole('dialog');
/** The button of the open dialog; the page often has one of the same name. */
const confirm = (name: string) => dialog().getByRole('button', { name, exact: true });

/** Signs in at the provider as this account, from wherever a page leads to it. */
async function signInAs(account: string, from: string): Promise<{ page: Page; errors: readonly string[] }> {
  const opened = await browser.page({ viewport: WIDE });
  // The provider asks nobody: who it is stands in the address that this server sends the browser to, which is reached by one redirect or two.
  await opened.page.route(/\/console\/(invitation|oidc\/login)/, async (route) => {
    let answer = await route.fetch({ maxRedirects: 0 });
    if (/\/console\/oidc\/login$/.test(answer.headers()['location'] ?? ''))
      answer = await route.fetch({ url: `${server.url}/console/oidc/login`, maxRedirects: 0 });
    const { location, ...headers } = answer.headers();
    await route.fulfill({
      response: answer,
      headers:
        location === undefined ? headers : { ...headers, location: `${location}&login_hint=${account}` },
    });
  });
  await opened.page.goto(from);
  return opened;
}

/** What was shown once: the text, and that it is gone from the page afterwards. */
async function shownOnce(): Promise<string> {
  const text = await dialog().getByRole('code').or(dialog().locator('code')).first().innerText();
  await button('Done').click();
  await dialog().waitFor({ state: 'hidden' });
  expect(await page.content()).not.toContain(text);
  return text;
}

describe('orgs', () => {
  it('[CONSOLE-18] an operator makes an org with limits, and changes them', async () => {
    await goTo('#/orgs');
    await button('New org').click();
    await dialog().getByLabel('Id').fill('ac me');
    await dialog().getByText('1 to 64 of A-Z a-z 0-9 . _ -').waitFor();
    expect(await button('Make org').isDisabled()).toBe(true);
    await dialog().getByLabel('Id').fill('acme');
    await dialog().getByLabel('Name', { exact: true }).fill('Acme Corp');
    await dialog().getByLabel('Connections', { exact: true }).fill('500');
    await dialog().getByLabel('Namespaces').fill('eu/prod/acme');
    await button('Make org').click();
    await row('Orgs', 'Acme Corp').getByText('500 connections').waitFor();
    await button('Change Acme Corp').click();
    await dialog().getByLabel('Publications per second').fill('20');
    await button('Save').click();
    await row('Orgs', 'Acme Corp').getByText('500 connections, 20 publications/s').waitFor();
    await row('Orgs', 'Acme Corp').getByText('eu/prod/acme').waitFor();
  });

  it('[CONSOLE-15] enters it, stays there over a reload, and comes back by the menu', async () => {
    await button('Enter Acme Corp').click();
    await button(/^Org: acme\. Switch$/).waitFor();
    await goTo('#/members');
    await page.getByText('Nobody yet').waitFor();
    await page.reload();
    await page.getByText('People of org acme').waitFor({ timeout: 15_000 });
    await button(/^Org: acme\. Switch$/).click();
    await page.getByRole('menuitem', { name: 'home' }).click();
    await page.getByText('People of org home').waitFor();
    await row('Members', 'Console').waitFor();
  });

  it('[CONSOLE-9] [CONSOLE-15] the palette leads to places, and into orgs', async () => {
    await resultOf(
      await callDirectory(server, rootIn('acme'), 'setMember', { user: 'console', roles: ['admin'] }),
    );
    await page.reload();
    await page.getByText('People of org home').waitFor({ timeout: 15_000 });
    const go = async (text: string): Promise<void> => {
      await page.keyboard.press('Control+k');
      await page.getByRole('textbox', { name: 'Go to, or name a channel' }).fill(text);
      await page
        .getByRole('button', { name: new RegExp(text, 'i') })
        .first()
        .waitFor();
      await page.keyboard.press('Enter');
    };
    await go('audit');
    await page.getByRole('heading', { name: 'Audit log' }).waitFor();
    await go('switch to acme');
    await button(/^Org: Acme Corp\. Switch$/).waitFor();
  });

  it('[CONSOLE-18] removing an org takes its id, typed', async () => {
    await resultOf(await callDirectory(server, rootIn('home'), 'createOrg', { id: 'old' }));
    await goTo('#/orgs');
    await button('Remove old').click();
    expect(await button('Remove org').isDisabled()).toBe(true);
    await dialog().getByLabel('Type old to go on').fill('old');
    await button('Remove org').click();
    await until('it is gone', async () => (await row('Orgs', 'old').count()) === 0);
  });
});

describe('people', () => {
  it('[CONSOLE-1] whom nobody invited is told so, by a page with the way back', async () => {
    const { page: stranger } = await browser.page({ viewport: WIDE });
    await stranger.goto(server.url);
    await stranger.getByRole('link', { name: 'Continue with Example Identity' }).waitFor();
    await stranger.close();
    const { page: mal } = await signInAs('mal', `${server.url}/console/oidc/login`);
    await mal.getByRole('heading', { name: 'Sign-in failed' }).waitFor();
    expect(await mal.locator('body').innerText()).toContain('not invited');
    await mal.close();
  });

  it('[CONSOLE-16] [CONSOLE-1] an invitation is shown once, accepted at the provider, and the member appears as it happens', async () => {
    await goTo('#/members');
    await button('Invite').click();
    await dialog().getByLabel('E-mail address').fill('eve@example');
    await dialog().getByLabel('E-mail address').fill('eve@example.com');
    await confirm('Invite').click();
    await dialog().getByText('no mail is sent from here').waitFor();
    const link = await shownOnce();
    await row('Open invitations', 'eve@example.com').waitFor();
    const { page: eve, errors: faults } = await signInAs('eve', link);
    await eve.getByRole('heading', { level: 1 }).waitFor({ timeout: 15_000 });
    await row('Members', 'Eve').getByText('just now').waitFor();
    await page.getByText('No open invitation').waitFor();

    // A member is no administrator: the menu does not lead there, and the address does no harm.
    expect(await eve.getByRole('link', { name: 'API keys' }).count()).toBe(0);
    for (const [hash, words] of [
      ['#/keys', 'The keys are for administrators of the org'],
      ['#/users', 'The users are for operators'],
    ] as const) {
      await goTo(hash, eve);
      await eve.getByText(words).waitFor();
    }

    // Rights change while the page is open: it comes back with the new ones.
    await button('Roles of Eve').click();
    await dialog().getByLabel('Admin').check();
    await button('Save').click();
    await row('Members', 'Eve').getByText('admin').waitFor();
    await eve.reload();
    await eve.getByRole('link', { name: 'API keys' }).waitFor({ timeout: 15_000 });

    // And end: what is left is the way in.
    await button('Remove Eve').click();
    await confirm('Remove').click();
    await until('Eve is gone', async () => (await row('Members', 'Eve').count()) === 0);
    await eve
      .getByText('You are in no org any more')
      .or(eve.getByRole('heading', { name: 'Sign in to the console' }))
      .first()
      .waitFor({ timeout: 30_000 });
    expect(faults).toEqual([]);
    await eve.close();
  }, 120_000);

  it('[CONSOLE-16] groups hold members, and say who is none', async () => {
    await button('New group').click();
    await dialog().getByLabel('Name').fill('oncall');
    await dialog().getByLabel('Members').fill('console\nnobody');
    await button('Save').click();
    await dialog().getByRole('alert').waitFor();
    await dialog().getByLabel('Members').fill('console');
    await button('Save').click();
    await row('Groups', 'oncall').getByText('console').waitFor();
    await button('Remove group oncall').click();
    await confirm('Remove').click();
    await page.getByText('No groups').waitFor();
  });

  it('[CONSOLE-16] an operator keeps a user out, and lets the user in again', async () => {
    await goTo('#/users');
    await button('Disable Eve').click();
    await confirm('Disable').click();
    await row('Users', 'Eve').getByText('disabled').waitFor();
    await button('Enable Eve').click();
    await confirm('Enable').click();
    await row('Users', 'Eve').getByText('active').waitFor();
    await button('Disable Console').click();
    await confirm('Disable').click();
    await dialog().getByText('the last operator').waitFor();
    await button('Cancel').click();
  });
});

describe('keys and secrets', () => {
  const publish = async (key: string): Promise<number> =>
    (await server.api('publish', { channel: 'open:a', data: 1 }, { 'x-api-key': key })).status;

  it('[CONSOLE-17] a key is shown once and works; rotated, both do; revoked, it does not', async () => {
    await goTo('#/keys');
    await page.getByText('No keys').waitFor();
    await button('New key').click();
    await dialog().getByLabel('Name').fill('ci');
    await dialog().getByLabel('May use').fill('publish');
    await button('Make key').click();
    await dialog().getByText('This is the only time it is shown').waitFor();
    await button('Copy the key').waitFor();
    const first = await shownOnce();
    expect(first).toMatch(/^tlk_/);
    expect(await publish(first)).toBe(200);
    await row(/^API keys/, 'ci')
      .getByText('works')
      .waitFor();

    await button('Rotate key ci').click();
    await confirm('Rotate').click();
    await dialog().getByText('This is the only time it is shown').waitFor();
    const second = await shownOnce();
    expect([await publish(first), await publish(second)]).toEqual([200, 200]);
    await row(/^API keys/, 'replaced').waitFor();

    await button('Revoke key ci').click();
    await confirm('Revoke').click();
    await until('it is refused', async () => (await publish(second)) === 401);
    await page.getByLabel('Show those that were revoked').check();
    await row(/^API keys/, 'revoked').waitFor();
    expect(
      await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])),
    ).not.toContain('tlk_');
  });

  it('[CONSOLE-20] a secret goes in and never comes out; the encryption key is rotated with progress', async () => {
    await goTo('#/secrets');
    await button('Keep a secret').click();
    await dialog().getByLabel('Name').fill('registry-password');
    await dialog().getByLabel('Value').fill('hunter2');
    await button('Keep').click();
    await row('Secrets', 'registry-password').getByText('by console').waitFor();
    expect(await page.content()).not.toContain('hunter2');
    const before = await row('Encryption keys', 'in use').locator('code').innerText();
    await button('Rotate').click();
    await confirm('Rotate').click();
    await page.getByText('Done: 1 secret encrypted anew.').waitFor();
    await until('another key is in use', async () => {
      const keys = row('Encryption keys', 'in use').locator('code');
      return (await keys.count()) === 1 && (await keys.innerText()) !== before;
    });
    await button('Remove secret registry-password').click();
    await confirm('Remove').click();
    await page.getByText('No secrets').waitFor();
  });

  it('[CONSOLE-19] the audit log tells all of it, is narrowed, and holds no key', async () => {
    await goTo('#/audit');
    const records = page.getByRole('list', { name: 'Audit log, newest first' });
    await records.getByText('secret.removed').waitFor();
    await page.getByLabel('Actions').selectOption('key.');
    await records.getByText('key.rotated').waitFor();
    await until('only keys are left', async () => !/secret\.|member\./.test(await records.innerText()));
    await page.getByLabel('Done by').fill('nobody');
    await page.getByText('No record matches').waitFor();
    await page.getByLabel('Done by').fill('');
    await page.getByLabel('Actions').selectOption('');
    await page.getByText('Installation', { exact: true }).last().click();
    await records.getByText('user.disabled').first().waitFor();
    await records.getByText('secrets.rotated').first().waitFor();
    expect(await page.content()).not.toMatch(/tlk_|hunter2/);
  });
});

describe('form', () => {
  const SCREENS = ['#/members', '#/keys', '#/secrets', '#/audit', '#/orgs', '#/users'];
  const DIALOGS: readonly (readonly [string, string | RegExp])[] = [
    ['#/members', 'Invite'],
    ['#/members', 'New group'],
    ['#/members', 'Roles of Console'],
    ['#/keys', 'New key'],
    ['#/keys', /^Revoke key/],
    ['#/secrets', 'Keep a secret'],
    ['#/orgs', 'New org'],
    ['#/orgs', /^Remove /],
    ['#/overview', /^Org: .* Switch$/],
  ];

  it('[CONSOLE-9] no finding of axe on any of these screens, wide and narrow, dark and light, and nothing wider than the window', async () => {
    const findings: string[] = [];
    for (const [colorScheme, viewport] of [
      ['dark', WIDE],
      ['light', WIDE],
      ['light', { width: 390, height: 844 }],
      ['dark', { width: 360, height: 740 }],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      for (const hash of SCREENS) {
        await goTo(hash);
        await page
          .getByRole('status')
          .filter({ hasText: /^live$/ })
          .first()
          .waitFor();
        await page.waitForTimeout(300);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const where = `${hash} ${colorScheme} ${viewport.width}`;
        findings.push(...violations.map(({ id, nodes }) => `${where}: ${id} ${nodes[0]?.html ?? ''}`));
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 0) findings.push(`${where}: ${overflow} px wider than the window`);
      }
    }
    expect(findings).toEqual([]);
  }, 240_000);

  it('[CONSOLE-9] nor in any dialog or menu of theirs', async () => {
    await page.setViewportSize(WIDE);
    const findings: string[] = [];
    for (const [hash, name] of DIALOGS) {
      await goTo(hash);
      await page.getByRole('button', { name }).first().click();
      await page.waitForTimeout(500);
      const { violations } = await new AxeBuilder({ page }).analyze();
      findings.push(
        ...violations.map(({ id, nodes }) => `${hash} ${String(name)}: ${id} ${nodes[0]?.html ?? ''}`),
      );
      await page.keyboard.press('Escape');
      await page.waitForTimeout(300);
    }
    expect(findings).toEqual([]);
    expect(errors).toEqual([]);
  }, 120_000);
});
