/** The guide to backups, command by command, as an operator follows it: back up, destroy, restore, and the data is there. */
import { spawn } from 'node:child_process';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kit, startPostgres, type TestServer } from '@trunkline/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLI } from '../support/cli.js';

const GUIDE = fileURLToPath(new URL('../../docs/guides/backup.md', import.meta.url));

let kit: Kit;
let server: TestServer;
beforeEach(async () => {
  kit = new Kit();
  server = await kit.server({
    apiKey: 'test-api-key-123456',
    readyTimeoutMs: 60_000,
    config: {
      dataDir: 'data',
      api: { keys: [{ name: 'all', org: '*', key: 'test-api-key-123456' }] },
      channels: { namespaces: [{ name: 'kept', class: 'durable' }] },
      log: { level: 'warn' },
    },
  });
});
afterEach(() => kit.dispose());

const AS_ACME = { 'x-api-key': 'test-api-key-123456', 'x-org': 'acme' };

/** The shell blocks of the guide, in order. */
async function commands(): Promise<readonly string[]> {
  const page = await readFile(GUIDE, 'utf8');
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'));
}

/** Runs a line of the guide in the server's folder. */
async function run(
  line: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const args = line.replace(/^(\w+=\S+ )*trunkline /, '').split(' ');
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: server.directory,
    env: { PATH: process.env['PATH'] ?? '', HOME: server.directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

async function publish(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const request = { channel: 'kept:a', data: { n }, idempotency_key: `k${n}` };
    expect((await server.api('publish', request, AS_ACME)).body.result).toBeDefined();
  }
}

interface History {
  readonly publications: readonly { readonly data: { readonly n: number } }[];
  readonly epoch: string;
  readonly offset: number;
}
const history = async (): Promise<History> =>
  (await server.api('history', { channel: 'kept:a', limit: 100 }, AS_ACME)).body.result as unknown as History;

describe('backups', { timeout: 120_000 }, () => {
  it('[CLI-31] [CLI-32] [DUR-7] back up while it runs, destroy, restore: the same data under a new epoch', async () => {
    const [status = '', backup = '', restore = ''] = await commands();
    await publish(5);
    const before = await history();
    const asked = { TRUNKLINE_URL: server.url, TRUNKLINE_API_KEY: 'test-api-key-123456' };
    expect(await run(status, asked)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/data\/store\n.*up/) as string,
    });
    expect((await run(status, { ...asked, TRUNKLINE_API_KEY: 'another-key-123456' })).code).toBe(4);
    expect(await run(backup, asked)).toMatchObject({
      code: 0,
      output: expect.stringContaining('trunkline.tar.gz') as string,
    });
    expect((await run(backup, asked)).code).toBe(2);
    await publish(8);
    expect(await run(restore, asked)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/has it open|in use/) as string,
    });

    expect(await server.term()).toBe(0);
    await rename(join(server.directory, 'data'), join(server.directory, 'gone'));
    expect(await run(restore)).toMatchObject({ code: 0 });
    await server.restart();
    const after = await history();
    expect(after.publications).toEqual(before.publications);
    expect(after.offset).toBe(5);
    expect(after.epoch).not.toBe(before.epoch);
    // Keys came along: a repeat publishes nothing, and what the backup does not know is published.
    await publish(8);
    expect((await history()).publications.map(({ data }) => data.n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);

    expect(await server.term()).toBe(0);
    const again = await run(restore);
    expect(again.output).toMatch(/kept in .*store\.before-/);
    expect(await run(status)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/PostgreSQL 1\d[\s\S]*tables of (\w+, )*store\b/) as string,
    });
  });

  it('[CLI-31] [CLI-32] from the embedded database to PostgreSQL', async () => {
    const lines = await commands();
    const [exporting = '', importing = '', migrating = ''] = lines.slice(-3);
    await publish(5);
    const before = await history();
    expect(await server.term()).toBe(0);
    expect((await run(exporting)).code).toBe(0);
    const postgres = kit.use(await startPostgres());
    const env = { TRUNKLINE_STORE_URL: postgres.url };
    expect(await run(importing, env)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/rows? taken in/) as string,
    });
    expect(await run(migrating, env)).toMatchObject({
      code: 0,
      output: expect.stringContaining('up to date') as string,
    });
    const moved = await kit.server({
      apiKey: 'test-api-key-123456',
      env,
      config: await readFile(join(server.directory, 'trunkline.yaml'), 'utf8'),
    });
    server = moved;
    const after = await history();
    expect(after.publications).toEqual(before.publications);
    expect(after.epoch).not.toBe(before.epoch);
    await rm(join(moved.directory, 'data'), { recursive: true, force: true });
  });
});
