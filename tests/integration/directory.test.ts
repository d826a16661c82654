/**
 * The directory in a running server, on both engines: routes and their document, keys of the store at the HTTP API, the first operator, sessions and their
 * connections, secrets and their key, and the log of it all.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryContract } from '@trunkline/contracts/directory';
import { freePort, Kit, startRedis, until, type TestServer } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  callDirectory,
  codeOf,
  resultOf,
  rootIn,
  signInByLink,
  startDirectoryServer,
  storeUrlOf,
  type Engine,
} from '../support/directory-server.js';

const METHODS = Object.keys(directoryContract.rpc).map((method) => method.slice('directory.'.length));
/** Short, so that tests need not wait long. */
const QUICK = { directory: { keyCache: '1s', refresh: '1s' } };
const KEYS = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'));

interface Key {
  readonly key: { readonly id: string };
  readonly secret: string;
}

interface AuditPage {
  readonly records: readonly {
    readonly actor: string;
    readonly action: string;
    readonly target: string;
    readonly requestId: string;
    readonly address: string;
  }[];
  readonly next?: string;
}

const root = async <T = Readonly<Record<string, unknown>>>(
  server: TestServer,
  org: string,
  method: string,
  params: object = {},
): Promise<T> => resultOf<T>(await callDirectory(server, rootIn(org), method, params));

const makeKey = (server: TestServer, org: string, params: object): Promise<Key> =>
  root<Key>(server, org, 'createKey', params);

/** The status of a call of the HTTP API with a key. */
const publishWith = async (server: TestServer, key: string, more: object = {}): Promise<number> =>
  (await server.api('publish', { channel: 'open:a', data: 1 }, { 'x-api-key': key, ...more })).status;

