/**
 * Two orgs in one directory, of which one tries every method with the ids of the other. What is foreign must answer byte for byte as what is absent, and what
 * is forbidden alike whatever is asked about; over HTTP, over the API and over a connection.
 */
import { directoryContract, type DirectoryMethod } from '@trunkline/contracts/directory';
import { Kit, signToken, type RawClient, type TestServer } from '@trunkline/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SECRET } from '../support/bed.js';
import {
  callDirectory,
  Person,
  resultOf,
  rootIn,
  signInAs,
  startSignOn,
  type Answer,
} from '../support/directory-server.js';

const METHODS = Object.keys(directoryContract.rpc) as DirectoryMethod[];
const PEOPLE = {
  ada: { name: 'Ada', email: 'ada@acme.example', email_verified: true },
  gina: { name: 'Gina', email: 'gina@globex.example', email_verified: true },
};
/** Methods whose only subject is whoever asks, or the installation. */
const OPERATORS: readonly DirectoryMethod[] = [
  'directory.createOrg',
  'directory.updateOrg',
  'directory.deleteOrg',
  'directory.users',
  'directory.user',
  'directory.updateUser',
  'directory.rotateSecrets',
  'directory.secretKeys',
];
const OWN: readonly DirectoryMethod[] = [
  'directory.me',
  'directory.sessions',
  'directory.endSession',
  'directory.endSessions',
];
/** What somebody might send for an id. */
const CRAFTED = [
  "' OR '1'='1",
  '%',
  '*',
  '..',
  '__proto__',
  'globex\u0000gina',
  'ginа',
  '\ud800',
  'x'.repeat(65),
  '',
];

const kit = new Kit();
let server: TestServer;
/** Ids of globex. */
let foreign: Readonly<Record<'key' | 'invitation' | 'session', string>>;
let acmeKey: string;
let globexKey: string;
let ada: Person;
let live: RawClient;

/** The three ways in, for the administrators of acme. */
const WAYS = {
  http: async (method: DirectoryMethod, params: object): Promise<string> =>
    shown(await callDirectory(server, { 'x-api-key': acmeKey }, short(method), params)),
  api: async (method: DirectoryMethod, params: object): Promise<string> => {
    const { status, text } = await server.api('rpc', { method, params }, { 'x-api-key': acmeKey });
    return `${status} ${text}`;
  },
  live: async (method: DirectoryMethod, params: object): Promise<string> =>
    JSON.stringify({ ...(await live.request({ rpc: { method, data: params } })), id: 0 }),
} as const;

/** Params of each method that changes or reads something by its id, with the id of somebody. */
function subjectsOf(method: DirectoryMethod): readonly (readonly [foreign: object, absent: object])[] {
  switch (method) {
    case 'directory.revokeKey':
    case 'directory.rotateKey':
      return [[{ id: foreign.key }, { id: 'key_0000000000000000' }]];
    case 'directory.revokeInvitation':
      return [[{ id: foreign.invitation }, { id: 'inv_0000000000000000' }]];
    case 'directory.endSession':
      return [[{ id: foreign.session }, { id: 'ses_0000000000000000' }]];
    case 'directory.removeMember':
      return [[{ user: 'gina' }, { user: 'nobody' }]];
    case 'directory.setMember':
      return [
        [
          { user: 'gina', roles: ['viewer'] },
          { user: 'nobody', roles: ['viewer'] },
        ],
      ];
    case 'directory.removeSecret':
      return [[{ name: 'treasure' }, { name: 'nothing' }]];
    case 'directory.removeGroup':
      return [[{ name: 'crew' }, { name: 'nobodies' }]];
    case 'directory.setGroup':
      return [
        [
          { name: 'mine', members: ['gina'] },
          { name: 'mine', members: ['nobody'] },
        ],
      ];
    case 'directory.members':
    case 'directory.orgs':
      return [
        [{ search: 'gina' }, { search: 'nobody' }],
        [{ search: 'globex' }, { search: 'nowhere' }],
      ];
    case 'directory.audit':
      return [
        [{ target: 'gina' }, { target: 'nobody' }],
        [{ actor: 'apikey:of-globex' }, { actor: 'apikey:of-nobody' }],
        [{ target: foreign.key }, { target: 'key_0000000000000000' }],
      ];
    case 'directory.keys':
      return [
        [
          { revoked: true, after: `9999999999999.${foreign.key}` },
          { revoked: true, after: '9999999999999.key' },
        ],
      ];
    default:
      return [];
  }
}

