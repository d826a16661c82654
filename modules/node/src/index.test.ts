import { FakeClock } from '@trunkline/base/testing';
import { createSeededRandom, silentLogger } from '@trunkline/base';
import {
  nodeStats,
  orgStats,
  stats,
  type NodeStatsSample,
  type OrgStatsSample,
} from '@trunkline/contracts/node';
import type {
  CallContext,
  ConnectionSummary,
  LocalEmitter,
  ModuleContext,
  ModuleParts,
  NodeStats,
  OrgApi,
  Principal,
  RpcOutcome,
} from '@trunkline/hub';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeModule, type NodeModuleOptions } from './index.js';

const EMPTY: NodeStats = {
  nodeId: 'n1',
  startedAtMs: 1_000,
  connections: 3,
  users: 2,
  orgs: 2,
  subscriptions: 5,
  channels: 4,
  framesIn: 0,
  framesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  publications: 0,
  deliveries: 0,
  commands: {},
  errors: {},
  closes: {},
  overflows: { recover: 0, latest: 0, gap: 0, close: 0 },
  recoveries: { recovered: 0, unrecovered: 0 },
  denials: 0,
  outboxBytes: 0,
  deliveryLatencyMs: { p50: 1, p99: 2, max: 3 },
};

const connection = (given: Partial<ConnectionSummary>): ConnectionSummary => ({
  client: 'c1',
  user: 'u1',
  org: 'acme',
  transport: 'websocket',
  codec: 'json',
  remoteAddress: '127.0.0.1',
  name: 'js',
  version: '1',
  connectedAtMs: 0,
  extensions: [],
  outboxMessages: 0,
  outboxBytes: 10,
  subscriptions: [],
  ...given,
});

const position = { epoch: 'e', offset: 7 };

function fakeOrg(org: string) {
  return {
    org,
    publish: vi.fn(async () => ({ position, deduplicated: false })),
    mapPublish: vi.fn(async () => ({ position, deduplicated: false, applied: true })),
    mapRemove: vi.fn(async () => ({
      position: { epoch: '', offset: 0 },
      deduplicated: false,
      applied: true,
    })),
    history: vi.fn(async () => ({
      publications: [
        { offset: 6, data: '{"a":1}', timeMs: 5, info: { user: 'u', client: 'c', connInfo: '{}' } },
        { offset: 7, data: new Uint8Array([1, 2, 3]) },
      ],
      position,
    })),
    presence: vi.fn(async () => new Map([['c9', { user: 'u9', client: 'c9', connInfo: '{"name":"Ann"}' }]])),
    mapState: vi.fn(async () => ({
      entries: [{ offset: 1, data: '', key: 'k', removed: true }],
      cursor: '',
      position,
    })),
    channels: vi.fn(() => [
      { channel: 'a', subscribers: 2 },
      { channel: 'b', subscribers: 1 },
    ]),
    channel: vi.fn(async (channel: string) => ({ channel, subscribers: 1 })),
    connections: vi.fn(() => ({
      connections: [connection({}), connection({ client: 'c2', user: 'u2' })],
      total: 2,
    })),
    disconnect: vi.fn(async () => 1),
    unsubscribe: vi.fn(async () => 1),
  };
}

const principal = (roles: Principal['roles'], org = 'acme'): Principal => ({
  user: 'ann',
  org,
  roles,
  groups: [],
  caps: [],
  channels: [],
});

class Readers implements LocalEmitter {
  readonly samples: unknown[] = [];
  publish(data: string | Uint8Array) {
    this.samples.push(JSON.parse(data as string));
    return { epoch: 'e', offset: this.samples.length };
  }
  state(): void {}
  reset(): void {}
}

let clock: FakeClock;
let counters: NodeStats;
let reads: number;
let orgs: Map<string, ReturnType<typeof fakeOrg>>;
let parts: ModuleParts;

