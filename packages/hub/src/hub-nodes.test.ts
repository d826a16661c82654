import { FakeClock } from '@trunkline/base/testing';
import { createSeededRandom } from '@trunkline/base';
import { createMemoryBroker, type BrokerFactory, type BrokerHandler } from '@trunkline/broker';
import { describe, expect, test } from 'vitest';
import type { Hub } from './hub.js';
import { surveyConnections } from './nodes/connections.js';
import { surveyChannels, surveyEvents, surveyNodes, surveyOrgNodes } from './nodes/surveys.js';
import { answerInOrg, defineModule, type Kind } from './ports/index.js';
import { createTestHub, RawPeer, type TestHub } from './testing.js';

const TEXT: Kind<string, string> = { name: 'test.text', question: String, answer: String };

async function start(count: number, options: Parameters<typeof createTestHub>[0] = {}) {
  const clock = new FakeClock();
  const engine = createMemoryBroker({ clock, random: createSeededRandom(1) });
  const handlers: BrokerHandler[] = [];
  const broker: BrokerFactory = (handler) => {
    handlers.push(handler);
    return engine(handler);
  };
  const worlds: TestHub[] = Array.from({ length: count }, (_, n) =>
    createTestHub({ nodeId: `n${n + 1}`, pingIntervalMs: 0, ...options }, { clock, broker, seed: n }),
  );
  await clock.advance(1);
  const hubs = worlds.map(({ hub }) => hub);
  const settled = async <T>(asked: Promise<T>): Promise<T> => {
    await clock.advance(3_000);
    return asked;
  };
  const peer = async (at: number, user: string, org = 'acme'): Promise<RawPeer> => {
    const one = new RawPeer(hubs[at] as Hub, clock);
    await one.connect({ user, org });
    return one;
  };
  return { clock, hubs, handlers, settled, peer };
}