beforeAll(async () => {
  ({ server } = await startSignOn(kit, PEOPLE));
  const root = async (
    org: string,
    method: string,
    params: object,
  ): Promise<Readonly<Record<string, unknown>>> =>
    resultOf(await callDirectory(server, rootIn(org), method, params));
  for (const org of ['acme', 'globex']) await root(org, 'createOrg', { id: org });
  for (const [org, email] of [
    ['acme', 'ada@acme.example'],
    ['globex', 'gina@globex.example'],
  ] as const)
    await root(org, 'invite', { email, roles: ['admin'] });
  ada = (await signInAs(server, 'ada')).person;
  const gina = (await signInAs(server, 'gina')).person;
  const keyOf = async (org: string, name: string) =>
    (await root(org, 'createKey', { name })) as { key: { id: string }; secret: string };
  acmeKey = (await keyOf('acme', 'of-acme')).secret;
  const theirs = await keyOf('globex', 'of-globex');
  globexKey = theirs.secret;
  const { invitation } = (await root('globex', 'invite', { email: 'x@y.example', roles: ['viewer'] })) as {
    invitation: { id: string };
  };
  await root('globex', 'setSecret', { name: 'treasure', value: 'the treasure of globex' });
  await root('globex', 'setGroup', { name: 'crew', members: ['gina'] });
  const { sessions } = resultOf<{ sessions: { id: string }[] }>(await gina.call('sessions'));
  foreign = { key: theirs.key.id, invitation: invitation.id, session: sessions[0]?.id ?? '' };
  live = await ada.connect(kit);
}, 120_000);
afterAll(() => kit.dispose());

