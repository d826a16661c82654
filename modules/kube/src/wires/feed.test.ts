import { createSeededRandom, randomInt, silentLogger, type Random } from '@trunkline/base';
import { FakeClock } from '@trunkline/base/testing';
import {
  createKubeCluster,
  KubeError,
  ReflectorSet,
  type KubeQuestion,
  type ResourceInfo,
} from '@trunkline/kube-client';
import { FakeCluster, hang } from '@trunkline/kube-client/testing';
import type { CodedError } from '@trunkline/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import type { EarlierList } from './earlier.js';
import type { WatchEvent } from './event.js';
import { Feed, type FeedOptions } from './feed.js';
import type { FeedReader, Seat, Wish } from './seat.js';
import { WIRES_DEFAULTS } from './options.js';

const THINGS: KubeQuestion = { group: '', version: 'v1', resource: 'things' };

interface Parsed {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
    readonly spec?: { readonly value: unknown };
  };
}

/** A client as the foreign one is: a list, and events that count only where they are newer than it. */
class Client implements FeedReader {
  readonly items = new Map<string, string>();
  readonly seen: string[] = [];
  readonly faults: CodedError[] = [];
  ended: CodedError | undefined;
  version: string;
  /** Events that it still takes before it goes away in the middle of them. */
  patience = Infinity;
  /** Where it comes back over. */
  wasShown: Wish['wasShown'] = 'never';
  /** Its version is a number that it was shown, and more than a version. */
  isPlaced = false;
  /** What it may see; undefined: all. */
  namespaces: ReadonlySet<string> | undefined;
  #last = 0;

  constructor(items: ReadonlyMap<string, string>, version: string, namespaces?: ReadonlySet<string>) {
    this.items = new Map(items);
    this.version = version;
    this.namespaces = namespaces;
  }

  onEvents(events: readonly WatchEvent[]): void {
    for (const event of events) {
      if (this.patience-- <= 0) return;
      this.#apply(JSON.parse(Buffer.from(event.raw.bytes).toString()) as Parsed, event.isPlaced);
    }
  }
  onCurrent(): void {}
  onFault(error: CodedError): void {
    this.faults.push(error);
  }
  onEnd(error: CodedError): void {
    this.ended = error;
  }

