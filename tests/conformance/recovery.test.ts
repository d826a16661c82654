/** Coming back to a stream through the stock client: everything missed, once and in order, or told that it cannot be. */
import type { PublicationContext, SubscribedContext, SubscriptionErrorContext } from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { collectEvents, nextEvent, StreamChecker, subscribed, until, watchStream } from '@trunkline/testkit';
import { useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();
const seqs = (publications: PublicationContext[]): number[] =>
  publications.map(({ data }) => (data as { seq: number }).seq);

describe('recovery of a stream', () => {
  it('[REC-1] what was published while away arrives after a reconnect, then live ones', async () => {
    const channel = bed.channel('recovery');
    const client = await bed.client();
    const subscription = client.newSubscription(channel);
    const checker = new StreamChecker('reader');
    watchStream(subscription, checker);
    expect(await subscribed(subscription)).toMatchObject({ recoverable: true, wasRecovering: false });
    await bed.publish(channel, { seq: 1 });
    await until('the first came', () => checker.last === 1);
    client.disconnect();
    for (let seq = 2; seq <= 40; seq++) await bed.publish(channel, { seq });
    const back = nextEvent<SubscribedContext>(subscription, 'subscribed');
    client.connect();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: true });
    await bed.publish(channel, { seq: 41 });
    await until('the last came', () => checker.last === 41);
    checker.verify(41);
  });

  it('[REC-1] an unsubscribe keeps the position for the next subscribe', async () => {
    const channel = bed.channel('recovery');
    const subscription = (await bed.client()).newSubscription(channel);
    const first = nextEvent(subscription, 'publication');
    await subscribed(subscription);
    await bed.publish(channel, { seq: 1 });
    await first;
    subscription.unsubscribe();
    await bed.publish(channel, { seq: 2 });
    await bed.publish(channel, { seq: 3 });
    const missed = collectEvents<PublicationContext>(subscription, 'publication', 2);
    expect(await subscribed(subscription)).toMatchObject({ wasRecovering: true, recovered: true });
    expect(seqs(await missed)).toEqual([2, 3]);
  });

  it('[REC-2] a position that fell out of history is told, and live goes on', async () => {
    const channel = bed.channel('smallhistory');
    const subscription = (await bed.client()).newSubscription(channel);
    const first = nextEvent(subscription, 'publication');
    await subscribed(subscription);
    await bed.publish(channel, { seq: 1 });
    await first;
    subscription.unsubscribe();
    for (let seq = 2; seq <= 5; seq++) await bed.publish(channel, { seq });
    const received: PublicationContext[] = [];
    subscription.on('publication', (publication) => received.push(publication));
    expect(await subscribed(subscription)).toMatchObject({ wasRecovering: true, recovered: false });
    await bed.publish(channel, { seq: 6 });
    await until('live goes on', () => received.length > 0);
    expect(seqs(received)).toEqual([6]);
  });

  it('[REC-1] exactly what history still holds is recovered at its edge', async () => {
    const channel = bed.channel('smallhistory');
    const subscription = (await bed.client()).newSubscription(channel);
    const first = nextEvent(subscription, 'publication');
    await subscribed(subscription);
    await bed.publish(channel, { seq: 1 });
    await first;
    subscription.unsubscribe();
    await bed.publish(channel, { seq: 2 });
    await bed.publish(channel, { seq: 3 });
    const missed = collectEvents<PublicationContext>(subscription, 'publication', 2);
    expect(await subscribed(subscription)).toMatchObject({ recovered: true });
    expect(seqs(await missed)).toEqual([2, 3]);
  });

  it('[REC-2] removed history and a foreign epoch are told', async () => {
    const channel = bed.channel('recovery');
    const client = await bed.client();
    const subscription = client.newSubscription(channel);
    const first = nextEvent(subscription, 'publication');
    await subscribed(subscription);
    await bed.publish(channel, { seq: 1 });
    await first;
    subscription.unsubscribe();
    await bed.publish(channel, { seq: 2 });
    await bed.api('history_remove', { channel });
    expect(await subscribed(subscription)).toMatchObject({ wasRecovering: true, recovered: false });
    const other = (await bed.client()).newSubscription(channel, { since: { offset: 2, epoch: 'made-up' } });
    expect(await subscribed(other)).toMatchObject({ wasRecovering: true, recovered: false });
  });

  it('[REC-3] more missed publications than a recovery may hold are told, not half delivered', async () => {
    const channel = bed.channel('longhistory');
    const subscription = (await bed.client()).newSubscription(channel);
    await subscribed(subscription);
    subscription.unsubscribe();
    for (let batch = 0; batch < 4; batch++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, n) => bed.publish(channel, { seq: batch * 100 + n })),
      );
    }
    let delivered = 0;
    subscription.on('publication', () => delivered++);
    expect(await subscribed(subscription)).toMatchObject({ wasRecovering: true, recovered: false });
    expect(delivered).toBe(0);
  });

  it('[REC-4] cache recovery hands over the latest publication only', async () => {
    const channel = bed.channel('cached');
    const subscription = (await bed.client()).newSubscription(channel, { since: { offset: 0, epoch: '' } });
    for (let seq = 1; seq <= 3; seq++) await bed.publish(channel, { seq });
    const received: PublicationContext[] = [];
    subscription.on('publication', (publication) => received.push(publication));
    expect(await subscribed(subscription)).toMatchObject({ wasRecovering: true, recovered: true });
    await until('the latest came', () => received.length > 0);
    expect(seqs(received)).toEqual([3]);
  });

  it('[CONT-1] publications while recovering neither overtake nor repeat', async () => {
    const channel = bed.channel('recovery');
    const client = await bed.client();
    const subscription = client.newSubscription(channel);
    const checker = new StreamChecker('reader');
    watchStream(subscription, checker);
    await subscribed(subscription);
    let seq = 0;
    for (let turn = 0; turn < 10; turn++) {
      client.disconnect();
      for (let n = 0; n < 3; n++) await bed.publish(channel, { seq: ++seq });
      const flood = Array.from({ length: 5 }, () => ++seq).reduce(
        (before, next) => before.then(() => bed.publish(channel, { seq: next })),
        Promise.resolve({}) as Promise<unknown>,
      );
      client.connect();
      await flood;
      const last = seq;
      await until(`turn ${turn} is complete`, () => checker.last === last);
    }
    checker.verify(seq);
  });
});

