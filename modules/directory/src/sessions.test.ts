/** Console sessions: how long they live, and what ends them. */
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { codeOf, onEachEngine } from './testing/bed.js';
import { ADMIN, OPERATOR, seed } from './testing.js';

onEachEngine('the directory: sessions', startPostgres, (bed) => {
  const { node } = bed;

  it('[DIR-15] sessions outlive the process, end by time, by hand, and with their user', async () => {
    const bench = node();
    await seed(bench);
    const { sessions } = bench.directory;
    const actor = { ...ADMIN, roles: [] };
    await sessions.open(actor, 'd1', 'oidc', 60_000);
    await sessions.open(actor, 'd2', 'oidc', 120_000);
    const later = node({ clock: bench.clock });
    expect(await later.directory.sessions.find('d1')).toMatchObject({ user: 'ada' });
    const [newest, oldest] = (await sessions.list('ada')).items;
    const first = await sessions.list('ada', { limit: 1, current: newest?.id });
    expect(first).toMatchObject({ items: [{ id: newest?.id, current: true }] });
    expect(await sessions.list('ada', { limit: 1, after: first.next })).toEqual({ items: [oldest] });
    expect(await codeOf(sessions.end({ ...actor, user: 'bob' }, oldest?.id ?? '', 'bob'))).toBe(1004);
    await bench.clock.advance(60_000);
    expect(await later.directory.sessions.find('d1')).toBeUndefined();
    expect(await later.directory.sessions.find('d2')).toBeDefined();
    const [left] = (await sessions.list('ada')).items;
    await later.directory.sessions.end(actor, left?.id ?? '', 'ada');
    expect(await later.directory.sessions.find('d2')).toBeUndefined();
    await sessions.open(actor, 'd3', 'oidc', 60_000);
    await bench.directory.users.update(OPERATOR, 'ada', { disabled: true }, undefined);
    expect(await sessions.find('d3')).toBeUndefined();
    await bench.directory.users.update(OPERATOR, 'ada', { disabled: false }, undefined);
    expect(await sessions.find('d3')).toBeUndefined();
  });

  it('[DIR-21] whoever ends a session is told of which, and what asks may stay', async () => {
    const bench = node();
    await seed(bench);
    const { sessions, users } = bench.directory;
    const ended: unknown[] = [];
    sessions.listen((user, ids, isInAllOrgs) => ended.push([user, ids, ...(isInAllOrgs ? ['all'] : [])]));
    const actor = { ...ADMIN, roles: [] };
    for (const digest of ['d1', 'd2', 'd3', 'd4']) await sessions.open(actor, digest, 'oidc', 60_000);
    const ids = await Promise.all(
      ['d1', 'd2', 'd3', 'd4'].map(async (digest) => (await sessions.find(digest))?.id ?? ''),
    );
    expect(await sessions.userOf(ids[0] ?? '')).toBe('ada');
    await sessions.close(actor, 'd1');
    expect(await sessions.userOf(ids[0] ?? '')).toBeUndefined();
    await sessions.end(actor, ids[1] ?? '', 'ada');
    expect(await sessions.endAll(actor, 'ada', ids[2])).toBe(1);
    expect((await sessions.list('ada')).items.map(({ id }) => id)).toEqual([ids[2]]);
    await users.update(OPERATOR, 'ada', { operator: true }, undefined);
    await bench.directory.signIn.withLink(OPERATOR, 'acme');
    await users.update(OPERATOR, 'ada', { operator: false }, undefined);
    await users.update(OPERATOR, 'ada', { disabled: true }, undefined);
    expect(ended).toEqual([
      ['ada', [ids[0]]],
      ['ada', [ids[1]]],
      ['ada', [ids[3]]],
      ['ada', [ids[2]], 'all'],
      ['ada', [ids[2]]],
    ]);
  });

  it('[DIR-15] of one user at most 100 sessions are kept, the newest', async () => {
    const bench = node();
    await seed(bench);
    const { sessions } = bench.directory;
    for (let n = 0; n < 102; n++) {
      await sessions.open({ ...ADMIN, roles: [] }, `d${n}`, 'oidc', 60_000);
      await bench.clock.advance(1);
    }
    expect((await sessions.list('ada', { limit: 1_000 })).items).toHaveLength(100);
    expect(await sessions.find('d1')).toBeUndefined();
    expect(await sessions.find('d2')).toBeDefined();
  });
});