  #apply({ type, object }: Parsed, isPlaced: boolean): void {
    const { uid, name, resourceVersion } = object.metadata;
    const number = Number(resourceVersion);
    if (number <= this.#last) throw new Error(`${resourceVersion} comes after ${this.#last}`);
    this.#last = number;
    this.seen.push(`${type} ${name}`);
    if (number <= Number(this.version)) return;
    this.version = resourceVersion;
    this.isPlaced = isPlaced;
    if (type === 'DELETED') this.items.delete(uid);
    else this.items.set(uid, JSON.stringify(object.spec?.value));
  }
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function begin(seed = 1, ringMaxChanges = 20, options: Partial<FeedOptions> = {}) {
  const clock = new FakeClock();
  const fake = new FakeCluster();
  const cluster = createKubeCluster({ clock, wire: fake.wire }, { server: 'http://fake' });
  const set = new ReflectorSet(
    { clock, random: createSeededRandom(seed), logger: silentLogger, cluster },
    { lingerMs: 1_000, reflector: { ringMaxChanges, retryMaxMs: 500, refusedMinMs: 100 } },
  );
  ends.push(() => void set.dispose());
  const resolved = { ...THINGS, kind: 'Thing' } as unknown as ResourceInfo;
  const feed = new Feed(
    {
      clock,
      upstreams: {
        lease: (_cluster, _identity, question, listener) => set.lease(question, listener),
        resolve: () => Promise.resolve(resolved),
      },
    },
    { ...WIRES_DEFAULTS, ...options },
    { cluster: 'c1', identity: { kind: 'server' }, question: THINGS },
  );
  /** States of the past, by version, as far as the server remembers. */
  const past = new Map<number, EarlierList>();
  let forgotten = 0;
  const remember = (): void => {
    past.set(
      fake.version,
      new Map(
        [...fake.save().objects].map(([key, { metadata }]) => [
          key,
          { ...metadata, version: metadata.resourceVersion },
        ]),
      ),
    );
  };
  remember();
  const earlier = (version: string): Promise<EarlierList> => {
    const at = [...past.keys()].filter((known) => known <= Number(version)).at(-1);
    return at === undefined || Number(version) < forgotten
      ? Promise.reject(new KubeError('kubeExpired', 'too old'))
      : Promise.resolve(past.get(at) as EarlierList);
  };
  return {
    clock,
    fake,
    set,
    feed,
    put: (name: string, value: unknown = null, namespace = 'default') => {
      fake.put(name, value, namespace);
      remember();
    },
    remove: (name: string, namespace = 'default') => {
      fake.remove(name, namespace);
      remember();
    },
    compact: () => {
      fake.compact();
      forgotten = fake.version;
    },
    /** As a client that has just listed. */
    listed: (...namespaces: string[]) => {
      const part = namespaces.length === 0 ? undefined : new Set(namespaces);
      return new Client(valuesOf(fake, part), String(fake.version), part);
    },
    join: (client: Client, how = earlier): Seat => {
      const { version, wasShown, namespaces } = client;
      // An API server that reads for them shows them no more than that.
      const ofThem = async (at: string): Promise<EarlierList> =>
        new Map([...(await how(at))].filter(([, object]) => namespaces?.has(object.namespace) ?? true));
      return feed.join(client, { version, wasShown, namespaces, earlier: ofThem });
    },
    earlier,
  };
}

function valuesOf(fake: FakeCluster, namespaces?: ReadonlySet<string>): Map<string, string> {
  return new Map(
    [...fake.save().objects.values()]
      .filter(({ metadata }) => namespaces?.has(metadata.namespace) ?? true)
      .map(({ metadata, spec }) => [metadata.uid, JSON.stringify(spec.value)]),
  );
}

describe('a feed', () => {
  it('[KWIRE-1] all readers share one lease, which ends with the last of them', async () => {
    const bed = begin();
    bed.put('a');
    const clients = [bed.listed(), bed.listed(), bed.listed()];
    const seats = clients.map((client) => bed.join(client));
    await bed.clock.advance(500);
    bed.put('b');
    await bed.clock.advance(500);
    expect(clients.map(({ seen }) => seen)).toEqual([['ADDED b'], ['ADDED b'], ['ADDED b']]);
    expect([...bed.set.entries()].map(({ readers }) => readers)).toEqual([1]);
    for (const seat of seats) seat.leave();
    expect([...bed.set.entries()].map(({ readers }) => readers)).toEqual([0]);
    bed.put('c');
    await bed.clock.advance(5_000);
    expect([bed.set.size, clients[0]?.seen]).toEqual([0, ['ADDED b']]);
  });

  it('[KWIRE-4] a cluster that went back to an older state is told in numbers that go on', async () => {
    const bed = begin();
    bed.put('a', 1);
    const saved = bed.fake.save();
    for (let index = 0; index < 20; index++) bed.put('b', index);
    const client = bed.listed();
    bed.join(client);
    await bed.clock.advance(500);
    bed.fake.restore(saved);
    // The next watch waits for a version of the future, until its silence is noticed.
    await bed.clock.advance(300_000);
    bed.fake.put('c', 3);
    await bed.clock.advance(2_000);
    expect(client.ended).toBeUndefined();
    expect(client.items).toEqual(valuesOf(bed.fake));
    expect(client.seen).toEqual(['DELETED b', 'ADDED c']);
  });

  it('[KWIRE-5] a client that is ahead of the reflector is told only what comes after its version', async () => {
    const bed = begin();
    bed.put('a', 1);
    bed.join(bed.listed());
    await bed.clock.advance(500);
    bed.fake.silenceWatches();
    bed.put('a', 2);
    const ahead = bed.listed();
    bed.join(ahead);
    bed.put('b', 1);
    // The watch was silent: another one tells both changes.
    bed.fake.cutWatches();
    await bed.clock.advance(3_000);
    expect([ahead.seen, ahead.items]).toEqual([['ADDED b'], valuesOf(bed.fake)]);
  });

  it('[KWIRE-5] while the earlier state cannot be read it is asked for again; those who come from one version ask once', async () => {
    const bed = begin();
    bed.put('a');
    const clients = [bed.listed(), bed.listed()];
    bed.remove('a');
    bed.put('b');
    let asked = 0;
    const failing = (version: string): Promise<EarlierList> =>
      ++asked < 3 ? Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED')) : bed.earlier(version);
    for (const client of clients) bed.join(client, failing);
    await bed.clock.advance(500);
    expect([asked, clients.map(({ faults }) => faults.length)]).toEqual([1, [1, 1]]);
    await bed.clock.advance(20_000);
    expect(clients.map(({ seen }) => seen)).toEqual([
      ['DELETED a', 'ADDED b'],
      ['DELETED a', 'ADDED b'],
    ]);
    expect(asked).toBeLessThan(5);
  });

  it('[KWIRE-23] a cluster that does not answer is a fault, and the reader is told everything when it does', async () => {
    const bed = begin();
    bed.put('a');
    const client = bed.listed();
    bed.put('b');
    bed.fake.down = () => Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));
    bed.join(client);
    await bed.clock.advance(3_000);
    expect(client.faults[0]?.message).toMatch(/unreachable/);
    bed.fake.down = undefined;
    await bed.clock.advance(3_000);
    expect([client.seen, client.ended]).toEqual([['ADDED b'], undefined]);
    bed.fake.down = hang;
    bed.fake.cutWatches();
    await bed.clock.advance(3_000);
    // What happens upstream later is not told.
    expect(client.faults.every(({ message }) => message.includes('unreachable'))).toBe(true);
  });

