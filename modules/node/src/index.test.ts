import {
  nodeStats,
  orgStats,
  stats,
  trend,
  type NodeStatsSample,
  type OrgStatsSample,
  type Trend,
} from '@trunkline/contracts/node';
import type { ModuleContext, Principal } from '@trunkline/hub';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeModule } from './index.js';
import {
  connection,
  createNodeBed,
  EMPTY,
  EMPTY_ORG,
  moduleOptions,
  position,
  principal,
  type NodeBed,
} from './testing.js';

let bed: NodeBed;

beforeEach(async () => {
  bed = await createNodeBed(nodeModule);
});
afterEach(() => bed.parts.dispose?.());

const may = (who: Principal, channel: string, action: 'subscribe' | 'publish' | 'presence' | 'history') =>
  bed.parts.namespaces?.[0]?.authorise?.(who, channel, action);

describe('samples', () => {
  it('[NODE-1] rates are differences of the counters over the measured interval', async () => {
    const reader = bed.open('node:stats');
    bed.counters = {
      ...EMPTY,
      publications: 50,
      deliveries: 5_000,
      bytesOut: 2_048,
      commands: { publish: 20, rpc: 10 },
      errors: { '103': 4 },
    };
    await bed.clock.advance(1_000);
    const [first, second] = reader.data as NodeStatsSample[];
    expect(first).toMatchObject({ intervalMs: 0, deliveriesPerSecond: 0 });
    expect(second).toMatchObject({
      intervalMs: 1_000,
      publicationsPerSecond: 50,
      deliveriesPerSecond: 5_000,
      commandsPerSecond: 30,
      errorsPerSecond: 4,
      errorRates: { '103': 4 },
      bytesOutPerSecond: 2_048,
    });
    expect(nodeStats.parse(second)).toEqual(second);
    expect(second).toMatchObject({
      memory: { rssBytes: 100, heapUsedBytes: 50 },
      cpuPercent: 12,
      eventLoopDelayMs: 1.5,
      timeMs: bed.clock.now(),
    });
  });

  it('[NODE-1] a wall clock that jumps does not change a rate', async () => {
    const reader = bed.open('node:stats');
    bed.clock.jumpWall(3_600_000);
    bed.counters = { ...EMPTY, deliveries: 10 };
    await bed.clock.advance(1_000);
    expect(reader.data[1]).toMatchObject({ intervalMs: 1_000, deliveriesPerSecond: 10 });
  });

  it('[NODE-2] readers in several orgs share one reading per second, and nothing is read when none is left', async () => {
    const one = bed.open('node:stats', 'acme');
    const two = bed.open('node:stats', 'globex');
    const before = bed.reads;
    await bed.clock.advance(3_000);
    expect(bed.reads - before).toBe(3);
    expect(one.data).toHaveLength(4);
    expect(two.data).toHaveLength(4);
    one.close();
    two.close();
    await bed.clock.advance(5_000);
    expect(bed.reads - before).toBe(3);
  });

  it('[NODE-3] an org sample counts the org of the channel and carries no number of the node', async () => {
    bed.counters = { ...EMPTY, connections: 999, outboxBytes: 999 };
    const reader = bed.open('node:org-stats', 'globex');
    const sample = reader.data[0] as OrgStatsSample;
    expect(orgStats.strict().parse(sample)).toMatchObject({
      scope: 'org',
      org: 'globex',
      intervalMs: 0,
      connections: 2,
      users: 2,
      channels: 2,
      subscriptions: 3,
      outboxBytes: 20,
      complete: true,
    });
    expect([...bed.orgs.keys()]).toEqual(['globex']);
    await bed.clock.advance(1_000);
    expect(reader.data).toHaveLength(2);
    reader.close();
    await bed.clock.advance(5_000);
    expect(reader.data).toHaveLength(2);
  });

  it('[NODE-3] an org’s rates are those of its own counters, and none across a new beginning', async () => {
    const reader = bed.open('node:org-stats');
    bed.org().state.stats = { ...EMPTY_ORG, messagesIn: 30, messagesOut: 400, bytesOut: 9_000 };
    await bed.clock.advance(1_000);
    expect(reader.data[1]).toMatchObject({
      intervalMs: 1_000,
      messagesInPerSecond: 30,
      messagesOutPerSecond: 400,
      bytesInPerSecond: 0,
      bytesOutPerSecond: 9_000,
    });
    bed.org().state.stats = { ...EMPTY_ORG, sinceMs: 5_000, messagesIn: 80 };
    await bed.clock.advance(1_000);
    expect(reader.data[2]).toMatchObject({ intervalMs: 0, messagesInPerSecond: 0 });
  });

  it('[NODE-3] an org larger than the bound says that it is not complete', () => {
    bed.org().connections.mockReturnValue({ connections: [connection({})], total: 5_000 });
    bed.org().state.stats = { ...EMPTY_ORG, connections: 5_000 };
    expect(bed.open('node:org-stats').data[0]).toMatchObject({ connections: 5_000, complete: false });
    expect(bed.org().connections).toHaveBeenCalledWith({ limit: 1_000 });
  });

  it('[NODE-4] disposing the module stops every timer', async () => {
    bed.open('node:stats');
    bed.open('node:org-stats');
    bed.open('node:events');
    await bed.call('node.trend', {});
    await bed.parts.dispose?.();
    const { reads } = bed;
    await bed.clock.advance(60_000);
    expect(bed.reads).toBe(reads);
    await bed.parts.dispose?.();
  });
});

