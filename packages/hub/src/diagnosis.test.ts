import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { createMemoryBroker, type BrokerFactory } from '@trunkline/broker';
import { describe, expect, test } from 'vitest';
import { OrgEvents } from './clients/org-events.js';
import type { OrgEvent, OrgEventDetail } from './ports/index.js';
import { createTestHub, testPrincipal, type Frame, type TestHub } from './testing.js';

const open = ['user'] as const;
const NAMESPACES = [
  { name: 'log', historySize: 5, forceRecovery: true, allowSubscribe: open },
  { name: 'gaps', historySize: 50, overflow: 'gap', allowSubscribe: open },
  { name: 'tail', historySize: 50, overflow: 'latest', allowSubscribe: open },
  { name: 'secret', historySize: 5 },
] as const;

function world(options: Parameters<typeof createTestHub>[0] = {}): TestHub {
  return createTestHub({ pingIntervalMs: 0, outboxMaxMessages: 3, namespaces: [...NAMESPACES], ...options });
}

/** Without what every event has. */
function bare(events: readonly OrgEvent[]): object[] {
  return events.map(({ seq: _seq, timeMs: _timeMs, client: _client, user: _user, ...rest }) => rest);
}

describe('counters of an org', () => {
  test('[ORG-1] connections, users, subscriptions and traffic of one org alone, from its first connection on', async () => {
    const { hub, clock, peer } = world();
    const api = hub.forOrg('acme');
    expect(api.stats()).toMatchObject({ sinceMs: 0, connections: 0, messagesIn: 0 });
    await clock.advance(5_000);
    const [one, two, other] = [peer(), peer(), peer()];
    await one.connect();
    await two.connect();
    await other.connect({ org: 'umbrella', user: 'eve' });
    await one.call({ subscribe: { channel: 'log:1' } });
    await two.call({ subscribe: { channel: 'log:1' } });
    const before = api.stats();
    expect(before).toMatchObject({
      connections: 2,
      users: 1,
      subscriptions: 2,
      messagesIn: 4,
      messagesOut: 4,
    });
    expect(before.sinceMs).toBe(clock.now());
    for (let n = 0; n < 3; n++) await api.publish('log:1', String(n));
    await clock.advance(0);
    expect(api.stats().messagesOut - before.messagesOut).toBe(6);
    expect(api.stats().bytesOut).toBeGreaterThan(before.bytesOut);
    expect(hub.forOrg('umbrella').stats()).toMatchObject({ connections: 1, messagesIn: 1, messagesOut: 1 });
    // Nothing is kept of an org without connections.
    one.drop();
    two.drop();
    expect(api.stats()).toMatchObject({ sinceMs: 0, connections: 0, messagesOut: 0, outboxBytes: 0 });
  });

  test('[ORG-1] what waits for the org is counted until it goes', async () => {
    const { hub, clock, peer } = world();
    const one = peer();
    await one.connect({}, 'gap');
    await one.call({ subscribe: { channel: 'gaps:1' } });
    one.transport.stall();
    const api = hub.forOrg('acme');
    for (let n = 0; n < 3; n++) {
      await api.publish('gaps:1', String(n));
      await clock.advance(1);
    }
    expect(api.stats().outboxBytes).toBeGreaterThan(0);
    one.transport.unstall();
    await clock.advance(1);
    expect(api.stats().outboxBytes).toBe(0);
  });
});

