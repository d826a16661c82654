/**
 * Two orgs on one server that try to reach each other by every command and every API method. One of them is full of life; for the other
 * it must not make the slightest difference: what is foreign answers byte for byte as what is absent.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  openRawClient,
  signToken,
  until,
  WIRES,
  type ApiAnswer,
  type Document,
  type RawClient,
  type Wire,
} from '@trunkline/testkit';
import { SECRET, useBed } from '../support/bed.js';
import { orgKey, orgToken, TWO_ORGS, type Org } from '../support/orgs.js';

const bed = useBed(() => ({ config: TWO_ORGS }));

/** Lives in globex: names that acme will try, with history, presence, keys and a subscriber that counts what reaches it. */
let globex: RawClient;
let globexClient: string;
const EPOCH = /"epoch":"[^"]*"/g;

async function member(org: Org, user: string, more: object = {}, wire?: Wire): Promise<RawClient> {
  const raw = await bed.raw(wire === undefined ? {} : { wire });
  const reply = await raw.connect({ token: await orgToken(org, user, more) });
  expect(reply.error).toBeUndefined();
  return raw;
}

function api(org: Org, method: string, body: object): Promise<ApiAnswer> {
  return bed.server.api(method, body, orgKey(org));
}

/** The reply without its id, with the channel's name and random epochs neutral, so that two can be compared byte for byte. */
function neutral(answer: Document | ApiAnswer, channel: string): string {
  const text =
    'status' in answer
      ? `${String(answer.status)} ${(answer as ApiAnswer).text}`
      : JSON.stringify({ ...answer, id: 0 });
  return text
    .replaceAll(JSON.stringify(channel).slice(1, -1), 'CHANNEL')
    .replace(EPOCH, '"epoch":"E"')
    .replace(/"time":\d+/g, '"time":0')
    .replace(/"request_?id":"[^"]*"/gi, '');
}

interface Names {
  readonly stream: string;
  readonly map: string;
  readonly closed: string;
}

const names = (suffix: string): Names => ({
  stream: `open:${suffix}`,
  map: `shared:${suffix}`,
  closed: `closed:${suffix}`,
});
const TAKEN = names('board');

/** Gives names to globex: history, keys and its subscriber behind each. */
async function settle({ stream, map, closed }: Names): Promise<void> {
  for (const channel of [stream, closed]) {
    for (let n = 1; n <= 5; n++) await api('globex', 'publish', { channel, data: { secret: n } });
  }
  for (let n = 1; n <= 5; n++)
    await api('globex', 'map_publish', { channel: map, key: `secret_${n}`, data: n });
  expect((await globex.request({ subscribe: { channel: stream } })).error).toBeUndefined();
}

beforeAll(async () => {
  globex = bed.fileKit.use(await openRawClient(bed.server.wsUrl));
  const reply = await globex.connect({ token: await orgToken('globex', 'gina') });
  globexClient = (reply['connect'] as { client: string }).client;
  await settle(TAKEN);
});

afterAll(async () => {
  // Whatever the tests did from acme, nothing of it came here, and nothing here was ended.
  const pushes = globex.documents.filter((document) => document.push !== undefined);
  expect(pushes.filter(({ push }) => JSON.stringify(push).includes('acme'))).toEqual([]);
  expect((await globex.request({ ping: {} })).error).toBeUndefined();
});

/** Every command that names a channel. */
function commandsOn(names: Names): [string, string, object][] {
  const { stream, map, closed } = names;
  return [
    ['presence', stream, { presence: { channel: stream } }],
    ['presence stats', stream, { presence_stats: { channel: stream } }],
    ['history', stream, { history: { channel: stream, limit: 10 } }],
    ['history since', stream, { history: { channel: stream, limit: 10, since: { offset: 1, epoch: '' } } }],
    ['subscribe', stream, { subscribe: { channel: stream } }],
    ['unsubscribe', stream, { unsubscribe: { channel: stream } }],
    [
      'subscribe recovering',
      stream,
      { subscribe: { channel: stream, recover: true, offset: 2, epoch: 'guess' } },
    ],
    ['unsubscribe again', stream, { unsubscribe: { channel: stream } }],
    ['map subscribe', map, { subscribe: { channel: map, type: 1, phase: 2, limit: 10 } }],
    ['sub refresh', stream, { sub_refresh: { channel: stream, token: 'x' } }],
    ['closed subscribe', closed, { subscribe: { channel: closed } }],
    ['closed publish', closed, { publish: { channel: closed, data: 1 } }],
    ['closed history', closed, { history: { channel: closed, limit: 10 } }],
    ['closed presence', closed, { presence: { channel: closed } }],
    ['closed presence stats', closed, { presence_stats: { channel: closed } }],
    ['node history', stream, { rpc: { method: 'node.history', data: { channel: stream, limit: 10 } } }],
    ['node channel', stream, { rpc: { method: 'node.channel', data: { channel: stream } } }],
    ['node presence', stream, { rpc: { method: 'node.presence', data: { channel: stream } } }],
    ['node map state', map, { rpc: { method: 'node.mapState', data: { channel: map } } }],
    ['publish', stream, { publish: { channel: stream, data: { from: 'acme' } } }],
  ];
}

