/** What a hostile administrator, a stale cookie or two hands at once try with the directory; each was possible before, or nearly. */
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import { raw, sql } from '@trunkline/store';
import { startPostgres } from '@trunkline/testkit';
import { expect, it } from 'vitest';
import { sweepAudit } from './audit.js';
import { ALL_ORGS } from './keys.js';
import { keyIdOf, makeSecretsKey } from './keyring.js';
import { codeOf, onEachEngine } from './testing/bed.js';
import { ADMIN, openBench, OPERATOR, seed, withGate, type Bench } from './testing.js';
import { makeApiKey } from './tokens.js';

const EVE = {
  issuer: 'https://id.example',
  subject: 's1',
  user: 'eve',
  email: 'eve@example.com',
  grants: [],
  operator: false,
} as const;

onEachEngine('attacks on the directory', startPostgres, (bed, engine) => {
  const { node, audits } = bed;
  const fill = (text: string): Promise<unknown> => bed.store.commit({ statements: [{ sql: text }] });
  const count = async (from: string): Promise<number> =>
    Number((await bed.store.read(sql`SELECT count(*) AS n FROM ${raw(from)}`)).rows[0]?.['n']);
  const createKey = ({ directory }: Bench, name = 'ci', org = 'acme') =>
    directory.keys.create(ADMIN, { org, name, scopes: ['*'] }, undefined).then(({ result }) => result);

  it('[DIR-7] an org that is not in the directory, or not any more, gets no key: it would open the next org of that id', async () => {
    const bench = node();
    await seed(bench);
    const { key } = await createKey(bench);
    await bench.directory.orgs.remove(OPERATOR, 'acme', undefined);
    expect(await codeOf(createKey(bench))).toBe(1004);
    expect(await codeOf(bench.directory.keys.rotate(ADMIN, ['acme'], key.id, {}, undefined))).toBe(1004);
    expect(await codeOf(createKey(bench, 'ci', 'nowhere'))).toBe(1004);
    expect(await codeOf(createKey(bench, 'all', ALL_ORGS))).toBe('fine');
  });

  it('[DIR-7] a key that is made while its org is removed does not outlive it', async () => {
    const [one, two] = [node(), node()];
    await seed(one);
    for (let round = 0; round < 5; round++) {
      const [made] = await Promise.allSettled([
        createKey(two, `k${round}`),
        one.directory.orgs.remove(OPERATOR, 'acme', undefined),
      ]);
      await one.directory.orgs.create(OPERATOR, 'acme', {}, undefined);
      two.directory.keyCache.forgetOrg('acme');
      if (made.status === 'fulfilled')
        expect(await two.directory.keyCache.verify(made.value.secret ?? '')).toBeUndefined();
    }
    expect(await count('directory_api_keys WHERE revoked_ms IS NULL')).toBe(0);
  });

  it('[DIR-20] replacing a key again and again does not fill the org with keys that work', async () => {
    const bench = node();
    await seed(bench);
    const { key } = await createKey(bench);
    await fill(
      `INSERT INTO directory_api_keys SELECT 'k' || n, 'acme', 'd' || n, 'old', '[]', 1, 'ada', NULL, NULL, 9e15 FROM generate_series(1, 1000) AS n`,
    );
    expect(await codeOf(bench.directory.keys.rotate(ADMIN, ['acme'], key.id, {}, undefined))).toBe(106);
    expect(await codeOf(createKey(bench, 'new'))).toBe(106);
  });

  it('[DIR-7] keys that ended are kept in a bounded number, the last ones', async () => {
    const bench = node();
    await seed(bench);
    await fill(
      `INSERT INTO directory_api_keys SELECT 'k' || n, 'acme', 'd' || n, 'old', '[]', 1, 'ada', NULL, NULL, n FROM generate_series(1, 1005) AS n`,
    );
    await createKey(bench);
    expect(await count('directory_api_keys WHERE revoked_ms IS NOT NULL')).toBe(1_000);
    expect(await count(`directory_api_keys WHERE id IN ('k1', 'k5')`)).toBe(0);
  });

  it('[DIR-8] what an org does with its keys makes nobody else’s be asked about again', async () => {
    const bench = node();
    await seed(bench);
    await bench.directory.orgs.create(OPERATOR, 'globex', {}, undefined);
    const { secret = '' } = await createKey(bench);
    await bench.directory.keyCache.verify(secret);
    const { key } = await createKey(bench, 'theirs', 'globex');
    await bench.directory.keys.revoke({ ...ADMIN, org: 'globex' }, ['globex'], key.id, undefined);
    await bench.directory.orgs.remove(OPERATOR, 'globex', undefined);
    bench.fault.cause = new Error('asked');
    expect(await bench.directory.keyCache.verify(secret)).toBeDefined();
  });

  it('[DIR-24] made-up keys are asked about as often as the caller allows, right ones always', async () => {
    const bench = node();
    await seed(bench);
    const { secret = '' } = await createKey(bench);
    const { keyCache } = bench.directory;
    let left = 2;
    const mayAsk = (): void => {
      if (left-- <= 0) throw new Error('too many');
    };
    expect(await keyCache.verify(secret, mayAsk)).toBeDefined();
    const wrong = makeApiKey();
    expect(await keyCache.verify(wrong, mayAsk)).toBeUndefined();
    expect(await keyCache.verify(wrong, mayAsk)).toBeUndefined();
    expect(await codeOf(keyCache.verify(makeApiKey(), mayAsk))).toBe('Error: too many');
    await bench.clock.advance(15_000);
    expect(await keyCache.verify(secret, mayAsk)).toBeDefined();
  });

  it('[DIR-2] one key of all orgs that is used in many ways hides nothing of what it, or another, does', async () => {
    const bench = node();
    await seed(bench);
    await bench.directory.start();
    const use = (key: string, method: string, org = 'acme') =>
      bench.directory.noteUse({ key, org, method, requestId: 'r', address: '' });
    for (let n = 0; n < 1_500; n++) use('stolen', `m${n}`, `org${n}`);
    use('stolen', 'publish');
    use('other', 'publish');
    bench.fault.cause = new Error('away');
    await bench.clock.advance(10_000);
    delete bench.fault.cause;
    use('other', 'publish');
    await bench.clock.advance(10_000);
    await bench.directory.dispose();
    const later = node().directory;
    const uses = async (org: string) =>
      (await later.audit(org, { action: 'key.used' })).items.map(({ actor, target, details }) => [
        actor,
        target,
        details,
      ]);
    expect(await uses('acme')).toEqual([['apikey:other', 'publish', { count: 2 }]]);
    expect(await uses('')).toEqual([['apikey:stolen', '*', { count: 1_401 }]]);
  });

  it('[DIR-19] an org that changes things all the time shortens its own log, not that of others', async () => {
    const { directory, clock } = node();
    await directory.orgs.create(OPERATOR, 'acme', {}, undefined);
    await directory.note(OPERATOR, { org: '', action: 'installation', target: 'x' });
    await fill(
      `INSERT INTO directory_audit (org, at_ms, actor, action, target, request_id, address, details)
       SELECT 'noisy', ${clock.now()}, 'eve', 'secret.set', 's', '', '', '{}' FROM generate_series(1, 3500)`,
    );
    const options = { auditRetentionMs: 3_600_000, auditMaxRecords: 100 };
    expect(await sweepAudit(bed.store, clock, options)).toBe(3_402);
    expect(await audits()).toEqual(['org.created acme']);
    expect(await audits('')).toContain('installation x');
    expect(await count('directory_audit')).toBe(100);
    expect(await sweepAudit(bed.store, clock, options)).toBe(0);
  });

  it('[DIR-4] what somebody else of the same name did is no answer', async () => {
    const bench = node();
    await seed(bench, ['ada', 'bob']);
    const { members } = bench.directory;
    const operator = { ...OPERATOR, user: 'apikey:root' };
    const admin = { ...ADMIN, user: 'apikey:root' };
    const set = (actor: typeof admin) => members.set(actor, 'acme', 'bob', ['admin'], 'k1');
    expect(await set(operator)).toMatchObject({ repeated: false });
    expect(await set(admin)).toMatchObject({ repeated: false });
    expect(await set({ ...admin, session: 'ses_1' } as typeof admin)).toMatchObject({ repeated: false });
    expect(await set(admin)).toMatchObject({ repeated: true });
  });

  it('[DIR-11] a secret that is sealed before a rotation and committed after it is sealed again, not lost', async () => {
    let kept: readonly Uint8Array[] = [makeSecretsKey()];
    const keepSecretsKeys = async (keys: readonly Uint8Array[]): Promise<void> => void (kept = keys);
    const gate = withGate(bed.store, (statements) =>
      statements.some(({ sql: text }) => text.includes('INSERT INTO directory_secrets ')),
    );
    const bench = openBench(gate.store, { secretsKeys: kept, keepSecretsKeys });
    await seed(bench);
    const { secrets } = bench.directory;
    const late = secrets.set(ADMIN, 'acme', 'late', 'value', undefined);
    await gate.reached;
    expect(await secrets.rotate(OPERATOR)).toMatchObject({ remaining: 0 });
    gate.open();
    expect((await late).result).toMatchObject({ name: 'late', keyId: keyIdOf(kept[0] as Uint8Array) });
    await bench.directory.dispose();
    const next = node({ secretsKeys: kept });
    await next.directory.start();
    expect(await next.directory.secrets.read('acme', 'late')).toBe('value');
  });

  it('[DIR-11] a rotation does not end while a secret is under an older key, whenever it was set', async () => {
    let kept: readonly Uint8Array[] = [makeSecretsKey()];
    const keepSecretsKeys = async (keys: readonly Uint8Array[]): Promise<void> => void (kept = keys);
    const gate = withGate(bed.store, (statements) =>
      statements.some(({ sql: text }) => text.includes('count(*) AS remaining')),
    );
    const before = keyIdOf(kept[0] as Uint8Array);
    const bench = openBench(gate.store, { secretsKeys: kept, keepSecretsKeys });
    await seed(bench);
    const rotating = bench.directory.secrets.rotate(OPERATOR);
    await gate.reached;
    await fill(`INSERT INTO directory_secrets SELECT 'acme', 'late', '${before}', '', 1, 1, 'ada'`);
    gate.open();
    expect(await rotating).toMatchObject({ remaining: 1 });
    expect(kept).toHaveLength(2);
    expect(await actionsOf(bench)).not.toContain('secrets.rotated');
    await bench.directory.dispose();
  });

  it('[DIR-15] a session that ends while it is looked up is not remembered', async () => {
    const gate = withGate(
      bed.store,
      ([statement]) => statement?.sql.includes('s.last_seen_ms FROM') === true,
    );
    const bench = openBench(gate.store);
    await seed(bench);
    const { sessions } = bench.directory;
    await sessions.open({ ...ADMIN, roles: [] }, 'd1', 'oidc', 60_000);
    const looking = sessions.find('d1');
    await gate.reached;
    expect(await sessions.endAll(ADMIN, 'ada', undefined)).toBe(1);
    gate.open();
    await looking;
    expect(await sessions.find('d1')).toBeUndefined();
    await bench.directory.dispose();
  });

  it('[DIR-15] whoever signs in and out makes no other session be asked about again', async () => {
    const bench = node();
    await seed(bench, ['ada', 'bob']);
    const { sessions } = bench.directory;
    await sessions.open({ ...ADMIN, roles: [] }, 'd1', 'oidc', 60_000);
    await sessions.find('d1');
    await sessions.open({ ...ADMIN, user: 'bob' }, 'd2', 'oidc', 60_000);
    await sessions.close({ ...ADMIN, user: 'bob' }, 'd2');
    bench.fault.cause = new Error('asked');
    expect(await sessions.find('d1')).toMatchObject({ user: 'ada' });
  });

  it('[DIR-16] whoever is disabled between the proof and the session gets none that would live when enabled again', async () => {
    const bench = node();
    await seed(bench);
    const { sessions, users } = bench.directory;
    await users.update(OPERATOR, 'ada', { disabled: true }, undefined);
    expect(await codeOf(sessions.open({ ...ADMIN, roles: [] }, 'd1', 'oidc', 60_000))).toBe(
      DIRECTORY_CODES.userDisabled.code,
    );
    await users.update(OPERATOR, 'ada', { disabled: false }, undefined);
    expect(await sessions.find('d1')).toBeUndefined();
  });

  it.each([
    ['the Kelvin sign for a k', 'eve@\u212aey.example', 'eve@key.example'],
    ['a Cyrillic letter', '\u0435ve@key.example', 'eve@key.example'],
    ['a letter of full width', '\uff45ve@key.example', 'eve@key.example'],
    ['a space behind', 'eve@key.example ', 'eve@key.example'],
    ['an invisible letter', 'eve\u200b@key.example', 'eve@key.example'],
  ])('[DIR-12] an address with %s is another one', async (_what, own, invited) => {
    const bench = node();
    await seed(bench);
    const { invitations, signIn } = bench.directory;
    await invitations.create(ADMIN, 'acme', { email: invited, roles: ['admin'] }, undefined);
    expect(await codeOf(signIn.withProvider({ ...EVE, email: own }, OPERATOR))).toBe(
      DIRECTORY_CODES.notInvited.code,
    );
    expect(await codeOf(signIn.withProvider({ ...EVE, email: 'EVE@Key.example' }, OPERATOR))).toBe('fine');
  });

  it('[DIR-12] of two who accept, and of one who accepts while it is revoked, one succeeds', async () => {
    const bench = node();
    await seed(bench);
    const { invitations, signIn, users } = bench.directory;
    const invite = () =>
      invitations.create(ADMIN, 'acme', { email: 'eve@example.com', roles: ['admin'] }, undefined);
    await invite();
    const accept = (subject: string) =>
      codeOf(signIn.withProvider({ ...EVE, subject, user: subject }, OPERATOR));
    const both = await Promise.all([accept('s1'), accept('s2')]);
    expect(both.filter((outcome) => outcome === 'fine')).toHaveLength(1);
    expect((await users.orgsOf('s1')).length + (await users.orgsOf('s2')).length).toBe(1);
    const { result } = await invite();
    const [accepted, revoked] = await Promise.all([
      accept('s3'),
      codeOf(invitations.revoke(ADMIN, 'acme', result.invitation.id, undefined)),
    ]);
    expect([accepted, revoked].filter((outcome) => outcome === 'fine')).toHaveLength(1);
    expect((await users.orgsOf('s3')).length === 1).toBe(accepted === 'fine');
  });

  it('[DIR-5] two operators who take each other’s right at once leave one', async () => {
    const bench = node();
    await seed(bench, ['ada', 'bob']);
    const { users } = bench.directory;
    const change = (user: string, operator: boolean) =>
      codeOf(users.update(OPERATOR, user, { operator }, undefined));
    for (let round = 0; round < 3; round++) {
      for (const user of ['ada', 'bob']) await change(user, true);
      const outcomes = await Promise.all([change('ada', false), change('bob', false)]);
      expect(outcomes.filter((outcome) => outcome === 1201)).toHaveLength(1);
      expect(await users.hasOperator()).toBe(true);
    }
  });

  it('[DIR-14] where the provider took the last operator’s right, the link makes one again', async () => {
    const bench = node();
    await seed(bench);
    const { signIn, users } = bench.directory;
    await signIn.withLink(OPERATOR, 'acme');
    const grants = [{ org: 'acme', roles: ['member'] }] as const;
    await signIn.withProvider({ ...EVE, grants, operator: true }, OPERATOR);
    await users.update(OPERATOR, 'console', { disabled: true }, undefined);
    expect(await codeOf(signIn.withLink(OPERATOR, 'acme'))).toBe(DIRECTORY_CODES.userDisabled.code);
    await signIn.withProvider({ ...EVE, grants }, OPERATOR);
    expect(await users.hasOperator()).toBe(false);
    expect(await signIn.withLink(OPERATOR, 'acme')).toMatchObject({ operator: true, disabled: false });
    expect(await audits('')).toContain('user.enabled console');
  });

  it('[DIR-13] an id that looks like one of ours, or shows less than it holds, is not given', async () => {
    const bench = node();
    await seed(bench);
    const grants = [{ org: 'acme', roles: ['member'] }] as const;
    const ids = ['System', 'console ', 'APIKEY:ci', '\uff53ystem', 'a\u200bda', 'ada\u00a0', 'a\u202eda'];
    for (const [index, user] of ids.entries()) {
      const made = await bench.directory.signIn.withProvider(
        { ...EVE, subject: `x${index}`, user, grants },
        OPERATOR,
      );
      expect([user, made.id]).toEqual([user, expect.stringMatching(/^user_/)]);
    }
  });

  it('[DIR-6] whoever leaves the org while a group is set is in no group, and the group is set or refused', async () => {
    const bench = node();
    await seed(bench, ['ada', 'bob']);
    const { members } = bench.directory;
    for (let round = 0; round < (engine === 'postgres' ? 10 : 2); round++) {
      await members.set({ ...OPERATOR }, 'acme', 'bob', ['viewer'], undefined);
      const [group] = await Promise.all([
        codeOf(members.setGroup(ADMIN, 'acme', 'g', ['ada', 'bob'], undefined)),
        members.remove(ADMIN, 'acme', 'bob', undefined),
      ]);
      expect(['fine', 1004]).toContain(group);
      expect(await count(`directory_group_members WHERE user_id = 'bob'`)).toBe(0);
    }
  });

  it('[DIR-20] a key that is replaced by two at once has one successor', async () => {
    const bench = node();
    await seed(bench);
    const { key } = await createKey(bench);
    const rotate = () => codeOf(bench.directory.keys.rotate(ADMIN, ['acme'], key.id, {}, undefined));
    expect((await Promise.all([rotate(), rotate(), rotate()])).sort()).toEqual([1003, 1003, 'fine']);
    expect(await count('directory_api_keys')).toBe(2);
  });
});

async function actionsOf({ directory }: Bench): Promise<readonly string[]> {
  return (await directory.audit('', {})).items.map(({ action }) => action);
}
