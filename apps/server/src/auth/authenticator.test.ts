import { createHmac } from 'node:crypto';
import { silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import type { Authenticator, Principal } from '@trunkline/hub';
import { describe, expect, it } from 'vitest';
import { createTokenAuthenticator } from './authenticator.js';
import type { TokenAuthenticatorOptions } from './options.js';
import { credentials, forge, makePair, OTHER_SECRET, principal, refusal, SECRET, sign } from './testing.js';

const rsa = makePair('rsa');
const p256 = makePair('p256');
const p384 = makePair('p384');
const ed = makePair('ed25519');
const otherRsa = makePair('rsa');

const clock = new FakeClock();
const now = Math.floor(clock.now() / 1_000);

function create(options: Partial<TokenAuthenticatorOptions> = {}): Authenticator {
  return createTokenAuthenticator(
    { clock, logger: silentLogger },
    { keys: [{ secret: SECRET }], ...options },
  );
}

async function authenticate(
  token: string,
  options: Partial<TokenAuthenticatorOptions> = {},
): Promise<Principal> {
  return (await create(options).authenticate(credentials(token))).principal;
}

const claims = { sub: 'u', org: 'acme' };

describe('algorithms', () => {
  it.each(['HS256', 'HS384', 'HS512'])('[AUTH-1] %s', async (alg) => {
    expect(await authenticate(await sign(claims, SECRET, { alg }))).toMatchObject({ user: 'u', org: 'acme' });
  });

  it.each([
    ['RS256', rsa],
    ['RS384', rsa],
    ['RS512', rsa],
    ['ES256', p256],
    ['ES384', p384],
    ['EdDSA', ed],
  ] as const)('[AUTH-1] %s, key as PEM, JWK and JWK text', async (alg, pair) => {
    const token = await sign(claims, pair.privateKey, { alg });
    for (const publicKey of [pair.publicPem, pair.publicJwk, JSON.stringify(pair.publicJwk)]) {
      expect(await authenticate(token, { keys: [{ publicKey }] })).toMatchObject({ user: 'u' });
    }
  });

  it('[AUTH-1] several keys: by id where the token names one, else whichever fits', async () => {
    const keys = [
      { secret: OTHER_SECRET, kid: 'old' },
      { secret: SECRET, kid: 'new' },
      { publicKey: ed.publicPem },
    ];
    expect((await authenticate(await sign(claims, SECRET), { keys })).user).toBe('u');
    expect(
      (await authenticate(await sign(claims, SECRET, { alg: 'HS256', kid: 'new' }), { keys })).user,
    ).toBe('u');
    expect(
      (await authenticate(await sign(claims, ed.privateKey, { alg: 'EdDSA', kid: 'any' }), { keys })).user,
    ).toBe('u');
    const misnamed = await sign(claims, SECRET, { alg: 'HS256', kid: 'old' });
    expect(await refusal(() => authenticate(misnamed, { keys }))).toEqual({
      code: 101,
      message: 'unauthorized: token signature',
    });
  });

  it('[AUTH-1] bad keys are refused at construction, by name and without being shown', () => {
    const bad: [TokenAuthenticatorOptions['keys'][number], RegExp][] = [
      [{ secret: 'short-secret' }, /keys\[1\]\.secret must have at least 32 bytes/],
      [{ publicKey: 'nonsense' }, /keys\[1\]\.publicKey/],
      [{ publicKey: rsa.privatePem }, /keys\[1\]\.publicKey must be a public key/],
      [{ publicKey: { kty: 'oct', k: 'c2VjcmV0' } }, /keys\[1\]\.publicKey/],
      [{ publicKey: ed.publicPem, algorithms: ['RS256'] }, /keys\[1\]\.algorithms must be among EdDSA/],
    ];
    for (const [key, message] of bad) {
      expect(() => create({ keys: [{ secret: SECRET }, key] })).toThrow(message);
      expect(() => create({ keys: [{ secret: SECRET }, key] })).not.toThrow(/short-secret|nonsense|BEGIN/);
    }
    expect(() => create({ allowAnonymous: true })).toThrow(/defaultOrg/);
    expect(() => create({ defaultOrg: 'not an org' })).toThrow(/defaultOrg/);
    expect(() => create({ jwksUrl: 'file:///etc/passwd' })).toThrow(/jwksUrl/);
  });
});

describe('forgeries', () => {
  const refused = async (
    token: string,
    options: Partial<TokenAuthenticatorOptions> = {},
  ): Promise<string> => {
    const { code, message } = await refusal(() => authenticate(token, options));
    expect(code).toBe(101);
    return message;
  };

  it('[AUTH-2] a wrong key', async () => {
    expect(await refused(await sign(claims, OTHER_SECRET))).toContain('token signature');
    const keys = [{ publicKey: rsa.publicPem }];
    expect(await refused(await sign(claims, otherRsa.privateKey, { alg: 'RS256' }), { keys })).toContain(
      'token signature',
    );
  });

  it('[AUTH-2] a public key used as HMAC secret', async () => {
    const keys = [{ publicKey: rsa.publicPem }, { secret: SECRET }];
    const body = forge({ alg: 'HS256' }, claims).slice(0, -1);
    for (const secret of [rsa.publicPem, rsa.publicPem.trim(), JSON.stringify(rsa.publicJwk)]) {
      const token = `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
      expect(await refused(token, { keys })).toContain('token signature');
      expect(await refused(token, { keys: keys.slice(0, 1) })).toContain('token signature');
    }
  });

  it('[AUTH-2] no signature, whatever `none` is spelled like', async () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await refused(forge({ alg }, claims))).toContain('token algorithm');
    }
    expect(await refused(forge({ alg: 'HS256' }, claims))).toContain('unauthorized');
    expect(await refused(forge({}, claims))).toContain('unauthorized');
  });

  it('[AUTH-2] a changed payload or header', async () => {
    const [header, , signature] = (await sign(claims)).split('.');
    const payload = Buffer.from(JSON.stringify({ ...claims, org: 'other' })).toString('base64url');
    expect(await refused(`${header}.${payload}.${signature}`)).toContain('token signature');
    const token = await sign(claims, ed.privateKey, { alg: 'EdDSA' });
    const swapped = [Buffer.from('{"alg":"ES256"}').toString('base64url'), ...token.split('.').slice(1)].join(
      '.',
    );
    expect(
      await refused(swapped, { keys: [{ publicKey: ed.publicPem }, { publicKey: p256.publicPem }] }),
    ).toContain('unauthorized');
  });

  it('[AUTH-2] an algorithm the key was not given for', async () => {
    const keys = [{ secret: SECRET, algorithms: ['HS512'] as const }];
    expect(await refused(await sign(claims, SECRET, { alg: 'HS256' }), { keys })).toContain(
      'token signature',
    );
    const pss = await sign(claims, rsa.privateKey, { alg: 'PS256' });
    expect(await refused(pss, { keys: [{ publicKey: rsa.publicPem }] })).toContain('token algorithm');
  });

  it('[AUTH-2] a key that the token brings itself is not looked at', async () => {
    const header = { alg: 'EdDSA', jwk: ed.publicJwk, jku: 'http://127.0.0.1:1/keys' };
    const token = await sign(claims, ed.privateKey, header);
    expect(await refused(token, { keys: [{ publicKey: rsa.publicPem }] })).toContain('token signature');
  });

  it('[AUTH-2] text that is no token, or too long', async () => {
    for (const token of ['x', 'a.b.c', '..', '\u0000', `${'A'.repeat(100)}.${'B'.repeat(100)}`]) {
      expect(await refused(token)).toContain('unauthorized');
    }
    expect(await refused(await sign({ ...claims, info: 'x'.repeat(20_000) }))).toContain('longer than 16384');
  });
});

describe('times, issuer, audience', () => {
  it('[AUTH-3] an expired token is 109, and its end is told of a good one', async () => {
    expect(await refusal(async () => authenticate(await sign({ ...claims, exp: now })))).toEqual({
      code: 109,
      message: 'token expired',
    });
    expect((await authenticate(await sign({ ...claims, exp: now + 60 }))).expiresAtMs).toBe(
      (now + 60) * 1_000,
    );
    expect(await authenticate(await sign(claims))).not.toHaveProperty('expiresAtMs');
  });

  it('[AUTH-3] an expired token with a wrong signature is just wrong', async () => {
    expect(
      (await refusal(async () => authenticate(await sign({ ...claims, exp: now - 9 }, OTHER_SECRET)))).code,
    ).toBe(101);
  });

  it('[AUTH-3] not before', async () => {
    const early = await sign({ ...claims, nbf: now + 60 });
    expect((await refusal(() => authenticate(early))).message).toBe('unauthorized: claim nbf is not reached');
    expect((await authenticate(await sign({ ...claims, nbf: now - 1 }))).user).toBe('u');
  });

  it('[AUTH-3] clocks may differ by the tolerance, not more', async () => {
    const options = { clockToleranceSeconds: 30 };
    expect((await authenticate(await sign({ ...claims, exp: now - 29, nbf: now + 29 }), options)).user).toBe(
      'u',
    );
    expect(
      (await refusal(async () => authenticate(await sign({ ...claims, exp: now - 31 }), options))).code,
    ).toBe(109);
  });

  it('[AUTH-3] issuer and audience, where configured', async () => {
    const options = { issuers: ['https://id.example', 'b'], audiences: ['trunkline'] };
    const good = { ...claims, iss: 'https://id.example', aud: ['x', 'trunkline'] };
    expect((await authenticate(await sign(good), options)).user).toBe('u');
    for (const [wrong, claim] of [
      [{ ...good, iss: 'https://evil.example' }, 'claim iss does not fit'],
      [{ ...good, aud: 'x' }, 'claim aud does not fit'],
      [{ ...claims, aud: 'trunkline' }, 'claim iss is missing'],
      [{ ...claims, iss: 'b' }, 'claim aud is missing'],
    ] as const) {
      expect(await refusal(async () => authenticate(await sign(wrong), options))).toEqual({
        code: 101,
        message: `unauthorized: ${claim}`,
      });
    }
  });

  it('[AUTH-3] times of the wrong shape are refused by name', async () => {
    for (const name of ['exp', 'nbf', 'iat']) {
      const token = await sign({ ...claims, [name]: 'soon' });
      expect(await refusal(() => authenticate(token))).toMatchObject({
        code: 101,
        message: expect.stringContaining(`claim ${name}`),
      });
    }
  });
});

describe('anonymous and default org', () => {
  it('[AUTH-5] no token is refused unless anonymous clients are configured', async () => {
    expect(await refusal(() => authenticate(''))).toEqual({
      code: 101,
      message: 'unauthorized: token is missing',
    });
    expect(await authenticate('', { allowAnonymous: true, defaultOrg: 'dev' })).toEqual(
      principal({ user: '', org: 'dev' }),
    );
  });

  it('[AUTH-4] a token without org takes the default org or none', async () => {
    const token = await sign({ sub: 'u' });
    expect(await refusal(() => authenticate(token))).toEqual({
      code: 101,
      message: 'unauthorized: claim org is missing',
    });
    expect((await authenticate(token, { defaultOrg: 'dev' })).org).toBe('dev');
    expect((await authenticate(await sign(claims), { defaultOrg: 'dev' })).org).toBe('acme');
  });
});

describe('refresh', () => {
  it('[AUTH-6] takes what the new token says, for the same user and org', async () => {
    const authenticator = create();
    const next = await authenticator.refresh(
      await sign({ ...claims, roles: ['admin'], exp: now + 5 }),
      principal(),
    );
    expect(next).toEqual(principal({ roles: ['admin'], expiresAtMs: (now + 5) * 1_000 }));
  });

  it('[AUTH-6] another user, another org, no token, an old token', async () => {
    const authenticator = create({ allowAnonymous: true, defaultOrg: 'acme' });
    const attempt = async (token: string, current = principal()): Promise<unknown> =>
      refusal(() => authenticator.refresh(token, current));
    expect(await attempt(await sign({ ...claims, sub: 'v' }))).toEqual({
      code: 101,
      message: 'unauthorized: claim sub is another user',
    });
    expect(await attempt(await sign({ ...claims, org: 'other' }))).toEqual({
      code: 101,
      message: 'unauthorized: claim org is another org',
    });
    expect(await attempt('', principal({ user: '' }))).toMatchObject({ code: 101 });
    expect(await attempt(await sign({ ...claims, exp: now - 1 }))).toMatchObject({ code: 109 });
  });
});

describe('channel tokens', () => {
  const channelClaims = { ...claims, channel: 'private:1' };
  const verify = async (
    token: string,
    who = principal(),
    options: Partial<TokenAuthenticatorOptions> = {},
  ): Promise<unknown> => create(options).verifyChannelToken(token, who);

  it('[AUTH-7] grant what they say', async () => {
    const token = await sign({ ...channelClaims, info: { role: 'host' }, exp: now + 5 });
    expect(await verify(token)).toEqual({
      channel: 'private:1',
      user: 'u',
      info: '{"role":"host"}',
      expiresAtMs: (now + 5) * 1_000,
    });
    const nobody = await sign({ org: 'acme', channel: 'c' });
    expect(await verify(nobody, principal({ user: '' }))).toEqual({ channel: 'c', user: '' });
  });

  it('[AUTH-7] speak of this user and org only', async () => {
    const message = async (payload: object, who = principal(), options = {}): Promise<string> =>
      (await refusal(async () => verify(await sign(payload as Record<string, unknown>), who, options)))
        .message;
    expect(await message({ ...channelClaims, sub: 'v' })).toContain('claim sub is another user');
    expect(await message({ org: 'acme', channel: 'c' })).toContain('claim sub is another user');
    expect(await message({ ...channelClaims, org: 'other' })).toContain('claim org is another org');
    expect(await message({ sub: 'u', channel: 'c' })).toContain('claim org is missing');
    expect(await message({ sub: 'u', channel: 'c' }, principal(), { defaultOrg: 'dev' })).toContain(
      'claim org is another org',
    );
    expect(await message(claims)).toContain('claim channel is missing');
    expect(await message({ ...channelClaims, channel: 7 })).toContain('claim channel is no channel name');
    expect(
      await verify(await sign({ sub: 'u', channel: 'c' }), principal({ org: 'dev' }), { defaultOrg: 'dev' }),
    ).toMatchObject({ channel: 'c' });
  });

  it('[AUTH-7] expire with 109, and are nothing without a signature', async () => {
    expect((await refusal(async () => verify(await sign({ ...channelClaims, exp: now - 1 })))).code).toBe(
      109,
    );
    expect((await refusal(async () => verify(await sign(channelClaims, OTHER_SECRET)))).code).toBe(101);
    expect((await refusal(() => verify(''))).code).toBe(101);
  });

  it('[AUTH-7] may have keys of their own, which open nothing else', async () => {
    const options = { channelKeys: [{ secret: OTHER_SECRET }] };
    expect(await verify(await sign(channelClaims, OTHER_SECRET), principal(), options)).toMatchObject({
      channel: 'private:1',
    });
    expect((await refusal(async () => verify(await sign(channelClaims), principal(), options))).code).toBe(
      101,
    );
    expect((await refusal(async () => authenticate(await sign(claims, OTHER_SECRET), options))).code).toBe(
      101,
    );
  });

  it('[AUTH-7] are no connection tokens', async () => {
    const token = await sign(channelClaims);
    expect((await refusal(() => authenticate(token))).message).toBe(
      'unauthorized: claim channel belongs to channel tokens',
    );
  });
});
