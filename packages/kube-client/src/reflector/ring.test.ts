import { describe, expect, it } from 'vitest';
import { KubeObject } from '../wire/object.js';
import { ChangeRing } from './ring.js';
import type { Change } from './types.js';

function change(sequence: number, version: string, bytes = 10): Change {
  const found = {
    start: 0,
    end: 0,
    kind: '',
    apiVersion: '',
    namespace: '',
    name: `o${sequence}`,
    uid: 'u',
    version,
  };
  const object = new KubeObject({ ...found, cuts: [], unusual: false }, new Uint8Array(bytes));
  return { kind: 'modified', key: object.key, object, version, sequence };
}

function ringOf(versions: readonly string[], bounds = { maxChanges: 100, maxBytes: 10_000 }): ChangeRing {
  const ring = new ChangeRing(bounds);
  ring.gap('100');
  for (const [index, version] of versions.entries()) ring.push([change(index + 1, version)]);
  return ring;
}

const numbers = (changes: readonly Change[] | undefined): readonly number[] | undefined =>
  changes?.map(({ sequence }) => sequence);

describe('the ring of changes', () => {
  it('[REFL-18] gives what came after a version that was seen, or lies between two', () => {
    const ring = ringOf(['101', '105', '110']);
    expect(numbers(ring.since('100'))).toEqual([1, 2, 3]);
    expect(numbers(ring.since('101'))).toEqual([2, 3]);
    expect(numbers(ring.since('104'))).toEqual([2, 3]);
    expect(numbers(ring.since('110'))).toEqual([]);
    expect(numbers(ring.since('999'))).toEqual([]);
    expect(numbers(ring.since('99'))).toBeUndefined();
    expect(numbers(ring.since(''))).toBeUndefined();
    ring.mark('120');
    expect(numbers(ring.since('120'))).toEqual([]);
  });

  it('[REFL-18] understands versions that are no numbers when they were seen, and no others', () => {
    const ring = new ChangeRing({ maxChanges: 10, maxBytes: 1_000 });
    ring.gap('v-a');
    ring.push([change(1, 'v-c'), change(2, 'v-b')]);
    expect(numbers(ring.since('v-a'))).toEqual([1, 2]);
    expect(numbers(ring.since('v-c'))).toEqual([2]);
    expect(numbers(ring.since('v-b'))).toEqual([]);
    expect(numbers(ring.since('v-bb'))).toBeUndefined();
    expect(numbers(ring.since('101'))).toBeUndefined();
  });

  it('[REFL-18] of two changes with one version the second is given again', () => {
    const ring = ringOf(['101', '105', '105', '106'], { maxChanges: 3, maxBytes: 1_000 });
    expect(numbers(ring.since('105'))).toEqual([3, 4]);
    ring.push([change(5, '107')]);
    // The first of the two is forgotten now; the second must not be taken for it.
    expect(numbers(ring.since('105'))).toEqual([3, 4, 5]);
  });

  it('[REFL-19] versions do not reach over a gap, numbers do', () => {
    const ring = ringOf(['101', '102']);
    ring.push([change(3, '110'), change(4, '120')]);
    ring.gap('120');
    ring.push([change(5, '121')]);
    for (const version of ['100', '101', '102', '105', '110', '115'])
      expect(ring.since(version)).toBeUndefined();
    expect(numbers(ring.since('120'))).toEqual([5]);
    expect(numbers(ring.after(1))).toEqual([2, 3, 4, 5]);
  });

  it('[REFL-17] keeps at most so many changes and bytes, and says when something asked for is gone', () => {
    const ring = ringOf(
      Array.from({ length: 1_000 }, (_, index) => String(101 + index)),
      { maxChanges: 50, maxBytes: 10_000 },
    );
    expect([ring.size, ring.bytes, ring.sequence]).toEqual([50, 500, 1_000]);
    expect(numbers(ring.after(950))).toHaveLength(50);
    expect(ring.after(949)).toBeUndefined();
    expect(ring.after(1_001)).toBeUndefined();
    expect(numbers(ring.after(1_000))).toEqual([]);
    expect(numbers(ring.since('1050'))).toHaveLength(50);
    expect(ring.since('1049')).toBeUndefined();
    ring.push([change(1_001, '1101', 9_900)]);
    expect([ring.size, ring.bytes]).toEqual([11, 10_000]);
    ring.push([change(1_002, '1102', 20_000)]);
    expect([ring.size, ring.bytes]).toEqual([0, 0]);
    expect(numbers(ring.since('1102'))).toEqual([]);
    expect(ring.since('1101')).toBeUndefined();
  });

  it('[REFL-17] with no room it answers for the newest only', () => {
    const ring = ringOf(['101', '102'], { maxChanges: 0, maxBytes: 0 });
    expect([
      ring.size,
      numbers(ring.since('102')),
      ring.since('101'),
      numbers(ring.after(2)),
      ring.after(1),
    ]).toEqual([0, [], undefined, [], undefined]);
  });
});
