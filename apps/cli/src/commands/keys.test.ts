// `key`, `secret` and `audit`: what an org holds, and the record of it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { settle } from '@trunkline/base/testing';
import { describe, expect, test } from 'vitest';
import { FakeInput } from '../testing.js';
import { records, refusal, setUp } from './directory-testing.js';
import { MODULES } from './key-config.js';

describe('key', () => {
  const now = 1_700_000_100_000;
  const keys = [
    records.key('ci', { id: 'key_new' }),
    records.key('ci', { id: 'key_old', revokedMs: Number.MAX_SAFE_INTEGER }),
    records.key('gone', { revokedMs: 1 }),
    records.key('short', { expiresMs: 2, org: '*' }),
  ];
  const answers = {
    keys: ({ revoked }: Readonly<Record<string, unknown>>) => ({
      keys: keys.filter(({ revokedMs }) => revoked === true || revokedMs === null),
    }),
    createKey: ({ name }: Readonly<Record<string, unknown>>) => ({
      key: records.key(String(name)),
      secret: 'tlk_secret',
    }),
    rotateKey: () => ({ key: keys[0], replaced: keys[1], secret: 'tlk_next' }),
    revokeKey: ({ id }: Readonly<Record<string, unknown>>) => ({ key: { ...keys[0], id, revokedMs: now } }),
  };

  test('[CLI-20] create: the key alone on standard output, once', async () => {
    const { io, run, asked } = setUp(answers);
    expect(await run('key', 'create', '--name', 'ci', '--scope', 'publish', '--expires-in', '1d')).toBe(0);
    expect(asked()).toEqual([
      ['createKey', { name: 'ci', scopes: ['publish'], expiresMs: io.clock.now() + 86_400_000 }],
    ]);
    expect(io.written).toEqual({
      out: 'tlk_secret\n',
      err: 'Key ci (key_ci) of org acme. Keep it: it cannot be shown again.\n',
    });
    io.written.out = '';
    await run('key', 'create', '--name', 'ci', '--json');
    expect(JSON.parse(io.written.out)).toEqual({
      key: 'tlk_secret',
      sha256: createHash('sha256').update('tlk_secret').digest('hex'),
      id: 'key_ci',
      name: 'ci',
      org: 'acme',
      scopes: ['*'],
      expiresMs: null,
    });
  });

  test('[CLI-20] create for all orgs asks for it by name', async () => {
    const { io, run, asked } = setUp(answers);
    await run('key', 'create', '--name', 'all', '--all-orgs');
    expect(asked()).toEqual([['createKey', { name: 'all', allOrgs: true }]]);
    expect(await run('key', 'create', '--org', '*')).toBe(2);
    expect(io.written.err).toContain('--all-orgs');
  });

  test('[CLI-38] list says how each stands', async () => {
    const { io, run } = setUp(answers);
    await run('key', 'list', '--revoked');
    const lines = io.written.out.split('\n');
    expect(lines[1]).toMatch(/^ci +acme +\* +works +- /);
    expect(lines[2]).toMatch(/^ci .* replaced, works until /);
    expect(lines[3]).toMatch(/^gone .* revoked 1970-/);
    expect(lines[4]).toMatch(/^short +\* .* ended 1970-/);
  });

  test('[CLI-38] rotate and revoke take a name or an id; of two of a name, the one in use', async () => {
    const { io, run, asked } = setUp(answers);
    expect(await run('key', 'rotate', 'ci', '--overlap', '1h')).toBe(0);
    expect(io.written.out).toBe('tlk_next\n');
    expect(io.written.err).toContain('The one before works for 1 h more (key_old).');
    await run('key', 'revoke', 'key_old');
    await run('key', 'revoke', 'ci');
    expect(asked().filter(([method]) => method !== 'keys')).toEqual([
      ['rotateKey', { id: 'key_new', overlapMs: 3_600_000 }],
      ['revokeKey', { id: 'key_old' }],
      ['revokeKey', { id: 'key_new' }],
    ]);
    expect(await run('key', 'revoke', 'gone')).toBe(5);
  });

  test('[CLI-20] scopes name API methods, and the modules there are', () => {
    const manifest = new URL('../../../../packages/contracts/package.json', import.meta.url);
    const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly exports: object };
    const contracts = Object.keys(exports).map((path) => path.slice(2));
    const modules = contracts.filter(
      (name) => !['', 'api', 'diagnosis', 'kube-changes', 'wire'].includes(name),
    );
    expect(MODULES).toEqual(expect.arrayContaining(modules));
  });
});

