import { silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { createTokenAuthenticator } from './authenticator.js';
import type { TokenKeyOptions } from './keys.js';
import { mintToken, type SigningKey, type TokenClaims } from './mint.js';
import { credentials, makePair, principal, refusal, SECRET } from './testing.js';

const clock = new FakeClock();
const now = Math.floor(clock.now() / 1_000);
const rsa = makePair('rsa');
const p256 = makePair('p256');
const p384 = makePair('p384');
const ed = makePair('ed25519');
const hmac: SigningKey = { algorithm: 'HS256', secret: SECRET };

describe('minting', () => {
  it.each<[SigningKey, TokenKeyOptions]>([
    [hmac, { secret: SECRET }],
    [
      { algorithm: 'HS512', secret: SECRET, kid: 'k' },
      { secret: SECRET, kid: 'k' },
    ],
    [{ algorithm: 'RS256', privateKey: rsa.privatePem }, { publicKey: rsa.publicPem }],
    [{ algorithm: 'ES256', privateKey: p256.privateKey }, { publicKey: p256.publicPem }],
    [
      { algorithm: 'ES384', privateKey: JSON.stringify(p384.privateKey.export({ format: 'jwk' })) },
      { publicKey: p384.publicPem },
    ],
    [{ algorithm: 'EdDSA', privateKey: ed.privatePem }, { publicKey: ed.publicPem }],
  ])('[AUTH-10] what is minted is accepted (%#)', async (key, verify) => {
    const token = await mintToken(
      { clock, key, issuer: 'i', audience: 'a' },
      { sub: 'u', org: 'acme', roles: ['admin'] },
      60,
    );
    const authenticator = createTokenAuthenticator(
      { clock, logger: silentLogger },
      { keys: [verify], issuers: ['i'], audiences: ['a'] },
    );
    const { principal: got } = await authenticator.authenticate(credentials(token));
    expect(got).toEqual(principal({ roles: ['admin'], expiresAtMs: (now + 60) * 1_000 }));
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: key.algorithm, typ: 'JWT' });
  });

  it('[AUTH-10] channel tokens, tokens without end, tokens for a later time', async () => {
    const authenticator = createTokenAuthenticator(
      { clock, logger: silentLogger },
      { keys: [{ secret: SECRET }] },
    );
    const grant = await mintToken(
      { clock, key: hmac },
      { sub: 'u', org: 'acme', channel: 'c', info: 1 },
      Infinity,
    );
    expect(await authenticator.verifyChannelToken(grant, principal())).toEqual({
      channel: 'c',
      user: 'u',
      info: '1',
    });
    const later = await mintToken({ clock, key: hmac }, { sub: 'u', org: 'acme', nbf: now + 5 }, 60);
    expect((await refusal(() => authenticator.authenticate(credentials(later)))).message).toContain('nbf');
    expect(decodeJwt(later).iat).toBe(now);
  });

  it('[AUTH-10] what no server would accept is not minted', async () => {
    const mint = (claims: TokenClaims, ttl = 60, key: SigningKey = hmac): Promise<string> =>
      mintToken({ clock, key }, claims, ttl);
    expect((await refusal(() => mint({ roles: ['root'] }))).message).toContain('claim roles[0]');
    expect((await refusal(() => mint({ org: 'a b' }))).message).toContain('claim org');
    expect((await refusal(() => mint({ channel: '' }))).message).toContain('claim channel');
    await expect(mint({}, 0)).rejects.toThrow(/ttlSeconds/);
    await expect(mint({}, NaN)).rejects.toThrow(/ttlSeconds/);
    await expect(mint({}, 1, { algorithm: 'HS256', secret: 'short' })).rejects.toThrow(/32 bytes/);
    await expect(mint({}, 1, { algorithm: 'RS256', privateKey: 'nonsense' })).rejects.toThrow(/privateKey/);
  });
});
