import { describe, expect, it } from 'vitest';
import { answerStatus, answerText } from '../testing/fake-wire.js';
import { hang, refuseConnection } from '../testing/fake-cluster.js';
import { DIFFERENCE_SLICE } from './difference.js';
import { createReflectorBed, storeOf, type ReflectorBed } from '../testing/reflector-bed.js';

const kinds = ({ states }: ReflectorBed): string[] => states.map(({ kind }) => kind);
const said = ({ changes }: ReflectorBed): string[] =>
  changes.map(({ kind, key, version }) => `${kind} ${key} ${version}`);

/** Loaded, with `a` and `b`, live for a minute. */
async function live(bed: ReflectorBed): Promise<ReflectorBed> {
  bed.fake.put('a');
  bed.fake.put('b');
  bed.reflector.start();
  await bed.clock.advance(60_000);
  expect(bed.reflector.state).toEqual({ kind: 'live' });
  return bed;
}

describe('loading', () => {
  it('[REFL-1] tells what there is, then says that it is live, with one request where the server knows WatchList', async () => {
    const bed = createReflectorBed();
    const order: string[] = [];
    bed.onBatch = () => void order.push(`batch while ${bed.reflector.state.kind}`);
    expect(bed.reflector.state).toEqual({ kind: 'loading' });
    expect(bed.reflector.loaded).toBe(false);
    await live(bed);
    expect(order).toEqual(['batch while loading']);
    expect(kinds(bed)).toEqual(['live']);
    expect(said(bed)).toEqual(['added default/a 101', 'added default/b 102']);
    expect(bed.reflector.loaded).toBe(true);
    expect([bed.fake.count('list'), bed.fake.count('watch')]).toEqual([0, 1]);
    expect(bed.reflector.stats).toMatchObject({ objects: 2, lists: 1, watches: 1, failures: 0 });
    await bed.reflector.dispose();
  });

  it('[REFL-1] says live about an empty list without a change', async () => {
    const bed = createReflectorBed();
    bed.reflector.start();
    await bed.clock.advance(0);
    expect([kinds(bed), bed.changes, bed.reflector.version]).toEqual([['live'], [], '100']);
    await bed.reflector.dispose();
  });

  it('[REFL-23] lets others run while a large list is taken over, and shows the moment before until then', async () => {
    for (const watchList of [true, false]) {
      const bed = createReflectorBed({ watchList });
      const { clock, reflector, fake, changes } = bed;
      const batches: number[] = [];
      const seen = new Set<string>();
      let turns = 0;
      bed.onBatch = () => void batches.push(changes.length);
      const setImmediate = clock.setImmediate.bind(clock);
      clock.setImmediate = (run) => {
        turns++;
        seen.add(`${reflector.loaded} ${[...reflector.values()].length} ${reflector.sequence}`);
        return setImmediate(run);
      };
      const count = 2 * DIFFERENCE_SLICE + 1;
      for (let index = 0; index < count; index++) fake.put(`o${index}`);
      reflector.start();
      await clock.advance(60_000);
      expect([reflector.loaded, batches]).toEqual([true, [count]]);
      // Drawn, sorted, and made into changes: each in three slices.
      expect(turns).toBeGreaterThanOrEqual(2 * 3);
      expect([...seen]).toEqual(['false 0 0']);
      seen.clear();
      fake.expireWatches();
      fake.remove('o7');
      fake.compact();
      const before = `true ${count} ${reflector.sequence}`;
      const known = reflector.get('default/o8');
      await clock.advance(60_000);
      expect([...storeOf(reflector).keys()]).not.toContain('default/o7');
      expect(reflector.get('default/o8')).toBe(known);
      expect([...seen].filter((one) => one === before)).toEqual([before]);
      await reflector.dispose();
    }
  });

  it('[REFL-24] the objects of the first list are told as they arrive, and no later ones', async () => {
    for (const watchList of [true, false]) {
      const bed = createReflectorBed({ watchList }, { pageSize: 2 });
      const before: string[] = [];
      bed.onBatch = () => void before.push([...bed.arrived.keys()].join());
      bed.fake.put('c');
      await live(bed);
      expect([before, bed.begun]).toEqual([['default/c,default/a,default/b'], 1]);
      expect([...bed.arrived.values()]).toEqual([...bed.reflector.values()]);
      bed.fake.expireWatches();
      bed.fake.compact();
      bed.fake.put('d');
      await bed.clock.advance(60_000);
      expect([bed.reflector.stats.lists, bed.begun, bed.arrived.size]).toEqual([2, 1, 3]);
      await bed.reflector.dispose();
    }
  });

  it('[REFL-24] what arrived of a list that broke off is void', async () => {
    const bed = createReflectorBed();
    bed.fake.cutUp = (line) => (line.includes('"b"') ? [] : [line]);
    bed.fake.put('a');
    bed.fake.put('b');
    bed.fake.watchList = 'ignores';
    bed.reflector.start();
    await bed.clock.advance(10);
    expect([[...bed.arrived.keys()], bed.begun]).toEqual([['default/a'], 1]);
    bed.fake.cutWatches();
    bed.fake.remove('a');
    bed.fake.watchList = 'yes';
    bed.fake.cutUp = (line) => [line];
    await bed.clock.advance(60_000);
    expect([[...bed.arrived.keys()], bed.begun]).toEqual([['default/b'], 2]);
    await bed.reflector.dispose();
  });

  it('[REFL-24] where something goes while the list arrives nothing has arrived, until a list begins anew', async () => {
    const bed = createReflectorBed();
    bed.fake.watchList = 'ignores';
    bed.fake.put('a');
    bed.fake.put('b');
    bed.reflector.start();
    await bed.clock.advance(10);
    bed.fake.remove('a');
    bed.fake.put('b', 'again');
    await bed.clock.advance(10);
    expect([bed.arrived.size, bed.begun]).toEqual([0, 2]);
    bed.fake.write(
      '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"104","annotations":{"k8s.io/initial-events-end":"true"}}}}\n',
    );
    await bed.clock.advance(10);
    expect([said(bed), bed.arrived.size]).toEqual([['added default/b 104'], 0]);
    await bed.reflector.dispose();
  });

  it('[REFL-23] [REFL-14] dispose in the middle of a large list leaves nothing behind', async () => {
    const bed = createReflectorBed();
    const { clock, reflector, fake, changes } = bed;
    for (let index = 0; index < 2 * DIFFERENCE_SLICE; index++) fake.put(`o${index}`);
    let disposed: Promise<void> | undefined;
    const setImmediate = clock.setImmediate.bind(clock);
    clock.setImmediate = (run) => {
      const timer = setImmediate(run);
      disposed ??= reflector.dispose();
      return timer;
    };
    reflector.start();
    await clock.advance(0);
    expect(disposed).toBeDefined();
    await disposed;
    expect([changes, reflector.loaded, clock.pending, fake.watches]).toEqual([[], false, 0, 0]);
  });

  it('[REFL-2] lists and watches where WatchList is off, here or at the server, and asks the server once', async () => {
    const off = await live(createReflectorBed({ watchList: false }));
    expect([off.fake.count('list'), off.fake.count('watch')]).toEqual([1, 1]);
    await off.reflector.dispose();
    const refused = createReflectorBed();
    refused.fake.watchList = 'no';
    await live(refused);
    expect([refused.fake.count('list'), refused.fake.count('watch')]).toEqual([1, 2]);
    expect([...refused.cluster.withoutWatchList]).toEqual(['']);
    refused.fake.compact();
    refused.fake.expireWatches();
    await refused.clock.advance(2_000);
    expect([refused.fake.count('list'), refused.fake.count('watch')]).toEqual([2, 3]);
    await refused.reflector.dispose();
  });

  it('[REFL-2] a server that stumbles over the other parameter of WatchList is one that does not know it', async () => {
    const bed = createReflectorBed();
    const message = 'ListOptions is invalid: resourceVersionMatch: Forbidden: is forbidden for watch';
    bed.fake.spoiled.push(() => answerStatus(422, 'Invalid', message));
    await live(bed);
    expect([...bed.cluster.withoutWatchList]).toEqual(['']);
    await bed.reflector.dispose();
  });

  it('[REFL-2] a question that the server refuses says nothing about the server', async () => {
    const bed = createReflectorBed();
    bed.fake.spoiled.push(() => answerStatus(400, 'BadRequest', 'unable to parse the selector'));
    await live(bed);
    expect(bed.cluster.withoutWatchList.size).toBe(0);
    expect([bed.fake.count('list'), bed.fake.count('watch')]).toEqual([1, 2]);
    await bed.reflector.dispose();
  });

  it('[REFL-2] a server that takes WatchList for an ordinary watch is found out by silence or by its first bookmark', async () => {
    for (const bookmark of [false, true]) {
      const bed = createReflectorBed({ initialSilenceMs: 15_000 });
      bed.fake.watchList = 'ignores';
      bed.fake.put('a');
      bed.reflector.start();
      await bed.clock.advance(14_000);
      expect([bed.reflector.state.kind, bed.fake.count('list')]).toEqual(['loading', 0]);
      if (bookmark) bed.fake.bookmark();
      else await bed.clock.advance(1_000);
      await bed.clock.advance(0);
      expect([bed.reflector.state.kind, bed.fake.count('list'), bed.fake.watches]).toEqual(['live', 1, 1]);
      expect(said(bed)).toEqual(['added default/a 101']);
      await bed.reflector.dispose();
    }
  });

  it('[REFL-1] a change between the list and its watch is in the watch', async () => {
    const bed = createReflectorBed({ watchList: false });
    bed.fake.put('a');
    bed.onBatch = () => {
      if (bed.changes.length === 1) bed.fake.put('a', 'changed meanwhile');
    };
    bed.reflector.start();
    await bed.clock.advance(0);
    expect(said(bed)).toEqual(['added default/a 101', 'modified default/a 102']);
    await bed.reflector.dispose();
  });

  it('[REFL-1] what changes and goes while WatchList is under way is counted in', async () => {
    const bed = createReflectorBed();
    bed.fake.watchList = 'ignores';
    for (const name of ['a', 'b', 'c']) bed.fake.put(name);
    bed.reflector.start();
    await bed.clock.advance(0);
    bed.fake.remove('a');
    bed.fake.put('b', 1);
    const metadata = { resourceVersion: '105', annotations: { 'k8s.io/initial-events-end': 'true' } };
    bed.fake.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
    await bed.clock.advance(0);
    expect(said(bed)).toEqual(['added default/c 103', 'added default/b 105']);
    expect([bed.copy, kinds(bed), bed.fake.count('list')]).toEqual([bed.fake.truth(), ['live'], 0]);
    await bed.reflector.dispose();
  });

  it('[REFL-5] a first list that fails is said with its reason, and tried again', async () => {
    const bed = createReflectorBed();
    bed.fake.down = refuseConnection;
    bed.reflector.start();
    await bed.clock.advance(100);
    expect(bed.states).toMatchObject([{ kind: 'recovering', reason: { kind: 'kubeUnreachable' } }]);
    bed.fake.down = undefined;
    await bed.clock.advance(2_000);
    expect(kinds(bed)).toEqual(['recovering', 'live']);
    await bed.reflector.dispose();
  });
});

