/** The console's screens of orgs, people, keys, secrets and the audit log, in Chromium on a real server beside a real identity provider. */
import type { Page } from 'playwright-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import { findingsOf, overflowOf, showIn } from './accessibility.js';
import { ConsolePage } from './console-page.js';
import { HOME, usePeopleBed, WIDE } from './people-bed.js';

const bed = usePeopleBed();
let view: ConsolePage;
let page: Page;

beforeAll(async () => {
  view = await bed.enter();
  ({ page } = view);
});

/** Each test finds the console as it was first opened, in the home org, and makes what it needs itself. */
beforeEach(async () => {
  const elsewhere = await page.evaluate(() => {
    const kept = sessionStorage.length > 0;
    sessionStorage.clear();
    return kept;
  });
  if (elsewhere) await page.reload();
  await showIn(page, 'light', WIDE);
  await view.reset();
});

describe('orgs', () => {
  it('[CONSOLE-18] an operator makes an org with limits, and changes them', async () => {
    await view.goTo('#/orgs');
    await view.button('New org').click();
    const made = view.dialog('New org');
    await made.getByLabel('Id').fill('ac me');
    await made.getByText('1 to 64 of A-Z a-z 0-9 . _ -').waitFor();
    expect(await made.getByRole('button', { name: 'Make org' }).isDisabled()).toBe(true);
    await made.getByLabel('Id').fill('acme');
    await made.getByLabel('Name', { exact: true }).fill('Acme Corp');
    await made.getByLabel('Connections', { exact: true }).fill('500');
    await made.getByLabel('Namespaces').fill('eu/prod/acme');
    await view.answer('New org', 'Make org');
    await view.row('Orgs', 'Acme Corp').getByText('500 connections').waitFor();
    await view.button('Change Acme Corp').click();
    await view.dialog('Org Acme Corp').getByLabel('Publications per second').fill('20');
    await view.answer('Org Acme Corp', 'Save');
    await view.row('Orgs', 'Acme Corp').getByText('500 connections, 20 publications/s').waitFor();
    await view.row('Orgs', 'Acme Corp').getByText('eu/prod/acme').waitFor();
  });

  it('[CONSOLE-15] enters it, stays there over a reload, and comes back by the menu', async () => {
    await bed.root(HOME, 'createOrg', { id: 'globex', name: 'Globex Inc' });
    await view.goTo('#/orgs');
    await view.button('Enter Globex Inc').click();
    await view.button('Org: globex. Switch').waitFor();
    await view.goTo('#/members');
    await page.getByText('Nobody yet').waitFor();
    await page.reload();
    await page.getByText('People of org globex').waitFor();
    await view.button('Org: globex. Switch').click();
    await page.getByRole('menuitem', { name: HOME }).click();
    await page.getByText('People of org home').waitFor();
    await view.row('Members', 'Console').waitFor();
  });

  it('[CONSOLE-9] [CONSOLE-15] the palette leads to places, and into orgs', async () => {
    await bed.root(HOME, 'createOrg', { id: 'initech', name: 'Initech Ltd' });
    await bed.root('initech', 'setMember', { user: 'console', roles: ['admin'] });
    // The orgs of the person come with the page.
    await page.reload();
    await view.isLive();
    await view.goByKeyboard('audit', 'Audit log');
    await page.getByRole('heading', { level: 1, name: 'Audit log' }).waitFor();
    await view.goByKeyboard('switch to initech', 'Switch to Initech Ltd');
    await view.button('Org: Initech Ltd. Switch').waitFor();
  });

  it('[CONSOLE-18] removing an org takes its id, typed', async () => {
    await bed.root(HOME, 'createOrg', { id: 'old' });
    await view.goTo('#/orgs');
    await view.button('Remove old').click();
    const asked = view.dialog('Remove org old?');
    expect(await asked.getByRole('button', { name: 'Remove org' }).isDisabled()).toBe(true);
    await asked.getByLabel('Type old to go on').fill('old');
    await view.answer('Remove org old?', 'Remove org');
    await view.row('Orgs', 'old').waitFor({ state: 'hidden' });
  });
});

