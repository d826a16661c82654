// How every command of the directory reaches the server: with which credential, in which org, and what a refusal says.
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { records, refusal, setUp } from './directory-testing.js';

const tokenOf = (claims: object): string =>
  `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;
const claimsIn = (header = ''): Record<string, unknown> =>
  JSON.parse(Buffer.from(header.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
const members = { members: () => ({ members: [] }) };
const orgs = { orgs: () => ({ orgs: [] }) };

const state = {
  '/project/.trunkline/dev.json': JSON.stringify({
    url: 'http://localhost:8000',
    apiKey: 'the key of a development server',
    token: tokenOf({ sub: 'developer', org: 'dev', roles: ['operator', 'admin'], iss: 'x', exp: 1 }),
  }),
};

describe('the credential', () => {
  test('[CLI-33] a key that was given goes with the org that was named', async () => {
    const { io, run } = setUp(members);
    expect(await run('member', 'list', '--org', 'acme')).toBe(0);
    expect(io.requests[0]).toMatchObject({
      url: 'http://localhost:8000/directory/members',
      headers: { 'x-api-key': 'a key of the tests', 'x-org': 'acme' },
    });
  });

  test('[CLI-33] --token comes before a key of the environment, a key before a token of it', async () => {
    const env = { TRUNKLINE_API_KEY: 'k', TRUNKLINE_TOKEN: tokenOf({ org: 'acme' }) };
    const key = setUp(members, { env });
    await key.run('member', 'list');
    expect(key.io.requests[0]?.headers).not.toHaveProperty('authorization');
    const token = setUp(members, { env });
    await token.run('member', 'list', '--token', tokenOf({ org: 'b' }));
    expect(token.io.requests[0]?.headers).toMatchObject({ authorization: expect.stringMatching(/^Bearer /) });
    expect(token.io.requests[0]?.headers).not.toHaveProperty('x-api-key');
  });

  test('[CLI-33] what is asked for one org never happens in the org of the token', async () => {
    const { io, run } = setUp(members, { env: { TRUNKLINE_TOKEN: tokenOf({ org: 'other' }) } });
    expect(await run('member', 'list', '--org', 'acme')).toBe(2);
    expect(io.written.err).toContain('the token acts in org other, not in acme');
    expect(io.requests).toEqual([]);
  });

  test('[CLI-33] beside a development server: as its operator, in any org, signed with its key', async () => {
    const { io, run } = setUp(members, { env: {}, files: state });
    await run('member', 'list');
    await run('member', 'list', '--org', 'acme');
    const [own, other] = io.requests.map(({ headers }) => headers['authorization']?.slice(7) ?? '');
    expect(claimsIn(own)).toMatchObject({ org: 'dev', exp: 1 });
    expect(claimsIn(other)).toMatchObject({
      sub: 'developer',
      org: 'acme',
      roles: ['operator', 'admin'],
      exp: Math.floor(io.clock.now() / 1_000) + 300,
    });
    const [head, body, signature] = (other ?? '').split('.');
    const key = 'the key of a development server';
    expect(signature).toBe(createHmac('sha256', key).update(`${head}.${body}`).digest('base64url'));
  });

  test('[CLI-33] a key of all orgs needs no org for what concerns the installation, and must name one for the rest', async () => {
    const naming = (_params: object, headers: Readonly<Record<string, string>>): unknown =>
      headers['x-org'] === undefined
        ? refusal(
            400,
            107,
            'bad request: X-Org is required: this key is for all orgs, so the header must name one',
          )
        : { orgs: [records.org('acme')] };
    const { io, run } = setUp({ orgs: naming, members: naming });
    expect(await run('org', 'list')).toBe(0);
    expect(io.requests.map(({ headers }) => headers['x-org'])).toEqual([undefined, 'default']);
    expect(await run('member', 'list')).toBe(1);
    expect(io.written.err).toContain('name one with --org or TRUNKLINE_ORG');
  });
});

describe('refusals', () => {
  test.each([
    [refusal(403, 103, 'permission denied'), 4, 'an administrator of the org, or an operator'],
    [refusal(401, 101, 'unauthorized'), 4, 'Check the key'],
    [refusal(409, 1_201, 'the last operator'), 1, 'Make somebody else an operator first.'],
    [refusal(404, 1_004, 'not found: org'), 5, 'not found: org (1004)'],
    [{ refused: { status: 404, body: 'no such page' } }, 1, 'keeps no directory'],
    [refusal(404, 1_004, 'not found: nothing answers POST at this path'), 5, 'keeps no directory'],
  ])('[CLI-33] %j has its exit code and an advice', async (answer, exit, text) => {
    const { io, run } = setUp({ orgs: () => answer });
    expect(await run('org', 'list')).toBe(exit);
    expect(io.written.err).toContain(text);
  });

  test('[CLI-33] without any credential the advice says which to give', async () => {
    const { io, run } = setUp({ orgs: () => refusal(401, 101, 'unauthorized') }, { env: {} });
    expect(await run('org', 'list')).toBe(4);
    expect(io.written.err).toContain('or a token with --token');
  });

  test('[CLI-27] Ctrl-C is 130', async () => {
    const { io, run } = setUp({ orgs: () => new Promise(() => undefined) });
    io.interrupt();
    expect(await run('org', 'list')).toBe(130);
  });
});

describe('lists', () => {
  test('[CLI-33] are read page by page up to --limit, and say where there is more', async () => {
    const all = Array.from({ length: 2_500 }, (_, at) => records.org(`o${String(at).padStart(4, '0')}`));
    const answers = {
      orgs: ({ limit = 100, after = '' }: { readonly limit?: number; readonly after?: string }) => {
        const rest = all.filter(({ id }) => id > after);
        const page = rest.slice(0, limit);
        return { orgs: page, ...(rest.length > limit ? { next: page.at(-1)?.id } : {}) };
      },
    };
    const some = setUp(answers);
    expect(await some.run('org', 'list', '--limit', '1500', '--json')).toBe(0);
    expect((some.json() as { id: string }[]).map(({ id }) => id)).toEqual(
      all.slice(0, 1_500).map(({ id }) => id),
    );
    expect(some.io.requests).toHaveLength(2);
    const first = setUp(answers);
    await first.run('org', 'list', '--limit', '3');
    expect(first.io.written.err).toBe('3 orgs (there are more: --limit)\n');
  });

  test('[CLI-28] an empty list is an empty document, and a sentence beside', async () => {
    const json = setUp(orgs);
    await json.run('org', 'list', '--json');
    expect(json.json()).toEqual([]);
    const words = setUp(orgs);
    await words.run('org', 'list');
    expect(words.io.written).toEqual({ out: '', err: 'no orgs\n' });
  });
});
