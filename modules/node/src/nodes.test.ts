import { createSeededRandom, randomInt } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { nodeContract, type NodeContract } from '@trunkline/contracts/node';
import type { RpcResultOf } from '@trunkline/contracts';
import type { Hub, Principal } from '@trunkline/hub';
import { createTestEngine, createTestHub, RawPeer, testPrincipal } from '@trunkline/hub/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeModule } from './index.js';
import { moduleOptions } from './testing.js';

interface Bed {
  readonly clock: FakeClock;
  readonly hubs: readonly Hub[];
  /** Nodes whose messages are lost. */
  readonly mute: Set<string>;
  peer(node: number, user: string, org?: string): Promise<RawPeer>;
}

const beds: Bed[] = [];
afterEach(async () => {
  for (const { hubs } of beds.splice(0)) for (const hub of hubs) await hub.dispose();
});

/** Nodes on one memory engine. */
async function start(count: number): Promise<Bed> {
  const clock = new FakeClock();
  const mute = new Set<string>();
  const engine = createTestEngine(clock);
  const hubs: Hub[] = [];
  for (let n = 0; n < count; n++) {
    const nodeId = `n${n + 1}`;
    const broker: typeof engine = (handler) => {
      const node = engine(handler);
      const send = node.sendControl.bind(node);
      node.sendControl = (text, to) => (mute.has(nodeId) ? Promise.resolve() : send(text, to));
      return node;
    };
    const { hub } = createTestHub(
      { nodeId, nodeName: `node ${n + 1}`, pingIntervalMs: 0 },
      { clock, broker, seed: n },
    );
    await hub.use(
      nodeModule({ ...moduleOptions, namespaces: () => hub.namespaces(), hub: () => hub.options }),
    );
    hubs.push(hub);
  }
  await clock.advance(10);
  const bed: Bed = {
    clock,
    hubs,
    mute,
    async peer(node, user, org = 'acme') {
      const one = new RawPeer(hubs[node] as Hub, clock);
      await one.connect({ user, org });
      return one;
    },
  };
  beds.push(bed);
  return bed;
}

/** The result, checked against the contract; time passes meanwhile. */
async function ask<M extends keyof NodeContract['rpc']>(
  { hubs, clock }: Bed,
  node: number,
  method: M,
  params: object,
  principal: Partial<Principal> = {},
): Promise<RpcResultOf<NodeContract, M>> {
  const who = testPrincipal({ roles: ['admin'], ...principal });
  const asked = hubs[node]?.forOrg(who.org).rpc(method, params, {
    principal: who,
    client: '',
    requestId: 'r',
    signal: new AbortController().signal,
  });
  await clock.advance(3_000);
  const { result } = (await asked) ?? {};
  return nodeContract.rpc[method].result.parse(JSON.parse(JSON.stringify(result))) as RpcResultOf<
    NodeContract,
    M
  >;
}

const api = async <T>({ clock }: Bed, asked: Promise<T>): Promise<T> => {
  await clock.advance(2_000);
  return asked;
};

