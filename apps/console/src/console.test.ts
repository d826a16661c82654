import type { OrgStatsSample, Trend } from '@trunkline/contracts/node';
import { describe, expect, it } from 'vitest';
import { continuityOf } from './asked.js';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatGlimpse,
  formatMs,
  formatRate,
  formatTtl,
  plural,
} from './format.js';
import { parseHash, toHash, type Route } from './router.js';
import { parseJson } from './parts/json-field.js';
import { codesOf, KEPT_MS, merge, pointsOf, toColumns } from './samples.js';
import { limitGroups, limitWords } from './screens/limit-words.js';
import { parseTags } from './screens/tags.js';
import { codeOf } from './session.js';

describe('continuity of what is asked for', () => {
  const live = { state: 'live' } as const;

  it('[CONSOLE-2] is live only while answers are fresh', () => {
    expect(continuityOf({ atMs: Date.now() }, live, 2_000)).toEqual({ state: 'live' });
    expect(continuityOf({ atMs: Date.now() - 20_000 }, live, 2_000)).toMatchObject({ state: 'stale' });
    expect(continuityOf({}, live, 2_000)).toEqual({ state: 'connecting' });
  });

  it('[CONSOLE-2] says since when it is not, and why', () => {
    const atMs = Date.now() - 3_000;
    expect(continuityOf({ atMs, error: new Error('denied') }, live, 2_000)).toEqual({
      state: 'stale',
      sinceMs: atMs,
      reason: 'denied',
    });
    expect(continuityOf({ error: new Error('denied') }, live, 2_000)).toEqual({
      state: 'failed',
      reason: 'denied',
    });
    expect(continuityOf({ atMs }, { state: 'recovering', sinceMs: atMs, reason: '' }, 2_000)).toMatchObject({
      state: 'recovering',
      sinceMs: atMs,
    });
    expect(continuityOf({ atMs }, { state: 'failed', reason: 'sent away' }, 2_000)).toEqual({
      state: 'failed',
      reason: 'sent away',
    });
  });

  it('[CONSOLE-2] a question asked once does not grow old', () => {
    expect(continuityOf({ atMs: Date.now() - 3_600_000 }, live, 0)).toEqual({ state: 'live' });
  });
});

describe('addresses', () => {
  it('[CONSOLE-3] every place has an address that leads back to it', () => {
    const routes: Route[] = [
      { screen: 'overview' },
      { screen: 'channels' },
      { screen: 'channel', channel: 'chat:a/b #1 ä%' },
      { screen: 'connections' },
      { screen: 'connections', client: 'c-1' },
      { screen: 'connections', client: 'c-1', channel: 'chat:a&b' },
      { screen: 'connections', channel: 'chat:*' },
      { screen: 'channels', namespace: '' },
      { screen: 'channels', namespace: 'chat' },
      { screen: 'namespaces' },
      { screen: 'events' },
      { screen: 'why' },
      { screen: 'why', channel: 'chat:?#', user: 'a b' },
      { screen: 'why', channel: 'x', client: 'c', offset: 7 },
      { screen: 'node' },
      { screen: 'members' },
      { screen: 'keys' },
      { screen: 'secrets' },
      { screen: 'audit' },
      { screen: 'audit', actor: 'apikey:ci', target: 'a b' },
      { screen: 'orgs' },
      { screen: 'users' },
    ];
    for (const route of routes) expect(parseHash(toHash(route))).toEqual(route);
  });

  it('[CONSOLE-3] an address that means nothing is the overview, and a broken one does no harm', () => {
    expect(parseHash('')).toEqual({ screen: 'overview' });
    expect(parseHash('#/nonsense')).toEqual({ screen: 'overview' });
    expect(parseHash('#/why?offset=-1')).toEqual({ screen: 'why' });
    expect(parseHash('#/channels/%')).toEqual({ screen: 'channel', channel: '%' });
  });
});

