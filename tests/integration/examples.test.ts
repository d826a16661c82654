/** The programs under examples/, run as a reader of the guides would run them, against a development server. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { useBed } from '../support/bed.js';

const bed = useBed(() => ({ config: { development: true, dataDir: 'data' } }));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function devState(): Promise<{ apiKey: string }> {
  return JSON.parse(await readFile(join(bed.server.directory, 'data/dev.json'), 'utf8')) as {
    apiKey: string;
  };
}

async function run(script: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const { apiKey } = await devState();
  const child = spawn(process.execPath, [`examples/${script}`, ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'] ?? '',
      TRUNKLINE_URL: bed.server.url,
      TRUNKLINE_API_KEY: apiKey,
      ...env,
    },
    timeout: 60_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

describe('examples', () => {
  test('[PROXY-4] the Node service publishes and follows', async () => {
    const { code, output } = await run('node-service/service.mjs', ['--once']);
    expect(output).toMatch(/channel +is live/);
    for (const offset of [1, 2, 3]) {
      expect(output).toMatch(new RegExp(`published offset ${offset}`));
      expect(output).toMatch(new RegExp(`got +offset ${offset}:`));
    }
    expect(code).toBe(0);
  });

  test('[PROXY-4] the stock client subscribes, publishes, reads history and presence', async () => {
    const { code, output } = await run('foreign-client/stock.mjs');
    expect(output).toMatch(/history, newest first: \[ \[ 3, 'three' \], \[ 2, 'two' \], \[ 1, 'one' \] \]/);
    expect(output).toContain('present: 1');
    expect(code).toBe(0);
  });

  test('[PROXY-4] [UNI-1] an EventSource follows a channel', async () => {
    const channel = bed.channel('public');
    const watching = run('event-source/watch.mjs', [channel, '--once']);
    const { apiKey } = await devState();
    const publish = (): Promise<unknown> =>
      bed.server.api('publish', { channel, data: { n: 1 } }, { 'x-api-key': apiKey });
    const repeated = setInterval(() => void publish(), 200);
    const { code, output } = await watching.finally(() => clearInterval(repeated));
    expect(output).toMatch(/live\n/);
    expect(output).toMatch(/publication \d+: \{ n: 1 \}/);
    expect(code).toBe(0);
  });

  test('[PROXY-4] the token of the guide is one that a server with its key accepts', async () => {
    const secret = 'a secret shared with the server, long enough';
    const { code, output } = await run('node-service/token.mjs', ['grace', 'navy'], {
      TRUNKLINE_TOKEN_SECRET: secret,
    });
    const { payload } = await jwtVerify(output.trim(), new TextEncoder().encode(secret));
    expect(payload).toMatchObject({ sub: 'grace', org: 'navy' });
    expect(code).toBe(0);
  });
});
