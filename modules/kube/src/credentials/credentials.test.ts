import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandom } from '@trunkline/base';
import { MemoryLogger } from '@trunkline/base/testing';
import type { Principal } from '@trunkline/hub';
import { testPrincipal } from '@trunkline/hub/testing';
import { CodedError } from '@trunkline/protocol';
import { sql } from '@trunkline/store';
import { createTestStore, type TestStore } from '@trunkline/store/testing';
import { createCertificateAuthority } from '@trunkline/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createKubeBed, type KubeBed, type Watched } from '../testing.js';
import { CredentialBook } from './credentials.js';
import { toMaterial } from './given.js';
import { KUBE_MIGRATIONS } from './migrations.js';

let engine: TestStore;
let bed: KubeBed;
let keys: Uint8Array[];
let logger: MemoryLogger;
beforeAll(async () => {
  engine = await createTestStore([KUBE_MIGRATIONS]);
}, 120_000);
afterEach(async () => {
  await bed?.dispose();
  await engine.reset();
});
afterAll(() => engine.dispose());

const READ = ['list', 'watch'];
const LIST = 'kube:c1/-/v1/pods';
const ada = testPrincipal({ user: 'ada' });

/** The module with a store; real time is the store's, and the rest is the fake clock's. */
async function start(): Promise<KubeBed> {
  keys = [new Uint8Array(randomBytes(32))];
  logger = new MemoryLogger();
  bed = await createKubeBed({
    clusters: [{ mode: 'own', open: () => ({ server: 'https://fake/' }) }],
    credentials: { store: engine.store, keys: () => keys },
  });
  bed.world.addNamespace('blue');
  bed.world.put('pods', 'a', 'blue');
  for (const user of ['ada', 'bob']) bed.world.tokens.set(`token-of-${user}`, user);
  bed.world.rules = ['ada', 'bob'].map((user) => ({ user, verbs: READ, resource: 'pods' }));
  return bed;
}
/** Another node on the same store. */
const otherNode = (): CredentialBook =>
  new CredentialBook({
    clock: bed.clock,
    random: createSeededRandom(7),
    logger,
    clusters: bed.kube.clusters,
    store: engine.store,
    keys: () => keys,
  });
const viewerOf = (principal: Partial<Principal> = {}) => bed.viewer({ user: 'ada', ...principal });
/** The store's time is real: turns of the event loop pass until it is so, and the fake clock stands still. */
async function turnsUntil(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn > 200_000) throw new Error('it did not come about');
    await bed.clock.advance(0);
  }
}
async function soon<T>(call: Promise<T>): Promise<T> {
  let settled = false;
  const done = call.finally(() => (settled = true));
  done.catch(() => undefined);
  await turnsUntil(() => settled);
  return done;
}
const decided = (one: Watched) => turnsUntil(() => one.subscribed || one.error !== undefined);

