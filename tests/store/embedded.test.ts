/** What only the embedded engine has: a data directory, its lock, its template, a thread that may have to be replaced, backups. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSystemClock, createSystemRandom, silentLogger } from '@trunkline/base';
import { channelKey } from '@trunkline/protocol';
import {
  openStore,
  restoreEmbedded,
  sql,
  type DatabaseOptions,
  type Store,
  type StoreOptions,
} from '@trunkline/store';
import { codeOf, openBank, TEMPLATE_DIRECTORY } from '@trunkline/store/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const deps = { clock: createSystemClock(), random: createSystemRandom(), logger: silentLogger };
const WRITER = fileURLToPath(new URL('./programs/writer.mjs', import.meta.url));
const FOREVER = sql`SELECT count(*) AS n FROM generate_series(1, 100000000000::bigint)`;

describe('an embedded store', () => {
  let parent: string;
  let directories = 0;
  let stores: Store[] = [];
  beforeAll(async () => void (parent = await mkdtemp(join(tmpdir(), 'trunkline-embedded-'))));
  afterEach(async () => {
    const opened = stores;
    stores = [];
    for (const store of opened) await store.dispose();
  });
  afterAll(() => rm(parent, { recursive: true, force: true }));

  const directory = (): string => join(parent, String(directories++));
  const at = (folder: string): DatabaseOptions => ({
    kind: 'embedded',
    directory: folder,
    templateDirectory: TEMPLATE_DIRECTORY,
  });
  const open = async (folder: string, options: Omit<StoreOptions, 'database'> = {}): Promise<Store> => {
    const { store } = await openBank(at(folder), options);
    stores.push(store);
    return store;
  };
  const log = (word: string) => sql`INSERT INTO bank_log (word) VALUES (${word})`;
  const words = async (store: Store): Promise<unknown[]> =>
    (await store.read(sql`SELECT word FROM bank_log ORDER BY id LIMIT 100`)).rows.map(({ word }) => word);

  it('[STORE-70] no second process, and no second store of this one, opens a directory that is open', async () => {
    const folder = directory();
    const child = spawn(process.execPath, [WRITER, JSON.stringify({ database: at(folder), name: 'w' })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      const error: unknown = await openStore(deps, { database: at(folder) }).catch((cause: unknown) => cause);
      expect(codeOf(error)).toBe(1107);
      expect((error as Error).message).toContain(`process ${child.pid}`);
      expect(await restoreEmbedded(deps, folder, 'x').catch(codeOf)).toBe(1107);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const store = await open(folder);
    expect(await openStore(deps, { database: at(folder) }).catch(codeOf)).toBe(1107);
    expect((await store.status()).engine).toBe('embedded');
  });

  it('[STORE-70] an owner that lost its directory writes nothing more', async () => {
    const folder = directory();
    const store = await open(folder);
    await store.commit({ statements: [log('mine')] });
    const lock = JSON.parse(await readFile(join(folder, 'lock'), 'utf8')) as object;
    await writeFile(join(folder, 'lock'), JSON.stringify({ ...lock, id: 'another' }));
    await expect
      .poll(() => store.commit({ statements: [log('late')] }).then(() => 0, codeOf), {
        timeout: 30_000,
        interval: 200,
      })
      .toBe(1107);
    expect(await store.read(sql`SELECT 1`).catch(codeOf)).toBe(1107);
    await store.dispose();
    expect(await readdir(folder)).toContain('lock');
  });

  it('[STORE-72] a new directory is a copy of the template, which is made once', async () => {
    const templates = await readdir(TEMPLATE_DIRECTORY).catch((): string[] => []);
    const manifest = JSON.parse(
      await readFile(new URL('../../packages/store/package.json', import.meta.url), 'utf8'),
    ) as {
      dependencies: Record<string, string>;
    };
    const name = `pglite-${manifest.dependencies['@electric-sql/pglite']}`;
    const folder = directory();
    await open(folder);
    expect(templates.length === 0 || templates.includes(name)).toBe(true);
    const identifier = async (path: string): Promise<Buffer> =>
      (await readFile(join(path, 'global', 'pg_control'))).subarray(0, 8);
    expect(await identifier(join(folder, 'pg'))).toEqual(await identifier(join(TEMPLATE_DIRECTORY, name)));
    // The log's first file would be 16 MB by itself.
    expect(await size(join(TEMPLATE_DIRECTORY, name))).toBeLessThan(34_000_000);
  });

  it('[STORE-72] a database that was half made is not opened, but made anew', async () => {
    const folder = directory();
    await mkdir(join(folder, 'pg.new'), { recursive: true });
    await writeFile(join(folder, 'pg.new', 'PG_VERSION'), '18\n');
    expect(await words(await open(folder))).toEqual([]);
    expect(await readdir(folder)).not.toContain('pg.new');
  });

  it('[STORE-73] a statement that takes too long costs the thread, not the store: 1103, and then everything as before', async () => {
    const store = await open(directory(), {
      readTimeoutMs: 2_000,
      committer: { timeoutMs: 2_000, retryMinMs: 1, retryMaxMs: 2 },
    });
    await store.commit({ statements: [log('before')] });
    expect(await store.read(FOREVER).catch(codeOf)).toBe(1103);
    expect(await words(store)).toEqual(['before']);
    const outcomes = await Promise.all([
      store.commit({ statements: [log('one')] }).then(() => 'committed'),
      store.commit({ statements: [log('two'), FOREVER] }).catch(codeOf),
      store.commit({ statements: [log('three')] }).then(() => 'committed'),
    ]);
    expect(outcomes).toEqual(['committed', 1103, 'committed']);
    expect(await words(store)).toEqual(['before', 'one', 'three']);
  });

  it('[STORE-79] a database that does not open is tried again later, callers are told at once, and it comes back by itself', async () => {
    const folder = directory();
    const { store, logger } = await openBank(at(folder), { readTimeoutMs: 2_000 });
    stores.push(store);
    await store.commit({ statements: [log('before')] });
    const control = join(folder, 'pg', 'global', 'pg_control');
    await rename(control, `${control}.away`);
    expect(await store.read(FOREVER).catch(codeOf)).toBe(1103);
    const reads = 40;
    const codes = new Set<unknown>();
    for (let count = 0; count < reads; count++) codes.add(await store.read(sql`SELECT 1`).catch(codeOf));
    expect(codes).toEqual(new Set([1100]));
    const tries = logger.lines.filter(({ message }) => message.includes('opened again'));
    expect(tries.length).toBeGreaterThan(1);
    expect(tries.length).toBeLessThan(reads / 2);
    await rename(`${control}.away`, control);
    await expect
      .poll(() => store.commit({ statements: [log('after')] }).then(() => 0, codeOf), { timeout: 40_000 })
      .toBe(0);
    expect(await words(store)).toEqual(['before', 'after']);
  });

  it('[STORE-74] after the machine itself went down, durable channels have new epochs', async () => {
    const folder = directory();
    const key = channelKey('acme', 'inbox:ada');
    const epochOf = async (store: Store): Promise<string> =>
      (await store.channels.read(key, undefined, 0, false)).position.epoch;
    const first = await open(folder);
    await first.commit({ statements: [first.channels.append(key, '1')] });
    const epoch = await epochOf(first);
    await first.dispose();
    const lock = (boot: string): Promise<void> =>
      writeFile(
        join(folder, 'lock'),
        JSON.stringify({
          id: 'x',
          pid: 1,
          startedAt: 'never',
          host: hostname(),
          boot,
          namespace: NAMESPACE,
          sinceMs: 0,
        }),
      );
    await lock(BOOT);
    const second = await open(folder);
    expect(await epochOf(second)).toBe(epoch);
    await second.dispose();
    await lock('another boot');
    const third = await open(folder);
    const renewed = await epochOf(third);
    expect(renewed).not.toBe(epoch);
    await third.dispose();
    expect(await epochOf(await open(folder))).toBe(renewed);
  });

  it('[STORE-75] a backup is a moment of a store at work, and is restored into an empty directory with new epochs', async () => {
    const folder = directory();
    const store = await open(folder);
    const key = channelKey('acme', 'inbox:ada');
    const writing = Array.from({ length: 200 }, (_, index) =>
      store.commit({ statements: [log(`w${index}`), store.channels.append(key, String(index))] }),
    );
    await writing[0];
    for (const name of ['backup.tar', 'backup.tar.gz']) {
      const path = join(parent, name);
      await store.backup(path);
      await Promise.all(writing);
      const other = directory();
      await restoreEmbedded(deps, other, path);
      const restored = await open(other);
      const { publications, position } = await restored.channels.read(key, undefined, 1_000, false);
      const count = Number((await restored.read(sql`SELECT count(*) AS n FROM bank_log`)).rows[0]?.['n']);
      expect(count).toBeGreaterThan(0);
      expect([publications.length, position.offset]).toEqual([count, count]);
      expect(position.epoch).not.toBe((await store.channels.read(key, undefined, 0, false)).position.epoch);
      expect(await restoreEmbedded(deps, folder, path).catch(codeOf)).toBe(1107);
      await restored.dispose();
      expect(await restoreEmbedded(deps, other, path).catch(codeOf)).toBe(1108);
    }
    expect((await stat(join(parent, 'backup.tar.gz'))).size * 3).toBeLessThan(
      (await stat(join(parent, 'backup.tar'))).size,
    );
  });

  it('[STORE-75] what is no backup is refused and leaves nothing', async () => {
    const folder = directory();
    await writeFile(join(parent, 'rubbish'), 'no tar at all');
    expect(await restoreEmbedded(deps, folder, join(parent, 'missing')).catch(codeOf)).toBe(1004);
    expect(await restoreEmbedded(deps, folder, join(parent, 'rubbish')).catch(codeOf)).toBe(1108);
    expect((await readdir(folder)).filter((name) => name.startsWith('pg'))).toEqual([]);
  });

  it('[STORE-76] files of another version of PostgreSQL are refused, with what to do', async () => {
    const folder = directory();
    await mkdir(join(folder, 'pg'), { recursive: true });
    await writeFile(join(folder, 'pg', 'PG_VERSION'), '17\n');
    const error: unknown = await openStore(deps, { database: at(folder) }).catch((cause: unknown) => cause);
    expect(codeOf(error)).toBe(1108);
    expect((error as Error).message).toContain('export');
    expect(await openStore(deps, { database: at(folder) }).catch(codeOf)).toBe(1108);
  });

  it('[STORE-78] rows that are updated again and again do not make the files grow', async () => {
    const store = await open(directory(), { housekeeping: { maintenanceMs: 50 } });
    await store.commit({
      statements: [
        sql`INSERT INTO bank_accounts (name, balance) SELECT 'a' || n, 0 FROM generate_series(1, 500) n`,
      ],
    });
    const pages = async (): Promise<number> =>
      Number((await store.read(sql`SELECT pg_relation_size('bank_accounts') / 8192 AS n`)).rows[0]?.['n']);
    for (let turn = 0; turn < 60; turn++)
      await store.commit({
        statements: [sql`UPDATE bank_accounts SET name = name || ${'x'}, balance = balance + 1`],
      });
    // Sixty versions of every row would be some three hundred pages.
    expect(await pages()).toBeLessThan(150);
  });
});

const BOOT = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
  (text) => text.trim(),
  () => '',
);
const NAMESPACE = await import('node:fs/promises').then(({ readlink }) =>
  readlink('/proc/self/ns/pid').catch(() => ''),
);

async function size(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) total += (await stat(join(entry.parentPath, entry.name))).size;
  return total;
}