const options: NodeModuleOptions = {
  process: () => ({ rssBytes: 100, heapUsedBytes: 50, cpuPercent: 12, eventLoopDelayMs: 1.5 }),
  namespaces: () => [],
  version: '1.2.3',
  runtime: 'node 20',
};

beforeEach(async () => {
  clock = new FakeClock();
  counters = EMPTY;
  reads = 0;
  orgs = new Map();
  const context: ModuleContext = {
    clock,
    random: createSeededRandom(1),
    logger: silentLogger,
    nodeId: 'n1',
    forOrg: (org) => {
      const found = orgs.get(org) ?? fakeOrg(org);
      orgs.set(org, found);
      return found as unknown as OrgApi;
    },
    stats: () => {
      reads++;
      return counters;
    },
    orgs: () => [...orgs.keys()],
  };
  parts = await nodeModule(options).start(context);
});

afterEach(() => parts.dispose?.());

function open(channel: string, org = 'acme') {
  const emit = new Readers();
  const source = parts.namespaces?.[0]?.source;
  if (!source) throw new Error('a source is expected');
  const opened = source({ org, channel, emit }) as { dispose(): void };
  return { samples: emit.samples, close: () => opened.dispose() };
}

async function call(
  method: string,
  params: unknown,
  roles: Principal['roles'] = ['admin'],
  org = 'acme',
): Promise<RpcOutcome> {
  const context: CallContext = {
    principal: principal(roles, org),
    client: 'me',
    requestId: 'r1',
    signal: new AbortController().signal,
  };
  const found = parts.rpc?.[method];
  if (!found) throw new Error(`no method ${method}`);
  return found.handle(params, context);
}

const may = (who: Principal, channel: string, action: 'subscribe' | 'publish' | 'presence' | 'history') =>
  parts.namespaces?.[0]?.authorise?.(who, channel, action);

