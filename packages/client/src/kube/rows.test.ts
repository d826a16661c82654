import { describe, expect, it } from 'vitest';
import { Rows, type Holder } from './rows.js';

interface Thing {
  readonly n: number;
}

function holder(cluster: string, values: Record<string, unknown> = {}): Holder {
  return { cluster, valueOf: (key) => values[key] };
}
const a = holder('a');

function numbers(): { rows: Rows<Thing>; made: string[]; errors: unknown[] } {
  const made: string[] = [];
  const errors: unknown[] = [];
  const rows = new Rows<Thing>(
    (value, cluster, key) => {
      made.push(`${cluster}/${key}`);
      if ((value as Thing).n < 0) throw new Error('negative');
      return { n: (value as Thing).n * 10 };
    },
    (error) => void errors.push(error),
  );
  return { rows, made, errors };
}

describe('rows', () => {
  it('[KSDK-1] a changed row is replaced in its place, and the others are the same objects in the same array positions', () => {
    const { rows } = numbers();
    for (const [key, n] of [
      ['x', 1],
      ['y', 2],
      ['z', 3],
    ] as const)
      rows.put(a, key, { n });
    const before = rows.picture().all();
    rows.put(a, 'y', { n: 5 });
    const after = rows.picture().all();
    expect(before.map(({ n }) => n)).toEqual([10, 20, 30]);
    expect(after.map(({ n }) => n)).toEqual([10, 50, 30]);
    expect([after[0] === before[0], after[2] === before[2]]).toEqual([true, true]);
    expect(rows.picture().all()).toBe(after);
  });

  it('[KSDK-2] a row is made once for each value, and not for one that is the same object', () => {
    const { rows, made } = numbers();
    const value = { n: 1 };
    rows.put(a, 'x', value);
    rows.put(a, 'x', value);
    expect(made).toEqual(['a/x']);
    rows.put(a, 'x', { n: 1 });
    expect(made).toEqual(['a/x', 'a/x']);
  });

  it('[KSDK-1] rows that go leave the order of the others; one that comes again is the last', () => {
    const { rows } = numbers();
    for (let n = 0; n < 5; n++) rows.put(a, `k${n}`, { n });
    rows.drop(a, 'k1');
    rows.drop(a, 'k3');
    rows.put(a, 'k1', { n: 9 });
    expect(
      rows
        .picture()
        .all()
        .map(({ n }) => n),
    ).toEqual([0, 20, 40, 90]);
    expect(rows.size).toBe(4);
    rows.put(a, 'k4', { n: 7 });
    expect(
      rows
        .picture()
        .all()
        .map(({ n }) => n),
    ).toEqual([0, 20, 70, 90]);
  });

  it('[KSDK-1] rows that come and go while nobody looks do not pile up', () => {
    const { rows } = numbers();
    rows.put(a, 'stays', { n: 1 });
    for (let turn = 0; turn < 10_000; turn++) {
      rows.put(a, `k${turn}`, { n: 2 });
      rows.drop(a, `k${turn}`);
    }
    expect(rows.size).toBe(1);
    expect(rows.picture().all()).toEqual([{ n: 10 }]);
  });

  it('[KSDK-5] a row that two lists hold is there until both let go, and shows what the one that is left says', () => {
    const { rows, made } = numbers();
    const left = holder('c', { x: { n: 1 } });
    const right = holder('c', { x: { n: 1 } });
    rows.put(left, 'x', { n: 1 });
    const [row] = rows.picture().all();
    // An equal value of another list is the same version.
    expect(rows.put(right, 'x', { n: 1 })).toBe(true);
    expect(rows.picture().all()[0]).toBe(row);
    expect(made).toHaveLength(1);
    rows.put(right, 'x', { n: 2 });
    expect(rows.picture().all()).toEqual([{ n: 20 }]);
    expect(rows.drop(right, 'x')).toBe(true);
    expect(rows.picture().all()).toEqual([{ n: 10 }]);
    expect(rows.drop(right, 'x')).toBe(false);
    expect(rows.drop(left, 'x')).toBe(true);
    expect(rows.picture().all()).toEqual([]);
  });

  it('[KSDK-5] keys of different clusters are different rows', () => {
    const { rows } = numbers();
    rows.put(a, 'x', { n: 1 });
    rows.put(holder('b'), 'x', { n: 2 });
    expect(
      rows
        .picture()
        .all()
        .map(({ n }) => n),
    ).toEqual([10, 20]);
    rows.drop(a, 'x');
    expect(
      rows
        .picture()
        .all()
        .map(({ n }) => n),
    ).toEqual([20]);
  });

  it('[KSDK-2] a version of which no row can be made is reported and left out, until there is another one', () => {
    const { rows, errors } = numbers();
    rows.put(a, 'x', { n: 1 });
    rows.put(a, 'y', { n: 2 });
    rows.put(a, 'x', { n: -1 });
    expect(
      rows
        .picture()
        .all()
        .map(({ n }) => n),
    ).toEqual([20]);
    expect(errors).toHaveLength(1);
    rows.put(a, 'x', { n: 3 });
    expect(
      rows
        .picture()
        .all()
        .map(({ n }) => n),
    ).toEqual([20, 30]);
    rows.drop(a, 'x');
    expect(rows.size).toBe(1);
  });
});
