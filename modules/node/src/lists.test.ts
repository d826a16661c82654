import type { RpcResultOf } from '@trunkline/contracts';
import { nodeContract, type NodeContract } from '@trunkline/contracts/node';
import { HUB_DEFAULTS, NAMESPACE_DEFAULTS, type NamespaceOptions } from '@trunkline/hub';
import { CodedError } from '@trunkline/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeModule } from './index.js';
import { connection, createNodeBed, position, refusal, subscription, type NodeBed } from './testing.js';

const namespace = (given: Partial<NamespaceOptions>): NamespaceOptions => ({
  ...NAMESPACE_DEFAULTS,
  ...given,
});

const NAMESPACES = [
  namespace({ name: '', allowSubscribe: ['user'] }),
  namespace({ name: 'chat', historySize: 100, maxSubscribers: 50, channelPattern: '[a-z]+' }),
  namespace({
    name: 'board',
    type: 'map',
    map: { ...NAMESPACE_DEFAULTS.map, keyTtlMs: 60_000, streamSize: 0, maxKeys: 10 },
  }),
  namespace({ name: '*' }),
];

let bed: NodeBed;

beforeEach(async () => {
  bed = await createNodeBed(nodeModule, { namespaces: () => NAMESPACES, searchedConnections: 100 });
});
afterEach(() => bed.parts.dispose?.());

/** The result, checked against the contract. */
async function ask<M extends keyof NodeContract['rpc']>(
  method: M,
  params: object,
  roles: ('admin' | 'operator')[] = ['admin'],
  org?: string,
): Promise<RpcResultOf<NodeContract, M>> {
  const { result } = await bed.call(method, params, roles, org);
  return nodeContract.rpc[method].result.parse(JSON.parse(JSON.stringify(result))) as RpcResultOf<
    NodeContract,
    M
  >;
}

describe('namespaces', () => {
  const channels = [
    { channel: 'lobby', subscribers: 2 },
    { channel: 'chat:a', subscribers: 3 },
    { channel: 'chat:b', subscribers: 4 },
    { channel: 'other:x', subscribers: 1 },
  ];

  it('[NODE-15] every option is named, and which of them are not the default', async () => {
    const { namespaces } = await ask('node.namespaces', {});
    expect(namespaces).toMatchObject([
      { name: '', changed: ['allowSubscribe'], maxSubscribers: null, metaTtlMs: 2_592_000_000 },
      {
        name: 'chat',
        changed: ['historySize', 'maxSubscribers', 'channelPattern'],
        channelPattern: '[a-z]+',
      },
      { name: 'board', changed: ['type', 'map.maxKeys'], map: { mode: 'ephemeral', maxKeys: 10 } },
      { name: '*', changed: [] },
    ]);
  });

  it('[NODE-15] counts are of the caller’s org alone', async () => {
    bed.org('globex').channels.mockReturnValue(channels);
    const { namespaces, complete } = await ask('node.namespaces', {}, ['operator'], 'globex');
    expect(namespaces).toMatchObject([
      { name: '', channels: 1, subscribers: 2 },
      { name: 'chat', channels: 2, subscribers: 7 },
      { name: 'board', channels: 0, subscribers: 0 },
      { name: '*', channels: 1, subscribers: 1 },
    ]);
    expect(complete).toBe(true);
    expect([...bed.orgs.keys()]).toEqual(['globex']);
  });

  it('[NODE-15] channels can be asked for by the namespace that rules them', async () => {
    bed.org().channels.mockReturnValue(channels);
    const named = async (name: string) =>
      (await ask('node.channels', { namespace: name })).channels.map((one) => one.channel);
    expect(await named('chat')).toEqual(['chat:a', 'chat:b']);
    expect(await named('')).toEqual(['lobby']);
    expect(await named('*')).toEqual(['other:x']);
  });
});

