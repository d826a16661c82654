/** A server with a directory beside an identity provider, and people who come in by a browser or without one: what the tests of the console's screens of people share. */
import { Kit, type BrowserHandle, type BrowserPage, type TestServer } from '@trunkline/testkit';
import type { BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import {
  callDirectory,
  resultOf,
  ROOT_KEY,
  rootIn,
  signInAs,
  signInByLink,
  startSignOn,
} from '../support/directory-server.js';
import { ConsolePage } from './console-page.js';

export const WIDE = { width: 1280, height: 900 };
/** The org of whoever comes in by the server's own link. */
export const HOME = 'home';

const person = (name: string): object => ({
  name,
  email: `${name.toLowerCase()}@example.com`,
  email_verified: true,
});
/** Eve and Ivy for tests to invite; Mal is never invited; Ann is a member of the home org from the beginning. */
const PEOPLE = { ann: person('Ann'), eve: person('Eve'), ivy: person('Ivy'), mal: person('Mal') };

export class PeopleBed {
  readonly kit = new Kit();
  server!: TestServer;
  browser!: BrowserHandle;

  /** A method of the directory for the operator's key; throws what it refuses. */
  async root<T = Readonly<Record<string, unknown>>>(
    org: string,
    method: string,
    params: object = {},
  ): Promise<T> {
    return resultOf<T>(await callDirectory(this.server, rootIn(org), method, params));
  }

  /** The operator's console, on the overview. */
  async enter(options: BrowserContextOptions = {}): Promise<ConsolePage> {
    const view = new ConsolePage(await this.browser.page({ viewport: WIDE, ...options }));
    const asked = await fetch(`${this.server.url}/console/link`, {
      method: 'POST',
      headers: { 'x-api-key': ROOT_KEY },
    });
    await view.open(((await asked.json()) as { readonly link: string }).link);
    return view;
  }

  /** Makes `account` a member, without a browser. */
  async join(account: keyof typeof PEOPLE, org = HOME): Promise<void> {
    await this.root(org, 'invite', { email: `${account}@example.com`, roles: ['member'] });
    const { visit } = await signInAs(this.server, account);
    if (visit.status !== 200) throw new Error(`${account} did not come in: ${visit.status} ${visit.text}`);
  }

  /** Signs in at the provider as this account, from wherever a page leads to it. */
  async signIn(account: keyof typeof PEOPLE, from: string): Promise<BrowserPage> {
    const opened = await this.browser.page({ viewport: WIDE });
    // The provider asks nobody: who it is stands in the address that this server sends the browser to, which is reached by one redirect or two.
    await opened.page.route(/\/console\/(invitation|oidc\/login)/, async (route) => {
      let answer = await route.fetch({ maxRedirects: 0 });
      if (/\/console\/oidc\/login$/.test(answer.headers()['location'] ?? ''))
        answer = await route.fetch({ url: `${this.server.url}/console/oidc/login`, maxRedirects: 0 });
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
}

/** Registers the hooks with vitest; call at the top of a file. */
export function usePeopleBed(): PeopleBed {
  const bed = new PeopleBed();
  beforeAll(async () => {
    ({ server: bed.server } = await startSignOn(bed.kit, PEOPLE, { oidc: { name: 'Example Identity' } }));
    // The home org is made when the first operator comes in.
    await signInByLink(bed.server);
    await bed.join('ann');
    bed.browser = await bed.kit.browser();
  }, 180_000);
  afterAll(() => bed.kit.dispose());
  return bed;
}
