import fc from 'fast-check';
import { CodedError } from '@trunkline/protocol';
import { describe, expect, it } from 'vitest';
import { toPrincipal } from './claims.js';
import { refusal } from './testing.js';

const rules = { defaultOrg: '' };
const base = { sub: 'u', org: 'acme' };

describe('claims', () => {
  it('[AUTH-8] every claim reaches the principal', () => {
    const claims = {
      ...base,
      orgs: ['acme', 'other'],
      roles: ['member', 'operator'],
      groups: ['eng'],
      info: { name: 'Ü' },
      caps: [
        { channels: ['news:*'], match: 'wildcard', allow: ['sub', 'hst'] },
        { channels: ['chat'], allow: ['pub', 'prs', 'rpc'] },
      ],
      channels: ['personal:u'],
      exp: 1_700_000_000,
      jti: 'x',
      unknown: true,
    };
    expect(toPrincipal(claims, rules)).toEqual({
      user: 'u',
      org: 'acme',
      roles: ['member', 'operator'],
      groups: ['eng'],
      caps: [
        { channels: ['news:*'], match: 'wildcard', allow: ['sub', 'hst'] },
        { channels: ['chat'], match: 'exact', allow: ['pub', 'prs', 'rpc'] },
      ],
      info: '{"name":"Ü"}',
      channels: ['personal:u'],
      expiresAtMs: 1_700_000_000_000,
    });
  });

  it('[AUTH-8] what is absent is empty', () => {
    expect(toPrincipal({ org: 'acme' }, rules)).toEqual({
      user: '',
      org: 'acme',
      roles: [],
      groups: [],
      caps: [],
      channels: [],
    });
  });

  it.each([
    [{ sub: 7 }, 'claim sub is no user id'],
    [{ sub: 'a\nb' }, 'claim sub is no user id'],
    [{ sub: 'u'.repeat(256) }, 'claim sub is no user id'],
    [{ org: 'a b' }, 'claim org is no org id'],
    [{ org: '' }, 'claim org is no org id'],
    [{ org: null }, 'claim org is no org id'],
    [{ orgs: 'acme' }, 'claim orgs is no list'],
    [{ orgs: ['acme', 'a\u0000b'] }, 'claim orgs[1] is no org id'],
    [{ orgs: ['other'] }, 'claim org is not among orgs'],
    [{ orgs: [] }, 'claim org is not among orgs'],
    [{ org: undefined, orgs: ['acme'] }, 'claim org is missing'],
    [{ roles: ['member', 'root'] }, 'claim roles[1] is no role'],
    [{ roles: 'admin' }, 'claim roles is no list'],
    [{ groups: [1] }, 'claim groups[0] is no name'],
    [{ channels: ['ok', ''] }, 'claim channels[1] is no channel name'],
    [{ jti: 1 }, 'claim jti is no text'],
    [{ exp: 1e308 }, 'claim exp is no time'],
    [{ caps: {} }, 'claim caps is no list'],
    [{ caps: ['*'] }, 'claim caps[0] is no object'],
    [{ caps: [{ allow: ['sub'] }] }, 'claim caps[0].channels is missing'],
    [{ caps: [{ channels: ['a'] }] }, 'claim caps[0].allow is missing'],
    [{ caps: [{ channels: 'a', allow: ['sub'] }] }, 'claim caps[0].channels is no list'],
    [{ caps: [{ channels: ['a'], allow: ['sub', 'all'] }] }, 'claim caps[0].allow[1] is no right'],
    [
      {
        caps: [
          { channels: ['a'], allow: ['sub'] },
          { channels: [1], allow: [] },
        ],
      },
      'claim caps[1].channels[0] is no channel name',
    ],
    [
      { caps: [{ channels: ['a'], allow: ['sub'], match: 'regex' }] },
      'claim caps[0].match must be wildcard, or left out',
    ],
  ])('[AUTH-8] %j is refused by name', async (part, message) => {
    expect(await refusal(() => toPrincipal({ ...base, ...part }, rules))).toEqual({
      code: 101,
      message: `unauthorized: ${message}`,
    });
  });

  it('[AUTH-4] a default org must be among the orgs a token names', async () => {
    expect(toPrincipal({ orgs: ['dev', 'x'] }, { defaultOrg: 'dev' }).org).toBe('dev');
    expect((await refusal(() => toPrincipal({ orgs: ['x'] }, { defaultOrg: 'dev' }))).message).toContain(
      'claim org is missing',
    );
  });

  it('[AUTH-8] whatever the claims hold, the outcome is a principal of a valid org or a 101', () => {
    const names = fc.constantFrom(
      'sub',
      'org',
      'orgs',
      'roles',
      'groups',
      'info',
      'caps',
      'channels',
      'exp',
      'jti',
      'channel',
    );
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), (claims) => {
        try {
          const { org, user } = toPrincipal(claims, rules);
          expect(org).toBe(claims['org']);
          expect(typeof user).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
          expect((error as CodedError).code).toBe(101);
        }
      }),
      { numRuns: 500 },
    );
  });
});