describe('the kept hour', () => {
  const hour = async (roles: Principal['roles'] = ['operator'], org?: string): Promise<Trend> =>
    trend.parse((await bed.call('node.trend', {}, roles, org)).result);

  it('[NODE-13] the node is sampled slowly though nobody reads, and the oldest sample goes', async () => {
    bed = await createNodeBed(nodeModule, { trendSamples: 3 });
    bed.counters = { ...EMPTY, publications: 500 };
    await bed.clock.advance(10_000);
    expect(await hour()).toMatchObject({ scope: 'node', nodeId: 'n1', intervalMs: 10_000 });
    const first = (await hour()).columns;
    expect(first['publicationsPerSecond']).toEqual([50]);
    expect(first['deliveryLatencyMs.p99']).toEqual([2]);
    expect(first['memory.rssBytes']).toEqual([100]);
    await bed.clock.advance(40_000);
    expect((await hour()).times).toHaveLength(3);
  });

  it('[NODE-13] a code that occurred once is a column with zeros elsewhere', async () => {
    await bed.clock.advance(10_000);
    bed.counters = { ...EMPTY, errors: { '103': 20 } };
    await bed.clock.advance(20_000);
    expect((await hour()).columns['errorRates.103']).toEqual([0, 2, 0]);
  });

  it('[NODE-13] the worst delay of a second does not vanish from the hour', async () => {
    let delay = 1;
    bed = await createNodeBed(nodeModule, {
      process: () => ({ rssBytes: 1, heapUsedBytes: 1, cpuPercent: delay, eventLoopDelayMs: delay }),
    });
    bed.open('node:stats');
    await bed.clock.advance(3_500);
    delay = 80;
    await bed.clock.advance(1_000);
    delay = 1;
    await bed.clock.advance(5_500);
    const { columns } = await hour();
    expect(columns['eventLoopDelayMs']).toEqual([80]);
    expect(columns['cpuPercent']?.[0]).toBeGreaterThan(1);
    expect(columns['cpuPercent']?.[0]).toBeLessThan(80);
  });

  it('[NODE-14] an org’s hour begins with the first question, holds that org only, and ends an hour after the last', async () => {
    expect((await hour(['admin'], 'globex')).times).toHaveLength(1);
    await bed.clock.advance(10_000);
    const kept = await hour(['admin'], 'globex');
    expect(kept.times).toHaveLength(2);
    expect(kept).toMatchObject({ scope: 'org' });
    expect(Object.keys(kept.columns)).not.toContain('memory.rssBytes');
    expect([...bed.orgs.keys()]).toEqual(['globex']);
    const looks = () => bed.org('globex').channels.mock.calls.length;
    await bed.clock.advance(3_610_000);
    const after = looks();
    await bed.clock.advance(60_000);
    expect(looks()).toBe(after);
  });

  it('[NODE-14] the hour of the org that was looked at longest ago goes', async () => {
    bed = await createNodeBed(nodeModule, { trendOrgs: 2 });
    for (const org of ['a', 'b', 'c']) await hour(['admin'], org);
    await bed.clock.advance(10_000);
    expect((await hour(['admin'], 'c')).times).toHaveLength(2);
    expect((await hour(['admin'], 'a')).times).toHaveLength(1);
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
    for (const method of Object.keys(bed.parts.rpc ?? {})) {
      await expect(
        async () => bed.call(method, { channel: 'a', client: 'c', data: 1 }, ['member']),
        method,
      ).rejects.toMatchObject({ code: 103 });
    }
    expect(bed.orgs.get('acme')).toBeUndefined();
  });

  it('[NODE-6] every method works in the org of the credential', async () => {
    await bed.call('node.publish', { channel: 'a', data: 1, org: 'acme' }, ['admin'], 'globex');
    await bed.call('node.connections', { org: 'acme' }, ['operator'], 'globex');
    expect([...bed.orgs.keys()]).toEqual(['globex']);
  });

  it('[NODE-7] an administrator cannot read node samples through history, and nobody publishes into the namespace', async () => {
    await expect(async () => bed.call('node.history', { channel: 'node:stats' })).rejects.toMatchObject({
      code: 103,
    });
    await expect(async () => bed.call('node.mapState', { channel: 'node:stats' })).rejects.toMatchObject({
      code: 103,
    });
    await expect(bed.call('node.history', { channel: 'node:stats' }, ['operator'])).resolves.toBeDefined();
    await expect(bed.call('node.history', { channel: 'node:org-stats' })).resolves.toBeDefined();
    await expect(async () =>
      bed.call('node.publish', { channel: 'node:stats', data: 1 }, ['operator']),
    ).rejects.toMatchObject({ code: 103 });
  });
});

