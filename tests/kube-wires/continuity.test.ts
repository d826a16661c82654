/** What is left of a list after everything that can break has broken: the client's own network, the API server, or nothing at all for a long while. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '@trunkline/testkit';
import {
  applied,
  podsOf,
  PODS,
  putPod,
  removePod,
  startBed,
  type Bed,
  type Socket,
  type WatchedEvent,
} from './bed.js';

let bed: Bed | undefined;
afterEach(async () => {
  await bed?.stop();
  bed = undefined;
});

const from = (version: string): string => `watch=1&resourceVersion=${version}`;
const perList = (version: string): string => `/clusters/demo${PODS}?${from(version)}`;
const eventsOf = (socket: Socket): WatchedEvent[] =>
  socket.texts.map((text) => JSON.parse(text) as WatchedEvent);

describe('after faults', () => {
  it('[KWIRE-5] a client whose network was cut comes back with what it has, over either wire, and ends with what a new list says', async () => {
    bed = await startBed();
    const { sim, mux, socket, listVersion } = bed;
    for (let index = 0; index < 20; index++) putPod(sim, `p${index}`);
    const begin = { version: listVersion(), items: podsOf(sim) };
    const [tab, own] = [await mux(), await socket(perList(begin.version))];
    tab.request(PODS, from(begin.version));
    putPod(sim, 'p0', 'a change that is seen');
    await tab.until('the change', () => tab.events(from(begin.version)).length === 1);
    await until('the change', () => own.texts.length === 1, 20_000);
    for (const { ws } of [tab.socket, own]) ws.terminate();
    // Meanwhile the API server goes away as well, and forgets.
    for (let index = 0; index < 5; index++) removePod(sim, `p${index}`);
    await sim.faults.die(600_000);
    for (let index = 5; index < 10; index++) removePod(sim, `p${index}`);
    putPod(sim, 'p15', 'changed');
    putPod(sim, 'new');
    await sim.faults.revive();
    const had = applied(tab.events(from(begin.version)), begin.version, begin.items);
    expect(applied(eventsOf(own), begin.version, begin.items)).toEqual(had);
    const [again, anew] = [await mux(), await socket(perList(had.version))];
    again.request(PODS, from(had.version));
    const ends = [
      () => applied(again.events(from(had.version)), had.version, had.items).items,
      () => applied(eventsOf(anew), had.version, had.items).items,
    ];
    const same = (left: ReadonlyMap<string, string>, right: ReadonlyMap<string, string>): boolean =>
      left.size === right.size && [...left.keys()].every((uid) => right.has(uid));
    for (const end of ends) await until('the list', () => same(end(), podsOf(sim)), 40_000);
    putPod(sim, 'afterwards');
    for (const end of ends) await until('what follows', () => same(end(), podsOf(sim)), 20_000);
    expect([again.errors(), anew.closed]).toEqual([[], undefined]);
  });

  it('[KWIRE-1] a steady stream reopens nothing, upstream or down, whoever comes and goes', async () => {
    bed = await startBed();
    const { sim, mux, socket, listVersion } = bed;
    const begin = { version: listVersion(), items: podsOf(sim) };
    const [tab, own] = [await mux(), await socket(perList(begin.version))];
    tab.request(PODS, from(begin.version));
    putPod(sim, 'first');
    await tab.until('the first change', () => tab.events(from(begin.version)).length === 1);
    await until('the first change', () => own.texts.length === 1, 20_000);
    const before = sim.stats();
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 10; index++) putPod(sim, `s${index}`, String(round));
      removePod(sim, `s${round % 10}`);
      const guest = await mux();
      const version = listVersion();
      guest.request(PODS, from(version));
      putPod(sim, `r${round}`);
      await guest.until('its event', () => guest.names(from(version)).includes(`ADDED r${round}`));
      guest.socket.ws.terminate();
    }
    for (const events of [() => tab.events(from(begin.version)), () => eventsOf(own)]) {
      await until('all', () => events().at(-1)?.object.metadata.name === 'r19', 20_000);
      expect(applied(events(), begin.version, begin.items).items).toEqual(podsOf(sim));
    }
    const { watchesOpened, openWatches, lists } = sim.stats();
    expect([watchesOpened, openWatches, lists]).toEqual([before.watchesOpened, 1, before.lists]);
    expect([tab.socket.closed, own.closed, tab.errors()]).toEqual([undefined, undefined, []]);
  });
});
