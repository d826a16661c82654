/** A server library written for the public HTTP API by somebody else (npm `cent.js`), against the real server. */
import { CentClient } from 'cent.js';
import { describe, expect, it } from 'vitest';
import { nextEvent, signToken, subscribed, until } from '@trunkline/testkit';
import { SECRET, useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

function library(apiKey = bed.server.apiKey): CentClient {
  return new CentClient({ url: `${bed.server.url}/api`, apiKey });
}

describe('a foreign server library', () => {
  it('[API-27] publishes, broadcasts and reads history', async () => {
    const cent = library();
    const [first, second] = [bed.channel(), bed.channel()];
    expect(await cent.publish({ channel: first, data: { n: 1 }, tags: { t: '1' } })).toMatchObject({
      offset: 1,
    });
    expect(await cent.broadcast({ channels: [first, second], data: { n: 2 } })).toMatchObject({
      responses: [{ result: { offset: 2 } }, { result: { offset: 1 } }],
    });
    const history = await cent.getHistory({ channel: first, limit: 10 });
    expect(history).toMatchObject({
      publications: [{ data: { n: 1 }, offset: 1, tags: { t: '1' } }, { data: { n: 2 } }],
      offset: 2,
    });
    expect(
      await cent.getHistory({ channel: first, limit: 1, since: { offset: 1, epoch: history.epoch } }),
    ).toMatchObject({ publications: [{ offset: 2 }] });
    expect(await cent.removeHistory({ channel: first })).toEqual({});
  });

  it('[API-27] sees who is there, and moves connections', async () => {
    const cent = library();
    const channel = bed.channel();
    const user = `user_${channel}`;
    const client = await bed.client({ token: await signToken({ sub: user }, SECRET) });
    await subscribed(client.newSubscription(channel));
    expect(Object.values((await cent.getPresence({ channel })).presence)).toMatchObject([{ user }]);
    expect(await cent.getPresenceStats({ channel })).toEqual({ num_clients: 1, num_users: 1 });
    expect(await cent.getChannels({ pattern: channel })).toEqual({
      channels: { [channel]: { num_clients: 1 } },
      incomplete: [],
    });
    expect((await cent.getInfo({})).nodes).toHaveLength(1);
    const other = bed.channel();
    const begun = nextEvent<{ channel: string }>(client, 'subscribed');
    await cent.subscribe({ channel: other, user });
    expect((await begun).channel).toBe(other);
    await cent.unsubscribe({ channel: other, user });
    await cent.refresh({ user });
    await cent.disconnect({ user });
    await until('the client is told to stay away', () => Promise.resolve(client.state === 'disconnected'));
  });

  it('[API-27] is told what is wrong', async () => {
    await expect(library('wrong key of some length').getInfo({})).rejects.toThrow();
    await expect(library().publish({ channel: 'no_such_namespace:x', data: {} })).rejects.toThrow();
    await expect(library().publish({ channel: 'streamless:x', data: {} })).rejects.toThrow();
  });

  it('[API-23] sends several commands as lines', async () => {
    const channel = bed.channel();
    type Commands = Parameters<CentClient['pipeline']>[0];
    const commands = [
      { method: 'publish', params: { channel, data: { n: 1 } } },
      { method: 'presence_stats', params: { channel } },
    ] as unknown as Commands;
    expect(await library().pipeline(commands)).toMatchObject([
      { offset: 1 },
      { num_clients: 0, num_users: 0 },
    ]);
  });
});