describe('several nodes', () => {
  it('[NODE-16] connections of all nodes in one order, each with its node', async () => {
    const bed = await start(3);
    const order: string[] = [];
    for (let n = 0; n < 9; n++) {
      await bed.peer(n % 3, `u${n}`);
      await bed.clock.advance(5);
      order.unshift(`u${n} n${(n % 3) + 1}`);
    }
    await bed.peer(1, 'eve', 'rival');
    for (let node = 0; node < 3; node++) {
      const { connections, total, complete, incomplete } = await ask(bed, node, 'node.connections', {});
      expect(connections.map((one) => `${one.user} ${one.node}`)).toEqual(order);
      expect([total, complete, incomplete]).toEqual([9, true, []]);
    }
    const pages: string[] = [];
    for (let offset = 0; offset < 9; offset += 2) {
      const { connections } = await ask(bed, 0, 'node.connections', { limit: 2, offset });
      pages.push(...connections.map((one) => `${one.user} ${one.node}`));
    }
    expect(pages).toEqual(order);
    const found = await ask(bed, 0, 'node.connections', { search: 'U4' });
    expect(found).toMatchObject({ total: 1, connections: [{ user: 'u4', node: 'n2' }] });
    expect((await ask(bed, 2, 'node.connections', { user: 'u3' })).connections).toHaveLength(1);
  });

  it('[NODE-24] a node that does not answer is named, and the others are told of', async () => {
    const bed = await start(3);
    for (let n = 0; n < 3; n++) await bed.peer(n, `u${n}`);
    bed.mute.add('n3');
    const lists = await Promise.all([
      ask(bed, 0, 'node.connections', {}),
      ask(bed, 0, 'node.events', {}),
      ask(bed, 0, 'node.explain', { channel: 'room:1', user: 'u2' }),
      ask(bed, 0, 'node.info', {}),
      ask(bed, 0, 'node.connection', { client: 'nobody' }),
      ask(bed, 0, 'node.channels', {}),
    ]);
    for (const { incomplete } of lists) expect(incomplete).toEqual(['n3']);
    expect(lists[0].connections.map(({ user }) => user).sort()).toEqual(['u0', 'u1']);
    // Once it counts as gone nobody waits for it, and nothing is missing that could be had.
    await bed.clock.advance(11_000);
    expect((await ask(bed, 0, 'node.connections', {})).incomplete).toEqual([]);
  });

  it('[NODE-17] [NODE-10] one connection wherever it is; what ends it reaches it there, and is counted', async () => {
    const bed = await start(2);
    const far = await bed.peer(1, 'ada');
    await far.call({ subscribe: { channel: 'room:1' } });
    const { connections } = await ask(bed, 0, 'node.connections', {});
    const client = connections[0]?.client ?? '';
    expect(await ask(bed, 0, 'node.connection', { client })).toMatchObject({
      connection: { user: 'ada', node: 'n2', subscriptions: 1 },
      subscriptions: [{ channel: 'room:1' }],
      total: 1,
    });
    expect(await ask(bed, 0, 'node.connection', { client }, { org: 'rival' })).toEqual({
      subscriptions: [],
      total: 0,
      incomplete: [],
    });
    expect((await ask(bed, 0, 'node.disconnect', { client }, { org: 'rival' })).count).toBe(0);
    expect((await ask(bed, 0, 'node.unsubscribe', { channel: 'room:1', client })).count).toBe(1);
    expect((await ask(bed, 0, 'node.disconnect', { client })).count).toBe(1);
    expect(far.transport.closed).toMatchObject({ code: 3503 });
    // One that does not say how many is waited for a second, and no longer.
    await bed.peer(1, 'bob');
    bed.mute.add('n2');
    const startMs = bed.clock.monotonic();
    const count = bed.hubs[0]?.forOrg('acme').disconnect({ user: 'bob' });
    await bed.clock.advance(1_000);
    expect(await count).toBe(0);
    expect(bed.clock.monotonic() - startMs).toBe(1_000);
  });

  it('[NODE-18] what all nodes know about a reader and a channel', async () => {
    const bed = await start(2);
    const near = await bed.peer(0, 'ada');
    const far = await bed.peer(1, 'ada');
    for (const peer of [near, far]) await peer.call({ subscribe: { channel: 'room:1' } });
    await far.call({ subscribe: { channel: 'secret:x' } });
    await api(bed, bed.hubs[0]?.forOrg('acme').publish('room:1', '1') ?? Promise.reject());
    const explained = await ask(bed, 0, 'node.explain', { channel: 'room:1', user: 'ada' });
    expect(explained).toMatchObject({ total: 2, channel: { subscribers: 2, position: { offset: 1 } } });
    expect(explained.connections.map((one) => [one.node, one.subscription?.position.offset]).sort()).toEqual([
      ['n1', 1],
      ['n2', 1],
    ]);
    const refused = await ask(bed, 0, 'node.explain', { channel: 'secret:x', user: 'ada' });
    expect(refused.events).toMatchObject([{ kind: 'subscribeRefused', node: 'n2' }]);
    expect((await ask(bed, 0, 'node.channel', { channel: 'room:1' })).subscribers).toBe(2);
  });

  it('[NODE-18] a channel that each node numbers by itself is compared with the numbers of its own node', async () => {
    const bed = await start(2);
    const far = await bed.peer(1, 'op');
    await bed.hubs[1]?.forOrg('acme').disconnect({ user: 'nobody' });
    const operator = new RawPeer(bed.hubs[1] as Hub, bed.clock);
    await operator.connect({ user: 'boss', roles: ['operator'] });
    await operator.call({ subscribe: { channel: 'node:stats' } });
    await bed.clock.advance(5_000);
    const { connections } = await ask(
      bed,
      0,
      'node.explain',
      { channel: 'node:stats', user: 'boss' },
      { roles: ['operator'] },
    );
    const [one] = connections;
    expect(one?.top?.epoch).toBe(one?.subscription?.position.epoch);
    expect(one?.top?.offset).toBeGreaterThan(0);
    far.drop();
  });

  it('[NODE-19] events of all nodes, newest first, and live at any of them', async () => {
    const bed = await start(2);
    const reader = new RawPeer(bed.hubs[0] as Hub, bed.clock);
    await reader.connect({ user: 'boss', roles: ['admin'] });
    await reader.call({ subscribe: { channel: 'node:events' } });
    for (let n = 0; n < 6; n++) {
      const peer = await bed.peer(n % 2, `u${n}`);
      await bed.clock.advance(3);
      peer.drop();
      await bed.clock.advance(3);
    }
    (await bed.peer(1, 'eve', 'rival')).drop();
    await bed.clock.advance(1_100);
    const seen = (await reader.publications('node:events')).map(({ data }) => {
      const event = data as { readonly user: string; readonly node: string };
      return `${event.user} ${event.node}`;
    });
    expect([...seen].sort()).toEqual(['u0 n1', 'u1 n2', 'u2 n1', 'u3 n2', 'u4 n1', 'u5 n2']);
    const { events } = await ask(bed, 1, 'node.events', { kinds: ['disconnected'], limit: 4 });
    expect(events.map(({ user, node }) => `${user} ${node}`)).toEqual(['u5 n2', 'u4 n1', 'u3 n2', 'u2 n1']);
    expect((await ask(bed, 1, 'node.events', { node: 'n1' })).events.map(({ user }) => user)).toEqual([
      'u4',
      'u2',
      'u0',
    ]);
  });

  it('[NODE-22] [NODE-3] nodes and samples, within the org for its administrators', async () => {
    const bed = await start(2);
    for (const [node, user, org] of [
      [0, 'ada', 'acme'],
      [1, 'bob', 'acme'],
      [1, 'eve', 'rival'],
    ] as const) {
      const peer = await bed.peer(node, user, org);
      await peer.call({ subscribe: { channel: 'room:1' } });
    }
    const mine = await ask(bed, 1, 'node.info', {});
    expect(mine.nodes?.map(({ nodeId, name, connections }) => [nodeId, name, connections])).toEqual([
      ['n2', 'node 2', 1],
      ['n1', 'node 1', 1],
    ]);
    const whole = await ask(bed, 0, 'node.info', {}, { roles: ['operator'] });
    expect(whole.nodes?.map(({ nodeId, connections }) => [nodeId, connections])).toEqual([
      ['n1', 1],
      ['n2', 2],
    ]);
    const sample = await ask(bed, 0, 'node.stats', {});
    expect(sample).toMatchObject({
      scope: 'org',
      connections: 2,
      users: 2,
      subscriptions: 2,
      nodes: 2,
      incomplete: [],
    });
    expect((await ask(bed, 0, 'node.trend', {})).scope).toBe('org');
    const { channels } = await ask(bed, 0, 'node.channels', { pattern: 'room:*' });
    expect(channels).toEqual([{ channel: 'room:1', subscribers: 2 }]);
  });

  it('[NODE-16] whatever lies where, pages put together are the whole list in its order, each once', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = createSeededRandom(seed);
      const bed = await start(3);
      for (let n = 0; n < 40; n++) {
        const peer = await bed.peer(randomInt(random, 3), `u${n}`);
        for (let c = randomInt(random, 4); c > 0; c--)
          await peer.call({ subscribe: { channel: `room:${randomInt(random, 30)}` } });
        await bed.clock.advance(randomInt(random, 3));
      }
      const { connections: whole } = await ask(bed, 0, 'node.connections', { limit: 1_000 });
      expect(new Set(whole.map(({ client }) => client)).size).toBe(40);
      const limit = 1 + randomInt(random, 9);
      const pages = [];
      for (let offset = 0; offset < 40; offset += limit)
        pages.push(
          ...(await ask(bed, randomInt(random, 3), 'node.connections', { limit, offset })).connections,
        );
      expect(pages).toEqual(whole);
      for (let at = 1; at < whole.length; at++)
        expect((whole[at - 1]?.connectedAtMs ?? 0) - (whole[at]?.connectedAtMs ?? 0)).toBeGreaterThanOrEqual(
          0,
        );
      // Channels: the sums of the nodes, in the order of names, whatever the limit.
      const sums = new Map<string, number>();
      for (const hub of bed.hubs)
        for (const { channel, subscribers } of hub.forOrg('acme').channels())
          sums.set(channel, (sums.get(channel) ?? 0) + subscribers);
      const expected = [...sums]
        .map(([channel, subscribers]) => ({ channel, subscribers }))
        .sort((a, b) => (a.channel < b.channel ? -1 : 1));
      for (const most of [1, 7, 1_000]) {
        const { channels } = await ask(bed, 1, 'node.channels', { limit: most });
        expect(channels).toEqual(expected.slice(0, most));
      }
    }
  }, 60_000);
});