describe('the end of a watch', () => {
  it('[REFL-3] an ordinary one is followed at once from the last version, without a list and without a word', async () => {
    const bed = await live(createReflectorBed());
    bed.fake.tick();
    bed.fake.bookmark();
    await bed.clock.advance(0);
    bed.fake.endWatches();
    bed.fake.put('c');
    await bed.clock.advance(0);
    expect(kinds(bed)).toEqual(['live']);
    expect(said(bed).at(-1)).toBe('added default/c 104');
    expect(bed.fake.wire.requests.at(-1)?.path).toContain('resourceVersion=103&');
    expect([bed.fake.count('list'), bed.fake.count('watch')]).toEqual([0, 2]);
    expect(bed.reflector.stats.failures).toBe(0);
    await bed.reflector.dispose();
  });

  it('[REFL-3] is said after graceMs when the next watch is late', async () => {
    const bed = await live(createReflectorBed({ graceMs: 1_000 }));
    bed.fake.spoiled.push(hang);
    bed.fake.endWatches();
    await bed.clock.advance(999);
    expect(kinds(bed)).toEqual(['live']);
    await bed.clock.advance(1);
    expect(bed.states.at(-1)).toMatchObject({
      kind: 'recovering',
      sinceMs: bed.clock.now() - 1_000,
      reason: { kind: 'kubeConnectionLost' },
    });
    await bed.clock.advance(31_000);
    expect(bed.reflector.state.kind).toBe('live');
    await bed.reflector.dispose();
  });

  it('[REFL-3] is said at once with graceMs 0', async () => {
    const bed = await live(createReflectorBed({ graceMs: 0 }));
    bed.fake.endWatches();
    await bed.clock.advance(249);
    expect(kinds(bed)).toEqual(['live', 'recovering']);
    await bed.clock.advance(1);
    expect(kinds(bed)).toEqual(['live', 'recovering', 'live']);
    await bed.reflector.dispose();
  });

  it('[REFL-4] watches that end as soon as they began are no hot loop', async () => {
    const bed = await live(createReflectorBed());
    const before = bed.fake.count('watch');
    bed.fake.down = () => answerText(200, '');
    bed.fake.endWatches();
    await bed.clock.advance(60_000);
    expect(bed.fake.count('watch') - before).toBeLessThan(20);
    expect(bed.reflector.stats.failures).toBeGreaterThan(3);
    expect(bed.states.at(-1)).toMatchObject({ kind: 'recovering', reason: { kind: 'kubeConnectionLost' } });
    await bed.reflector.dispose();
  });

  it('[REFL-5] a cut is said at once, and the next watch goes on from the last version', async () => {
    const bed = await live(createReflectorBed());
    bed.fake.cutWatches();
    await bed.clock.advance(0);
    expect(bed.states.at(-1)).toMatchObject({
      kind: 'recovering',
      sinceMs: bed.clock.now(),
      reason: { kind: 'kubeConnectionLost' },
    });
    bed.fake.put('a', 'meanwhile');
    bed.fake.remove('b');
    await bed.clock.advance(1_000);
    expect(kinds(bed)).toEqual(['live', 'recovering', 'live']);
    expect(said(bed).slice(2)).toEqual(['modified default/a 103', 'deleted default/b 104']);
    expect(bed.fake.count('list')).toBe(0);
    await bed.reflector.dispose();
  });

  it('[REFL-5] an event that is cut in its middle comes whole with the next watch', async () => {
    const bed = await live(createReflectorBed());
    bed.fake.write('{"type":"MODIFIED","object":{"metadata":{"name":"a"');
    bed.fake.endWatches();
    bed.fake.put('a', 1);
    await bed.clock.advance(1_000);
    expect(said(bed).slice(2)).toEqual(['modified default/a 103']);
    expect(kinds(bed)).toEqual(['live', 'recovering', 'live']);
    await bed.reflector.dispose();
  });

  it('[REFL-8] silence is no health: the watch is opened anew, and what is said is since when nothing was heard', async () => {
    const bed = await live(createReflectorBed({ graceMs: 0 }, { watchSilenceMs: 100_000 }));
    const heard = bed.clock.now();
    bed.fake.put('a', 1);
    await bed.clock.advance(0);
    bed.fake.silenceWatches();
    bed.fake.put('b', 'unheard');
    await bed.clock.advance(99_999);
    expect(kinds(bed)).toEqual(['live']);
    await bed.clock.advance(1);
    expect(bed.states[1]).toMatchObject({
      kind: 'recovering',
      sinceMs: heard,
      reason: { kind: 'kubeSilent' },
    });
    expect(kinds(bed)).toEqual(['live', 'recovering', 'live']);
    expect(said(bed).at(-1)).toBe('modified default/b 104');
    await bed.reflector.dispose();
  });

  it('[REFL-8] bookmarks are health', async () => {
    const bed = await live(createReflectorBed({}, { watchSilenceMs: 100_000 }));
    for (let minute = 0; minute < 10; minute++) {
      bed.fake.tick();
      bed.fake.bookmark();
      await bed.clock.advance(60_000);
    }
    bed.fake.bookmark();
    await bed.clock.advance(0);
    expect([kinds(bed), bed.fake.count('watch'), bed.reflector.version]).toEqual([['live'], 1, '112']);
    expect(bed.reflector.stats.heardMs).toBe(bed.clock.now());
    await bed.reflector.dispose();
  });
});

