/** Stream channels through the stock client: publish, order, presence, history, joins and leaves. */
import { SubscriptionState, type JoinContext, type LeaveContext, type PublicationContext } from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { collectEvents, nextEvent, subscribed, until } from '@trunkline/testkit';
import { useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

describe('a stream channel', () => {
  it('[ORD-3] what a subscriber publishes reaches everybody, with who published', async () => {
    const channel = bed.channel();
    const publisher = await bed.client();
    const reader = await bed.client();
    const mine = publisher.newSubscription(channel);
    const theirs = reader.newSubscription(channel);
    await Promise.all([subscribed(mine), subscribed(theirs)]);
    const got = [mine, theirs].map((subscription) =>
      nextEvent<PublicationContext>(subscription, 'publication'),
    );
    await mine.publish({ my: 'data', deep: { list: [1, null, 'ü'] } });
    for (const publication of await Promise.all(got)) {
      expect(publication).toMatchObject({
        channel,
        data: { my: 'data', deep: { list: [1, null, 'ü'] } },
        offset: 1,
      });
      expect(publication.info?.client).toBeTruthy();
    }
  });

  it('[WIRE-25] what the API publishes has no publisher, keeps its tags, and is numbered', async () => {
    const channel = bed.channel();
    const subscription = (await bed.client()).newSubscription(channel);
    await subscribed(subscription);
    const got = nextEvent<PublicationContext>(subscription, 'publication');
    const answer = await bed.publish(channel, 'text', { tags: { team: 'eng' } });
    const publication = await got;
    expect(publication).toMatchObject({ data: 'text', tags: { team: 'eng' }, offset: answer['offset'] });
    expect(publication.info).toBeUndefined();
  });

  it('[ORD-1] publications of many publishers reach two subscribers in one order', async () => {
    const channel = bed.channel();
    const clients = await Promise.all([bed.client(), bed.client(), bed.client()]);
    const subscriptions = clients.slice(0, 2).map((client) => client.newSubscription(channel));
    await Promise.all(subscriptions.map((subscription) => subscribed(subscription)));
    const collected = subscriptions.map((subscription) =>
      collectEvents<PublicationContext>(subscription, 'publication', 300, undefined, 15_000),
    );
    await Promise.all([
      ...clients
        .slice(0, 2)
        .map((client, who) =>
          Promise.all(Array.from({ length: 100 }, (_, n) => client.publish(channel, { who, n }))),
        ),
      Promise.all(Array.from({ length: 100 }, (_, n) => bed.publish(channel, { who: 'api', n }))),
    ]);
    const [first, second] = await Promise.all(collected);
    expect(first?.map(({ offset }) => offset)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(second?.map(({ data }) => data as unknown)).toEqual(first?.map(({ data }) => data as unknown));
    for (const who of [0, 1]) {
      const own = first
        ?.filter(({ data }) => (data as { who: unknown }).who === who)
        .map(({ data }) => (data as { n: number }).n);
      expect(own).toEqual(Array.from({ length: 100 }, (_, index) => index));
    }
  });

  it('[SESS-5] after an unsubscribe nothing comes any more', async () => {
    const channel = bed.channel();
    const [leaver, stayer] = [
      (await bed.client()).newSubscription(channel),
      (await bed.client()).newSubscription(channel),
    ];
    await Promise.all([subscribed(leaver), subscribed(stayer)]);
    let late = 0;
    leaver.on('publication', () => late++);
    leaver.unsubscribe();
    await until(
      'the server knows',
      async () => ((await bed.api('presence_stats', { channel }))['num_clients'] as number) === 1,
    );
    const got = nextEvent(stayer, 'publication');
    await bed.publish(channel, 1);
    await got;
    expect(late).toBe(0);
  });

  it('[SESS-5] a loop of subscribes and unsubscribes ends as told, presence agrees', async () => {
    const channel = bed.channel();
    const client = await bed.client();
    const subscription = client.newSubscription(channel);
    for (let turn = 0; turn < 20; turn++) {
      subscription.subscribe();
      subscription.unsubscribe();
    }
    expect(subscription.state).toBe(SubscriptionState.Unsubscribed);
    await subscribed(subscription);
    await until('one is present', async () => (await subscription.presenceStats()).numClients === 1);
    expect(Object.keys((await subscription.presence()).clients)).toHaveLength(1);
    subscription.unsubscribe();
    await until('nobody is present', async () => (await client.presenceStats(channel)).numClients === 0);
    expect((await client.presence(channel)).clients).toEqual({});
  });

  it('[PRES-1] presence counts clients and users, and a closed connection leaves', async () => {
    const channel = bed.channel();
    const [one, two] = [await bed.client(), await bed.client()];
    await Promise.all([subscribed(one.newSubscription(channel)), subscribed(two.newSubscription(channel))]);
    expect(await one.presenceStats(channel)).toEqual({ numClients: 2, numUsers: 1 });
    two.disconnect();
    await until('it left', async () => (await one.presenceStats(channel)).numClients === 1);
  });

  it('[WIRE-23] history pages forwards and backwards from a position', async () => {
    const channel = bed.channel();
    const client = await bed.client();
    for (let n = 1; n <= 5; n++) await bed.publish(channel, { n });
    const numbers = (page: { publications: PublicationContext[] }): number[] =>
      page.publications.map(({ data }) => (data as { n: number }).n);
    const all = await client.history(channel, { limit: 10 });
    expect(numbers(all)).toEqual([1, 2, 3, 4, 5]);
    expect(all.offset).toBe(5);
    const since = { offset: 2, epoch: all.epoch };
    expect(numbers(await client.history(channel, { since, limit: 2 }))).toEqual([3, 4]);
    expect(numbers(await client.history(channel, { reverse: true, limit: 2 }))).toEqual([5, 4]);
    expect(
      numbers(
        await client.history(channel, { since: { offset: 4, epoch: all.epoch }, reverse: true, limit: 2 }),
      ),
    ).toEqual([3, 2]);
    expect(await client.history(channel, { limit: 0 })).toMatchObject({
      publications: [],
      offset: 5,
      epoch: all.epoch,
    });
    await expect(
      client.history(channel, { since: { offset: 2, epoch: 'other' }, limit: 2 }),
    ).rejects.toMatchObject({ code: 112 });
  });

  it('[PRES-2] joins and leaves reach those who asked, and only them', async () => {
    const channel = bed.channel('joins');
    const [asks, quiet] = [
      (await bed.client()).newSubscription(channel, { joinLeave: true }),
      (await bed.client()).newSubscription(channel),
    ];
    let heard = 0;
    quiet.on('join', () => heard++);
    await Promise.all([subscribed(asks), subscribed(quiet)]);
    const comer = bed.kit.stock(bed.server.wsUrl);
    const { client: id } = await comer.connect();
    const join = nextEvent<JoinContext>(asks, 'join', ({ info }) => info.client === id);
    await subscribed(comer.client.newSubscription(channel));
    expect((await join).info).toMatchObject({ client: id, user: '' });
    const leave = nextEvent<LeaveContext>(asks, 'leave', ({ info }) => info.client === id);
    comer.client.disconnect();
    await leave;
    expect(heard).toBe(0);
  });

  it('[WIRE-27] a second subscribe to the same channel is answered 105, a nameless one 107', async () => {
    const raw = await bed.raw();
    await raw.connect();
    const channel = bed.channel();
    expect((await raw.request({ subscribe: { channel } })).error).toBeUndefined();
    expect((await raw.request({ subscribe: { channel } })).error).toMatchObject({ code: 105 });
    expect((await raw.request({ subscribe: { channel: '' } })).error).toMatchObject({ code: 107 });
    expect((await raw.request({ subscribe: { channel: 'x'.repeat(256) } })).error).toMatchObject({
      code: 107,
    });
    expect((await raw.request({ subscribe: { channel: 'no_such_namespace:x' } })).error).toMatchObject({
      code: 103,
    });
  });

  it('[WALL-3] idle and absent things have answers too: unsubscribe of nothing, presence of nobody', async () => {
    const raw = await bed.raw();
    await raw.connect();
    const channel = bed.channel();
    expect((await raw.request({ unsubscribe: { channel } })).error).toBeUndefined();
    expect((await raw.request({ presence_stats: { channel } })).error).toBeUndefined();
    expect((await raw.request({ presence: { channel } })).error).toBeUndefined();
  });
});