describe('credentials of users', () => {
  it('[KUBE-41] what a user left is used for that user, and shown to nobody', async () => {
    await start();
    const viewer = await viewerOf();
    expect(await soon(viewer.rpc('kube.open', { cluster: 'c1', resource: 'pods' }))).toMatchObject({
      error: { code: 1331 },
    });
    const put = { cluster: 'c1', token: ' token-of-ada\n' };
    expect(await soon(viewer.rpc('kube.credentials.put', put))).toEqual({ cluster: 'c1', kind: 'token' });
    const listed = await soon(viewer.rpc('kube.credentials.list', {}));
    expect(listed).toEqual({
      credentials: [{ cluster: 'c1', kind: 'token', updatedMs: expect.any(Number) as number }],
    });
    const { rows } = await engine.store.read(sql`SELECT * FROM kube_credentials`);
    expect(JSON.stringify(rows)).not.toContain('token-of-ada');
    expect(Buffer.from(rows[0]?.['sealed'] as Uint8Array).includes('token-of-ada')).toBe(false);
    const opened = await soon(viewer.rpc('kube.open', { cluster: 'c1', resource: 'pods' }));
    const [{ channel } = { channel: '' }] = opened['lists'] as { channel: string }[];
    expect(channel).toMatch(/^kube:c1\/-\/v1\/pods\?as=\w+$/);
    const watched = viewer.watch(channel);
    await decided(watched);
    expect([...watched.entries.keys()]).toEqual(['blue/a']);
    expect(await soon(viewer.rpc('kube.clusters', {}))).toMatchObject({
      clusters: [{ credential: 'present' }],
    });
    for (const [other, code] of [
      [{ user: 'bob' }, 1331],
      [{ org: 'globex' }, 1330],
    ] as const) {
      const stranger = await viewerOf(other);
      const theirs = stranger.watch(channel);
      await decided(theirs);
      expect(theirs.error?.code).toBe(code);
    }
  });

  it('[KUBE-41] a channel of another one’s credential opens nothing for whoever left one too', async () => {
    await start();
    const { credentials, access } = bed.kube;
    const bob = testPrincipal({ user: 'bob' });
    await soon(credentials!.put(ada, { cluster: 'c1', token: 'token-of-ada' }));
    await soon(credentials!.put(bob, { cluster: 'c1', token: 'token-of-bob' }));
    const { upstream } = await soon(access.enter(ada, 'c1'));
    const viewer = await viewerOf({ user: 'bob' });
    for (const channel of [`${LIST}?as=${(upstream as { id: string }).id}`, LIST]) {
      const watched = viewer.watch(channel);
      await decided(watched);
      expect([channel, watched.error?.code]).toEqual([channel, 103]);
    }
  });

  it('[KUBE-42] one that is replaced or taken back ends what ran on it, on this node at once, on others within seconds', async () => {
    await start();
    const { credentials, access, clusters } = bed.kube;
    await soon(credentials!.put(ada, { cluster: 'c1', token: 'token-of-ada' }));
    const before = await soon(access.enter(ada, 'c1'));
    // Put again, it is the same one.
    await soon(credentials!.put(ada, { cluster: 'c1', token: 'token-of-ada' }));
    expect((await soon(access.enter(ada, 'c1'))).upstream).toEqual(before.upstream);
    const other = otherNode();
    expect((await soon(other.find(ada, 'c1')))?.credential).toEqual({ token: 'token-of-ada' });
    await soon(credentials!.put(ada, { cluster: 'c1', token: 'token-of-bob' }));
    expect((await soon(access.enter(ada, 'c1'))).upstream).not.toEqual(before.upstream);
    expect(() => clusters.get('c1').way(before.upstream)).toThrow('no such cluster');
    await bed.clock.advance(1_000);
    expect((await soon(other.find(ada, 'c1')))?.credential).toEqual({ token: 'token-of-bob' });
    expect(await soon(credentials!.remove(ada, 'c1'))).toBe(true);
    expect(await soon(credentials!.remove(ada, 'c1'))).toBe(false);
    await bed.clock.advance(1_000);
    expect(await soon(other.find(ada, 'c1'))).toBeUndefined();
    await expect(soon(access.enter(ada, 'c1'))).rejects.toMatchObject({ code: 1331 });
  });

  it('[KUBE-43] they open under their key, at their place, and nowhere else', async () => {
    await start();
    const { credentials } = bed.kube;
    await soon(credentials!.put(ada, { cluster: 'c1', token: 'token-of-ada' }));
    const [first] = keys as [Uint8Array];
    keys = [new Uint8Array(randomBytes(32)), first];
    expect(await soon(otherNode().find(ada, 'c1'))).toBeDefined();
    keys = keys.slice(0, 1);
    expect(await soon(otherNode().find(ada, 'c1'))).toBeUndefined();
    expect(JSON.stringify(logger.lines)).not.toContain('token-of-ada');
    keys = [first];
    await engine.store.commit({ statements: [sql`UPDATE kube_credentials SET user_id = 'bob'`] });
    expect(await soon(otherNode().find(testPrincipal({ user: 'bob' }), 'c1'))).toBeUndefined();
  });

  it('[KUBE-42] a store that is away for a while takes nothing away', async () => {
    await start();
    let down = false;
    const book = new CredentialBook({
      clock: bed.clock,
      random: createSeededRandom(7),
      logger,
      clusters: bed.kube.clusters,
      keys: () => keys,
      store: {
        commit: (unit) => engine.store.commit(unit),
        read: (statement) =>
          down ? Promise.reject(new CodedError('sourceUnavailable', 'store')) : engine.store.read(statement),
      },
    });
    await soon(book.put(ada, { cluster: 'c1', token: 'token-of-ada' }));
    await soon(book.find(ada, 'c1'));
    down = true;
    await bed.clock.advance(30_000);
    expect(await soon(book.find(ada, 'c1'))).toBeDefined();
    await bed.clock.advance(60_000);
    await expect(soon(book.find(ada, 'c1'))).rejects.toMatchObject({ temporary: true });
  });

  it('[KUBE-44] are for clusters that use them', async () => {
    await start();
    bed.kube.addCluster({
      id: 'c2',
      mode: 'shared',
      open: () => ({ server: 'https://fake' }),
      visibleTo: () => ({}),
    });
    const viewer = await viewerOf();
    const put = (cluster: string) => soon(viewer.rpc('kube.credentials.put', { cluster, token: 't' }));
    expect(await put('c2')).toMatchObject({ error: { code: 107 } });
    expect(await put('c9')).toMatchObject({ error: { code: 1330 } });
    const nobody = await viewerOf({ user: '' });
    expect(await soon(nobody.rpc('kube.credentials.list', {}))).toMatchObject({ error: { code: 101 } });
  });
});

