import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { openStore, STORE_CODES, type Store } from '@trunkline/store';
import { createTestStore, emptyStore } from '@trunkline/store/testing';
import { startPostgres } from '@trunkline/testkit';
import { DIRECTORY_CODES } from '@trunkline/contracts/directory';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { channelKey, CodedError } from '@trunkline/protocol';
import { CHANGES } from './access.js';
import { sweepAudit } from './audit.js';
import { keyIdOf, makeSecretsKey } from './keyring.js';
import { DIRECTORY_MIGRATIONS } from './migrations.js';
import { ADMIN, openBench, OPERATOR, seed, type Bench, type BenchOptions } from './testing.js';
import { makeApiKey } from './tokens.js';

/** A store that is emptied between tests. */
interface Engine {
  readonly store: Store;
  reset(): Promise<void>;
  dispose(): Promise<void>;
}

const ENGINES: Readonly<Record<'embedded' | 'postgres', () => Promise<Engine>>> = {
  embedded: () => createTestStore([DIRECTORY_MIGRATIONS]),
  postgres: async () => {
    const server = await startPostgres();
    const store = await openStore(
      { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger },
      { database: { kind: 'postgres', url: server.url } },
    );
    await store.migrations.run([DIRECTORY_MIGRATIONS]);
    return {
      store,
      reset: () => emptyStore(store, [DIRECTORY_MIGRATIONS]),
      dispose: async () => {
        await store.dispose();
        await server.dispose();
      },
    };
  },
};

