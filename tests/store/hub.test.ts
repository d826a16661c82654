/** The store behind the hub: a durable namespace reads through the store, and what its outbox dispatches is carried by the broker. */
import { createSeededRandom } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import { createMemoryBroker, type Broker } from '@trunkline/broker';
import type { DurableLog } from '@trunkline/hub';
import { createTestHub } from '@trunkline/hub/testing';
import { channelKey } from '@trunkline/protocol';
import { createTestStore, type TestStore } from '@trunkline/store/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('a durable channel from the transaction to the subscriber', () => {
  let kit: TestStore;
  beforeAll(async () => void (kit = await createTestStore()));
  afterAll(() => kit.dispose());

  it('[STORE-29] committed publications arrive once and in order; who comes back gets what it missed', async () => {
    const { store } = kit;
    const log: DurableLog = {
      read: (key, since, limit, reverse) => store.channels.read(key, since, limit, reverse),
    };
    const clock = new FakeClock();
    let broker: Broker | undefined;
    const memory = createMemoryBroker({ clock, random: createSeededRandom(3) });
    const { peer } = createTestHub(
      { namespaces: [{ name: 'inbox', class: 'durable', allowSubscribe: ['user'] }] },
      { clock, durableLog: log, broker: (handler) => (broker = memory(handler)) },
    );
    store.outbox.start((key, publication, epoch) => broker?.carry(key, publication, epoch));
    const key = channelKey('acme', 'inbox:ada');
    const append = (data: number) => store.commit({ statements: [store.channels.append(key, String(data))] });

    const first = peer();
    await first.connect();
    const subscribed = await subscribe(first, { recoverable: true });
    expect(subscribed).toMatchObject({ recoverable: true });
    for (const data of [1, 2, 3]) await append(data);
    const got: unknown[] = [];
    await expect
      .poll(
        async () => {
          got.push(
            ...(await first.publications()).map((publication) => [
              publication['offset'],
              publication['data'],
            ]),
          );
          return got;
        },
        { timeout: 30_000 },
      )
      .toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
      ]);

    // Another one has seen the first only: the rest is read from the store.
    const second = peer();
    await second.connect();
    const recovered = await subscribe(second, { recover: true, offset: 1, epoch: subscribed['epoch'] });
    expect(recovered).toMatchObject({ recovered: true, publications: [{ offset: 2 }, { offset: 3 }] });

    // After the channel was dropped and begun again its old positions mean nothing.
    await store.commit({ statements: [...store.channels.drop(key), store.channels.append(key, '1')] });
    await expect.poll(() => store.outbox.depth(), { timeout: 30_000 }).toBe(0);
    const third = peer();
    await third.connect();
    const anew = await subscribe(third, { recover: true, offset: 1, epoch: subscribed['epoch'] });
    expect(anew).toMatchObject({ was_recovering: true });
    expect([anew['recovered'], anew['epoch'] === subscribed['epoch']]).toEqual([undefined, false]);
  });
});

type Peer = ReturnType<ReturnType<typeof createTestHub>['peer']>;

/** Subscribes and waits for the reply, which has to come from a real database. */
async function subscribe(peer: Peer, more: object): Promise<Record<string, unknown>> {
  peer.send({ id: 7, subscribe: { channel: 'inbox:ada', ...more } });
  let reply: Record<string, unknown> | undefined;
  await expect
    .poll(
      async () => {
        reply = (await peer.frames()).find((frame) => frame['id'] === 7);
        return reply !== undefined;
      },
      { timeout: 30_000 },
    )
    .toBe(true);
  return (reply?.['subscribe'] ?? reply) as Record<string, unknown>;
}
