import type { OpenRequest, Principal } from '@trunkline/hub';
import { testAuthenticator, TEST_REQUEST, testPrincipal } from '@trunkline/hub/testing';
import { describe, expect, it } from 'vitest';
import { createIdentify } from './identify.js';

const SESSION = { user: 'grace', org: 'acme', roles: ['admin'], session: 's1' } as const;
const sessions = {
  verify: (cookie: string | undefined) => Promise.resolve(cookie === 'good' ? SESSION : undefined),
};
const anonymous = {
  authenticate: ({ token }: { readonly token: string }) =>
    token === ''
      ? Promise.resolve({ principal: testPrincipal({ user: '' }) })
      : testAuthenticator.authenticate({ token, name: '', version: '', request: TEST_REQUEST }),
};
const withCookie = (cookie?: string): OpenRequest => ({
  ...TEST_REQUEST,
  headers: cookie === undefined ? {} : { cookie },
});

const whoIs = async (
  deps: Parameters<typeof createIdentify>[0],
  cookie: string | undefined,
  token = '',
): Promise<string> =>
  createIdentify(deps)(withCookie(cookie), token).then(
    ({ user, session = '-' }: Principal) => `${user === '' ? 'anonymous' : user} ${session}`,
    (error: Error) => error.message,
  );

describe('who opens a connection without a connect command', () => {
  it('[KWIRE-2] a token, else the cookie, else nobody; a wrong token is not made good by a cookie', async () => {
    const deps = { authenticator: testAuthenticator, sessions };
    expect(await whoIs(deps, 'good')).toBe('grace s1');
    expect(await whoIs(deps, 'good', '{"user":"bob"}')).toBe('bob -');
    expect(await whoIs(deps, 'good', 'expired')).toMatch(/expired/);
    expect(await whoIs(deps, 'stale')).toMatch(/unauthorized/);
    expect(await whoIs(deps, undefined)).toMatch(/unauthorized/);
    expect(await whoIs({ authenticator: testAuthenticator }, 'good')).toMatch(/unauthorized/);
  });

  it('[KWIRE-2] anonymous users come in where the server knows them', async () => {
    const deps = { authenticator: anonymous, sessions };
    expect(await whoIs(deps, undefined)).toBe('anonymous -');
    expect(await whoIs(deps, 'good')).toBe('grace s1');
  });
});
