/**
 * Signing in with an identity provider: a real one (oidc-provider) for what should work, and one that lies for what should not. Invitations, grants, orgs
 * of a session, and the end of all that.
 */
import { Kit, type TestServer } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  callDirectory,
  codeOf,
  Person,
  resultOf,
  rootIn,
  signInAs,
  startDirectoryServer,
  startSignOn,
} from '../support/directory-server.js';
import { startHostileProvider, type HostileProvider, type Plot } from '../support/hostile-provider.js';
import { Visitor } from '../support/visitor.js';

const person = (name: string, more: object = {}): object => ({
  name,
  email: `${name.toLowerCase()}@example.com`,
  email_verified: true,
  ...more,
});
const PEOPLE = {
  ada: person('Ada', { groups: ['staff', 'chiefs'] }),
  bob: person('Bob', { groups: ['staff'] }),
  eve: person('Eve'),
  ivy: person('Ivy'),
  mal: person('Mal', { email: 'ivy@example.com', email_verified: false }),
  nina: person('Nina'),
};
const OIDC = {
  grants: [
    { group: 'staff', org: 'acme', roles: ['member'] },
    { group: 'chiefs', org: 'acme', roles: ['admin'] },
    { group: 'chiefs', org: 'globex', roles: ['viewer'] },
  ],
};

const root = async <T = Readonly<Record<string, unknown>>>(
  server: TestServer,
  org: string,
  method: string,
  params: object = {},
): Promise<T> => resultOf<T>(await callDirectory(server, rootIn(org), method, params));

