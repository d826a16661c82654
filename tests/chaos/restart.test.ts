/**
 * Faults in the middle of a stream: processes killed, networks cut, connections that died without a word. Whatever happens, a subscriber
 * of either client ends with every message exactly once and in order, or it was told why not.
 */
import { describe, expect, it } from 'vitest';
import { createSeededRandom, randomInt } from '@trunkline/base';
import { until, wait, WIRES, type FaultProxy } from '@trunkline/testkit';
import { conformanceServer, useBed } from '../support/bed.js';
import { gather, gatherOver, type ClientKind, type Crowd } from '../support/crowd.js';
import { Publisher } from '../support/publisher.js';

const bed = useBed(conformanceServer);
const CLIENTS = 10;
const KINDS: readonly ClientKind[] = ['stock', 'trunkline'];
/** The stock client's other transports and codecs share one network, a few clients each. */
const OTHERS = WIRES.filter((wire) => wire !== 'websocket json');
const CLIENTS_OF_OTHERS = 3;

type Party = ClientKind | 'other transports';

function assemble(party: Party, url: string, channels: readonly string[]): Promise<Crowd> {
  return party === 'other transports'
    ? gatherOver(bed.kit, OTHERS, url, CLIENTS_OF_OTHERS, channels)
    : gather(bed.kit, party, url, CLIENTS, channels);
}

/** Publishes while `run` breaks the network; then everybody must have everything, and nobody may have been told of a loss. */
async function underFaults(party: Party, run: (proxy: FaultProxy) => Promise<void>): Promise<void> {
  const proxy = await bed.kit.proxy(bed.server);
  const channels = [bed.channel('longhistory'), bed.channel('longhistory')];
  const crowd = await assemble(party, proxy.wsUrl, channels);
  const publisher = new Publisher(bed.server, channels, 10);
  publisher.start();
  await run(proxy);
  proxy.restore();
  const last = await publisher.stop();
  // What is missing after the wait is named by `verify`.
  await until('everybody has everything', () =>
    crowd.checkers.every((checker) => checker.last === last),
  ).catch(() => undefined);
  for (const checker of crowd.checkers) checker.verify(last);
  await until('everybody is live', () => crowd.states().every((state) => state === 'live'));
  expect(publisher.failures).toBe(0);
}

describe.each([...KINDS, 'other transports'] as const)('the network of %s clients', (kind) => {
  it('[CONT-1] connections reset at any moment: nothing lost, nothing twice', async () => {
    await underFaults(kind, async (proxy) => {
      const random = createSeededRandom(7);
      for (let turn = 0; turn < 12; turn++) {
        await wait(randomInt(random, 120));
        proxy.drop();
      }
    });
  });

  it('[CONT-1] a network that is gone for a while, slow, and gone again', async () => {
    await underFaults(kind, async (proxy) => {
      await wait(50);
      proxy.cut();
      await wait(300);
      proxy.restore();
      proxy.delay(40);
      await wait(500);
      proxy.cut();
      await wait(200);
      proxy.restore();
      await wait(300);
    });
  });

  it('[CONT-1] frames cut in their middle', async () => {
    await underFaults(kind, async (proxy) => {
      const random = createSeededRandom(11);
      for (let turn = 0; turn < 8; turn++) {
        await wait(60);
        proxy.truncate(1 + randomInt(random, 400));
        await wait(100);
      }
    });
  });

  it('[SESS-4] connections that die without a word are noticed by the ping and made again', async () => {
    await underFaults(kind, async (proxy) => {
      await wait(100);
      proxy.halfOpen();
      await wait(2_500);
    });
  });

  it('[DELIV-4] a stall that ends in time costs nothing', async () => {
    await underFaults(kind, async (proxy) => {
      await wait(50);
      proxy.stall('toClient');
      await wait(500);
      proxy.restore();
      await wait(50);
      proxy.stall('toServer');
      await wait(500);
    });
  });
});

describe('the server', () => {
  it('[REC-2] killed in the middle of a stream: everybody comes back and is told what memory could not keep', async () => {
    const channels = [bed.channel('longhistory'), bed.channel('recovery')];
    const parties: readonly Party[] = [...KINDS, 'other transports'];
    const crowds = await Promise.all(parties.map((party) => assemble(party, bed.server.wsUrl, channels)));
    const checkers = crowds.flatMap((crowd) => crowd.checkers);
    const publisher = new Publisher(bed.server, channels, 5);
    publisher.start();
    for (let turn = 0; turn < 2; turn++) {
      await wait(250);
      await bed.server.kill9();
      await wait(100);
      await bed.server.restart();
      await until('everybody is told', () => checkers.every(({ resets }) => resets.length > turn));
    }
    const last = await publisher.stop();
    await until('everybody has the last', () => checkers.every((checker) => checker.last === last));
    for (const checker of checkers) {
      checker.verify(last, true);
      expect(checker.resets, checker.name).toHaveLength(2);
    }
  });

  it('[MAP-2] a map after a restart shows the new state, not the old one', async () => {
    const channel = bed.channel('positioned');
    const stock = bed.kit.stock(bed.server.wsUrl);
    await stock.connect();
    const subscription = stock.client.newMapSubscription(channel, {
      minResubscribeDelay: 20,
      maxResubscribeDelay: 200,
    });
    const view = new Map<string, unknown>();
    subscription.on('sync', ({ entries }) => {
      view.clear();
      for (const { key, data } of entries) view.set(key, data);
    });
    subscription.on('update', ({ key, data, removed }) =>
      removed === true ? view.delete(key) : view.set(key, data),
    );
    subscription.subscribe();
    await subscription.ready(20_000);
    for (const key of ['old_1', 'old_2', 'old_3']) await bed.mapPublish(channel, key, key);
    await until('the old state is seen', () => view.size === 3);
    await bed.server.kill9();
    await bed.server.restart();
    await bed.mapPublish(channel, 'new', 1);
    await until('the new state is seen', () => view.has('new') && view.size === 1);
  });

  it('[LIFE-1] a polite end closes with a code to come back, and exits cleanly', async () => {
    const raws = await Promise.all(WIRES.map((wire) => bed.raw({ wire })));
    await Promise.all(raws.map((raw) => raw.connect()));
    const exit = bed.server.term();
    const codes = await Promise.all(raws.map(async (raw) => (await raw.closed).code));
    expect(codes).toEqual(WIRES.map(() => 3001));
    expect(await exit).toBe(0);
    await bed.server.restart();
  });
});