describe('lost versions', () => {
  for (const where of ['in the stream', 'in the status'] as const)
    it(`[REFL-6] 410 ${where} means a new list, told as the difference in ascending order`, async () => {
      const bed = await live(createReflectorBed({ watchList: false }));
      bed.fake.put('c');
      await bed.clock.advance(0);
      const kept = bed.reflector.get('default/b');
      bed.fake.silenceWatches();
      bed.fake.put('e');
      bed.fake.put('a', 1);
      bed.fake.put('short-lived');
      bed.fake.remove('short-lived');
      bed.fake.remove('c');
      bed.fake.put('d');
      bed.fake.compact();
      if (where === 'in the status') bed.fake.spoiled.push(() => answerStatus(410, 'Expired', 'too old'));
      bed.fake.cutWatches();
      await bed.clock.advance(5_000);
      expect(said(bed).slice(3)).toEqual([
        'added default/e 104',
        'modified default/a 105',
        'added default/d 109',
        'deleted default/c 109',
      ]);
      expect(bed.changes.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(bed.reflector.get('default/b')).toBe(kept);
      expect(bed.copy).toEqual(bed.fake.truth());
      expect([bed.fake.count('list'), kinds(bed)]).toEqual([2, ['live', 'recovering', 'recovering', 'live']]);
      await bed.reflector.dispose();
    });

  it('[REFL-7] one of the same name with another uid is another object', async () => {
    const bed = await live(createReflectorBed());
    bed.fake.silenceWatches();
    bed.fake.remove('a');
    bed.fake.put('a', 'another');
    bed.fake.compact();
    bed.fake.cutWatches();
    await bed.clock.advance(5_000);
    expect(said(bed).slice(2)).toEqual(['deleted default/a 104', 'added default/a 104']);
    expect(bed.changes[2]?.object.uid).not.toBe(bed.changes[3]?.object.uid);
    await bed.reflector.dispose();
  });

  it('[REFL-9] a cluster put back to an older state is found out after one silence', async () => {
    const bed = createReflectorBed({}, { watchSilenceMs: 100_000 });
    const backup = bed.fake.save();
    await live(bed);
    bed.fake.restore(backup);
    await bed.clock.advance(5_000);
    expect(bed.copy.size).toBe(2);
    await bed.clock.advance(100_000);
    expect([bed.copy.size, bed.reflector.state.kind, bed.reflector.version]).toEqual([0, 'live', '100']);
    await bed.reflector.dispose();
  });

  it('[REFL-9] a silence in a cluster that has gone on costs one small request and no list', async () => {
    const bed = await live(createReflectorBed({}, { watchSilenceMs: 100_000 }));
    await bed.clock.advance(101_000);
    expect(bed.fake.count('watch')).toBe(2);
    const before = bed.reflector.stats.lists;
    await bed.clock.advance(101_000);
    expect(bed.fake.wire.requests.filter(({ path }) => path.endsWith('limit=1'))).toHaveLength(1);
    expect(bed.reflector.stats.lists).toBe(before);
    expect(kinds(bed)).toEqual(['live']);
    await bed.reflector.dispose();
  });

  it('[REFL-9] a bookmark of an older version means a new list', async () => {
    const bed = await live(createReflectorBed());
    const line = (type: string, metadata: object): string =>
      `${JSON.stringify({ type, object: { kind: 'Thing', metadata } })}\n`;
    const event = { namespace: 'default', name: 'a', uid: 'uid-1', resourceVersion: '150' };
    bed.fake.write(line('MODIFIED', event) + line('BOOKMARK', { resourceVersion: '90' }));
    await bed.clock.advance(2_000);
    expect(bed.states[1]).toMatchObject({ kind: 'recovering', reason: { kind: 'kubeExpired' } });
    // What came before the bookmark was told all the same.
    expect(said(bed).slice(2)).toEqual(['modified default/a 150', 'modified default/a 101']);
    expect([bed.reflector.stats.lists, bed.reflector.state.kind]).toEqual([2, 'live']);
    await bed.reflector.dispose();
  });

  it('[REFL-21] after an event that is none, or one that is too long, the whole is read again', async () => {
    for (const [line, kind] of [
      ['{"type":"MODIFIED","object":{"metadata":{}}}\n', 'kubeBadAnswer'],
      ['<html>please sign in</html>\n', 'kubeBadAnswer'],
      [new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x0a]), 'kubeBadAnswer'],
      [`{"type":"ADDED","object":"${'x'.repeat(2_000)}"}\n`, 'kubeTooLarge'],
    ] as const) {
      const bed = await live(createReflectorBed({}, { maxLineBytes: 1_000 }));
      bed.fake.put('c');
      bed.fake.write(line);
      await bed.clock.advance(60_000);
      expect(bed.states[1]).toMatchObject({ reason: { kind } });
      expect([bed.reflector.stats.lists, bed.reflector.state.kind]).toEqual([2, 'live']);
      expect(bed.copy).toEqual(bed.fake.truth());
      await bed.reflector.dispose();
    }
  });

  it('[REFL-20] two events with one version are both applied', async () => {
    const bed = await live(createReflectorBed());
    const event = (value: number): string => {
      const metadata = { namespace: 'default', name: 'a', uid: 'uid-1', resourceVersion: '150' };
      return `${JSON.stringify({ type: 'MODIFIED', object: { metadata, spec: { value } } })}\n`;
    };
    bed.fake.write(event(1) + event(2));
    await bed.clock.advance(0);
    expect(said(bed).slice(2)).toEqual(['modified default/a 150', 'modified default/a 150']);
    expect(bed.reflector.get('default/a')?.value).toMatchObject({ spec: { value: 2 } });
    await bed.reflector.dispose();
  });
});