describe('the code', () => {
  it('[CONSOLE-1] is taken out of a pasted link', () => {
    expect(codeOf(' https://host:8000/console/login?code=a_B-9 ')).toBe('a_B-9');
    expect(codeOf('https://host/console/login?x=1&code=abc#top')).toBe('abc');
    expect(codeOf('a_B-9')).toBe('a_B-9');
    expect(codeOf('   ')).toBe('');
  });
});

describe('samples', () => {
  const sample = (timeMs: number, nodeId = 'n'): OrgStatsSample => ({
    nodeId,
    timeMs,
    startedAtMs: 0,
    scope: 'org',
    org: 'o',
    intervalMs: 1_000,
    connections: timeMs,
    users: 0,
    subscriptions: 0,
    channels: 0,
    messagesInPerSecond: 0,
    messagesOutPerSecond: 0,
    bytesInPerSecond: 0,
    bytesOutPerSecond: 0,
    outboxBytes: 0,
    behind: 0,
    complete: true,
  });
  const trend = (times: number[], nodeId = 'n'): Trend => ({
    scope: 'org',
    nodeId,
    intervalMs: 10_000,
    times,
    columns: { connections: times.map((time) => time / 2), 'errorRates.103': times.map(() => 2) },
  });
  const timesOf = (points: ReturnType<typeof pointsOf>) => points.map((point) => point.timeMs);

  it('[CONSOLE-4] history and live samples become one row in time, without repeats', () => {
    expect(
      merge([sample(3_000)], [sample(2_000), sample(1_000), sample(3_000)]).map((one) => one.timeMs),
    ).toEqual([1_000, 2_000, 3_000]);
  });

  it('[CONSOLE-4] what is older than is kept, or of another node, goes', () => {
    expect(merge([sample(0), sample(1_000, 'old')], [sample(KEPT_MS + 10)]).map((one) => one.timeMs)).toEqual(
      [KEPT_MS + 10],
    );
  });

  it('[CONSOLE-4] five minutes begin with what the node kept, and go on with samples', () => {
    const points = pointsOf(
      '5min',
      [sample(35_000), sample(36_000)],
      trend([10_000, 20_000, 30_000, 40_000]),
    );
    expect(timesOf(points)).toEqual([10_000, 20_000, 30_000, 35_000, 36_000]);
    expect(toColumns(points, ['connections']).columns).toEqual([[5_000, 10_000, 15_000, 35_000, 36_000]]);
  });

  it('[CONSOLE-4] an hour is what the node kept, and the newest sample', () => {
    const points = pointsOf('1h', [sample(3_605_000), sample(3_606_000)], trend([0, 10_000, 3_600_000]));
    expect(timesOf(points)).toEqual([10_000, 3_600_000, 3_606_000]);
  });

  it('[CONSOLE-4] what another node kept is not drawn before this one’s samples', () => {
    expect(timesOf(pointsOf('1h', [sample(20_000)], trend([10_000], 'other')))).toEqual([20_000]);
    expect(pointsOf('1h', [], undefined)).toEqual([]);
  });

  it('[CONSOLE-4] a time in which nothing was heard is drawn as a hole, in the rhythm of what was measured', () => {
    const heard = toColumns(pointsOf('5min', [sample(1_000), sample(2_000), sample(9_000)], undefined), [
      'connections',
    ]);
    expect(heard.times).toEqual([1_000, 2_000, 2_001, 9_000]);
    expect(heard.columns).toEqual([[1_000, 2_000, null, 9_000]]);
    expect(toColumns(pointsOf('1h', [], trend([10_000, 20_000, 60_000])), []).times).toEqual([
      10_000, 20_000, 20_001, 60_000,
    ]);
  });

  it('[CONSOLE-4] codes of errors are drawn by how often they occurred; rates that were not measured are unknown', () => {
    const points = pointsOf('1h', [{ ...sample(40_000), intervalMs: 0 }], trend([20_000, 30_000]));
    expect(codesOf(points, 4)).toEqual(['103']);
    expect(toColumns(points, ['errorRates.103', 'messagesInPerSecond']).columns).toEqual([
      [2, 2, null],
      [null, null, null],
    ]);
  });
});