describe('samples', () => {
  it('[NODE-1] rates are differences of the counters over the measured interval', async () => {
    const reader = open('node:stats');
    counters = {
      ...EMPTY,
      publications: 50,
      deliveries: 5_000,
      bytesOut: 2_048,
      commands: { publish: 20, rpc: 10 },
      errors: { '103': 4 },
    };
    await clock.advance(1_000);
    const [first, second] = reader.samples as NodeStatsSample[];
    expect(first).toMatchObject({ intervalMs: 0, deliveriesPerSecond: 0 });
    expect(second).toMatchObject({
      intervalMs: 1_000,
      publicationsPerSecond: 50,
      deliveriesPerSecond: 5_000,
      commandsPerSecond: 30,
      errorsPerSecond: 4,
      bytesOutPerSecond: 2_048,
    });
    expect(nodeStats.parse(second)).toEqual(second);
    expect(second).toMatchObject({
      memory: { rssBytes: 100, heapUsedBytes: 50 },
      cpuPercent: 12,
      eventLoopDelayMs: 1.5,
      timeMs: clock.now(),
    });
  });

  it('[NODE-1] a wall clock that jumps does not change a rate', async () => {
    const reader = open('node:stats');
    clock.jumpWall(3_600_000);
    counters = { ...EMPTY, deliveries: 10 };
    await clock.advance(1_000);
    expect(reader.samples[1]).toMatchObject({ intervalMs: 1_000, deliveriesPerSecond: 10 });
  });

  it('[NODE-2] readers in several orgs share one reading per second, and nothing is read when none is left', async () => {
    const one = open('node:stats', 'acme');
    const two = open('node:stats', 'globex');
    const before = reads;
    await clock.advance(3_000);
    expect(reads - before).toBe(3);
    expect(one.samples).toHaveLength(4);
    expect(two.samples).toHaveLength(4);
    one.close();
    two.close();
    await clock.advance(5_000);
    expect(reads - before).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it('[NODE-3] an org sample counts the org of the channel and carries no number of the node', async () => {
    counters = { ...EMPTY, connections: 999, outboxBytes: 999 };
    const reader = open('node:org-stats', 'globex');
    const sample = reader.samples[0] as OrgStatsSample;
    expect(orgStats.strict().parse(sample)).toMatchObject({
      scope: 'org',
      org: 'globex',
      connections: 2,
      users: 2,
      channels: 2,
      subscriptions: 3,
      outboxBytes: 20,
      complete: true,
    });
    expect([...orgs.keys()]).toEqual(['globex']);
    await clock.advance(1_000);
    expect(reader.samples).toHaveLength(2);
    reader.close();
    expect(clock.pending).toBe(0);
  });

  it('[NODE-3] an org larger than the bound says that it is not complete', () => {
    const org = fakeOrg('acme');
    org.connections.mockReturnValue({ connections: [connection({})], total: 5_000 });
    orgs.set('acme', org);
    expect(open('node:org-stats').samples[0]).toMatchObject({
      connections: 5_000,
      users: 1,
      complete: false,
    });
    expect(org.connections).toHaveBeenCalledWith({ limit: 1_000 });
  });

  it('[NODE-4] disposing the module stops every timer', async () => {
    open('node:stats');
    open('node:org-stats');
    await parts.dispose?.();
    expect(clock.pending).toBe(0);
    await parts.dispose?.();
  });
});

describe('access', () => {
  it('[NODE-5] node numbers are for operators, org numbers for administrators, and nobody writes', () => {
    expect(may(principal(['operator']), 'node:stats', 'subscribe')).toBe(true);
    expect(may(principal(['admin']), 'node:stats', 'subscribe')).toBe(false);
    expect(may(principal(['admin']), 'node:stats', 'history')).toBe(false);
    expect(may(principal(['admin']), 'node:org-stats', 'subscribe')).toBe(true);
    expect(may(principal(['member', 'viewer']), 'node:org-stats', 'subscribe')).toBe(false);
    expect(may(principal(['operator']), 'node:stats', 'publish')).toBe(false);
    expect(may(principal(['operator']), 'node:other', 'subscribe')).toBe(false);
  });

  it('[NODE-6] every method answers 103 without the role', async () => {
    for (const method of Object.keys(parts.rpc ?? {})) {
      await expect(
        async () => call(method, { channel: 'a', client: 'c', data: 1 }, ['member']),
        method,
      ).rejects.toMatchObject({ code: 103 });
    }
    expect(orgs.get('acme')).toBeUndefined();
  });

  it('[NODE-6] every method works in the org of the credential', async () => {
    await call('node.publish', { channel: 'a', data: 1, org: 'acme' }, ['admin'], 'globex');
    await call('node.connections', { org: 'acme' }, ['operator'], 'globex');
    expect([...orgs.keys()]).toEqual(['globex']);
  });

  it('[NODE-7] an administrator cannot read node samples through history, and nobody publishes into the namespace', async () => {
    await expect(async () => call('node.history', { channel: 'node:stats' })).rejects.toMatchObject({
      code: 103,
    });
    await expect(async () => call('node.mapState', { channel: 'node:stats' })).rejects.toMatchObject({
      code: 103,
    });
    await expect(call('node.history', { channel: 'node:stats' }, ['operator'])).resolves.toBeDefined();
    await expect(call('node.history', { channel: 'node:org-stats' })).resolves.toBeDefined();
    await expect(async () =>
      call('node.publish', { channel: 'node:stats', data: 1 }, ['operator']),
    ).rejects.toMatchObject({ code: 103 });
  });
});

describe('methods', () => {
  it('[NODE-8] node.stats gives each role its scope, measuring rates while the caller waits', async () => {
    const pending = call('node.stats', {}, ['operator']);
    counters = { ...EMPTY, publications: 10 };
    await clock.advance(250);
    expect(stats.parse((await pending).result)).toMatchObject({
      scope: 'node',
      intervalMs: 250,
      publicationsPerSecond: 40,
    });
    expect(stats.parse((await call('node.stats', {})).result)).toMatchObject({ scope: 'org', org: 'acme' });
  });

  it('[NODE-8] node.stats answers from the running samples where there are any', async () => {
    open('node:stats');
    await clock.advance(1_000);
    const before = reads;
    expect((await call('node.stats', {}, ['operator'])).result).toMatchObject({ intervalMs: 1_000 });
    expect(reads).toBe(before);
  });

  it('[NODE-9] publish names the publication that shows the effect; a channel without numbers names none', async () => {
    const outcome = await call('node.publish', {
      channel: 'a',
      data: { x: 1 },
      idempotencyKey: 'k1',
      tags: { t: '1' },
    });
    expect(outcome).toEqual({ result: { position, deduplicated: false }, after: { channel: 'a', position } });
    expect(orgs.get('acme')?.publish).toHaveBeenCalledWith('a', '{"x":1}', {
      tags: { t: '1' },
      idempotencyKey: 'k1',
    });
    await call('node.publish', { channel: 'm', key: 'k', data: null });
    expect(orgs.get('acme')?.mapPublish).toHaveBeenCalledWith('m', 'k', 'null', {});
    const removed = await call('node.publish', { channel: 'm', key: 'k', removed: true });
    expect(removed.after).toBeUndefined();
    expect(orgs.get('acme')?.mapRemove).toHaveBeenCalledWith('m', 'k', {});
  });

  it('[NODE-9] publish without data, or a removal without a key, is refused with the field', async () => {
    await expect(async () => call('node.publish', { channel: 'a' })).rejects.toMatchObject({
      code: 107,
      message: expect.stringContaining('data'),
    });
    await expect(async () => call('node.publish', { channel: 'a', removed: true })).rejects.toMatchObject({
      code: 107,
      message: expect.stringContaining('key'),
    });
  });

  it('[NODE-10] disconnect and unsubscribe refuse a target that names everybody', async () => {
    await expect(async () => call('node.disconnect', {})).rejects.toMatchObject({
      code: 107,
      message: expect.stringContaining('client or user'),
    });
    await expect(async () => call('node.unsubscribe', { channel: 'a' })).rejects.toMatchObject({ code: 107 });
    await call('node.disconnect', { user: 'u1' });
    expect(orgs.get('acme')?.disconnect).toHaveBeenLastCalledWith(
      { user: 'u1' },
      { code: 3503, reason: 'force disconnect' },
    );
    await call('node.disconnect', { client: 'c1', reconnect: true });
    expect(orgs.get('acme')?.disconnect).toHaveBeenLastCalledWith(
      { client: 'c1' },
      { code: 3011, reason: 'force reconnect' },
    );
  });

  it('[NODE-11] payloads become JSON values; binary ones base64 text', async () => {
    expect((await call('node.history', { channel: 'a' })).result).toEqual({
      publications: [
        { offset: 6, data: { a: 1 }, timeMs: 5, info: { user: 'u', client: 'c' } },
        { offset: 7, data: 'AQID', binary: true },
      ],
      position,
    });
    expect((await call('node.mapState', { channel: 'a' })).result).toMatchObject({
      entries: [{ offset: 1, data: null, key: 'k', removed: true }],
    });
    expect((await call('node.presence', { channel: 'a' })).result).toEqual({
      clients: [{ client: 'c9', user: 'u9', connInfo: { name: 'Ann' } }],
    });
  });

  it('[NODE-12] every method carries a params schema without a draft of its own', () => {
    const schema = parts.rpc?.['node.history']?.params as {
      properties: Record<string, unknown>;
      $schema?: string;
    };
    expect(schema.$schema).toBeUndefined();
    expect(schema.properties['limit']).toMatchObject({ type: 'integer', maximum: 1_000 });
    expect(Object.values(parts.rpc ?? {}).every((method) => method.params !== undefined)).toBe(true);
  });

  it('[NODE-12] an option out of range is refused by name', () => {
    expect(() => nodeModule({ ...options, sampleIntervalMs: 5 }).start({} as ModuleContext)).toThrow(
      /sampleIntervalMs/,
    );
  });
});