describe.each(WIRES)('another org over %s', (wire) => {
  it('[WALL-1] answers of every command are the same whether the other org uses the name or not', async () => {
    for (const roles of [[], ['admin']]) {
      const acme = await member('acme', 'ann', { roles }, wire);
      const [used, unused] = [names(`used${roles.length} ${wire}`), names(`free${roles.length} ${wire}`)];
      await settle(used);
      const taken = commandsOn(used);
      const fresh = commandsOn(unused);
      for (const [index, [what, channel, command]] of taken.entries()) {
        const [, freshChannel, freshCommand] = fresh[index] as [string, string, object];
        const [foreign, absent] = [await acme.request(command), await acme.request(freshCommand)];
        expect(neutral(foreign, channel), what).toBe(neutral(absent, freshChannel));
        expect(JSON.stringify(foreign), what).not.toContain('secret');
      }
    }
  });

  it('[WALL-3] what is forbidden answers as what no namespace covers', async () => {
    const acme = await member('acme', 'ann', {}, wire);
    await api('acme', 'publish', { channel: TAKEN.closed, data: 1 });
    const outside = { stream: 'nowhere:board', map: 'nowhere:board', closed: 'nowhere:board' };
    for (const [index, [what, channel, command]] of commandsOn(TAKEN).entries()) {
      if (!what.startsWith('closed')) continue;
      const [, other, otherCommand] = commandsOn(outside)[index] as [string, string, object];
      expect(neutral(await acme.request(command), channel), what).toBe(
        neutral(await acme.request(otherCommand), other),
      );
    }
  });

  it('[WALL-1] publications, joins and keys of one org reach nobody in the other', async () => {
    const acme = await member('acme', 'ann', {}, wire);
    await acme.request({ subscribe: { channel: TAKEN.stream, join_leave: true } });
    await acme.request({ subscribe: { channel: TAKEN.map, type: 1, phase: 2, limit: 10 } });
    const before = globex.documents.length;
    await acme.request({ publish: { channel: TAKEN.stream, data: { from: 'acme' } } });
    await api('acme', 'publish', { channel: TAKEN.stream, data: { from: 'acme api' } });
    await api('acme', 'broadcast', {
      channels: [TAKEN.stream, 'open:other'],
      data: { from: 'acme broadcast' },
    });
    await api('globex', 'publish', { channel: TAKEN.stream, data: { marker: wire } });
    await globex.expect('its own', ({ push }) => JSON.stringify(push ?? {}).includes(`marker":"${wire}`));
    const since = globex.documents.slice(before).filter(({ push }) => push !== undefined);
    expect(since).toHaveLength(1);
    expect(JSON.stringify(acme.documents)).not.toContain('marker');
  });

  it('[WALL-1] positions of another org in the connect command recover nothing', async () => {
    const { body } = await api('globex', 'history', { channel: TAKEN.stream, limit: 0 });
    const epoch = body.result?.['epoch'];
    const raw = await bed.raw({ wire });
    const reply = await raw.connect({
      token: await orgToken('acme', 'ann', { channels: [TAKEN.stream] }),
      subs: {
        [TAKEN.stream]: { recover: true, epoch, offset: 1 },
        [TAKEN.closed]: { recover: true, epoch, offset: 1 },
      },
    });
    expect(JSON.stringify(reply)).not.toContain('secret');
    expect(JSON.stringify(reply)).not.toContain(String(epoch));
    const probe = await member('acme', 'ann', {}, wire);
    const recovering = await probe.request({
      subscribe: { channel: TAKEN.stream, recover: true, epoch, offset: 1 },
    });
    expect(JSON.stringify(recovering)).not.toContain('secret');
    expect((recovering['subscribe'] as { recovered?: boolean }).recovered ?? false).toBe(false);
  });
});