describe('people', () => {
  it('[CONSOLE-1] whom nobody invited is told so, by a page with the way back', async () => {
    const { page: stranger } = await bed.browser.page({ viewport: WIDE });
    await stranger.goto(bed.server.url);
    await stranger.getByRole('link', { name: 'Continue with Example Identity' }).waitFor();
    await stranger.context().close();
    const { page: mal } = await bed.signIn('mal', `${bed.server.url}/console/oidc/login`);
    await mal.getByRole('heading', { name: 'Sign-in failed' }).waitFor();
    expect(await mal.locator('body').innerText()).toContain('not invited');
    await mal.context().close();
  });

  it('[CONSOLE-16] [CONSOLE-1] an invitation is shown once, accepted at the provider, and the member appears as it happens', async () => {
    await view.goTo('#/members');
    await view.button('Invite').click();
    const form = view.dialog('Invite into this org');
    await form.getByLabel('E-mail address').fill('eve@');
    await form.getByText('Expected name@host').waitFor();
    await form.getByLabel('E-mail address').fill('eve@example.com');
    await view.answer('Invite into this org', 'Invite');
    const link = await view.takeShown('eve@example.com is invited');
    expect(link.note).toContain('no mail is sent from here');
    expect(link.stays).toBe(false);
    await view.row('Open invitations', 'eve@example.com').waitFor();
    const eve = new ConsolePage(await bed.signIn('eve', link.text));
    await eve.isSettled();
    await view.row('Members', 'Eve').getByText('just now').waitFor();
    await page.getByText('No open invitation').waitFor();

    // A member is no administrator: the menu does not lead there, and the address does no harm.
    expect(await eve.page.getByRole('link', { name: 'API keys' }).count()).toBe(0);
    for (const [hash, words] of [
      ['#/keys', 'The keys are for administrators of the org'],
      ['#/users', 'The users are for operators'],
    ] as const) {
      await eve.goTo(hash);
      await eve.page.getByText(words).waitFor();
    }

    // Rights change while the page is open: it comes back with the new ones.
    await view.button('Roles of Eve').click();
    await view.dialog('Roles of Eve').getByLabel('Admin').check();
    await view.answer('Roles of Eve', 'Save');
    await view.row('Members', 'Eve').getByText('admin', { exact: true }).waitFor();
    await eve.page.reload();
    await eve.page.getByRole('link', { name: 'API keys' }).waitFor();

    // And end: what is left is the way in.
    await view.button('Remove Eve').click();
    await view.answer('Remove Eve from home?', 'Remove');
    await view.row('Members', 'Eve').waitFor({ state: 'hidden' });
    await eve.page
      .getByText('You are in no org any more')
      .or(eve.page.getByRole('heading', { name: 'Sign in to the console' }))
      .first()
      .waitFor({ timeout: 60_000 });
    expect(eve.errors).toEqual([]);
    await eve.page.context().close();
  }, 240_000);

  it('[CONSOLE-16] groups hold members, and say who is none', async () => {
    await view.goTo('#/members');
    await view.button('New group').click();
    const form = view.dialog('New group');
    await form.getByLabel('Name').fill('oncall');
    await form.getByLabel('Members').fill('console\nnobody');
    await form.getByRole('button', { name: 'Save' }).click();
    await form.getByRole('alert').waitFor();
    await form.getByLabel('Members').fill('console');
    await view.answer('New group', 'Save');
    await view.row('Groups', 'oncall').getByText('console').waitFor();
    await view.button('Remove group oncall').click();
    await view.answer(/^Remove group oncall/, 'Remove');
    await view.row('Groups', 'oncall').waitFor({ state: 'hidden' });
  });

  it('[CONSOLE-16] an operator keeps a user out, and lets the user in again', async () => {
    await view.goTo('#/users');
    await view.button('Disable Ann').click();
    await view.answer('Keep Ann out?', 'Disable');
    await view.row('Users', 'Ann').getByText('disabled', { exact: true }).waitFor();
    await view.button('Enable Ann').click();
    await view.answer('Let Ann in again?', 'Enable');
    await view.row('Users', 'Ann').getByText('active', { exact: true }).waitFor();
    await view.button('Disable Console').click();
    const asked = view.dialog('Keep Console out?');
    await asked.getByRole('button', { name: 'Disable' }).click();
    await asked.getByText('the last operator').waitFor();
    await view.answer('Keep Console out?', 'Cancel');
  });
});