describe('refusals', () => {
  for (const [status, reason, kind] of [
    [401, 'Unauthorized', 'denied'],
    [403, 'Forbidden', 'denied'],
    [404, 'NotFound', 'gone'],
    [400, 'BadRequest', 'failed'],
  ] as const)
    it(`[REFL-10] ${status} is said as ${kind}, with the server's words, and tried again slowly`, async () => {
      const bed = await live(createReflectorBed({ refusedMinMs: 10_000, refusedMaxMs: 300_000 }));
      bed.fake.down = () => answerStatus(status, reason, 'because');
      bed.fake.cutWatches();
      await bed.clock.advance(2_000);
      expect(bed.states.at(-1)).toMatchObject({
        kind,
        reason: { status, message: expect.stringContaining('because') },
      });
      const before = bed.fake.wire.requests.length;
      await bed.clock.advance(600_000);
      expect(bed.fake.wire.requests.length - before).toBeLessThan(16);
      // The store is what was known; the state says that it may be old.
      expect(storeOf(bed.reflector).size).toBe(2);
      bed.fake.down = undefined;
      bed.fake.put('c');
      await bed.clock.advance(300_000);
      expect([bed.reflector.state.kind, bed.copy]).toEqual(['live', bed.fake.truth()]);
      await bed.reflector.dispose();
    });

  it('[REFL-16] too many objects are refused before they are kept, and said', async () => {
    for (const watchList of [true, false]) {
      const bed = createReflectorBed({ maxObjects: 2, watchList });
      for (const name of ['a', 'b', 'c']) bed.fake.put(name);
      bed.reflector.start();
      await bed.clock.advance(1_000);
      expect(bed.states).toMatchObject([{ kind: 'failed', reason: { kind: 'kubeTooLarge' } }]);
      expect([bed.reflector.stats.objects, bed.reflector.loaded]).toEqual([0, false]);
      bed.fake.remove('c');
      await bed.clock.advance(30_000);
      expect(bed.reflector.state.kind).toBe('live');
      // What comes by a watch is told first: a reader never has less than the store.
      bed.fake.put('d', 'x'.repeat(100));
      await bed.clock.advance(0);
      expect([bed.reflector.state.kind, bed.copy]).toEqual(['failed', bed.fake.truth()]);
      await bed.reflector.dispose();
    }
  });

  it('[REFL-16] the same for bytes', async () => {
    for (const watchList of [true, false]) {
      const bed = createReflectorBed({ maxBytes: 1_000, watchList });
      bed.fake.put('a', 'x'.repeat(1_000));
      bed.reflector.start();
      await bed.clock.advance(1_000);
      expect(bed.states).toMatchObject([
        { kind: 'failed', reason: { message: expect.stringContaining('maxBytes') } },
      ]);
      await bed.reflector.dispose();
    }
  });
});