describe('secret', () => {
  const secret = { name: 's', keyId: 'k1', createdMs: 0, updatedMs: 0, updatedBy: 'ann' };
  const answers = {
    secrets: () => ({ secrets: [secret] }),
    setSecret: () => ({ secret }),
    removeSecret: () => ({}),
  };

  test('[CLI-39] put takes standard input without the last line feed, or a file as it is', async () => {
    const input = new FakeInput();
    input.write('two\n');
    input.write('lines\n');
    input.end();
    const { io, run, asked } = setUp(answers, { input, files: { '/project/sub/ca.pem': 'pem\n' } });
    expect(await run('secret', 'put', 's')).toBe(0);
    expect(await run('secret', 'put', 's', '--file', 'ca.pem', '--json')).toBe(0);
    expect(asked()).toEqual([
      ['setSecret', { name: 's', value: 'two\nlines' }],
      ['setSecret', { name: 's', value: 'pem\n' }],
    ]);
    expect(io.written.out).toBe(`secret s is kept, under key k1\n${JSON.stringify(secret)}\n`);
  });

  test('[CLI-39] an empty value, one that is too long, and a file that is not there are wrong use', async () => {
    const empty = setUp(answers);
    expect(await empty.run('secret', 'put', 's')).toBe(2);
    expect(empty.io.written.err).toContain('the value is empty');
    const input = new FakeInput();
    input.write('x'.repeat(70_000));
    const long = setUp(answers, { input });
    expect(await long.run('secret', 'put', 's')).toBe(2);
    expect(long.io.written.err).toContain('at most 65,536 characters');
    expect(await long.run('secret', 'put', 's', '--file', 'no.pem')).toBe(2);
    expect(long.io.requests).toEqual([]);
  });

  test('[CLI-39] list and remove', async () => {
    const { io, run, asked } = setUp(answers);
    await run('secret', 'list');
    await run('secret', 'remove', 's');
    expect(io.written.out).toMatch(/^SECRET .*\ns .* by ann +k1\nsecret s removed\n$/);
    expect(asked().at(-1)).toEqual(['removeSecret', { name: 's' }]);
  });

  test('[CLI-40] rotate asks until nothing is left, and says how far it is', async () => {
    let left = 250;
    const { io, run, asked } = setUp({
      rotateSecrets: () => {
        const rotated = Math.min(100, left);
        left -= rotated;
        return { keyId: 'k2', rotated, remaining: left };
      },
    });
    expect(await run('secret', 'rotate', '--json')).toBe(0);
    expect(asked()).toHaveLength(3);
    expect(io.written.err).toBe(' 40 %  100 of 250 secrets\n 80 %  200 of 250 secrets\n');
    expect(JSON.parse(io.written.out)).toEqual({ keyId: 'k2', rotated: 250 });
  });

  test('[CLI-40] a rotation that does not get on, or that another has begun, is a failure', async () => {
    const stuck = setUp({ rotateSecrets: () => ({ keyId: 'k2', rotated: 0, remaining: 7 }) });
    expect(await stuck.run('secret', 'rotate')).toBe(1);
    expect(stuck.io.written.err).toContain('7 secrets could not be encrypted anew');
    const busy = setUp({ rotateSecrets: () => refusal(409, 1_206, 'rotation in progress') });
    expect(await busy.run('secret', 'rotate')).toBe(1);
    expect(busy.io.written.err).toContain('Wait for the first one to end.');
  });
});

describe('audit', () => {
  test('[CLI-41] list: the newest, oldest first, narrowed by the server', async () => {
    const { io, run, asked } = setUp({ audit: () => ({ records: [records.audit(2), records.audit(1)] }) });
    const argv = ['--actor', 'ann', '--action', 'key.', '--target', 'x', '--since', '1h', '--installation'];
    expect(await run('audit', 'list', ...argv, '--json')).toBe(0);
    expect(asked()).toEqual([
      [
        'audit',
        {
          actor: 'ann',
          action: 'key.',
          target: 'x',
          installation: true,
          sinceMs: io.clock.now() - 3_600_000,
          limit: 100,
        },
      ],
    ]);
    const ids = io.written.out.trim().split('\n');
    expect(ids.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual([1, 2]);
    io.written.out = '';
    await run('audit', 'list');
    expect(io.written.out).toMatch(/key\.created +key_1 {2}by ann from 192\.0\.2\.1\n/);
  });

  test('[CLI-41] tail: each record once, as it comes; a server that was away goes on; Ctrl-C ends it', async () => {
    let top = 2;
    let away = false;
    const { io, run } = setUp({
      audit: ({ limit = 100 }: Readonly<Record<string, unknown>>) =>
        away
          ? { refused: new TypeError('gone') }
          : {
              records: Array.from({ length: Math.min(top, Number(limit)) }, (_, at) =>
                records.audit(top - at),
              ),
            },
    });
    const done = run('audit', 'tail', '--limit', '1', '--json');
    const ids = (): number[] =>
      io.written.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: number }).id);
    await settle();
    expect(ids()).toEqual([2]);
    top = 4;
    await io.clock.advance(2_000);
    expect(ids()).toEqual([2, 3, 4]);
    away = true;
    await io.clock.advance(4_000);
    away = false;
    top = 5;
    await io.clock.advance(2_000);
    expect(ids()).toEqual([2, 3, 4, 5]);
    expect(io.written.err).toMatch(
      /^no Trunkline server answers .*; trying again\nthe server answers again\n$/,
    );
    io.interrupt();
    expect(await done).toBe(0);
  });
});