describe.each(['embedded', 'postgres'] as const)('a server on %s', (engine: Engine) => {
  const fileKit = new Kit();
  let kit = new Kit();
  let server: TestServer;
  let store: { readonly storeUrl?: string };

  beforeAll(async () => {
    store = await storeUrlOf(fileKit, engine);
    server = await startDirectoryServer(fileKit, { config: QUICK, ...store });
    for (const id of ['acme', 'globex']) await root(server, id, 'createOrg', { id });
  }, 120_000);
  beforeEach(() => (kit = new Kit()));
  afterEach(() => kit.dispose());
  afterAll(() => fileKit.dispose());

  it('[DIR-2] every method is a route, is in the document, and asks who it is first', async () => {
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      readonly paths: Readonly<Record<string, { readonly post?: { readonly responses?: object } }>>;
    };
    for (const method of METHODS) {
      expect(Object.keys(document.paths[`/directory/${method}`]?.post?.responses ?? {})).toContain('2XX');
      expect(codeOf(await callDirectory(server, {}, method))).toBe(101);
      expect((await callDirectory(server, { 'x-api-key': 'tlk_wrong' }, method)).status).toBe(401);
      const { status } = await callDirectory(server, rootIn('acme'), method, {
        limit: 'no number',
        id: 7,
        batch: 'none',
      });
      expect(status === 200 || status === 400).toBe(true);
    }
  });

  it('[DIR-7] a key of the store opens its org, within its scopes, and no other', async () => {
    const { secret } = await makeKey(server, 'acme', { name: 'ci', scopes: ['publish', 'history'] });
    expect(await publishWith(server, secret)).toBe(200);
    expect(await publishWith(server, secret, { 'x-org': 'acme' })).toBe(200);
    expect(await publishWith(server, secret, { 'x-org': 'globex' })).toBe(403);
    const denied = await server.api('presence', { channel: 'open:a' }, { 'x-api-key': secret });
    expect([denied.status, denied.body.error?.code]).toEqual([403, 103]);
    const batch = await server.api(
      'batch',
      { commands: [{ publish: { channel: 'open:a', data: 1 } }, { channels: {} }] },
      { 'x-api-key': secret },
    );
    expect(batch.body).toMatchObject({ replies: [{ publish: {} }, { error: { code: 103 } }] });
    expect(codeOf(await callDirectory(server, { 'x-api-key': secret }, 'keys'))).toBe(103);
    expect((await server.api('rpc', { method: 'directory.keys' }, { 'x-api-key': secret })).status).toBe(403);
    const rpcOnly = await makeKey(server, 'acme', { name: 'rpc-only', scopes: ['rpc'] });
    const call = await server.api('rpc', { method: 'directory.keys' }, { 'x-api-key': rpcOnly.secret });
    expect(call.body.error?.code).toBe(103);
  });

  it('[DIR-7] a key of all orgs names one, and its uses are in the log of that org', async () => {
    const { secret } = await makeKey(server, 'acme', { name: 'everywhere', allOrgs: true });
    expect(await publishWith(server, secret)).toBe(400);
    expect(await publishWith(server, secret, { 'x-org': 'globex' })).toBe(200);
    await until('the use is in the log', async () => {
      const { records } = await root<AuditPage>(server, 'globex', 'audit', { action: 'key.used' });
      return records.some(({ actor, target }) => actor === 'apikey:everywhere' && target === 'publish');
    });
  });

  it('[DIR-8] a key that is revoked is refused by the next request; so is one whose overlap is over', async () => {
    const one = await makeKey(server, 'acme', { name: 'short' });
    expect(await publishWith(server, one.secret)).toBe(200);
    await root(server, 'acme', 'revokeKey', { id: one.key.id });
    expect(await publishWith(server, one.secret)).toBe(401);
    const two = await makeKey(server, 'acme', { name: 'short' });
    const next = await root<Key>(server, 'acme', 'rotateKey', { id: two.key.id, overlapMs: 60_000 });
    expect([await publishWith(server, two.secret), await publishWith(server, next.secret)]).toEqual([
      200, 200,
    ]);
    const last = await root<Key>(server, 'acme', 'rotateKey', { id: next.key.id, overlapMs: 0 });
    expect([await publishWith(server, next.secret), await publishWith(server, last.secret)]).toEqual([
      401, 200,
    ]);
  });

  it('[DIR-14][DIR-18] the link makes the first operator, whose connections see the org and what changes in it', async () => {
    for (const [key, status] of [
      [undefined, 401],
      ['tlk_wrong', 401],
      [(await makeKey(server, 'acme', { name: 'of-acme' })).secret, 403],
      [(await makeKey(server, 'acme', { name: 'narrow', allOrgs: true, scopes: ['publish'] })).secret, 403],
    ] as const) {
      const headers = key === undefined ? {} : { 'x-api-key': key };
      expect((await fetch(`${server.url}/console/link`, { method: 'POST', headers })).status).toBe(status);
    }
    const console = await signInByLink(server);
    const session = (await console.door('GET', 'session')).body;
    expect(session).toMatchObject({ user: 'console', org: 'home', roles: ['admin', 'operator'] });
    const me = resultOf(await console.call('me'));
    expect(me).toMatchObject({ known: true, operator: true, orgs: [{ org: 'home', roles: ['admin'] }] });
    const raw = await console.connect(kit);
    await raw.request({ subscribe: { channel: 'directory:changes' } });
    const reply = await raw.request({
      rpc: { method: 'directory.createKey', data: { name: 'made-live' } },
    });
    expect(reply.error).toBeUndefined();
    await raw.expect('the change', (document) => JSON.stringify(document).includes('"kind":"key"'));
    // The last operator stays.
    const refused = await callDirectory(server, rootIn('acme'), 'updateUser', {
      user: 'console',
      disabled: true,
    });
    expect([refused.status, codeOf(refused)]).toEqual([409, 1201]);
  });

  it('[DIR-21] sign-out ends the session and its connections, and no other session of the user', async () => {
    const [one, other] = [await signInByLink(server), await signInByLink(server)];
    const [raw, second, stays] = [
      await one.connect(kit),
      await one.connect(kit, 'acme'),
      await other.connect(kit),
    ];
    const token = await one.token();
    expect((await one.door('POST', 'logout')).status).toBe(204);
    expect((await raw.closed).code).toBe(3014);
    expect((await second.closed).code).toBe(3014);
    expect((await one.door('GET', 'session')).status).toBe(401);
    const late = await kit.raw(server.wsUrl);
    expect((await late.connect({ token })).error).toMatchObject({ code: 109 });
    expect((await stays.request({ rpc: { method: 'directory.me', data: {} } })).error).toBeUndefined();
    const { ended } = resultOf<{ ended: number }>(await other.call('endSessions'));
    expect(ended).toBeGreaterThanOrEqual(0);
    expect((await other.door('GET', 'session')).status).toBe(200);
    const { sessions } = resultOf<{ sessions: { id: string; current: boolean }[] }>(
      await other.call('sessions'),
    );
    expect(sessions.map(({ current }) => current)).toEqual([true]);
    await root(server, 'home', 'endSession', { id: sessions[0]?.id });
    expect((await stays.closed).code).toBe(3014);
    expect((await other.door('POST', 'token')).status).toBe(401);
  });

  it('[DIR-15] sessions, keys and records survive the process', async () => {
    const person = await signInByLink(server);
    const { secret } = await makeKey(server, 'acme', { name: 'lasting' });
    const token = await person.token();
    await server.kill9();
    await server.restart();
    expect((await person.door('GET', 'session')).body).toMatchObject({ user: 'console' });
    expect(await publishWith(server, secret)).toBe(200);
    // The key that signs is derived from the one of secrets: even the token goes on.
    const raw = await kit.raw(server.wsUrl);
    expect((await raw.connect({ token })).error).toBeUndefined();
    const { records } = await root<AuditPage>(server, 'acme', 'audit', { action: 'key.created' });
    expect(records.some(({ target }) => target.startsWith('key_'))).toBe(true);
  });

  it('[DIR-3] whatever is done is in the log, with who, from where and in which request, and nothing that opens anything', async () => {
    const shown: string[] = [];
    const act = async (method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> => {
      const headers = { ...rootIn('umbrella'), 'x-request-id': `req-${method}` };
      const result = resultOf(await callDirectory(server, headers, method, params));
      for (const name of ['secret', 'token']) {
        const value = result[name];
        if (typeof value === 'string') shown.push(value);
      }
      return result;
    };
    await act('createOrg', { id: 'umbrella' });
    await act('updateOrg', { id: 'umbrella', quotas: { maxConnections: 5 } });
    await act('setSecret', { name: 's', value: 'the value of the secret' });
    await act('removeSecret', { name: 's' });
    const { key } = (await act('createKey', { name: 'k' })) as unknown as Key;
    const next = (await act('rotateKey', { id: key.id })) as unknown as Key;
    await act('revokeKey', { id: next.key.id });
    const { invitation } = (await act('invite', { email: 'a@b.example', roles: ['viewer'] })) as {
      invitation: { id: string };
    };
    await act('revokeInvitation', { id: invitation.id });
    await act('setMember', { user: 'console', roles: ['viewer'] });
    await act('setGroup', { name: 'g', members: ['console'] });
    await act('removeGroup', { name: 'g' });
    await act('removeMember', { user: 'console' });
    expect(shown).toHaveLength(3);
    const { records } = await root<AuditPage>(server, 'umbrella', 'audit', { limit: 100 });
    const told = records.filter(({ action }) => action !== 'key.used');
    expect(told.map(({ action }) => action).reverse()).toEqual([
      'org.created',
      'org.updated',
      'secret.set',
      'secret.removed',
      'key.created',
      'key.rotated',
      'key.revoked',
      'invitation.created',
      'invitation.revoked',
      'member.set',
      'group.set',
      'group.removed',
      'member.removed',
    ]);
    for (const { actor, address, requestId } of told) {
      expect([actor, address]).toEqual(['apikey:root', '127.0.0.1']);
      expect(requestId).toMatch(/^req-/);
    }
    const text = JSON.stringify(records);
    for (const one of [...shown, 'the value of the secret']) expect(text).not.toContain(one);
    await act('deleteOrg', { id: 'umbrella' });
    const installation = await root<AuditPage>(server, 'acme', 'audit', { installation: true, limit: 1 });
    expect(installation.records[0]).toMatchObject({ action: 'org.deleted', target: 'umbrella' });
  });

  it('[DIR-19] lists come in pages, without a gap or a repeat', async () => {
    for (let n = 0; n < 7; n++) await makeKey(server, 'globex', { name: `k${n}` });
    for (const [method, field, idOf] of [
      ['keys', 'keys', (one: Record<string, unknown>) => one['id']],
      ['audit', 'records', (one: Record<string, unknown>) => one['id']],
      ['orgs', 'orgs', (one: Record<string, unknown>) => one['id']],
    ] as const) {
      const all = (await root(server, 'globex', method, { limit: 1_000 }))[field] as Record<
        string,
        unknown
      >[];
      const seen: unknown[] = [];
      let after: string | undefined;
      do {
        const page: Readonly<Record<string, unknown>> = await root(server, 'globex', method, {
          limit: 2,
          ...(after === undefined ? {} : { after }),
        });
        const items = page[field] as Record<string, unknown>[];
        expect(items.length).toBeLessThanOrEqual(2);
        seen.push(...items.map(idOf));
        after = page['next'] as string | undefined;
      } while (after !== undefined);
      expect(seen).toEqual(all.map(idOf));
      const over = await callDirectory(server, rootIn('globex'), method, { limit: 1_001 });
      expect(codeOf(over)).toBe(107);
    }
  });
});

