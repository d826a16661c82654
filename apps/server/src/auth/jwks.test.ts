import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenAuthenticator } from './authenticator.js';
import type { TokenAuthenticatorOptions } from './options.js';
import { credentials, makePair, refusal, sign, type KeyPair } from './testing.js';

const one = makePair('p256');
const two = makePair('rsa');
const three = makePair('ed25519');
const claims = { sub: 'u', org: 'acme' };

let server: Server;
let url: string;
let requests: number;
let respond: (response: ServerResponse) => void;
const clock = new FakeClock();

beforeEach(async () => {
  requests = 0;
  server = createServer((request, response) => {
    requests++;
    // A good set at another place, for redirects.
    if (request.url === '/elsewhere') response.end(JSON.stringify({ keys: [one.publicJwk] }));
    else respond(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const serve = (...keys: unknown[]): void => {
  respond = (response) => response.end(JSON.stringify({ keys }));
};
const jwk = (pair: KeyPair, more: object): object => ({ ...pair.publicJwk, ...more });

function create(options: Partial<TokenAuthenticatorOptions> = {}): (token: string) => Promise<string> {
  const authenticator = createTokenAuthenticator(
    { clock, logger: silentLogger },
    { jwksUrl: url, ...options },
  );
  return async (token) => (await authenticator.authenticate(credentials(token))).principal.user;
}

describe('key sets', () => {
  it('[AUTH-9] are fetched when first needed, once for all who wait, then kept', async () => {
    serve(jwk(one, { kid: 'one', use: 'sig' }));
    const authenticate = create();
    expect(requests).toBe(0);
    const token = await sign(claims, one.privateKey, { alg: 'ES256', kid: 'one' });
    expect(await Promise.all([authenticate(token), authenticate(token), authenticate(token)])).toEqual([
      'u',
      'u',
      'u',
    ]);
    expect(await authenticate(token)).toBe('u');
    expect(requests).toBe(1);
  });

  it('[AUTH-9] rotation: an unknown key id fetches again, not more often than the interval', async () => {
    serve(jwk(one, { kid: 'one' }));
    const authenticate = create({ jwksMinRefreshMs: 10_000 });
    const [old, fresh] = [
      await sign(claims, one.privateKey, { alg: 'ES256', kid: 'one' }),
      await sign(claims, two.privateKey, { alg: 'RS256', kid: 'two' }),
    ];
    await authenticate(old);
    serve(jwk(two, { kid: 'two', alg: 'RS256' }));
    for (let attempt = 0; attempt < 5; attempt++)
      expect((await refusal(() => authenticate(fresh))).code).toBe(101);
    expect(requests).toBe(1);
    await clock.advance(10_000);
    expect(await authenticate(fresh)).toBe('u');
    expect(requests).toBe(2);
    expect((await refusal(() => authenticate(old))).message).toContain('token signature');
    expect(requests).toBe(2);
  });

  it('[AUTH-9] a key taken out of the set ends with the cache', async () => {
    serve(jwk(one, { kid: 'one' }));
    const authenticate = create({ jwksCacheTtlMs: 60_000 });
    const token = await sign(claims, one.privateKey, { alg: 'ES256', kid: 'one' });
    await authenticate(token);
    serve();
    await clock.advance(60_000);
    expect(await authenticate(token)).toBe('u');
    await clock.advance(1);
    expect((await refusal(() => authenticate(token))).code).toBe(101);
  });

  it('[AUTH-9] a set that cannot be fetched is a temporary error; a known one is used on for a while', async () => {
    const broken = (response: ServerResponse): void => void response.writeHead(500).end();
    respond = broken;
    const authenticate = create({ jwksCacheTtlMs: 60_000, jwksMaxStaleMs: 60_000, jwksMinRefreshMs: 1_000 });
    const token = await sign(claims, one.privateKey, { alg: 'ES256' });
    expect((await refusal(() => authenticate(token))).code).toBe(1000);
    serve(jwk(one, {}));
    await clock.advance(1_000);
    expect(await authenticate(token)).toBe('u');
    respond = broken;
    await clock.advance(119_000);
    expect(await authenticate(token)).toBe('u');
    await clock.advance(1_001);
    expect((await refusal(() => authenticate(token))).code).toBe(1000);
  });

  it('[AUTH-9] a source that does not answer is given up, one that answers too much or with a redirect refused', async () => {
    let asked: () => void = () => undefined;
    const pending = new Promise<void>((resolve) => (asked = resolve));
    respond = () => asked();
    const authenticate = create({ jwksTimeoutMs: 500, jwksMinRefreshMs: 1_000, jwksMaxBytes: 10_000 });
    const token = await sign(claims, one.privateKey, { alg: 'ES256' });
    const outcome = refusal(() => authenticate(token));
    await pending;
    await clock.advance(500);
    expect((await outcome).code).toBe(1000);
    for (const answer of [
      (response: ServerResponse) =>
        void response.end(JSON.stringify({ keys: [jwk(one, { x5c: 'x'.repeat(20_000) })] })),
      (response: ServerResponse) => void response.writeHead(302, { location: '/elsewhere' }).end(),
      (response: ServerResponse) => void response.end('[]'),
      (response: ServerResponse) => void response.end('no json'),
    ]) {
      respond = answer;
      await clock.advance(1_000);
      expect((await refusal(() => authenticate(token))).code).toBe(1000);
    }
  });

  it('[AUTH-9] keys for other purposes, kinds and algorithms are not used', async () => {
    serve(
      jwk(one, { kid: 'enc', use: 'enc' }),
      { kty: 'oct', k: Buffer.from('a-symmetric-key-in-a-public-place').toString('base64url'), kid: 'oct' },
      jwk(two, { kid: 'rs512', alg: 'RS512' }),
      'nonsense',
      jwk(three, { kid: 'good' }),
    );
    const authenticate = create();
    expect(await authenticate(await sign(claims, three.privateKey, { alg: 'EdDSA', kid: 'good' }))).toBe('u');
    for (const token of [
      await sign(claims, one.privateKey, { alg: 'ES256', kid: 'enc' }),
      await sign(claims, 'a-symmetric-key-in-a-public-place', { alg: 'HS256', kid: 'oct' }),
      await sign(claims, two.privateKey, { alg: 'RS256', kid: 'rs512' }),
    ]) {
      expect((await refusal(() => authenticate(token))).code).toBe(101);
    }
    expect(requests).toBe(1);
  });

  it('[AUTH-9] configured keys come first and need no fetch; channel tokens may have a set of their own', async () => {
    serve(jwk(one, { kid: 'one' }));
    const options = { keys: [{ publicKey: three.publicPem }], jwksUrl: '', channelJwksUrl: url };
    const authenticator = createTokenAuthenticator({ clock, logger: silentLogger }, options);
    const { principal } = await authenticator.authenticate(
      credentials(await sign(claims, three.privateKey, { alg: 'EdDSA' })),
    );
    expect(requests).toBe(0);
    const token = await sign({ ...claims, channel: 'c' }, one.privateKey, { alg: 'ES256', kid: 'one' });
    expect(await authenticator.verifyChannelToken(token, principal)).toMatchObject({ channel: 'c' });
    expect(requests).toBe(1);
  });
});
