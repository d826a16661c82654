/** People, keys, secrets and orgs for the pictures: made as an operator makes them, with somebody who signed in at an identity provider. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { freePort } from '@trunkline/testkit';

const PROVIDER = fileURLToPath(new URL('../support/identity-provider.mjs', import.meta.url));
const DAY_MS = 24 * 3_600_000;
const NAMES = {
  ada: 'Ada Lovelace',
  grace: 'Grace Hopper',
  linus: 'Linus Lindqvist',
  margaret: 'Margaret Hamilton',
};
const PEOPLE = Object.fromEntries(
  Object.entries(NAMES).map(([id, name]) => [id, { name, email: `${id}@example.com`, email_verified: true }]),
);

/** A provider, the port that it sends browsers back to, and what the server has to know of it. */
export async function startProvider(kit) {
  const port = await freePort();
  const secret = randomBytes(18).toString('base64url');
  const provider = await kit.program({
    name: 'the identity provider',
    binary: process.execPath,
    args: (place) => [PROVIDER, String(place.port)],
    env: {
      PEOPLE: JSON.stringify(PEOPLE),
      SECRET: secret,
      REDIRECT: `http://127.0.0.1:${port}/console/oidc/callback`,
    },
    ready: async (place) =>
      (await fetch(`http://127.0.0.1:${place.port}/.well-known/openid-configuration`)).ok,
  });
  const issuer = `http://127.0.0.1:${provider.port}`;
  return { port, oidc: { issuer, clientId: 'trunkline', clientSecret: secret, name: 'Example Identity' } };
}

/** `page` is an operator's. */
export async function populateDirectory(page, browser, server) {
  const ask = (method, params, org) =>
    page.evaluate(
      async ([path, body, headers]) => {
        const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
        return (await answer.json()).result;
      },
      [`directory/${method}`, params, { 'content-type': 'application/json', ...(org && { 'x-org': org }) }],
    );
  await ask('createOrg', {
    id: 'acme',
    name: 'Acme Corp',
    quotas: { maxConnections: 500, publicationsPerSecond: 200 },
    kubernetes: [
      { cluster: 'eu/prod', namespace: 'acme' },
      { cluster: 'eu/prod', namespace: 'acme-staging' },
    ],
  });
  await ask('createOrg', { id: 'globex', name: 'Globex', quotas: { maxConnections: 50 } });
  await ask('setMember', { user: 'console', roles: ['admin'] }, 'acme');
  for (const [account, roles] of [
    ['ada', ['admin']],
    ['grace', ['member']],
    ['linus', ['viewer']],
    ['margaret', ['member', 'admin']],
  ]) {
    const { token } = await ask('invite', { email: `${account}@example.com`, roles });
    await signIn(browser, server, account, token);
  }
  await ask('invite', { email: 'ken@example.com', roles: ['member'] });
  await ask('invite', { email: 'barbara@example.com', roles: ['viewer'], ttlMs: 30 * DAY_MS });
  await ask('setGroup', { name: 'oncall', members: ['ada', 'grace'] });
  await ask('setGroup', { name: 'release', members: ['margaret'] });
  for (const [name, scopes] of [
    ['billing', ['publish', 'broadcast']],
    ['ci', ['publish']],
    ['dashboard', ['info', 'channels', 'history']],
  ])
    await ask('createKey', { name, scopes });
  await ask('createKey', { name: 'backup', allOrgs: true, expiresMs: Date.now() + 90 * DAY_MS });
  const { keys } = await ask('keys', {});
  await ask('rotateKey', { id: keys.find(({ name }) => name === 'ci').id });
  for (const name of ['registry-password', 'smtp-password', 'github-app'])
    await ask('setSecret', { name, value: randomBytes(12).toString('hex') });
}

/** The provider asks nobody: who it is stands in the address that the server sends the browser to. */
async function signIn(browser, server, account, token) {
  const { page } = await browser.page();
  await page.route(/\/console\/oidc\/login/, async (route) => {
    const answer = await route.fetch({ maxRedirects: 0 });
    const { location, ...headers } = answer.headers();
    await route.fulfill({
      response: answer,
      headers: { ...headers, location: `${location}&login_hint=${account}` },
    });
  });
  const invited = await fetch(`${server.url}/console/invitation?token=${token}`, { redirect: 'manual' });
  await page.goto(new URL(invited.headers.get('location'), server.url).href);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.context().close();
}
