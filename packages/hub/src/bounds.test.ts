import { describe, expect, test } from 'vitest';
import { defineModule, type Module, type ModuleParts } from './ports/index.js';
import { createTestHub } from './testing.js';

const use = (parts: ModuleParts): Module => defineModule<void>({ id: 'test', start: () => parts })();

describe('presence of a crowd', () => {
  test('[PRES-3] a list that would be too long is refused, to clients and to the API; numbers are not', async () => {
    const { hub, peer } = createTestHub({ presenceMaxClients: 2 });
    const [one, two, three] = [peer(), peer(), peer()];
    for (const reader of [one, two]) {
      await reader.connect();
      await reader.call({ subscribe: { channel: 'room:1' } });
    }
    expect(await one.call({ presence: { channel: 'room:1' } })).toHaveProperty('presence');
    await three.connect();
    await three.call({ subscribe: { channel: 'room:1' } });
    expect(await one.call({ presence: { channel: 'room:1' } })).toMatchObject({ error: { code: 106 } });
    expect(await one.call({ presence_stats: { channel: 'room:1' } })).toMatchObject({
      presence_stats: { num_clients: 3, num_users: 1 },
    });
    await expect(hub.forOrg('acme').presence('room:1')).rejects.toMatchObject({ code: 106 });
  });
});

describe('calls of one connection', () => {
  test('[ORD-2] many at once, none waiting for another, raise no warning of the runtime', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', onWarning);
    const { hub, peer } = createTestHub();
    await hub.use(use({ rpc: { 'test.wait': { handle: () => new Promise(() => undefined) } } }));
    const one = peer();
    await one.connect();
    for (let id = 10; id < 40; id++) one.send({ id, rpc: { method: 'test.wait', data: {} } });
    await one.frames();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});
