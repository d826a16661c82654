/** From an identity to a user: what claims give, what invitations give, and who stays outside. */
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { codeOf, onEachEngine } from './testing/bed.js';
import { ADMIN, OPERATOR, seed } from './testing.js';

onEachEngine('the directory: signing in', startPostgres, (bed) => {
  const { node, audits } = bed;

  const someone = {
    issuer: 'https://id.example',
    subject: 's1',
    user: 'eve',
    email: 'eve@example.com',
    grants: [],
    operator: false,
  } as const;

  it('[DIR-13] nobody comes in whom neither the directory nor the mapping knows', async () => {
    const bench = node();
    await seed(bench);
    const { signIn, users } = bench.directory;
    expect(await codeOf(signIn.withProvider(someone, OPERATOR))).toBe(DIRECTORY_CODES.notInvited.code);
    expect(
      await codeOf(
        signIn.withProvider({ ...someone, grants: [{ org: 'none', roles: ['admin'] }] }, OPERATOR),
      ),
    ).toBe(DIRECTORY_CODES.notInvited.code);
    expect(await users.find('eve')).toBeUndefined();
  });

  it('[DIR-13] what the claims gave follows them, what the directory gave stays', async () => {
    const bench = node();
    await seed(bench);
    const { signIn, users, orgs, members } = bench.directory;
    await orgs.create(OPERATOR, 'beta', {}, undefined);
    const grants = [
      { org: 'acme', roles: ['viewer'] },
      { org: 'beta', roles: ['member', 'admin'] },
      { org: 'beta', roles: ['viewer'] },
    ] as const;
    await signIn.withProvider({ ...someone, grants, operator: true }, OPERATOR);
    expect(await users.orgsOf('eve')).toEqual([
      { org: 'acme', orgName: 'acme', roles: ['viewer'] },
      { org: 'beta', orgName: 'beta', roles: ['viewer', 'member', 'admin'] },
    ]);
    await members.set(ADMIN, 'acme', 'eve', ['admin'], undefined);
    const again = await signIn.withProvider(
      { ...someone, grants: [{ org: 'acme', roles: ['viewer'] }] },
      OPERATOR,
    );
    expect(again).toMatchObject({ id: 'eve', operator: false });
    expect(await users.orgsOf('eve')).toEqual([{ org: 'acme', orgName: 'acme', roles: ['admin'] }]);
    await members.remove(ADMIN, 'acme', 'eve', undefined);
    await signIn.withProvider({ ...someone, grants, operator: true }, OPERATOR);
    expect(await codeOf(signIn.withProvider(someone, OPERATOR))).toBe(DIRECTORY_CODES.notInvited.code);
    expect(await users.orgsOf('eve')).toEqual([]);
    expect(await users.find('eve')).toMatchObject({ operator: false });
  });

  it('[DIR-13] every change of a sign-in has its record, and is told to the org; one without change has none', async () => {
    const bench = node();
    await seed(bench);
    const { signIn, orgs, commits } = bench.directory;
    await orgs.create(OPERATOR, 'beta', {}, undefined);
    const told: string[] = [];
    commits.listen(({ org, action }) => told.push(`${org} ${action}`));
    const grants = [{ org: 'beta', roles: ['member'] }] as const;
    await signIn.withProvider({ ...someone, grants, operator: true }, OPERATOR);
    await signIn.withProvider({ ...someone, grants, operator: true }, OPERATOR);
    expect(told).toEqual(['beta updated']);
    await signIn.withProvider(
      { ...someone, grants: [{ org: 'acme', roles: ['member'] }], operator: false },
      OPERATOR,
    );
    expect(told).toEqual(['beta updated', 'acme updated', 'beta removed']);
    expect(await audits('beta')).toEqual(['member.left eve', 'member.granted eve', 'org.created beta']);
    expect((await audits('')).filter((line) => line.endsWith('eve'))).toEqual([
      'operator.taken eve',
      'operator.granted eve',
      'user.created eve',
    ]);
  });

  it('[DIR-12] an invitation is accepted by whoever has the address, verified, once', async () => {
    const bench = node();
    await seed(bench);
    const { signIn, users, invitations } = bench.directory;
    const { result } = await invitations.create(
      ADMIN,
      'acme',
      { email: 'Eve@Example.com', roles: ['admin'] },
      undefined,
    );
    expect(await invitations.findOpen(result.token ?? '')).toBeDefined();
    const { email: _, ...unverified } = someone;
    expect(await codeOf(signIn.withProvider(unverified, OPERATOR))).toBe(DIRECTORY_CODES.notInvited.code);
    await signIn.withProvider(someone, OPERATOR);
    expect(await users.orgsOf('eve')).toMatchObject([{ org: 'acme', roles: ['admin'] }]);
    expect(await invitations.findOpen(result.token ?? '')).toBeUndefined();
    expect((await invitations.list('acme', {})).items).toEqual([]);
    expect(await audits()).toContain('invitation.accepted eve');
  });

  it('[DIR-12] an invitation ends, is revoked, and is replaced by a later one', async () => {
    const bench = node();
    await seed(bench);
    const { invitations } = bench.directory;
    const invite = (ttlMs?: number) =>
      invitations.create(ADMIN, 'acme', { email: 'eve@example.com', roles: ['viewer'], ttlMs }, undefined);
    const first = (await invite()).result;
    const second = (await invite(60_000)).result;
    expect(await invitations.findOpen(first.token ?? '')).toBeUndefined();
    await bench.clock.advance(60_000);
    expect(await invitations.findOpen(second.token ?? '')).toBeUndefined();
    const third = (await invite()).result;
    await invitations.revoke(ADMIN, 'acme', third.invitation.id, undefined);
    expect(await invitations.openFor('eve@example.com')).toEqual([]);
  });

  it('[DIR-13] an id that somebody has, or that is ours, is not given again', async () => {
    const bench = node();
    await seed(bench, ['eve']);
    const grants = [{ org: 'acme', roles: ['member'] }] as const;
    for (const [index, user] of ['eve', 'console', 'system', 'apikey:ci'].entries()) {
      const made = await bench.directory.signIn.withProvider(
        { ...someone, issuer: 'https://other', subject: `x${index}`, user, grants },
        OPERATOR,
      );
      expect(made.id).toMatch(/^user_/);
    }
  });
});