describe('a provider that tells the truth', () => {
  const fileKit = new Kit();
  let kit = new Kit();
  let server: TestServer;
  let issuer: string;

  beforeAll(async () => {
    ({ server, issuer } = await startSignOn(fileKit, PEOPLE, { oidc: OIDC }));
    for (const id of ['acme', 'globex', 'empty']) await root(server, id, 'createOrg', { id });
  }, 120_000);
  beforeEach(() => (kit = new Kit()));
  afterEach(() => kit.dispose());
  afterAll(() => fileKit.dispose());

  it('[DIR-22] code, PKCE, state and nonce: whoever the provider knows comes in as who the claims say', async () => {
    const visitor = new Visitor();
    const begun = await visitor.ask(`${server.url}/console/oidc/login`);
    const asked = new URL(begun.headers.get('location') ?? '').searchParams;
    expect(asked.get('response_type')).toBe('code');
    expect(asked.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge']) expect(asked.get(name)).toMatch(/^[\w-]{43,}$/);
    const { visit, person: ada } = await signInAs(server, 'ada');
    expect(visit.url).toBe(`${server.url}/`);
    const me = resultOf(await ada.call('me'));
    expect(me).toMatchObject({
      user: 'ada',
      name: 'Ada',
      email: 'ada@example.com',
      operator: false,
      known: true,
    });
    expect(me['orgs']).toEqual([
      { org: 'acme', orgName: 'acme', roles: ['member', 'admin'] },
      { org: 'globex', orgName: 'globex', roles: ['viewer'] },
    ]);
    expect((await ada.door('GET', 'ways')).body).toEqual({ link: true, oidc: { name: 'single sign-on' } });
    const { user } = await root<{ user: object }>(server, 'acme', 'user', { user: 'ada' });
    expect(user).toMatchObject({ issuer, subject: 'ada' });
  });

  it('[DIR-13] a user of the provider whom nobody knows here is refused, and leaves nothing', async () => {
    const { visit, person: nina } = await signInAs(server, 'nina');
    expect(visit.status).toBe(403);
    expect(visit.text).toContain('not invited (1203)');
    expect((await nina.door('GET', 'session')).status).toBe(401);
    expect(codeOf(await callDirectory(server, rootIn('acme'), 'user', { user: 'nina' }))).toBe(1004);
  });

  it('[DIR-12] an invitation is accepted by whoever proves the address, and by nobody else', async () => {
    const { token } = await root<{ token: string }>(server, 'globex', 'invite', {
      email: 'Ivy@Example.com',
      roles: ['admin'],
    });
    const link = `${server.url}/console/invitation?token=${token}`;
    expect((await new Visitor().ask(link)).headers.get('location')).toBe('/console/oidc/login');
    expect((await new Visitor().ask(`${link}x`)).status).toBe(404);
    expect((await signInAs(server, 'mal')).visit.status).toBe(403);
    const { person: ivy } = await signInAs(server, 'ivy');
    expect((await ivy.door('GET', 'session')).body).toMatchObject({
      user: 'ivy',
      org: 'globex',
      roles: ['admin'],
    });
    expect((await new Visitor().ask(link)).status).toBe(404);
    const { invitations } = await root<{ invitations: unknown[] }>(server, 'globex', 'invitations');
    expect(invitations).toEqual([]);
    expect(resultOf(await ivy.call('members'))).toMatchObject({
      members: [{ user: 'ada' }, { user: 'ivy' }],
    });
  });

  it('[DIR-23] a session switches among the orgs of its user; the token is worth what its org gave', async () => {
    const { person: ada } = await signInAs(server, 'ada');
    const inAcme = await ada.connect(kit, 'acme');
    const inGlobex = await ada.connect(kit, 'globex');
    const me = async (raw: typeof inAcme): Promise<unknown> => {
      const { rpc } = (await raw.request({ rpc: { method: 'directory.me', data: {} } })) as unknown as {
        rpc: { data: object };
      };
      return rpc.data;
    };
    expect(await me(inAcme)).toMatchObject({ org: 'acme', roles: ['member', 'admin'] });
    expect(await me(inGlobex)).toMatchObject({ org: 'globex', roles: ['viewer'] });
    // The capability to look at every channel is an administrator's.
    const look = (raw: typeof inAcme) => raw.request({ history: { channel: 'open:a', limit: 1 } });
    expect((await look(inAcme)).error).not.toMatchObject({ code: 103 });
    expect((await look(inGlobex)).error).toMatchObject({ code: 103 });
    const list = await inGlobex.request({ rpc: { method: 'directory.members', data: {} } });
    expect(list.error).toMatchObject({ code: 103 });
    expect((await ada.call('members', {}, 'acme')).status).toBe(200);
    expect(codeOf(await ada.call('members', {}, 'globex'))).toBe(103);
    const [foreign, absent] = [
      await ada.door('POST', 'token?org=empty'),
      await ada.door('POST', 'token?org=none'),
    ];
    expect([foreign.status, foreign.text]).toEqual([404, absent.text]);
    const [page, nowhere] = [await ada.call('me', {}, 'empty'), await ada.call('me', {}, 'none')];
    expect([page.status, page.text]).toEqual([404, nowhere.text]);
    expect((await ada.door('GET', 'orgs')).body['orgs']).toHaveLength(2);
  });

  it('[DIR-21] a change of roles closes the connections there; what was signed before does not come back', async () => {
    const { person: bob } = await signInAs(server, 'bob');
    const token = await bob.token('acme');
    const raw = await kit.raw(server.wsUrl);
    expect((await raw.connect({ token })).error).toBeUndefined();
    await root(server, 'acme', 'setMember', { user: 'bob', roles: ['viewer'] });
    expect((await raw.closed).code).toBe(3014);
    const back = await kit.raw(server.wsUrl);
    expect((await back.connect({ token })).error).toMatchObject({ code: 109 });
    const again = await bob.connect(kit, 'acme');
    await root(server, 'acme', 'removeMember', { user: 'bob' });
    expect((await again.closed).code).toBe(3014);
    expect((await bob.door('POST', 'token?org=acme')).status).toBe(404);
  });

  it('[DIR-16] a disabled user is out at once, and refused at the provider’s door', async () => {
    const { person: ivy } = await signInAs(server, 'ivy');
    const raw = await ivy.connect(kit);
    const token = await ivy.token();
    await root(server, 'globex', 'updateUser', { user: 'ivy', disabled: true });
    expect((await raw.closed).code).toBe(3014);
    expect((await ivy.door('GET', 'session')).status).toBe(401);
    const late = await kit.raw(server.wsUrl);
    expect((await late.connect({ token })).error?.['code']).toBeOneOf([101, 109]);
    const { visit } = await signInAs(server, 'ivy');
    expect([visit.status, visit.text]).toEqual([403, expect.stringContaining('user disabled (1202)')]);
    await root(server, 'globex', 'updateUser', { user: 'ivy', disabled: false });
    expect((await signInAs(server, 'ivy')).visit.status).not.toBe(403);
  });

  it('[DIR-22] an answer counts once, for the browser that began, and sign-out ends it all', async () => {
    const visitor = new Visitor();
    const begun = await visitor.ask(`${server.url}/console/oidc/login`);
    const attempt = visitor.cookie(server.url, 'trunkline-attempt') ?? '';
    const callback = await visitor.visit(`${begun.headers.get('location') ?? ''}&login_hint=ada`, (next) =>
      next.startsWith(`${server.url}/console/oidc/callback`),
    );
    const stranger = await new Visitor().ask(callback.url);
    expect([stranger.status, stranger.text]).toEqual([
      400,
      expect.stringContaining('has not begun a sign-in'),
    ]);
    expect((await visitor.ask(callback.url)).status).toBe(303);
    const ada = new Person(server, visitor);
    expect((await ada.door('GET', 'session')).status).toBe(200);
    // The same answer again, with the cookie of the attempt put back.
    const replay = await fetch(callback.url, {
      redirect: 'manual',
      headers: { cookie: `trunkline-attempt=${attempt}` },
    });
    expect([replay.status, await replay.text()]).toEqual([400, expect.stringContaining('(1204)')]);
    expect(replay.headers.getSetCookie()).toEqual([]);
    const raw = await ada.connect(kit);
    const out = await ada.door('POST', 'logout');
    expect(out.body['logoutUrl']).toMatch(new RegExp(`^${issuer}/session/end\\?`));
    expect((await raw.closed).code).toBe(3014);
    expect((await ada.door('POST', 'token')).status).toBe(401);
    const { records } = await root<{ records: { action: string }[] }>(server, 'acme', 'audit', {
      installation: true,
      action: 'session.',
      limit: 2,
    });
    expect(records.map(({ action }) => action)).toEqual(['session.closed', 'session.opened']);
  });
});

describe('a provider that lies', () => {
  const kit = new Kit();
  let provider: HostileProvider;
  let server: TestServer;

  const attempt = async (
    plot: Plot,
  ): Promise<{ readonly status: number; readonly text: string; readonly in: boolean }> => {
    provider.plot = plot;
    const { visit, person: somebody } = await signInAs(server, 'eve');
    const { status } = await somebody.door('GET', 'session');
    return { status: visit.status, text: visit.text, in: status === 200 };
  };

  beforeAll(async () => {
    provider = kit.use(await startHostileProvider());
    server = await startDirectoryServer(kit, {
      oidc: { issuer: provider.issuer, clientId: 'trunkline', timeout: '1s', ...OIDC },
    });
    await root(server, 'acme', 'createOrg', { id: 'acme' });
  }, 120_000);
  afterAll(() => kit.dispose());

  it('[DIR-22] is believed where everything is right', async () => {
    expect((await attempt({})).in).toBe(true);
  });

  it.each([
    ['the nonce of another attempt', { claims: { nonce: 'of another attempt' } }],
    ['no nonce', { claims: { nonce: undefined } }],
    ['another issuer', { claims: { iss: 'https://elsewhere.example' } }],
    ['another issuer beside the code', { answer: { iss: 'https://elsewhere.example' } }],
    ['another client', { claims: { aud: 'somebody-else' } }],
    ['two clients, and another one asked', { claims: { aud: ['trunkline', 'other'], azp: 'other' } }],
    ['a token of yesterday', { claims: { iat: 1, exp: 2 } }],
    ['no end', { claims: { exp: undefined } }],
    ['nobody', { claims: { sub: undefined } }],
    ['a user id that is none', { claims: { sub: '' } }],
    ['the signature of a stranger', { signedBy: 'a stranger' }],
    ['no signature', { signedBy: 'nobody' }],
    ['another state', { answer: { state: 'of another attempt' } }],
    ['a code that it never gave', { answer: { code: 'invented' } }],
    ['that it refuses', { answer: { error: 'access_denied' } }],
  ] satisfies readonly (readonly [string, Plot])[])(
    '[DIR-22] %s: refused, and no session',
    async (_what, plot) => {
      const { status, text, in: isIn } = await attempt(plot);
      expect({ status, isIn, told: /sign-in failed[^<]*\(1204\)/.test(text) }).toEqual({
        status: 400,
        isIn: false,
        told: true,
      });
    },
  );

  it.each([
    ['never answers', { token: 'silence' }],
    ['is out of order', { token: 503 }],
  ] satisfies readonly (readonly [string, Plot])[])(
    '[DIR-22] one that %s is said to be unavailable',
    async (_what, plot) => {
      const { status, text, in: isIn } = await attempt(plot);
      expect([status, isIn, text]).toEqual([503, false, expect.stringContaining('(1205)')]);
    },
  );

  it('[DIR-22] an attempt that was not sealed here is none', async () => {
    provider.plot = {};
    const before = provider.exchanges;
    for (const cookie of ['', 'x', 'A'.repeat(400), `${'A'.repeat(40)}.${'A'.repeat(40)}`]) {
      const answer = await fetch(`${server.url}/console/oidc/callback?code=a&state=b`, {
        redirect: 'manual',
        headers: { cookie: `trunkline-attempt=${cookie}` },
      });
      expect(answer.status).toBe(400);
    }
    expect(provider.exchanges).toBe(before);
  });

  it('[DIR-13] an address that nobody verified accepts nothing, and rights that were taken away are gone', async () => {
    await root(server, 'acme', 'invite', { email: 'new@example.com', roles: ['admin'] });
    const stranger = { sub: 'new', email: 'new@example.com', groups: [] };
    expect((await attempt({ claims: { ...stranger, email_verified: false } })).in).toBe(false);
    expect((await attempt({ claims: { ...stranger, email_verified: 'true' } })).in).toBe(false);
    expect((await attempt({ claims: stranger })).in).toBe(true);
    provider.plot = {};
    const { person: eve } = await signInAs(server, 'eve');
    const raw = await eve.connect(kit, 'acme');
    expect((await attempt({ claims: { groups: [] } })).status).toBe(403);
    // Refused, and what the provider took away is gone on the spot.
    expect((await raw.closed).code).toBe(3014);
    expect((await eve.door('POST', 'token?org=acme')).status).toBe(404);
    await root(server, 'acme', 'createOrg', { id: 'other' });
    await root(server, 'other', 'setMember', { user: 'eve', roles: ['viewer'] });
    expect((await attempt({ claims: { groups: [] } })).in).toBe(true);
  });
});