describe('the publish form', () => {
  it('[CONSOLE-7] tells what is wrong with the text', () => {
    expect(parseJson('{"a":1}')).toEqual({ value: { a: 1 } });
    expect(parseJson('null')).toEqual({ value: null });
    expect(parseJson('{"a":}')).toMatchObject({ fault: expect.stringMatching(/^Not JSON: /) });
    expect(parseJson(' ')).toMatchObject({ fault: expect.stringMatching(/needed/) });
  });

  it.each([
    ['{\n  "a": 1,\n  oops\n}', 'unexpected o (line 3 column 3)'],
    ['{"a": }', 'unexpected } (line 1 column 7)'],
    ['[1, 2,]', 'unexpected ] (line 1 column 7)'],
    ['{"a": 1,}', 'unexpected } (line 1 column 9)'],
    ['{"a" 1}', 'unexpected 1 (line 1 column 6)'],
    ['{"a": 1', 'the text ends too early (line 1 column 8)'],
    ['[1}', 'unexpected } (line 1 column 3)'],
    ['nul', 'unexpected n (line 1 column 1)'],
    ['{} {}', 'unexpected { (line 1 column 4)'],
    ['["a\nb"]', 'unexpected " (line 1 column 2)'],
    ['01', 'unexpected 1 (line 1 column 2)'],
  ])('[CONSOLE-7] names the place of the mistake in %s', (text, fault) => {
    expect(parseJson(text)).toEqual({ fault: `Not JSON: ${fault}` });
  });

  it('[CONSOLE-7] reads tags as names and values', () => {
    expect(parseTags('kind=test, level = info,')).toEqual({ value: { kind: 'test', level: 'info' } });
    expect(parseTags('')).toEqual({ value: {} });
    expect(parseTags('kind')).toMatchObject({ fault: expect.stringMatching(/name=value/) });
  });
});

describe('limits', () => {
  it('[CONSOLE-13] are in words, by the unit that ends their name', () => {
    expect(limitWords('outboxMaxBytes', 1_048_576)).toBe('1.0 MiB');
    expect(limitWords('pingIntervalMs', 25_000)).toBe('25 s');
    expect(limitWords('joinLeaveCoalesceMs', 250)).toBe('250.0 ms');
    expect(limitWords('maxConnectionsPerOrg', null)).toBe('unlimited');
  });

  it('[CONSOLE-13] one that has no words is shown under its own name', () => {
    const groups = limitGroups({ maxDepth: 64, newThingMax: 3 });
    expect(groups).toEqual([
      { title: 'One frame', limits: [{ label: 'Nesting of JSON', value: '64' }] },
      { title: 'Others', limits: [{ label: 'newThingMax', value: '3' }] },
    ]);
  });
});

describe('numbers', () => {
  it('[CONSOLE-9] are short, and of one form', () => {
    expect([0, 99_999, 1_234_567].map(formatCount)).toEqual(['0', '99,999', '1.23M']);
    expect([0, 0.25, 12.4].map(formatRate)).toEqual(['0', '0.3', '12']);
    expect([512, 2_048, 157_286_400].map(formatBytes)).toEqual(['512 B', '2.0 KiB', '150 MiB']);
    expect([0.417, 12.31, 1_250].map(formatMs)).toEqual(['0.42 ms', '12.3 ms', '1.25 s']);
    expect([900, 61_000, 3_600_000, 90_000_000].map(formatDuration)).toEqual([
      '0 s',
      '1 min 1 s',
      '1 h',
      '1 d 1 h',
    ]);
    expect([formatTtl(0), formatTtl(null), formatTtl(300_000)]).toEqual(['no limit', 'no limit', '5 min']);
    expect([plural(1, 'entry', 'entries'), plural(1_200, 'entry', 'entries')]).toEqual([
      '1 entry',
      '1,200 entries',
    ]);
    expect(formatGlimpse({ text: 'x'.repeat(50) }, 12)).toBe('{"text":"xxx…');
  });
});
