/** Orgs: made, changed and removed, each apart from the others, with a record and a publication of every change. */
import { channelKey } from '@trunkline/protocol';
import { STORE_CODES } from '@trunkline/store';
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { CHANGES } from './access.js';
import { codeOf, messageOf, onEachEngine } from './testing/bed.js';
import { ADMIN, OPERATOR, seed } from './testing.js';

onEachEngine('the directory: orgs and their walls', startPostgres, (bed) => {
  const { node, audits } = bed;

  it('[DIR-3] an org is made, changed and removed, each with its record', async () => {
    const { directory } = node();
    const { orgs } = directory;
    const kubernetes = [{ cluster: 'eu-1', namespace: 'acme' }];
    const { result } = await orgs.create(
      OPERATOR,
      'acme',
      { name: 'Acme', kubernetes, quotas: { maxConnections: 5 } },
      undefined,
    );
    expect(result).toMatchObject({
      id: 'acme',
      name: 'Acme',
      kubernetes,
      clusters: [],
      quotas: { maxConnections: 5 },
      members: 0,
    });
    expect(await messageOf(orgs.create(OPERATOR, 'acme', {}, undefined))).toBe(
      'conflict: id: org acme exists',
    );
    const updated = await orgs.update(OPERATOR, 'acme', { clusters: ['eu-1'] }, undefined);
    expect(updated.result).toMatchObject({
      name: 'Acme',
      clusters: ['eu-1'],
      kubernetes,
      quotas: { maxConnections: 5 },
    });
    await orgs.create(OPERATOR, 'beta', {}, undefined);
    const first = await orgs.list({ limit: 1 });
    expect(first).toMatchObject({ items: [{ id: 'acme' }], next: 'acme' });
    expect(await orgs.list({ limit: 1, after: 'acme' })).toMatchObject({ items: [{ id: 'beta' }] });
    expect((await orgs.list({ search: 'BET' })).items.map(({ id }) => id)).toEqual(['beta']);
    await orgs.remove(OPERATOR, 'acme', undefined);
    expect(await codeOf(orgs.remove(OPERATOR, 'acme', undefined))).toBe(1004);
    expect(await codeOf(orgs.update(OPERATOR, 'acme', {}, undefined))).toBe(1004);
    expect(await audits()).toEqual(['org.updated acme', 'org.created acme']);
    expect(await audits('')).toEqual(['org.deleted acme']);
    const [record] = (await directory.audit('acme', { action: 'org.' })).items;
    expect(record).toMatchObject({
      actor: 'root',
      requestId: 'req-1',
      address: '192.0.2.1',
      details: { clusters: ['eu-1'] },
    });
  });

  it('[DIR-4] a repeat under a key has no second effect and no second record', async () => {
    const { directory } = node();
    const create = () => directory.orgs.create(OPERATOR, 'acme', { name: 'A' }, 'k1');
    const [one, two] = [await create(), await create()];
    expect(two).toEqual({ result: one.result, repeated: true });
    expect(await audits()).toHaveLength(1);
    expect(await codeOf(directory.orgs.create(OPERATOR, 'acme', { name: 'B' }, 'k1'))).toBe(
      STORE_CODES.idempotencyMismatch.code,
    );
  });

  it('[DIR-3] what fails leaves no record', async () => {
    const bench = node();
    await seed(bench);
    const before = await audits();
    expect(await codeOf(bench.directory.members.set(ADMIN, 'acme', 'nobody', ['viewer'], undefined))).toBe(
      1004,
    );
    expect(await codeOf(bench.directory.members.set(ADMIN, 'umbrella', 'ada', ['viewer'], undefined))).toBe(
      1004,
    );
    expect(
      await codeOf(bench.directory.members.setGroup(ADMIN, 'acme', 'g', ['ada', 'nobody'], undefined)),
    ).toBe(1004);
    expect(await audits()).toEqual(before);
  });

  it('[DIR-19] an org holds a bounded number of small things; what is there can still be replaced', async () => {
    const bench = node();
    await seed(bench);
    const { keys, secrets, invitations, members } = bench.directory;
    const fill = (sql: string): Promise<unknown> => bed.store.commit({ statements: [{ sql }] });
    const series = 'FROM generate_series(1, 1000) AS n';
    await fill(`INSERT INTO directory_groups SELECT 'acme', 'g' || n, 1 ${series}`);
    await fill(`INSERT INTO directory_secrets SELECT 'acme', 's' || n, 'k', '', 1, 1, 'ada' ${series}`);
    await fill(
      `INSERT INTO directory_api_keys SELECT 'k' || n, 'acme', 'd' || n, 'k' || n, '[]', 1, 'ada' ${series}`,
    );
    await fill(
      `INSERT INTO directory_invitations SELECT 'i' || n, 'acme', 'e' || n || '@x', '[]', 'd' || n, 'ada', 1, 9e15 ${series}`,
    );
    const group = (name: string) => members.setGroup(ADMIN, 'acme', name, [], undefined);
    const secret = (name: string) => secrets.set(ADMIN, 'acme', name, 'v', undefined);
    const key = (name: string) => keys.create(ADMIN, { org: 'acme', name, scopes: ['*'] }, undefined);
    const invite = (email: string) =>
      invitations.create(ADMIN, 'acme', { email, roles: ['viewer'] }, undefined);
    for (const [add, there] of [
      [group, 'g1'],
      [secret, 's1'],
      [invite, 'e1@x'],
    ] as const) {
      expect(await codeOf(add('new@y'))).toBe(106);
      expect(await codeOf(add(there))).toBe('fine');
    }
    expect(await messageOf(key('new'))).toBe('limit exceeded: keys of the org: at most 1000');
    await keys.revoke(ADMIN, ['acme'], 'k1', undefined);
    expect(await codeOf(key('new'))).toBe('fine');
  });

  it('[DIR-1] another org is answered like one that is not there', async () => {
    const bench = node();
    await seed(bench);
    const { directory } = bench;
    await directory.orgs.create(OPERATOR, 'umbrella', {}, undefined);
    const foreign = { ...ADMIN, org: 'umbrella' };
    const { result } = await directory.keys.create(
      ADMIN,
      { org: 'acme', name: 'ci', scopes: ['*'] },
      undefined,
    );
    const { result: invited } = await directory.invitations.create(
      ADMIN,
      'acme',
      { email: 'x@y.z', roles: ['viewer'] },
      undefined,
    );
    await directory.secrets.set(ADMIN, 'acme', 'token', 'v', undefined);
    const attempts: readonly ((id: string) => Promise<unknown>)[] = [
      (id) => directory.keys.revoke(foreign, ['umbrella'], id, undefined),
      (id) => directory.keys.rotate(foreign, ['umbrella'], id, {}, undefined),
      (id) => directory.members.remove(foreign, 'umbrella', id, undefined),
      (id) => directory.invitations.revoke(foreign, 'umbrella', id, undefined),
      (id) => directory.secrets.remove(foreign, 'umbrella', id, undefined),
    ];
    const ids = [result.key.id, 'ada', invited.invitation.id, 'token'];
    for (const attempt of attempts) {
      const absent = await messageOf(attempt('none'));
      for (const id of ids) expect(await messageOf(attempt(id))).toBe(absent);
    }
    for (const page of [
      await directory.keys.list(['umbrella'], {}),
      await directory.members.list('umbrella', {}),
      await directory.secrets.list('umbrella', {}),
      await directory.invitations.list('umbrella', {}),
      await directory.members.groups('umbrella', {}),
    ])
      expect(page).toEqual({ items: [] });
    expect(await directory.secrets.read('umbrella', 'token')).toBeUndefined();
  });

  it('[DIR-18] administrators of the org are told after the commit, in its order', async () => {
    const bench = node();
    await seed(bench);
    const { position } = await bench.directory.members.set(ADMIN, 'acme', 'ada', ['admin'], undefined);
    const page = await bed.store.channels.read(channelKey('acme', CHANGES), undefined, 10, false);
    expect(page.position).toEqual(position);
    expect(page.publications.map(({ data }) => JSON.parse(String(data)) as object)).toMatchObject([
      { kind: 'org', id: 'acme', action: 'created' },
      { kind: 'member', id: 'ada', action: 'updated' },
      { kind: 'member', id: 'ada', action: 'updated' },
    ]);
  });

  it('[DIR-17] quotas of orgs are held in memory', async () => {
    const bench = node();
    await seed(bench);
    expect(bench.directory.watch.quotasOf('acme')).toBeUndefined();
    await bench.directory.orgs.update(OPERATOR, 'acme', { quotas: { maxConnections: 3 } }, undefined);
    await bench.directory.watch.refresh();
    expect(bench.directory.watch.quotasOf('acme')).toEqual({ maxConnections: 3 });
  });
});
