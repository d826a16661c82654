/**
 * Attacks on people and orgs through the doors of a running server: keys with one scope, cookies and links that are made up, a provider that lies, pages of
 * other origins, texts that nobody expects. What is tried against the tables themselves is in modules/directory/src/attacks.test.ts.
 */
import { createHash, randomBytes } from 'node:crypto';
import { directoryContract, type DirectoryMethod } from '@trunkline/contracts/directory';
import { Kit, type TestServer } from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  callDirectory,
  codeOf,
  Person,
  resultOf,
  rootIn,
  signInAs,
  signInByLink,
  startDirectoryServer,
} from '../support/directory-server.js';
import { startHostileProvider, type HostileProvider, type Plot } from '../support/hostile-provider.js';
import { Visitor } from '../support/visitor.js';

const METHODS = Object.keys(directoryContract.rpc) as DirectoryMethod[];
const SCOPES = ['publish', 'broadcast', 'subscribe', 'rpc', 'info', 'directory_keys', 'constructor'];

const kit = new Kit();
let server: TestServer;
let provider: HostileProvider;

const root = async <T = Readonly<Record<string, unknown>>>(
  org: string,
  method: string,
  params: object = {},
): Promise<T> => resultOf<T>(await callDirectory(server, rootIn(org), method, params));
const keyWith = async (scopes: readonly string[], name = `k-${scopes.join('.')}`): Promise<string> =>
  (await root<{ secret: string }>('acme', 'createKey', { name, scopes })).secret;
const attempt = async (plot: Plot): Promise<{ status: number; text: string; person: Person }> => {
  provider.plot = plot;
  const { visit, person } = await signInAs(server, 'eve');
  return { status: visit.status, text: visit.text, person };
};
/** From an address of its own: limits count by address. */
const from = (address: string): Readonly<Record<string, string>> => ({ 'x-forwarded-for': address });

beforeAll(async () => {
  provider = kit.use(await startHostileProvider());
  server = await startDirectoryServer(kit, {
    oidc: {
      issuer: provider.issuer,
      clientId: 'trunkline',
      timeout: '2s',
      grants: [{ group: 'staff', org: 'acme', roles: ['member'] }],
      operators: ['chiefs'],
    },
    config: {
      server: {
        connectionAttemptsPerSecond: 'unlimited',
        connectionAttemptsBurst: 100_000,
        trustedProxies: ['127.0.0.1'],
      },
    },
  });
  await signInByLink(server);
  for (const id of ['acme', 'globex']) await root(id, 'createOrg', { id });
}, 120_000);
afterAll(() => kit.dispose());

describe('a key with one scope', () => {
  it.each(SCOPES)('[DIR-2] %s opens no method of the directory, by whatever way', async (scope) => {
    const headers = { 'x-api-key': await keyWith([scope]) };
    for (const method of METHODS) {
      const direct = await callDirectory(server, headers, method.slice('directory.'.length), {});
      expect([method, direct.status, codeOf(direct)]).toEqual([method, 403, 103]);
    }
    const call = { method: 'directory.createKey', params: { name: `by-${scope}` } };
    const tries: readonly (readonly [string, unknown])[] = [
      ['rpc', call],
      ['rpc', { ...call, method: 'directory.createKey\u0000' }],
      ['rpc', { ...call, method: ' directory.createKey' }],
      ['rpc', { ...call, method: 'Directory.createKey' }],
      ['rpc', { ...call, org: 'globex' }],
      ['batch', { commands: [{ rpc: call }] }],
      ['batch', { commands: [{ rpc: call }], parallel: true }],
    ];
    for (const [method, body] of tries) await server.api(method, body as object, headers);
    const line = JSON.stringify({ method: 'rpc', params: call });
    await fetch(`${server.url}/api`, { method: 'POST', headers, body: line });
    const link = await fetch(`${server.url}/console/link`, { method: 'POST', headers });
    expect(link.status).toBe(403);
    const { keys } = await root<{ keys: { name: string }[] }>('acme', 'keys');
    expect(keys.map(({ name }) => name)).not.toContain(`by-${scope}`);
  });

  it('[DIR-18] nobody tells the administrators of an org what the directory did not', async () => {
    const headers = { 'x-api-key': await keyWith(['publish', 'broadcast', 'subscribe'], 'publisher') };
    const data = { kind: 'member', id: 'mallory', action: 'created', atMs: 1 };
    for (const [method, params] of [
      ['publish', { channel: 'directory:changes', data }],
      ['broadcast', { channels: ['directory:changes'], data }],
    ] as const)
      expect((await server.api(method, params, headers)).text).toContain('only its module publishes');
    const admin = { 'x-api-key': await keyWith(['history'], 'reader') };
    const { text } = await server.api('history', { channel: 'directory:changes', limit: 100 }, admin);
    expect(text).not.toContain('mallory');
  });

  it('[DIR-4] a key of the org that is called like one of the installation gets none of its answers', async () => {
    const mine = { 'x-api-key': await keyWith(['*'], 'root') };
    const params = { email: 'new@acme.example', roles: ['viewer'], idempotencyKey: 'deploy-1' };
    const first = resultOf(await callDirectory(server, rootIn('acme'), 'invite', params));
    const second = resultOf(await callDirectory(server, mine, 'invite', params));
    expect(first).toHaveProperty('token');
    expect(second).toHaveProperty('token');
    expect(second['invitation']).not.toEqual(first['invitation']);
    expect(resultOf(await callDirectory(server, mine, 'invite', params))).toEqual({
      invitation: second['invitation'],
    });
  });
});

