/** Credentials through the stock client: tokens asked for, refused, refreshed and expired, for connections and for channels. */
import {
  SubscriptionState,
  State,
  UnauthorizedError,
  type DisconnectedContext,
  type UnsubscribedContext,
} from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { nextEvent, signToken, strangerToken, subscribed, unsignedToken, until } from '@trunkline/testkit';
import { SECRET, useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

describe('connection tokens', () => {
  it('[AUTH-8] one is asked for once and says who the user is', async () => {
    let asked = 0;
    const client = await bed.client({
      getToken: () => (asked++, signToken({ sub: 'ada', info: { name: 'Ada' } }, SECRET)),
    });
    const subscription = client.newSubscription(bed.channel());
    await subscribed(subscription);
    const { clients } = await subscription.presence();
    expect(Object.values(clients)).toMatchObject([{ user: 'ada', connInfo: { name: 'Ada' } }]);
    expect(asked).toBe(1);
  });

  it('[SESS-2] failing getToken and getData are retried', async () => {
    let tokens = 0;
    let data = 0;
    const client = bed.idle({
      getToken: () =>
        tokens++ === 0 ? Promise.reject(new Error('not yet')) : signToken({ sub: 'ada' }, SECRET),
      getData: () => (data++ === 0 ? Promise.reject(new Error('not yet')) : Promise.resolve({})),
    });
    client.connect();
    await client.ready(20_000);
    expect(tokens).toBeGreaterThanOrEqual(2);
    expect(data).toBe(2);
  });

  it('[SESS-2] an application that says it is unauthorized is disconnected for good', async () => {
    const client = bed.idle({ getToken: () => Promise.reject(new UnauthorizedError('signed out')) });
    const end = nextEvent<DisconnectedContext>(client, 'disconnected');
    client.connect();
    expect(await end).toMatchObject({ code: 1 });
  });

  it('[AUTH-2] forged tokens end the connection with 3500', async () => {
    const forged = [
      await signToken({ sub: 'mallory' }, 'another secret'),
      unsignedToken({ sub: 'mallory' }),
      await strangerToken({ sub: 'mallory' }, 'RS256'),
      await strangerToken({ sub: 'mallory' }, 'EdDSA'),
      await signToken({ sub: 'mallory', nbf: inSeconds(3_600) }, SECRET),
      'not.a.token',
      'rubbish',
    ];
    for (const token of forged) {
      const client = bed.idle({ token });
      const end = nextEvent<DisconnectedContext>(client, 'disconnected');
      client.connect();
      expect(await end, token).toMatchObject({ code: 3500 });
    }
  });

  it('[SESS-2] an expired token is replaced by asking for a new one', async () => {
    let asked = 0;
    const client = bed.idle({
      token: await signToken({ sub: 'ada', exp: inSeconds(-10) }, SECRET),
      getToken: () => (asked++, signToken({ sub: 'ada' }, SECRET)),
    });
    client.connect();
    await client.ready(20_000);
    expect(asked).toBe(1);
  });

  it('[AUTH-6] a token is refreshed before it expires and the connection goes on', async () => {
    let asked = 0;
    const client = await bed.client({
      getToken: () => signToken({ sub: 'ada', exp: inSeconds(asked++ === 0 ? 2 : 3_600) }, SECRET),
    });
    let left = 0;
    client.on('connecting', () => left++);
    await until('the token was refreshed', () => asked === 2);
    await client.publish(bed.channel(), {});
    expect(left).toBe(0);
    expect(client.state).toBe(State.Connected);
  });

  it('[SESS-2] a token that is not refreshed ends the connection with 3005 after the grace', async () => {
    const raw = await bed.raw();
    const reply = await raw.connect({ token: await signToken({ sub: 'ada', exp: inSeconds(1) }, SECRET) });
    expect(reply['connect']).toMatchObject({ expires: true });
    expect(await raw.closed).toMatchObject({ code: 3005 });
  });

  it('[AUTH-6] a refresh for another user is refused', async () => {
    const raw = await bed.raw();
    await raw.connect({ token: await signToken({ sub: 'ada', exp: inSeconds(600) }, SECRET) });
    const answer = raw.request({
      refresh: { token: await signToken({ sub: 'eve', exp: inSeconds(600) }, SECRET) },
    });
    const outcome = await Promise.race([
      answer.then(
        (reply) => reply.error?.code,
        () => 'closed',
      ),
      raw.closed.then(({ code }) => code),
    ]);
    expect([101, 103, 3500, 'closed']).toContain(outcome);
  });
});

describe('channel tokens', () => {
  it('[AUTH-7] one is asked for once, admits to its channel, and says more of its holder', async () => {
    const channel = bed.channel();
    let asked = 0;
    const client = await bed.client({ token: await signToken({ sub: 'ada' }, SECRET) });
    const subscription = client.newSubscription(channel, {
      getToken: () => (asked++, signToken({ sub: 'ada', channel, info: { seat: 1 } }, SECRET)),
    });
    await subscribed(subscription);
    expect(asked).toBe(1);
    expect(Object.values((await subscription.presence()).clients)).toMatchObject([
      { user: 'ada', chanInfo: { seat: 1 } },
    ]);
  });

  it('[AUTH-7] many subscriptions with slow tokens all come up', async () => {
    const client = await bed.client();
    const subscriptions = Array.from({ length: 5 }, () => {
      const channel = bed.channel();
      return client.newSubscription(channel, { getToken: () => signToken({ channel }, SECRET) });
    });
    await Promise.all(subscriptions.map((subscription) => subscribed(subscription)));
    expect(subscriptions.map(({ state }) => state)).toEqual(
      subscriptions.map(() => SubscriptionState.Subscribed),
    );
  });

  it('[AUTH-7] failing getToken and getData of a subscription are retried', async () => {
    const channel = bed.channel();
    let tokens = 0;
    let data = 0;
    const subscription = (await bed.client()).newSubscription(channel, {
      minResubscribeDelay: 1,
      maxResubscribeDelay: 20,
      getToken: () =>
        tokens++ === 0 ? Promise.reject(new Error('not yet')) : signToken({ channel }, SECRET),
      getData: () => (data++ === 0 ? Promise.reject(new Error('not yet')) : Promise.resolve({})),
    });
    await subscribed(subscription);
    expect(tokens).toBeGreaterThanOrEqual(2);
    expect(data).toBe(2);
  });

  it('[AUTH-7] unauthorized, foreign and forged ones end the subscription, not the connection', async () => {
    const channel = bed.channel();
    const client = await bed.client({ token: await signToken({ sub: 'ada' }, SECRET) });
    const cases: [string, () => Promise<string>, number][] = [
      ['unauthorized', () => Promise.reject(new UnauthorizedError('no')), 1],
      ['another channel', () => signToken({ sub: 'ada', channel: `${channel}x` }, SECRET), 103],
      ['another user', () => signToken({ sub: 'eve', channel }, SECRET), 103],
      ['another secret', () => signToken({ sub: 'ada', channel }, 'another secret'), 103],
      ['no signature', () => Promise.resolve(unsignedToken({ sub: 'ada', channel })), 103],
    ];
    for (const [name, getToken, code] of cases) {
      const subscription = client.newSubscription(channel, { getToken });
      const end = nextEvent<UnsubscribedContext>(subscription, 'unsubscribed');
      subscription.subscribe();
      expect((await end).code, name).toBe(code);
      client.removeSubscription(subscription);
    }
    expect(client.state).toBe(State.Connected);
  });

  it('[AUTH-7] an expiring one is refreshed and the subscription goes on', async () => {
    const channel = bed.channel();
    let asked = 0;
    const client = await bed.client();
    const subscription = client.newSubscription(channel, {
      getToken: () => signToken({ channel, exp: inSeconds(asked++ === 0 ? 2 : 3_600) }, SECRET),
    });
    await subscribed(subscription);
    let left = 0;
    subscription.on('subscribing', () => left++);
    await until('the token was refreshed', () => asked === 2);
    const got = nextEvent(subscription, 'publication');
    await bed.publish(channel, 1);
    await got;
    expect(left).toBe(0);
  });
});