describe('hubs on one broker', () => {
  test('[ASK-1] know each other, and one that is disposed is gone', async () => {
    const { hubs, clock } = await start(3);
    expect(hubs.map(({ nodes }) => nodes.others().map(({ node }) => node))).toEqual([
      ['n2', 'n3'],
      ['n1', 'n3'],
      ['n1', 'n2'],
    ]);
    await hubs[1]?.dispose();
    await clock.advance(1);
    expect(hubs[0]?.nodes.others().map(({ node }) => node)).toEqual(['n3']);
  });

  test('[ASK-1] a broker that was away is greeted again', async () => {
    const { hubs, handlers, clock } = await start(2);
    const sent = hubs[0]?.nodes.traffic().sent ?? 0;
    handlers[0]?.onResumed();
    await clock.advance(0);
    expect(hubs[0]?.nodes.traffic().sent).toBe(sent + 1);
  });

  test('[ASK-6] whatever comes as a control message, nobody is harmed and it is counted', async () => {
    const { hubs, handlers, clock, peer } = await start(2);
    const ada = await peer(0, 'ada');
    const target = { user: 'ada' };
    const bad = [
      '',
      '@',
      '@{}\nnull\n',
      'null',
      '[]',
      JSON.stringify({ kind: 'disconnect', org: 'acme', target: null, code: 1, reason: '' }),
      JSON.stringify({ kind: 'disconnect', org: 'acme', target: {}, code: 3503, reason: '' }),
      JSON.stringify({ kind: 'disconnect', org: 'a b', target, code: 3503, reason: '' }),
      JSON.stringify({ kind: 'disconnect', org: 'acme', target, code: '3503', reason: '' }),
      JSON.stringify({ kind: 'disconnect', org: 'acme', target, code: 3503, reason: '', except: 7 }),
      JSON.stringify({ kind: 'unsubscribe', org: 'acme', target }),
      JSON.stringify({ kind: 'subscribe', org: 'acme', target, channel: 'room:1', options: { info: 7 } }),
      JSON.stringify({ kind: 'refresh', org: 'acme', target, expiresAtMs: 'soon' }),
      JSON.stringify({ kind: 'toString', org: 'acme', target }),
    ];
    for (const text of bad) handlers[0]?.onControl(text);
    await clock.advance(10);
    expect(hubs[0]?.nodes.traffic().malformed).toBe(bad.length);
    expect(ada.transport.closed).toBeUndefined();
  });

  test('[ASK-2] [LIFE-2] a module brings what it answers, whole or not at all', async () => {
    const { hubs, settled } = await start(2);
    const bring = (kinds: readonly string[]) =>
      defineModule<undefined>({
        id: 'test',
        start: () => ({
          answers: kinds.map((name) => answerInOrg({ ...TEXT, name }, (org, text) => `${org.org} ${text}`)),
        }),
      })(undefined);
    for (const hub of hubs) await hub.use(bring(['test.text']));
    const [first] = hubs;
    if (!first) throw new Error('a hub is expected');
    expect((await settled(first.forOrg('acme').ask(TEXT, 'x'))).replies).toEqual([
      { node: 'n1', answer: 'acme x' },
      { node: 'n2', answer: 'acme x' },
    ]);
    await expect(first.use(bring(['test.other', 'test.text']))).rejects.toThrow('answered already');
    await expect(first.use(bring(['test.other']))).resolves.toBeUndefined();
  });

  test('[NODES-6] [ASK-4] lists of all nodes stay inside their org', async () => {
    const { hubs, peer, settled, clock } = await start(3);
    const [first] = hubs;
    if (!first) throw new Error('a hub is expected');
    for (let n = 0; n < 12; n++) {
      const one = await peer(n % 3, `u${n}`, n % 4 === 0 ? 'rival' : 'acme');
      await one.call({ subscribe: { channel: `room:${n % 2}` } });
      await one.call({ subscribe: { channel: 'secret:x' } });
      await clock.advance(2);
    }
    for (const [org, count] of [
      ['acme', 9],
      ['rival', 3],
    ] as const) {
      const api = first.forOrg(org);
      const { items, total, incomplete } = await settled(
        surveyConnections(first.nodes, api, {}, { limit: 100, offset: 0 }),
      );
      expect([total, items.length, incomplete]).toEqual([count, count, []]);
      expect(items.every(({ item }) => item.org === org)).toBe(true);
      expect(items.map(({ item }) => item.connectedAtMs)).toEqual(
        items.map(({ item }) => item.connectedAtMs).sort((a, b) => b - a),
      );
      const { events } = await settled(surveyEvents(api, { kinds: ['subscribeRefused'] }));
      expect(events).toHaveLength(count);
      const nodes = await settled(surveyOrgNodes(api));
      expect(nodes.found.reduce((sum, { connections }) => sum + connections, 0)).toBe(count);
      const { channels } = await settled(surveyChannels(api, 'room:*', 10));
      expect(channels.reduce((sum, { subscribers }) => sum + subscribers, 0)).toBe(count);
    }
    const all = await settled(surveyNodes(first.nodes));
    expect(all.found.map(({ node, connections }) => [node, connections])).toEqual([
      ['n1', 4],
      ['n2', 4],
      ['n3', 4],
    ]);
  });

  test('[ASK-5] lists larger than a page are put together from several, whole and in order', async () => {
    const { hubs, peer, settled } = await start(2, { nodePageBytes: 700 });
    const [first] = hubs;
    if (!first) throw new Error('a hub is expected');
    for (let n = 0; n < 24; n++) {
      const one = await peer(n % 2, `u${n}`);
      for (let c = 0; c < 4; c++) await one.call({ subscribe: { channel: `room:${n}_${c}` } });
    }
    const api = first.forOrg('acme');
    const whole = await settled(surveyConnections(first.nodes, api, {}, { limit: 100, offset: 0 }));
    expect(whole.items).toHaveLength(24);
    expect(whole.incomplete).toEqual([]);
    const some = await settled(surveyConnections(first.nodes, api, {}, { limit: 5, offset: 9 }));
    expect(some.items).toEqual(whole.items.slice(9, 14));
    const { channels, incomplete } = await settled(surveyChannels(api, undefined, 1_000));
    expect([channels.length, incomplete]).toEqual([96, []]);
    expect(channels.map(({ channel }) => channel)).toEqual(channels.map(({ channel }) => channel).sort());
    expect((await settled(surveyChannels(api, undefined, 13))).channels).toEqual(channels.slice(0, 13));
  });

  test('[ASK-5] events that do not fit a page are missing, and said to be', async () => {
    const { hubs, peer, settled } = await start(2, { nodePageBytes: 700 });
    const far = await peer(1, 'ada');
    for (let n = 0; n < 20; n++) await far.call({ subscribe: { channel: `secret:${n}` } });
    const api = hubs[0]?.forOrg('acme');
    if (!api) throw new Error('a hub is expected');
    const { events, incomplete } = await settled(surveyEvents(api, { limit: 50 }));
    expect(events.length).toBeGreaterThan(1);
    expect(events.length).toBeLessThan(20);
    expect(events[0]?.seq).toBe(20);
    expect(incomplete).toEqual(['n2']);
  });
});