describe('events of an org', () => {
  test('[DIAG-1] a refused subscribe, an unsubscribe of either side, and who closed the connection', async () => {
    const { hub, peer, clock } = world();
    const api = hub.forOrg('acme');
    const one = peer();
    const { client } = await one.connect();
    await one.call({ subscribe: { channel: 'secret:1' } });
    await one.call({ subscribe: { channel: 'log:1' } });
    await one.call({ unsubscribe: { channel: 'log:1' } });
    await one.call({ subscribe: { channel: 'log:2' } });
    await api.unsubscribe('log:2', { user: 'ada' });
    await clock.advance(1_000);
    await api.disconnect({ user: 'ada' });
    const two = peer();
    await two.connect();
    two.drop();
    const events = api.events();
    expect(bare(events)).toEqual([
      { kind: 'disconnected', code: 1006, reason: '', by: 'client' },
      { kind: 'disconnected', code: 3503, reason: 'force disconnect', by: 'server' },
      { kind: 'unsubscribed', channel: 'log:2', code: 2000 },
      { kind: 'unsubscribed', channel: 'log:1', code: 0 },
      { kind: 'subscribeRefused', channel: 'secret:1', code: 103, message: 'permission denied' },
    ]);
    expect(events.at(-1)).toMatchObject({ seq: 1, client, user: 'ada' });
    expect((events[1]?.timeMs ?? 0) - (events[2]?.timeMs ?? 0)).toBe(1_000);
  });

  test('[DIAG-2] each outcome of a full outbox tells its range', async () => {
    const { hub, peer, clock } = world();
    const api = hub.forOrg('acme');
    const fill = async (channel: string, extensions: string): Promise<void> => {
      const one = peer();
      await one.connect({}, extensions);
      await one.call({ subscribe: { channel } });
      await one.frames();
      one.transport.stall();
      for (let n = 0; n < 10; n++) {
        await api.publish(channel, String(n));
        await clock.advance(1);
      }
      one.transport.unstall();
      await one.frames();
    };
    await fill('gaps:1', 'gap');
    await fill('tail:1', 'gap');
    await fill('log:1', 'gap');
    // The first write goes to the network, three wait, and the rest has no room.
    expect(bare(api.events())).toEqual([
      {
        kind: 'cut',
        channel: 'log:1',
        code: 2500,
        reason: 'overflow',
        position: { epoch: expect.any(String), offset: 4 },
      },
      { kind: 'overflow', channel: 'log:1', outcome: 'recover', from: 5, to: 5, dropped: 1 },
      { kind: 'overflow', channel: 'tail:1', outcome: 'latest', from: 5, to: 10, dropped: 5 },
      { kind: 'overflow', channel: 'gaps:1', outcome: 'gap', from: 5, to: 10, dropped: 6 },
    ]);
  });

  test('[DIAG-2] a reader that goes while it is behind leaves its range too', async () => {
    const { hub, peer, clock } = world();
    const api = hub.forOrg('acme');
    const one = peer();
    await one.connect({}, 'gap');
    await one.call({ subscribe: { channel: 'gaps:1' } });
    await one.frames();
    one.transport.stall();
    for (let n = 0; n < 10; n++) {
      await api.publish('gaps:1', String(n));
      await clock.advance(1);
    }
    one.drop();
    expect(bare(api.events({ kinds: ['overflow'] }))).toEqual([
      { kind: 'overflow', channel: 'gaps:1', outcome: 'gap', from: 5, to: 10, dropped: 6 },
    ]);
  });

  test('[DIAG-3] what was recovered and what was not, with the positions', async () => {
    const { hub, peer } = world();
    const api = hub.forOrg('acme');
    const one = peer();
    await one.connect();
    const { position } = await api.publish('log:1', '1');
    for (let n = 2; n <= 4; n++) await api.publish('log:1', String(n));
    const recover = { channel: 'log:1', recoverable: true, recover: true, ...position };
    await one.call({ subscribe: recover });
    await one.call({ unsubscribe: { channel: 'log:1' } });
    for (let n = 5; n <= 9; n++) await api.publish('log:1', String(n));
    await one.call({ subscribe: recover });
    const { epoch } = position;
    expect(bare(api.events({ kinds: ['recovered', 'unrecovered'] }))).toEqual([
      { kind: 'unrecovered', channel: 'log:1', from: position, to: { epoch, offset: 9 }, reason: 'trimmed' },
      { kind: 'recovered', channel: 'log:1', from: position, to: { epoch, offset: 4 }, publications: 3 },
    ]);
    const foreign = { ...recover, epoch: 'other', flag: 2 };
    await one.call({ unsubscribe: { channel: 'log:1' } });
    expect((await one.call({ subscribe: foreign }))['error']).toMatchObject({ code: 112 });
    expect(api.events({ limit: 1 })).toMatchObject([{ kind: 'subscribeRefused', code: 112 }]);
  });

  test('[DIAG-3] lost continuity names its reason', async () => {
    const clock = new FakeClock();
    const memory = createMemoryBroker({ clock, random: createSeededRandom(1) });
    let lose = false;
    const broker: BrokerFactory = (handler) =>
      memory({ ...handler, onPublication: (...args) => (lose ? undefined : handler.onPublication(...args)) });
    const { hub, peer } = createTestHub(
      { pingIntervalMs: 0, namespaces: [...NAMESPACES] },
      { clock, broker },
    );
    const api = hub.forOrg('acme');
    const one = peer();
    await one.connect();
    await one.call({ subscribe: { channel: 'log:1' } });
    await api.publish('log:1', '1');
    lose = true;
    for (let n = 2; n <= 20; n++) await api.publish('log:1', String(n));
    lose = false;
    await api.publish('log:1', '21');
    await clock.advance(10);
    expect(bare(api.events())).toMatchObject([
      { kind: 'cut', channel: 'log:1', code: 2500, reason: 'trimmed', position: { offset: 1 } },
    ]);
  });

  test('[DIAG-4] [WALL-4] an org sees its own events alone, filtered by client, user, channel, kind and number', async () => {
    const { hub, peer } = world();
    const [ada, bob, eve] = [peer(), peer(), peer()];
    const { client } = await ada.connect();
    await bob.connect({ user: 'bob' });
    await eve.connect({ org: 'umbrella', user: 'ada' });
    for (const one of [ada, bob, eve])
      for (const channel of ['log:1', 'log:2']) {
        await one.call({ subscribe: { channel } });
        await one.call({ unsubscribe: { channel } });
      }
    eve.drop();
    bob.drop();
    const api = hub.forOrg('acme');
    const seqs = (filter: Parameters<typeof api.events>[0]): number[] =>
      api.events(filter).map(({ seq }) => seq);
    expect(seqs({})).toEqual([5, 4, 3, 2, 1]);
    expect(seqs({ client: String(client) })).toEqual([2, 1]);
    expect(seqs({ user: 'bob' })).toEqual([5, 4, 3]);
    // The end of a connection explains every channel.
    expect(seqs({ channel: 'log:2' })).toEqual([5, 4, 2]);
    expect(seqs({ kinds: ['disconnected'] })).toEqual([5]);
    expect(seqs({ after: 3 })).toEqual([5, 4]);
    expect(seqs({ limit: 2 })).toEqual([5, 4]);
    expect(hub.forOrg('umbrella').events()).toHaveLength(3);
    expect(hub.forOrg('nobody').events()).toEqual([]);
  });

  test('[DIAG-5] the newest are kept, of so many orgs; none where told so', () => {
    const clock = new FakeClock();
    const detail = (channel: string): OrgEventDetail => ({ kind: 'unsubscribed', channel, code: 0 });
    const client = (org: string) => ({ id: 'c', principal: testPrincipal({ org }) });
    const events = new OrgEvents(clock, 3);
    for (let n = 1; n <= 7; n++) events.add(client('acme'), detail(`log:${n}`));
    expect(events.list('acme').map(({ seq }) => seq)).toEqual([7, 6, 5]);
    expect(events.list('acme', { after: 5 }).map(({ seq }) => seq)).toEqual([7, 6]);
    events.add(client('acme'), detail('x'.repeat(5_000)));
    expect((events.list('acme', { limit: 1 })[0] as unknown as Frame)['channel']).toHaveLength(255);
    for (let n = 0; n < 1_000; n++) events.add(client(`org${n}`), detail('log:1'));
    expect(events.list('acme')).toEqual([]);
    expect(events.list('org0')).toHaveLength(1);
    const none = new OrgEvents(clock, 0);
    none.add(client('acme'), detail('log:1'));
    expect(none.list('acme')).toEqual([]);
  });
});

