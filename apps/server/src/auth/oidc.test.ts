import { describe, expect, it } from 'vitest';
import { mergeClaims, toIdentity } from './oidc.js';

const RULES = {
  claims: {
    user: 'sub',
    email: 'email',
    name: 'name',
    groups: 'groups',
    orgs: 'orgs',
    roles: 'roles',
  },
  grants: [],
  operators: ['chiefs'],
};
const EVE = { iss: 'https://id.example', sub: 'eve' };

describe('what claims mean', () => {
  it.each([
    [{ email: 'a@x', email_verified: true }, {}, 'a@x'],
    [{}, { email: 'a@x', email_verified: true }, 'a@x'],
    [{ email: 'a@x' }, { email: 'a@x', email_verified: true }, 'a@x'],
    [{ email: 'a@x' }, { email: 'b@x', email_verified: true }, undefined],
    [{ email: 'a@x' }, { email_verified: true }, undefined],
    [{ email_verified: true }, { email: 'b@x' }, undefined],
    [{ email_verified: true }, { email: 'b@x', email_verified: false }, undefined],
    [{ email: 'a@x', email_verified: false }, { email: 'a@x', email_verified: true }, undefined],
  ])('[DIR-12] of %j and %j the address that counts is %s', (claims, more, email) => {
    expect(toIdentity(mergeClaims({ ...EVE, ...claims }, more), RULES).email).toBe(email);
  });

  it.each(['a@\u0000x', '\ud800@x', 'a b@x', `${'a'.repeat(254)}@x`, 'a\u200b@x', 'a@x ', 'none'])(
    '[DIR-12] %j is no address',
    (email) => {
      expect(toIdentity({ ...EVE, email, email_verified: true }, RULES)).not.toHaveProperty('email');
    },
  );

  it('[DIR-13] roles of an org are the three, and an operator is one by group alone', () => {
    const claims = { ...EVE, orgs: ['acme', '*', '../x', 7], roles: ['operator', 'admin', 'root'] };
    expect(toIdentity(claims, RULES)).toMatchObject({
      grants: [{ org: 'acme', roles: ['admin'] }],
      operator: false,
    });
    expect(toIdentity({ ...claims, groups: 'chiefs' }, RULES).operator).toBe(true);
  });
});