  it('[KWIRE-3] a reader of some namespaces is told what lies there: of what it missed, what happens, and what it may see more', async () => {
    const bed = begin();
    for (const namespace of ['web', 'vault', 'db']) bed.put('old', 1, namespace);
    const [early, all] = [bed.listed('web'), bed.listed()];
    for (const namespace of ['web', 'vault', 'db']) {
      bed.remove('old', namespace);
      bed.put('new', 2, namespace);
    }
    const nothing = new Client(new Map(), '0', new Set(['web', 'db']));
    const seat = bed.join(early);
    for (const one of [all, nothing]) bed.join(one);
    await bed.clock.advance(500);
    expect([early.seen, nothing.seen]).toEqual([
      ['DELETED old', 'ADDED new'],
      ['ADDED new', 'ADDED new'],
    ]);
    bed.put('secret', 3, 'vault');
    bed.put('open', 3, 'web');
    await bed.clock.advance(500);
    expect(early.seen.slice(2)).toEqual(['ADDED open']);
    // More, and then what follows there.
    expect(seat.see(new Set(['web', 'db']))).toBe('shown');
    bed.put('more', 4, 'db');
    await bed.clock.advance(500);
    expect(early.seen.slice(3)).toEqual(['ADDED new', 'ADDED more']);
    expect(early.items).toEqual(valuesOf(bed.fake, new Set(['web', 'db'])));
    expect(all.items).toEqual(valuesOf(bed.fake));
    // A namespace in which nothing is left may go; one of which something was shown may not.
    bed.remove('new', 'db');
    bed.remove('more', 'db');
    await bed.clock.advance(500);
    expect([seat.see(new Set(['web'])), seat.see(new Set(['vault']))]).toEqual(['shown', 'lost']);
    bed.put('again', 5, 'db');
    await bed.clock.advance(500);
    expect(early.seen.slice(5)).toEqual(['DELETED new', 'DELETED more']);
  });

