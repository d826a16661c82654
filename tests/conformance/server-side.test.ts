/** What a server does to its clients, through the stock client and the HTTP API: subscriptions it makes, recovers and ends. */
import {
  State,
  type Centrifuge,
  type DisconnectedContext,
  type ServerPublicationContext,
  type ServerSubscribedContext,
} from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { nextEvent, signToken, StreamChecker, until } from '@trunkline/testkit';
import { SECRET, useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

function watch(client: Centrifuge, channel: string): StreamChecker {
  const checker = new StreamChecker(channel);
  client.on('publication', (publication: ServerPublicationContext) => {
    if (publication.channel === channel)
      checker.message((publication.data as { seq: number }).seq, publication.offset);
  });
  client.on('subscribed', (answer: ServerSubscribedContext) => {
    if (answer.channel === channel && answer.wasRecovering && !answer.recovered)
      checker.told('recovered: false');
  });
  return checker;
}

describe('server-side subscriptions', () => {
  it("[SESS-8] a token's channels are subscribed, deliver, and are recovered after a reconnect", async () => {
    const [one, two] = [bed.channel('recovery'), bed.channel('recovery')];
    const client = bed.idle({ token: await signToken({ sub: 'ada', channels: [one, two] }, SECRET) });
    const checkers = [watch(client, one), watch(client, two)];
    const answers: string[] = [];
    client.on('subscribed', ({ channel }) => answers.push(channel));
    client.connect();
    await client.ready(20_000);
    await until('both are subscribed', () => answers.length === 2);
    expect(answers.sort()).toEqual([one, two].sort());
    const publishBoth = async (seq: number): Promise<void> => {
      for (const channel of [one, two]) await bed.publish(channel, { seq });
    };
    await publishBoth(1);
    await until('the first came', () => checkers.every(({ last }) => last === 1));
    client.disconnect();
    for (let seq = 2; seq <= 10; seq++) await publishBoth(seq);
    const back = nextEvent<ServerSubscribedContext>(client, 'subscribed', ({ channel }) => channel === one);
    client.connect();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: true });
    await publishBoth(11);
    await until('the last came', () => checkers.every(({ last }) => last === 11));
    for (const checker of checkers) checker.verify(11);
  });

  it('[REC-2] one that cannot be recovered is told', async () => {
    const channel = bed.channel('smallhistory');
    const client = bed.idle({ token: await signToken({ sub: 'ada', channels: [channel] }, SECRET) });
    const checker = watch(client, channel);
    const first = nextEvent(client, 'subscribed');
    client.connect();
    await first;
    await bed.publish(channel, { seq: 1 });
    await until('the first came', () => checker.last === 1);
    client.disconnect();
    for (let seq = 2; seq <= 6; seq++) await bed.publish(channel, { seq });
    const back = nextEvent<ServerSubscribedContext>(client, 'subscribed');
    client.connect();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: false });
    await bed.publish(channel, { seq: 7 });
    await until('live goes on', () => checker.last === 7);
    checker.verify(7, true);
  });

  it('[WALL-4] the API subscribes and unsubscribes a user', async () => {
    const channel = bed.channel();
    const user = `user_${bed.channel()}`;
    const client = await bed.client({ token: await signToken({ sub: user }, SECRET) });
    const begun = nextEvent<ServerSubscribedContext>(client, 'subscribed');
    await bed.api('subscribe', { user, channel });
    expect(await begun).toMatchObject({ channel });
    const got = nextEvent<ServerPublicationContext>(client, 'publication');
    await bed.publish(channel, { seq: 1 });
    expect(await got).toMatchObject({ channel, data: { seq: 1 } });
    const ended = nextEvent<{ channel: string }>(client, 'unsubscribed');
    await bed.api('unsubscribe', { user, channel });
    expect(await ended).toMatchObject({ channel });
  });

  it('[WALL-4] the API ends a client-side subscription with 2000', async () => {
    const channel = bed.channel();
    const user = `user_${bed.channel()}`;
    const client = await bed.client({ token: await signToken({ sub: user }, SECRET) });
    const subscription = client.newSubscription(channel);
    subscription.subscribe();
    await subscription.ready(20_000);
    const ended = nextEvent<{ code: number }>(subscription, 'unsubscribed');
    await bed.api('unsubscribe', { user, channel });
    expect(await ended).toMatchObject({ code: 2000 });
  });

  it('[WALL-4] the API disconnects a user for good, and only that user', async () => {
    const user = `user_${bed.channel()}`;
    const [target, bystander] = [
      await bed.client({ token: await signToken({ sub: user }, SECRET) }),
      await bed.client({ token: await signToken({ sub: `${user}2` }, SECRET) }),
    ];
    const end = nextEvent<DisconnectedContext>(target, 'disconnected');
    await bed.api('disconnect', { user });
    expect(await end).toMatchObject({ code: 3503 });
    expect(bystander.state).toBe(State.Connected);
  });
});