describe('made-up credentials', () => {
  const wrongKey = (): string => {
    const body = `tlk_${randomBytes(32).toString('base64url')}`;
    return body + createHash('sha256').update(`${body}.check`).digest('hex').slice(0, 6);
  };
  const flood = async (
    times: number,
    one: () => Promise<number>,
  ): Promise<Readonly<Record<number, number>>> => {
    const counts: Record<number, number> = {};
    for (let n = 0; n < times; n += 20)
      for (const status of await Promise.all(Array.from({ length: 20 }, one)))
        counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };

  it('[DIR-24] keys, cookies and links: an address gets so many answers, and right credentials go on', async () => {
    const here = from('198.51.100.7');
    const right = { ...here, 'x-api-key': await keyWith(['*'], 'steady') };
    expect((await callDirectory(server, right, 'keys')).status).toBe(200);
    const { person } = await attempt({});
    const cookie = `trunkline=${person.visitor.cookie(server.url, 'trunkline') ?? ''}`;
    const session = async (value: string): Promise<number> =>
      (await fetch(`${server.url}/console/session`, { headers: { ...here, cookie: value } })).status;
    expect(await session(cookie)).toBe(200);

    const keys = await flood(
      500,
      async () => (await callDirectory(server, { ...here, 'x-api-key': wrongKey() }, 'keys')).status,
    );
    expect(keys[401]).toBeGreaterThan(100);
    expect(keys[429]).toBeGreaterThan(50);
    const cookies = await flood(40, () => session(`trunkline=${randomBytes(32).toString('base64url')}`));
    expect(cookies[429]).toBeGreaterThan(0);
    const links = await flood(40, async () => {
      const token = randomBytes(32).toString('base64url');
      return (await fetch(`${server.url}/console/invitation?token=${token}`, { headers: here })).status;
    });
    expect(links[429]).toBeGreaterThan(0);

    expect((await callDirectory(server, right, 'keys')).status).toBe(200);
    expect(await session(cookie)).toBe(200);
    const elsewhere = { ...from('203.0.113.9'), 'x-api-key': wrongKey() };
    expect((await callDirectory(server, elsewhere, 'keys')).status).toBe(401);
  });

  it('[DIR-24] what is no cookie of ours is asked about nowhere', async () => {
    const here = from('198.51.100.8');
    const answers = await flood(400, async () => {
      const headers = { ...here, cookie: `trunkline=${randomBytes(3).toString('hex')}` };
      return (await fetch(`${server.url}/console/session`, { headers })).status;
    });
    expect(answers).toEqual({ 401: 400 });
  });

  it('[DIR-24] answers of the provider that nobody asked for reach it only so often', async () => {
    provider.plot = { answer: { code: 'invented' } };
    const here = from('198.51.100.9');
    const begun = await fetch(`${server.url}/console/oidc/login`, { redirect: 'manual', headers: here });
    const cookie = begun.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state') ?? '';
    const before = provider.exchanges;
    const query = new URLSearchParams({ code: 'invented', state, iss: provider.issuer }).toString();
    const answers = await flood(200, async () => {
      const headers = { ...here, cookie };
      return (await fetch(`${server.url}/console/oidc/callback?${query}`, { headers, redirect: 'manual' }))
        .status;
    });
    expect(answers[429]).toBeGreaterThan(50);
    expect(provider.exchanges - before).toBeLessThan(150);
  });
});