describe('the key of secrets', () => {
  let kit = new Kit();
  beforeEach(() => (kit = new Kit()));
  afterEach(() => kit.dispose());

  it('[DIR-11] on an embedded store a rotation makes its own key, a batch per call, through a crash', async () => {
    const server = await startDirectoryServer(kit, {});
    await root(server, 'acme', 'createOrg', { id: 'acme' });
    for (let n = 0; n < 5; n++) await root(server, 'acme', 'setSecret', { name: `s${n}`, value: `v${n}` });
    const path = join(server.directory, '.trunkline', 'secrets.key');
    const file = async (): Promise<number> =>
      (await readFile(path, 'utf8')).split('\n').filter((line) => /^[^#]/.test(line)).length;
    expect(await file()).toBe(1);
    const rotate = () => root(server, 'acme', 'rotateSecrets', { batch: 2 });
    const begun = await rotate();
    expect(begun).toMatchObject({ rotated: 2, remaining: 3 });
    expect(await file()).toBe(2);
    await server.kill9();
    await server.restart();
    const { keys, managed } = await root<{ managed: boolean; keys: { secrets: number }[] }>(
      server,
      'acme',
      'secretKeys',
    );
    expect([managed, keys.map(({ secrets }) => secrets)]).toEqual([true, [2, 3]]);
    expect(await rotate()).toMatchObject({ keyId: begun['keyId'], rotated: 2, remaining: 1 });
    expect(await rotate()).toMatchObject({ rotated: 1, remaining: 0 });
    expect(await file()).toBe(1);
    const { records } = await root<AuditPage>(server, 'acme', 'audit', {
      installation: true,
      action: 'secrets.',
    });
    expect(records.map(({ action }) => action)).toEqual(['secrets.rotated', 'secrets.rotation-begun']);
  });

  it('[DIR-10] a server without the key of its store does not start, and says which', async () => {
    const { storeUrl = '' } = await storeUrlOf(kit, 'postgres');
    const [first = '', second = ''] = KEYS;
    const start = (key: string): Promise<TestServer> =>
      startDirectoryServer(kit, { storeUrl, env: { TRUNKLINE_SECRETS_KEY: key } });
    const one = await start(first);
    await root(one, 'acme', 'createOrg', { id: 'acme' });
    await root(one, 'acme', 'setSecret', { name: 's', value: 'v' });
    await expect(start(second)).rejects.toThrow(
      /encryption key of secrets is wrong: secrets are under key [0-9a-f]{16}/,
    );
    // Old first, then new first, then what is left is moved, then new alone.
    const two = await start(`${first},${second}`);
    await root(two, 'acme', 'setSecret', { name: 't', value: 'w' });
    const three = await start(`${second},${first}`);
    expect(await root(three, 'acme', 'secretKeys')).toMatchObject({ managed: false });
    expect(await root(three, 'acme', 'rotateSecrets')).toMatchObject({ rotated: 2, remaining: 0 });
    const four = await start(second);
    expect((await root<{ secrets: unknown[] }>(four, 'acme', 'secrets')).secrets).toHaveLength(2);
  });
});

describe('two nodes on one database and one Redis', () => {
  const kit = new Kit();
  let nodes: readonly [TestServer, TestServer];

  beforeAll(async () => {
    const { storeUrl = '' } = await storeUrlOf(kit, 'postgres');
    const env = { TRUNKLINE_SECRETS_KEY: KEYS[0] ?? '' };
    const { url } = kit.use(await startRedis());
    const config = { ...QUICK, redis: { url } };
    const start = async () => startDirectoryServer(kit, { storeUrl, env, config, port: await freePort() });
    nodes = [await start(), await start()];
    await root(nodes[0], 'acme', 'createOrg', { id: 'acme' });
  }, 120_000);
  afterAll(() => kit.dispose());

  it('[DIR-8] a key works on both, and a revocation reaches the other within directory.keyCache', async () => {
    const [one, two] = nodes;
    const { key, secret } = await makeKey(one, 'acme', { name: 'ci' });
    expect([await publishWith(one, secret), await publishWith(two, secret)]).toEqual([200, 200]);
    await root(one, 'acme', 'revokeKey', { id: key.id });
    expect(await publishWith(one, secret)).toBe(401);
    await until('it is refused there', async () => (await publishWith(two, secret)) === 401);
  });

  it('[DIR-15][DIR-21] a session counts on both; a sign-out ends connections and tokens there at once, pages within 5 s', async () => {
    const [one, two] = nodes;
    const person = await signInByLink(one);
    const cookie = `trunkline=${person.visitor.cookie(one.url, 'trunkline') ?? ''}`;
    const pageOfTwo = async (): Promise<number> =>
      (await fetch(`${two.url}/console/session`, { headers: { cookie } })).status;
    expect(await pageOfTwo()).toBe(200);
    const token = await person.token();
    const raw = await kit.raw(two.wsUrl);
    expect((await raw.connect({ token })).error).toBeUndefined();
    await person.door('POST', 'logout');
    expect((await raw.closed).code).toBe(3014);
    const late = await kit.raw(two.wsUrl);
    expect((await late.connect({ token })).error).toMatchObject({ code: 109 });
    await until('pages end', async () => (await pageOfTwo()) === 401);
  });

  it('[DIR-17] quotas reach the other node within directory.refresh', async () => {
    const [one, two] = nodes;
    await root(one, 'acme', 'updateOrg', { id: 'acme', quotas: { publicationsPerSecond: 1 } });
    const { secret } = await makeKey(one, 'acme', { name: 'limited' });
    const codes = async (server: TestServer): Promise<readonly (number | undefined)[]> => {
      const answers = [];
      for (let n = 0; n < 6; n++)
        answers.push(await server.api('publish', { channel: 'open:a', data: n }, { 'x-api-key': secret }));
      return answers.map(({ body }) => body.error?.code);
    };
    expect(await codes(one)).toContain(111);
    await until('the other knows', async () => (await codes(two)).includes(111));
  });
});
