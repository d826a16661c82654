import { silentLogger } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import type { CodedError } from '@trunkline/protocol';
import { createTokenAuthenticator } from './authenticator.js';
import { createMemoryAccounts, type ConsoleAccounts } from './console-accounts.js';
import {
  CONSOLE_ISSUER,
  createConsoleSessions,
  type ConsoleSessions,
  type ConsoleSessionsOptions,
} from './console-sessions.js';
import { credentials, refusal, SECRET, sign } from './testing.js';

const ADDRESS = { address: '127.0.0.1', requestId: 'r' };

function create(
  options: Partial<ConsoleSessionsOptions> = {},
  logger = new MemoryLogger(),
): { clock: FakeClock; sessions: ConsoleSessions; logger: MemoryLogger } {
  const clock = new FakeClock();
  return { clock, sessions: createConsoleSessions({ clock, logger }, options), logger };
}

/** The Cookie header a browser would send back. */
const cookieOf = (setCookie: string): string => setCookie.slice(0, setCookie.indexOf(';'));

describe('one-time link', () => {
  it('[AUTH-11] a code signs in once', async () => {
    const { sessions } = create();
    const code = sessions.createLinkCode();
    expect(Buffer.from(code, 'base64url')).toHaveLength(32);
    const cookie = cookieOf(await sessions.signIn(code, ADDRESS));
    expect(await sessions.verify(cookie)).toEqual({
      user: 'console',
      org: 'default',
      roles: ['admin', 'operator'],
      session: expect.stringMatching(/^mem_[\w-]{16}$/) as string,
    });
    expect(await refusal(() => sessions.signIn(code, ADDRESS))).toEqual({
      code: 101,
      message: 'unauthorized: the link is wrong, used or too old',
    });
    expect(await sessions.verify(cookie)).toBeDefined();
  });

  it('[AUTH-11] a code is good for its time, and until the next one is made', async () => {
    const { clock, sessions } = create();
    const first = sessions.createLinkCode();
    const second = sessions.createLinkCode();
    expect((await refusal(() => sessions.signIn(first, ADDRESS))).code).toBe(101);
    await clock.advance(15 * 60_000 - 1);
    expect(await sessions.signIn(second, ADDRESS)).toContain('trunkline=');
    const third = sessions.createLinkCode();
    await clock.advance(15 * 60_000);
    expect((await refusal(() => sessions.signIn(third, ADDRESS))).code).toBe(101);
  });

  it('[AUTH-11] wrong codes do not use up the right one, but each address has few tries', async () => {
    const { clock, sessions, logger } = create({ attemptsPerMinute: 3 });
    const code = sessions.createLinkCode();
    for (const wrong of ['', 'x', `${code}x`])
      expect((await refusal(() => sessions.signIn(wrong, ADDRESS))).code).toBe(101);
    expect((await refusal(() => sessions.signIn(code, ADDRESS))).code).toBe(111);
    expect(await sessions.signIn(code, { ...ADDRESS, address: '198.51.100.7' })).toContain('trunkline=');
    await clock.advance(60_000);
    expect((await refusal(() => sessions.signIn(code, ADDRESS))).code).toBe(101);
    expect(JSON.stringify(logger.lines)).not.toContain(code);
  });

  it('[AUTH-11] without a link nobody signs in', async () => {
    const { sessions } = create();
    expect((await refusal(() => sessions.signIn('', ADDRESS))).code).toBe(101);
    expect((await refusal(() => sessions.signIn('x'.repeat(43), ADDRESS))).code).toBe(101);
  });
});