describe('what may be left', () => {
  const SERVER = 'https://fake:6443/k8s';
  const kubeconfig = (cluster: object, user: object): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  const codeOf = (params: object): string => {
    try {
      return toMaterial(params, SERVER).kind;
    } catch (error) {
      if (error instanceof CodedError) return `${error.code} ${error.message}`;
      throw error;
    }
  };

  it('[KUBE-44] a kubeconfig of this cluster, reduced to its token; of another one it is refused', () => {
    const user = { token: 'secret' };
    for (const server of [SERVER, `${SERVER}/`])
      expect(codeOf({ kubeconfig: kubeconfig({ server }, user) })).toBe('token');
    for (const server of [
      'https://fake:6443',
      'http://fake:6443/k8s',
      'https://evil/k8s',
      'https://fake/k8s',
    ]) {
      const refusal = codeOf({ kubeconfig: kubeconfig({ server }, user) });
      expect(refusal).toContain('1316');
      expect(refusal).not.toContain('secret');
    }
  });

  it.each([
    ['a program', {}, { exec: { command: 'sh' } }, 'exec'],
    ['a file', {}, { tokenFile: '/etc/passwd' }, 'tokenFile'],
    ['a proxy', { 'proxy-url': 'http://evil' }, { token: 't' }, 'proxy-url'],
    ['an auth provider', {}, { 'auth-provider': { name: 'oidc' } }, 'auth-provider'],
    ['somebody else', {}, { token: 't', as: 'admin' }, 'as'],
  ])('[KUBE-44] %s in it is refused by its name', (_what, cluster, user, field) => {
    expect(codeOf({ kubeconfig: kubeconfig({ server: SERVER, ...cluster }, user) })).toMatch(
      new RegExp(`^1316 .*${field}`),
    );
  });

  it('[KUBE-44] a certificate with its key; what does not fit is refused by its field, without its text', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kube-credentials-'));
    const authority = await createCertificateAuthority(folder);
    const issue = async (name: string) => {
      const paths = await authority.sign(name, `/CN=${name}`);
      return { cert: await readFile(paths.cert, 'utf8'), key: await readFile(paths.key, 'utf8') };
    };
    const one = await issue('ada');
    const other = await issue('bob');
    await rm(folder, { recursive: true });
    expect(codeOf({ certificate: one.cert, key: one.key })).toBe('certificate');
    expect(codeOf({ certificate: one.cert, key: other.key })).toContain('107 bad request: key');
    expect(codeOf({ certificate: one.cert })).toContain('107 bad request: key: missing');
    expect(codeOf({ key: one.key })).toContain('certificate: missing');
    expect(codeOf({ certificate: 'rubbish', key: one.key })).toBe(
      '107 bad request: certificate: PEM expected',
    );
    expect(codeOf({ token: 'two words' })).toContain('token');
    expect(codeOf({ token: 'a', kubeconfig: 'b' })).toContain('one of');
    expect(codeOf({})).toContain('one of');
    expect(codeOf({ kubeconfig: 'rubbish' })).toContain('1315');
  });
});