describe('keys and secrets', () => {
  const publish = async (key: string): Promise<number> =>
    (await bed.server.api('publish', { channel: 'open:a', data: 1 }, { 'x-api-key': key })).status;

  it('[CONSOLE-17] a key is shown once and works; rotated, both do; revoked, it does not', async () => {
    const keys = /^API keys/;
    await view.goTo('#/keys');
    await view.button('New key').click();
    const form = view.dialog('New key of home');
    await form.getByLabel('Name').fill('ci');
    await form.getByLabel('May use').fill('publish');
    await view.answer('New key of home', 'Make key');
    await view.dialog('Key ci').getByRole('button', { name: 'Copy the key' }).waitFor();
    const first = await view.takeShown('Key ci');
    expect(first.text).toMatch(/^tlk_/);
    expect(first.note).toContain('This is the only time it is shown');
    expect(first.stays).toBe(false);
    expect(await publish(first.text)).toBe(200);
    await view.row(keys, 'ci').getByText('works').waitFor();

    await view.button('Rotate key ci').click();
    await view.answer('Rotate key ci', 'Rotate');
    const second = await view.takeShown('Key ci');
    expect(second.stays).toBe(false);
    expect([await publish(first.text), await publish(second.text)]).toEqual([200, 200]);
    await view.row(keys, 'replaced').waitFor();

    await view.button('Revoke key ci').click();
    await view.answer('Revoke key ci?', 'Revoke');
    await until('it is refused', async () => (await publish(second.text)) === 401);
    await page.getByLabel('Show those that were revoked').check();
    await view.row(keys, 'revoked').waitFor();
    expect(
      await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])),
    ).not.toContain('tlk_');
  });

  it('[CONSOLE-20] a secret goes in and never comes out; the encryption key is rotated with progress', async () => {
    const inUse = view.row('Encryption keys', 'in use').locator('code');
    await view.goTo('#/secrets');
    await view.button('Keep a secret').click();
    const form = view.dialog('Keep a secret');
    await form.getByLabel('Name').fill('registry-password');
    await form.getByLabel('Value').fill('hunter2');
    await view.answer('Keep a secret', 'Keep');
    await view.row('Secrets', 'registry-password').getByText('by console').waitFor();
    expect(await page.content()).not.toContain('hunter2');
    const before = await inUse.innerText();
    await view.button('Rotate').click();
    await view.answer('Rotate the encryption key?', 'Rotate');
    await page.getByText(/^Done: \d+ secrets? encrypted anew\.$/).waitFor();
    await until('another key is in use', async () => {
      const keys = await inUse.allInnerTexts();
      return keys.length === 1 && keys[0] !== before;
    });
    await view.button('Remove secret registry-password').click();
    await view.answer('Remove secret registry-password?', 'Remove');
    await view.row('Secrets', 'registry-password').waitFor({ state: 'hidden' });
  });

  it('[CONSOLE-19] the audit log tells all of it, is narrowed, and holds no key', async () => {
    await bed.root(HOME, 'setSecret', { name: 'audited', value: 'hunter3' });
    await bed.root(HOME, 'rotateSecrets', { batch: 100 });
    await bed.root(HOME, 'removeSecret', { name: 'audited' });
    const { key } = await bed.root<{ key: { id: string } }>(HOME, 'createKey', { name: 'audited' });
    await bed.root(HOME, 'rotateKey', { id: key.id });
    for (const disabled of [true, false]) await bed.root(HOME, 'updateUser', { user: 'ann', disabled });
    await view.goTo('#/audit');
    const records = page.getByRole('list', { name: 'Audit log, newest first' });
    await records.getByText('secret.removed').first().waitFor();
    await page.getByLabel('Actions').selectOption('key.');
    await records.getByText('key.rotated').first().waitFor();
    await until('only keys are left', async () => !/secret\.|member\./.test(await records.innerText()));
    await page.getByLabel('Done by').fill('nobody');
    await page.getByText('No record matches').waitFor();
    await page.getByLabel('Done by').fill('');
    await page.getByLabel('Actions').selectOption('');
    await page.getByRole('radiogroup', { name: 'Whose log' }).getByText('Installation').click();
    await records.getByText('user.disabled').first().waitFor();
    await records.getByText('secrets.rotated').first().waitFor();
    expect(await page.content()).not.toMatch(/tlk_|hunter[23]/);
  });
});

