import { createSeededRandom } from '@trunkline/base';
import { FakeClock, MemoryLogger } from '@trunkline/base/testing';
import { describe, expect, it } from 'vitest';
import { createKubeCluster } from '../cluster.js';
import { FakeCluster } from '../testing/fake-cluster.js';
import { THINGS } from '../testing/reflector-bed.js';
import { ReflectorSet, type ReflectorListener, type ReflectorSetOptions } from './set.js';

function createBed(given: Partial<ReflectorSetOptions> = {}) {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const fake = new FakeCluster();
  const cluster = createKubeCluster({ clock, wire: fake.wire }, { server: 'http://fake' });
  const set = new ReflectorSet({ clock, random: createSeededRandom(1), logger, cluster }, given);
  return { clock, logger, fake, set };
}

/** Writes down what it is told. */
function reader(): ReflectorListener & { readonly told: string[]; readonly lost: unknown[] } {
  const told: string[] = [];
  const lost: unknown[] = [];
  return {
    told,
    lost,
    onChanges: (changes) => void told.push(...changes.map(({ kind, key }) => `${kind} ${key}`)),
    onState: ({ kind }) => void told.push(kind),
    onLost: (cause) => void lost.push(cause),
  };
}

describe('a set of reflectors', () => {
  it('[REFL-30] however many ask one question, one watch is open', async () => {
    const { clock, fake, set } = createBed();
    fake.put('a');
    const readers = Array.from({ length: 1_000 }, () => reader());
    for (const one of readers) set.lease({ ...THINGS, labelSelector: '' }, one);
    await clock.advance(0);
    fake.put('b');
    await clock.advance(0);
    expect([fake.count('watch'), fake.watches, set.size]).toEqual([1, 1, 1]);
    for (const { told } of readers) expect(told).toEqual(['added default/a', 'live', 'added default/b']);
    expect([...set.entries()]).toMatchObject([{ question: THINGS, readers: 1_000 }]);
    await set.dispose();
    expect([fake.watches, clock.pending]).toEqual([0, 0]);
  });

  it('[REFL-30] questions that differ in any part have their own', async () => {
    const { set } = createBed();
    const questions = [
      THINGS,
      { ...THINGS, group: 'g' },
      { ...THINGS, version: 'v2' },
      { ...THINGS, resource: 'r' },
      { ...THINGS, namespace: 'n' },
      { ...THINGS, namespace: '' },
      { ...THINGS, labelSelector: 'x' },
      { ...THINGS, fieldSelector: 'x' },
    ];
    for (const question of questions) set.lease(question, reader());
    expect([...set.entries()].map(({ question }) => question)).toEqual(questions);
    await set.dispose();
  });

  it('[REFL-24] who leases while a list arrives is told nothing of that one', async () => {
    const { clock, fake, set } = createBed();
    const arrivals = (): ReflectorListener & { readonly told: string[] } => {
      const told: string[] = [];
      const onArriving: ReflectorListener['onArriving'] = (objects) =>
        void told.push(objects?.map(({ name }) => name).join() ?? 'begins');
      return { ...reader(), told, onArriving };
    };
    fake.watchList = 'ignores';
    fake.put('a');
    const [first, second] = [arrivals(), arrivals()];
    set.lease(THINGS, first);
    await clock.advance(10);
    expect(first.told).toEqual(['begins', 'a']);
    set.lease(THINGS, second);
    fake.put('b');
    await clock.advance(10);
    expect([first.told, second.told]).toEqual([['begins', 'a', 'b'], []]);
    fake.cutWatches();
    fake.watchList = 'yes';
    await clock.advance(60_000);
    expect(first.told).toEqual(['begins', 'a', 'b', 'begins', 'a', 'b']);
    expect(second.told).toEqual(['begins', 'a', 'b']);
    await set.dispose();
  });

  it('[REFL-31] without readers it goes on for lingerMs, and who comes back finds it', async () => {
    const { clock, fake, set } = createBed({ lingerMs: 30_000 });
    const first = set.lease(THINGS, reader());
    await clock.advance(0);
    first.dispose();
    first.dispose();
    await clock.advance(29_000);
    fake.put('a');
    await clock.advance(0);
    const back = set.lease(THINGS, reader());
    expect([back.view.get('default/a')?.name, back.view.state.kind]).toEqual(['a', 'live']);
    await clock.advance(60_000);
    expect([fake.watches, fake.count('watch')]).toEqual([1, 1]);
    back.dispose();
    await clock.advance(30_000);
    expect([fake.watches, set.size, clock.pending]).toEqual([0, 0, 0]);
  });

  it('[REFL-31] with lingerMs 0 it ends with its last reader', async () => {
    const { clock, fake, set } = createBed({ lingerMs: 0 });
    const [one, two] = [set.lease(THINGS, reader()), set.lease(THINGS, reader())];
    await clock.advance(0);
    one.dispose();
    await clock.advance(0);
    expect(fake.watches).toBe(1);
    two.dispose();
    await clock.advance(0);
    expect([fake.watches, set.size]).toEqual([0, 0]);
  });

  it('[REFL-32] what the view says and what is told afterwards fit together, also for who joins in the middle of a batch', async () => {
    const { clock, fake, set } = createBed();
    const late = reader();
    let seen: string[] = [];
    const join: ReflectorListener = {
      onChanges: () => {
        if (seen.length === 0)
          seen = [...set.lease(THINGS, late).view.values()].map(({ key }) => `added ${key}`);
      },
      onState: () => undefined,
    };
    fake.put('a');
    set.lease(THINGS, join);
    await clock.advance(0);
    fake.put('b');
    await clock.advance(0);
    expect([...seen, ...late.told]).toEqual(['added default/a', 'live', 'added default/b']);
    await set.dispose();
  });

  it('[REFL-32] who has left is told nothing, not even of the batch under way', async () => {
    const { clock, fake, set } = createBed();
    const second = reader();
    set.lease(THINGS, { onChanges: () => lease.dispose(), onState: () => undefined });
    const lease = set.lease(THINGS, second);
    fake.put('a');
    await clock.advance(0);
    expect(second.told).toEqual([]);
    await set.dispose();
  });

  it('[REFL-33] there is a bound; those that linger make room first, the longest one before the others', async () => {
    const { set } = createBed({ maxReflectors: 2 });
    const ask = (namespace: string) => set.lease({ ...THINGS, namespace }, reader());
    const [one, two] = [ask('one'), ask('two')];
    expect(() => ask('three')).toThrow('maxReflectors');
    two.dispose();
    one.dispose();
    const three = ask('three');
    expect([...set.entries()].map(({ question }) => question.namespace)).toEqual(['one', 'three']);
    ask('four');
    expect([...set.entries()].map(({ question }) => question.namespace)).toEqual(['three', 'four']);
    expect(() => ask('five')).toThrow('limit exceeded');
    three.dispose();
    await set.dispose();
    expect(() => ask('one')).toThrow('shutting down');
  });

  it('[REFL-34] a reader that fails is told that it is lost; the others hear everything', async () => {
    const { clock, fake, logger, set } = createBed({ lingerMs: 0 });
    const fine = reader();
    const broken = { ...reader(), onChanges: () => void JSON.parse('{') };
    const lease = set.lease(THINGS, broken);
    set.lease(THINGS, fine);
    fake.put('a');
    await clock.advance(0);
    fake.put('b');
    await clock.advance(0);
    expect(fine.told).toEqual(['added default/a', 'live', 'added default/b']);
    expect([broken.told, broken.lost]).toEqual([[], [expect.any(SyntaxError)]]);
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    lease.dispose();
    await set.dispose();
  });

  it('[REFL-33] options out of range are refused by name', () => {
    expect(() => createBed({ lingerMs: -1 })).toThrow('lingerMs');
    expect(() => createBed({ maxReflectors: 0 })).toThrow('maxReflectors');
    expect(() => createBed({ reflector: { maxBytes: 0 } })).toThrow('maxBytes');
  });
});