describe('waiting', () => {
  it('[REFL-11] waits grow to the cap, each drawn from the whole range, and Retry-After is the least', async () => {
    const bed = createReflectorBed({ retryMinMs: 250, retryMaxMs: 30_000 });
    bed.fake.down = refuseConnection;
    bed.reflector.start();
    await bed.clock.advance(600_000);
    const waits = bed.logger.lines.map(({ fields }) => fields['waitMs'] as number);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(waits[0]).toBeLessThanOrEqual(500);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(250);
    const late = waits.slice(10);
    expect(late.length).toBeGreaterThan(10);
    expect(Math.max(...late) - Math.min(...late)).toBeGreaterThan(10_000);
    bed.fake.down = () => answerStatus(429, 'TooManyRequests', '', { 'retry-after': '25' });
    await bed.clock.advance(120_000);
    const asked = bed.logger.lines.filter(({ fields }) => fields['kind'] === 'kubeThrottled');
    expect(asked.length).toBeGreaterThan(2);
    expect(Math.min(...asked.map(({ fields }) => fields['waitMs'] as number))).toBeGreaterThanOrEqual(25_000);
    await bed.reflector.dispose();
  });

  it('[REFL-11] a watch that lived long makes the next failure the first again', async () => {
    const bed = await live(createReflectorBed());
    const wait = async (): Promise<number> => {
      bed.fake.cutWatches();
      await bed.clock.advance(0);
      const waitMs = bed.logger.lines.at(-1)?.fields['waitMs'];
      await bed.clock.advance(30_000);
      return waitMs as number;
    };
    for (let round = 0; round < 10; round++) expect(await wait()).toBeLessThanOrEqual(500);
    await bed.reflector.dispose();
  });

  it('[REFL-12] lists of one cluster wait for their slots, and so does the reflector that is disposed of while it waits', async () => {
    const bed = createReflectorBed({ watchList: false }, { maxConcurrentLists: 1 });
    let free: () => void = () => undefined;
    const taken = bed.cluster.listSlots.run(() => new Promise<void>((resolve) => (free = resolve)));
    bed.reflector.start();
    await bed.clock.advance(60_000);
    expect([bed.fake.wire.requests.length, bed.reflector.state.kind, bed.cluster.listSlots.waiting]).toEqual([
      0,
      'loading',
      1,
    ]);
    free();
    await taken;
    await bed.clock.advance(0);
    expect(bed.reflector.state.kind).toBe('live');
    await bed.reflector.dispose();
  });

  it('[REFL-12] a slow reader of the first list keeps no slot', async () => {
    const bed = createReflectorBed({}, { maxConcurrentLists: 1 });
    bed.fake.put('a');
    bed.onBatch = () => new Promise(() => undefined);
    bed.reflector.start();
    await bed.clock.advance(0);
    let ran = false;
    await bed.cluster.listSlots.run(async () => void (ran = true));
    expect([ran, bed.changes.length]).toEqual([true, 1]);
    await bed.reflector.dispose();
  });
});

