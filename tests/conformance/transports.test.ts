/** The unmodified stock client over every transport and codec it speaks: what an application can do through one, it can do through all. */
import type {
  Centrifuge,
  ConnectingContext,
  DisconnectedContext,
  MapUpdateContext,
  PublicationContext,
  SubscribedContext,
  UnsubscribedContext,
} from 'centrifuge';
import { describe, expect, it } from 'vitest';
import {
  collectEvents,
  fromWire,
  nextEvent,
  signToken,
  subscribed,
  toWire,
  until,
  WIRES,
  type StockClientOptions,
} from '@trunkline/testkit';
import { SECRET, useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

describe('codecs beside each other', () => {
  it('[WIRE-10] a payload with line breaks from a Protobuf client reaches readers of lines and events whole', async () => {
    const channel = bed.channel();
    const readers = await Promise.all(
      WIRES.map(async (wire) => {
        const subscription = (await bed.client({ wire })).newSubscription(channel);
        await subscribed(subscription);
        return subscription;
      }),
    );
    const got = readers.map((reader) => nextEvent<PublicationContext>(reader, 'publication'));
    const bytes = new TextEncoder().encode('\r\n{\n"a":\r"b",\r\n"c": "ü"\n}\n');
    await (await bed.client({ wire: 'http_stream protobuf' })).publish(channel, bytes);
    for (const publication of await Promise.all(got))
      expect(fromWire(publication.data)).toEqual({ a: 'b', c: 'ü' });
  });
});

describe.each(WIRES)('%s', (wire) => {
  const open = (options: StockClientOptions = {}): Promise<Centrifuge> => bed.client({ wire, ...options });
  const data = (value: unknown): unknown => toWire(wire, value);

  it('[STREAM-1] connects under its name, disconnects, and leaves nothing behind', async () => {
    const stock = bed.kit.stock(bed.server.wsUrl, { wire });
    const { client } = await stock.connect();
    const [transport, codec] = wire.split(' ');
    expect(await bed.api('connections', { client })).toMatchObject({
      connections: { [client]: { transport, protocol: codec } },
    });
    stock.client.disconnect();
    await until('it is gone', async () => {
      const { connections } = await bed.api('connections', { client });
      return Object.keys(connections as object).length === 0;
    });
  });

  it('[ORD-1] subscribes, publishes, and receives everything once and in order', async () => {
    const channel = bed.channel();
    const client = await open();
    const subscription = client.newSubscription(channel);
    await subscribed(subscription);
    const all = collectEvents<PublicationContext>(subscription, 'publication', 200, undefined, 10_000);
    for (let n = 0; n < 100; n++) {
      await bed.publish(channel, { n, text: 'ü💥\u2028' });
      await subscription.publish(data({ n }));
    }
    const got = await all;
    expect(got.map(({ offset }) => offset)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    expect(got.slice(0, 2).map((one) => fromWire(one.data))).toEqual([{ n: 0, text: 'ü💥\u2028' }, { n: 0 }]);
  });

  it('[STREAM-6] commands sent at once are carried out in order, in few requests or in many', async () => {
    const client = await open();
    const channel = bed.channel();
    const subscription = client.newSubscription(channel);
    await subscribed(subscription);
    const all = collectEvents<PublicationContext>(subscription, 'publication', 60, undefined, 10_000);
    client.startBatching();
    const calls = Array.from({ length: 30 }, (_, n) => client.publish(channel, data(n)));
    client.stopBatching();
    for (let n = 30; n < 60; n++) calls.push(client.publish(channel, data(n)));
    await Promise.all(calls);
    const numbers = (await all).map((one) => fromWire(one.data) as number);
    expect(numbers.slice(0, 30)).toEqual(Array.from({ length: 30 }, (_, n) => n));
    // Requests of their own race through the network; none may be lost or doubled.
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n));
  });

  it('[WIRE-23] calls: a known method, an unknown one, and one made before the connection', async () => {
    const stock = bed.kit.stock(bed.server.wsUrl, { wire });
    const early = stock.client.rpc('no.such.method', data({}));
    await stock.connect();
    await expect(early).rejects.toMatchObject({ code: 108 });
    const answer = await stock.client.rpc('node.info', data({})).catch((error: { code: number }) => error);
    expect(answer).toBeTruthy();
  });

  it('[PRES-1] presence and history', async () => {
    const channel = bed.channel();
    const stock = bed.kit.stock(bed.server.wsUrl, { wire });
    const { client } = await stock.connect();
    const subscription = stock.client.newSubscription(channel);
    await subscribed(subscription);
    expect(Object.keys((await subscription.presence()).clients)).toEqual([client]);
    expect(await subscription.presenceStats()).toEqual({ numClients: 1, numUsers: 1 });
    await bed.publish(channel, { n: 1 });
    const { publications, offset } = await subscription.history({ limit: 10 });
    expect([publications.map((one) => fromWire(one.data)), offset]).toEqual([[{ n: 1 }], 1]);
  });

  it('[REC-1] a connection that was cut comes back and misses nothing', async () => {
    const proxy = await bed.kit.proxy(bed.server);
    const channel = bed.channel('recovery');
    const stock = bed.kit.stock(proxy.wsUrl, { wire });
    await stock.connect();
    const subscription = stock.client.newSubscription(channel);
    await subscribed(subscription);
    const all = collectEvents<PublicationContext>(subscription, 'publication', 30, undefined, 10_000);
    const back = nextEvent<SubscribedContext>(subscription, 'subscribed');
    for (let n = 1; n <= 10; n++) await bed.publish(channel, n);
    proxy.cut();
    for (let n = 11; n <= 20; n++) await bed.publish(channel, n);
    proxy.restore();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: true });
    for (let n = 21; n <= 30; n++) await bed.publish(channel, n);
    expect((await all).map((one) => fromWire(one.data))).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
  });

  it('[MAP-1] a map: state, updates, removals', async () => {
    const channel = bed.channel('positioned');
    for (const key of ['a', 'b']) await bed.mapPublish(channel, key, { key });
    const subscription = (await open()).newMapSubscription(channel);
    const updates = collectEvents<MapUpdateContext>(subscription, 'update', 3);
    const sync = nextEvent<{ entries: { key: string; data: unknown }[] }>(subscription, 'sync');
    subscription.subscribe();
    expect((await sync).entries.map((entry) => [entry.key, fromWire(entry.data)])).toEqual([
      ['a', { key: 'a' }],
      ['b', { key: 'b' }],
    ]);
    await bed.mapPublish(channel, 'c', { n: 1 });
    await subscription.publish('d', data({ n: 2 }));
    await subscription.remove('a');
    expect(
      (await updates).map((one) => [one.key, one.removed ?? false, one.removed ? null : fromWire(one.data)]),
    ).toEqual([
      ['c', false, { n: 1 }],
      ['d', false, { n: 2 }],
      ['a', true, null],
    ]);
  });

  it('[AUTH-6] [SESS-4] tokens are refreshed and pings answered, so that an idle connection lives on', async () => {
    let asked = 0;
    const exp = (): number => Math.floor(Date.now() / 1_000) + 2;
    const client = await open({
      getToken: () => (asked++, signToken({ sub: 'ada', exp: exp() }, SECRET)),
    });
    let left = 0;
    client.on('connecting', () => left++);
    await until('it asked again', () => asked >= 3);
    expect(left).toBe(0);
    await expect(client.history(bed.channel(), { limit: 0 })).resolves.toBeTruthy();
  });

  it('[SESS-5] unsubscribes, by itself and from the server', async () => {
    const channel = bed.channel();
    const stock = bed.kit.stock(bed.server.wsUrl, { wire });
    const { client } = await stock.connect();
    const subscription = stock.client.newSubscription(channel);
    await subscribed(subscription);
    subscription.unsubscribe();
    await until('the server knows', async () => {
      const { channels } = await bed.api('channels', { pattern: channel });
      return !(channel in (channels as object));
    });
    await subscribed(subscription);
    const end = nextEvent<UnsubscribedContext>(subscription, 'unsubscribed');
    await bed.api('unsubscribe', { channel, client });
    expect(await end).toMatchObject({ code: 2000 });
  });

  it('[STREAM-7] a disconnect by the server arrives with its code; the client stays away or comes back as it says', async () => {
    for (const [code, comesBack] of [
      [3503, false],
      [4700, false],
      [3000, true],
      [4100, true],
    ] as const) {
      const stock = bed.kit.stock(bed.server.wsUrl, { wire });
      const { client } = await stock.connect();
      const end = nextEvent<DisconnectedContext | ConnectingContext>(
        stock.client,
        comesBack ? 'connecting' : 'disconnected',
      );
      await bed.api('disconnect', { client, disconnect: { code, reason: 'told so' } });
      expect(await end).toMatchObject({ code, reason: 'told so' });
      if (comesBack) await stock.client.ready(20_000);
      stock.client.disconnect();
    }
  });

  it('[SESS-2] a forged token ends with 3500', async () => {
    const client = bed.idle({ wire, token: await signToken({ sub: 'mallory' }, 'another secret') });
    const end = nextEvent<DisconnectedContext>(client, 'disconnected');
    client.connect();
    expect(await end).toMatchObject({ code: 3500 });
  });
});