describe('connections', () => {
  const many = [
    connection({
      client: 'c1',
      user: 'Ada',
      outboxBytes: 0,
      subscriptions: [subscription('chat:a'), subscription('chat:b', { delivery: 'conflating', dropped: 4 })],
    }),
    connection({ client: 'c2', user: 'grace', name: 'go', subscriptions: [subscription('jobs:1')] }),
    connection({ client: 'c3', user: '', outboxMessages: 2, outboxBytes: 90 }),
  ];
  const clients = async (filter: object) =>
    (await ask('node.connections', filter)).connections.map((one) => one.client);

  beforeEach(() => {
    bed.org().connections.mockReturnValue({ connections: many, total: 3 });
  });

  it('[NODE-16] a row counts subscriptions and does not carry them', async () => {
    const { connections, total, complete } = await ask('node.connections', {});
    expect(connections[0]).toMatchObject({ subscriptions: 2, behind: 1, dropped: 4, delivery: 'conflating' });
    expect(connections[1]).toMatchObject({ subscriptions: 1, behind: 0, delivery: 'flowing' });
    expect({ total, complete }).toEqual({ total: 3, complete: true });
  });

  it('[NODE-16] without a search the hub pages', async () => {
    await ask('node.connections', { limit: 20, offset: 40, user: 'Ada' });
    expect(bed.org().connections).toHaveBeenLastCalledWith({ user: 'Ada', limit: 20, offset: 40 });
  });

  it('[NODE-16] a search looks at user, client, SDK, channel and state', async () => {
    expect(await clients({ search: 'ADA' })).toEqual(['c1']);
    expect(await clients({ search: 'go' })).toEqual(['c2']);
    expect(await clients({ search: 'c3' })).toEqual(['c3']);
    expect(await clients({ channel: 'jobs:1' })).toEqual(['c2']);
    expect(await clients({ channel: 'chat:*' })).toEqual(['c1']);
    expect(await clients({ channel: 'j*s:*1' })).toEqual(['c2']);
    expect(await clients({ channel: 'chat' })).toEqual([]);
    expect(await clients({ state: 'behind' })).toEqual(['c1']);
    expect(await clients({ state: 'dropped' })).toEqual(['c1']);
    expect(await clients({ state: 'waiting' })).toEqual(['c2', 'c3']);
    expect(await clients({ state: 'waiting', limit: 1, offset: 1 })).toEqual(['c3']);
  });

  it('[NODE-16] a search is bounded, and says so where the org is larger', async () => {
    bed.org().connections.mockReturnValue({ connections: many, total: 9_000 });
    expect(await ask('node.connections', { search: 'c' })).toMatchObject({ total: 3, complete: false });
    expect(bed.org().connections).toHaveBeenLastCalledWith({ limit: 100 });
  });

  it('[NODE-17] subscriptions come a page at a time, by name', async () => {
    const subscriptions = ['d', 'b', 'a', 'c'].map((name) => subscription(name));
    bed.org().connections.mockReturnValue({ connections: [connection({ subscriptions })], total: 1 });
    const page = await ask('node.connection', { client: 'c1', limit: 2, offset: 1 });
    expect(page.subscriptions).toMatchObject([{ channel: 'b' }, { channel: 'c' }]);
    expect(page).toMatchObject({ total: 4, connection: { client: 'c1', subscriptions: 4 } });
    expect(await ask('node.connection', { client: 'c1', search: 'D' })).toMatchObject({ total: 1 });
  });

  it('[NODE-17] a connection that is gone, or never was, is one answer', async () => {
    bed.org().connections.mockReturnValue({ connections: [], total: 0 });
    expect(await ask('node.connection', { client: 'x' })).toEqual({
      subscriptions: [],
      total: 0,
      incomplete: [],
    });
  });
});

describe('why', () => {
  it('[NODE-18] gathers channel, namespace, connections and events of one user', async () => {
    bed.org().connections.mockReturnValue({
      connections: [
        connection({ subscriptions: [subscription('x'), subscription('chat:a', { dropped: 3 })] }),
        connection({ client: 'c2' }),
      ],
      total: 2,
    });
    bed.org().state.events = [refusal(1, { channel: 'chat:a' })];
    const facts = await ask('node.explain', { channel: 'chat:a', user: 'u1', offset: 7 });
    expect(facts).toMatchObject({
      channel: { channel: 'chat:a', position },
      namespace: { name: 'chat' },
      insecure: false,
      connections: [{ client: 'c1', subscriptions: 2, subscription: { dropped: 3 } }, { client: 'c2' }],
      total: 2,
      events: [{ kind: 'subscribeRefused', code: 103 }],
    });
    expect(facts.connections[1]).not.toHaveProperty('subscription');
    expect(bed.org().events).toHaveBeenCalledWith({ user: 'u1', channel: 'chat:a', limit: 50 });
  });

  it('[NODE-18] says when a publication was accepted, while history has it', async () => {
    bed.org().history.mockResolvedValue({ publications: [{ offset: 7, data: '1', timeMs: 5 }], position });
    expect(await ask('node.explain', { channel: 'a', user: 'u', offset: 7 })).toMatchObject({
      publication: { offset: 7, timeMs: 5 },
    });
    expect(await ask('node.explain', { channel: 'a', user: 'u', offset: 5 })).not.toHaveProperty(
      'publication',
    );
    bed.org().history.mockRejectedValue(new CodedError('notAvailable'));
    expect(await ask('node.explain', { channel: 'a', user: 'u', offset: 7 })).not.toHaveProperty(
      'publication',
    );
  });

  it('[NODE-18] a channel that no namespace covers is a fact, not a failure', async () => {
    await bed.parts.dispose?.();
    bed = await createNodeBed(nodeModule, { hub: () => ({ ...HUB_DEFAULTS, insecure: true }) });
    bed.org().channel.mockRejectedValue(new CodedError('unknownChannel'));
    const facts = await ask('node.explain', { channel: 'none:1', client: 'c' });
    expect(facts).toMatchObject({ insecure: true });
    expect(facts).not.toHaveProperty('channel');
    expect(facts).not.toHaveProperty('namespace');
  });

  it('[NODE-18] needs somebody, and does not look into channels the caller may not read', async () => {
    await expect(async () => bed.call('node.explain', { channel: 'a' })).rejects.toMatchObject({ code: 107 });
    await ask('node.explain', { channel: 'node:stats', user: 'u', offset: 1 });
    expect(bed.org().history).not.toHaveBeenCalled();
  });
});