  it('[KWIRE-4] a second gap, before the cluster has passed the numbers made for the first one, ends nobody who was shown them', async () => {
    for (const wasShown of ['here', 'elsewhere', 'never'] as const) {
      const bed = begin();
      for (let index = 0; index < 10; index++) bed.put(`p${index}`, 0);
      const first = bed.listed();
      const seat = bed.join(first);
      await bed.clock.advance(500);
      const gap = async (...names: string[]): Promise<void> => {
        bed.fake.down = () => Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));
        bed.fake.cutWatches();
        for (const name of names) bed.remove(name);
        bed.compact();
        await bed.clock.advance(2_000);
        bed.fake.down = undefined;
        await bed.clock.advance(3_000);
      };
      await gap('p0', 'p1', 'p2', 'p3', 'p4');
      expect(first.isPlaced).toBe(true);
      seat.leave();
      const next = new Client(first.items, first.version);
      next.wasShown = wasShown;
      bed.join(next);
      // The cluster passes those numbers while nobody watches.
      for (let index = 0; index < 20; index++) bed.fake.tick();
      await gap('p5', 'p6');
      bed.put('last', 1);
      await bed.clock.advance(500);
      // It could as well have listed at that version, of which nobody knows any more.
      if (wasShown === 'never') expect(next.ended?.message).toMatch(/expired/);
      else expect([next.ended, next.items]).toEqual([undefined, valuesOf(bed.fake)]);
    }
  });

  it('[KWIRE-9] what a new list has found is told in turns, in numbers that ascend, however much it is; who comes meanwhile begins after it', async () => {
    const bed = begin();
    for (let index = 0; index < 4_000; index++) bed.fake.put(`p${index}`, 0);
    const client = bed.listed();
    bed.join(client);
    await bed.clock.advance(500);
    bed.fake.down = () => Promise.reject(new KubeError('kubeUnreachable', 'ECONNREFUSED'));
    bed.fake.cutWatches();
    // More than numbers are remembered.
    for (let index = 0; index < 3_500; index++) bed.fake.remove(`p${index}`);
    bed.compact();
    await bed.clock.advance(2_000);
    // How much comes between two turns.
    const turns: number[] = [];
    let late: Client | undefined;
    const next = bed.clock.setImmediate.bind(bed.clock);
    bed.clock.setImmediate = (run) =>
      next(() => {
        const before = client.seen.length;
        run();
        if (client.seen.length > before) turns.push(client.seen.length - before);
        if (client.seen.length >= 2_000 && late === undefined) bed.join((late = new Client(new Map(), '0')));
      });
    bed.fake.down = undefined;
    await bed.clock.advance(5_000);
    expect(turns.length).toBeGreaterThan(1);
    expect(Math.max(...turns)).toBeLessThanOrEqual(1_000);
    expect([client.ended, client.seen.length, client.items.size]).toEqual([undefined, 3_500, 500]);
    expect([late?.ended, late?.items]).toEqual([undefined, client.items]);
    bed.put('last', 1);
    await bed.clock.advance(500);
    for (const one of [client, late]) expect(one?.seen.at(-1)).toBe('ADDED last');
  });

  it('[KWIRE-4] whatever happens upstream, a client that comes back with any number it has seen ends with the truth', async () => {
    for (let seed = 1; seed <= 30; seed++) await run(seed);
  });
});

