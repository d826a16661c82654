import { createSeededRandom, randomInt } from '@trunkline/base';
import { describe, expect, it } from 'vitest';
import { KubeObject } from '../wire/object.js';
import { DIFFERENCE_SLICE, differenceTo, type Difference } from './difference.js';
import { sortInSlices } from './sorting.js';

const COUNT = 5 * DIFFERENCE_SLICE;

function object(name: string, version: string, uid = `u-${name}`): KubeObject {
  const found = { start: 0, end: 0, kind: '', apiVersion: '', namespace: '', name, uid, version };
  return new KubeObject({ ...found, cuts: [], unusual: false }, new Uint8Array(10));
}

/** Runs to the end; `onPause` is called at each pause. */
function drain<T>(work: Generator<undefined, T>, onPause: () => void = () => undefined): T {
  for (let part = work.next(); ; part = work.next()) {
    if (part.done === true) return part.value;
    onPause();
  }
}

const mapOf = (objects: readonly KubeObject[]): Map<string, KubeObject> =>
  new Map(objects.map((one) => [one.key, one]));
const told = ({ changes }: Difference): string[] =>
  changes.map(({ kind, key, version, sequence }) => `${sequence} ${kind} ${key} ${version}`);

describe('the difference to a list', () => {
  it('[REFL-23] looks at a slice of the list between two pauses, and leaves what is kept as it is', () => {
    let drawn = 0;
    function* listed(): Generator<KubeObject> {
      for (let index = 0; index < COUNT; index++) {
        drawn++;
        yield object(`o${index}`, String(((index * 7_919) % COUNT) + 1));
      }
    }
    const before = mapOf([object('gone', '1'), object('o1', '1')]);
    const slices: number[] = [];
    let pauses = 0;
    const { objects, bytes, changes } = drain(differenceTo(before, listed(), '77777', 5), () => {
      pauses++;
      if (drawn > 0) slices.push(drawn);
      drawn = 0;
    });
    expect(slices).toEqual(Array.from({ length: 5 }, () => DIFFERENCE_SLICE));
    // Sorted in as many, merged, and made into changes.
    expect(pauses).toBeGreaterThanOrEqual(3 * 5);
    expect([objects.size, bytes, changes.length]).toEqual([COUNT, COUNT * 10, COUNT + 1]);
    expect([...before.keys()]).toEqual(['gone', 'o1']);
    const versions = changes.slice(0, -1).map(({ version }) => Number(version));
    expect(versions).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1));
    expect(changes.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: COUNT + 1 }, (_, index) => index + 6),
    );
    expect(changes.at(-1)).toMatchObject({ kind: 'deleted', key: 'gone', version: '77777' });
  });

  it('[REFL-23] pauses as often where nothing changed, and where all is gone', () => {
    const all = Array.from({ length: COUNT }, (_, index) => object(`o${index}`, '5'));
    const before = mapOf(all);
    let pauses = 0;
    const again = all.map(({ name, version }) => object(name, version));
    const same = drain(differenceTo(before, again, '9', 0), () => pauses++);
    expect([same.changes, pauses]).toEqual([[], 10]);
    expect([...same.objects.values()].every((one, index) => one === all[index])).toBe(true);
    pauses = 0;
    const gone = drain(differenceTo(before, [], '9', 0), () => pauses++);
    expect([gone.changes.length, gone.objects.size, gone.bytes, pauses]).toEqual([COUNT, 0, 0, 5]);
  });

  it('[REFL-6] [REFL-7] ascends by version; one recreated goes first and comes anew; the missing go last', () => {
    const before = mapOf([object('a', '3'), object('b', '4'), object('c', '5'), object('d', '6')]);
    const list = [object('e', '100'), object('b', '12', 'other'), object('a', '3'), object('c', '9')];
    expect(told(drain(differenceTo(before, list, '120', 10)))).toEqual([
      '11 modified c 9',
      '12 deleted b 12',
      '13 added b 12',
      '14 added e 100',
      '15 deleted d 120',
    ]);
  });

  it('[REFL-6] versions that are no numbers stay in the order of the list, large ones lose nothing', () => {
    const list = ['9007199254740993', 'x', '9007199254740992', '12'].map((version) =>
      object(`o${version}`, version),
    );
    const texts = drain(differenceTo(new Map(), list.slice(1, 2).concat(object('y', 'a')), '1', 0));
    expect(texts.changes.map(({ version }) => version)).toEqual(['x', 'a']);
    const large = drain(differenceTo(new Map(), [list[0], list[2], list[3]] as KubeObject[], '1', 0));
    expect(large.changes.map(({ version }) => version)).toEqual([
      '12',
      '9007199254740992',
      '9007199254740993',
    ]);
  });
});

describe('sorting in slices', () => {
  it('[REFL-23] sorts as arrays do, equal ones in their order, with bounded work between two pauses', () => {
    const random = createSeededRandom(7);
    for (const length of [0, 1, 63, 64, 65, 1_000, 4_097]) {
      const items = Array.from({ length }, (_, index) => ({ at: randomInt(random, 200), index }));
      let [compared, most] = [0, 0];
      const compare = (left: { at: number }, right: { at: number }): number => {
        compared++;
        return left.at - right.at;
      };
      const sorted = drain(sortInSlices(items, compare, 64), () => {
        most = Math.max(most, compared);
        compared = 0;
      });
      expect(sorted).toEqual([...items].sort((left, right) => left.at - right.at));
      // 64 items take 64 * 6 comparisons at most, and some to look for runs; merging takes one for each item.
      expect(Math.max(most, compared)).toBeLessThanOrEqual(600);
    }
  });
});
