/**
 * The guide to operating, as an operator follows it: every command of `operate/commands.sh`, in the guide's order, on a server that is really started,
 * beside an OpenID provider written by others. What the guide says of each is checked where it is run.
 */
import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Kit, until, type TestServer } from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI } from '../support/cli.js';
import { Visitor } from '../support/visitor.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const GUIDE = here('../../docs/guides/operate.md');
const PROVIDER = here('../support/identity-provider.mjs');
const PEOPLE = { ann: { name: 'Ann', email: 'ann@example.com', email_verified: true } };
const CLIENT_SECRET = 'secret of the server at the provider';

const kit = new Kit();
let folder: string;
let issuer: string;
let server: TestServer;
let env: Readonly<Record<string, string>>;
let regions: ReadonlyMap<string, string>;
const ran = new Set<string>();

/** The configuration and the key of the guide's beginning, then the server beside a provider. */
beforeAll(async () => {
  regions = regionsOf(await readFile(here('operate/commands.sh'), 'utf8'));
  folder = await mkdtemp(join(tmpdir(), 'trunkline-operate-'));
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/trunkline'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  await chmod(join(folder, 'bin/trunkline'), 0o755);
  await cp(here('operate/trunkline.yaml'), join(folder, 'trunkline.yaml'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const provider = await kit.program({
    name: 'the identity provider',
    binary: process.execPath,
    args: (place) => [PROVIDER, String(place.port)],
    env: {
      PEOPLE: JSON.stringify(PEOPLE),
      SECRET: CLIENT_SECRET,
      REDIRECT: `${url}/console/oidc/callback`,
    },
    ready: async (place) =>
      (await fetch(`http://127.0.0.1:${place.port}/.well-known/openid-configuration`)).ok,
  });
  issuer = `http://127.0.0.1:${provider.port}`;
  const machine = {
    TRUNKLINE_SERVER_PUBLIC_URL: url,
    TRUNKLINE_AUTH_OIDC_ISSUER: issuer,
    TRUNKLINE_AUTH_OIDC_CLIENT_SECRET: CLIENT_SECRET,
  };
  env = { ...machine, TRUNKLINE_URL: url, REGISTRY_PASSWORD: 'hunter2' };
  await run('first-key');
  expect(await run('check')).toContain('the configuration fits');
  server = await kit.server({
    port,
    env: machine,
    readyTimeoutMs: 60_000,
    config: await readFile(join(folder, 'trunkline.yaml'), 'utf8'),
  });
  // The rest happens where the server runs.
  for (const name of ['bin', 'operator.key'])
    await cp(join(folder, name), join(server.directory, name), { recursive: true });
  await rm(folder, { recursive: true });
  folder = server.directory;
  // A first database takes its time to be made.
  const asks = (): Promise<boolean> =>
    runScript('trunkline org list').then(
      () => true,
      () => false,
    );
  await until('the store is open', asks, 60_000, 500);
}, 180_000);
afterAll(() => kit.dispose());

function regionsOf(text: string): ReadonlyMap<string, string> {
  const found = [...text.matchAll(/^# #region (\S+)\n([\s\S]*?)^# #endregion \1$/gm)];
  return new Map(found.map(([, name = '', body = '']) => [name, body]));
}

/** Runs a region with the credentials of the guide; its output. Fails where a command fails. */
async function run(name: string): Promise<string> {
  const script = regions.get(name);
  if (script === undefined) throw new Error(`there is no region ${name}`);
  ran.add(name);
  return name === 'first-key' || name === 'check' ? execute(script) : runScript(script);
}

async function runScript(script: string): Promise<string> {
  ran.add('credentials');
  return execute(`${regions.get('credentials') ?? ''}\n${script}`);
}

async function execute(script: string): Promise<string> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: { HOME: folder, ...env, PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`ended with ${code}:\n${script}\n${output}`);
  return output;
}

/** A browser that opens the link and signs in at the provider as Ann; the last page. */
async function accept(
  link: string,
  visitor: Visitor,
): Promise<{ readonly status: number; readonly url: string }> {
  const atProvider = await visitor.visit(link, (next) => next.startsWith(issuer));
  if (!atProvider.url.startsWith(issuer)) return atProvider;
  return visitor.visit(`${atProvider.url}&login_hint=ann`);
}

const linkIn = (output: string): string => /https?:\/\/\S+/.exec(output)?.[0] ?? '';

describe('operating, by the guide alone', { timeout: 120_000 }, () => {
  const ann = new Visitor();

  it('[CLI-42] [CLI-34] the first operator comes in by a link, and makes an org with limits', async () => {
    const visitor = new Visitor();
    expect((await visitor.ask(linkIn(await run('console')))).status).toBe(303);
    const session = await visitor.ask(`${server.url}/console/session`);
    expect(JSON.parse(session.text)).toMatchObject({ user: 'console', roles: ['admin', 'operator'] });
    expect(await run('org')).toMatch(/acme +Acme Corp +0 .*500 connections/);
    expect(await run('limits')).toMatch(/quotas +2,000 connections, 500 publications\/s/);
  });

  it('[CLI-37] [CLI-36] somebody is invited, proves the address at the provider, and is a member', async () => {
    const link = linkIn(await run('invite'));
    expect(link).toContain(`${server.url}/console/invitation?token=`);
    expect(await run('members')).toMatch(
      /no members[\s\S]*ann@example\.com|ann@example\.com[\s\S]*no members/,
    );
    expect(await accept(link, ann)).toMatchObject({ status: 200, url: `${server.url}/` });
    expect(JSON.parse((await ann.ask(`${server.url}/console/session`)).text)).toMatchObject({
      org: 'acme',
      roles: ['admin'],
    });
    const members = await run('members');
    expect(members).toMatch(/ann +Ann +ann@example\.com +admin/);
    expect(members).toContain('no open invitations');
    expect((await new Visitor().visit(link)).status).toBe(404);
  });

  it('[CLI-20] [CLI-38] a key is made, used, and rotated without a break', async () => {
    expect(await run('key')).toContain('published');
    const rotated = await run('rotate-key');
    expect(rotated.match(/published/g)).toHaveLength(2);
    expect(rotated).toMatch(/^ci +acme +publish +works /m);
  });

  it('[CLI-39] [CLI-40] a secret is kept, and the encryption key changed', async () => {
    const keyFile = join(server.directory, '.trunkline/secrets.key');
    expect(await run('secret')).toContain('registry-password');
    const before = await readFile(keyFile, 'utf8');
    expect(await run('rotate-secrets')).toContain('1 secret encrypted anew');
    expect(await readFile(keyFile, 'utf8')).not.toBe(before);
  });

  it('[CLI-32] everything comes back from a backup on an empty disk: people, sessions, keys, secrets', async () => {
    expect(await run('backup')).toContain('trunkline.tar.gz');
    expect(await server.term()).toBe(0);
    await rename(join(folder, '.trunkline'), join(folder, 'lost'));
    await run('restore');
    await server.restart();
    expect(await run('members')).toContain('ann@example.com');
    expect((await ann.ask(`${server.url}/console/session`)).status).toBe(200);
    const next = (await readFile(join(folder, 'ci.next.key'), 'utf8')).trim();
    const published = await server.api('publish', { channel: 'news:today', data: 1 }, { 'x-api-key': next });
    expect(published.body.result).toBeDefined();
    // The store would not open under a key that is not the one of its secrets.
    expect(await run('rotate-secrets')).toContain('1 secret encrypted anew');
  });

  it('[CLI-38] [CLI-35] [CLI-41] a key is revoked, somebody leaves, and all of it is on record', async () => {
    expect(await run('revoke')).toContain('is revoked');
    const next = (await readFile(join(folder, 'ci.next.key'), 'utf8')).trim();
    const refused = await server.api('publish', { channel: 'news:today', data: 1 }, { 'x-api-key': next });
    expect(refused.status).toBe(401);
    await run('leave');
    expect((await ann.ask(`${server.url}/console/session`)).status).toBe(401);
    const log = await run('audit');
    for (const action of [
      'org.created',
      'invitation.created',
      'invitation.accepted',
      'key.rotated',
      'key.revoked',
    ])
      expect(log).toContain(action);
    for (const action of ['user.disabled', 'secrets.rotated']) expect(log).toContain(action);
    expect(log).not.toMatch(/hunter2|tlk_/);
  });

  it('[CLI-26] the guide shows every region of the commands, and none was left out here', async () => {
    const guide = await readFile(GUIDE, 'utf8');
    const shown = [...guide.matchAll(/commands\.sh#(\S+) -->/g)].map(([, name]) => name);
    expect(shown).toEqual([...regions.keys()]);
    expect([...ran].sort()).toEqual([...regions.keys()].sort());
  });
});