describe('crafted names', () => {
  const crafted = [
    'globex\u0000open:board',
    'open:board\u0000',
    '\u0000open:board',
    'acme\u0000globex\u0000open:board',
    'globex:open:board',
    'globex/open:board',
    '../globex/open:board',
    'open:../../globex/board',
    'open:%00board',
    'open:board\n',
    'open:board\r\n\r\n',
    'OPEN:board',
    'open：board',
    'ореn:board',
    'open:bo\u0301ard',
    'open:\u202eboard',
    'open:\ud800',
    '\udc00:board',
    'open:*',
    'open:?',
    '*',
    ':',
    '::board',
    'open:',
    '',
    ' ',
    '__proto__',
    'constructor:x',
    '__proto__:x',
    'toString:x',
    '$open:board',
    '#open:board',
    'node:stats',
    `open:${'x'.repeat(250)}`,
    `open:${'x'.repeat(251)}`,
    `open:${'x'.repeat(100_000)}`,
    `open:${'💥'.repeat(125)}`,
  ];

  it.each(['websocket json', 'websocket protobuf', 'http_stream json'] as const)(
    '[WALL-1] are answered with a code or stay inside the org, over %s',
    async (wire) => {
      const before = globex.documents.length;
      for (const channel of crafted) {
        const acme = await member('acme', 'ann', {}, wire);
        for (const command of [
          { history: { channel, limit: 10 } },
          { presence: { channel } },
          { presence_stats: { channel } },
          { subscribe: { channel, recover: true, offset: 1, epoch: '' } },
          { publish: { channel, data: { from: 'acme' } } },
          { unsubscribe: { channel } },
          { sub_refresh: { channel, token: '' } },
        ]) {
          const answer = await acme
            .request(command)
            .catch(async () => ({ closed: (await acme.closed).code }));
          expect(JSON.stringify(answer), `${JSON.stringify(command).slice(0, 80)}`).not.toContain('secret');
          if ('closed' in answer) expect(answer.closed).toBeGreaterThanOrEqual(3000);
          if (!acme.open) break;
        }
        for (const method of [
          'history',
          'presence',
          'presence_stats',
          'history_remove',
          'map_state',
          'publish',
          'subscribe',
          'unsubscribe',
        ]) {
          const answer = await api('acme', method, {
            channel,
            data: { from: 'acme' },
            limit: 10,
            user: 'gina',
          });
          expect(answer.text, `${method} ${JSON.stringify(channel).slice(0, 60)}`).not.toContain('secret');
          expect(answer.status).toBeLessThan(500);
        }
        acme.dispose();
      }
      const since = globex.documents.slice(before).filter(({ push }) => push !== undefined);
      expect(since).toEqual([]);
      const { body } = await api('globex', 'history', { channel: TAKEN.stream, limit: 100 });
      expect(JSON.stringify(body)).not.toContain('acme');
    },
    120_000,
  );
});

describe('another org over the API', () => {
  it('[WALL-4] every method answers the same whether the other org uses the name or not', async () => {
    const bodies = (names: Names, user: string, client: string): [string, string, object][] => [
      ['history', names.stream, { channel: names.stream, limit: 10 }],
      ['presence', names.stream, { channel: names.stream }],
      ['presence_stats', names.stream, { channel: names.stream }],
      ['map_state', names.map, { channel: names.map }],
      ['history_remove', names.stream, { channel: names.stream }],
      ['map_remove', names.map, { channel: names.map, key: 'secret_1' }],
      ['channels', names.stream, { pattern: names.stream }],
      ['connections', names.stream, { user }],
      ['connections', names.stream, { client }],
      ['subscribe', names.stream, { user, channel: names.stream }],
      ['subscribe', names.stream, { client, channel: names.stream }],
      ['unsubscribe', names.stream, { user, channel: names.stream }],
      ['unsubscribe', names.stream, { client, channel: names.stream }],
      ['refresh', names.stream, { user, expired: true }],
      ['refresh', names.stream, { client, expired: true }],
      ['disconnect', names.stream, { user }],
      ['disconnect', names.stream, { client }],
    ];
    const used = names('api_used');
    await settle(used);
    const foreign = bodies(used, 'gina', globexClient);
    const absent = bodies(names('api_free'), 'nina', 'x'.repeat(globexClient.length));
    for (const [index, [method, channel, body]] of foreign.entries()) {
      const [, other, otherBody] = absent[index] as [string, string, object];
      const [first, second] = [await api('acme', method, body), await api('acme', method, otherBody)];
      expect(neutral(first, channel), `${method} ${JSON.stringify(body)}`).toBe(neutral(second, other));
      expect(first.text).not.toContain('secret');
    }
    expect((await globex.request({ ping: {} })).error).toBeUndefined();
    const { body } = await api('globex', 'history', { channel: used.stream, limit: 100 });
    expect(body.result?.['publications']).toHaveLength(5);
    const state = await api('globex', 'map_state', { channel: used.map });
    expect(state.text).toContain('secret_1');
  });

  it('[WALL-4] lists and counts show the own org only', async () => {
    await member('acme', 'ann');
    const [channels, connections, info] = [
      await api('acme', 'channels', {}),
      await api('acme', 'connections', {}),
      await api('acme', 'info', {}),
    ];
    expect(channels.text).not.toContain('board');
    expect(connections.text).not.toContain('gina');
    expect(connections.text).not.toContain(globexClient);
    expect(info.text).not.toContain('globex');
  });

  it('[WALL-4] a key acts in its own org; one for all must name the org', async () => {
    const tryWith = (headers: Record<string, string>): Promise<ApiAnswer> =>
      bed.server.api('history', { channel: TAKEN.stream, limit: 10 }, headers);
    expect((await tryWith({ 'x-api-key': 'key-of-acme-in-tests', 'x-org': 'globex' })).text).not.toContain(
      'secret',
    );
    expect((await tryWith({ 'x-api-key': 'key-of-all-orgs-in-tests' })).status).toBeGreaterThanOrEqual(400);
    expect(
      (await tryWith({ 'x-api-key': 'key-of-all-orgs-in-tests', 'x-org': 'globex\u00e9' })).text,
    ).not.toContain('secret');
    expect((await tryWith({ 'x-api-key': 'key-of-all-orgs-in-tests', 'x-org': 'globex' })).text).toContain(
      'secret',
    );
    expect((await tryWith({ authorization: 'apikey key-of-globex-in-tests' })).text).toContain('secret');
    for (const headers of [
      {},
      { 'x-api-key': '' },
      { 'x-api-key': 'wrong' },
      { 'x-api-key': 'key-of-glob' },
      { authorization: 'Bearer key-of-globex-in-tests' },
    ]) {
      const answer = await tryWith(headers as Record<string, string>);
      expect(answer.status, JSON.stringify(headers)).toBe(401);
      expect(answer.text).not.toContain('secret');
    }
  });
});