describe('form', () => {
  const SCREENS = ['#/members', '#/keys', '#/secrets', '#/audit', '#/orgs', '#/users'];
  /** Where, the button that opens it, and what is open then. */
  const DIALOGS: readonly (readonly [string, string, string | RegExp])[] = [
    ['#/members', 'Invite', 'Invite into this org'],
    ['#/members', 'New group', 'New group'],
    ['#/members', 'Roles of Console', 'Roles of Console'],
    ['#/keys', 'New key', 'New key of home'],
    ['#/keys', 'Revoke key seen', 'Revoke key seen?'],
    ['#/secrets', 'Keep a secret', 'Keep a secret'],
    ['#/orgs', 'New org', 'New org'],
    ['#/orgs', 'Remove seen', 'Remove org seen?'],
  ];

  beforeAll(async () => {
    await bed.root(HOME, 'createOrg', { id: 'seen' });
    const { key } = await bed.root<{ key: { id: string } }>(HOME, 'createKey', { name: 'seen' });
    await bed.root(HOME, 'rotateKey', { id: key.id });
    await bed.root(HOME, 'setSecret', { name: 'seen', value: 'x' });
    await bed.root(HOME, 'setGroup', { name: 'seen', members: ['ann'] });
    await bed.root(HOME, 'invite', { email: 'seen@example.com', roles: ['viewer'] });
  });

  it('[CONSOLE-9] no finding of axe on any of these screens, wide and narrow, dark and light, and nothing wider than the window', async () => {
    const findings: string[] = [];
    // Every rule on two of the four forms; what a scheme and a width can change besides, contrast and overflow, on all.
    for (const [colorScheme, viewport, rules] of [
      ['dark', WIDE, undefined],
      ['light', WIDE, ['color-contrast']],
      ['light', { width: 390, height: 844 }, undefined],
      ['dark', { width: 360, height: 740 }, ['color-contrast']],
    ] as const) {
      await showIn(page, colorScheme, viewport);
      for (const hash of SCREENS) {
        await view.goTo(hash);
        await view.isLive();
        await view.isSettled();
        const where = `${hash} ${colorScheme} ${viewport.width}`;
        findings.push(...(await findingsOf(page, where, rules)), ...(await overflowOf(page, where)));
      }
    }
    expect(findings).toEqual([]);
  }, 240_000);

  it('[CONSOLE-9] nor in any dialog or menu of theirs', async () => {
    const findings: string[] = [];
    for (const [hash, opener, name] of DIALOGS) {
      await view.goTo(hash);
      await view.button(opener).click();
      await view.dialog(name).waitFor();
      findings.push(...(await findingsOf(page, `${hash} ${opener}`)));
      await page.keyboard.press('Escape');
      await view.dialog(name).waitFor({ state: 'hidden' });
    }
    await view.button(/^Org: .* Switch$/).click();
    await page.getByRole('menuitem', { name: 'All orgs' }).waitFor();
    findings.push(...(await findingsOf(page, 'menu of orgs')));
    expect(findings).toEqual([]);
    expect(view.errors).toEqual([]);
  }, 180_000);

  it('[CONSOLE-9] [CONSOLE-17] where motion is wanted, a dialog keeps its name until it is gone, and a key is gone before', async () => {
    const moving = await bed.enter({ reducedMotion: 'no-preference' });
    await moving.page.evaluate(() => {
      const globals = globalThis as unknown as { names: Set<string> };
      globals.names = new Set();
      new MutationObserver(() => {
        for (const title of document.querySelectorAll('[role=dialog] h2'))
          globals.names.add(title.textContent ?? '');
      }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
    await moving.goTo('#/keys');
    await moving.button('New key').click();
    await moving.dialog('New key of home').getByLabel('Name').fill('quick');
    await moving.answer('New key of home', 'Make key');
    expect((await moving.takeShown('Key quick')).stays).toBe(false);
    await moving.button('Revoke key quick').click();
    await moving.answer('Revoke key quick?', 'Revoke');
    await moving.goTo('#/members');
    await moving.button('Roles of Ann').click();
    await moving.answer('Roles of Ann', 'Cancel');
    const names = await moving.page.evaluate(() => [
      ...(globalThis as unknown as { names: Set<string> }).names,
    ]);
    expect(names).toEqual(['New key of home', 'Key quick', 'Revoke key quick?', 'Roles of Ann']);
    await moving.page.context().close();
  });
});
