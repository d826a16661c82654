/** What an application sees of a connection through the stock client: opening, closing, coming back, calls that wait for it. */
import { State, SubscriptionState, type ConnectingContext, type DisconnectedContext } from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { nextEvent, subscribed, until } from '@trunkline/testkit';
import { useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

describe('a connection', () => {
  it('[SESS-1] opens with a client id and closes when told', async () => {
    const stock = bed.kit.stock(bed.server.wsUrl);
    const { client: first } = await stock.connect();
    const { client: second } = await bed.kit.stock(bed.server.wsUrl).connect();
    expect(first).not.toBe('');
    expect(second).not.toBe(first);
    const closed = nextEvent<DisconnectedContext>(stock.client, 'disconnected');
    stock.client.disconnect();
    expect(await closed).toMatchObject({ code: 0 });
    expect(stock.client.state).toBe(State.Disconnected);
  });

  it('[SESS-1] a loop of connects and disconnects ends as told and leaves nothing behind', async () => {
    const client = bed.idle();
    for (let turn = 0; turn < 20; turn++) {
      client.connect();
      client.disconnect();
    }
    expect(client.state).toBe(State.Disconnected);
    client.connect();
    await client.ready(20_000);
    client.disconnect();
    await until('no connection is left', async () => {
      const { connections } = await bed.api('connections', {});
      return Object.keys(connections as object).length === 0;
    });
  });

  it('[WIRE-23] a call made before the connection is sent once it is open; an unknown method is not available', async () => {
    const client = bed.idle();
    const call = client.rpc('no.such.method', { any: 1 });
    client.connect();
    await expect(call).rejects.toMatchObject({ code: 108 });
  });

  it('[SESS-1] a network that goes away and comes back is followed', async () => {
    const network = new EventTarget();
    const client = await bed.client({ networkEventTarget: network });
    const lost = nextEvent<ConnectingContext>(client, 'connecting');
    network.dispatchEvent(new Event('offline'));
    expect(await lost).toMatchObject({ code: 1, reason: 'transport closed' });
    network.dispatchEvent(new Event('online'));
    await client.ready(20_000);
    expect(client.state).toBe(State.Connected);
    client.disconnect();
    network.dispatchEvent(new Event('online'));
    expect(client.state).toBe(State.Disconnected);
  });

  it('[SESS-1] a connection lost before its transport opened is made again', async () => {
    const network = new EventTarget();
    const client = bed.idle({ networkEventTarget: network });
    client.connect();
    network.dispatchEvent(new Event('offline'));
    network.dispatchEvent(new Event('online'));
    await client.ready(20_000);
    expect(client.state).toBe(State.Connected);
  });

  it('[SESS-5] a subscription ended between the connect command and its reply stays ended, and may be begun again', async () => {
    const client = bed.idle();
    const subscription = client.newSubscription(bed.channel());
    subscription.subscribe();
    client.connect();
    // The connect frame, with the subscribe in the same frame, leaves as soon as the transport is open.
    await until(
      'the connect frame is on its way',
      () => (client as unknown as { _transportIsOpen: boolean })._transportIsOpen,
      20_000,
      0,
    );
    subscription.unsubscribe();
    await client.ready(20_000);
    expect(subscription.state).toBe(SubscriptionState.Unsubscribed);
    await subscribed(subscription);
    expect(subscription.state).toBe(SubscriptionState.Subscribed);
  });

  it('[SESS-5] subscriptions made before, during and after a reconnect all come up', async () => {
    const client = bed.idle();
    const early = client.newSubscription(bed.channel());
    early.subscribe();
    client.connect();
    client.disconnect();
    client.connect();
    early.unsubscribe();
    early.subscribe();
    await early.ready(20_000);
    const late = client.newSubscription(bed.channel());
    late.subscribe();
    await late.ready(20_000);
    expect([early.state, late.state]).toEqual([SubscriptionState.Subscribed, SubscriptionState.Subscribed]);
  });

  it('[WIRE-1] commands gathered into one frame are all answered', async () => {
    const client = await bed.client();
    const channel = bed.channel();
    client.startBatching();
    const answers = Array.from({ length: 50 }, (_, index) => client.publish(channel, { index }));
    client.stopBatching();
    await Promise.all(answers);
    const history = await client.history(channel, { limit: 100 });
    expect(history.publications.map(({ data }) => (data as { index: number }).index)).toEqual(
      Array.from({ length: 50 }, (_, index) => index),
    );
  });

  it('[WIRE-5] a message without reply, which nobody here takes, is not dropped silently', async () => {
    const client = await bed.client();
    const end = nextEvent<DisconnectedContext>(client, 'disconnected');
    await client.send({ note: 'no reply expected' });
    expect(await end).toMatchObject({ code: 3508 });
  });

  it('[SESS-4] a server ping comes in time and is answered', async () => {
    const raw = await bed.raw();
    const reply = await raw.connect();
    const connect = reply['connect'] as { ping: number; pong: boolean };
    expect(connect.ping).toBeGreaterThan(0);
    expect(connect.pong).toBe(true);
    await raw.expect(
      'a server ping',
      (document) => Object.keys(document).length === 0,
      connect.ping * 1_000 + 2_000,
    );
    await raw.request({ ping: {} });
    expect(raw.open).toBe(true);
  });

  it('[SESS-4] a connection that does not answer pings is closed with 3012', async () => {
    const raw = await bed.raw({ answerPings: false });
    await raw.connect();
    expect(await raw.closed).toMatchObject({ code: 3012 });
  });
});
