// Commands that work on the server's configuration, on the real server package: `token create`, `config check`, `config show`, `serve`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../program.js';
import { loadServer, type Server } from '../server-port.js';
import { createFakeIo, createFakeLive, createFakeSockets } from '../testing.js';

const SECRET = 'a secret of at least thirty-two characters';
// The first import reads a whole server.
beforeAll(loadServer, 60_000);

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function setUp(yaml?: string, env: Record<string, string> = {}, server?: Partial<Server>, state?: object) {
  const cwd = mkdtempSync(join(tmpdir(), 'trunkline-cli-'));
  folders.push(cwd);
  if (yaml !== undefined) writeFileSync(join(cwd, 'trunkline.yaml'), yaml);
  const files = state === undefined ? {} : { [join(cwd, '.trunkline', 'dev.json')]: JSON.stringify(state) };
  const io = createFakeIo({ cwd, env, files });
  const load = async (): Promise<Server> => ({ ...(await loadServer()), ...server });
  const run = (...argv: string[]): Promise<number> =>
    runCli(argv, {
      io,
      connect: createFakeLive().connect,
      loadServer: load,
      version: '0',
      loadSockets: async () => createFakeSockets(() => undefined).open,
      onClientCommand: () => undefined,
      onServe: () => undefined,
    });
  return { io, run };
}

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

describe('token create', () => {
  const yaml = `auth:\n  issuer: https://id.example.org\n  keys:\n    - {alg: HS256, kid: first, secret: "${SECRET}"}\n`;

  test('[CLI-14] signs with the secret, issuer and lifetime asked for', async () => {
    const { io, run } = setUp(yaml);
    expect(
      await run(
        'token',
        'create',
        '--user',
        'ann',
        '--org',
        'acme',
        '--role',
        'admin',
        '--role',
        'member',
        '--ttl',
        '10m',
        '--info',
        '{"name":"Ann"}',
      ),
    ).toBe(0);
    const nowSeconds = Math.floor(io.clock.now() / 1_000);
    expect(claimsOf(io.written.out.trim())).toEqual({
      sub: 'ann',
      org: 'acme',
      roles: ['admin', 'member'],
      info: { name: 'Ann' },
      iss: 'https://id.example.org',
      iat: nowSeconds,
      exp: nowSeconds + 600,
    });
    expect(JSON.parse(Buffer.from(io.written.out.split('.')[0] ?? '', 'base64url').toString())).toMatchObject(
      { alg: 'HS256', kid: 'first' },
    );
  });

  test('[CLI-14] without a key of its own, as the development server that runs here', async () => {
    const left = `h.${Buffer.from(JSON.stringify({ iss: 'dev-issuer' })).toString('base64url')}.s`;
    const { io, run } = setUp(
      undefined,
      {},
      {},
      { url: 'http://127.0.0.1:8000', apiKey: SECRET, token: left },
    );
    expect(await run('token', 'create', '--user', 'ann')).toBe(0);
    expect(claimsOf(io.written.out.trim())).toMatchObject({ sub: 'ann', iss: 'dev-issuer' });
  });

  test('[CLI-14] for scripts, and without end', async () => {
    const { io, run } = setUp(yaml);
    expect(await run('token', 'create', '--user', 'ann', '--ttl', 'forever', '--json')).toBe(0);
    const { token, expiresAtMs } = JSON.parse(io.written.out) as {
      token: string;
      expiresAtMs: number | null;
    };
    expect(expiresAtMs).toBeNull();
    expect(claimsOf(token)).not.toHaveProperty('exp');
  });

  test.each([
    [['--role', 'king'], yaml, 'role'],
    [['--ttl', 'soon'], yaml, '--ttl: "soon" is no duration'],
    [['--user', 'ann'], '', 'no key that can sign'],
    [['--user', 'ann'], 'auht: {}\n', 'did you mean auth'],
  ])('[CLI-14] what cannot be signed is exit 2 and a sentence: %j', async (argv, config, text) => {
    const { io, run } = setUp(config);
    expect(await run('token', 'create', ...argv)).toBe(2);
    expect(io.written.err).toContain(text);
    expect(io.written.out).toBe('');
  });
});

describe('config', () => {
  test('[CLI-15] check lists every problem with its place', async () => {
    const fine = setUp('server:\n  port: 9000\n');
    expect(await fine.run('config', 'check')).toBe(0);
    const wrong = setUp('server:\n  prot: 9000\n', { TRUNKLINE_LOG_LEVEL: 'loud' });
    expect(await wrong.run('config', 'check')).toBe(1);
    expect(wrong.io.written.err).toMatch(
      /server\.prot: unknown key, did you mean port\? \(.*trunkline\.yaml:2\)/,
    );
    expect(wrong.io.written.err).toContain('2 problems');
    const json = setUp('server:\n  prot: 9000\n');
    expect(await json.run('config', 'check', '--json')).toBe(1);
    expect(JSON.parse(json.io.written.out)).toMatchObject({ problems: [{ path: 'server.prot' }] });
  });

  test('[CLI-15] show names origins and hides secrets', async () => {
    const { io, run } = setUp(
      `server:\n  port: 9000\nauth:\n  keys:\n    - {alg: HS256, secret: "${SECRET}"}\n`,
      { TRUNKLINE_LOG_LEVEL: 'warn' },
    );
    expect(await run('config', 'show')).toBe(0);
    expect(io.written.out).toMatch(/server\.port +9000 +.*trunkline\.yaml:2\n/);
    expect(io.written.out).toMatch(/log\.level +warn +env:TRUNKLINE_LOG_LEVEL\n/);
    expect(io.written.out).not.toContain(SECRET);
  });

  test('[CLI-15] a file that is not there is exit 2', async () => {
    const { io, run } = setUp();
    expect(await run('config', 'show', '--config', 'none.yaml')).toBe(2);
    expect(io.written.err).toContain('none.yaml');
  });
});

describe('serve', () => {
  test("[CLI-10] hands over every flag as it came, and ends with the server's exit code", async () => {
    const inputs: unknown[] = [];
    const { io, run } = setUp(
      undefined,
      { X: '1' },
      {
        runServer: async (input) => {
          inputs.push(input);
          return 78;
        },
      },
    );
    expect(await run('serve', '--dev', '--port', '0', '--log.level=debug', '-c', 'a.yaml')).toBe(78);
    expect(inputs).toEqual([
      { flags: ['--dev', '--port', '0', '--log.level=debug', '-c', 'a.yaml'], env: { X: '1' }, cwd: io.cwd },
    ]);
  });
});