describe('a provider that lies', () => {
  it('[DIR-22] an answer without end is broken off, and is no answer', async () => {
    const { status, text } = await attempt({ token: 'endless' });
    expect([status, text]).toEqual([503, expect.stringContaining('(1205)')]);
    expect((await attempt({})).status).not.toBe(503);
  });

  it.each([
    ['holds a NUL', { email: 'new\u0000@acme.example' }],
    ['is half a letter', { email: '\ud800@acme.example' }],
    ['is long', { email: `${'a'.repeat(300_000)}@acme.example` }],
    ['has a space behind', { email: 'admin@acme.example ' }],
  ])('[DIR-12] an address that %s accepts nothing, and is not kept', async (_what, claims) => {
    await root('globex', 'invite', { email: 'admin@acme.example', roles: ['admin'] });
    await root('globex', 'invite', { email: 'admin@kacme.example', roles: ['admin'] });
    const { status, person } = await attempt({ claims });
    expect(status).not.toBe(500);
    const me = resultOf(await person.call('me'));
    expect(me['orgs']).toMatchObject([{ org: 'acme' }]);
    expect(me['email']).not.toBe(claims.email);
  });

  it.each([
    ['too long', 's'.repeat(300)],
    ['with a NUL', 'e\u0000ve'],
  ])('[DIR-22] a subject %s is refused', async (_what, sub) => {
    const { status, text } = await attempt({ claims: { sub } });
    expect([status, text]).toEqual([400, expect.stringContaining('(1204)')]);
  });

  it('[DIR-2] an operator who is no member is a record of the org that comes first too', async () => {
    const { person } = await attempt({ claims: { sub: 'boss', groups: ['chiefs'] } });
    for (let n = 0; n < 2; n++) expect((await person.door('GET', 'session')).status).toBe(200);
    expect(resultOf(await person.call('members'))).toHaveProperty('members');
    const { records } = await root<{ records: object[] }>('home', 'audit', { action: 'operator.entered' });
    expect(records).toMatchObject([{ target: 'home', address: '127.0.0.1' }]);
  });
});

