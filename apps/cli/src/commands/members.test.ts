// `member`, `group` and `invite`: who belongs to an org.
import { describe, expect, test } from 'vitest';
import { records, refusal, setUp } from './directory-testing.js';

describe('member', () => {
  const answers = {
    members: () => ({ members: [records.member('ann', { roles: ['admin'] }), records.member('annabel')] }),
    setMember: ({ user, roles }: Readonly<Record<string, unknown>>) => ({
      member: { ...records.member(String(user)), roles },
    }),
    removeMember: () => ({}),
  };

  test('[CLI-36] list, add, role and remove', async () => {
    const { io, run, asked } = setUp(answers);
    await run('member', 'list');
    expect(io.written.out).toMatch(/ann +ann +ann@example.com +admin +directory/);
    io.written.out = '';
    await run('member', 'add', 'ben');
    await run('member', 'add', 'ben', '--role', 'admin', '--role', 'viewer');
    await run('member', 'role', 'ann', 'viewer');
    await run('member', 'remove', 'ann');
    expect(asked().slice(1)).toEqual([
      ['setMember', { user: 'ben', roles: ['member'] }],
      ['setMember', { user: 'ben', roles: ['admin', 'viewer'] }],
      ['members', { limit: 1_000, search: 'ann' }],
      ['setMember', { user: 'ann', roles: ['viewer'] }],
      ['removeMember', { user: 'ann' }],
    ]);
    expect(io.written.out).toBe(
      'ben is a member: member\nben is a member: admin, viewer\nann changed: viewer\nann is no member any more\n',
    );
  });

  test('[CLI-36] role is for members only, and takes roles only', async () => {
    const { io, run, asked } = setUp(answers);
    expect(await run('member', 'role', 'bel', 'viewer')).toBe(5);
    expect(io.written.err).toContain('bel is no member of the org');
    expect(await run('member', 'role', 'ann', 'king')).toBe(2);
    expect(await run('member', 'add', 'ann', '--role', 'king')).toBe(2);
    expect(asked().map(([method]) => method)).toEqual(['members']);
  });
});

describe('group', () => {
  test('[CLI-36] list, set and remove', async () => {
    const group = { name: 'oncall', members: ['ann', 'ben'], updatedMs: 1_700_000_000_000 };
    const { io, run, asked } = setUp({
      groups: () => ({ groups: [group] }),
      setGroup: () => ({ group }),
      removeGroup: () => ({}),
    });
    await run('group', 'list');
    await run('group', 'set', 'oncall', 'ann', 'ben');
    await run('group', 'remove', 'oncall');
    expect(asked().slice(1)).toEqual([
      ['setGroup', { name: 'oncall', members: ['ann', 'ben'] }],
      ['removeGroup', { name: 'oncall' }],
    ]);
    expect(io.written.out).toMatch(/oncall .* ann, ben\ngroup oncall: 2 members\ngroup oncall removed\n$/);
  });
});

describe('invite', () => {
  const answers = {
    invite: ({ email }: Readonly<Record<string, unknown>>) => ({
      invitation: records.invitation(String(email)),
      token: 'to/ken',
    }),
    invitations: () => ({ invitations: [records.invitation('ann@example.com')] }),
    revokeInvitation: () => ({}),
  };

  test('[CLI-37] create prints the link alone, for the address of the server that was asked', async () => {
    const { io, run, asked } = setUp(answers);
    const argv = ['ann@example.com', '--role', 'admin', '--ttl', '1d', '--url', 'https://live.example.com'];
    expect(await run('invite', 'create', ...argv)).toBe(0);
    expect(asked()).toEqual([['invite', { email: 'ann@example.com', roles: ['admin'], ttlMs: 86_400_000 }]]);
    expect(io.written.out).toBe('https://live.example.com/console/invitation?token=to%2Fken\n');
    io.written.out = '';
    await run('invite', 'create', 'ann@example.com', '--json');
    expect(JSON.parse(io.written.out)).toMatchObject({
      id: 'inv_ann',
      link: 'http://localhost:8000/console/invitation?token=to%2Fken',
    });
  });

  test('[CLI-37] list, and revoke by id or address', async () => {
    const { io, run, asked } = setUp(answers);
    await run('invite', 'list');
    expect(io.written.out).toMatch(/ann@example.com +member .* inv_ann\n$/);
    await run('invite', 'revoke', 'inv_1');
    expect(await run('invite', 'revoke', 'Ann@Example.com')).toBe(0);
    expect(asked().filter(([method]) => method === 'revokeInvitation')).toEqual([
      ['revokeInvitation', { id: 'inv_1' }],
      ['revokeInvitation', { id: 'inv_ann' }],
    ]);
    expect(await run('invite', 'revoke', 'ben@example.com')).toBe(5);
  });
});

describe('console', () => {
  test('[CLI-42] link prints the link alone; a key that may not is told which may', async () => {
    const made = { link: 'https://live.example.com/console/login?code=c', expiresMs: 1_700_000_000_000 };
    const { io, run } = setUp({ link: () => made });
    expect(await run('console', 'link')).toBe(0);
    expect(io.written.out).toBe(`${made.link}\n`);
    io.written.out = '';
    await run('console', 'link', '--json');
    expect(JSON.parse(io.written.out)).toEqual(made);
    const refused = setUp({ link: () => refusal(403, 103, 'permission denied') });
    expect(await refused.run('console', 'link')).toBe(4);
    expect(refused.io.written.err).toContain('a key of all orgs, with the scope');
  });
});
