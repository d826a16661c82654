import { FakeClock } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import type { OrgQuotas } from './ports/quotas.js';
import { createTestHub, type Frame } from './testing.js';

const errorOf = (reply: Frame): Frame => reply['error'] as Frame;
const OPEN = { allowSubscribe: ['user'], allowPublish: ['user'] } as const;

function setUp(quotas: Record<string, OrgQuotas>) {
  const clock = new FakeClock();
  const made = createTestHub(
    { namespaces: [{ name: '', ...OPEN }], maxConnectionsPerOrg: 3 },
    { clock, quotasOf: (org) => quotas[org] },
  );
  return { ...made, clock, quotas };
}

describe('quotas of an org', () => {
  it('[QUOTA-1] connections: its own number within the option, others are not touched, a change counts at once', async () => {
    const { peer, quotas } = setUp({ acme: { maxConnections: 1 } });
    const connect = (org: string): Promise<string> =>
      peer()
        .connect({ org })
        .then(
          () => 'open',
          (error: Error) => /"code":(\d+)/.exec(error.message)?.[1] ?? error.message,
        );
    const before = await connect('acme');
    expect([before, await connect('acme'), await connect('beta')]).toEqual(['open', '3504', 'open']);
    quotas['acme'] = { maxConnections: 100 };
    expect([await connect('acme'), await connect('acme'), await connect('acme')]).toEqual([
      'open',
      'open',
      '3504',
    ]);
  });

  it('[QUOTA-1] subscriptions of a connection, and what the client is told of them', async () => {
    const { peer } = setUp({ acme: { maxSubscriptionsPerConnection: 1 } });
    const one = peer();
    await one.connect();
    expect(await one.call({ subscribe: { channel: 'a' } })).toHaveProperty('subscribe');
    expect(errorOf(await one.call({ subscribe: { channel: 'b' } }))).toMatchObject({ code: 106 });
  });

  it('[QUOTA-1] commands and publications per second, over a burst of twice as many', async () => {
    const { peer, hub, clock, quotas } = setUp({
      acme: { publicationsPerSecond: 1 },
      beta: { commandsPerSecond: 1 },
    });
    const api = hub.forOrg('acme');
    const publish = (): Promise<unknown> =>
      Promise.resolve()
        .then(() => api.publish('x', '1'))
        .then(
          () => 'fine',
          (error: Error) => error.message,
        );
    expect([await publish(), await publish(), await publish()]).toEqual([
      'fine',
      'fine',
      'too many requests: publications per second of the org',
    ]);
    expect(await hub.forOrg('gamma').publish('x', '1')).toBeDefined();
    await clock.advance(1_000);
    expect(await publish()).toBe('fine');
    const one = peer();
    await one.connect({ org: 'beta' });
    const ping = async (): Promise<unknown> =>
      (await one.call({ publish: { channel: 'x', data: 1 } }))['error'] ?? 'fine';
    expect([await ping(), await ping(), await ping()]).toEqual([
      'fine',
      'fine',
      expect.objectContaining({ code: 111 }),
    ]);
    quotas['beta'] = {};
    expect([await ping(), await ping(), await ping()]).toEqual(['fine', 'fine', 'fine']);
  });
});