describe('a page of another origin', () => {
  it('[DIR-23] gets nothing of the directory with the cookie of the browser', async () => {
    const person = await signInByLink(server);
    const cookie = `trunkline=${person.visitor.cookie(server.url, 'trunkline') ?? ''}`;
    const body = JSON.stringify({ name: 'planted' });
    for (const headers of [
      { 'content-type': 'application/json', origin: 'https://evil.example' },
      { 'content-type': 'application/json', origin: 'null' },
      { 'content-type': 'application/json', 'sec-fetch-site': 'same-site' },
      { 'content-type': 'text/plain', origin: 'https://evil.example' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
    ] as readonly Readonly<Record<string, string>>[]) {
      const url = `${server.url}/directory/createKey`;
      const { status } = await fetch(url, { method: 'POST', headers: { ...headers, cookie }, body });
      expect([headers, status >= 400 && status < 500]).toEqual([headers, true]);
    }
    for (const method of METHODS) {
      const url = `${server.url}/directory/${method.slice('directory.'.length)}?name=planted`;
      expect((await fetch(url, { headers: { cookie } })).status).toBe(404);
    }
    for (const path of ['token', 'logout', 'login', 'link']) {
      const url = `${server.url}/console/${path}`;
      const headers = { cookie, origin: 'https://evil.example' };
      expect([path, (await fetch(url, { method: 'POST', headers })).status]).toEqual([path, 403]);
    }
    expect((await person.door('GET', 'session')).status).toBe(200);
    expect((await person.call('keys', { revoked: true })).text).not.toContain('planted');
  });

  it('[DIR-22] leads nowhere but to the console and the provider, whatever it asks for', async () => {
    provider.plot = {};
    const elsewhere = 'https://evil.example/';
    const query = new URLSearchParams(
      ['returnTo', 'return_to', 'next', 'redirect', 'redirect_uri', 'url'].map((name) => [name, elsewhere]),
    ).toString();
    const visitor = new Visitor();
    const begun = await visitor.ask(`${server.url}/console/oidc/login?${query}`, {
      headers: { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
    });
    const asked = new URL(begun.headers.get('location') ?? '');
    expect([asked.origin, asked.href.includes('evil')]).toEqual([provider.issuer, false]);
    const callback = await visitor.visit(asked.href, (next) => next.startsWith(`${server.url}/console/`));
    const back = await visitor.ask(`${callback.url}&${query}`);
    expect([back.status, back.headers.get('location')]).toEqual([303, '/']);
  });

  it('[DIR-22] a query of any length is refused before the provider hears of it', async () => {
    const before = provider.exchanges;
    for (const length of [8_000, 100_000]) {
      const url = `${server.url}/console/oidc/callback?code=${'a'.repeat(length)}&state=b`;
      expect((await fetch(url, { redirect: 'manual' })).status).toBeOneOf([400, 414, 431]);
    }
    expect(provider.exchanges).toBe(before);
  });
});

describe('texts that nobody expects', () => {
  const TEXTS = [
    '\u0000',
    'a\u0000b',
    '\ud800',
    '__proto__',
    'constructor',
    "'; --",
    '\u202e',
    'x'.repeat(5_000),
  ];
  const NUMBERS = [-1, 0, 1e308, -1e308, 2 ** 53, 0.5];

  it('[DIR-19] are refused or found nowhere, and never an error of the server', async () => {
    const headers = rootIn('acme');
    const names = ['id', 'user', 'name', 'email', 'value', 'search', 'after', 'actor', 'action', 'target'];
    const base = {
      roles: ['viewer'],
      members: [],
      email: 'a@b.example',
      value: 'v',
      name: 'n',
      id: 'i',
      user: 'u',
    };
    for (const method of METHODS) {
      if (method === 'directory.rotateSecrets') continue;
      for (const text of TEXTS) {
        const odd = Object.fromEntries([...names, 'idempotencyKey'].map((name) => [name, text]));
        for (const params of [
          odd,
          { ...base, idempotencyKey: text },
          { ...base, after: text, search: text },
        ]) {
          const answer = await callDirectory(server, headers, method.slice(10), params);
          const told = answer.status < 500 ? 'fine' : answer.text;
          expect([method, text.slice(0, 20), told]).toEqual([method, text.slice(0, 20), 'fine']);
        }
      }
    }
  });

  it('[DIR-17] quotas and limits are whole numbers in their bounds', async () => {
    for (const number of NUMBERS) {
      for (const [method, params] of [
        ['updateOrg', { id: 'globex', quotas: { commandsPerSecond: number } }],
        ['updateOrg', { id: 'globex', quotas: { maxSubscriptionsPerConnection: number } }],
        ['members', { limit: number }],
        ['createKey', { name: 'n', expiresMs: number }],
        ['audit', { sinceMs: number, limit: number }],
        ['rotateKey', { id: 'none', overlapMs: number }],
      ] as const) {
        const { status } = await callDirectory(server, rootIn('globex'), method, params);
        expect([method, number, status]).toEqual([method, number, status === 404 ? 404 : 400]);
      }
    }
  });

  it('[QUOTA-1] a broadcast counts for each of its channels', async () => {
    await root('globex', 'updateOrg', { id: 'globex', quotas: { publicationsPerSecond: 1 } });
    const { secret } = await root<{ secret: string }>('globex', 'createKey', { name: 'loud' });
    const channels = Array.from({ length: 50 }, (_, n) => `open:c${n}`);
    const { text } = await server.api('broadcast', { channels, data: 1 }, { 'x-api-key': secret });
    expect(text.match(/"code":111/g)?.length ?? 0).toBeGreaterThan(40);
  });
});