describe('another org', () => {
  it.each(Object.keys(WAYS) as (keyof typeof WAYS)[])('[DIR-1] is not there, by %s', async (way) => {
    const ask = WAYS[way];
    let asked = 0;
    for (const method of METHODS) {
      for (const [theirs, absent] of subjectsOf(method)) {
        // A session is ended by whoever has one: over HTTP with a key there is none.
        expect([method, await ask(method, theirs)]).toEqual([method, await ask(method, absent)]);
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(12);
  });

  it('[DIR-1] is in no list and in no count', async () => {
    for (const method of [
      'members',
      'groups',
      'keys',
      'secrets',
      'invitations',
      'orgs',
      'audit',
      'sessions',
    ]) {
      for (const text of [
        (await callDirectory(server, { 'x-api-key': acmeKey }, method, { limit: 1_000 })).text,
        (await ada.call(method, { limit: 1_000 })).text,
      ])
        expect(text).not.toMatch(/globex|gina|treasure|crew/i);
    }
  });

  it('[DIR-1] nothing of it was changed by all that', async () => {
    const ask = async (method: string): Promise<string> =>
      (await callDirectory(server, { 'x-api-key': globexKey }, method)).text;
    expect(await ask('members')).toContain('gina');
    expect(await ask('keys')).toContain('"revokedMs":null');
    expect(await ask('secrets')).toContain('treasure');
    expect(await ask('groups')).toContain('crew');
    expect(await ask('invitations')).toContain(foreign.invitation);
    expect(await ask('audit')).not.toMatch(/of-acme|ada/);
  });

  it('[DIR-1] a key, a token and a cookie name no other org', async () => {
    const key = await callDirectory(server, { 'x-api-key': acmeKey, 'x-org': 'globex' }, 'members');
    expect([key.status, key.body]).toMatchObject([403, { error: { code: 103 } }]);
    const [theirs, absent] = [
      await ada.call('members', {}, 'globex'),
      await ada.call('members', {}, 'nowhere'),
    ];
    expect([theirs.status, theirs.text]).toEqual([404, absent.text]);
    // In a message a name of an org is a name of nothing.
    const named = await callDirectory(server, { 'x-api-key': acmeKey }, 'members', { org: 'globex' });
    expect(named.text).not.toContain('gina');
  });

  it('[DIR-1] crafted ids are refused as malformed or as absent', async () => {
    for (const method of METHODS) {
      for (const [subject] of subjectsOf(method)) {
        for (const crafted of CRAFTED) {
          const params = Object.fromEntries(
            Object.entries(subject).map(([name, value]) => [
              name,
              typeof value === 'string' ? crafted : value,
            ]),
          );
          const answer = await callDirectory(server, { 'x-api-key': acmeKey }, short(method), params);
          expect([
            method,
            crafted,
            answer.status === 200 || answer.status === 404 || answer.status === 400,
          ]).toEqual([method, crafted, true]);
          expect(answer.text).not.toMatch(/gina|globex|treasure/);
        }
      }
    }
  });
});

describe('whoever may not', () => {
  it('[DIR-2] an administrator is refused what is an operator’s, alike for what is there, foreign and absent', async () => {
    const everything = { id: 'acme', user: 'ada', quotas: {} };
    for (const method of OPERATORS) {
      const answers = new Set<string>();
      for (const params of [
        everything,
        { ...everything, id: 'globex', user: 'gina' },
        { ...everything, id: 'nowhere', user: 'nobody' },
      ])
        answers.add(shown(await callDirectory(server, { 'x-api-key': acmeKey }, short(method), params)));
      expect([...answers]).toEqual(['403 {"error":{"code":103,"message":"permission denied"}}']);
    }
    for (const [method, params] of [
      ['createKey', { name: 'k', allOrgs: true }],
      ['audit', { installation: true }],
      ['sessions', { user: 'gina' }],
      ['sessions', { user: 'nobody' }],
      ['endSessions', { user: 'gina' }],
    ] as const)
      expect((await callDirectory(server, { 'x-api-key': acmeKey }, method, params)).status).toBe(403);
  });

  it.each(['member', 'viewer', 'none'])('[DIR-2] the role %s opens nothing but oneself', async (role) => {
    const roles = role === 'none' ? [] : [role];
    const token = await signToken({ sub: 'gina', org: 'acme', roles }, SECRET);
    const bearer = { authorization: `Bearer ${token}` };
    for (const method of METHODS) {
      const [subject = {}] = subjectsOf(method)[0] ?? [];
      const answer = await callDirectory(server, bearer, short(method), {
        name: 'n',
        value: 'v',
        id: 'x',
        user: 'u',
        email: 'a@b.example',
        roles: ['viewer'],
        members: [],
        ...subject,
      });
      if (!OWN.includes(method)) expect([method, answer.status]).toEqual([method, 403]);
    }
    // A token of a host application that calls its user gina is not gina.
    expect(resultOf(await callDirectory(server, bearer, 'me'))).toMatchObject({
      known: false,
      email: null,
      orgs: [],
    });
    expect(resultOf(await callDirectory(server, bearer, 'sessions'))).toEqual({ sessions: [] });
    expect((await callDirectory(server, bearer, 'endSession', { id: foreign.session })).status).toBe(404);
    expect(resultOf(await callDirectory(server, bearer, 'endSessions'))).toEqual({ ended: 0 });
  });

  it('[DIR-2] nobody is answered nothing', async () => {
    for (const method of METHODS) expect((await callDirectory(server, {}, short(method))).status).toBe(401);
  });

  it('[DIR-18] only administrators of the org read what changes in it', async () => {
    const listen = async (org: string, roles: readonly string[]): Promise<unknown> => {
      const raw = await kit.raw(server.wsUrl);
      await raw.connect({ token: await signToken({ sub: 'somebody', org, roles: [...roles] }, SECRET) });
      const { error } = await raw.request({ subscribe: { channel: 'directory:changes' } });
      const history = await raw.request({ history: { channel: 'directory:changes', limit: 1_000 } });
      return [(error as { code?: number } | undefined)?.code, JSON.stringify(history)];
    };
    expect((await listen('acme', ['member'])) as unknown[]).toEqual([103, expect.stringContaining('103')]);
    const [, told] = (await listen('acme', ['admin'])) as [unknown, string];
    expect(told).toContain('"kind":"org","id":"acme"');
    expect(told).not.toMatch(/gina|globex|treasure|crew/);
  });
});

function short(method: DirectoryMethod): string {
  return method.slice('directory.'.length);
}

function shown({ status, text }: Answer): string {
  return `${status} ${text}`;
}
