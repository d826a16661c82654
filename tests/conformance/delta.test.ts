/** Deltas through the stock client, over both forms of its wire: what the application is given is what was published, and most of it travels as deltas. */
import type { MapSyncContext, MapUpdateContext, PublicationContext, SubscribedContext } from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { collectEvents, fromWire, nextEvent, subscribed, WIRES } from '@trunkline/testkit';
import { useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();
/** Characters of every length, around a small change. */
const document = (version: number) => ({
  version,
  text: 'Ein Satz, der bleibt. '.repeat(10) + '日本語 😀 '.repeat(5),
  end: version % 7,
});
const dataOf = (publications: readonly { readonly data: unknown }[]): unknown[] =>
  publications.map(({ data }) => fromWire(data));
const fossil = { delta: 'fossil' } as const;

describe.each(WIRES)('deltas of a stream over %s', (wire) => {
  it('[DELTA-1] [DELTA-2] the first publication is whole, the others are deltas, and the application sees neither', async () => {
    const channel = bed.channel('delta');
    const subscription = (await bed.client({ wire })).newSubscription(channel, fossil);
    const plain = (await bed.client({ wire })).newSubscription(channel);
    const both = [subscription, plain].map((one) =>
      collectEvents<PublicationContext>(one, 'publication', 10),
    );
    await Promise.all([subscribed(subscription), subscribed(plain)]);
    for (let version = 1; version <= 10; version++) await bed.publish(channel, document(version));
    const expected = Array.from({ length: 10 }, (_, index) => document(index + 1));
    for (const seen of await Promise.all(both)) expect(dataOf(seen)).toEqual(expected);
    const { numFullPayloads, numDeltaPayloads, bytesReceived, bytesDecoded } = subscription.deltaStats();
    expect({ numFullPayloads, numDeltaPayloads }).toEqual({ numFullPayloads: 1, numDeltaPayloads: 9 });
    expect(bytesReceived).toBeLessThan(bytesDecoded / 3);
  });

  it('[DELTA-1] where the namespace allows none, the subscription works without', async () => {
    const channel = bed.channel('recovery');
    const subscription = (await bed.client({ wire })).newSubscription(channel, fossil);
    const seen = collectEvents<PublicationContext>(subscription, 'publication', 2);
    await subscribed(subscription);
    for (const version of [1, 2]) await bed.publish(channel, document(version));
    expect(dataOf(await seen)).toEqual([document(1), document(2)]);
    expect(subscription.deltaStats().numPublications).toBe(0);
  });

  it('[DELTA-6] a reconnect is given a chain that begins whole and goes on', async () => {
    const channel = bed.channel('delta');
    const client = await bed.client({ wire });
    const subscription = client.newSubscription(channel, fossil);
    const first = nextEvent(subscription, 'publication');
    await subscribed(subscription);
    await bed.publish(channel, document(1));
    await first;
    client.disconnect();
    for (const version of [2, 3, 4]) await bed.publish(channel, document(version));
    const rest = collectEvents<PublicationContext>(subscription, 'publication', 4);
    const back = nextEvent<SubscribedContext>(subscription, 'subscribed');
    client.connect();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: true });
    await bed.publish(channel, document(5));
    expect(dataOf(await rest)).toEqual([2, 3, 4, 5].map(document));
    expect(subscription.deltaStats()).toMatchObject({ numFullPayloads: 2, numDeltaPayloads: 3 });
  });

  it('[DELTA-6] a subscription with getState continues from its position', async () => {
    const channel = bed.channel('delta');
    for (const version of [1, 2, 3]) await bed.publish(channel, document(version));
    const { epoch } = await bed.api('history', { channel, limit: 0 });
    const subscription = (await bed.client({ wire })).newSubscription(channel, {
      ...fossil,
      getState: () => Promise.resolve({ offset: 1, epoch: String(epoch) }),
    });
    const seen = collectEvents<PublicationContext>(subscription, 'publication', 3);
    await subscribed(subscription);
    await bed.publish(channel, document(4));
    expect(dataOf(await seen)).toEqual([2, 3, 4].map(document));
    expect(subscription.deltaStats()).toMatchObject({ numFullPayloads: 1, numDeltaPayloads: 2 });
  });
});

describe.each(WIRES)('deltas of a map over %s', (wire) => {
  it('[DELTA-6] [DELTA-7] each key has its chain, which begins with the state; a removal ends it', async () => {
    const channel = bed.channel('mapdelta');
    for (const key of ['a', 'b']) await bed.mapPublish(channel, key, document(1));
    const client = await bed.client({ wire });
    const subscription = client.newMapSubscription(channel, fossil);
    const errors: unknown[] = [];
    client.on('error', (context) => errors.push(context));
    const sync = nextEvent<MapSyncContext>(subscription, 'sync');
    subscription.subscribe();
    expect(dataOf((await sync).entries)).toEqual([document(1), document(1)]);
    const updates = collectEvents<MapUpdateContext>(subscription, 'update', 6);
    await bed.mapPublish(channel, 'a', document(2));
    await bed.mapPublish(channel, 'b', document(2));
    await bed.api('map_remove', { channel, key: 'a' });
    await bed.mapPublish(channel, 'b', document(3));
    await bed.mapPublish(channel, 'a', document(4));
    await bed.mapPublish(channel, 'a', document(5));
    const seen = await updates;
    expect(seen.map(({ key, removed }) => `${key}${removed === true ? '-' : ''}`)).toEqual([
      'a',
      'b',
      'a-',
      'b',
      'a',
      'a',
    ]);
    expect(dataOf(seen.filter(({ removed }) => removed !== true))).toEqual([2, 2, 3, 4, 5].map(document));
    expect(errors).toEqual([]);
    expect(subscription.deltaStats()).toMatchObject({ numFullPayloads: 3, numDeltaPayloads: 4 });
  });

  it('[DELTA-6] [DELTA-7] what changed while away, removals too, is recovered key by key', async () => {
    const channel = bed.channel('mapdelta');
    const client = await bed.client({ wire });
    const subscription = client.newMapSubscription(channel, fossil);
    const first = collectEvents<MapUpdateContext>(subscription, 'update', 2);
    const synced = nextEvent(subscription, 'sync');
    subscription.subscribe();
    await synced;
    for (const key of ['a', 'b']) await bed.mapPublish(channel, key, document(1));
    await first;
    client.disconnect();
    for (const version of [2, 3]) await bed.mapPublish(channel, 'a', document(version));
    await bed.api('map_remove', { channel, key: 'b' });
    const updates = collectEvents<MapUpdateContext>(subscription, 'update', 4);
    const back = nextEvent<SubscribedContext>(subscription, 'subscribed');
    client.connect();
    expect(await back).toMatchObject({ recovered: true });
    await bed.mapPublish(channel, 'a', document(4));
    expect(
      (await updates).map(({ key, removed, data }) => [key, removed === true || fromWire(data)]),
    ).toEqual([
      ['a', document(2)],
      ['a', document(3)],
      ['b', true],
      ['a', document(4)],
    ]);
  });
});