describe('sessions', () => {
  it('[AUTH-12] the cookie is closed to scripts and other sites', async () => {
    const plain = create().sessions;
    const attributes = (await plain.signIn(plain.createLinkCode(), ADDRESS)).split('; ').slice(1);
    expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Strict']);
    const secure = create({ secure: true }).sessions;
    const cookie = await secure.signIn(secure.createLinkCode(), ADDRESS);
    expect(cookie).toMatch(/^__Host-trunkline=[\w-]{43};/);
    expect(cookie.split('; ').slice(1).sort()).toEqual([
      'HttpOnly',
      'Max-Age=43200',
      'Path=/',
      'SameSite=Strict',
      'Secure',
    ]);
  });

  it('[AUTH-12] end after their time, on sign-out, or as the oldest of too many', async () => {
    const { clock, sessions } = create({ maxSessions: 2 });
    const signIn = async (): Promise<string> =>
      cookieOf(await sessions.signIn(sessions.createLinkCode(), ADDRESS));
    const [first, second, third] = [await signIn(), await signIn(), await signIn()];
    const found = await Promise.all([first, second, third].map((cookie) => sessions.verify(cookie)));
    expect(found.map((one) => one !== undefined)).toEqual([false, true, true]);
    expect(await sessions.signOut(second)).toContain('Max-Age=0');
    expect(await sessions.verify(second)).toBeUndefined();
    await clock.advance(12 * 3_600_000 - 1);
    expect(await sessions.verify(third)).toBeDefined();
    await clock.advance(1);
    expect(await sessions.verify(third)).toBeUndefined();
  });

  it('[AUTH-12] other cookies are nobody', async () => {
    const { sessions } = create({ secure: true });
    const cookie = cookieOf(await sessions.signIn(sessions.createLinkCode(), ADDRESS));
    for (const header of [
      undefined,
      '',
      'a=b',
      cookie.replace('__Host-', ''),
      `${cookie}x`,
      '__Host-trunkline=',
      '__Host-trunkline=%E0%A4%A',
    ]) {
      expect(await sessions.verify(header)).toBeUndefined();
    }
    expect(await sessions.verify(`a=b; ${cookie}; c=d`)).toBeDefined();
  });
});

