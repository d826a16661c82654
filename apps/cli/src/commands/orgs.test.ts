// `org` and `user`: what operators do to the installation.
import { describe, expect, test } from 'vitest';
import { records, setUp } from './directory-testing.js';

const acme = records.org('acme', {
  name: 'Acme Corp',
  quotas: { maxConnections: 500, commandsPerSecond: 10 },
  clusters: ['prod'],
  kubernetes: [{ cluster: 'eu/prod', namespace: 'acme' }],
});
const answers = {
  orgs: () => ({ orgs: [records.org('acme-2'), acme] }),
  createOrg: (fields: object) => ({ org: { ...acme, ...fields } }),
  updateOrg: (fields: object) => ({ org: { ...acme, ...fields } }),
  deleteOrg: () => ({}),
};

describe('org', () => {
  test('[CLI-34] list and show: quotas and namespaces in words', async () => {
    const { io, run } = setUp(answers);
    expect(await run('org', 'list')).toBe(0);
    expect(io.written.out).toMatch(/acme +Acme Corp +2 +1 .* 500 connections, 10 commands\/s/);
    io.written.out = '';
    expect(await run('org', 'show', 'acme')).toBe(0);
    expect(io.written.out).toMatch(/namespaces +eu\/prod\/acme/);
    expect(await run('org', 'show', 'acm')).toBe(5);
  });

  test('[CLI-34] create sends what was given', async () => {
    const { run, asked, json } = setUp(answers);
    const argv = ['--name', 'Acme', '--max-connections', '500', '--cluster', 'a', '--cluster', 'b'];
    expect(await run('org', 'create', 'acme', ...argv, '--namespace', 'eu/prod/acme', '--json')).toBe(0);
    expect(asked()).toEqual([
      [
        'createOrg',
        {
          id: 'acme',
          name: 'Acme',
          quotas: { maxConnections: 500 },
          clusters: ['a', 'b'],
          kubernetes: [{ cluster: 'eu/prod', namespace: 'acme' }],
        },
      ],
    ]);
    expect(json()).toMatchObject({ id: 'acme', name: 'Acme' });
  });

  test('[CLI-34] set keeps the quotas that are not named, and takes one away', async () => {
    const { run, asked } = setUp(answers);
    await run('org', 'set', 'acme', '--max-connections', '9', '--commands-per-second', 'none');
    await run('org', 'set', 'acme', '--no-clusters', '--no-namespaces');
    expect(asked().filter(([method]) => method === 'updateOrg')).toEqual([
      ['updateOrg', { id: 'acme', quotas: { maxConnections: 9, commandsPerSecond: null } }],
      ['updateOrg', { id: 'acme', clusters: [], kubernetes: [] }],
    ]);
  });

  test.each([
    [['org', 'set', 'acme'], 'nothing to change'],
    [['org', 'set', 'acme', '--max-connections', 'x'], '--max-connections takes a whole number'],
    [['org', 'create', 'acme', '--namespace', 'prod'], 'is no namespace of a cluster'],
    [['org', 'remove', 'acme'], 'Add --yes'],
    [['user', 'set', 'ann'], 'nothing to change'],
  ])('[CLI-3] wrong use is exit 2, before anything is sent: %j', async (argv, text) => {
    const { io, run } = setUp(answers);
    expect(await run(...argv)).toBe(2);
    expect(io.written.err).toContain(text);
    expect(io.requests).toEqual([]);
  });

  test('[CLI-34] remove, once it was said twice', async () => {
    const { io, run, asked } = setUp(answers);
    expect(await run('org', 'remove', 'acme', '--yes')).toBe(0);
    expect(asked()).toEqual([['deleteOrg', { id: 'acme' }]]);
    expect(io.written.out).toBe('org acme removed\n');
  });
});

describe('user', () => {
  const ann = records.user('ann', { operator: true });
  const session = {
    id: 'ses_1',
    user: 'ann',
    door: 'oidc',
    address: '192.0.2.1',
    createdMs: 0,
    expiresMs: 1,
    lastSeenMs: 0,
    current: false,
  };
  const users = {
    users: () => ({ users: [ann, records.user('ben', { disabled: true, email: null })] }),
    user: () => ({ user: ann, orgs: [{ org: 'acme', orgName: 'Acme', roles: ['admin'] }] }),
    sessions: () => ({ sessions: [session] }),
    updateUser: ({ user, ...changes }: Readonly<Record<string, unknown>>) => ({
      user: { ...records.user(String(user)), ...changes },
    }),
    endSessions: () => ({ ended: 2 }),
  };

  test('[CLI-35] list and show', async () => {
    const { io, run } = setUp(users);
    await run('user', 'list', '--search', 'n');
    expect(io.written.out).toMatch(/ann +ann +ann@example.com +operator/);
    expect(io.written.out).toMatch(/ben +ben +- +disabled/);
    expect(io.requests[0]?.body).toMatchObject({ search: 'n' });
    io.written.out = '';
    await run('user', 'show', 'ann');
    expect(io.written.out).toMatch(/orgs +acme \(admin\)/);
    expect(io.written.out).toMatch(/ses_1 +oidc/);
    io.written.out = '';
    await run('user', 'show', 'ann', '--json');
    expect(JSON.parse(io.written.out)).toMatchObject({
      id: 'ann',
      orgs: [{ org: 'acme' }],
      sessions: [session],
    });
  });

  test('[CLI-35] disable, enable, set and sign-out', async () => {
    const { io, run, asked } = setUp(users);
    await run('user', 'disable', 'ann');
    await run('user', 'enable', 'ann');
    await run('user', 'set', 'ann', '--name', 'Ann', '--no-operator');
    await run('user', 'sign-out', 'ann');
    expect(asked()).toEqual([
      ['updateUser', { user: 'ann', disabled: true }],
      ['updateUser', { user: 'ann', disabled: false }],
      ['updateUser', { user: 'ann', name: 'Ann', operator: false }],
      ['endSessions', { user: 'ann' }],
    ]);
    expect(io.written.out).toBe('user ann disabled\nuser ann enabled\nuser ann changed\n2 sessions ended\n');
  });
});