describe('the reader', () => {
  it('[REFL-13] nothing is read from the server until the reader has taken the batch', async () => {
    const bed = await live(createReflectorBed());
    let take: () => void = () => undefined;
    bed.onBatch = () => new Promise<void>((resolve) => (take = resolve));
    bed.fake.put('c');
    await bed.clock.advance(0);
    bed.fake.put('d');
    bed.fake.put('e');
    await bed.clock.advance(0);
    expect(said(bed).slice(2)).toEqual(['added default/c 103']);
    // What the reader takes its time for is not silence of the server.
    await bed.clock.advance(500_000);
    take();
    await bed.clock.advance(0);
    expect(said(bed).slice(2)).toEqual(['added default/c 103', 'added default/d 104']);
    expect(kinds(bed)).toEqual(['live']);
    await bed.reflector.dispose();
  });

  it('[REFL-13] a reader that fails ends the reflector, and the state says so', async () => {
    const bed = await live(createReflectorBed());
    bed.onBatch = () => {
      throw new Error('full');
    };
    bed.fake.put('c');
    await bed.clock.advance(600_000);
    expect(bed.reflector.state).toMatchObject({ kind: 'failed', reason: { kind: 'kubeBadAnswer' } });
    expect([bed.fake.watches, bed.fake.count('watch'), bed.clock.pending]).toEqual([0, 1, 0]);
    expect(bed.logger.lines.at(-1)).toMatchObject({
      level: 'error',
      fields: { cause: 'Error: the sink failed' },
    });
    await bed.reflector.dispose();
  });

  it('[REFL-22] a state is told once, whatever is tried meanwhile', async () => {
    const bed = await live(createReflectorBed());
    bed.fake.down = refuseConnection;
    bed.fake.cutWatches();
    await bed.clock.advance(300_000);
    expect(bed.states.map((state) => ('reason' in state ? state.reason.kind : state.kind))).toEqual([
      'live',
      'kubeConnectionLost',
      'kubeUnreachable',
    ]);
    expect(new Set(bed.states.slice(1).map((state) => 'sinceMs' in state && state.sinceMs)).size).toBe(1);
    expect(bed.reflector.stats.failures).toBeGreaterThan(5);
    await bed.reflector.dispose();
  });

  it('[REFL-14] dispose ends it in every state, closes the watch, leaves no timer and tells nothing more', async () => {
    const situations: ((bed: ReflectorBed) => void | Promise<void>)[] = [
      () => undefined,
      (bed) => void bed.reflector.start(),
      (bed) => void (bed.fake.spoiled.push(hang), bed.reflector.start()),
      async (bed) => void (await live(bed)),
      async (bed) => {
        await live(bed);
        bed.fake.down = refuseConnection;
        bed.fake.cutWatches();
        await bed.clock.advance(10_000);
      },
      async (bed) => {
        await live(bed);
        bed.fake.spoiled.push(hang);
        bed.fake.endWatches();
        await bed.clock.advance(10);
      },
      async (bed) => {
        await live(bed);
        bed.onBatch = () => new Promise(() => undefined);
        bed.fake.put('c');
        await bed.clock.advance(0);
      },
    ];
    for (const arrange of situations) {
      const bed = createReflectorBed();
      await arrange(bed);
      const before = [bed.states.length, bed.changes.length];
      await bed.reflector.dispose();
      await bed.reflector.dispose();
      bed.fake.put('late');
      await bed.clock.advance(600_000);
      expect([bed.states.length, bed.changes.length]).toEqual(before);
      expect([bed.fake.watches, bed.clock.pending]).toEqual([0, 0]);
    }
  });

  it('[REFL-17] options out of range are refused by name', () => {
    expect(() => createReflectorBed({ maxObjects: 0 })).toThrow('maxObjects');
    expect(() => createReflectorBed({ watchTimeoutMs: 10 })).toThrow('watchTimeoutMs');
    expect(() => createReflectorBed({ graceMs: Number.NaN })).toThrow('graceMs');
  });
});