describe.each(WIRES)('forged credentials over %s', (wire) => {
  it('[WALL-2] no org, an org that is none, and wrong signatures are refused with 3500', async () => {
    const tokens = [
      await signToken({ sub: 'ann' }, SECRET),
      await signToken({ sub: 'ann', org: '' }, SECRET),
      await signToken({ sub: 'ann', org: 'globex\u0000' }, SECRET),
      await signToken({ sub: 'ann', org: '../globex' }, SECRET),
      await signToken({ sub: 'ann', org: 'x'.repeat(65) }, SECRET),
      await signToken({ sub: 'ann', org: ['globex'] }, SECRET),
      await signToken({ sub: 'ann', org: { toString: 'globex' } }, SECRET),
      await signToken({ sub: 'ann', org: 5 }, SECRET),
      await signToken({ sub: 'ann', org: 'globex' }, 'wrong'),
      `${await orgToken('globex', 'ann')}x`,
      (await orgToken('acme', 'ann')).replace(
        /\.[^.]+\./,
        `.${Buffer.from('{"sub":"ann","org":"globex"}').toString('base64url')}.`,
      ),
      '',
    ];
    for (const token of tokens) {
      const raw = await bed.raw({ wire });
      const outcome = await Promise.race([
        raw.connect({ token }).then(
          (reply) => reply.error?.code ?? 'in',
          () => 0,
        ),
        raw.closed.then(({ code }) => code),
      ]);
      const code = outcome === 0 ? (await raw.closed).code : outcome;
      expect([101, 3500], `${token.slice(0, 20)}… ${String(code)}`).toContain(code);
    }
  });

  it('[AUTH-6] an expired token is told 109, and a refresh never changes user or org', async () => {
    const raw = await bed.raw({ wire });
    const past = Math.floor(Date.now() / 1_000) - 100;
    expect(
      (await raw.connect({ token: await orgToken('globex', 'gina', { exp: past }) })).error,
    ).toMatchObject({ code: 109 });
    const future = Math.floor(Date.now() / 1_000) + 600;
    for (const token of [
      await orgToken('globex', 'ann', { exp: future }),
      await orgToken('acme', 'gina', { exp: future }),
    ]) {
      const acme = await bed.raw({ wire });
      await acme.connect({ token: await orgToken('acme', 'ann', { exp: future }) });
      const outcome = await acme.request({ refresh: { token } }).then(
        (reply) => reply.error?.code ?? 'refreshed',
        () => 'closed',
      );
      expect(outcome).not.toBe('refreshed');
      if (outcome === 'closed') continue;
      const history = await acme.request({ history: { channel: TAKEN.stream, limit: 10 } });
      expect(JSON.stringify(history)).not.toContain('secret');
    }
    await until('the server is well', async () => (await fetch(`${bed.server.url}/health/live`)).ok);
  });
});