describe('connection tokens', () => {
  it("[AUTH-13] an administrator's may look at every channel of the org, and publish by no capability", async () => {
    const { clock, sessions } = create({ user: 'root', org: 'ops', roles: ['admin', 'operator'] });
    const cookie = cookieOf(await sessions.signIn(sessions.createLinkCode(), ADDRESS));
    const { token } = await sessions.issueToken(cookie);
    const authenticator = createTokenAuthenticator(
      { clock, logger: silentLogger, internalIssuers: [sessions.issuer] },
      {},
    );
    const { principal } = await authenticator.authenticate(credentials(token));
    expect(principal.caps).toEqual([{ channels: ['*'], match: 'wildcard', allow: ['sub', 'prs', 'hst'] }]);
  });

  it('[AUTH-13] a session gets tokens that the authenticator of this process accepts', async () => {
    const { clock, sessions } = create({ user: 'root', org: 'ops', roles: ['operator'] });
    const cookie = cookieOf(await sessions.signIn(sessions.createLinkCode(), ADDRESS));
    const { token, expiresAtMs } = await sessions.issueToken(cookie);
    const options = { keys: [{ secret: SECRET }], issuers: ['https://id.example'], audiences: ['trunkline'] };
    const authenticator = createTokenAuthenticator(
      { clock, logger: silentLogger, internalIssuers: [sessions.issuer] },
      options,
    );
    const { principal } = await authenticator.authenticate(credentials(token));
    expect(principal).toEqual({
      user: 'root',
      org: 'ops',
      roles: ['operator'],
      groups: [],
      caps: [],
      channels: [],
      session: (await sessions.verify(cookie))?.session,
      expiresAtMs,
    });
    expect(expiresAtMs - clock.now()).toBeLessThanOrEqual(600_000);
    await clock.advance(600_000);
    expect((await refusal(() => authenticator.authenticate(credentials(token)))).code).toBe(109);
    const next = await sessions.issueToken(cookie);
    expect((await authenticator.refresh(next.token, principal)).user).toBe('root');
  });

  it('[AUTH-13] a token counts while its session lives, and for the org and user of the session', async () => {
    const ended: unknown[] = [];
    const clock = new FakeClock();
    const sessions = createConsoleSessions(
      { clock, logger: silentLogger, onEnd: (session) => ended.push(session) },
      {},
    );
    const authenticator = createTokenAuthenticator(
      { clock, logger: silentLogger, internalIssuers: [sessions.issuer] },
      {},
    );
    const cookie = cookieOf(await sessions.signIn(sessions.createLinkCode(), ADDRESS));
    const { token } = await sessions.issueToken(cookie);
    const { principal } = await authenticator.authenticate(credentials(token));
    const id = principal.session;
    expect(id).toBeDefined();
    const claims = { sub: 'console', org: 'default', roles: ['admin', 'operator'], sid: id };
    const own = (more: object): Promise<string> =>
      sign({ ...claims, iss: CONSOLE_ISSUER, ...more }, sessions.issuer.secret);
    expect((await authenticator.authenticate(credentials(await own({})))).principal.session).toBe(id);
    for (const wrong of [
      { sid: undefined },
      { sid: 7 },
      { sid: 'mem_0123456789abcdef' },
      { org: 'other' },
      { sub: 'eve' },
      { roles: ['admin'] },
      { groups: ['g'] },
    ])
      expect(
        (await refusal(async () => authenticator.authenticate(credentials(await own(wrong))))).code,
      ).toBe(109);
    await sessions.signOut(cookie);
    expect(ended).toEqual([{ id, user: 'console', org: 'default' }]);
    expect(await refusal(() => authenticator.authenticate(credentials(token)))).toEqual({
      code: 109,
      message: 'token expired: the session is over',
    });
    expect((await refusal(() => authenticator.refresh(token, principal))).code).toBe(109);
  });

  it('[AUTH-13] rights of the store count, not those that were signed; while nobody can say, what was signed', async () => {
    const clock = new FakeClock();
    let answer: Awaited<ReturnType<ConsoleAccounts['confirm']>>;
    const grant = { user: 'ada', org: 'acme', roles: ['viewer', 'admin'], groups: ['a', 'b'] } as const;
    const memory = createMemoryAccounts(
      { clock },
      { identity: grant, sessionTtlMs: 60_000, maxSessions: 10 },
    );
    const accounts: ConsoleAccounts = { ...memory, confirm: async () => answer };
    const keys = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;
    const open = (secrets: readonly Uint8Array[]) =>
      createConsoleSessions({ clock, logger: silentLogger, accounts, secrets });
    const [sessions, other] = [open(keys), open([...keys].reverse())];
    const authenticator = createTokenAuthenticator(
      { clock, logger: silentLogger, internalIssuers: [sessions.issuer] },
      {},
    );
    const cookie = cookieOf(await other.signInAs('ada', ADDRESS));
    // Signed by a node whose first key is another one.
    const { token } = await other.issueToken(cookie);
    const outcome = (): Promise<number | string> =>
      authenticator.authenticate(credentials(token)).then(
        ({ principal }) => principal.user,
        (error: CodedError) => error.code,
      );
    answer = { ...grant, roles: ['admin', 'viewer'], groups: ['b', 'a'] };
    expect(await outcome()).toBe('ada');
    answer = 'unknown';
    expect(await outcome()).toBe('ada');
    answer = { ...grant, roles: ['viewer'] };
    expect(await outcome()).toBe(109);
    answer = { ...grant, groups: [] };
    expect(await outcome()).toBe(109);
    answer = undefined;
    expect(await outcome()).toBe(109);
  });

  it('[AUTH-13] never beyond the session, never without one', async () => {
    const { clock, sessions } = create({ sessionTtlMs: 700_000 });
    const cookie = cookieOf(await sessions.signIn(sessions.createLinkCode(), ADDRESS));
    await clock.advance(600_000);
    const { expiresAtMs } = await sessions.issueToken(cookie);
    expect(expiresAtMs - clock.now()).toBeLessThanOrEqual(100_000);
    await sessions.signOut(cookie);
    expect((await refusal(() => sessions.issueToken(cookie))).code).toBe(101);
    expect((await refusal(() => sessions.issueToken(undefined))).code).toBe(101);
  });

  it('[AUTH-13] the console issuer and the outside do not vouch for each other', async () => {
    const { clock, sessions } = create();
    const options = { keys: [{ secret: SECRET }] };
    const authenticator = createTokenAuthenticator(
      { clock, logger: silentLogger, internalIssuers: [sessions.issuer] },
      options,
    );
    const claims = { sub: 'console', org: 'default', roles: ['operator'] };
    const posing = await sign({ ...claims, iss: CONSOLE_ISSUER });
    expect((await refusal(() => authenticator.authenticate(credentials(posing)))).code).toBe(109);
    const straying = await sign({ ...claims, iss: 'elsewhere' }, sessions.issuer.secret);
    expect((await refusal(() => authenticator.authenticate(credentials(straying)))).code).toBe(101);
    const longer = await sign({ ...claims, iss: CONSOLE_ISSUER }, sessions.issuer.secret, { alg: 'HS512' });
    expect((await refusal(() => authenticator.authenticate(credentials(longer)))).code).toBe(109);
    const foreign = create().sessions;
    const other = await foreign.issueToken(cookieOf(await foreign.signIn(foreign.createLinkCode(), ADDRESS)));
    expect((await refusal(() => authenticator.authenticate(credentials(other.token)))).code).toBe(109);
  });

  it('[AUTH-13] bad options are refused by name', () => {
    expect(() => create({ org: 'not an org' })).toThrow(/org/);
    expect(() => create({ maxSessions: 0 })).toThrow(/maxSessions/);
  });
});