describe('a server that has just been started', () => {
  const refuse = () => answerStatus(403, 'Forbidden', 'the roles are not read yet');
  const back = async (refusedMs: number): Promise<ReflectorBed> => {
    const bed = await live(createReflectorBed());
    bed.fake.down = refuseConnection;
    bed.fake.cutWatches();
    await bed.clock.advance(1_000);
    bed.fake.down = refuse;
    await bed.clock.advance(refusedMs);
    return bed;
  };

  it('[REFL-10] may refuse everything for a moment: that passes, and is tried again soon', async () => {
    const bed = await back(1_000);
    expect(bed.fake.count('watch')).toBeGreaterThan(2);
    bed.fake.down = undefined;
    await bed.clock.advance(5_000);
    expect(bed.reflector.state).toEqual({ kind: 'live' });
    expect(new Set(kinds(bed))).toEqual(new Set(['live', 'recovering']));
    await bed.reflector.dispose();
  });

  it('[REFL-10] and is believed where it goes on, or was there all the time', async () => {
    const bed = await back(30_000);
    expect(bed.reflector.state).toMatchObject({ kind: 'denied', reason: { kind: 'kubeForbidden' } });
    await bed.reflector.dispose();
    const other = await live(createReflectorBed());
    other.fake.down = refuse;
    other.fake.endWatches();
    await other.clock.advance(500);
    expect(other.reflector.state).toMatchObject({ kind: 'denied' });
    await other.reflector.dispose();
  });
});