describe('a peer that does not listen', () => {
  test('[SESS-6] more than 1,000 refusals within ten seconds close it, with accepted commands between them too', async () => {
    const { peer, clock, hub } = world({ maxCommandsPerSecondPerConnection: 100 });
    const twice = peer();
    await twice.connect();
    // Twice its rate: every other command is refused, never two in a row for long.
    let seconds = 0;
    for (; seconds < 60 && !twice.transport.closed; seconds++)
      for (let n = 0; n < 100 && !twice.transport.closed; n++) {
        twice.send(...[1, 2, 3, 4].map((id) => ({ id: n * 4 + id + 10, ping: {} })));
        await clock.advance(10);
      }
    expect(twice.transport.closed).toMatchObject({ code: 3013 });
    expect(seconds).toBeLessThan(6);
    // Less than twice: told, and left alone.
    const slightly = peer();
    await slightly.connect();
    for (let n = 0; n < 3_000; n++) {
      slightly.send({ id: n + 10, ping: {} }, { id: n + 10_000, ping: {} });
      await clock.advance(11);
    }
    expect(slightly.transport.closed).toBeUndefined();
    expect(hub.stats().errors[111]).toBeGreaterThan(1_000);
  });

  test('[SESS-6] what its org uses up is not held against it', async () => {
    const { peer, clock } = world({ maxCommandsPerSecondPerOrg: 1 });
    const one = peer();
    await one.connect();
    for (let n = 0; n < 30; n++) {
      one.send(...Array.from({ length: 50 }, (_, index) => ({ id: n * 50 + index + 10, ping: {} })));
      await clock.advance(100);
    }
    expect(one.transport.closed).toBeUndefined();
    const refused = (await one.frames()).filter(
      (frame) => (frame['error'] as Frame | undefined)?.['code'] === 111,
    );
    expect(refused.length).toBeGreaterThan(1_400);
  });
});
