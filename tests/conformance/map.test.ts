/** Map channels through the stock client: pages of state, catching up, live updates, keys that expire, presence kept as a map. */
import type {
  Centrifuge,
  MapSubscription,
  MapSyncContext,
  MapUpdateContext,
  SubscribedContext,
  UnsubscribedContext,
} from 'centrifuge';
import { describe, expect, it } from 'vitest';
import { collectEvents, nextEvent, until } from '@trunkline/testkit';
import { useConformanceBed } from '../support/bed.js';

const bed = useConformanceBed();

/** Subscribes; resolves with the snapshot. */
async function synced(subscription: MapSubscription): Promise<readonly string[]> {
  const sync = nextEvent<MapSyncContext>(subscription, 'sync');
  subscription.subscribe();
  return (await sync).entries.map(({ key }) => key).sort();
}

async function came(subscription: MapSubscription): Promise<SubscribedContext> {
  const answer = nextEvent<SubscribedContext>(subscription, 'subscribed');
  subscription.subscribe();
  return answer;
}

async function reconnect(client: Centrifuge, meanwhile: () => Promise<unknown>): Promise<void> {
  client.disconnect();
  await meanwhile();
  client.connect();
}

describe('a map', () => {
  it('[MAP-1] is empty at first, then shows what was seeded, without removal marks', async () => {
    const channel = bed.channel('streamless');
    const first = (await bed.client()).newMapSubscription(channel);
    expect(await synced(first)).toEqual([]);
    for (const key of ['k1', 'k2', 'k3']) await bed.mapPublish(channel, key, { key });
    const second = (await bed.client()).newMapSubscription(channel);
    const sync = nextEvent<MapSyncContext>(second, 'sync');
    const answer = await came(second);
    expect(answer.state).toHaveLength(3);
    for (const entry of (await sync).entries) {
      expect(entry.data).toEqual({ key: entry.key });
      expect(entry).not.toHaveProperty('removed');
    }
  });

  it('[MAP-1] updates and removals arrive live, from the API and from clients', async () => {
    const channel = bed.channel('streamless');
    const subscription = (await bed.client()).newMapSubscription(channel);
    const updates = collectEvents<MapUpdateContext>(subscription, 'update', 4);
    await synced(subscription);
    await bed.mapPublish(channel, 'a', { n: 1 });
    await bed.api('map_remove', { channel, key: 'a' });
    await subscription.publish('b', { n: 2 });
    await subscription.remove('b');
    expect((await updates).map(({ key, removed }) => [key, removed ?? false])).toEqual([
      ['a', false],
      ['a', true],
      ['b', false],
      ['b', true],
    ]);
  });

  it('[MAP-1] two clients see the same', async () => {
    const channel = bed.channel('streamless');
    const [one, two] = [
      (await bed.client()).newMapSubscription(channel),
      (await bed.client()).newMapSubscription(channel),
    ];
    await Promise.all([synced(one), synced(two)]);
    const views = [one, two].map((subscription) =>
      collectEvents<MapUpdateContext>(subscription, 'update', 2),
    );
    await one.publish('from-one', 1);
    await two.publish('from-two', 2);
    for (const view of await Promise.all(views))
      expect(view.map(({ key }) => key)).toEqual(['from-one', 'from-two']);
    expect(await synced((await bed.client()).newMapSubscription(channel))).toEqual(['from-one', 'from-two']);
  });

  it('[MAP-1] pages of two make the whole, and live goes on after them', async () => {
    for (const namespace of ['streamless', 'positioned']) {
      const channel = bed.channel(namespace);
      for (let n = 1; n <= 7; n++) await bed.mapPublish(channel, `page_${n}`, n);
      const subscription = (await bed.client()).newMapSubscription(channel, { pageSize: 2 });
      expect(await synced(subscription)).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `page_${n}`));
      const update = nextEvent<MapUpdateContext>(subscription, 'update');
      await bed.mapPublish(channel, 'late', true);
      expect((await update).key).toBe('late');
    }
  });

  it('[MAP-1] changes made while paging are not lost, in either mode', async () => {
    for (const namespace of ['streamless', 'positioned']) {
      const channel = bed.channel(namespace);
      for (let n = 0; n < 200; n++) await bed.mapPublish(channel, `key_${String(n).padStart(3, '0')}`, 0);
      const subscription = (await bed.client()).newMapSubscription(channel, { pageSize: 5 });
      const view = new Map<string, unknown>();
      subscription.on('sync', ({ entries }) => {
        view.clear();
        for (const { key, data } of entries) view.set(key, data);
      });
      subscription.on('update', ({ key, data, removed }) =>
        removed === true ? view.delete(key) : view.set(key, data),
      );
      subscription.subscribe();
      for (let n = 0; n < 60; n++) {
        if (n % 3 === 0)
          await bed.api('map_remove', { channel, key: `key_${String(n * 3).padStart(3, '0')}` });
        else await bed.mapPublish(channel, `key_${String(n * 3).padStart(3, '0')}`, n);
      }
      await subscription.ready(20_000);
      await bed.mapPublish(channel, 'end', true);
      await until('the end is seen', () => view.has('end'));
      const { entries } = (await bed.api('map_state', { channel, limit: 1_000 })) as {
        entries: { key: string; data: unknown }[];
      };
      expect([...view].sort()).toEqual(entries.map(({ key, data }) => [key, data]).sort());
    }
  });

  it('[MAP-2] a positioned map recovers after a reconnect without a new snapshot', async () => {
    const channel = bed.channel('positioned');
    const client = await bed.client();
    const subscription = client.newMapSubscription(channel);
    expect(await synced(subscription)).toEqual([]);
    const before = nextEvent<MapUpdateContext>(subscription, 'update', ({ key }) => key === 'before');
    await bed.mapPublish(channel, 'before', 1);
    await before;
    let snapshots = 0;
    subscription.on('sync', () => snapshots++);
    const back = nextEvent<SubscribedContext>(subscription, 'subscribed');
    const missed = nextEvent<MapUpdateContext>(subscription, 'update', ({ key }) => key === 'during');
    await reconnect(client, () => bed.mapPublish(channel, 'during', 2));
    expect(await back).toMatchObject({ recoverable: true, recovered: true });
    await missed;
    expect(snapshots).toBe(0);
  });

  it('[MAP-2] a streamless map takes its state again after a reconnect', async () => {
    const channel = bed.channel('streamless');
    const client = await bed.client();
    await bed.mapPublish(channel, 'stays', 1);
    const subscription = client.newMapSubscription(channel);
    const sync = nextEvent(subscription, 'sync');
    expect((await came(subscription)).recoverable).toBe(false);
    await sync;
    const again = nextEvent<MapSyncContext>(subscription, 'sync');
    await reconnect(client, () => bed.mapPublish(channel, 'new', 2));
    expect((await again).entries.map(({ key }) => key).sort()).toEqual(['new', 'stays']);
  });

  it('[MAP-2] a position that fell out of the stream starts from scratch, or ends with 112 where asked', async () => {
    const channel = bed.channel('smallstream');
    const patient = (await bed.client()).newMapSubscription(channel);
    const strict = (await bed.client()).newMapSubscription(channel, { unrecoverableStrategy: 'fatal' });
    const firsts = [patient, strict].map((subscription) => nextEvent(subscription, 'update'));
    await Promise.all([synced(patient), synced(strict)]);
    await bed.mapPublish(channel, 'initial', 0);
    await Promise.all(firsts);
    patient.unsubscribe();
    strict.unsubscribe();
    for (let n = 1; n <= 5; n++) await bed.mapPublish(channel, `overflow_${n}`, n);
    const sync = nextEvent<MapSyncContext>(patient, 'sync');
    expect((await came(patient)).recovered).toBe(false);
    expect((await sync).entries).toHaveLength(6);
    const ended = nextEvent<UnsubscribedContext>(strict, 'unsubscribed');
    strict.subscribe();
    expect(await ended).toMatchObject({ code: 112 });
  });

  it('[MAP-1] a key that is not written again removes itself', async () => {
    const channel = bed.channel('shortttl');
    const subscription = (await bed.client()).newMapSubscription(channel);
    await synced(subscription);
    const [added, removed] = [
      nextEvent<MapUpdateContext>(subscription, 'update', (update) => update.removed !== true),
      nextEvent<MapUpdateContext>(subscription, 'update', (update) => update.removed === true, 10_000),
    ];
    await bed.mapPublish(channel, 'brief', 1);
    expect((await added).key).toBe('brief');
    expect((await removed).key).toBe('brief');
    expect(await synced((await bed.client()).newMapSubscription(channel))).toEqual([]);
  });

  it('[MAP-1] where the key is the client, a client writes its own only and it goes with the connection or its time', async () => {
    const channel = bed.channel('clientkey');
    const stock = bed.kit.stock(bed.server.wsUrl);
    const { client: id } = await stock.connect();
    const subscription = stock.client.newMapSubscription(channel);
    await synced(subscription);
    const update = nextEvent<MapUpdateContext>(subscription, 'update');
    await subscription.publish('not-mine', { cursor: 1 });
    expect((await update).key).toBe(id);
  });

  it('[PRES-1] who is on a map is itself a map', async () => {
    const channel = bed.channel('prestest');
    const one = bed.kit.stock(bed.server.wsUrl);
    const two = bed.kit.stock(bed.server.wsUrl);
    const [{ client: idOne }, { client: idTwo }] = await Promise.all([one.connect(), two.connect()]);
    const watcher = one.client.newMapClientsSubscription(`prescli:${channel}`);
    const updates = collectEvents<MapUpdateContext>(watcher, 'update', 4);
    expect(await synced(watcher)).toEqual([]);
    const mine = one.client.newMapSubscription(channel);
    const theirs = two.client.newMapSubscription(channel);
    await synced(mine);
    await synced(theirs);
    theirs.unsubscribe();
    await until('one is left', async () => {
      const { entries } = (await bed.api('map_state', { channel: `prescli:${channel}` })) as {
        entries: { key: string }[];
      };
      return entries.length === 1 && entries[0]?.key === idOne;
    });
    mine.unsubscribe();
    expect((await updates).map(({ key, removed }) => [key, removed ?? false])).toEqual([
      [idOne, false],
      [idTwo, false],
      [idTwo, true],
      [idOne, true],
    ]);
  });

  it('[MAP-1] the interval in which a client folds its own publications is told and kept', async () => {
    const channel = bed.channel('debounced');
    const subscription = (await bed.client()).newMapSubscription(channel);
    await synced(subscription);
    await subscription.publish('cursor', { x: 0 });
    for (let x = 1; x <= 20; x++) void subscription.publish('cursor', { x });
    await until('the last value is kept', async () => {
      const { entries } = (await bed.api('map_state', { channel })) as { entries: { data: { x: number } }[] };
      return entries[0]?.data.x === 20;
    });
    const { offset } = (await bed.api('map_state', { channel })) as { offset?: number };
    expect(offset ?? 0).toBeLessThan(20);
  });

  it('[MAP-3] a filter over tags holds for the snapshot, for live changes and for a new filter', async () => {
    const channel = bed.channel('tagged');
    await bed.mapPublish(channel, 'eng_1', 1, { tags: { team: 'eng' } });
    await bed.mapPublish(channel, 'sales_1', 2, { tags: { team: 'sales' } });
    const subscription = (await bed.client()).newMapSubscription(channel, {
      tagsFilter: { key: 'team', cmp: 'eq', val: 'eng' },
    });
    expect(await synced(subscription)).toEqual(['eng_1']);
    const seen: string[] = [];
    subscription.on('update', ({ key }) => seen.push(key));
    await bed.mapPublish(channel, 'sales_2', 3, { tags: { team: 'sales' } });
    await bed.mapPublish(channel, 'eng_2', 4, { tags: { team: 'eng' } });
    await until('the fitting one came', () => seen.length > 0);
    expect(seen).toEqual(['eng_2']);
    subscription.unsubscribe();
    subscription.setTagsFilter({
      op: 'or',
      nodes: [
        { key: 'team', cmp: 'in', vals: ['sales', 'law'] },
        { key: 'boss', cmp: 'ex' },
      ],
    });
    expect(await synced(subscription)).toEqual(['sales_1', 'sales_2']);
  });

  it('[MAP-1] a stream subscription to a map channel, and the reverse, are refused', async () => {
    const client = await bed.client();
    const wrong = client.newSubscription(bed.channel('streamless'));
    const alsoWrong = client.newMapSubscription(bed.channel('recovery'));
    const ends = [wrong, alsoWrong].map((subscription) =>
      nextEvent<UnsubscribedContext>(subscription, 'unsubscribed'),
    );
    wrong.subscribe();
    alsoWrong.subscribe();
    for (const end of await Promise.all(ends)) expect(end.code).toBe(107);
  });
});
