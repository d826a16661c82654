/** Users, operators, members and groups: who there is, who may act, and who is kept out. */
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import { CodedError } from '@trunkline/protocol';
import { STORE_CODES } from '@trunkline/store';
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { codeOf, messageOf, onEachEngine } from './testing/bed.js';
import { ADMIN, OPERATOR, seed } from './testing.js';

onEachEngine('the directory: users and members', startPostgres, (bed) => {
  const { node, audits } = bed;

  it('[DIR-14] the one-time link makes the first operator, once', async () => {
    const bench = node();
    await bench.directory.orgs.create(OPERATOR, 'acme', {}, undefined);
    const first = await bench.directory.signIn.withLink(OPERATOR, 'acme');
    expect(first).toMatchObject({ id: 'console', operator: true, disabled: false });
    expect(await bench.directory.signIn.withLink(OPERATOR, 'acme')).toEqual(first);
    expect(await audits('')).toEqual(['operator.created console']);
    expect(await bench.directory.users.grantOf('console', 'acme')).toMatchObject({
      roles: ['admin', 'operator'],
      member: true,
    });
  });

  it('[DIR-5] the last operator who can sign in stays one', async () => {
    const bench = node();
    await seed(bench);
    const { users, signIn } = bench.directory;
    await signIn.withLink(OPERATOR, 'acme');
    for (const changes of [{ disabled: true }, { operator: false }])
      expect(await codeOf(users.update(OPERATOR, 'console', changes, undefined))).toBe(
        DIRECTORY_CODES.lastOperator.code,
      );
    await users.update(OPERATOR, 'ada', { operator: true }, undefined);
    expect(await codeOf(users.update(OPERATOR, 'console', { disabled: true }, undefined))).toBe('fine');
    expect(await codeOf(signIn.withLink(OPERATOR, 'acme'))).toBe(DIRECTORY_CODES.userDisabled.code);
    expect(await codeOf(users.update(OPERATOR, 'ada', { operator: false }, undefined))).toBe(
      DIRECTORY_CODES.lastOperator.code,
    );
    expect(await codeOf(users.update(OPERATOR, 'nobody', { operator: false }, undefined))).toBe(1004);
  });

  it('[DIR-6] members, their roles, and groups of members', async () => {
    const bench = node();
    await seed(bench, ['ada', 'bob']);
    const { members, users } = bench.directory;
    await bench.directory.orgs.create(OPERATOR, 'beta', {}, undefined);
    const inBeta = { ...ADMIN, org: 'beta' };
    // To administrators of another org the user is not there; an operator may make anybody a member.
    expect(await messageOf(members.set(inBeta, 'beta', 'bob', ['viewer'], undefined))).toBe(
      'not found: user',
    );
    expect(await messageOf(members.set(inBeta, 'beta', 'none', ['viewer'], undefined))).toBe(
      'not found: user',
    );
    await members.set({ ...OPERATOR, org: 'beta' }, 'beta', 'bob', ['viewer'], undefined);
    expect(await codeOf(members.set(inBeta, 'beta', 'bob', ['member'], undefined))).toBe('fine');
    const set = await members.set(ADMIN, 'acme', 'bob', ['admin', 'viewer', 'admin'], undefined);
    expect(set.result).toMatchObject({ user: 'bob', roles: ['viewer', 'admin'], source: 'directory' });
    await members.setGroup(ADMIN, 'acme', 'ops', ['bob', 'ada', 'bob'], undefined);
    await members.setGroup(ADMIN, 'acme', 'dev', ['ada'], undefined);
    expect(await users.grantOf('ada', 'acme')).toMatchObject({ roles: ['member'], groups: ['dev', 'ops'] });
    expect((await members.groups('acme', {})).items).toMatchObject([
      { name: 'dev', members: ['ada'] },
      { name: 'ops', members: ['ada', 'bob'] },
    ]);
    await members.setGroup(ADMIN, 'acme', 'ops', ['bob'], undefined);
    await members.remove(ADMIN, 'acme', 'bob', undefined);
    expect((await members.groups('acme', {})).items[1]).toMatchObject({ name: 'ops', members: [] });
    expect(await users.grantOf('bob', 'acme')).toBeUndefined();
    expect((await members.list('acme', {})).items.map(({ user }) => user)).toEqual(['ada']);
    expect(await codeOf(members.remove(ADMIN, 'acme', 'bob', undefined))).toBe(1004);
  });

  it.each(['storeUnavailable', 'storeTimeout'] as const)(
    '[DIR-16] a start that meets %s goes on, and who is disabled is known with the next reading',
    async (name) => {
      const one = node();
      await seed(one);
      const two = node();
      two.fault.cause = new CodedError(STORE_CODES[name]);
      expect(await codeOf(two.directory.start())).toBe('fine');
      delete two.fault.cause;
      await one.directory.users.update(OPERATOR, 'ada', { disabled: true }, undefined);
      await two.directory.watch.refresh();
      expect(two.directory.watch.isDisabled({ user: 'ada', org: 'acme', roles: [] })).toBe(true);
    },
  );

  it('[DIR-16] a disabled user is kept out of the orgs of the user, on other nodes within refreshMs', async () => {
    const [one, two] = [node(), node()];
    await seed(one);
    await two.directory.start();
    const ended: unknown[] = [];
    two.directory.watch.listen((user, orgs) => ended.push([user, orgs]));
    await one.directory.users.update(OPERATOR, 'ada', { disabled: true }, undefined);
    await one.directory.watch.refresh();
    const ada = { user: 'ada', org: 'acme', roles: [] };
    expect(one.directory.watch.isDisabled(ada)).toBe(true);
    expect(one.directory.watch.isDisabled({ ...ada, org: 'umbrella' })).toBe(false);
    expect(two.directory.watch.isDisabled(ada)).toBe(false);
    await two.clock.advance(5_000);
    await two.directory.watch.refresh();
    expect(two.directory.watch.isDisabled(ada)).toBe(true);
    expect(ended).toEqual([['ada', ['acme']]]);
    expect(await one.directory.users.grantOf('ada', 'acme')).toBeUndefined();
    const ada2 = { issuer: 'https://id.example', subject: 'ada', user: 'ada', grants: [], operator: false };
    expect(await codeOf(one.directory.signIn.withProvider(ada2, OPERATOR))).toBe(
      DIRECTORY_CODES.userDisabled.code,
    );
  });
});