describe('methods', () => {
  it('[NODE-8] node.stats gives each role its scope, measuring rates while the caller waits', async () => {
    const pending = bed.call('node.stats', {}, ['operator']);
    bed.counters = { ...EMPTY, publications: 10 };
    await bed.clock.advance(250);
    expect(stats.parse((await pending).result)).toMatchObject({
      scope: 'node',
      intervalMs: 250,
      publicationsPerSecond: 40,
    });
    const asked = bed.call('node.stats', {});
    bed.org().state.stats = { ...EMPTY_ORG, messagesOut: 5 };
    await bed.clock.advance(250);
    expect(stats.parse((await asked).result)).toMatchObject({
      scope: 'org',
      org: 'acme',
      intervalMs: 250,
      messagesOutPerSecond: 20,
    });
  });

  it('[NODE-8] node.stats answers from the running samples where there are any', async () => {
    bed.open('node:stats');
    await bed.clock.advance(1_000);
    const before = bed.reads;
    expect((await bed.call('node.stats', {}, ['operator'])).result).toMatchObject({ intervalMs: 1_000 });
    expect(bed.reads).toBe(before);
  });

  it('[NODE-9] publish names the publication that shows the effect; a channel without numbers names none', async () => {
    const outcome = await bed.call('node.publish', {
      channel: 'a',
      data: { x: 1 },
      idempotencyKey: 'k1',
      tags: { t: '1' },
    });
    expect(outcome).toEqual({
      result: { position, deduplicated: false, applied: true },
      after: { channel: 'a', position },
    });
    expect(bed.org().publish).toHaveBeenCalledWith('a', '{"x":1}', {
      tags: { t: '1' },
      idempotencyKey: 'k1',
    });
    await bed.call('node.publish', { channel: 'm', key: 'k', data: null });
    expect(bed.org().mapPublish).toHaveBeenCalledWith('m', 'k', 'null', {});
    const removed = await bed.call('node.publish', { channel: 'm', key: 'k', removed: true });
    expect(removed.after).toBeUndefined();
    expect(bed.org().mapRemove).toHaveBeenCalledWith('m', 'k', {});
  });

  it('[NODE-9] publish without data, or a removal without a key, is refused with the field', async () => {
    await expect(async () => bed.call('node.publish', { channel: 'a' })).rejects.toMatchObject({
      code: 107,
      message: expect.stringContaining('data'),
    });
    await expect(async () => bed.call('node.publish', { channel: 'a', removed: true })).rejects.toMatchObject(
      {
        code: 107,
        message: expect.stringContaining('key'),
      },
    );
  });

  it('[NODE-10] disconnect and unsubscribe refuse a target that names everybody', async () => {
    await expect(async () => bed.call('node.disconnect', {})).rejects.toMatchObject({
      code: 107,
      message: expect.stringContaining('client or user'),
    });
    await expect(async () => bed.call('node.unsubscribe', { channel: 'a' })).rejects.toMatchObject({
      code: 107,
    });
    await bed.call('node.disconnect', { user: 'u1' });
    expect(bed.org().disconnect).toHaveBeenLastCalledWith(
      { user: 'u1' },
      { code: 3503, reason: 'force disconnect' },
    );
    await bed.call('node.disconnect', { client: 'c1', reconnect: true });
    expect(bed.org().disconnect).toHaveBeenLastCalledWith(
      { client: 'c1' },
      { code: 3011, reason: 'force reconnect' },
    );
  });

  it('[NODE-11] payloads become JSON values; binary ones base64 text', async () => {
    expect((await bed.call('node.history', { channel: 'a' })).result).toEqual({
      publications: [
        { offset: 6, data: { a: 1 }, timeMs: 5, info: { user: 'u', client: 'c' } },
        { offset: 7, data: 'AQID', binary: true },
      ],
      position,
    });
    expect((await bed.call('node.mapState', { channel: 'a' })).result).toMatchObject({
      entries: [{ offset: 1, data: null, key: 'k', removed: true }],
    });
    expect((await bed.call('node.presence', { channel: 'a' })).result).toEqual({
      clients: [{ client: 'c9', user: 'u9', connInfo: { name: 'Ann' } }],
      total: 1,
      users: 1,
    });
  });

  it('[NODE-23] presence comes a page at a time, by user', async () => {
    const member = (client: string, user: string) => [client, { user, client, connInfo: '{}' }] as const;
    const members = [member('c3', 'b'), member('c2', 'a'), member('c1', 'a'), member('c4', '')];
    bed.org().presence.mockResolvedValue(new Map(members));
    expect((await bed.call('node.presence', { channel: 'a', limit: 2, offset: 1 })).result).toMatchObject({
      clients: [{ client: 'c1' }, { client: 'c2' }],
      total: 4,
      users: 2,
    });
  });

  it('[NODE-12] every method carries a params schema without a draft of its own', () => {
    const schema = bed.parts.rpc?.['node.history']?.params as {
      properties: Record<string, unknown>;
      $schema?: string;
    };
    expect(schema.$schema).toBeUndefined();
    expect(schema.properties['limit']).toMatchObject({ type: 'integer', maximum: 1_000 });
    expect(Object.values(bed.parts.rpc ?? {}).every((method) => method.params !== undefined)).toBe(true);
  });

  it('[NODE-12] an option out of range is refused by name', () => {
    expect(() => nodeModule({ ...moduleOptions, sampleIntervalMs: 5 }).start({} as ModuleContext)).toThrow(
      /sampleIntervalMs/,
    );
  });
});