const codeOf = (run: Promise<unknown>): Promise<number | string> =>
  run.then(
    () => 'fine',
    (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
  );
const messageOf = (run: Promise<unknown>): Promise<string> =>
  run.then(String, (error: Error) => error.message);

describe.each(Object.entries(ENGINES))('directory on %s', (_name, open) => {
  let engine: Engine;
  let benches: Bench[];
  const node = (options?: BenchOptions): Bench => {
    const bench = openBench(engine.store, options);
    benches.push(bench);
    return bench;
  };
  const audits = async (org = 'acme'): Promise<readonly string[]> =>
    (await (benches[0] as Bench).directory.audit(org, {})).items.map(
      ({ action, target }) => `${action} ${target}`,
    );

  beforeAll(async () => {
    engine = await open();
  }, 120_000);
  beforeEach(() => (benches = []));
  afterEach(async () => {
    for (const { directory } of benches) await directory.dispose();
    await engine.reset();
  });
  afterAll(() => engine.dispose(), 30_000);

  describe('orgs and users', () => {
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

    it('[DIR-19] an org holds a bounded number of small things; what is there can still be replaced', async () => {
      const bench = node();
      await seed(bench);
      const { keys, secrets, invitations, members } = bench.directory;
      const fill = (sql: string): Promise<unknown> => engine.store.commit({ statements: [{ sql }] });
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
      const page = await engine.store.channels.read(channelKey('acme', CHANGES), undefined, 10, false);
      expect(page.position).toEqual(position);
      expect(page.publications.map(({ data }) => JSON.parse(String(data)) as object)).toMatchObject([
        { kind: 'org', id: 'acme', action: 'created' },
        { kind: 'member', id: 'ada', action: 'updated' },
        { kind: 'member', id: 'ada', action: 'updated' },
      ]);
    });

    it('[DIR-19] the audit log is read by filter and page, and bounded', async () => {
      const { directory, clock } = node();
      for (const name of ['a', 'b', 'c', 'd']) await directory.orgs.create(OPERATOR, name, {}, undefined);
      for (let n = 0; n < 4; n++) await directory.orgs.update(OPERATOR, 'a', {}, undefined);
      const first = await directory.audit('a', { limit: 3 });
      expect(first.items.map(({ action }) => action)).toEqual(['org.updated', 'org.updated', 'org.updated']);
      const rest = await directory.audit('a', { after: first.next });
      expect(rest.items.map(({ action }) => action)).toEqual(['org.updated', 'org.created']);
      expect((await directory.audit('a', { action: 'org.created' })).items).toHaveLength(1);
      expect((await directory.audit('a', { actor: 'nobody' })).items).toHaveLength(0);
      const options = { auditRetentionMs: 24 * 3_600_000, auditMaxRecords: 3 };
      await sweepAudit(engine.store, clock, options);
      expect((await directory.audit('a', {})).items).toHaveLength(3);
      await clock.advance(25 * 3_600_000);
      await sweepAudit(engine.store, clock, options);
      expect((await directory.audit('a', {})).items).toHaveLength(0);
    });
  });

  describe('API keys', () => {
    const create = (bench: Bench, more: object = {}) =>
      bench.directory.keys
        .create(ADMIN, { org: 'acme', name: 'ci', scopes: ['publish'], ...more }, undefined)
        .then(({ result }) => ({ id: result.key.id, secret: result.secret ?? '' }));

    it('[DIR-7] a key is shown once and kept as a digest; a repeat does not show it again', async () => {
      const { directory } = node();
      const make = () => directory.keys.create(ADMIN, { org: 'acme', name: 'ci', scopes: ['publish'] }, 'k1');
      const [one, two] = [(await make()).result, (await make()).result];
      expect(one.secret).toMatch(/^tlk_/);
      expect(two).toEqual({ key: one.key });
      expect(await directory.keyCache.verify(one.secret ?? '')).toMatchObject({
        org: 'acme',
        name: 'ci',
        scopes: ['publish'],
      });
      const lines: string[] = [];
      for await (const line of engine.store.exportRows(['directory', 'store'])) lines.push(line);
      expect(lines.join('\n')).not.toContain(one.secret);
      expect(
        await messageOf(directory.keys.create(ADMIN, { org: 'acme', name: 'ci', scopes: ['*'] }, undefined)),
      ).toBe('conflict: name: there is a key ci');
      expect(
        await messageOf(
          directory.keys.create(ADMIN, { org: 'acme', name: 'old', scopes: ['*'], expiresMs: 1 }, undefined),
        ),
      ).toBe('bad request: expiresMs is in the past');
    });

    it('[DIR-7] wrong, revoked and ended keys are all unknown', async () => {
      const bench = node();
      const { directory, clock } = bench;
      const { secret } = await create(bench, { expiresMs: clock.now() + 60_000 });
      expect(await directory.keyCache.verify(secret)).toBeDefined();
      for (const wrong of [
        '',
        'tlk_',
        `${secret.slice(0, -1)}x`,
        secret.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')),
        makeApiKey(),
      ])
        expect(await directory.keyCache.verify(wrong)).toBeUndefined();
      await clock.advance(60_000);
      expect(await directory.keyCache.verify(secret)).toBeUndefined();
    });

    it('[DIR-8] a revoked key ends at once here and within keyCacheMs on other nodes', async () => {
      const [one, two] = [node(), node()];
      const { id, secret } = await create(one);
      expect(await two.directory.keyCache.verify(secret)).toBeDefined();
      expect(await one.directory.keyCache.verify(secret)).toBeDefined();
      await one.directory.keys.revoke(ADMIN, ['acme'], id, undefined);
      expect(await one.directory.keyCache.verify(secret)).toBeUndefined();
      expect(await two.directory.keyCache.verify(secret)).toBeDefined();
      await two.clock.advance(10_000);
      expect(await two.directory.keyCache.verify(secret)).toBeUndefined();
      // The name is free again.
      expect((await create(one)).id).not.toBe(id);
      expect((await one.directory.keys.list(['acme'], {})).items).toHaveLength(1);
      expect((await one.directory.keys.list(['acme'], { revoked: true })).items).toHaveLength(2);
    });

    it('[DIR-8] while the store does not answer, a right key goes on for keyStaleMs and others get a temporary error', async () => {
      const bench = node();
      const { directory, clock, fault } = bench;
      const { secret } = await create(bench);
      expect(await directory.keyCache.verify(secret)).toBeDefined();
      fault.cause = new CodedError(STORE_CODES.storeUnavailable);
      expect(await codeOf(directory.keyCache.verify(makeApiKey()))).toBe(1100);
      await clock.advance(24_999);
      expect(await directory.keyCache.verify(secret)).toBeDefined();
      await clock.advance(1);
      expect(await codeOf(directory.keyCache.verify(secret))).toBe(1100);
    });

    it('[DIR-20] a key is replaced by one of its name and scopes, and works until the overlap is over', async () => {
      const [one, two] = [node(), node()];
      const { id, secret } = await create(one);
      expect(await two.directory.keyCache.verify(secret)).toBeDefined();
      const rotate = (more: object, key?: string) =>
        one.directory.keys.rotate(ADMIN, ['acme'], id, more, key).then(({ result }) => result);
      const { key, replaced, secret: next } = await rotate({ overlapMs: 60_000 }, 'k1');
      expect(key).toMatchObject({ name: 'ci', scopes: ['publish'], revokedMs: null });
      expect(replaced).toMatchObject({ id, revokedMs: one.clock.now() + 60_000 });
      expect(await rotate({ overlapMs: 60_000 }, 'k1')).toEqual({ key, replaced });
      expect(await messageOf(rotate({}))).toBe('conflict: id: the key ended, or was replaced already');
      expect(await one.directory.keyCache.verify(next ?? '')).toMatchObject({ id: key.id });
      expect((await one.directory.keys.list(['acme'], {})).items).toHaveLength(2);
      for (const { clock } of [one, two]) await clock.advance(59_999);
      for (const { directory } of [one, two]) expect(await directory.keyCache.verify(secret)).toBeDefined();
      for (const { clock } of [one, two]) await clock.advance(1);
      for (const { directory } of [one, two]) {
        expect(await directory.keyCache.verify(secret)).toBeUndefined();
        expect(await directory.keyCache.verify(next ?? '')).toBeDefined();
      }
      expect((await one.directory.keys.list(['acme'], {})).items.map((listed) => listed.id)).toEqual([
        key.id,
      ]);
      expect(await audits()).toContain(`key.rotated ${id}`);
    });

    it('[DIR-20] a key that was replaced may be revoked before the overlap is over', async () => {
      const bench = node();
      const { id, secret } = await create(bench);
      const { keys, keyCache } = bench.directory;
      const { result } = await keys.rotate(ADMIN, ['acme'], id, {}, undefined);
      expect(await keyCache.verify(secret)).toBeDefined();
      expect((await keys.revoke(ADMIN, ['acme'], id, undefined)).result.revokedMs).toBe(bench.clock.now());
      expect(await keyCache.verify(secret)).toBeUndefined();
      expect(await keyCache.verify(result.secret ?? '')).toBeDefined();
    });

    it('[DIR-8] last uses are written together', async () => {
      const bench = node();
      const { directory, clock } = bench;
      const { secret } = await create(bench);
      await directory.keyCache.verify(secret);
      const usedMs = clock.now();
      await directory.dispose();
      benches = [node()];
      expect((await benches[0]?.directory.keys.list(['acme'], {}))?.items[0]?.lastUsedMs).toBe(usedMs);
    });
  });

  describe('secrets', () => {
    it('[DIR-9] a secret is sealed in the store, and no longer opens elsewhere', async () => {
      const bench = node();
      await seed(bench);
      const { secrets } = bench.directory;
      await secrets.set(ADMIN, 'acme', 'a', 'the value of a', 'k1');
      await secrets.set(ADMIN, 'acme', 'b', 'the value of b', undefined);
      expect(await secrets.read('acme', 'a')).toBe('the value of a');
      expect((await secrets.list('acme', {})).items.map(({ name, updatedBy }) => [name, updatedBy])).toEqual([
        ['a', 'ada'],
        ['b', 'ada'],
      ]);
      const lines: string[] = [];
      for await (const line of engine.store.exportRows(['directory', 'store'])) lines.push(line);
      expect(lines.join('\n')).not.toContain('the value');
      await engine.store.commit({
        statements: [
          {
            sql: `UPDATE directory_secrets SET sealed = (SELECT sealed FROM directory_secrets WHERE name = 'a') WHERE name = 'b'`,
          },
        ],
      });
      expect(await codeOf(secrets.read('acme', 'b'))).toBe(DIRECTORY_CODES.secretsKeyWrong.code);
      await secrets.remove(ADMIN, 'acme', 'a', undefined);
      expect(await secrets.read('acme', 'a')).toBeUndefined();
    });

    it('[DIR-10] a wrong key is refused at start, by the ids of both', async () => {
      const [right, wrong] = [makeSecretsKey(), makeSecretsKey()];
      const one = node({ secretsKeys: [right] });
      await seed(one);
      const two = node({ secretsKeys: [wrong] });
      const refused = await messageOf(two.directory.start());
      expect(refused).toContain(keyIdOf(right));
      expect(refused).toContain(keyIdOf(wrong));
      expect(await codeOf(two.directory.orgs.list({}))).toBe(DIRECTORY_CODES.secretsKeyWrong.code);
      await one.directory.secrets.set(ADMIN, 'acme', 'a', 'v', undefined);
      expect(await codeOf(node({ secretsKeys: [wrong] }).directory.start())).toBe(
        DIRECTORY_CODES.secretsKeyWrong.code,
      );
      expect(await codeOf(node({ secretsKeys: [wrong, right] }).directory.start())).toBe('fine');
    });

    it('[DIR-11] a rotation goes on where a dead process left it, and ends with one key', async () => {
      let kept: readonly Uint8Array[] = [makeSecretsKey()];
      const first = kept[0] as Uint8Array;
      const keepSecretsKeys = async (keys: readonly Uint8Array[]): Promise<void> => void (kept = keys);
      const one = node({ secretsKeys: kept, keepSecretsKeys });
      await seed(one);
      for (let n = 0; n < 5; n++) await one.directory.secrets.set(ADMIN, 'acme', `s${n}`, `v${n}`, undefined);
      expect(await one.directory.secrets.rotate(OPERATOR, 2)).toMatchObject({ rotated: 2, remaining: 3 });
      expect(kept).toHaveLength(2);
      const { managed, keys } = await one.directory.secrets.keys();
      expect(managed).toBe(true);
      expect(keys.map(({ current, held, secrets }) => [current, held, secrets])).toEqual([
        [true, true, 2],
        [false, true, 3],
      ]);
      // Another process takes over with what was kept.
      const two = node({ secretsKeys: kept, keepSecretsKeys });
      await two.directory.start();
      expect(await two.directory.secrets.read('acme', 's4')).toBe('v4');
      expect(await two.directory.secrets.rotate(OPERATOR, 2)).toMatchObject({ rotated: 2, remaining: 1 });
      expect(await two.directory.secrets.rotate(OPERATOR, 2)).toMatchObject({ rotated: 1, remaining: 0 });
      expect(kept).toHaveLength(1);
      expect(kept[0]).not.toEqual(first);
      const three = node({ secretsKeys: kept });
      for (let n = 0; n < 5; n++) expect(await three.directory.secrets.read('acme', `s${n}`)).toBe(`v${n}`);
      expect(await codeOf(node({ secretsKeys: [first] }).directory.start())).toBe(
        DIRECTORY_CODES.secretsKeyWrong.code,
      );
    });

    it('[DIR-11] keys from outside are rotated by giving another first one', async () => {
      const [old, next] = [makeSecretsKey(), makeSecretsKey()];
      const one = node({ secretsKeys: [old] });
      await seed(one);
      await one.directory.secrets.set(ADMIN, 'acme', 'a', 'v', undefined);
      expect(await one.directory.secrets.rotate(OPERATOR)).toEqual({
        keyId: keyIdOf(old),
        rotated: 0,
        remaining: 0,
      });
      const two = node({ secretsKeys: [next, old] });
      expect(await two.directory.secrets.rotate(OPERATOR)).toEqual({
        keyId: keyIdOf(next),
        rotated: 1,
        remaining: 0,
      });
      expect(await node({ secretsKeys: [next] }).directory.secrets.read('acme', 'a')).toBe('v');
    });
  });

  describe('sign-in', () => {
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
      expect(await invitations.isOpen(result.token ?? '')).toBe(true);
      const { email: _, ...unverified } = someone;
      expect(await codeOf(signIn.withProvider(unverified, OPERATOR))).toBe(DIRECTORY_CODES.notInvited.code);
      await signIn.withProvider(someone, OPERATOR);
      expect(await users.orgsOf('eve')).toMatchObject([{ org: 'acme', roles: ['admin'] }]);
      expect(await invitations.isOpen(result.token ?? '')).toBe(false);
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
      expect(await invitations.isOpen(first.token ?? '')).toBe(false);
      await bench.clock.advance(60_000);
      expect(await invitations.isOpen(second.token ?? '')).toBe(false);
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

    it('[DIR-17] quotas of orgs are held in memory', async () => {
      const bench = node();
      await seed(bench);
      expect(bench.directory.watch.quotasOf('acme')).toBeUndefined();
      await bench.directory.orgs.update(OPERATOR, 'acme', { quotas: { maxConnections: 3 } }, undefined);
      await bench.directory.watch.refresh();
      expect(bench.directory.watch.quotasOf('acme')).toEqual({ maxConnections: 3 });
    });
  });
});