/** One life of some clients under random changes, gaps, compactions and departures in the middle of events. */
async function run(seed: number): Promise<void> {
  const random = createSeededRandom(seed);
  // Every other one with slices of a few changes.
  const bed = begin(seed, 3 + randomInt(random, 20), seed % 2 === 0 ? { turnChanges: 2 } : {});
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names.slice(0, 4)) bed.put(name, 0, placeOf(name));
  const live: { client: Client; seat: Seat }[] = [];
  const attach = (client: Client): void => void live.push({ client, seat: bed.join(client) });
  attach(bed.listed());
  for (let step = 0; step < 60; step++) {
    const name = names[randomInt(random, names.length)] as string;
    switch (randomInt(random, 14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        bed.put(name, step, placeOf(name));
        break;
      case 4:
      case 5:
        bed.remove(name, placeOf(name));
        break;
      case 6:
        bed.fake.cutWatches();
        break;
      case 7:
        // A gap: several changes that no watch will tell.
        bed.fake.cutWatches();
        for (const one of names) if (random.next() < 0.5) changeUnseen(bed, random, one, step);
        bed.compact();
        break;
      case 8:
        attach(bed.listed(...(random.next() < 0.5 ? [] : ['web'])));
        break;
      case 9:
        bed.fake.tick();
        break;
      case 10:
        for (const one of live) if (random.next() < 0.3) one.client.patience = randomInt(random, 4);
        break;
      case 11:
        returnSome(bed, random, live);
        break;
      case 13:
        // Rights that grow.
        for (const { client, seat } of live)
          if (client.patience === Infinity && random.next() < 0.5 && seat.see(undefined) === 'shown')
            client.namespaces = undefined;
        break;
      case 12:
        // Everybody is away until the reflector has ended.
        for (const { seat } of live) seat.leave();
        if (random.next() < 0.5) await bed.clock.advance(3_000);
        for (const one of names) if (random.next() < 0.3) changeUnseen(bed, random, one, step);
        for (const one of [...live]) comeBack(bed, live, one);
        break;
    }
    await bed.clock.advance(randomInt(random, 400));
    for (const one of [...live])
      if (one.client.ended !== undefined || one.client.patience < 0) comeBack(bed, live, one);
  }
  for (const { client } of live) client.patience = Infinity;
  bed.put('last', 'word');
  // Who is told that its version leads nowhere lists again, which ends once the cluster has moved on beyond the numbers that were given.
  for (let round = 0; round < 8; round++) {
    await bed.clock.advance(20_000);
    for (let ticks = 0; ticks < 100; ticks++) bed.fake.tick();
    for (const one of [...live]) if (one.client.ended !== undefined) comeBack(bed, live, one);
  }
  for (const { client, seat } of live) {
    const truth = valuesOf(bed.fake, client.namespaces);
    expect(client.ended, `seed ${seed}`).toBeUndefined();
    expect(new Map([...client.items].sort()), `seed ${seed}`).toEqual(new Map([...truth].sort()));
    seat.leave();
  }
}

/** Where the objects of that name lie. */
const placeOf = (name: string): string => ('ace'.includes(name) ? 'default' : 'web');

type TestBed = ReturnType<typeof begin>;

function changeUnseen(bed: TestBed, random: Random, name: string, step: number): void {
  if (random.next() < 0.5) bed.remove(name, placeOf(name));
  else bed.put(name, `unseen ${step}`, placeOf(name));
}

/** With what it has; one that was told that this is too old lists again. */
function comeBack(
  bed: TestBed,
  live: { client: Client; seat: Seat }[],
  one: (typeof live)[number],
  stays = false,
): void {
  live.splice(live.indexOf(one), 1);
  one.seat.leave();
  const { client } = one;
  // Somewhere else in the cluster something always changes.
  if (client.ended !== undefined) bed.fake.tick();
  const next =
    client.ended === undefined
      ? new Client(client.items, client.version, client.namespaces)
      : bed.listed(...(client.namespaces ?? []));
  if (client.ended === undefined && client.isPlaced) next.wasShown = stays ? 'here' : 'elsewhere';
  next.isPlaced = next.wasShown !== 'never';
  live.push({ client: next, seat: bed.join(next) });
}

function returnSome(bed: TestBed, random: Random, live: { client: Client; seat: Seat }[]): void {
  for (const one of [...live]) if (random.next() < 0.5) comeBack(bed, live, one, random.next() < 0.5);
}