describe('events', () => {
  it('[NODE-19] are asked for in the org of the credential', async () => {
    bed.org('globex').state.events = [refusal(4)];
    expect(await ask('node.events', { kinds: ['subscribeRefused'] }, ['admin'], 'globex')).toMatchObject({
      events: [{ seq: 4 }],
    });
    expect(bed.org('globex').events).toHaveBeenCalledWith({ kinds: ['subscribeRefused'], limit: 100 });
    expect((await ask('node.events', {})).events).toEqual([]);
  });

  it('[NODE-19] a reader gets what was kept, oldest first, and then each new one once', async () => {
    bed.org().state.events = [refusal(2), refusal(1)];
    const reader = bed.open('node:events');
    expect(reader.data).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    bed.org().state.events = [refusal(9), refusal(2), refusal(1)];
    await bed.clock.advance(2_000);
    expect(reader.data.slice(2)).toMatchObject([{ seq: 9 }]);
    reader.close();
    bed.org().state.events = [refusal(10)];
    await bed.clock.advance(2_000);
    expect(reader.data).toHaveLength(3);
  });
});

describe('channels and maps', () => {
  it('[NODE-20] a channel that a contract promises carries the schema of its data', async () => {
    const { promise } = await ask('node.channel', { channel: 'node:org-stats' });
    expect(promise).toMatchObject({
      contract: 'node',
      schema: { type: 'object', properties: { org: { type: 'string' } } },
    });
    expect(await ask('node.channel', { channel: 'chat:a' })).not.toHaveProperty('promise');
  });

  it('[NODE-20] a pattern’s part in braces stands for one part of a name', async () => {
    await bed.parts.dispose?.();
    const { stats } = nodeContract.channels;
    const contract = { ...nodeContract, channels: { one: { ...stats, pattern: 'chat:{user}:log-{id}' } } };
    bed = await createNodeBed(nodeModule, { contracts: () => [contract] });
    const promised = async (channel: string) => 'promise' in (await ask('node.channel', { channel }));
    expect(await promised('chat:ann:log-7')).toBe(true);
    expect(await promised('chat:ann:log-')).toBe(false);
    expect(await promised('chat:ann:b:log-7')).toBe(false);
    expect(await promised('chat:ann')).toBe(false);
  });

  it('[NODE-21] a write that expects another entry is told what stands there', async () => {
    bed.org().mapPublish.mockResolvedValue({
      position,
      deduplicated: false,
      applied: false,
      current: { offset: 5, key: 'k', data: '{"x":1}' },
    });
    const outcome = await bed.call('node.publish', { channel: 'board:1', key: 'k', data: 1, expect: 3 });
    expect(bed.org().mapPublish).toHaveBeenCalledWith('board:1', 'k', '1', { expect: 3 });
    expect(outcome).toEqual({
      result: {
        position,
        deduplicated: false,
        applied: false,
        current: { offset: 5, key: 'k', data: { x: 1 } },
      },
    });
    await expect(async () =>
      bed.call('node.publish', { channel: 'a', data: 1, expect: 'absent' }),
    ).rejects.toMatchObject({ code: 107, message: expect.stringContaining('key') });
  });

  it('[NODE-21] one entry is found on whatever page it stands', async () => {
    const entry = (key: string) => ({ offset: 3, key, data: `"${key}"` });
    bed
      .org()
      .mapState.mockResolvedValueOnce({ entries: [entry('a')], cursor: 'a', position })
      .mockResolvedValueOnce({ entries: [entry('b'), entry('c')], cursor: 'c', position })
      .mockResolvedValue({ entries: [entry('d')], cursor: '', position });
    expect(await ask('node.mapState', { channel: 'board:1', key: 'b' })).toMatchObject({
      entries: [{ key: 'b', offset: 3, data: 'b' }],
      cursor: '',
    });
    expect((await ask('node.mapState', { channel: 'board:1', key: 'z' })).entries).toEqual([]);
  });

  it('[NODE-22] configuration is for operators; limits and ways in are for administrators too', async () => {
    await expect(async () => bed.call('node.configuration', {})).rejects.toMatchObject({ code: 103 });
    expect(await ask('node.configuration', {}, ['operator'])).toEqual({
      values: [{ path: 'server.port', value: '8000', source: 'default' }],
    });
    expect(await ask('node.info', {})).toMatchObject({
      insecure: false,
      endpoints: [{ path: '/connection/websocket', transport: 'websocket' }],
      limits: {
        maxConnectionsPerOrg: null,
        outboxMaxBytes: 1_048_576,
        maxFrameBytes: expect.any(Number) as number,
      },
    });
  });
});