describe('getState', () => {
  it('[REC-1] is asked once, and what follows its position is delivered', async () => {
    const channel = bed.channel();
    const { epoch } = (await bed.api('history', { channel, limit: 0 })) as { epoch: string };
    for (let seq = 1; seq <= 3; seq++) await bed.publish(channel, { seq });
    let asked = 0;
    const client = await bed.client();
    const subscription = client.newSubscription(channel, {
      getState: () => Promise.resolve({ offset: 1 + 0 * asked++, epoch }),
    });
    const missed = collectEvents<PublicationContext>(subscription, 'publication', 2);
    await subscribed(subscription);
    expect(seqs(await missed)).toEqual([2, 3]);
    client.disconnect();
    const back = nextEvent<SubscribedContext>(subscription, 'subscribed');
    client.connect();
    expect(await back).toMatchObject({ recovered: true });
    expect(asked).toBe(1);
  });

  it('[REC-1] position zero without an epoch continues a history that is still whole', async () => {
    const channel = bed.channel();
    for (let seq = 1; seq <= 3; seq++) await bed.publish(channel, { seq });
    const subscription = (await bed.client()).newSubscription(channel, {
      getState: () => Promise.resolve({ offset: 0, epoch: '' }),
    });
    const all = collectEvents<PublicationContext>(subscription, 'publication', 3);
    await subscribed(subscription);
    expect(seqs(await all)).toEqual([1, 2, 3]);
  });

  it('[REC-2] is asked again when its position cannot be continued (112)', async () => {
    const channel = bed.channel('smallhistory');
    const client = await bed.client();
    let asked = 0;
    const subscription = client.newSubscription(channel, {
      minResubscribeDelay: 20,
      maxResubscribeDelay: 50,
      getState: async () => {
        asked++;
        const { offset, epoch } = (await bed.api('history', { channel, limit: 0 })) as {
          offset?: number;
          epoch: string;
        };
        return { offset: offset ?? 0, epoch };
      },
    });
    await subscribed(subscription);
    client.disconnect();
    for (let seq = 1; seq <= 5; seq++) await bed.publish(channel, { seq });
    const back = nextEvent<SubscribedContext>(subscription, 'subscribed');
    client.connect();
    await back;
    expect(asked).toBe(2);
  });

  it('[REC-1] a failing one is reported and retried', async () => {
    const channel = bed.channel();
    let asked = 0;
    const client = await bed.client();
    const subscription = client.newSubscription(channel, {
      minResubscribeDelay: 20,
      maxResubscribeDelay: 50,
      getState: () =>
        asked++ === 0 ? Promise.reject(new Error('no database')) : Promise.resolve({ offset: 0, epoch: '' }),
    });
    const error = nextEvent<SubscriptionErrorContext>(subscription, 'error');
    await subscribed(subscription);
    expect((await error).error.message).toContain('no database');
    expect(asked).toBe(2);
  });
});
